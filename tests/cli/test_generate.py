"""``dnatag generate``, from pieces to a trained model to a new piece."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import dnatag
from dnatag.cli import main
from dnatag.formats.midi import midi_of, read_midi, roll_of
from dnatag.models.file import load_model, read_metadata, save_model
from dnatag.models.names import find_model

pytest.importorskip("mido")
pytestmark = pytest.mark.slow

RECIPE = """
domain = "music"

[[corpus]]
train = "train.npz"
validate = "validate.npz"
test = "test.mid"

[network]
steps = 1
transpose = 3
notes = 8
hidden = 24
dropout = 0.0

[training]
epochs = 30
batch = 400
stretch = 12
learning_rate = 0.02
"""


def run(*words: object) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


def piece(rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Return thirds that go up or down by a step, one after the other."""
    note, way, chords = int(rng.integers(50, 70)), int(rng.choice([-1, 1])), []
    for _ in range(int(rng.integers(10, 30))):
        chords.append((note, note + 4))
        note += way
    return chords


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("music"), np.random.default_rng(1)
    for name, number in (("train", 40), ("validate", 8)):
        np.savez(folder / f"{name}.npz", **{f"p{i}": roll_of(piece(rng)) for i in range(number)})
    (folder / "test.mid").write_bytes(midi_of(piece(rng), 1, 80))
    (folder / "start.mid").write_bytes(midi_of([(60, 64), (61, 65), (62, 66)], 1, 80))
    (folder / "r.toml").write_text(RECIPE)
    done = run("train", folder / "r.toml", "--device", "cpu", "--threads", 1, "-o",
               folder / "m.dnatag")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "dnatag: 40 pieces of " in done.stderr
    assert "m.dnatag: test: step_nats " in done.stderr
    return folder


def test_training(folder: Path) -> None:
    scores = read_metadata(folder / "m.dnatag")["scores"]
    # A step has two notes of 88: to know the rule leaves little open.
    assert scores["test"]["step_nats"] < 1.5
    assert scores["test"]["note_nats"] == pytest.approx(scores["test"]["step_nats"] / 2, rel=1e-3)
    assert (
        "apply it with 'dnatag generate --model"
        in run("models", "show", folder / "m.dnatag").stdout
    )


def test_pieces(folder: Path, tmp_path: Path) -> None:
    one, two, other = (tmp_path / name for name in ("one.mid", "two.mid", "other.mid"))
    for path, seed in ((one, 7), (two, 7), (other, 8)):
        done = run("generate", "--model", folder / "m.dnatag", "--seed", seed, "--steps", 16,
                   "--picture", tmp_path / "roll.png", "-o", path)  # fmt: skip
        assert done.exit_code == 0, done.stderr
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()
    assert (tmp_path / "roll.png").read_bytes().startswith(b"\x89PNG")
    (found,) = read_midi(one, 1)
    assert 0 < len(found.chords) <= 16
    done = run(
        "generate", "--model", folder / "m.dnatag", "--number", 2, "-o", tmp_path / "new.mid"
    )
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "new-1.mid").read_bytes() != (tmp_path / "new-2.mid").read_bytes()


def test_a_beginning(folder: Path, tmp_path: Path) -> None:
    done = run("generate", "--model", folder / "m.dnatag", "--primer", folder / "start.mid",
               "--steps", 6, "--temperature", 0.05, "--seed", 1,
               "-o", tmp_path / "a.mid")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    (found,) = read_midi(tmp_path / "a.mid", 1)
    assert found.chords[:5] == ((60, 64), (61, 65), (62, 66), (63, 67), (64, 68))
    piped = subprocess.run(
        [sys.executable, "-m", "dnatag", "generate", "--model", str(folder / "m.dnatag"),
         "--primer", "-", "--steps", "6", "--temperature", "0.05", "--seed", "1", "-o", "-"],
        input=(folder / "start.mid").read_bytes(), capture_output=True, check=True,
    )  # fmt: skip
    assert piped.stdout == (tmp_path / "a.mid").read_bytes()


def test_pieces_in_which_nothing_sounds(folder: Path, tmp_path: Path) -> None:
    """Nats per note are not defined there: JSON has null, and a model no such score."""
    np.save(tmp_path / "silent.npy", np.zeros((4, 88)))
    np.save(tmp_path / "train.npy", np.eye(88)[[40, 41, 42]])
    done = run("evaluate", tmp_path / "silent.npy", folder / "m.dnatag", "--json", "-")
    assert done.exit_code == 0, done.stderr
    (scores,) = json.loads(done.stdout)["predictions"].values()
    assert scores["note_nats"] is None
    recipe = RECIPE.replace("train.npz", "train.npy").replace("test.mid", "train.npy")
    recipe = recipe.replace("validate.npz", "silent.npy")
    (tmp_path / "r.toml").write_text(recipe)
    done = run("train", tmp_path / "r.toml", "--device", "cpu", "-o", tmp_path / "x.dnatag")
    assert done.exit_code == 0, done.stderr
    assert read_metadata(tmp_path / "x.dnatag")["scores"]["validate"].keys() == {"step_nats"}


def test_likelihoods_are_exact(folder: Path) -> None:
    """The probabilities of all chords of few notes add up to nearly one."""
    generator = dnatag.load(folder / "m.dnatag", device="cpu")
    keys = range(55, 75)
    chords = [
        (),
        *((a,) for a in range(21, 109)),
        *((a, b) for a, b in product(keys, keys) if a < b),
    ]
    start = [(60, 64), (61, 65)]
    before = generator.likelihood([start]).nats
    total = sum(math.exp(before - generator.likelihood([[*start, chord]]).nats) for chord in chords)
    assert 0.9 < total < 1 + 1e-6


def test_the_next_row_is_as_in_the_whole(folder: Path) -> None:
    """Drawing goes step by step, and agrees with the likelihood of the whole piece."""
    generator = dnatag.load(folder / "m.dnatag", device="cpu")
    logs = []
    run_ = generator._run

    def spy(rows: object, state: object) -> object:
        found = run_(rows, state)
        logs.append(found[0])
        return found

    generator._run = spy
    steps = generator.generate(5, seed=3, primer=[(60, 64)])
    generator._run = run_
    encoded = generator.model.writer.encode(steps)
    whole, _ = run_(encoded, None)
    np.testing.assert_allclose(np.concatenate(logs), whole, atol=1e-4)


def test_evaluation(folder: Path) -> None:
    done = run("evaluate", folder / "test.mid", folder / "m.dnatag", "--json", "-")
    assert done.exit_code == 0, done.stderr
    scores = json.loads(done.stdout)["predictions"]["m"]
    expected = read_metadata(folder / "m.dnatag")["scores"]["test"]
    assert scores == pytest.approx(expected, abs=1e-4)
    table = run("evaluate", folder / "test.mid", folder / "m.dnatag").stdout
    assert f"nats per step  {expected['step_nats']:.4f}" in table


def test_names_of_several_pieces(tmp_path: Path) -> None:
    done = run("generate", "--model", "chorales", "--number", 2, "--steps", 2, "-q", "-o",
               tmp_path / "x.mid.gz")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x-1.mid.gz", "x-2.mid.gz"]


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.mid"])
def test_pieces_are_recognised(tmp_path: Path, name: str) -> None:
    roll = roll_of([(60, 64), (61, 65)])
    np.save(tmp_path / "a.npy", roll)
    np.savez(tmp_path / "a.npz", a=roll)
    (tmp_path / "a.mid").write_bytes(midi_of([(60, 64), (61, 65)], 1, 80))
    done = run("evaluate", tmp_path / name, "chorales")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(f"reference: {name}, 2 steps, 4 notes")


def test_models_of_different_steps(tmp_path: Path) -> None:
    """What is a step to one is two to the other."""
    arrays, about = load_model(find_model("chorales"))
    (steps,) = (name for name in arrays if name.endswith("steps"))
    finer = tmp_path / "finer.dnatag"
    save_model(finer, arrays | {steps: 2 * arrays[steps]}, about)
    (tmp_path / "a.mid").write_bytes(midi_of([(60, 64), (61, 65)], 1, 80))
    done = run("evaluate", tmp_path / "a.mid", "chorales", "chorales")
    assert done.exit_code == 0, done.stderr
    done = run("evaluate", tmp_path / "a.mid", "chorales", finer)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "finer has 4 steps of these pieces, chorales 2; evaluate models" in done.stderr


def test_refusals(folder: Path, tmp_path: Path) -> None:
    model, out = folder / "m.dnatag", tmp_path / "a.mid"
    for words, message in (
        (("--model", "topology", "-o", out), "apply it with 'dnatag tag --model topology'"),
        (("--model", model, "--primer", folder / "r.toml", "-o", out), "wanted is music: MIDI, or"),
        (("--model", model, "--primer", folder / "train.npz", "-o", out), "npz: has 40 pieces;"),
        (("--model", model, "--primer", folder / "start.mid", "--steps", 3, "-o", out),
         "start.mid: has 3 steps, and the piece 3; ask for more --steps"),
        (("--model", model, "--number", 2, "-o", "-"), "standard output takes one"),
        (("--model", model, "--picture", "a.bmp", "-o", out), "picture must end in .png"),
        (("--model", model, "-o", "a.wav"), "a.wav: what is written is MIDI: the name must end in"),
    ):  # fmt: skip
        done = run("generate", *words)
        assert (done.exit_code, done.stdout) == (2, "")
        assert message in done.stderr
    assert not out.exists()
    arrays, about = load_model(model)
    save_model(tmp_path / "bad.dnatag", dict(list(arrays.items())[1:]), about)
    done = run("generate", "--model", tmp_path / "bad.dnatag", "-o", out)
    assert done.exit_code == 2
    assert "bad.dnatag does not hold a whole model" in done.stderr


def test_a_missing_library(folder: Path) -> None:
    code = "import sys; sys.modules['mido'] = None\nfrom dnatag.cli import main; main(sys.argv[1:])"
    words = ("generate", "--model", str(folder / "m.dnatag"), "-o", "-", "-q")
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        "dnatag: error: a MIDI file needs mido, which is not installed; get it with: "
        "pip install 'dnatag[music]'\n"
    )

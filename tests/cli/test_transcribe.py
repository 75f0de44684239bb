"""``dnatag transcribe``, from recordings to a trained model to texts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import dnatag
from dnatag.cli import main
from dnatag.errors import InputError
from dnatag.models.file import load_model, read_metadata, save_model

soundfile = pytest.importorskip("soundfile")
pytestmark = pytest.mark.slow

RATE = 8000
#: Each letter is a tone, and each word some letters.
TONES = {"a": 500, "b": 1100, "c": 2300}
WORDS = ("ab", "ca", "bcb", "a")
RECIPE = """
domain = "speech"

[[corpus]]
train = "train.json"
validate = "validate.json"
test = "validate.json"

[network]
rate = 8000
mels = 16
hidden = 24
layers = 1
masks = 1
dropout = 0.1

[training]
epochs = 25
batch = 20
learning_rate = 0.01
order = 3
beam = 4
"""


def run(*words: object) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


def say(text: str, rng: np.random.Generator) -> np.ndarray:
    """Return the sound of a text, some noise with it."""
    parts = [np.zeros(RATE // 10)]
    for letter in text:
        length = int(RATE * rng.uniform(0.1, 0.16))
        wave = np.sin(2 * np.pi * TONES.get(letter, 0) * np.arange(length) / RATE)
        parts += [0.3 * wave * np.hanning(length), np.zeros(RATE // 50)]
    sound = np.concatenate([*parts, np.zeros(RATE // 10)])
    return (sound + rng.normal(0, 0.003, len(sound))).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("speech"), np.random.default_rng(1)
    (folder / "audio").mkdir()
    for name, number in (("train", 60), ("validate", 12)):
        lines = []
        for i in range(number):
            text = " ".join(rng.choice(WORDS, rng.integers(1, 5)))
            file = f"audio/{name}{i:02}.wav"
            sound = say(text, rng)
            soundfile.write(folder / file, sound, RATE)
            item = {"audio_filepath": file, "duration": len(sound) / RATE, "text": text}
            lines.append(json.dumps(item) + "\n")
        (folder / f"{name}.json").write_text("".join(lines))
    (folder / "r.toml").write_text(RECIPE)
    done = run("train", folder / "r.toml", "--device", "cpu", "--threads", 1, "-o",
               folder / "m.dnatag")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "dnatag: 60 recordings to train on; 12 recordings to validate on" in done.stderr
    return folder


def test_training(folder: Path) -> None:
    about = read_metadata(folder / "m.dnatag")
    assert about["scores"]["test"]["wer"] < 0.1
    assert about["scores"]["test"]["greedy cer"] < 0.2
    assert about["targets"]["alphabet"] == " abc"
    shown = run("models", "show", folder / "m.dnatag").stdout
    assert "apply it with 'dnatag transcribe --model" in shown


def test_a_manifest_and_its_evaluation(folder: Path, tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    done = run("transcribe", "--model", folder / "m.dnatag", folder / "validate.json", "--to",
               "jsonl", "-q", "-o", found)  # fmt: skip
    assert done.exit_code == 0, done.stderr
    items = [json.loads(line) for line in found.read_text().splitlines()]
    assert len(items) == 12
    for item in items:
        assert " ".join(word["word"] for word in item["words"]) == item["pred_text"]
        times = [t for word in item["words"] for t in (word["start"], word["end"])]
        assert times == sorted(times)
        assert 0 < times[0] < times[-1] <= item["duration"]
    done = run("evaluate", folder / "validate.json", found, "--json", "-")
    assert done.exit_code == 0, done.stderr
    scores = json.loads(done.stdout)["predictions"]["found"]
    expected = read_metadata(folder / "m.dnatag")["scores"]["validate"]
    assert scores["wer"] == pytest.approx(expected["wer"], abs=1e-4)
    # A word too many, one too few, and one that is another.
    (tmp_path / "a.txt").write_text("ab ca\na\nab bcb\n")
    (tmp_path / "b.txt").write_text("ab ca a\n\nab ca\n")
    done = run("evaluate", "--domain", "ctc", tmp_path / "a.txt", tmp_path / "b.txt")
    assert done.stdout.splitlines()[3].split() == ["word", "error", "rate", "%", "60.00"]


def test_a_folder_and_standard_input(folder: Path) -> None:
    texts = run("transcribe", "--model", folder / "m.dnatag", folder / "audio", "-q").stdout
    assert len(texts.splitlines()) == 72
    done = run(
        "transcribe", "--model", folder / "m.dnatag", folder / "audio", "-q", "--to", "jsonl"
    )
    name = json.loads(done.stdout.splitlines()[0])["audio_filepath"]
    assert name == str(folder / "audio" / "train00.wav")
    content = (folder / "audio" / "train00.wav").read_bytes()
    done = CliRunner().invoke(
        main, ["transcribe", "--model", str(folder / "m.dnatag"), "-", "-q"], input=content
    )
    assert done.stdout.splitlines() == texts.splitlines()[:1]


def test_odd_recordings(folder: Path, tmp_path: Path) -> None:
    """Silence, noise, another rate, two channels, 0.1 s, a long recording; and too short ones."""
    rng = np.random.default_rng(2)
    sound = say("ab ca", rng)
    soundfile.write(tmp_path / "1.wav", np.zeros(RATE), RATE)
    soundfile.write(tmp_path / "2.wav", rng.normal(0, 0.1, RATE), RATE)
    soundfile.write(tmp_path / "3.wav", np.repeat(sound, 2), 2 * RATE)
    soundfile.write(tmp_path / "4.wav", np.stack([sound, sound], 1), RATE)
    soundfile.write(tmp_path / "5.wav", sound[: RATE // 10], RATE)
    soundfile.write(tmp_path / "6.wav", np.tile(sound, 60), RATE)
    done = run("transcribe", "--model", folder / "m.dnatag", tmp_path, "--threads", 2)
    assert done.exit_code == 0, done.stderr
    assert f"warning: {tmp_path / '1.wav'}: nothing is heard in it\n" in done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 6
    assert lines[0] == ""
    assert lines[3] == lines[2] == "ab ca"
    words = lines[5].split()
    assert len(words) == pytest.approx(120, abs=6)
    soundfile.write(tmp_path / "7.wav", np.zeros(0), RATE)
    done = run("transcribe", "--model", folder / "m.dnatag", tmp_path / "7.wav")
    assert done.exit_code == 2
    assert "7.wav: has no sound at all, 0 seconds" in done.stderr
    soundfile.write(tmp_path / "7.wav", sound[:20], RATE)
    done = run("transcribe", "--model", folder / "m.dnatag", tmp_path / "7.wav")
    assert done.exit_code == 2
    assert "7.wav: only 2.5 ms of sound, too short to hear anything" in done.stderr


def test_noise_is_no_speech(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 5 * 16000)
    soundfile.write(tmp_path / "x.wav", noise, 16000)
    done = run("transcribe", "--model", "letters", tmp_path / "x.wav")
    assert done.exit_code == 0
    assert "x.wav: hardly anything is sure (mean score 0." in done.stderr


def test_what_cannot_be_read_among_others(tmp_path: Path) -> None:
    erase = Path(__file__).parents[2] / "examples" / "erase.opus"
    manifest, out = tmp_path / "m.json", tmp_path / "out.json"
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    files = ("empty.wav", str(erase), "none.wav")
    manifest.write_text("".join(json.dumps({"audio_filepath": f}) + "\n" for f in files))
    done = run("transcribe", "--model", "letters", manifest, "--to", "jsonl", "-o", out)
    assert done.exit_code == 1
    assert "line 1: empty.wav: has no sound at all, 0 seconds" in done.stderr
    assert "line 3: none.wav: cannot read: there is no file" in done.stderr
    assert done.stderr.endswith("left out 2 recordings that cannot be read\n")
    (item,) = map(json.loads, out.read_text().splitlines())
    assert item["audio_filepath"] == str(erase)
    done = run("transcribe", "--model", "letters", manifest)
    # A line is that of a recording, also behind one that cannot be read.
    assert (done.exit_code, done.stdout) == (1, f"\n{item['text']}\n\n")
    out.unlink()
    manifest.write_text('{"audio_filepath": "empty.wav"}\n{"audio_filepath": "none.wav"}\n')
    done = run("transcribe", "--model", "letters", manifest, "-o", out)
    assert done.exit_code == 2
    assert done.stderr.endswith("none of 2 recordings can be read\n")
    assert not out.exists()


def test_from_python(folder: Path, tmp_path: Path) -> None:
    transcriber = dnatag.load(folder / "m.dnatag", device="cpu")
    sound = say("bcb a", np.random.default_rng(3))
    found = transcriber.transcribe(sound)
    assert found.text == "bcb a"
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    assert transcriber.transcribe(tmp_path / "a.wav").text == "bcb a"
    assert found.duration == pytest.approx(len(sound) / RATE, abs=0.02)
    logs = transcriber.log_probabilities(sound)
    np.testing.assert_allclose(np.exp(logs).sum(1), 1)
    greedy = dnatag.load(folder / "m.dnatag", device="cpu", greedy=True)
    assert greedy.transcribe(sound).text.replace(" ", "") == "bcba"
    for given in (None, str(tmp_path / "a.wav")):
        with pytest.raises(InputError, match="transcribe_all takes many sequences, not one"):
            transcriber.transcribe_all(given)


def test_texts_that_are_too_long(folder: Path, tmp_path: Path) -> None:
    """One of 60 symbols and 59 blanks is so, and one of 60 others is not, in about 100 steps."""
    files = sorted((folder / "audio").glob("train*.wav"))
    sound = np.concatenate([soundfile.read(file)[0] for file in files])[: 3 * RATE]
    soundfile.write(tmp_path / "a.wav", sound, RATE)

    def train(*texts: str) -> Result:
        items = [{"audio_filepath": "a.wav", "text": text} for text in texts]
        (tmp_path / "train.json").write_text("".join(json.dumps(item) + "\n" for item in items))
        recipe = RECIPE.replace("epochs = 25", "epochs = 1")
        lines = [line for line in recipe.splitlines() if "validate.json" not in line]
        (tmp_path / "r.toml").write_text("\n".join(lines))
        words = ("--device", "cpu", "--threads", 1, "-o", tmp_path / "m.dnatag")
        return run("train", tmp_path / "r.toml", *words)

    done = train("ab" * 30, "a" * 60, "abc" * 300)
    assert done.exit_code == 0, done.stderr
    assert (
        f"warning: {tmp_path / 'train.json'}: line 2: a.wav: its text of 60 characters takes 119 "
        "steps of the network, and there are 100; left out: 2 recordings whose texts are too long"
    ) in done.stderr
    left_out = "3 recordings to train on; 2 recordings of those to train on left out"
    assert left_out in done.stderr
    assert left_out in str(read_metadata(tmp_path / "m.dnatag")["card"])
    done = train("ab", "", " ")
    assert "warning: left out: 2 recordings to train on whose texts are empty" in done.stderr
    done = train("a" * 60, "abc" * 300)
    assert done.exit_code == 2
    assert "so it is with all recordings to train on" in done.stderr


def test_without_torch(folder: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\nfrom dnatag.cli import main; main(sys.argv[1:])"
    )
    words = ("transcribe", "--model", str(folder / "m.dnatag"), str(folder / "validate.json"), "-q")
    done = subprocess.run([sys.executable, "-c", code, *words], text=True, capture_output=True,
                          check=True)  # fmt: skip
    assert done.stdout == run(*words).stdout


def test_what_measures_is_missed_before_training(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jiwer", None)
    done = run("train", folder / "r.toml", "-o", tmp_path / "m.dnatag")
    assert done.exit_code == 1
    assert done.stderr.endswith("get it with: pip install 'dnatag[speech]'\n")
    assert not list(tmp_path.iterdir())


def test_a_missing_library(folder: Path) -> None:
    code = "import sys; sys.modules['soundfile'] = None\n"
    code += "from dnatag.cli import main; main(sys.argv[1:])"
    words = ("transcribe", "--model", str(folder / "m.dnatag"), str(folder / "validate.json"), "-q")
    done = subprocess.run([sys.executable, "-c", code, *words], text=True, capture_output=True,
                          check=False)  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "dnatag: error: audio needs soundfile, which is not installed; get it with: pip install "
        "'dnatag[speech]'\n"
    )


def test_refusals(folder: Path, tmp_path: Path) -> None:
    text = tmp_path / "x.txt"
    text.write_text("hello\n")
    for words, message in (
        (("transcribe", "--model", folder / "m.dnatag", text), "a model of speech reads audio"),
        (("transcribe", "--model", "topology", text), "apply it with 'dnatag tag --model"),
        (("transcribe", "--model", folder / "m.dnatag", tmp_path), "has no audio files"),
        (
            ("transcribe", "--model", folder / "m.dnatag", folder / "audio", "--to", "srt"),
            "captions (srt) are of one recording, and there are 72",
        ),
        (
            ("tag", "--model", "biomedical", folder / "audio" / "train00.wav"),
            "is sound; only models",
        ),
        (
            (
                "transcribe",
                "--model",
                folder / "m.dnatag",
                folder / "validate.json",
                "-o",
                folder / "audio" / "validate00.wav",
            ),
            "validate00.wav: is an input as well",
        ),
        (("evaluate", "--domain", "ctc", text, folder / "validate.json"), "has 12 texts,"),
    ):
        done = run(*words)
        assert (done.exit_code, done.stdout) == (2, "")
        assert message in done.stderr


def test_damaged_models(folder: Path, tmp_path: Path) -> None:
    arrays, about = load_model(folder / "m.dnatag")
    bad = tmp_path / "bad.dnatag"
    for changed in ({"targets": about["targets"] | {"alphabet": ""}},
                    {"targets": about["targets"] | {"search": {"beams": 3}}},
                    {"network": about["network"] | {"members": 2}}):  # fmt: skip
        save_model(bad, arrays, about | changed)
        done = run("transcribe", "--model", bad, folder / "validate.json")
        assert done.exit_code == 2
        assert "bad.dnatag does not hold a whole model of speech" in done.stderr

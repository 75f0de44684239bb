"""``dnatag tag`` of frames, from data to a trained model to segments and a picture."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from dnatag.cli import main
from dnatag.models.file import read_metadata

pytestmark = pytest.mark.slow

RECIPE = """
domain = "features"
task = "tagging"

[[corpus]]
train = "train.tsv"
test = "test.tsv"
archive = "videos.npz"

[network]
hidden = 12
noise = 0.1
dropout = 0.1

[training]
epochs = 15
batch = 300
learning_rate = 0.02
"""


def run(*words: object) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of three actions of 5 to 9 frames, each with a level of its own and much noise."""
    folder, rng = tmp_path_factory.mktemp("frames"), np.random.default_rng(1)
    arrays, rows = {}, []
    for i in range(30):
        order = [int(rng.integers(3))]
        while len(order) < 5:
            order.append((order[-1] + int(rng.integers(1, 3))) % 3)
        levels = np.repeat(order, rng.integers(5, 10, len(order)))
        noisy = levels[:, None] + rng.normal(0, 0.6, (len(levels), 2))
        arrays[f"v{i}"] = noisy.astype(np.float32)
        (folder / f"v{i}.txt").write_text(
            "".join(f"{['cut', 'mix', 'serve'][k]}\n" for k in levels)
        )
        rows.append(f"v{i}\tv{i}.txt\n")
    np.savez(folder / "videos.npz", **arrays)
    np.save(folder / "v0.npy", arrays["v0"])
    (folder / "train.tsv").write_text("name\tlabels\n" + "".join(rows[10:]))
    (folder / "test.tsv").write_text("name\tlabels\n" + "".join(rows[:10]))
    (folder / "few.npz").write_bytes(b"")
    np.savez(folder / "few.npz", **{f"v{i}": arrays[f"v{i}"] for i in range(10)})
    (folder / "r.toml").write_text(RECIPE)
    done = run("train", folder / "r.toml", "--device", "cpu", "--threads", 1, "-o",
               folder / "m.dnatag")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    return folder


def test_training(folder: Path) -> None:
    about = read_metadata(folder / "m.dnatag")
    assert about["scores"]["test"]["accuracy"] > 0.85
    assert about["scores"]["test"]["f1@50"] > 0.85
    assert about["targets"] == {"kind": "segments", "shortest": {"cut": 2, "mix": 2, "serve": 2}}


def test_segments(folder: Path) -> None:
    done = run("tag", "--model", folder / "m.dnatag", folder / "v0.npy", "-q")
    assert done.exit_code == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert {row[0] for row in rows} == {"v0"}
    ends = [(int(row[1]), int(row[2])) for row in rows]
    assert ends[0][0] == 0
    assert all(a[1] == b[0] for a, b in pairwise(ends))
    assert ends[-1][1] == len(np.load(folder / "v0.npy"))
    assert all(0 < float(row[4]) <= 1 for row in rows)
    done = run("tag", "--model", folder / "m.dnatag", folder / "v0.npy", "-q", "--to", "jsonl",
               "--k-best", 2)  # fmt: skip
    item = json.loads(done.stdout)
    assert (item["id"], item["frames"]) == ("v0", ends[-1][1])
    assert [s["start"] for s in item["segments"]] == [start for start, _ in ends]
    assert item["alternatives"][0]["score"] > item["alternatives"][1]["score"]


def test_labels_and_their_evaluation(folder: Path, tmp_path: Path) -> None:
    found, picture = tmp_path / "found.txt", tmp_path / "segments.png"
    done = run("tag", "--model", folder / "m.dnatag", folder / "few.npz", "--to", "frames", "-q",
               "-o", found)  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert found.read_text().startswith("# sequence v0\n")
    done = run("evaluate", "--domain", "features", folder / "test.tsv", found, "--json", "-",
               "--picture", picture)  # fmt: skip
    assert done.exit_code == 0, done.stderr
    scores = json.loads(done.stdout)["predictions"]["found"]
    expected = read_metadata(folder / "m.dnatag")["scores"]["test"]
    assert scores == pytest.approx(expected, abs=1e-4)
    assert picture.read_bytes().startswith(b"\x89PNG")
    table = run("evaluate", found, found).stdout
    assert table.startswith("reference: found.txt, 10 sequences, ")
    # One file of plain labels, as MS-TCN has them.
    done = run("tag", "--model", folder / "m.dnatag", folder / "v0.npy", "--to", "frames", "-q")
    (tmp_path / "v0.txt").write_text(done.stdout)
    assert done.stdout.splitlines() == found.read_text().split("# sequence")[1].splitlines()[1:]
    done = run("evaluate", "--domain", "features", folder / "v0.txt", tmp_path / "v0.txt")
    assert done.exit_code == 0, done.stderr
    assert "F1@50 %" in done.stdout


def test_order_and_names_of_files_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "truth").write_text("# sequence a\nx\n# sequence b\ny\nx\n")
    (tmp_path / "found").write_text("# sequence b\ny\nx\n# sequence a\nx\n")
    (tmp_path / "one").write_text("x\ny\n")
    (tmp_path / "other").write_text("# sequence c\nx\ny\n")
    for truth, found in (("truth", "found"), ("one", "other"), ("other", "one")):
        done = run("evaluate", "--domain", "features", tmp_path / truth, tmp_path / found, "--json",
                   "-")  # fmt: skip
        assert done.exit_code == 0, done.stderr
        assert json.loads(done.stdout)["predictions"][found]["accuracy"] == 1


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"found": "cut\n"}, "found: has 1 sequence, truth 2; compare files of the same"),
        ({"found": "# sequence a\nx\n# sequence c\ny\n"}, "found: has c where truth has b"),
        (
            {"truth": "# sequence a\nx\n", "found": "# sequence c\nx\n"},
            "found: has c where truth has a",
        ),
        ({"found": "# sequence b\ny\n# sequence a\nx\nx\n"}, "found: a has 2 frames, in truth 1"),
        ({"found": "\n \n"}, "found: has no labels of frames"),
        ({"truth": "name\tlabels\nv\tnone\n", "found": "x\n"}, "truth: line 2: none: cannot"),
    ],
)
def test_evaluations_that_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    texts = {"truth": "# sequence a\nx\n# sequence b\ny\n"} | files
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    done = run("evaluate", "--domain", "features", "truth", "found")
    assert done.exit_code == 2, done.stdout
    assert message in done.stderr


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("name\nv0\n", "t.tsv: line 2: v0 has no labels (column 'labels')"),
        ("name\tlabels\nv0\tv1.txt\n", "t.tsv: line 2: v1.txt has "),
        ("name\tlabels\nv0\tnone.txt\n", "none.txt: cannot"),
        ("name\tlabels\nx\tv0.txt\n", "t.tsv: line 2: there is no array 'x' in"),
        ("name\tlabels\nv0\ttwo.txt\n", "two.txt has labels of 2 sequences; name one file each"),
        ("name\tlabels\n", "there are no frames to train on"),
        ("name\tlabels\nv0\tone.txt\n", "all frames to train on have one label, 'cut'"),
    ],
)
def test_corpora_that_cannot_be_used(
    folder: Path, tmp_path: Path, table: str, message: str
) -> None:
    (folder / "t.tsv").write_text(table)
    frames = len((folder / "v0.txt").read_text().splitlines())
    (folder / "one.txt").write_text("cut\n" * frames)
    (folder / "two.txt").write_text("# sequence a\nx\n# sequence b\ny\n")
    (tmp_path / "r.toml").write_text(RECIPE.replace("train.tsv", "t.tsv"))
    done = run("train", tmp_path / "r.toml", "--folder", folder, "-o", tmp_path / "m.dnatag")
    assert done.exit_code == 2, done.stderr
    assert message in done.stderr

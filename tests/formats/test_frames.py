"""Labels of frames: of segments, and of tables that list files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnatag.cli import main
from dnatag.errors import InputError
from dnatag.formats.frames import (
    FrameLabels,
    read_frame_labels,
    read_segment_objects,
    read_segments,
)

SEGMENTS = "v1\t0\t2\tcut\t0.9000\nv1\t2\t5\tmix\t0.8000\nv2\t0\t1\tcut\t1.0000\n"
OBJECTS = (
    '{"id": "v1", "frames": 5, "segments": [{"label": "cut", "score": 0.9, "start": 0, "end": 2}, '
    '{"label": "mix", "score": 0.8, "start": 2, "end": 5}]}\n'
    '{"id": "v2", "frames": 1, "segments": [{"label": "cut", "score": 1, "start": 0, "end": 1}]}\n'
)
LABELS = "# sequence v1\ncut\ncut\nmix\nmix\nmix\n# sequence v2\ncut\n"


def evaluate(*words: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, words)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "segments.tsv").write_text(SEGMENTS)
    (tmp_path / "objects.jsonl").write_text(OBJECTS)
    (tmp_path / "labels.txt").write_text(LABELS.replace("mix\nmix\n#", "mix\ncut\n#"))
    (tmp_path / "v1.txt").write_text("cut\ncut\nmix\nmix\nmix\n")
    (tmp_path / "v2.txt").write_text("cut\n")
    (tmp_path / "table.tsv").write_text("name\tlabels\nv1\tv1.txt\nv2\tv2.txt\n")
    return tmp_path


def test_segments(folder: Path) -> None:
    found = list(read_segments(folder / "segments.tsv"))
    assert found == [
        FrameLabels("v1", ("cut", "cut", "mix", "mix", "mix")),
        FrameLabels("v2", ("cut",)),
    ]
    assert list(read_segment_objects(folder / "objects.jsonl")) == found


@pytest.mark.parametrize(
    ("line", "message"),
    [("v1\t1\t2\tcut", "line 1: the segment is of frames 1 to 2, and the one before ends at 0"),
     ("v1\t0\t0\tcut", "line 1: the segment is of frames 0 to 0"),
     ("v1\t0\tx\tcut", "line 1: is no segment: name, first frame"),
     ("v1\t0\t2", "line 1: is no segment"),
     (f"v1\t0\t{10**15}\tcut", "line 1: the segment ends at frame 1,000,000,000,000,000")],
)  # fmt: skip
def test_bad_segments(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "s").write_text(line + "\n")
    with pytest.raises(InputError, match=message):
        list(read_segments(tmp_path / "s"))


@pytest.mark.parametrize(
    ("line", "message"),
    [('{"id": "v1"}', 'line 1: must have "id", "frames" and "segments"'),
     ('{"id": "v1", "frames": 2, "segments": [3]}', 'line 1: must have "id"'),
     (OBJECTS.replace('"frames": 5', '"frames": 6'), "line 1: v1 has 6 frames, its segments 5"),
     (OBJECTS.replace('"start": 2', '"start": 3'), "line 1: the segment is of frames 3 to 5")],
)  # fmt: skip
def test_bad_objects(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "s").write_text(line)
    with pytest.raises(InputError, match=message):
        list(read_segment_objects(tmp_path / "s"))


@pytest.mark.parametrize("reference", ["table.tsv", "segments.tsv", "objects.jsonl"])
def test_each_is_compared_with_each(folder: Path, reference: str) -> None:
    done = evaluate(folder / reference, folder / "segments.tsv", folder / "labels.txt",
                    folder / "table.tsv", folder / "objects.jsonl", "--json", "-")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    scores = json.loads(done.stdout)["predictions"]
    accuracies = [one["accuracy"] for one in scores.values()]
    assert accuracies == pytest.approx([1, (4 / 5 + 1) / 2, 1, 1])


def test_those_that_a_table_names(folder: Path) -> None:
    (folder / "few.tsv").write_text("name\tlabels\nv2.npy\tv2.txt\n")
    done = evaluate(folder / "few.tsv", folder / "objects.jsonl", "--json", "-")
    assert done.exit_code == 0, done.stderr
    assert "objects.jsonl: has 2 sequences, " in done.stderr
    assert json.loads(done.stdout)["predictions"]["objects"]["accuracy"] == 1
    (folder / "table.tsv").write_text("name\tlabels\nv1.npy\tv1.txt\nv2.npy\tv2.txt\n")
    done = evaluate(folder / "table.tsv", folder / "segments.tsv")
    assert done.exit_code == 0, done.stderr


def test_frames_without_labels(folder: Path) -> None:
    (folder / "labels.txt").write_text(LABELS.replace("mix", "_"))
    done = evaluate(folder / "table.tsv", folder / "labels.txt")
    assert done.exit_code == 2
    assert "labels.txt: v1 has frames without a label ('_'); compare what" in done.stderr


def test_labels_with_tabs(tmp_path: Path) -> None:
    (tmp_path / "v").write_text("cut\ncut\tmix\n")
    with pytest.raises(InputError, match=r"v: line 2: the label 'cut\\tmix' has a tab"):
        list(read_frame_labels(tmp_path / "v"))


def test_files_of_labels_are_no_labels(folder: Path) -> None:
    table = folder / "table.tsv"
    done = evaluate("--domain", "classification", table, table)
    assert done.exit_code == 2
    assert "line 2: there is no column 'label'" in done.stderr

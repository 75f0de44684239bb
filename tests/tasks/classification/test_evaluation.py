"""Labels of sequences against a reference, in fastText's lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnatag.errors import InputError
from dnatag.report import SILENT, Observer
from dnatag.tasks.classification.evaluation import LabelEvaluator

from ...conftest import Notes


def test_the_most_probable_label_counts(tmp_path: Path) -> None:
    truth, all_, best = (tmp_path / name for name in ("truth", "all", "best"))
    truth.write_text("__label__a one\n__label__b two\n__label__a 7\n")
    all_.write_text("__label__a 0.9 __label__b 0.1\n__label__a 1e-05 __label__b 1.00001\n"
                    "__label__b 0.7 __label__a 0.3\n")  # fmt: skip
    best.write_text("__label__a 0.9\n__label__b 1\n__label__b 0.7\n")
    paths = {"all": str(all_), "best": str(best)}
    scores = LabelEvaluator().evaluate(str(truth), paths, SILENT, encoding="utf-8").scores
    assert scores["all"] == scores["best"]
    assert scores["all"]["accuracy"] == pytest.approx(2 / 3)
    assert scores["all"]["calibration_error"] is not None


@pytest.mark.parametrize(
    ("line", "message"),
    [("__label__a __label__b", "p: line 1: has 2 labels; give one"),
     ("__label__a 0.5 __label__b", "p: line 1: has 2 labels; give one"),
     ("__label__a 0.5\nbare", "p: line 2: has no label")],
)  # fmt: skip
def test_lines_without_one_label(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "truth").write_text("__label__a\n")
    (tmp_path / "p").write_text(line + "\n")
    paths = {"p": str(tmp_path / "p")}
    with pytest.raises(InputError, match=message):
        LabelEvaluator().evaluate(str(tmp_path / "truth"), paths, SILENT, encoding="utf-8")


def score(truth: Path, predictions: Path, observer: Observer = SILENT) -> float:
    paths = {"p": str(predictions)}
    scores = LabelEvaluator().evaluate(str(truth), paths, observer, encoding="utf-8").scores
    return float(scores["p"]["accuracy"])


FASTTEXT = "__label__a a film\n__label__b dull\n__label__a a film\n__label__b so , so\n"
JSON = """{"text": "a film", "label": "a"}
{"text": "dull", "label": "b"}
{"text": "so, so", "labels": [{"label": "b", "score": 0.9}]}
{"text": "a film", "label": "b"}
"""
IDS = """{"id": 1, "text": "A FILM", "label": "a"}
{"id": "3", "text": "film", "label": "a"}
{"id": 2, "text": "Dull", "label": "b"}
"""


@pytest.mark.parametrize(
    ("truth", "found", "right"),
    [(FASTTEXT, JSON, 3 / 4),
     ("id\tlabel\ttext\n1\ta\tx\n2\tb\tx\n3\ta\tx\n", IDS, 1),
     ("name\tlabel\n3.npy\ta\n2.npy\tb\n1.npy\tb\n", IDS, 2 / 3),
     (JSON, "(a (2 a) (2 film))\n(b so, so)\n(b dull)\n(b (1 a) (2 film))\n", 1),
     # Nothing says which they are.
     (FASTTEXT, "__label__a\n__label__b\n__label__b\n__label__b\n", 3 / 4)],
)  # fmt: skip
def test_sequences_in_another_order(tmp_path: Path, truth: str, found: str, right: float) -> None:
    (tmp_path / "truth").write_text(truth)
    (tmp_path / "found").write_text(found)
    assert score(tmp_path / "truth", tmp_path / "found") == pytest.approx(right)


def test_those_that_a_table_names(tmp_path: Path) -> None:
    (tmp_path / "truth").write_text("name\tlabel\n3\ta\n1.npy\tb\n")
    (tmp_path / "found").write_text(IDS)
    notes = Notes()
    assert score(tmp_path / "truth", tmp_path / "found", notes) == 0.5
    assert [note.split("found: ")[1] for note in notes.lines] == [
        f"has 3 labels, {tmp_path}/truth 2; compared are those of the sequences that "
        f"{tmp_path}/truth has"
    ]
    (tmp_path / "truth").write_text("name\tlabel\n3\ta\n4\tb\n")
    with pytest.raises(InputError, match=r"found: has 3 labels, .*truth 2; compare files"):
        score(tmp_path / "truth", tmp_path / "found")


def test_other_sequences(tmp_path: Path) -> None:
    (tmp_path / "truth").write_text(FASTTEXT)
    (tmp_path / "found").write_text(JSON.replace("dull", "fine"))
    with pytest.raises(InputError, match=r"found: has no label of 'dull', which .*same sequences"):
        score(tmp_path / "truth", tmp_path / "found")


def test_labels_with_other_names(tmp_path: Path) -> None:
    (tmp_path / "truth").write_text("(0 (1 so) (0 bad))\n(4 (2 so) (4 good))\n")
    (tmp_path / "found").write_text("__label__bad 0.9\n__label__good 0.8\n")
    notes = Notes()
    assert score(tmp_path / "truth", tmp_path / "found", notes) == 0
    (note,) = notes.lines
    assert note.startswith(
        "warning: p has none of the labels of the reference: bad, good, not 0, 4"
    )
    (tmp_path / "found").write_text("__label__0 0.9\n__label__good 0.8\n")
    assert score(tmp_path / "truth", tmp_path / "found", notes) == 0.5
    assert notes.lines == [note]


@pytest.mark.parametrize(
    ("text", "line"),
    [("label\ttext\na\tx\n\ty\n", 3), ("a\tx\n\tso it is\n", 2), ('{"text": "x", "label": ""}', 1),
     ("__label__a x\n__label__ x\n", 2)],
)  # fmt: skip
def test_empty_labels(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "truth").write_text(text)
    with pytest.raises(InputError, match=f"truth: line {line}: "):
        score(tmp_path / "truth", tmp_path / "truth")


def test_a_reference_that_a_model_wrote(tmp_path: Path) -> None:
    (tmp_path / "truth").write_text(FASTTEXT)
    (tmp_path / "found").write_text(JSON)
    notes = Notes()
    score(tmp_path / "truth", tmp_path / "found", notes)
    assert not any("has probabilities" in note for note in notes.lines)
    score(tmp_path / "found", tmp_path / "truth", notes)
    assert any("found has probabilities, as a model writes them" in note for note in notes.lines)

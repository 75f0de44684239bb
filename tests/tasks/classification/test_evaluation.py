"""Labels of sequences against a reference, in fastText's lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnatag.errors import InputError
from dnatag.report import SILENT
from dnatag.tasks.classification.evaluation import LabelEvaluator


def test_the_most_probable_label_counts(tmp_path: Path) -> None:
    truth, all_, best = (tmp_path / name for name in ("truth", "all", "best"))
    truth.write_text("__label__a one\n__label__b two\n__label__a 7\n")
    all_.write_text("__label__a 0.9 __label__b 0.1\n__label__a 0.2 __label__b 0.8\n"
                    "__label__b 0.7 __label__a 0.3\n")  # fmt: skip
    best.write_text("__label__a 0.9\n__label__b 0.8\n__label__b 0.7\n")
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

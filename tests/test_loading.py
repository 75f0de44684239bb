"""Any model is loaded by its name or file, as the predictor of its task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import dnatag
from dnatag.errors import InputError
from dnatag.loading import task_of
from dnatag.models.file import save_model
from dnatag.models.names import find_model


def test_predictors() -> None:
    tagger = dnatag.load("topology", device="cpu", threads=1)
    assert isinstance(tagger, dnatag.Tagger)
    finder = dnatag.load(find_model("prokaryotes"), device="cpu", min_length=90)
    assert isinstance(finder, dnatag.GeneFinder)
    assert task_of("biomedical")[1].verb == "tag"


def test_files_of_other_tasks(tmp_path: Path) -> None:
    path = tmp_path / "m.dnatag"
    save_model(path, {"x": np.zeros(1)}, {"domain": "text", "task": "translation"})
    with pytest.raises(InputError, match=r"m\.dnatag: there is no task 'translation'; installed"):
        dnatag.load(path)
    save_model(path, {"x": np.zeros(1)}, {"domain": "genes", "parameters": {}})
    with pytest.raises(InputError, match=r"m\.dnatag: holds no model of a network"):
        dnatag.load(path)
    with pytest.raises(InputError, match="no model and no file named nobody"):
        dnatag.load("nobody")
    with pytest.raises(InputError, match="a model has a name or is a file, and this is None"):
        dnatag.load(None)  # type: ignore[arg-type]


def test_names_of_the_api() -> None:
    assert set(dnatag.__all__) >= {"GeneFinder", "Tagger", "load", "train"}
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = dnatag.nothing

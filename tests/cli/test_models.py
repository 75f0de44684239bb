"""Models by name, and ``dnatag models``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import dnatag.models.names
from dnatag.cli import main
from dnatag.errors import InputError
from dnatag.models.file import load_model, save_model
from dnatag.models.names import DEFAULT_MODEL, find_model, list_models

SHIPPED = {path.stem: path for path in Path(dnatag.models.__file__).parent.glob("*.dnatag")}


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "models"
    path.mkdir()
    metadata = {"card": "# A small model\n\nNo scores.\n", "licence": "MIT"}
    save_model(path / "small.dnatag", {"weight": np.zeros(3)}, metadata)
    monkeypatch.setenv("DNATAG_MODELS", str(path))
    return path


def test_the_default_model_ships(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DNATAG_MODELS", raising=False)
    assert find_model(DEFAULT_MODEL) == SHIPPED[DEFAULT_MODEL]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_models_are_small_and_have_a_card(name: str) -> None:
    path = SHIPPED[name]
    assert path.stat().st_size < 6_000_000
    tensors, metadata = load_model(path)
    assert tensors
    assert metadata["card"] == path.with_suffix(".md").read_text(encoding="utf-8")
    licence = {
        "biomedical": "CC BY 4.0",
        "chorales": "MIT",
        "entities": "CC BY 4.0",
        "letters": "that of AN4",
        "parts-of-speech": "CC BY-SA 4.0",
        "prokaryotes": "MIT",
        "secondary-structure": "AFL-3.0",
        "topology": "Apache-2.0",
    }[name]
    assert metadata["licence"].startswith(licence)


def test_models_are_found_by_name_and_by_path(directory: Path, tmp_path: Path) -> None:
    assert find_model("small") == directory / "small.dnatag"
    assert find_model(directory / "small.dnatag") == directory / "small.dnatag"
    assert set(list_models()) == {*SHIPPED, "small"}
    with pytest.raises(InputError, match=r"no file named tiny \(models at hand: .*small"):
        find_model("tiny")


def test_a_wrong_directory_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DNATAG_MODELS", str(tmp_path / "none"))
    result = CliRunner().invoke(main, ["models", "list"])
    assert result.exit_code == 2
    assert str(tmp_path / "none") in result.stderr


def test_list_shows_titles_and_broken_files(directory: Path) -> None:
    shutil.copy(__file__, directory / "wrong.dnatag")
    result = CliRunner().invoke(main, ["models", "list"])
    rows = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert result.exit_code == 0
    assert set(rows) == set(list_models())
    assert rows["small"].endswith("MB  A small model")
    assert "not a dnatag model file" in rows["wrong"]


def test_show(directory: Path) -> None:
    text = CliRunner().invoke(main, ["models", "show", "small"])
    assert text.exit_code == 0
    assert text.stdout.startswith("# A small model\n\nNo scores.\n")
    path = directory / "small.dnatag"
    shown = json.loads(CliRunner().invoke(main, ["models", "show", str(path), "--json"]).stdout)
    assert shown["path"] == str(path)
    assert shown["bytes"] == path.stat().st_size
    assert shown["licence"] == "MIT"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("prokaryotes", "CDS"),
        ("biomedical", "Chemical, Disease"),
        ("entities", "corporation, creative-work, group, location, person, product"),
        (
            "parts-of-speech",
            "ADJ, ADP, ADV, AUX, CCONJ, DET, INTJ, NOUN, NUM, PART, PRON, PROPN, PUNCT, "
            "SCONJ, SYM, VERB, X",
        ),
        ("topology", "S, 1, 2, H, B"),
        ("secondary-structure", "C, E, H"),
        ("letters", ", ".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ")),
    ],
)
def test_show_names_what_a_model_finds(name: str, found: str) -> None:
    text = CliRunner().invoke(main, ["models", "show", name]).stdout
    assert f"\nIt finds: {found}\n" in text


def test_show_of_a_model_with_targets_of_another_task(directory: Path) -> None:
    about = {"domain": "text", "task": "tagging", "targets": ["a"], "card": "# Wrong\n"}
    save_model(directory / "wrong.dnatag", {"weight": np.zeros(3)}, about)
    done = CliRunner().invoke(main, ["models", "show", "wrong"])
    assert done.exit_code == 0
    assert "it cannot be applied: its targets are not those of a tagger" in done.stdout


def test_show_of_what_is_no_model() -> None:
    result = CliRunner().invoke(main, ["models", "show", __file__])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"dnatag: error: {__file__}: not a dnatag model file\n"

"""Settings from tables: known keys, right types, within their ranges, files that exist."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dnatag.errors import InputError
from dnatag.settings import check_keys, read_settings, setting


@dataclass(frozen=True)
class Sizes:
    layers: int = 1
    rate: float = setting(0.5, least=0, most=1)
    kind: str = setting("cnn", choices=("cnn", "lstm"))
    steps: int | None = None
    name: str = ""
    on: bool = False
    files: tuple[Path, ...] = ()
    types: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.layers == 7:
            raise ValueError("seven layers are too many")


def test_known_keys() -> None:
    known = {"a": int, "b": float, "c": str, "d": list, "e": dict, "f": bool}
    check_keys({"a": 1, "b": 2, "c": "x", "d": [], "e": {}, "f": True}, known, "x")
    check_keys({"b": 2.5}, known, "x")
    check_keys({}, known, "x")
    for content, message in (
        ({"g": 1}, "x: unknown key 'g'; known are a, b, c, d, e, f"),
        ({"a": 1.0}, "x: 'a' must be a whole number, not 1.0"),
        ({"a": True}, "x: 'a' must be a whole number, not True"),
        ({"b": "1"}, "x: 'b' must be a number, not '1'"),
        ({"b": False}, "x: 'b' must be a number, not False"),
        ({"c": 1}, "x: 'c' must be a string, not 1"),
        ({"d": "x"}, "x: 'd' must be a list, not 'x'"),
        ({"e": []}, "x: 'e' must be a table, not []"),
    ):
        with pytest.raises(InputError) as refusal:
            check_keys(content, known, "x")
        assert str(refusal.value) == message


def test_settings() -> None:
    assert read_settings(Sizes, {}, "x") == Sizes()
    values = {"layers": 2, "rate": 0, "kind": "lstm", "steps": 3}
    assert read_settings(Sizes, values, "x") == Sizes(2, 0, "lstm", 3)
    assert read_settings(Sizes, {"name": "gru", "on": True}, "x") == Sizes(name="gru", on=True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"size": 1},
            "x: unknown key 'size'; known are layers, rate, kind, steps, name, on, files, types",
        ),
        ({"layers": 0}, "x: 'layers' must be above 0, not 0"),
        ({"layers": -1}, "x: 'layers' must be above 0, not -1"),
        ({"layers": 10**10}, "x: 'layers' must be above 0 and at most 1e+09, not 10000000000"),
        ({"layers": "2"}, "x: 'layers' must be a whole number, not '2'"),
        ({"steps": 1.5}, "x: 'steps' must be a whole number, not 1.5"),
        ({"rate": 1.1}, "x: 'rate' must be at least 0 and at most 1, not 1.1"),
        ({"rate": float("nan")}, "x: 'rate' must be at least 0 and at most 1, not nan"),
        ({"kind": "gru"}, "x: 'kind' can be cnn or lstm, not 'gru'"),
        ({"on": 1}, "x: 'on' must be true or false, not 1"),
        ({"types": [1]}, "x: 'types' must be a string or a list of strings"),
        ({"types": 1}, "x: 'types' must be a list, not 1"),
        ({"layers": 7}, "x: seven layers are too many"),
    ],
)
def test_settings_that_cannot_be(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as refusal:
        read_settings(Sizes, values, "x")
    assert str(refusal.value) == message


def test_files_and_lists(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    found = read_settings(Sizes, {"files": ["a", "a"], "types": "X"}, "x", tmp_path)
    assert found == Sizes(files=(tmp_path / "a", tmp_path / "a"), types=("X",))
    assert read_settings(Sizes, {"files": []}, "x", tmp_path).files == ()
    folder = read_settings(Sizes, {"files": "."}, "x", tmp_path).files  # of texts for brat
    assert folder == (tmp_path,)
    with pytest.raises(InputError, match=r"x: there is no file .*; name the folder of the"):
        read_settings(Sizes, {"files": "b"}, "x", tmp_path)

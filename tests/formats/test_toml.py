"""Settings from TOML files: known keys, right types, within limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dnatag.errors import InputError
from dnatag.formats.toml import check_keys, read_toml, settings


@dataclass(frozen=True)
class Sizes:
    layers: int = 1
    rate: float = 0.5
    kind: str = "cnn"
    steps: int | None = None


LIMITS: dict[str, tuple[Any, ...]] = {"rate": (0, 1), "kind": ("cnn", "lstm")}


def test_read(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\n[b]\nc = ['x']\n")
    assert read_toml(path) == {"a": 1, "b": {"c": ["x"]}}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("a = ", r"x\.toml: is no TOML file: Invalid value"),
        ("a = 1\nb = c\n", r"x\.toml: is no TOML file: .*line 2, column 5"),
        ("domain: text", r"x\.toml: is no TOML file: "),
    ],
)
def test_no_toml(tmp_path: Path, data: str, message: str) -> None:
    (tmp_path / "x.toml").write_text(data)
    with pytest.raises(InputError, match=message):
        read_toml(tmp_path / "x.toml")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.toml: cannot read: No such file"):
        read_toml(tmp_path / "x.toml")


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
    assert settings(Sizes, {}, "x", LIMITS) == Sizes()
    values = {"layers": 2, "rate": 0, "kind": "lstm", "steps": 3}
    assert settings(Sizes, values, "x", LIMITS) == Sizes(2, 0, "lstm", 3)
    assert settings(Sizes, {"kind": "gru"}, "x", {}) == Sizes(kind="gru")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 1}, "x: unknown key 'size'; known are layers, rate, kind, steps"),
        ({"layers": 0}, "x: 'layers' cannot be 0"),
        ({"layers": -1}, "x: 'layers' cannot be -1"),
        ({"layers": 10**10}, "x: 'layers' cannot be 10000000000"),
        ({"layers": "2"}, "x: 'layers' must be a whole number, not '2'"),
        ({"steps": 1.5}, "x: 'steps' must be a whole number, not 1.5"),
        ({"rate": 1.1}, "x: 'rate' cannot be 1.1"),
        ({"rate": float("nan")}, "x: 'rate' cannot be nan"),
        ({"kind": "gru"}, "x: 'kind' can be cnn or lstm, not 'gru'"),
    ],
)
def test_settings_that_cannot_be(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as refusal:
        settings(Sizes, values, "x", LIMITS)
    assert str(refusal.value) == message

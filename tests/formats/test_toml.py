"""TOML files, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnatag.errors import InputError
from dnatag.formats.toml import read_toml


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


def test_numbers_and_nesting_without_end(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    for text, words in (
        ("a = " + "9" * 5000, "a number has too many digits"),
        ("a = " + "[" * 100_000, "nested too deep"),
        ("a = '" + "x" * 8_000_000, "is too long for a TOML file"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=words):
            read_toml(path)

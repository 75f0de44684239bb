"""Messages must not drive a terminal."""

from __future__ import annotations

import pytest

from dnatag.errors import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text é 漢", "plain text é 漢"),
        ("\x1b[31mred\x07\0\x7f", r"\x1b[31mred\x07\x00\x7f"),
        ("two\nlines\t", r"two\x0alines\x09"),
        ("\x9b31m", r"\x9b31m"),
        ("caf\udce9.fna", r"caf\xe9.fna"),
        ("\ud800", r"\ud800"),
        ("a\u202eb", r"a\u202eb"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown
    shown.encode()

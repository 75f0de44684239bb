"""Errors that a user can fix; the command line prints them as one line."""

from __future__ import annotations

import re

__all__ = ["CONTROL", "DnatagError", "InputError", "visible", "without_control"]

#: Control characters but the tab.
CONTROL = re.compile("[\x00-\x08\n-\x1f\x7f-\x9f]")

#: Control characters, those that turn the direction of text, and halves of surrogate pairs.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


class DnatagError(Exception):
    """A failure described in one line: what went wrong, where, what to do. Exit code 1."""

    exit_code = 1


class InputError(DnatagError):
    """Bad input or usage: names the file, the line or the record. Exit code 2."""

    exit_code = 2


def visible(text: str) -> str:
    r"""Write characters that a terminal would obey, or cannot show, as escapes.

    Parameters
    ----------
    text
        May come from a file, or be the name of one that is not UTF-8.

    Returns
    -------
    str
        With ``\x1b`` for an escape character, ``\xe9`` for a byte that is not UTF-8.
    """
    return _INVISIBLE.sub(_escape, text)


def without_control(line: str) -> str:
    r"""Write control characters in a line of a file as escapes; tabs stay.

    Parameters
    ----------
    line
        Without its line end.

    Returns
    -------
    str
        With ``\x1b`` for an escape character.
    """
    return CONTROL.sub(_escape, line)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if 0xDC80 <= code <= 0xDCFF:  # a byte that could not be decoded
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"

"""Errors that a user can mend; the command line prints them as one line."""

from __future__ import annotations

__all__ = ["DnatagError", "InputError"]


class DnatagError(Exception):
    """A failure told in one line: what went wrong, where, what to do. Exit code 1."""

    exit_code = 1


class InputError(DnatagError):
    """Bad input or usage: names the file, the line or the record. Exit code 2."""

    exit_code = 2

"""TOML files."""

from __future__ import annotations

import os
import sys
from typing import Any

from dnatag.errors import InputError
from dnatag.formats.io.reading import open_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["read_toml"]


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    InputError
        If it cannot be read, naming line and column.
    """
    try:
        with open_text(path) as file:
            return tomllib.loads(file.read())
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{os.fspath(path)}: is no TOML file: {error}") from None

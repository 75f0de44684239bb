"""TOML files."""

from __future__ import annotations

import os
import sys
from typing import Any

from dnatag.errors import InputError
from dnatag.formats.io.limits import limits
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
            text = file.read(limits().line + 1)
        if len(text) > limits().line:
            raise limits().error(os.fspath(path), "is too long for a TOML file of settings")
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{os.fspath(path)}: is no TOML file: {error}") from None
    except ValueError:  # more than 4300 digits
        raise InputError(f"{os.fspath(path)}: a number has too many digits") from None
    except RecursionError:
        raise InputError(f"{os.fspath(path)}: lists or tables are nested too deep") from None

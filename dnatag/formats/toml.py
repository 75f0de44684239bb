"""Settings in TOML files, checked against dataclasses."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_args, get_type_hints

from dnatag.errors import InputError
from dnatag.formats.io.reading import open_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["check_keys", "read_toml", "settings"]

Settings = TypeVar("Settings")
Known = Mapping[str, type]

_KINDS = {str: "a string", dict: "a table", list: "a list", int: "a whole number",
          float: "a number"}  # fmt: skip


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


def check_keys(content: Mapping[str, Any], known: Known, where: str) -> None:
    """Refuse keys that are not known, and values of other types.

    Parameters
    ----------
    content
        A table.
    known
        Its keys and the types of their values.
    where
        Of errors: file and table.

    Raises
    ------
    InputError
        Naming the key.
    """
    for key, value in content.items():
        if key not in known:
            raise InputError(f"{where}: unknown key '{key}'; known are {', '.join(known)}")
        kind = known[key]
        is_it = isinstance(value, kind) or (kind is float and isinstance(value, int))
        if not is_it or (isinstance(value, bool) and kind is not bool):
            raise InputError(f"{where}: '{key}' must be {_KINDS[kind]}, not {value!r}")


def settings(
    kind: type[Settings],
    values: Mapping[str, Any],
    where: str,
    limits: Mapping[str, tuple[float, float] | tuple[str, ...]],
) -> Settings:
    """Make a dataclass of numbers and strings from a table.

    Parameters
    ----------
    kind
        The dataclass; what may also be None is never None in a file.
    values
        The table.
    where
        Of errors: file and table.
    limits
        By key the least and the largest number, or the strings, that a value can be; numbers
        without limits must be above 0.

    Raises
    ------
    InputError
        Naming the key.
    """
    hints = get_type_hints(kind)
    known = {}
    for f in fields(kind):  # type: ignore[arg-type]
        options = [t for t in get_args(hints[f.name]) if t is not type(None)]
        known[f.name] = options[0] if options else hints[f.name]
    check_keys(values, known, where)
    for key, value in values.items():
        limit: tuple[Any, ...] = limits.get(key, () if isinstance(value, str) else (1e-9, 1e9))
        if isinstance(value, str):
            if limit and value not in limit:
                raise InputError(f"{where}: '{key}' can be {' or '.join(limit)}, not '{value}'")
        elif not limit[0] <= value <= limit[1]:
            raise InputError(f"{where}: '{key}' cannot be {value!r}")
    return kind(**values)

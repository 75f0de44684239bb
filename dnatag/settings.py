"""Settings: frozen dataclasses whose fields carry their ranges, read from tables of TOML files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import Field, field, fields
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from dnatag.errors import InputError

__all__ = ["check_keys", "read_settings", "setting"]

T = TypeVar("T")

#: The range of numbers that have no other: above 0.
_LEAST, _MOST = 1e-9, 1e9
_KINDS = {
    str: "a string",
    dict: "a table",
    list: "a list",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Path: "a string",
}


def setting(
    default: Any,
    *,
    least: float | None = None,
    most: float | None = None,
    choices: Sequence[str] = (),
) -> Any:
    """Make a field of a dataclass of settings.

    Parameters
    ----------
    default
        The value where a file does not name the setting.
    least, most
        Bounds of a number, included; None: it must be above 0, and at most 1e9.
    choices
        What a string can be; any if empty.
    """
    return field(
        default=default, metadata={"least": least, "most": most, "choices": tuple(choices)}
    )


def read_settings(
    kind: type[T], table: Mapping[str, Any], where: str, folder: Path | None = None
) -> T:
    """Make a dataclass of settings from a table.

    Fields can be numbers, strings, booleans, paths, tuples of strings or paths, and any of these
    or None, which a file cannot name. A tuple is written as a list, or one element alone.

    Parameters
    ----------
    kind
        The dataclass.
    table
        The table.
    where
        File and table, for messages.
    folder
        What paths are relative to; each must be a file there.

    Raises
    ------
    InputError
        Naming the first key that is unknown, or whose value is of another type, out of range, or
        no file.
    """
    hints = get_type_hints(kind)
    members: dict[str, Field[Any]] = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    types = {name: _type(hints[name]) for name in members}
    values: dict[str, Any] = {
        key: [value] if _is_tuple(types.get(key)) and isinstance(value, str) else value
        for key, value in table.items()
    }
    known = {name: list if _is_tuple(hint) else hint for name, hint in types.items()}
    check_keys(values, known, where)
    for key, value in values.items():
        if _is_tuple(types[key]):
            if not all(isinstance(item, str) for item in value):
                raise InputError(f"{where}: '{key}' must be a string or a list of strings")
            of_paths = get_args(types[key])[0] is Path
            values[key] = tuple(_file(v, key, where, folder) if of_paths else v for v in value)
        elif types[key] is Path:
            values[key] = _file(value, key, where, folder)
        else:
            _check_range(key, value, members[key].metadata, where)
    try:
        return kind(**values)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None


def check_keys(table: Mapping[str, Any], known: Mapping[str, type], where: str) -> None:
    """Refuse keys that are not known, and values of other types.

    Parameters
    ----------
    table
        The table.
    known
        Its keys and the types of their values.
    where
        File and table, for messages.

    Raises
    ------
    InputError
        Naming the key.
    """
    for key, value in table.items():
        if key not in known:
            raise InputError(f"{where}: unknown key '{key}'; known are {', '.join(known)}")
        kind = known[key]
        is_it = isinstance(value, str if kind is Path else kind)
        is_it = is_it or (kind is float and isinstance(value, int))
        if not is_it or (isinstance(value, bool) and kind is not bool):
            raise InputError(f"{where}: '{key}' must be {_KINDS[kind]}, not {value!r}")


def _type(hint: Any) -> Any:
    """Return the type of a value that may also be None."""
    if get_origin(hint) in (Union, UnionType):
        return next(option for option in get_args(hint) if option is not type(None))
    return hint


def _is_tuple(hint: Any) -> bool:
    return get_origin(hint) is tuple


def _file(name: str, key: str, where: str, folder: Path | None) -> Path:
    path = (folder or Path()) / name
    if not path.exists():  # it may be a folder too
        raise InputError(
            f"{where}: there is no file {path}; name the folder of the files with --folder"
        )
    return path


def _check_range(key: str, value: Any, metadata: Mapping[str, Any], where: str) -> None:
    if isinstance(value, bool):
        return
    if isinstance(value, str):
        choices = metadata.get("choices", ())
        if choices and value not in choices:
            any_of = (" or " if len(choices) < 3 else ", ").join(choices)
            raise InputError(f"{where}: '{key}' can be {any_of}, not '{value}'")
        return
    least, most = metadata.get("least"), metadata.get("most")
    low, high = least if least is not None else _LEAST, most if most is not None else _MOST
    if not low <= value <= high:
        range_ = "above 0" if least is None else f"at least {least:g}"
        if most is not None or value > high:
            range_ += f" and at most {high:g}"
        raise InputError(f"{where}: '{key}' must be {range_}, not {value!r}")

"""Translations: lines, n-best lists as Moses writes them, and JSON Lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from dnatag.errors import InputError
from dnatag.formats.io.reading import Source, display_name
from dnatag.formats.text.jsonl import parse_object
from dnatag.formats.text.lines import numbered_lines

__all__ = ["read_translations"]

_JSON = re.compile(r'\s*\{.*"translations"')
_N_BEST = re.compile(r"(\d+) \|\|\| (?:(.*?) )?\|\|\| .*")


def read_translations(path: Source, encoding: str = "utf-8") -> Iterator[str]:
    """Read the translation of each text, of several the best.

    Parameters
    ----------
    path
        A translation in each line; or what ``dnatag translate`` writes with ``--n-best`` or
        ``--to jsonl``, recognised by the first line.
    encoding
        Name of its character encoding.

    Raises
    ------
    InputError
        Naming file and line, if a line cannot be read.
    """
    name, lines = display_name(path), numbered_lines(path, encoding)
    first = next(lines, None)
    if first is None:
        return
    every = chain([first], lines)
    if _JSON.match(first[1]):
        yield from (_best(*line, name) for line in every if line[1].strip())
    elif _N_BEST.fullmatch(first[1]):
        yield from _first_of_each(every, name)
    else:
        yield from (line for _, line in every)


def _best(number: int, line: str, name: str) -> str:
    """Return the first translation of an object."""
    where = f"{name}: line {number}"
    found: Any = parse_object(line, where).get("translations")
    try:
        text = found[0]["text"]
    except (KeyError, IndexError, TypeError):
        text = None
    if not isinstance(text, str):
        raise InputError(f'{where}: has no "translations" with "text"')
    return text


def _first_of_each(lines: Iterable[tuple[int, str]], name: str) -> Iterator[str]:
    """Yield the first translation of each text of an n-best list, the texts numbered from 0."""
    last = -1
    for number, line in lines:
        match = _N_BEST.fullmatch(line)
        if match is None:
            raise InputError(
                f"{name}: line {number}: is not 'number ||| translation ||| score', as those before"
            )
        text = int(match[1])
        if text not in (last, last + 1):
            raise InputError(
                f"{name}: line {number}: is of text {text}, and text {last + 1} is missing"
            )
        if text > last:
            yield match[2] or ""
        last = text

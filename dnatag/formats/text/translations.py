"""Translations: lines, n-best lists as Moses writes them, and JSON Lines."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from typing import Any, NamedTuple

from dnatag.errors import InputError
from dnatag.formats.io.reading import Source, display_name
from dnatag.formats.text.jsonl import parse_object
from dnatag.formats.text.lines import numbered_lines

__all__ = ["check_text", "read_references", "read_translations"]

#: An object in place of a text.
_OBJECT = re.compile(r'\s*\{\s*"[^"]*"\s*:.*\}\s*$')
#: An object as ``--to jsonl`` writes it, or any other; a translation is hardly ever one.
_JSON = re.compile(rf'\s*\{{.*"translations"|{_OBJECT.pattern}')
_N_BEST = re.compile(r"(\d+) \|\|\| (?:(.*?) )?\|\|\| (.*)")
_NUMBER = re.compile(r"\s*-?\d+(\.\d*)?([eE][-+]?\d+)?\s*|\s*-inf\s*")


def check_text(line: str, where: str) -> None:
    """Refuse an object of JSON in place of a text to translate.

    Raises
    ------
    InputError
        Beginning with `where`.
    """
    if _OBJECT.match(line):
        raise InputError(
            f"{where}: is an object of JSON, and a text in each line is wanted (jq -r .text writes "
            "the texts)"
        )


class _Row(NamedTuple):
    """A line of an n-best list."""

    line: int
    text: int
    translation: str
    score: float


def read_translations(path: Source, encoding: str = "utf-8") -> Iterator[str]:
    """Read the translation of each text, of several that with the highest score.

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
        yield from _best_of_each(every, name)
    else:
        yield from (line for _, line in every)


def read_references(path: Source, encoding: str = "utf-8") -> Iterator[str]:
    """Read a reference: a translation in each line.

    Raises
    ------
    InputError
        Naming the file, if it has translations with scores, as models write them.
    """
    name, lines = display_name(path), numbered_lines(path, encoding)
    for number, line in lines:
        if number == 1 and (_JSON.match(line) or _N_BEST.fullmatch(line)):
            raise InputError(
                f"{name}: has translations with scores, as a model writes them; a reference has a "
                "translation in each line, and is named first"
            )
        yield line


def _best(number: int, line: str, name: str) -> str:
    """Return the best translation of an object: the first, if they have no scores."""
    where = f"{name}: line {number}"
    found: Any = parse_object(line, where).get("translations")
    try:
        text = max(found, key=lambda one: float(one.get("score", -math.inf)))["text"]
    except (AttributeError, KeyError, TypeError, ValueError):
        text = None
    if not isinstance(text, str):
        raise InputError(f'{where}: has no "translations" with "text"')
    return text


def _best_of_each(lines: Iterable[tuple[int, str]], name: str) -> Iterator[str]:
    """Yield the best translation of each text of an n-best list, the texts numbered from 0."""
    rows = (_row(*line, name) for line in lines)
    for expected, (text, group) in enumerate(groupby(rows, lambda row: row.text)):
        first = next(group)
        if text != expected:
            raise InputError(
                f"{name}: line {first.line}: is of text {text}, and text {expected} is missing"
            )
        yield max(chain([first], group), key=lambda row: row.score).translation


def _row(number: int, line: str, name: str) -> _Row:
    match = _N_BEST.fullmatch(line)
    # Moses has features before the score, and alignments behind it.
    rest = match[3].split("|||") if match else []
    numbers = [field for field in rest if _NUMBER.fullmatch(field)]
    if match is None or not numbers:
        raise InputError(
            f"{name}: line {number}: is not 'number ||| translation ||| score', as those before"
        )
    return _Row(number, int(match[1]), match[2] or "", float(numbers[-1]))

"""What files of annotation tools are read into: texts with marks on their characters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from dnatag.errors import InputError
from dnatag.formats.io.limits import limits
from dnatag.formats.text.lines import tokenize
from dnatag.formats.text.tokens import Sentence

__all__ = [
    "MARKS",
    "Document",
    "Mark",
    "Split",
    "check_length",
    "check_mark",
    "others",
]

#: Where Doccano's exports have spans: as [start, end, type] under the first ones, as objects under
#: the last.
MARKS = ("label", "labels", "entities")

#: Finds the tokens of a text and the place of each.
Split: TypeAlias = Callable[[str], tuple[list[str], list[tuple[int, int]]]]


class Mark(NamedTuple):
    """Characters that somebody marked.

    Parameters
    ----------
    start, end
        0-based and half-open.
    type
        What they are.
    """

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Document:
    """A text, annotated or not.

    Parameters
    ----------
    text
        All of it.
    marks
        May overlap. None if nobody has annotated the text, () if nothing in it is marked.
    id
        Its name, "" if it has none.
    line
        1-based line or record of the file, 0 if the file has this one only.
    offsets
        Places of the tokens, if the file has tokens.
    source
        What else is needed to write it back, see :class:`~dnatag.formats.text.tokens.Sentence`.
    """

    text: str
    marks: tuple[Mark, ...] | None = None
    id: str = ""
    line: int = 0
    offsets: tuple[tuple[int, int], ...] | None = None
    source: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    def split(self, split: Split | None) -> Sentence:
        """Return its tokens: its own, or those that `split` (None: ``tokenize``) finds."""
        if self.offsets is None:
            tokens, offsets = (split or tokenize)(self.text)
        else:
            tokens, offsets = [self.text[a:b] for a, b in self.offsets], list(self.offsets)
        return Sentence(
            tuple(tokens),
            id=self.id,
            text=self.text,
            offsets=tuple(offsets),
            source=self.source,
            line=self.line,
        )


def others(sentence: Sentence) -> dict[str, Any]:
    """Return what the object that a sentence was read from has beside marks, {} if there is none.

    Examples
    --------
    >>> others(Sentence(("Ada",), source={"doc": 7, "label": [[0, 3, "PER"]]}))
    {'doc': 7}
    """
    item = sentence.source if isinstance(sentence.source, dict) else {}
    return {key: value for key, value in item.items() if key not in (*MARKS, "relations")}


def check_length(text: str, where: str) -> str:
    """Return a text that was read.

    Raises
    ------
    InputError
        Saying where, if it is longer than ``text`` of :class:`~dnatag.formats.io.limits.Limits`.
    """
    most = limits().text
    if len(text) > most:
        raise limits().error(where, f"the text has more than {most:,} characters")
    return text


def check_mark(start: Any, end: Any, type_: Any, text: str, where: str) -> Mark:
    """Return a mark that was read.

    Raises
    ------
    InputError
        Saying where, if it is no part of the text, or has no type.
    """
    if not isinstance(type_, str):
        raise InputError(f"{where}: the type of a span is no string: {type_!r}")
    numbers = all(isinstance(n, int) and not isinstance(n, bool) for n in (start, end))
    if not numbers or not 0 <= start < end <= len(text):
        raise InputError(
            f"{where}: the span from {start!r} to {end!r} is no part of the text, which has "
            f"{len(text)} characters"
        )
    return Mark(start, end, type_)

"""Folders of the annotation tool brat: a text (.txt) and its annotations (.ann) each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from dnatag.errors import InputError
from dnatag.formats.io.reading import Source, display_name, read_decoded
from dnatag.formats.text.documents import Document, Mark, check_length, check_mark
from dnatag.formats.text.tokens import Entity, Sentence

__all__ = ["BratWriter", "is_brat", "read_brat"]

#: A text-bound annotation: name, type, one or more ranges of characters, and what they hold.
#: Numbers of more digits than a place in a text can have are none.
_RANGE = r"\d{1,18} \d{1,18}"
_TEXT_BOUND = re.compile(rf"T\S*\t(\S+) ({_RANGE}(?:;{_RANGE})*)(?:\t(.*))?", re.DOTALL)
#: How other annotations begin: events, relations, equivalences, attributes, normalizations, notes.
_OTHERS = ("E", "R", "*", "A", "M", "N", "#")
_UNFIT = re.compile(r"[^\w.-]+")


def is_brat(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder has texts for brat."""
    return any(Path(folder).glob("*.txt"))


def read_brat(folder: Source, encoding: str = "utf-8") -> Iterator[Document]:
    """Read the texts of a folder, in the order of their names.

    Parameters
    ----------
    folder
        Text-bound annotations are read, all others passed over. One of several ranges is taken
        to reach from its first to its last character.
    encoding
        Name of the character encoding of all files.

    Yields
    ------
    Document
        Named after its file; not annotated if it has no ``.ann``.

    Raises
    ------
    InputError
        Naming file and line, if a file cannot be read, or an annotation does not fit the text.
    """
    own = Path(display_name(folder))
    for notes in sorted(own.glob("*.ann")):
        if not notes.with_suffix(".txt").exists():
            raise InputError(f"{notes}: has no text: there is no {notes.stem}.txt beside it")
    for path in sorted(own.glob("*.txt")):
        # Line ends stay as they are, since offsets count them.
        text = check_length(read_decoded(path, encoding), str(path))
        notes = path.with_suffix(".ann")
        marks = None
        if notes.exists():
            marks = tuple(_marks(read_decoded(notes, encoding), text, str(notes)))
        yield Document(text, marks, path.stem)


def _marks(notes: str, text: str, name: str) -> Iterator[Mark]:
    # Other line ends, such as U+2028, may be within words.
    for number, line in enumerate(re.split("\r?\n", notes.removeprefix("\ufeff")), 1):
        if not line.strip() or line.startswith(_OTHERS):
            continue
        where = f"{name}: line {number}"
        match = _TEXT_BOUND.fullmatch(line)
        if match is None:
            raise InputError(
                f"{where}: is no annotation of text, which is written as "
                "T1<tab>Type 0 5<tab>words: " + line[:100]
            )
        type_, ranges, words = match.groups()
        parts = [tuple(map(int, one.split())) for one in ranges.split(";")]
        there = " ".join(text[start:end] for start, end in parts)
        if words is not None and words.split() != there.split():
            raise InputError(
                f"{where}: has {words!r} where the text has {there!r}; offsets are counted in "
                "characters, line ends among them"
            )
        start, end = min(start for start, _ in parts), max(end for _, end in parts)
        yield check_mark(start, end, type_, text, where)


class BratWriter:
    """Writes texts with their entities into a folder.

    Parameters
    ----------
    folder
        Where files are written.
    name
        Of the text that all sentences without a name are lines of.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._written: set[str] = set()
        self._open = ""
        self._text: list[str] = []
        self._notes: list[str] = []
        self._length = 0

    def add(self, sentence: Sentence, entities: Iterable[Entity]) -> None:
        """Write a sentence: a text of its own if it has a name, else a line of one."""
        name = _UNFIT.sub("_", sentence.id or self._name).strip("._") or "text"
        if sentence.id or name != self._open:
            self.finish()
            if name in self._written:
                raise InputError(f"two texts are called {name}, and so would be their files")
            self._open = name
        text, offsets = sentence.located()
        for entity in entities:
            start, end = offsets[entity.start][0], offsets[entity.end - 1][1]
            # A range ends at a line end: annotations are lines, and hold what they annotate.
            parts = [m.span() for m in re.compile(r"[^\r\n]+").finditer(text, start, end)]
            places = ";".join(f"{self._length + a} {self._length + b}" for a, b in parts)
            words = " ".join(text[a:b] for a, b in parts)
            type_ = re.sub(r"\s+", "_", entity.type) or "Span"
            self._notes.append(f"T{len(self._notes) + 1}\t{type_} {places}\t{words}\n")
        if not sentence.id:
            text += "\n"
        self._text.append(text)
        self._length += len(text)

    def finish(self) -> None:
        """Write the last text."""
        if self._open:
            self._written.add(self._open)
            for ending, parts in ((".txt", self._text), (".ann", self._notes)):
                content = "".join(parts).encode("utf-8", "backslashreplace")
                (self._folder / (self._open + ending)).write_bytes(content)
        self._open, self._text, self._notes, self._length = "", [], [], 0

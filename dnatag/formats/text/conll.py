"""CoNLL: a token in a line, in columns; sentences end with blank lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Literal, NamedTuple, TextIO, TypeAlias

from dnatag.errors import CONTROL, InputError, without_control
from dnatag.formats.io.limits import limits
from dnatag.formats.io.reading import Source, display_name
from dnatag.formats.text.lines import numbered_lines
from dnatag.formats.text.tokens import ConllLines, Sentence

__all__ = ["Column", "is_numbered", "read_conll", "width", "with_tags_of", "write_conll"]

#: Counted from 1 or, from the end, from -1; or as the file has it.
Column: TypeAlias = int | Literal["auto"]


#: Stands in place of a token between documents.
DOCUMENT = "-DOCSTART-"
#: Other white space, such as no-break spaces, can be within a token.
SPACES = re.compile(" +")
#: First column of CoNLL-U lines that are no tokens: a contraction's range, an elided word.
NO_WORD = re.compile(r"\d+-\d+|\d+\.\d+")
NUMBER = re.compile(r"\d+")
#: A line of a table with commas or the like; a number such as 1,000 is a token.
WITH_COMMAS = re.compile(r"\S+[,;|][^\s\d]\S*")
#: Lines of the first sentence that the layout is judged by, at most.
LOOKED_AT = 1000
#: Columns of CoNLL-U.
CONLLU = 10
#: JSON Lines may hold these, lone halves of surrogate pairs among them.
UNWRITABLE = re.compile(rf"[\t\ud800-\udfff]|{CONTROL.pattern}")


def read_conll(
    path: Source,
    token_column: Column = "auto",
    tag_column: Column | None = None,
    encoding: str = "utf-8",
) -> Iterator[Sentence]:
    """Read the sentences of a file in columns, CoNLL-2003 to CoNLL-U.

    A line that has tabs is split at these, any other at spaces. Comments as in CoNLL-U (lines
    before the tokens of a sentence that begin with "#" and have no tab, in a file whose first
    token's line has tabs), its ranges and empty nodes (if the tokens are not in the first
    column), and "-DOCSTART-" lines are no tokens, but are kept for writing.

    Parameters
    ----------
    path
        The file, plain or compressed, or "-" for standard input.
    token_column
        Counted from 1 or, from the end, from -1. "auto" is the first column, or the second if the
        first one counts the tokens, as in CoNLL-U.
    tag_column
        Likewise; None reads no tags. "auto" is the last column, but of CoNLL-U's ten the fourth,
        with the universal parts of speech.
    encoding
        Name of the character encoding.

    Yields
    ------
    Sentence
        With its lines. The last one has no tokens if the file ends in other lines.

    Raises
    ------
    InputError
        Naming file and line, if a column is missing or empty, the tokens' column counts them,
        CoNLL-U miscounts them, columns are separated by commas, or the file cannot be decoded.
    """
    if 0 in (token_column, tag_column):
        raise ValueError("columns are counted from 1 or from -1")
    name = display_name(path)
    layout, lines = _peek(numbered_lines(path, encoding))
    columns = layout.columns(name, token_column, tag_column)
    counts = token_column == "auto" and layout.conllu
    draft, bounds, pick = _Draft(), limits(), _Picker(columns)
    for number, line in lines:
        if not line.strip():
            if draft.cells:
                yield draft.finish()
                draft = _Draft()
            elif draft.lines and draft.lines[-1]:
                draft.lines.append("")  # what came before belongs with the next sentence
            continue
        if len(draft.lines) >= bounds.text:
            what = f"a sentence has more than {bounds.text:,} lines; blank lines end sentences"
            raise bounds.error(f"{name}: line {number}", what)
        if "\t" not in line:
            line = line.strip(" ")
        cells = _split(line)
        document = DOCUMENT in cells
        if document and draft.cells:
            yield draft.finish()
            draft = _Draft()
        comment = layout.tabbed and not draft.cells and line.startswith("#") and "\t" not in line
        if document or comment or (columns[0] != 1 and NO_WORD.fullmatch(cells[0])):
            draft.add(number, line)
        else:
            if counts and cells[0] != (due := str(len(draft.cells) + 1)):
                raise InputError(
                    f"{name}: line {number}: begins with '{cells[0]}' in place of {due}, and "
                    "CoNLL-U counts the tokens of each sentence; add the line that is missing "
                    "(between sentences a blank one), or name the tokens' column with token-column"
                )
            try:
                picked = pick(cells)
            except ValueError as error:
                raise InputError(f"{name}: line {number}: {error}") from None
            token, *tag = picked
            draft.add(number, line, [token, *map(_tag, tag)])
    if draft.lines:
        yield draft.finish()


def write_conll(handle: TextIO, sentence: Sentence, tags: Sequence[str]) -> None:
    """Write a sentence with its tags as the last column, and a blank line.

    Parameters
    ----------
    handle
        Where to write.
    sentence
        The lines of one from a CoNLL file are kept, and lengthened by the tag after a tab, or
        after a space where columns are separated by spaces. Any other is written in two
        columns, separated by a tab.
    tags
        One for each token.

    Raises
    ------
    InputError
        If a token of another format holds what a column cannot, such as a tab.
    """
    if len(tags) != len(sentence.tokens):
        raise ValueError("there must be one tag for each token")
    if isinstance(sentence.source, ConllLines):
        lines = list(sentence.source.lines)
        if CONTROL.search("".join(lines)):
            lines = [without_control(line) for line in lines]
        for row, tag in zip(sentence.source.rows, tags, strict=True):
            spaced = "\t" not in lines[row] and " " in lines[row]
            lines[row] += (" " if spaced else "\t") + tag
    else:
        lines = []
        for token, tag in zip(sentence.tokens, tags, strict=True):
            if UNWRITABLE.search(token):
                raise InputError(
                    f"line {sentence.line}: CoNLL columns cannot hold the token {token!r}; "
                    "write JSON Lines instead"
                )
            lines.append(f"{token}\t{tag}")
    handle.write("".join(line + "\n" for line in (*lines, "")))


def width(sentences: Sequence[Sentence]) -> int:
    """Return the number of columns of the first token of sentences that were read; 0 for none."""
    for sentence in sentences:
        if isinstance(sentence.source, ConllLines) and sentence.source.rows:
            return len(_split(sentence.source.lines[sentence.source.rows[0]]))
    return 0


def with_tags_of(sentence: Sentence, column: int) -> Sentence:
    """Return a sentence that was read, with the tags of another column.

    Raises
    ------
    InputError
        If a token has no such column.
    """
    assert isinstance(sentence.source, ConllLines)
    lines = [sentence.source.lines[row] for row in sentence.source.rows]
    cells = (_split(line if "\t" in line else line.strip(" ")) for line in lines)
    pick = _Picker((column,))
    try:
        return replace(sentence, tags=tuple(_tag(pick(row)[0]) for row in cells))
    except ValueError as error:
        raise InputError(f"the sentence at line {sentence.line}: {error}") from None


class _Draft:
    """A sentence that is being read."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.cells: list[list[str]] = []  # of each token, and its tag if asked for
        self._rows: list[int] = []
        self._begin = 0

    def add(self, number: int, line: str, cells: list[str] | None = None) -> None:
        """Take a line, with the cells of its token if it has one."""
        if not self.lines or not self.lines[-1]:
            self._begin = number
        if cells is not None:
            self._rows.append(len(self.lines))
            self.cells.append(cells)
        self.lines.append(line)

    def finish(self) -> Sentence:
        """Return the sentence."""
        if not self.lines[-1]:
            self.lines.pop()
        tokens, *tags = zip(*self.cells, strict=True) if self.cells else ((),)
        return Sentence(
            tokens,
            tags=tags[0] if tags else None,
            source=ConllLines(tuple(self.lines), tuple(self._rows)),
            line=self._begin,
        )


def is_numbered(rows: Sequence[str]) -> bool:
    """Judge whether the first of several columns counts the tokens of a sentence.

    Parameters
    ----------
    rows
        The lines of the first sentence of a file, without comments.

    Returns
    -------
    bool
        True if it counts from 1 to 3 at least, or there are ten columns or more and it has numbers
        alone, gaps in which :func:`read_conll` refuses; ranges and empty nodes of CoNLL-U aside.
    """
    cells = [_split(row.strip(" ")) for row in rows]
    words = [row for row in cells if len(row) > 1 and not NO_WORD.fullmatch(row[0])]
    if words and len(words[0]) >= CONLLU:
        # The comments of the next sentence are here if the blank line before it is missing.
        numbers = [row[0] for row in words if not row[0].startswith("#")]
        return numbers == ["1"] or (len(numbers) > 1 and all(map(NUMBER.fullmatch, numbers)))
    counted = [row[0] for row in words] == [str(i) for i in range(1, len(words) + 1)]
    return counted and len(words) > 2


class _Layout(NamedTuple):
    """How the first sentence of a file is laid out."""

    tabbed: bool  # whether the line of the first token has tabs
    numbered: bool
    width: int  # number of columns; ranges and empty nodes may lack the last one
    commas: str  # the first line, if there are commas or the like instead of tabs or spaces

    @property
    def conllu(self) -> bool:
        """Whether it has the columns of CoNLL-U, and maybe more."""
        return self.numbered and self.width >= CONLLU

    def columns(self, name: str, token: Column, tag: Column | None) -> tuple[int, ...]:
        """Return the columns to read."""
        if token == "auto":
            token = 2 if self.numbered else 1
        elif token == 1 and self.numbered:
            raise InputError(
                f"{name}: the first column counts the tokens; name the column of the tokens, 2 in "
                "CoNLL-U, with token-column"
            )
        if tag is None and self.commas:
            raise InputError(
                f"{name}: columns are separated by tabs or spaces, not by commas or the like as in "
                f"{self.commas!r}"
            )
        if tag is None:
            return (token,)
        if tag == "auto":
            tag = 4 if self.numbered and self.width == CONLLU else -1
        return token, tag


def _peek(lines: Iterator[tuple[int, str]]) -> tuple[_Layout, Iterable[tuple[int, str]]]:
    """Look at the first sentence; return all lines again."""
    head = []
    rows: list[str] = []
    for number, line in lines:
        head.append((number, line))
        no_token = not line.strip() or DOCUMENT in _split(line)
        if rows and (no_token or len(rows) == LOOKED_AT):
            break
        if not no_token and (rows or "\t" in line or not line.startswith("#")):
            rows.append(line)
    tabbed = bool(rows) and "\t" in rows[0]
    width = max((len(_split(row)) for row in rows), default=0)
    commas = rows[0] if len(rows) > 1 and all(map(WITH_COMMAS.fullmatch, rows)) else ""
    return _Layout(tabbed, is_numbered(rows), width, commas), chain(head, lines)


def _split(line: str) -> list[str]:
    return line.split("\t") if "\t" in line else SPACES.split(line)


def _tag(cell: str) -> str:
    """Return a tag without the spaces at its end, which tokens may have."""
    return cell.rstrip(" ")


class _Picker:
    """Picks the cells of a token and its tag, or of one of them, from those of a line.

    Parameters
    ----------
    columns
        Counted from 1 or, from the end, from -1.
    """

    def __init__(self, columns: tuple[int, ...]) -> None:
        self._columns = columns
        self._known: dict[int, list[int]] = {}  # where the columns are, by the number of cells

    def __call__(self, cells: list[str]) -> list[str]:
        """Return the cells of the columns.

        Raises
        ------
        ValueError
            If a column is missing or empty.
        """
        if (places := self._known.get(len(cells))) is None:
            places = self._known[len(cells)] = self._places(cells)
        picked = [cells[place] for place in places]
        if "" in picked:
            column = self._columns[picked.index("")]
            raise ValueError(f"column {column} is empty; fill it or name another column")
        return picked

    def _places(self, cells: list[str]) -> list[int]:
        for column in self._columns:
            if not -len(cells) <= (column - 1 if column > 0 else column) < len(cells):
                raise ValueError(
                    f"has {len(cells)} columns, no column {column}; fix the line or name another "
                    "column"
                )
        places = [column - 1 if column > 0 else len(cells) + column for column in self._columns]
        if len(places) > len(set(places)):
            commas = ", not by commas" if "," in cells[places[0]] else ""
            frames = " (labels of frames want --domain features)" if len(cells) == 1 else ""
            raise ValueError(
                f"token and tag are in the same column; columns are separated by tabs or "
                f"spaces{commas}, so fix the line or name other columns{frames}"
            )
        return places

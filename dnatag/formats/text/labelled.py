"""Texts with one label each: fastText lines, tables, JSON Lines, and trees of phrases."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from dnatag.errors import InputError
from dnatag.formats.io.limits import limits
from dnatag.formats.io.reading import Source, display_name
from dnatag.formats.text.jsonl import read_jsonl
from dnatag.formats.text.lines import numbered_lines

__all__ = [
    "PREFIX",
    "LabelledText",
    "check_fasttext",
    "label_of",
    "read_fasttext",
    "read_labelled_jsonl",
    "read_plain",
    "read_rows",
    "read_texts",
    "read_trees",
    "write_fasttext",
]

#: What a label begins with in fastText's files.
PREFIX = "__label__"
#: What the columns of a table may be called.
TITLES = {"text": "text", "sentence": "text", "label": "label", "id": "id"}
#: What fastText takes for a space.
_SPACE = re.compile(r"[ \t\v\f\0]")
_NODE = re.compile(r"\(([^\s()]+) ?|([^\s()]+)|(\))|(\s+)")


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text, and its label if the file has one.

    Parameters
    ----------
    text
        The text; may be empty.
    label
        Its label, None if the file has none or several.
    source
        The object of a JSON Lines file; of a table with the column "id", id and text.
    line
        1-based line of the file.
    labels
        All labels of a line of fastText's.
    """

    text: str
    label: str | None = None
    source: dict[str, Any] | None = field(default=None, repr=False, compare=False)
    line: int = 0
    labels: tuple[str, ...] = ()

    def only_label(self, file: object) -> str:
        """Return the label.

        Raises
        ------
        InputError
            Naming the file and the line, if there is none or several.
        """
        if self.label is None:
            what = f"has {len(self.labels)} labels; give one" if self.labels else "has no label"
            raise InputError(f"{file}: line {self.line}: {what}")
        return self.label


def read_fasttext(path: Source, encoding: str = "utf-8") -> Iterator[LabelledText]:
    """Read lines such as ``__label__pos a lovely film``, with any number of labels.

    Parameters
    ----------
    path
        The file, plain or compressed, or "-" for standard input.
    encoding
        Name of its character encoding.

    Raises
    ------
    InputError
        Naming file and line, if a line cannot be read.
    """
    for number, line in numbered_lines(path, encoding):
        words = _SPACE.split(line)
        labels = [word[len(PREFIX) :] for word in words if word.startswith(PREFIX)]
        labels = list(filter(None, labels))
        text = " ".join(word for word in words if not word.startswith(PREFIX))
        only = labels[0] if len(labels) == 1 else None
        yield LabelledText(text, only, line=number, labels=tuple(labels))


def read_plain(path: Source, encoding: str = "utf-8") -> Iterator[LabelledText]:
    """Read lines as texts without labels; parameters and errors as for fastText lines."""
    for number, line in numbered_lines(path, encoding):
        yield LabelledText(line, line=number)


def read_texts(path: Source, encoding: str = "utf-8") -> Iterator[LabelledText]:
    """Read a table of texts, with tabs between columns.

    The first line may name the columns: "text" or "sentence", and "label" and "id"; without names
    there are two columns, label and text.

    Parameters, errors
        As for fastText lines; also if names of columns are without that of the text.
    """
    for number, row in read_rows(path, ("label", "text"), TITLES, encoding):
        label, text = row.get("label", ""), row.get("text")
        if text is None:
            raise InputError(f"{display_name(path)}: line {number}: there is no column 'text'")
        source = {"id": row["id"], "text": text} if "id" in row else None
        yield LabelledText(text, label if label.strip() else None, source, number)


def read_labelled_jsonl(path: Source, encoding: str = "utf-8") -> Iterator[LabelledText]:
    """Read objects such as ``{"text": "...", "label": "pos"}``; labels may be numbers.

    Parameters, errors
        As for fastText lines.
    """
    for sentence in read_jsonl(path, encoding):
        source = sentence.source if isinstance(sentence.source, dict) else {}
        label, text = source.get("label"), sentence.located()[0]
        where = f"{display_name(path)}: line {sentence.line}"
        known = None if label in (None, "") else label_of(label, where)
        yield LabelledText(text, known, source, sentence.line)


def label_of(value: Any, where: str) -> str:
    """Return a label of JSON as text.

    Parameters
    ----------
    value
        A text, a number, or true or false.
    where
        File and line, for messages.

    Raises
    ------
    InputError
        If it is something else, such as a list of several.

    Examples
    --------
    >>> label_of("good", "a.jsonl"), label_of(3, "a.jsonl"), label_of(True, "a.jsonl")
    ('good', '3', 'true')
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, int | float):
        raise InputError(f"{where}: the label must be one text or number, and is {value!r:.60}")
    return json.dumps(value)


def read_trees(
    path: Source, encoding: str = "utf-8", phrases: bool = False
) -> Iterator[LabelledText]:
    """Read trees as in the Stanford Sentiment Treebank: ``(3 (2 a) (3 (3 good) (2 film)))``.

    Parameters
    ----------
    path, encoding
        As for fastText lines.
    phrases
        Whether to give the phrase of every node, the whole text first, instead of the text alone.

    Raises
    ------
    InputError
        Naming file and line, if a line is no tree or cannot be read.
    """
    for number, line in numbered_lines(path, encoding):
        if not line.strip():
            continue
        where = f"{display_name(path)}: line {number}"
        try:
            words, nodes = _nodes(line)
        except ValueError as error:
            raise InputError(f"{where}: is no tree: {error}") from None
        if not phrases:
            nodes = nodes[:1]
        elif sum(end - first for _, first, end in nodes) > limits().text:
            raise limits().error(where, f"the {len(nodes):,} phrases of a tree have too many words")
        for label, first, end in nodes:
            yield LabelledText(" ".join(words[first:end]), label, line=number)


def read_rows(
    path: Source,
    columns: Sequence[str],
    titles: Mapping[str, str],
    encoding: str = "utf-8",
    *,
    titled: bool = False,
) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a table with tabs between its columns, whose first line may name them.

    Parameters
    ----------
    path, encoding
        As for fastText lines. Blank lines are passed over.
    columns
        Names of the columns if the first line names none.
    titles
        The name of the column behind each title, in lower case; other columns are passed over.
    titled
        Whether the first line must name the columns.

    Yields
    ------
    number : int
        Of the line, counted from 1.
    row : dict of str to str
        The cells by the names of their columns.

    Raises
    ------
    InputError
        Naming file and line, if a line has another number of columns or cannot be read.
    """
    name, names = display_name(path), None
    for number, line in numbered_lines(path, encoding):
        if not line.strip():
            continue
        cells = line.split("\t")
        if names is None:
            found = [titles.get(cell.strip().lower(), "") for cell in cells]
            # A label may be "id" too, of Indonesian.
            if {*found} - {"", "id"}:
                names = found
                continue
            if titled or len(cells) != len(columns):
                wanted = ", ".join(sorted(titles))
                raise InputError(
                    f"{name}: line {number}: must name the columns, with tabs between: {wanted}"
                )
            names = list(columns)
        if len(cells) != len(names):
            raise InputError(
                f"{name}: line {number}: has {len(cells)} columns, the first line {len(names)}"
            )
        pairs = zip(names, map(_unquoted, cells), strict=True)
        yield number, {column: cell for column, cell in pairs if column}


def _unquoted(cell: str) -> str:
    """Return a cell as it was before a spreadsheet or pandas quoted it, since it has quotes.

    Examples
    --------
    >>> _unquoted('"a ""lovely"" film"'), _unquoted('"a film"')
    ('a "lovely" film', '"a film"')
    """
    inner = cell[1:-1]
    quoted = cell[:1] == cell[-1:] == '"' and '""' in inner and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if quoted else cell


def check_fasttext(labels: Iterable[str]) -> None:
    """Refuse labels that fastText's lines cannot hold.

    Raises
    ------
    InputError
        Naming the first that has a space.
    """
    for label in labels:
        if _SPACE.search(label):
            raise InputError(
                f"the label {label!r} has a space, and fastText ends labels there: write JSON Lines"
            )


def write_fasttext(handle: TextIO, scores: Mapping[str, float]) -> None:
    """Write labels and their probabilities as fastText does: ``__label__pos 0.98``."""
    handle.write(" ".join(f"{PREFIX}{label} {score:.6g}" for label, score in scores.items()) + "\n")


def _nodes(line: str) -> tuple[list[str], list[tuple[str, int, int]]]:
    """Return the words of a tree; and of all nodes, the root first, label and part of the words."""
    words: list[str] = []
    open_: list[int] = []  # places in the result
    nodes: list[tuple[str, int, int]] = []
    end = 0
    while end < len(line):
        match = _NODE.match(line, end)
        if match is None:
            raise ValueError(f"there is no node at character {end + 1}")
        end = match.end()
        label, word, closed, _ = match.groups()
        if nodes and not open_ and not match[4]:
            raise ValueError("something follows its end")
        if label is not None:
            open_.append(len(nodes))
            nodes.append((label, len(words), len(words)))
        elif word is not None:
            if not open_:
                raise ValueError("it does not begin with a bracket")
            words.append(word)
        elif closed:
            if not open_:
                raise ValueError("a bracket is closed that was not opened")
            label, first, _ = nodes[open_[-1]]
            nodes[open_.pop()] = (label, first, len(words))
    if open_ or not nodes:
        raise ValueError("a bracket is not closed")
    return words, nodes

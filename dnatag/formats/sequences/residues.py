"""FASTA of proteins, and the same with a line of labels below each sequence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TextIO

from dnatag.errors import InputError
from dnatag.formats.io.reading import Source, display_name
from dnatag.formats.text.lines import numbered_lines
from dnatag.formats.text.tokens import Sentence

__all__ = ["read_residues", "write_residues"]

ILLEGAL = re.compile(r"[^A-Za-z*]")


def read_residues(path: Source, labelled: bool, encoding: str = "utf-8") -> Iterator[Sentence]:
    """Read proteins one by one.

    Parameters
    ----------
    path
        A FASTA file, plain or compressed, or "-" for standard input. Blank lines are passed
        over.
    labelled
        Whether each record has exactly three lines, the last one with a label (a character)
        for each residue. Otherwise the sequence may take any number of lines, and an asterisk
        at its end (the stop) is dropped.
    encoding
        Name of the character encoding.

    Yields
    ------
    Sentence
        With the header line, and a token for each residue: an upper-case letter, "X" for an
        asterisk.

    Raises
    ------
    InputError
        Naming file, line and record, if the file is empty or no FASTA, or a record has no
        name, no sequence, illegal letters, or not as many labels as residues.
    """
    name = display_name(path)
    record: _Record | None = None
    for number, line in numbered_lines(path, encoding):
        line = line.strip()
        if line.startswith(">"):
            if record is not None:
                yield record.finish(labelled)
            record = _Record(name, number, line)
        elif line and record is None:
            raise InputError(f"{name}: is not FASTA: it begins with {line[:20]!r}, not with '>'")
        elif line and record is not None:
            record.rows.append((number, line))
    if record is None:
        raise InputError(f"{name}: is empty")
    yield record.finish(labelled)


def write_residues(handle: TextIO, sentence: Sentence, labels: Sequence[str]) -> None:
    """Write a record of three lines: header, sequence and labels.

    Parameters
    ----------
    handle
        Where to write.
    sentence
        The header of one from a FASTA file is kept.
    labels
        One character for each token.

    Raises
    ------
    InputError
        If a token or a label is not a single character.
    """
    if len(labels) != len(sentence.tokens):
        raise ValueError("there must be one label for each token")
    long = next((cell for cell in (*sentence.tokens, *labels) if len(cell) != 1), None)
    if long is not None:
        raise InputError(
            f"record '{sentence.id}': FASTA with labels holds single characters, not {long!r}; "
            "write CoNLL or JSON Lines instead"
        )
    header = sentence.source if isinstance(sentence.source, str) else f">{sentence.id}"
    handle.write(f"{header}\n{''.join(sentence.tokens)}\n{''.join(labels)}\n")


class _Record:
    """A record that is being read."""

    def __init__(self, name: str, line: int, header: str) -> None:
        self.rows: list[tuple[int, str]] = []  # numbers and text of the lines below the header
        self._name = name
        self._line = line
        self._header = header
        words = header[1:].split(None, 1)
        if not words:
            raise InputError(f"{name}: line {line}: the header is empty; give the record a name")
        self._id = words[0]

    def finish(self, labelled: bool) -> Sentence:
        """Return the protein."""
        rows = self.rows
        labels = None
        if labelled:
            if len(rows) != 2:
                raise self._error(
                    self._line,
                    f"has {len(rows)} lines below the header, not 2 (sequence and labels)",
                )
            (_, sequence), (number, labels) = rows
            if len(sequence) != len(labels):
                raise self._error(
                    number,
                    f"has {len(labels)} labels for {len(sequence)} residues; give each one label",
                )
            rows = rows[:1]
        for number, text in rows:
            if match := ILLEGAL.search(text):
                raise self._error(number, f"illegal letter {match.group()!r}; write residues A-Z")
        sequence = "".join(text for _, text in rows).upper()
        if not labelled:
            sequence = sequence.removesuffix("*")
        if not sequence:
            raise self._error(self._line, "has no sequence")
        return Sentence(
            tuple(sequence.replace("*", "X")),
            tags=None if labels is None else tuple(labels),
            id=self._id,
            source=self._header,
            line=self._line,
        )

    def _error(self, line: int, reason: str) -> InputError:
        return InputError(f"{self._name}: line {line}: record '{self._id}': {reason}")

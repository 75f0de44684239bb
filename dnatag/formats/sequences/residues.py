"""FASTA of proteins, and the same with a line of labels below each sequence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TextIO

from dnatag.errors import InputError, without_control
from dnatag.formats.io.limits import limits
from dnatag.formats.io.reading import NAME_ENCODING, Source, display_name
from dnatag.formats.sequences.fasta import parse_fasta
from dnatag.formats.text.tokens import Sentence

__all__ = ["read_residues", "residues_of", "write_residues"]

ILLEGAL = re.compile(r"[^A-Za-z*.]")


def read_residues(
    path: Source,
    labelled: bool,
    encoding: str = "utf-8",
    *,
    skipped: Callable[[str], None] | None = None,
) -> Iterator[Sentence]:
    """Read proteins one by one.

    Parameters
    ----------
    path
        A FASTA file, plain or compressed, or "-" for standard input. Blank lines are passed
        over.
    labelled
        Whether each record has exactly three lines, the last one with a label (a character)
        for each residue. Otherwise the sequence may take any number of lines, and a stop at
        its end, an asterisk or gffread's dot, is dropped.
    encoding
        Name of the character encoding.
    skipped
        Receives a message for each record without a sequence, which is passed over; by default
        such a record is refused.

    Yields
    ------
    Sentence
        With the header line, and a token for each residue: an upper-case letter, "X" for a stop
        within.

    Raises
    ------
    InputError
        Naming file, line and record, if the file is empty or no FASTA, or a record has no
        name, no sequence, illegal letters, or not as many labels as residues; or, where labels
        are not expected, if it looks like nucleotides or has a line of labels.
    """
    name = display_name(path)
    empty = True
    for found in parse_fasta(
        path, lambda header, at: _Protein(header, name, at, labelled), encoding=encoding
    ):
        if isinstance(found, Sentence):
            empty = False
            yield found
        elif skipped is None:
            raise found
        else:
            skipped(str(found))
    if empty:
        raise InputError(f"{name}: no record has a sequence")


def residues_of(letters: str) -> tuple[str, ...]:
    """Return the residues of a protein that is a string, in upper case.

    Ends of lines and a stop at the end are dropped, a stop within is "X".

    Raises
    ------
    InputError
        If it has other letters, or looks like nucleotides.

    Examples
    --------
    >>> residues_of("mkl*")
    ('M', 'K', 'L')
    """
    sequence = "".join(line.strip() for line in letters.splitlines())
    if match := ILLEGAL.search(sequence):
        raise InputError(f"a protein has the illegal letter {match.group()!r}; write residues A-Z")
    sequence = _stopped(sequence)
    if _are_nucleotides(sequence):
        raise InputError("a protein looks like nucleotides; translate it")
    return tuple(sequence.replace("*", "X"))


def write_residues(handle: TextIO, sentence: Sentence, labels: Sequence[str]) -> None:
    """Write a record of three lines: header, sequence and labels.

    Parameters
    ----------
    handle
        Where to write.
    sentence
        The header of one from a FASTA file is kept, with escapes for control characters.
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
    header = without_control(header)
    handle.write(f"{header}\n{''.join(sentence.tokens)}\n{''.join(labels)}\n")


class _Protein:
    """A protein that is being read."""

    def __init__(self, header: bytes, name: str, line: int, labelled: bool) -> None:
        self._name = name
        self._line = line
        self._labelled = labelled
        self._chunks: list[bytes] = []
        self._length = 0
        self._limits = limits()
        self._header = self._text(header, line)
        words = self._header.split(None, 1)
        if not words:
            raise InputError(f"{name}: line {line}: the header is empty; give the record a name")
        self._id = words[0]

    def add(self, lines: bytes, number: int) -> None:
        """Take some of what follows the header."""
        self._chunks.append(lines)
        self._length += len(lines)
        if self._length > self._limits.text:
            raise self._limits.error(
                f"{self._name}: line {self._line}: record '{self._id}'",
                f"has more than {self._limits.text:,} residues",
            )

    def finish(self) -> Sentence | InputError:
        """Return the protein."""
        lines = enumerate(b"".join(self._chunks).split(b"\n"), self._line + 1)
        rows = [(number, self._text(line, number)) for number, line in lines if line.strip()]
        labels = self._take_labels(rows) if self._labelled else None
        if not self._labelled and len(rows) == 2 and _are_labels(rows[0][1], rows[1][1]):
            raise self._error(
                rows[1][0], "looks like labels, not like residues; give FASTA without them"
            )
        for number, row in rows:
            if match := ILLEGAL.search(row):
                raise self._error(number, f"illegal letter {match.group()!r}; write residues A-Z")
        sequence = "".join(row for _, row in rows)
        sequence = sequence.upper().replace(".", "*") if self._labelled else _stopped(sequence)
        if not sequence:
            return self._error(self._line, "has no sequence")
        if _are_nucleotides(sequence):
            raise self._error(
                self._line,
                "looks like nucleotides; proteins are needed (dnatag predict --faa writes them)",
            )
        return Sentence(
            tuple(sequence.replace("*", "X")),
            tags=labels,
            id=self._id,
            source=f">{self._header}",
            line=self._line,
        )

    def _take_labels(self, rows: list[tuple[int, str]]) -> tuple[str, ...]:
        if len(rows) != 2:
            lines = f"{len(rows)} line{'s' * (len(rows) != 1)}"
            reason = f"has {lines} below the header, not 2 (sequence and labels)"
            if _are_nucleotides("".join(row for _, row in rows).upper()):
                reason += "; genes are compared by their annotation (GFF3, GTF, GenBank, EMBL)"
            raise self._error(self._line, reason)
        number, labels = rows.pop()
        residues = len(rows[0][1])
        if len(labels) != residues:
            raise self._error(
                number,
                f"labels: {len(labels)}, residues: {residues}; give each residue one label",
            )
        return tuple(labels)

    def _text(self, line: bytes, number: int) -> str:
        try:
            return line.decode().strip()
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self._name}: line {number}: byte 0x{line[error.start]:02X} is not utf-8; "
                f"{NAME_ENCODING}"
            ) from None

    def _error(self, line: int, reason: str) -> InputError:
        return InputError(f"{self._name}: line {line}: record '{self._id}': {reason}")


def _stopped(sequence: str) -> str:
    """Return a sequence in upper case, without the stop at its end."""
    return sequence.upper().replace(".", "*").removesuffix("*")


def _are_nucleotides(sequence: str) -> bool:
    """Judge whether a sequence is one of nucleotides, which proteins of few residues are not."""
    count = sequence.replace("U", "T").count
    bases = [count(base) for base in "ACGT"]
    return (
        len(sequence) >= 20
        and 20 * min(bases) >= len(sequence)
        and 20 * (sum(bases) + count("N")) >= 19 * len(sequence)
    )


def _are_labels(residues: str, labels: str) -> bool:
    """Judge whether the second of two lines has labels, which come in runs."""
    changes = sum(a != b for a, b in pairwise(labels))
    return 5 <= len(residues) == len(labels) and 2 * changes < len(labels)

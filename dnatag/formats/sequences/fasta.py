"""FASTA: contigs in, sequences out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TextIO

from dnatag.errors import InputError
from dnatag.formats.io.reading import display_name, open_bytes
from dnatag.formats.sequences.records import Contig

__all__ = ["UniqueIds", "check_dna", "read_fasta", "write_fasta"]

BLOCK = 1 << 22
LETTERS = b"ACGTURYSWKMBDHVNacgturyswkmbdhvn"
SPACE = b" \t\r\n\v\f"
#: Letters of amino acids that are not also those of (ambiguous) bases.
PROTEIN = frozenset(b"EFILPQZefilpqz*")
GAPS = frozenset(b"-.~")
TOPOLOGY = re.compile(
    r"\b(?:topology|circular)=(?P<value>\w+)"
    r"|_type_(?P<spades>circular|linear)\b"  # SPAdes names contigs so
    r"|\bcomplete\b.*\b(?P<words>circular)\b",
    re.IGNORECASE,
)
CIRCULAR = {"circular": True, "true": True, "yes": True, "y": True, "1": True}
CIRCULAR |= {"linear": False, "false": False, "no": False, "n": False, "0": False}
#: What other files begin with, to tell users what they have given.
OTHER_FORMATS = (
    (b"@", "a FASTQ file; convert the reads to FASTA, or better, assemble them"),
    (b"LOCUS ", "a GenBank file"),
    (b"ID   ", "an EMBL file"),
    (b"##gff", "a GFF file"),
    (b"PK\x03\x04", "a zip archive; unpack it"),
    (b"\x1f\x9d", "compressed by 'compress'; unpack it"),
)


class UniqueIds:
    """Remembers the ids of a run's contigs, to refuse a second contig of the same name."""

    def __init__(self) -> None:
        """Start empty."""
        self._seen: set[str] = set()

    def add(self, contig: str, where: str) -> None:
        """Note an id; ``where`` (file and line) is named by the InputError if it was seen."""
        if contig in self._seen:
            raise InputError(f"{where}: a contig '{contig}' came before; ids must be unique")
        self._seen.add(contig)


def read_fasta(path: str | os.PathLike[str], ids: UniqueIds | None = None) -> Iterator[Contig]:
    """Read nucleotide sequences one by one.

    Only the contig at hand is in memory, so a file may hold any number of contigs.

    Parameters
    ----------
    path
        A FASTA file, plain or compressed, or "-" for standard input.
    ids
        The ids of the files read before in the same run; by default the ids have to be unique
        within this file.

    Yields
    ------
    Contig
        With letters A, C, G, T, U, the IUPAC codes of ambiguous bases and N, in either case.
        It is circular if the header says so: ``topology=circular``, ``circular=true``,
        SPAdes' ``_type_circular``, or the words complete and circular.

    Raises
    ------
    InputError
        Naming file, line and record, if the file is empty or no FASTA, or a record has no id,
        no sequence, the id of another, or letters that are not of nucleotides.
    """
    name = display_name(path)
    ids = UniqueIds() if ids is None else ids
    with open_bytes(path) as stream:
        record: _Record | None = None
        line = 1
        carry = b""  # a line end that the next block may continue to the "\n>" of a new record
        while block := stream.read(BLOCK):
            data = carry + block
            if record is None:
                text = data.removeprefix(b"\xef\xbb\xbf").lstrip(SPACE)
                line += data[: len(data) - len(text)].count(b"\n")
                if not text:
                    continue
                if not text.startswith(b">"):
                    raise InputError(f"{name}: is not FASTA: {_what(text)}")
                record, data = _Record(name, line, ids), text[1:]
            carry = data[-1:] if data.endswith(b"\n") else b""
            for i, piece in enumerate(data.removesuffix(b"\n").split(b"\n>")):
                if i:
                    yield record.finish()
                    line += 1
                    record = _Record(name, line, ids)
                record.add(piece, line)
                line += piece.count(b"\n")
        if record is None:
            raise InputError(f"{name}: is empty")
        yield record.finish()


def check_dna(sequence: bytes, where: str) -> None:
    """Refuse what is no nucleotide sequence.

    Parameters
    ----------
    sequence
        Letters without white space.
    where
        File and record, for the message.

    Raises
    ------
    InputError
        If there are letters other than those of (ambiguous) bases.
    """
    if illegal := sequence.translate(None, LETTERS):
        raise InputError(f"{where}: {_reason(sequence, illegal)}")


def write_fasta(
    handle: TextIO, id: str, description: str, sequence: str | bytes, width: int = 60
) -> None:
    """Write a record.

    Parameters
    ----------
    handle
        Where to write.
    id, description
        The header: its first word and the rest.
    sequence
        Nucleotides or amino acids.
    width
        Letters in a line.
    """
    text = sequence.decode("ascii") if isinstance(sequence, bytes) else sequence
    header = f">{id} {description}".rstrip()
    lines = (text[i : i + width] for i in range(0, len(text), width))
    handle.write("\n".join((header, *lines)) + "\n")


class _Record:
    """A record that is being read."""

    def __init__(self, name: str, line: int, ids: UniqueIds) -> None:
        self._name = name
        self._line = line
        self._ids = ids
        self._header = b""
        self._id = ""
        self._description = ""
        self._chunks: list[bytes] = []

    def add(self, piece: bytes, line: int) -> None:
        """Take the next bytes of the file, which begin on a line of this number."""
        if not self._id:
            self._header += piece
            header, end, piece = self._header.partition(b"\n")
            if not end:
                return
            self._parse(header)
            line += 1
        chunk = piece.translate(None, SPACE)
        if illegal := chunk.translate(None, LETTERS):
            line += piece[: piece.index(illegal[:1])].count(b"\n")
            reason = _reason(chunk, illegal)
            raise InputError(f"{self._name}: line {line}: record '{self._id}': {reason}")
        self._chunks.append(chunk)

    def finish(self) -> Contig:
        """Return the contig."""
        if not self._id:
            self._parse(self._header)
        sequence = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        if not sequence:
            raise InputError(
                f"{self._name}: line {self._line}: record '{self._id}' has no sequence"
            )
        circular = _circular(f"{self._id} {self._description}")
        return Contig(self._id, sequence, self._description, circular)

    def _parse(self, header: bytes) -> None:
        words = header.decode("utf-8", "replace").split(None, 1)
        if not words:
            raise InputError(
                f"{self._name}: line {self._line}: the header is empty; give the record a name"
            )
        self._id = words[0]
        self._description = words[1].strip() if len(words) > 1 else ""
        self._ids.add(self._id, f"{self._name}: line {self._line}")


def _circular(header: str) -> bool | None:
    match = TOPOLOGY.search(header)
    if match is None:
        return None
    return CIRCULAR.get((match["value"] or match["spades"] or match["words"]).lower())


def _reason(sequence: bytes, illegal: bytes) -> str:
    letter = illegal.decode("utf-8", "replace")[0]
    if PROTEIN.intersection(illegal) and 10 * len(illegal) > len(sequence):
        return f"looks like protein (letter '{letter}'); nucleotide sequences are needed"
    if illegal[0] in GAPS:
        return f"has gaps ('{letter}'); remove them, or write unknown bases as N"
    return f"illegal letter {letter!r}; unknown bases are written as N"


def _what(text: bytes) -> str:
    for start, what in OTHER_FORMATS:
        if text.startswith(start):
            return f"it looks like {what}"
    first = text[:20].decode("utf-8", "replace").splitlines()[0]
    return f"it begins with {first!r}, not with '>'"

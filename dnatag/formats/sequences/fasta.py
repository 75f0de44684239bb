"""FASTA: the parser of all its kinds, contigs in, sequences out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Protocol, TextIO, TypeVar

from dnatag.errors import InputError, visible
from dnatag.formats.io.limits import limits
from dnatag.formats.io.reading import Source, display_name, open_bytes, text_blocks
from dnatag.formats.registry import describe
from dnatag.formats.sequences.records import Contig

__all__ = [
    "EmptyFastaError",
    "FastaRecord",
    "UniqueIds",
    "check_dna",
    "fasta_files",
    "genome_name",
    "parse_fasta",
    "read_fasta",
    "write_fasta",
]

#: Bytes that are read at once.
BLOCK = 1 << 22
LETTERS = b"ACGTURYSWKMBDHVNacgturyswkmbdhvn"
SPACE = b" \t\r\n\v\f"
#: Letters of amino acids that are not also those of (ambiguous) bases.
PROTEIN = frozenset(b"EFILPQZefilpqz*")
#: Names of FASTA files in a folder.
FASTA_NAME = re.compile(
    r"[^.].*\.(fna|fa|fasta|fas|fsa|ffn|contigs?)(\.(gz|bgz|bz2|xz|zst))?", re.IGNORECASE
)
GAPS = frozenset(b"-.~")
TOPOLOGY = re.compile(
    r"(?<![\w-])(?:topology|circular)=(?P<value>\w+)"
    r"|_type_(?P<spades>circular|linear)\b"  # SPAdes names contigs so
    # "complete genome, circular", but not "complete genome, from circular consensus reads"
    r"|\bcomplete\b[^,;]*[,;]\s*(?P<words>circular)\s*(?:[,;]|$)",
    re.IGNORECASE,
)
CIRCULAR = {"circular": True, "true": True, "yes": True, "y": True, "1": True}
CIRCULAR |= {"linear": False, "false": False, "no": False, "n": False, "0": False}

Result = TypeVar("Result", covariant=True)


class EmptyFastaError(InputError):
    """A file without any sequence."""


class FastaRecord(Protocol[Result]):
    """A record that is being read."""

    def add(self, lines: bytes, number: int) -> None:
        r"""Take some of what follows the header.

        Parameters
        ----------
        lines
            Parts of the sequence with line ends ``\n``; may begin and end within a line.
        number
            Line of the file, from 1, where they begin.
        """
        ...

    def finish(self) -> Result:
        """Return the record once all of it has been taken; raises :class:`InputError`."""
        ...


def parse_fasta(
    path: Source,
    begin: Callable[[bytes, int], FastaRecord[Result]],
    *,
    encoding: str = "utf-8",
    block: int = BLOCK,
) -> Iterator[Result]:
    """Read the records of a FASTA file one by one.

    Parameters
    ----------
    path
        A FASTA file, plain or compressed, or "-" for standard input.
    begin
        Returns an empty record, given the header without its ``>`` and its line number from 1.
    encoding
        Name of the character encoding; headers are given as UTF-8.
    block
        Bytes to read at once.

    Yields
    ------
    object
        What the records' ``finish`` returns.

    Raises
    ------
    InputError
        If the file is empty or no FASTA, and what the records raise.
    """
    name = display_name(path)
    record: FastaRecord[Result] | None = None
    header: bytes | None = None  # as far as it has been read
    number = 1
    with open_bytes(path) as stream:
        carry = b""  # a line end that the next block may continue to the "\n>" of a new record
        for data in text_blocks(stream, block, encoding):
            data = carry + data
            if record is None and header is None:
                text = data.lstrip(SPACE)
                number += data[: len(data) - len(text)].count(b"\n")
                if not text:
                    continue
                if not text.startswith(b">"):
                    begins = text[:20].decode("utf-8", "replace").splitlines()[0]
                    found = describe(text) or f"begins with {begins!r}, not with '>'"
                    raise InputError(f"{name}: is not FASTA: it {found}")
                header, data = b"", text[1:]
            carry = data[-1:] if data.endswith(b"\n") else b""
            for i, piece in enumerate(data.removesuffix(b"\n").split(b"\n>")):
                if i:
                    record = record if header is None else begin(header, number)
                    assert record is not None
                    yield record.finish()
                    header = b""
                    number += 1
                if header is not None:
                    line, end, piece = piece.partition(b"\n")
                    header += line
                    if len(header) > limits().line:
                        raise limits().error(f"{name}: line {number}", "the header is too long")
                    if not end:
                        continue
                    record, header = begin(header, number), None
                    number += 1
                assert record is not None
                record.add(piece, number)
                number += piece.count(b"\n")
        if header is not None:
            record = begin(header, number)
        if record is None:
            raise EmptyFastaError(f"{name}: is empty")
        yield record.finish()


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


def read_fasta(
    path: Source,
    ids: UniqueIds | None = None,
    *,
    skipped: Callable[[str], None] | None = None,
    block: int = BLOCK,
) -> Iterator[Contig]:
    """Read nucleotide sequences one by one.

    Only the contig at hand is in memory, so a file may hold any number of contigs.

    Parameters
    ----------
    path
        A FASTA file, plain or compressed, or "-" for standard input.
    ids
        The ids of the files read before in the same run; by default the ids have to be unique
        within this file.
    skipped
        Receives a message for each record without a sequence, which is passed over; by default
        such a record is refused.
    block
        Bytes to read at once.

    Yields
    ------
    Contig
        With letters A, C, G, T, U, the IUPAC codes of ambiguous bases and N, in either case.
        It is circular if the header says so: ``topology=circular``, ``circular=true``,
        SPAdes' ``_type_circular``, or the words "complete ..., circular".

    Raises
    ------
    InputError
        Naming file, line and record, if the file is empty or no FASTA, or a record has no id,
        one with control characters or that of another, no sequence or one that is too long, or
        letters that are not of nucleotides.
    """
    name = display_name(path)
    ids = UniqueIds() if ids is None else ids
    empty = True
    for found in parse_fasta(path, lambda header, at: _Contig(header, name, at, ids), block=block):
        if isinstance(found, Contig):
            empty = False
            yield found
        elif skipped is None:
            raise found
        else:
            skipped(str(found))
    if empty:
        raise EmptyFastaError(f"{name}: no record has a sequence")


def fasta_files(path: str | os.PathLike[str]) -> list[str]:
    """Return the FASTA files of a folder.

    Parameters
    ----------
    path
        A folder, of which the files count whose names end as those of FASTA files do, compressed
        or not, also if they are links to nothing; or a file, or "-".

    Returns
    -------
    list of str
        In the order of their names; what is no folder alone.

    Raises
    ------
    InputError
        If the folder cannot be read, or has no such file.
    """
    if not os.path.isdir(path):
        return [os.fspath(path)]
    name = display_name(path)
    try:
        with os.scandir(path) as entries:
            named = [entry for entry in entries if FASTA_NAME.fullmatch(entry.name)]
            found = sorted(e.path for e in named if e.is_file() or not os.path.exists(e.path))
    except OSError as error:
        raise InputError(f"{name}: cannot read: {error.strerror or error}") from None
    if not found:
        raise InputError(f"{name}: is a folder without FASTA files (names in .fna, .fa, .fasta)")
    return found


def genome_name(path: str | os.PathLike[str]) -> str:
    """Return what the genome in a file is called: the file's name without FASTA's endings.

    Examples
    --------
    >>> genome_name("genomes/E_coli.v2.fna.gz")
    'E_coli.v2'
    >>> genome_name("-")
    'stdin'
    """
    if os.fspath(path) == "-":
        return "stdin"
    base = os.path.basename(path)
    match = FASTA_NAME.fullmatch(base)
    return base[: match.start(1) - 1] if match else base


def check_dna(sequence: bytes, where: str) -> None:
    """Refuse what is not a nucleotide sequence.

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


class _Contig:
    """A contig that is being read; one without a sequence becomes an error that may be raised."""

    def __init__(self, header: bytes, name: str, line: int, ids: UniqueIds) -> None:
        words = header.decode("utf-8", "replace").split(None, 1)
        if not words:
            raise InputError(f"{name}: line {line}: the header is empty; give the record a name")
        self._name = name
        self._line = line
        self._id = words[0]
        self._description = words[1].strip() if len(words) > 1 else ""
        self._chunks: list[bytes] = []
        self._length = 0
        self._limits = limits()
        if visible(self._id) != self._id:
            raise InputError(
                f"{name}: line {line}: the id '{self._id}' has control characters; remove them"
            )
        ids.add(self._id, f"{name}: line {line}")

    def add(self, lines: bytes, number: int) -> None:
        """Take some of the sequence."""
        chunk = lines.translate(None, SPACE)
        if illegal := chunk.translate(None, LETTERS):
            number += lines[: lines.index(illegal[:1])].count(b"\n")
            reason = _reason(chunk, illegal)
            raise InputError(f"{self._name}: line {number}: record '{self._id}': {reason}")
        self._chunks.append(chunk)
        self._length += len(chunk)
        if self._length > self._limits.sequence:
            raise self._limits.error(
                f"{self._name}: line {self._line}: record '{self._id}'",
                f"has more than {self._limits.sequence:,} bases",
            )

    def finish(self) -> Contig | InputError:
        """Return the contig."""
        sequence = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        if not sequence:
            return InputError(
                f"{self._name}: line {self._line}: record '{self._id}' has no sequence"
            )
        circular = _circular(f"{self._id} {self._description}")
        return Contig(self._id, sequence, self._description, circular)


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
    if letter == ">":
        return "a '>' within a line: is a line end missing before it?"
    return f"illegal letter {letter!r}; unknown bases are written as N"

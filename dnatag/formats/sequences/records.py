"""What files are read into and written from: contigs and coding sequences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Annotation", "CodingSequence", "Contig", "alternatives", "read_position", "wrap"]


@dataclass(frozen=True, slots=True)
class Contig:
    """A DNA sequence with its name.

    Parameters
    ----------
    id
        First word of the FASTA header, or the accession of a flat file.
    description
        The rest of the header.
    sequence
        ASCII letters as in the file (case kept), without white space.
    circular
        Whether the file says that the molecule is circular (None: it says nothing).
    """

    id: str
    sequence: bytes = field(repr=False)
    description: str = ""
    circular: bool | None = None

    def __len__(self) -> int:
        """Length in bases."""
        return len(self.sequence)


@dataclass(frozen=True, slots=True)
class CodingSequence:
    """One CDS, annotated or predicted.

    Coordinates are 0-based and half-open on the contig's forward strand. A CDS across the
    origin of a circular contig has two parts.

    Parameters
    ----------
    contig
        Id of the contig.
    parts : tuple of (int, int)
        Intervals in the order of the forward strand; for a CDS across the origin, the part
        before the origin first. The stop codon is included.
    strand
        +1 or -1.
    phase
        Bases to skip at the 5' end to reach the first whole codon (0, 1 or 2).
    partial5, partial3
        Whether the 5' end (the start) or the 3' end (the stop) is missing.
    pseudo
        Whether the file calls it a pseudogene.
    exception
        Whether the file notes a translation exception (selenocysteine, ribosomal slippage).
    genetic_code
        NCBI translation table, None if the file gives none.
    id
        The name in the file, "" if it has none.
    posterior, start_posterior
        Probability of the gene, and of its start given the gene; None for annotations.
    alternative_starts : tuple of (int, float)
        Other starts: 0-based position of the first base in the direction of translation, and
        probability given the gene; the most probable first.
    """

    contig: str
    parts: tuple[tuple[int, int], ...]
    strand: int
    phase: int = 0
    partial5: bool = False
    partial3: bool = False
    pseudo: bool = False
    exception: bool = False
    genetic_code: int | None = None
    id: str = ""
    posterior: float | None = None
    start_posterior: float | None = None
    alternative_starts: tuple[tuple[int, float], ...] = ()

    @property
    def start(self) -> int:
        """Leftmost base of the first part, 0-based."""
        return self.parts[0][0]

    @property
    def end(self) -> int:
        """End of the last part, 0-based and exclusive."""
        return self.parts[-1][1]

    @property
    def five_prime(self) -> int:
        """0-based position of the first base in the direction of translation."""
        return self.start if self.strand > 0 else self.end - 1

    @property
    def three_prime(self) -> int:
        """0-based position of the last base in the direction of translation."""
        return self.end - 1 if self.strand > 0 else self.start

    def named(self, name: str) -> CodingSequence:
        """Return the same with another id."""
        # Not by dataclasses.replace, which takes three times as long.
        return CodingSequence(
            self.contig, self.parts, self.strand, self.phase, self.partial5, self.partial3,
            self.pseudo, self.exception, self.genetic_code, name, self.posterior,
            self.start_posterior, self.alternative_starts,
        )  # fmt: skip

    def __len__(self) -> int:
        """Length in bases over all parts."""
        if len(self.parts) == 1:
            ((start, end),) = self.parts
            return end - start
        return sum(end - start for start, end in self.parts)

    def __iter__(self) -> Iterator[int]:
        """Positions of the bases in the direction of translation, 0-based."""
        for start, end in self.parts[:: self.strand]:
            yield from range(start, end) if self.strand > 0 else range(end - 1, start - 1, -1)


class Annotation(dict[str, list[CodingSequence]]):
    """Coding sequences by contig, in the order of the file; contigs without any are no keys.

    Attributes
    ----------
    lengths : dict of str to int
        Lengths in bases of the contigs whose length the file states, with and without genes.
    circular : set of str
        Contigs that the file calls circular.
    types : set of str
        Types of the features in a GFF or GTF file.
    """

    def __init__(self) -> None:
        """Start empty."""
        super().__init__()
        self.lengths: dict[str, int] = {}
        self.circular: set[str] = set()
        self.types: set[str] = set()

    def without_cds(self) -> str:
        """Describe in a message that there is no CDS, and what there is instead."""
        types = ", ".join(sorted(self.types)[:5])
        return "has no CDS" + (f" rows (types there: {types})" if types else "")


def read_position(text: str) -> int:
    """Read a coordinate of an annotation.

    Raises
    ------
    ValueError
        If it is no whole number, or one beyond any genome.
    """
    if len(text) > 12:
        raise ValueError("a position has at most 12 digits")
    return int(text)


def alternatives(gene: CodingSequence) -> str:
    """Write other starts as ``position:probability,...``, positions 1-based."""
    return ",".join(f"{place + 1}:{p:.4f}" for place, p in gene.alternative_starts)


def wrap(parts: tuple[tuple[int, int], ...], length: int) -> tuple[tuple[int, int], ...]:
    """Bring intervals that run past the end of a circular contig back to its beginning.

    Parameters
    ----------
    parts
        Intervals, 0-based and half-open; positions from ``length`` on count on from 0.
    length
        Length of the contig in bases.

    Returns
    -------
    tuple of (int, int)
        Intervals within the contig; one across the origin becomes two.
    """
    wrapped: list[tuple[int, int]] = []
    for start, end in parts:
        if start >= length:
            wrapped.append((start - length, end - length))
        elif end > length:
            wrapped += [(start, length), (0, end - length)]
        else:
            wrapped.append((start, end))
    return tuple(wrapped)

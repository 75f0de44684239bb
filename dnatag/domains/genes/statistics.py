"""Numbers of a genome and its genes, counted contig by contig."""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import pairwise

from dnatag.domains.genes.decoding.assemble import Prediction
from dnatag.domains.genes.nucleotides import splice
from dnatag.formats.sequences.records import CodingSequence

__all__ = ["GenomeStatistics", "count_bases"]

#: Of neighbours on a strand with fewer bases between them the second is close, as in operons.
CLOSE = 30
_KNOWN = b"ACGTUacgtu"
#: A gene is certain from this posterior on.
CERTAIN = 0.95


def count_bases(sequence: bytes) -> tuple[int, int]:
    """Count G and C, and all of A, C, G, T and U."""
    strong, known = (len(sequence) - len(sequence.translate(None, x)) for x in (b"GCgc", _KNOWN))
    return strong, known


def _start_codon(sequence: bytes, gene: CodingSequence) -> bytes:
    """Return the first three bases of a gene."""
    parts = gene.parts
    if len(parts) == 1:
        start, end = parts[0]
        parts = ((start, start + 3) if gene.strand > 0 else (end - 3, end),)
    return splice(sequence, parts, gene.strand)[:3]


class GenomeStatistics:
    """Counts what is in predictions.

    Attributes
    ----------
    lengths : array of int
        Length in bases of each contig.
    strong, known : int
        Bases that are G or C, and those that are no ambiguous letters.
    genes, partial, certain : int
        Genes, those that lack an end, and those with a posterior of 0.95 or more.
    expected : float
        Sum of the posteriors: how many of the genes are expected to be true.
    coding : int
        Bases that are in genes.
    neighbours, close : int
        Genes that follow another one of their strand, and those among them with less than 30
        bases between.
    starts : Counter of str
        Start codons of genes with a complete start.
    codes : Counter of str
        Bases of the contigs that were read with each genetic code.
    """

    def __init__(self) -> None:
        self.lengths = array("q")
        self.strong = self.known = 0
        self.genes = self.partial = self.certain = self.coding = 0
        self.neighbours = self.close = 0
        self.expected = 0.0
        self.starts: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()

    def add(self, prediction: Prediction) -> None:
        """Take the genes of a contig."""
        contig, genes = prediction.contig, prediction.genes
        strong, known = count_bases(contig.sequence)
        self.lengths.append(len(contig))
        self.strong += strong
        self.known += known
        self.codes[prediction.code.label] += len(contig)
        self.genes += len(genes)
        covered = 0  # up to where bases of genes have been counted
        for gene in genes:
            posterior = gene.posterior or 0.0
            self.expected += posterior
            self.certain += posterior >= CERTAIN
            self.partial += gene.partial5 or gene.partial3
            for start, end in gene.parts:
                self.coding += max(end - max(start, covered), 0)
                covered = max(covered, end)
            if not gene.partial5:
                bases = _start_codon(contig.sequence, gene)
                self.starts[bases.decode("ascii").upper().replace("U", "T")] += 1
        for before, gene in pairwise(genes):
            if before.strand == gene.strand:
                self.neighbours += 1
                self.close += gene.start - before.end < CLOSE

    @property
    def contigs(self) -> int:
        """Number of contigs."""
        return len(self.lengths)

    @property
    def bases(self) -> int:
        """Bases of all contigs."""
        return sum(self.lengths)

    @property
    def gc(self) -> float:
        """Share of G and C."""
        return self.strong / max(self.known, 1)

    @property
    def coding_density(self) -> float:
        """Share of bases that are in genes."""
        return self.coding / max(self.bases, 1)

    @property
    def n50(self) -> int:
        """The length of the contig that holds the middle base when contigs are sorted by length."""
        half, seen = self.bases / 2, 0
        for length in sorted(self.lengths, reverse=True):
            seen += length
            if seen >= half:
                return length
        return 0

"""Genes from their definition, by scanning strings; and a real genome."""

from __future__ import annotations

import gzip
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
from Bio.Data.IUPACData import ambiguous_dna_values
from Bio.Seq import Seq

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.formats.sequences.records import CodingSequence, Contig
from dnatag.report import Observer

EXAMPLES = Path(__file__).parents[3] / "examples"


class Notes(list[str], Observer):
    """The notes of a prediction, and what else it reports."""

    def __init__(self) -> None:
        super().__init__()
        self.done = 0
        self.parameters: list[GenomeParameters] = []

    def note(self, message: str) -> None:
        self.append(message)

    def advance(self, amount: int) -> None:
        self.done += amount

    def estimated(self, parameters: GenomeParameters) -> None:
        self.parameters.append(parameters)


def recoded(contig: Contig, genes: list[CodingSequence]) -> bytes:
    """Write TGA for tryptophan, and not as a stop, in the whole genes of the forward strand."""
    bases = bytearray(contig.sequence)
    for gene in genes:
        if gene.strand > 0 and not (gene.partial5 or gene.partial3):
            for at in range(gene.start + 3, gene.end, 3):
                if bases[at : at + 3] == b"TGG":
                    bases[at : at + 3] = b"TGA"
                elif at == gene.end - 3:
                    bases[at : at + 3] = b"TAA"
    return bytes(bases)


class Naive:
    """The definition of a gene, in plain Python."""

    @staticmethod
    @cache
    def is_one_of(codon: str, codons: frozenset[str]) -> bool:
        """Whether all that a codon with IUPAC letters may stand for is in a set."""
        ways = product(*(ambiguous_dna_values.get(letter, "") for letter in codon))
        meanings = {"".join(way) for way in ways}
        return len(codon) == 3 and bool(meanings) and meanings <= codons

    @classmethod
    def genes(cls, sequence: str, code: GeneticCode) -> list[CodingSequence]:
        """Return all possible genes of a contig, partial ones at its ends too."""
        return [
            gene
            for strand in (1, -1)
            for phase in range(3)
            for gene in cls._of_phase(sequence, code, strand, phase)
        ]

    @classmethod
    def _of_phase(
        cls, sequence: str, code: GeneticCode, strand: int, phase: int
    ) -> list[CodingSequence]:
        n = len(sequence)
        text = sequence if strand > 0 else str(Seq(sequence).reverse_complement())
        genes = []
        for start in range(n):
            has_start = start % 3 == phase and cls.is_one_of(text[start : start + 3], code.starts)
            if not has_start and start > 0:
                continue
            skip = (phase - start) % 3
            stops = (
                place + 3
                for place in range(start + skip, n - 2, 3)
                if cls.is_one_of(text[place : place + 3], code.stops)
            )
            end = next(stops, None)
            here, there = start, n if end is None else end
            part = (here, there) if strand > 0 else (n - there, n - here)
            genes.append(
                CodingSequence(
                    "",
                    (part,),
                    strand,
                    phase=0 if has_start else skip,
                    partial5=not has_start,
                    partial3=end is None,
                )
            )
        return genes

    @staticmethod
    def state(gene: CodingSequence, place: int) -> str | None:
        """Name the frame of a gene at a base, None outside."""
        if not gene.start <= place < gene.end:
            return None
        distance = place - gene.start if gene.strand > 0 else gene.end - 1 - place
        return f"{'+' if gene.strand > 0 else '-'}{(distance - gene.phase) % 3}"

    @classmethod
    def path(cls, genes: list[CodingSequence], length: int) -> tuple[str, ...]:
        """Name the states that a set of genes goes through."""
        open_frames = ([cls.state(g, t) for g in genes] for t in range(length))
        return tuple("&".join(sorted(f for f in fs if f)) or "none" for fs in open_frames)


class AnnotatedGenome(NamedTuple):
    sequence: bytes
    genes: list[CodingSequence]


@pytest.fixture(scope="session")
def naive() -> type[Naive]:
    return Naive


@pytest.fixture(scope="session")
def phage() -> bytes:
    """Return the sequence of the phage of examples/."""
    with gzip.open(EXAMPLES / "lambda.fna.gz") as lines:
        next(lines)
        return b"".join(line.strip() for line in lines)


@pytest.fixture(scope="session")
def buchnera() -> AnnotatedGenome:
    """Return the genome of examples/, read without the package's readers."""
    with gzip.open(EXAMPLES / "buchnera.fna.gz") as lines:
        next(lines)
        sequence = b"".join(line.strip() for line in lines)
    genes = []
    with gzip.open(EXAMPLES / "buchnera.gff3.gz", "rt") as rows:
        for row in rows:
            if not row.startswith("#"):
                _, _, _, start, end, _, strand, *_ = row.split("\t")
                part = (int(start) - 1, int(end))
                genes.append(CodingSequence("", (part,), 1 if strand == "+" else -1))
    return AnnotatedGenome(sequence, genes)

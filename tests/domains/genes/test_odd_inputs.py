"""Inputs that once gave wrong genes: mixed genetic codes, tandem repeats, tiny circles."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from Bio.Seq import Seq

from dnatag import GeneFinder
from dnatag.domains.genes.loops import mark_repeats
from dnatag.formats.sequences.fasta import read_fasta
from dnatag.formats.sequences.records import CodingSequence, Contig

from .conftest import Notes, recoded

DATA = Path(__file__).parents[2] / "data" / "genes"


@pytest.fixture(scope="module")
def finder() -> GeneFinder:
    return GeneFinder(device="cpu")


# Genetic codes -------------------------------------------------------------------------------


def test_short_contigs_of_different_codes(finder: GeneFinder) -> None:
    """Once both got code 15."""
    contigs = list(read_fasta(str(DATA / "mixed_codes.fna")))
    for order in (contigs, contigs[::-1]):
        codes = {p.contig.id: p.code.table for p in finder.predict(order)}
        assert codes == {"code11": 11, "code15": 15}


@pytest.fixture(scope="module")
def draft(buchnera: Any) -> list[Contig]:
    """Return a genome in contigs of many lengths."""
    bounds = np.cumsum([0, *([800, 3_000, 6_000, 12_000, 25_000] * 4)]).tolist()
    return [Contig(str(low), buchnera.sequence[low:high]) for low, high in pairwise(bounds)]


@pytest.mark.parametrize("table", [11, 4])
def test_a_genome_in_short_contigs_is_one(
    finder: GeneFinder, draft: list[Contig], table: int
) -> None:
    if table == 4:
        known = GeneFinder(genetic_code=11, adapt="off", device="cpu").predict(draft)
        draft = [replace(p.contig, sequence=recoded(p.contig, p.genes)) for p in known]
    notes = Notes()
    codes = {p.code.table for p in finder.predict(draft, observer=notes)}
    assert codes == {table}
    assert len(notes.parameters) == 1


def test_a_short_contig_of_another_code_among_many(
    finder: GeneFinder, draft: list[Contig], phage: bytes
) -> None:
    guest = Contig("guest", phage[:12_000])
    guest = replace(guest, sequence=recoded(guest, finder.find(guest)))
    codes = {p.contig.id: p.code.table for p in finder.predict([*draft, guest])}
    assert codes.pop("guest") == 4
    assert set(codes.values()) == {11}


# Tandem repeats ------------------------------------------------------------------------------


def test_poly_a_has_no_sure_gene(finder: GeneFinder) -> None:
    """Once it had two over each other, each with posterior 1.0000."""
    for prediction in finder.predict(read_fasta(str(DATA / "poly_a.fna"))):
        assert len(prediction.genes) <= 1
        assert all((gene.posterior or 0) < 0.9 for gene in prediction.genes)


@pytest.mark.parametrize("length", [60, 500, 2000])
def test_short_tandem_repeats_have_no_sure_genes(finder: GeneFinder, length: int) -> None:
    rng = np.random.default_rng(length)
    words = ["A", "C", "G", "T", *("".join(rng.choice(list("ACGT"), k)) for k in range(2, 11))]
    for word in words:
        genes = finder.find((word * length)[:length])
        assert len(genes) <= 1
        assert all((gene.posterior or 0) < 0.9 for gene in genes)


def test_a_gene_with_a_repeat_inside_is_found(phage: bytes) -> None:
    finder = GeneFinder(genetic_code=11, adapt="off", device="cpu")
    gene = max((g for g in finder.find(phage[:20_000]) if g.strand > 0), key=len)
    middle = gene.start + len(gene) // 6 * 3
    longer = phage[:middle] + b"CAG" * 25 + phage[middle:20_000]
    assert any((g.start, g.end) == (gene.start, gene.end + 75) for g in finder.find(longer))


def test_repeats_are_marked() -> None:
    """As their definition says."""
    rng = np.random.default_rng(4)
    for _ in range(200):
        size, longest, shortest = rng.integers(1, 60), int(rng.integers(1, 5)), 12
        symbols = rng.choice([1, 2, 15], size).astype(np.uint8)
        for at in range(0, size, 20):
            word = symbols[at : at + rng.integers(1, 6)]
            symbols[at : at + 16] = np.resize(word, 16)[: size - at]
        expected = np.zeros(size, bool)
        for period in range(1, longest + 1):
            for low in range(size - shortest + 1):
                part = symbols[low : low + shortest]
                same = (part[period:] == part[:-period]) & (part[period:] != 15)
                expected[low : low + shortest] |= same.all()
        found = np.zeros(size, bool)
        assert mark_repeats(symbols, longest, shortest, found) == expected.any()
        assert (found == expected).all()


# Tiny circles --------------------------------------------------------------------------------


def legal(gene: CodingSequence, contig: Contig) -> bool:
    """Whether a gene goes round a circle once at most, and has no stop inside."""
    bases = Seq(b"".join(contig.sequence[start:end] for start, end in gene.parts))
    if gene.strand < 0:
        bases = bases.reverse_complement()
    return len(gene) <= len(contig) and "*" not in bases[gene.phase :].translate(11)[:-1]


def test_no_gene_is_longer_than_its_circle(finder: GeneFinder, buchnera: Any, phage: bytes) -> None:
    """Once 126 of 2,060 genes on circles of 60 to 2,500 bp were, with stops inside."""
    rng = np.random.default_rng(8)
    circles = list(read_fasta(str(DATA / "circles.fna")))
    for i, length in enumerate(rng.integers(60, 2500, 100)):
        sequence = (phage, buchnera.sequence)[i % 2]
        at = rng.integers(len(sequence) - length)
        circles.append(Contig(f"r{i}", sequence[at : at + length], circular=True))
    number = 0
    for prediction in finder.predict(circles):
        contig = prediction.contig
        assert contig.circular
        for gene in prediction.genes:
            number += 1
            assert all(0 <= start < end <= len(contig) for start, end in gene.parts)
            assert legal(gene, contig)
    assert number > 50

"""Remarks on input that is no prokaryote, or raw reads."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.decoding.assemble import Prediction
from dnatag.domains.genes.finder import GeneFinder
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.domains.genes.statistics import GenomeStatistics
from dnatag.domains.genes.suitability import LEAST, eukaryotic, remark_eukaryote, watch_reads
from dnatag.formats.sequences.fasta import read_fasta
from dnatag.formats.sequences.records import CodingSequence, Contig

DATA = Path(__file__).parents[4] / "shared" / "data"
EXAMPLES = Path(__file__).parents[3] / "examples"
GENOME = GenomeParameters(GeneticCode.ncbi(11))


def spaced(genes: int, length: int, gap: int, strands: tuple[int, ...] = (1,)) -> GenomeStatistics:
    """Count genes of one length with gaps of one length between them."""
    places = [(gap + i * (length + gap), strands[i % len(strands)]) for i in range(genes)]
    found = [
        CodingSequence("c", ((at, at + length),), strand, posterior=0.99) for at, strand in places
    ]
    contig = Contig("c", b"ACGT" * ((places[-1][0] + length + gap) // 4 + 1))
    statistics = GenomeStatistics()
    statistics.add(Prediction(contig, found, GENOME))
    return statistics


def test_dense_genes_are_of_a_prokaryote_and_sparse_ones_of_a_eukaryote() -> None:
    assert remark_eukaryote(spaced(100, 900, 20)) is None
    remark = remark_eukaryote(spaced(100, 1400, 600))
    assert remark is not None
    assert remark.startswith("warning: this looks like no prokaryote (probability 0.99")
    assert "0.50 genes in 1000 bp, and 0 % of neighbours" in remark


def test_few_genes_prove_nothing() -> None:
    assert eukaryotic(spaced(50, 1400, 600)) is None
    assert eukaryotic(spaced(300, 1400, 600, strands=(1, -1))) is None
    assert eukaryotic(GenomeStatistics()) is None


def test_few_genes_far_apart_are_not_enough() -> None:
    """As in 100 kb of a cyanobacterium, which a whole genome would not be like."""
    assert remark_eukaryote(spaced(60, 800, 200)) is None
    assert remark_eukaryote(spaced(600, 800, 200)) is not None


def reads(names: list[str], lengths: list[int]) -> list[str]:
    """Return the remarks on records of such names and lengths."""
    remarks: list[str] = []
    contigs = [Contig(name, b"A" * length) for name, length in zip(names, lengths, strict=True)]
    assert list(watch_reads(iter(contigs), remarks.append)) == contigs
    return remarks


@pytest.mark.parametrize(
    "name",
    [
        "SRR7721.{}",
        "M00967:43:000000000-A3JHG:1:1101:18327:{}",
        "m64011_190830_220126/{}/ccs",
        "0a1b2c3d-1234-4abc-9def-{:012x}",
    ],
)
def test_names_of_reads(name: str) -> None:
    names = [name.format(i) for i in range(200)]
    (remark,) = reads(names, [9000] * 200)
    assert "200 of the first 200 records are named like reads" in remark
    assert not reads(names[:50], [9000] * 50)


def test_many_short_records_are_reads_and_contigs_are_not() -> None:
    rng = random.Random(1)
    names = [f"r{i}" for i in range(1200)]
    (remark,) = reads(names, [rng.randint(100, 301) for _ in names])
    assert "none of the first 1000 records is longer than 301 bp" in remark
    assert not reads([f"k141_{i}" for i in range(1200)], [rng.randint(200, 1000) for _ in names])
    assert not reads(names[:900], [150] * 900)


def test_the_example_is_a_prokaryote() -> None:
    statistics = GenomeStatistics()
    finder = GeneFinder(genetic_code=11, adapt="off", device="cpu")
    contigs = [Contig(c.id, c.sequence[:90_000]) for c in read_fasta(EXAMPLES / "buchnera.fna.gz")]
    for found in finder.predict(contigs):
        statistics.add(found)
    probability = eukaryotic(statistics)
    assert probability is not None
    assert probability < 0.5


def probability(path: Path, most: int) -> float | None:
    """Judge the first bases of a genome."""
    contigs, size = [], 0
    for contig in read_fasta(path):
        contigs.append(Contig(contig.id, contig.sequence[: most - size]))
        size += len(contigs[-1])
        if size >= most:
            break
    statistics = GenomeStatistics()
    for found in GeneFinder(device="cpu").predict(contigs):
        statistics.add(found)
    return eukaryotic(statistics)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="needs the genomes in ../shared")
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("eukaryotes", "Scerevisiae"),  # the hardest of each kind
        ("eukaryotes", "Dmelanogaster_chr2R_dm3"),
        ("prokaryotes", "Synechocystis*"),
        ("prokaryotes", "Acaryochloris_marina_plasmids*"),
        ("prokaryotes", "Portiera*"),
    ],
)
def test_real_genomes(kind: str, name: str) -> None:
    path = sorted((DATA / kind).glob(f"*/{name}.fna.gz"))[0]
    judged = probability(path, 500_000)
    assert judged is not None
    assert (judged >= LEAST) == (kind == "eukaryotes"), judged

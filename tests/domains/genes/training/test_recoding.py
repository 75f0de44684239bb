"""Recoded genomes: proteins, starts and what stands before them stay, codon usage changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from Bio.Seq import Seq

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.domains.genes.training.corpus import LabelledGenome
from dnatag.domains.genes.training.recoding import (
    AROUND_START,
    NEAR_START,
    Usage,
    recode,
    recoded_genomes,
)
from dnatag.engine.crf.chain import Chain
from dnatag.errors import InputError
from dnatag.formats.sequences.records import CodingSequence

DATA = Path(__file__).parents[3] / "data" / "train"
CODE = GeneticCode.ncbi(11)
LETTERS = np.frombuffer(b"NACNGNNNTNNNNNNN", np.uint8)
STARTS = {"ATG", "GTG", "TTG", "CTG", "ATT", "ATC", "ATA"}


@pytest.fixture(scope="module")
def rich(genome: LabelledGenome) -> Usage:
    """A usage of G and C wherever they can stand at the end of a codon."""
    own = Usage.of(genome)
    shares = own.shares.copy()
    shares[np.arange(64) % 4 % 3 == 0] /= 30
    return Usage(shares, own.gc + 0.2)


@pytest.fixture(scope="module")
def recoded(genome: LabelledGenome, rich: Usage) -> LabelledGenome:
    return recode(genome, Usage.of(genome), rich, np.random.default_rng(1))


def gene_of(genome: LabelledGenome, gene: CodingSequence) -> str:
    letters = Seq(LETTERS[genome.contigs[0].symbols[gene.start : gene.end]].tobytes())
    return str(letters if gene.strand > 0 else letters.reverse_complement())


def test_proteins_stay_and_codons_change(genome: LabelledGenome, recoded: LabelledGenome) -> None:
    changed = total = 0
    for gene in genome.contigs[0].labels.genes:
        before, behind = gene_of(genome, gene), gene_of(recoded, gene)
        assert Seq(before).translate(11) == Seq(behind).translate(11)
        assert behind[: AROUND_START[1] // 3 * 3] == before[: AROUND_START[1] // 3 * 3]
        changed += sum(a != b for a, b in zip(before, behind, strict=True))
        total += len(before)
        for i in range(0, min(len(before) - 3, 3 * NEAR_START), 3):
            assert (before[i : i + 3] in STARTS) == (behind[i : i + 3] in STARTS)
    assert changed > 0.05 * total
    assert recoded.contigs[0].labels.genes == genome.contigs[0].labels.genes
    assert Usage.of(recoded).gc > Usage.of(genome).gc + 0.05
    assert recoded.signals


def test_what_stands_before_starts_stays(genome: LabelledGenome, recoded: LabelledGenome) -> None:
    old, new = genome.contigs[0].symbols, recoded.contigs[0].symbols
    assert (old != new).any()
    for gene in genome.contigs[0].labels.genes:
        low = gene.start - AROUND_START[0] if gene.strand > 0 else gene.end
        place = slice(max(low, 0), max(low, 0) + AROUND_START[0])
        assert (old[place] == new[place]).all()


def test_labels_are_legal_and_leave_starts_open(
    genome: LabelledGenome, recoded: LabelledGenome
) -> None:
    structure, contig = prokaryotic(), recoded.contigs[0]
    assert (contig.flags == CODE.properties(contig.symbols)).all()
    old, new = genome.contigs[0].labels.allowed, contig.labels.allowed
    assert (old & new == old).all()
    assert (old != new).any()
    n = len(new) // 3 * 3
    chain = Chain(
        structure.grammar,
        np.zeros((1, n, len(structure.grammar.scores)), np.float32),
        np.zeros(len(structure.grammar.weights), np.float32),
        contig.flags[None, :n],
        np.array([n]),
        structure.members(new[None, :n]),
    )
    assert chain.likelihood_loss()[1].all()


def test_genomes_at_a_distance_lend_their_usage(genome: LabelledGenome, rich: Usage) -> None:
    own = Usage.of(genome)
    other = recode(genome, own, rich, np.random.default_rng(2))
    pair = [replace(genome, name="b", weight=3.0), replace(other, name="b, recoded", weight=1.0)]
    made = recoded_genomes(pair, 0.5, seed=4)
    assert [one.name for one in made] == ["b, recoded", "b, recoded, recoded"]
    assert sum(one.weight for one in made) == pytest.approx(4)
    again = recoded_genomes(pair, 0.5, seed=4)
    assert (again[0].contigs[0].symbols == made[0].contigs[0].symbols).all()
    assert Usage.of(made[0]).gc > own.gc
    with pytest.raises(InputError, match="no two genomes have GC contents that differ by 2%"):
        recoded_genomes([genome, genome], 0.5, seed=4)

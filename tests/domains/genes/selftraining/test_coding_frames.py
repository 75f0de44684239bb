"""Genes that codon usage finds, against annotations and against chance."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.model import load_gene_model
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.selftraining.coding_frames import find_coding_frames, join_contigs
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.domains.genes.signals.gene_signals import GeneSignals
from dnatag.formats.sequences.records import Contig
from dnatag.models.names import find_model

CODE, SETTINGS = GeneticCode.ncbi(11), SelfTrainingSettings()


@pytest.fixture(scope="module")
def signals(buchnera: Any) -> GeneSignals:
    """Of the genomes of the shipped panel that are most similar, but for another Buchnera."""
    _, panel, _ = load_gene_model(find_model("prokaryotes"))
    nearest = panel.nearest([encode(buchnera.sequence)], SETTINGS)
    return panel.average([i for i in nearest if "Buchnera" not in panel.names[i]])[0]


@pytest.mark.parametrize(("known", "right_starts"), [(True, 0.85), (False, 0.5)])
def test_they_are_annotated(
    buchnera: Any, signals: GeneSignals, known: bool, right_starts: float
) -> None:
    """Also if nothing is known of other genomes, but for the starts."""
    own = signals if known else GeneSignals.none()
    symbols = encode(buchnera.sequence)
    for _ in range(SETTINGS.frames_rounds):
        found = find_coding_frames(symbols, CODE, own, SETTINGS)
        own = GeneSignals.estimate([found])
    starts = {(g.strand, g.three_prime): g.five_prime for g in buchnera.genes}
    whole = [g for g in found.genes if not (g.partial5 or g.partial3)]
    annotated = [g for g in whole if (g.strand, g.three_prime) in starts]
    assert len(whole) > 0.8 * len(buchnera.genes)
    assert len(annotated) > 0.99 * len(whole)
    right = sum(starts[g.strand, g.three_prime] == g.five_prime for g in annotated)
    assert right > right_starts * len(annotated)


def test_there_are_none_by_chance(signals: GeneSignals) -> None:
    rng = np.random.default_rng(1)
    symbols = rng.choice(np.array([1, 2, 4, 8], np.uint8), 300_000)
    assert not find_coding_frames(symbols, CODE, signals, SETTINGS).genes


def test_what_is_missing_at_ends_and_gaps(buchnera: Any, signals: GeneSignals) -> None:
    """A gene in two contigs is two, of which one lacks its stop and one its start."""
    gene = max((g for g in buchnera.genes if g.strand > 0), key=lambda g: g.end - g.start)
    middle = (gene.start + gene.end) // 2
    for strand in (1, -1):
        halves = [
            Contig("a", buchnera.sequence[gene.start - 99 : middle]),
            Contig("b", buchnera.sequence[middle : gene.end + 99]),
        ]
        if strand < 0:
            turned = bytes.maketrans(b"ACGT", b"TGCA")
            halves = [replace(c, sequence=c.sequence.translate(turned)[::-1]) for c in halves]
        symbols = join_contigs(halves)
        found = find_coding_frames(symbols, CODE, signals, SETTINGS)
        ends = [(g.partial5, g.partial3) for g in found.genes if g.strand == strand]
        assert sorted(ends) == [(False, True), (True, False)]
        assert all((symbols[g.start : g.end] != 15).all() for g in found.genes)


def test_the_surer_of_two_that_overlap(buchnera: Any, signals: GeneSignals) -> None:
    found = find_coding_frames(encode(buchnera.sequence), CODE, signals, SETTINGS).genes
    found = sorted(found, key=lambda g: g.start)
    assert len(found) > 400
    for one, other in pairwise(found):
        assert one.end - other.start <= SETTINGS.max_overlap * max(len(one), len(other))


def test_strand_and_order_of_contigs_do_not_matter(buchnera: Any, signals: GeneSignals) -> None:
    rng = np.random.default_rng(3)
    starts = rng.integers(0, len(buchnera.sequence) - 2000, 60).tolist()
    turned = bytes.maketrans(b"ACGT", b"TGCA")
    contigs = [
        Contig(str(i), buchnera.sequence[s : s + 400 + 25 * i]) for i, s in enumerate(starts)
    ]
    others = [replace(c, sequence=c.sequence.translate(turned)[::-1]) for c in contigs]
    found = [
        find_coding_frames(join_contigs(own), CODE, signals, SETTINGS)
        for own in (contigs, contigs[::-1], others)
    ]
    lengths = [sorted(map(len, examples.genes)) for examples in found]
    assert len(lengths[0]) > 60
    assert lengths[0] == lengths[1] == lengths[2]
    tables = [GeneSignals.estimate([examples]).to_arrays() for examples in found]
    for name, table in tables[0].items():
        for other in tables[1:]:
            np.testing.assert_array_equal(table, other[name])


def test_nothing_in_nothing() -> None:
    found = find_coding_frames(encode(b""), CODE, GeneSignals.none(), SETTINGS)
    assert not found.genes

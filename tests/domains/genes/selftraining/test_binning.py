"""Contigs of a mixture that belong together are found, and adapted to together."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dnatag import GeneFinder
from dnatag.domains.genes.model import load_gene_model
from dnatag.domains.genes.nucleotides import encode, reverse_complement
from dnatag.domains.genes.selftraining.binning import binning_gain, choose_bins
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.domains.genes.signals.gene_signals import hexamer_counts
from dnatag.formats.sequences.records import CodingSequence, Contig
from dnatag.models.names import find_model

from ..conftest import Notes, recoded

pytestmark = pytest.mark.slow

LENGTH = 5_000
SETTINGS = SelfTrainingSettings()
#: As many contigs of Buchnera.
BUCHNERA = 60


@pytest.fixture(scope="module")
def known() -> np.ndarray:
    """Return the genomes of the shipped model but Buchnera's."""
    panel = load_gene_model(find_model("prokaryotes"))[1]
    others = [i for i, name in enumerate(panel.names) if not name.startswith("Buchnera")]
    return panel.shares[others]


@pytest.fixture(scope="module")
def mixture(buchnera: Any, phage: bytes) -> list[Contig]:
    """Return contigs of Buchnera, then of a phage."""
    return [
        Contig(f"{name}{at}", sequence[at : at + LENGTH])
        for name, sequence in (("b", buchnera.sequence[: BUCHNERA * LENGTH]), ("p", phage[:45_000]))
        for at in range(0, len(sequence), LENGTH)
    ]


def chains(counts: np.ndarray) -> np.ndarray:
    """Chance of each base after five others."""
    return (counts.reshape(-1, 4) / counts.reshape(-1, 4).sum(1, keepdims=True)).ravel()


def test_alone_by_the_nearest_known_genome(mixture: list[Contig], known: np.ndarray) -> None:
    logs = [np.log(chains(row)) for row in known]
    for contig in mixture[::20]:
        counts = hexamer_counts(encode(contig.sequence))
        assert choose_bins([contig], known, SETTINGS) == [np.argmax([counts @ row for row in logs])]


def test_company_is_better_evidence_than_known_genomes(
    mixture: list[Contig], known: np.ndarray
) -> None:
    def largest(bins: np.ndarray) -> int:
        return int(np.bincount(bins).max())

    bins = choose_bins(mixture, known, SETTINGS)
    alone = np.concatenate([choose_bins([contig], known, SETTINGS) for contig in mixture])
    assert largest(alone[:BUCHNERA]) < 0.9 * BUCHNERA < largest(bins[:BUCHNERA])
    assert not set(bins[:BUCHNERA]) & set(bins[BUCHNERA:])


def test_order_and_strands_of_contigs_do_not_matter(
    mixture: list[Contig], known: np.ndarray
) -> None:
    bins = choose_bins(mixture, known, SETTINGS)
    order = random.Random(3).sample(range(len(mixture)), len(mixture))
    turned = [
        replace(c, sequence=c.sequence.translate(bytes.maketrans(b"ACGT", b"TGCA"))[::-1])
        for c in (mixture[i] for i in order)
    ]
    assert (
        encode(turned[0].sequence) == reverse_complement(encode(mixture[order[0]].sequence))
    ).all()
    few = replace(SETTINGS, binning_batch=7)
    np.testing.assert_array_equal(choose_bins(turned, known, few), bins[order])


def test_no_contigs_and_none_that_say_anything(known: np.ndarray) -> None:
    assert len(choose_bins([], known, SETTINGS)) == 0
    assert len(choose_bins([Contig("n", b"N" * 50), Contig("a", b"ACG")], known, SETTINGS)) == 2


def test_gain_is_that_of_contigs_given_the_others(mixture: list[Contig], known: np.ndarray) -> None:
    contigs = mixture[BUCHNERA - 4 : BUCHNERA + 4]
    bins = choose_bins(contigs, known, SETTINGS)
    counts = np.stack([hexamer_counts(encode(contig.sequence)) / 2 for contig in contigs])
    best = int(np.argmax([counts.sum(0) @ np.log(chains(row)) for row in known]))

    def log_likelihood(bins: np.ndarray) -> float:
        total = 0.0
        for i, number in enumerate(bins):
            others = [counts[k] for k in range(len(bins)) if bins[k] == number and k != i]
            total += counts[i] @ np.log(chains(10_000 * known[number] + sum(others)))
        return total

    gain = log_likelihood(bins) - log_likelihood(np.full(len(contigs), best))
    few = replace(SETTINGS, binning_batch=3)
    assert binning_gain(contigs, known, few) == pytest.approx(gain / (len(contigs) * LENGTH / 1000))


def test_gain_separates_mixtures_from_genomes(mixture: list[Contig], known: np.ndarray) -> None:
    assert binning_gain(mixture[:BUCHNERA], known, SETTINGS) < SETTINGS.min_binning_gain
    gain = binning_gain(mixture, known, SETTINGS)
    assert gain > SETTINGS.min_binning_gain
    assert binning_gain(mixture, known, SETTINGS, threads=2) == gain


def genes_of(finder: GeneFinder, contigs: list[Contig]) -> dict[str, list[CodingSequence]]:
    return {p.contig.id: p.genes for p in finder.predict(contigs)}


def test_a_bin_is_taken_for_a_genome(mixture: list[Contig]) -> None:
    """Called with parameters from a sample of all its contigs, in any order."""
    reported = Notes()
    finder = GeneFinder(device="cpu")
    found = {p.contig.id: p.genes for p in finder.predict(mixture, observer=reported)}
    assert list(found) == [contig.id for contig in mixture]
    assert "69 contigs" in reported[0]
    assert genes_of(finder, mixture[::-1]) == found
    bins = choose_bins(mixture, load_gene_model(find_model("prokaryotes"))[1].shares, SETTINGS)
    by_composition = replace(SETTINGS, max_gc_spread=1.0)
    assert genes_of(GeneFinder(device="cpu", self_training=by_composition), mixture) == found
    finder = GeneFinder(device="cpu", self_training=replace(SETTINGS, max_genome=0))
    adapted = []
    for number in set(bins):
        members = [contig for contig, its in zip(mixture, bins, strict=True) if its == number]
        notes = Notes()
        parameters = finder.estimate_parameters(members, observer=notes)
        adapted += members * notes[-1].startswith("adapted")
        expected = genes_of(GeneFinder(parameters=parameters, device="cpu"), members)
        assert {contig.id: found[contig.id] for contig in members} == expected
    assert 0.9 * BUCHNERA < len(adapted) <= BUCHNERA
    assert reported[1].startswith(f"adapted to the bins of {len(adapted)} contigs;")


def test_a_contig_of_another_code_is_left_out_of_its_bin(mixture: list[Contig]) -> None:
    """As some phages have the composition of their host, but not its code."""
    finder = GeneFinder(device="cpu")
    guests = [
        replace(contig, id=f"guest {contig.id}", sequence=recoded(contig, finder.find(contig)))
        for contig in mixture[:BUCHNERA:5]
    ]
    guests = [guest for guest in guests if next(finder.predict([guest])).code.table == 4]
    assert len(guests) > 2
    reported = Notes()
    found = finder.predict([*mixture, *guests], observer=reported)
    predictions = {p.contig.id: p for p in found}
    assert [line.partition(": genetic code 4: +")[0] for line in reported[2:]] == [
        guest.id for guest in guests
    ]
    assert {predictions[contig.id].code.table for contig in mixture} == {11}
    for guest in guests:
        assert predictions[guest.id].code.table == 4
        assert predictions[guest.id].genes == finder.find(guest)


def test_the_code_of_a_bin_is_chosen_from_all_of_it(mixture: list[Contig]) -> None:
    finder = GeneFinder(device="cpu")
    other = [
        replace(contig, sequence=recoded(contig, finder.find(contig)))
        for contig in mixture[:BUCHNERA]
    ]
    reported = Notes()
    found = finder.predict([*other, *mixture[BUCHNERA:]], observer=reported)
    codes = {p.contig.id: p.code.table for p in found}
    assert sum(codes[contig.id] == 4 for contig in other) > 0.9 * BUCHNERA
    assert {codes[contig.id] for contig in mixture[BUCHNERA:]} == {11}
    assert any(re.match(r"a bin of \d+ contigs: genetic code 4: \+", line) for line in reported)


def test_what_is_not_taken_together(mixture: list[Contig]) -> None:
    """More than is held in memory, and contigs where the panel has too few genomes."""
    finder = GeneFinder(device="cpu")
    alone = {contig.id: finder.find(contig) for contig in mixture}
    assert genes_of(finder, mixture) != alone
    for settings in (
        replace(SETTINGS, max_genome=100_000, max_mixture=200_000),
        replace(SETTINGS, min_panel=1000),
    ):
        reported = Notes()
        other = GeneFinder(device="cpu", self_training=settings)
        found = {p.contig.id: p.genes for p in other.predict(mixture, observer=reported)}
        assert found == alone
        assert reported == [
            "this seems to be more than one genome: each contig is taken on its own"
        ]

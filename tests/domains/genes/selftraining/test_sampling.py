"""Samples do not depend on how a file happens to hold a genome, and mixtures are recognised."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnatag.domains.genes.selftraining.sampling import choose_parts, is_mixture, sample_genome
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.formats.sequences.records import Contig

SETTINGS = SelfTrainingSettings()
COMPLEMENT = bytes.maketrans(b"ACGT", b"TGCA")


def sequence(seed: int, length: int, gc: float = 0.5) -> bytes:
    weights = ((1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2)
    return "".join(random.Random(seed).choices("ACGT", weights, k=length)).encode()


def genome() -> list[Contig]:
    return [Contig(f"c{i}", sequence(i, n)) for i, n in enumerate((90_000, 30_000, 4_000, 700))]


def reverse(contig: Contig) -> Contig:
    return Contig(contig.id, contig.sequence[::-1].translate(COMPLEMENT))


def canonical(contigs: list[Contig]) -> list[bytes]:
    """The sequences in any order and direction."""
    return sorted(min(c.sequence, reverse(c).sequence) for c in contigs)


@pytest.mark.parametrize("size", [5_000, 40_000, 10**6])
def test_samples_are_spread_and_of_the_size_asked_for(size: int) -> None:
    contigs = genome()
    taken = sample_genome(contigs, size, 2_000)
    total = sum(map(len, contigs))
    assert sum(map(len, taken)) == pytest.approx(min(size, total), rel=0.25)
    assert max(map(len, taken)) <= 4_000
    whole = {contig.id: contig.sequence for contig in contigs}
    for stretch in taken:
        name, low = stretch.id.split(":")
        assert whole[name][int(low) :].startswith(stretch.sequence)
        assert not stretch.circular
    if size >= total:
        assert sum(map(len, taken)) == total
    else:
        # Either half of the longest contig has its share.
        starts = [int(s.id.split(":")[1]) for s in taken if s.id.startswith("c0:")]
        assert min(starts) < 45_000 < max(starts)


def test_samples_do_not_depend_on_order_and_strand() -> None:
    contigs = genome()
    expected = canonical(sample_genome(contigs, 40_000, 2_000))
    assert canonical(sample_genome(contigs[::-1], 40_000, 2_000)) == expected
    assert canonical(sample_genome([reverse(c) for c in contigs], 40_000, 2_000)) == expected


def test_samples_of_circles_do_not_depend_on_the_cut() -> None:
    letters = sequence(5, 20_000)
    samples = [
        sample_genome([Contig("c", letters[cut:] + letters[:cut], circular=True)], 6_000, 2_000)
        for cut in (0, 7_777)
    ]
    assert samples[0] == samples[1]
    assert sum(map(len, samples[0])) < 10_000


@given(
    st.lists(st.integers(1, 3_000_000), min_size=1, max_size=20, unique=True),
    st.integers(1, 5_000_000),
    st.randoms(),
)
def test_parts_are_spread(lengths: list[int], size: int, shuffler: Any) -> None:
    """About as much as asked for, in any order of the contigs, alike from both ends."""
    numbers = [1 + length // 300_000 for length in lengths]
    contigs = [Contig(str(n), b"A" * n) for n in lengths]
    found = {contigs[i].id: parts for i, parts in choose_parts(contigs, numbers, size)}
    order = list(range(len(contigs)))
    shuffler.shuffle(order)
    shuffled, of_shuffled = [contigs[i] for i in order], [numbers[i] for i in order]
    assert {shuffled[i].id: p for i, p in choose_parts(shuffled, of_shuffled, size)} == found
    taken = 0.0
    for contig, number in zip(contigs, numbers, strict=True):
        parts = found[contig.id]
        assert parts == [number - 1 - part for part in parts[::-1]]
        assert all(0 <= part < number for part in parts)
        taken += len(contig) * len(parts) / number
    if size >= sum(lengths):
        assert taken == pytest.approx(sum(lengths))
    else:
        assert abs(taken - size) <= 900_000


def test_parts_of_short_contigs_add_up() -> None:
    """Each is too short for a part of its own share, together they are not."""
    contigs = [Contig(f"c{i:03}", sequence(i, 500)) for i in range(100)]
    parts = dict(choose_parts(contigs, [1] * 100, 10_000))
    assert sum(map(len, parts.values())) == 20


@pytest.mark.parametrize(
    ("contents", "length", "mixture"),
    [
        ((0.5, 0.51, 0.49), 20_000, False),
        ((0.35, 0.65), 20_000, True),
        ((0.35, 0.65), SETTINGS.gc_contig - 1, False),
        ((0.35,), 20_000, False),
    ],
)
def test_mixtures_differ_in_gc(contents: tuple[float, ...], length: int, mixture: bool) -> None:
    contigs = [Contig(str(i), sequence(i, length, gc)) for i, gc in enumerate(contents)]
    assert is_mixture(contigs, SETTINGS) == mixture


def test_a_small_plasmid_makes_no_mixture() -> None:
    """Contigs weigh as much as they are long."""
    contigs = [Contig("a", sequence(1, 200_000, 0.65)), Contig("b", sequence(2, 3_000, 0.4))]
    assert not is_mixture(contigs, SETTINGS)
    assert is_mixture([contigs[1], Contig("c", sequence(3, 3_000, 0.65))], SETTINGS)

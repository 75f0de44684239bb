"""The native loops against those in NumPy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.domains.genes.codes import START, START_REVERSE, STOP, STOP_REVERSE, GeneticCode
from dnatag.domains.genes.nucleotides import base_numbers, encode
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.native import binning, frames, loops, plain_loops, signals, starts

some = settings(max_examples=50, deadline=None)
seeds = st.integers(0, 2**32 - 1)
lengths = st.sampled_from([0, 1, 2, 3, 5, 8, 60, 300, 1000])
BINS = np.array([0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4])
BEFORE, BEHIND, N_BINS = 20, 15, 5
#: Rows, lengths, begins and ends.
ONE_ROW = np.array([0]), np.array([5]), np.array([True]), np.array([True])
FRAME_OF_STATE = prokaryotic().frame_of_state


def strand(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Bases, some of them ambiguous, and flags."""
    base = rng.integers(0, 4, n).astype(np.int8)
    base[rng.random(n) < rng.choice([0, 0.02, 1])] = -1
    flags = np.zeros(n, np.uint8)
    for bit in range(4):
        flags |= ((rng.random(n) < 0.05) << bit).astype(np.uint8)
    return base, flags


@some
@given(seed=seeds, n=lengths, table=st.sampled_from([11, 4, 1]))
def test_properties(seed: int, n: int, table: int) -> None:
    rng = np.random.default_rng(seed)
    symbols = encode(bytes(rng.choice(list(b"ACGTACGTACGTNRYK-"), n).astype(np.uint8)))
    code = GeneticCode.ncbi(table)
    found = loops.properties(symbols, code._flags)
    np.testing.assert_array_equal(found, plain_loops.properties(symbols, code._flags))


@some
@given(seed=seeds, n=lengths)
def test_count_hexamers(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    base, _ = strand(rng, n)
    ends = np.sort(rng.integers(0, n + 1, 4))
    starts = np.maximum(0, ends - rng.integers(0, 100, 4))
    found, expected = np.zeros((2, 4096)), np.zeros((2, 4096))
    loops.count_hexamers(base, starts, ends, *found)
    plain_loops.count_hexamers(base, starts, ends, *expected)
    np.testing.assert_array_equal(found, expected)


@some
@given(seed=seeds, n=lengths, rows=st.integers(0, 5))
def test_genes_log_odds(seed: int, n: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    base, _ = strand(rng, n)
    ends = np.sort(rng.integers(0, n + 1, rng.integers(1, 5)))
    # Extreme enough for sums to be scaled.
    ratios = np.exp(rng.normal(0, rng.choice([0.1, 5]), (rows, 4096)))
    found = loops.genes_log_odds(base, ends, ratios, 0.006)
    expected = plain_loops.genes_log_odds(base, ends, ratios, 0.006)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(
        found, loops.genes_log_odds(base, ends, np.asfortranarray(ratios), 0.006)
    )


@some
@given(seed=seeds, n=lengths)
def test_count_starts(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    base, flags = strand(rng, n)
    starts = rng.integers(0, n + 1, 5)
    kinds = rng.integers(0, 2, 5)

    def tables() -> tuple[np.ndarray, ...]:
        return np.zeros((3, 64)), np.zeros((3, BEFORE + BEHIND, 4)), np.zeros((3, 1024, N_BINS))

    found, expected = tables(), tables()
    signals.count_starts(base, flags, starts, kinds, *found, BEFORE, BEHIND, BINS, 90)
    plain_loops.count_starts(base, flags, starts, kinds, *expected, BEFORE, BEHIND, BINS, 90)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def contig(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Symbols, some of them ambiguous or outside, and flags."""
    letters = rng.choice([1, 2, 4, 8], n)
    other = rng.random(n) < rng.choice([0, 0.02, 1])
    return np.where(other, rng.integers(0, 16, n), letters).astype(np.uint8), strand(rng, n)[1]


@some
@given(seed=seeds, n=lengths)
def test_features(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    symbols, flags = contig(rng, n)
    shapes = (4096,), (64,), (BEFORE + BEHIND, 5, 2), (N_BINS, 1025, 2)
    tables = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    tables[2][:, 4], tables[3][:, 1024] = 0, -9
    tables[2] = tables[2].astype(float)
    for places in (np.arange(n), np.flatnonzero(flags), rng.integers(0, max(n, 1), min(n, 40))):
        found, expected = (
            module.features(symbols, flags, places, *tables, BEFORE, BEHIND, BINS, 0.3)
            for module in (signals, plain_loops)
        )
        # Sums of another order.
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@some
@given(seed=seeds, n=lengths)
def test_among_others(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    counts = loops.hexamers(contig(rng, n)[0], np.array([0, n // 3, n // 2, n]))
    bins = rng.integers(0, 2, 3)
    totals = rng.random((2, 4096)) + 1
    np.add.at(totals, bins, counts)
    found, expected = (m.among_others(counts, bins, totals) for m in (loops, plain_loops))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@some
@given(seed=seeds, n=lengths)
def test_hexamers(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    symbols, _ = contig(rng, n)
    offsets = np.sort(rng.integers(0, n + 1, 5))
    np.testing.assert_array_equal(
        loops.hexamers(symbols, offsets), plain_loops.hexamers(symbols, offsets)
    )


@some
@given(seed=seeds, n=lengths, reverse=st.booleans())
def test_rbs_log_odds(seed: int, n: int, reverse: bool) -> None:
    rng = np.random.default_rng(seed)
    symbols, _ = contig(rng, n)
    places = rng.integers(0, n + 1, 20)
    weights = rng.normal(size=(6, 4)).astype(np.float32)
    spacers = rng.random(9).astype(np.float32)
    found, expected = (
        module.rbs_log_odds(symbols, places, reverse, weights, spacers, 4)
        for module in (signals, plain_loops)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@some
@given(seed=seeds, n=lengths, share=st.sampled_from([0.02, 0.5]))
def test_open_frames(seed: int, n: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    _, flags = strand(rng, n)
    # States that stay for a while, turning as the grammar's do, and some that do not.
    frames = np.zeros((n, 6), bool)
    for phase in range(3):
        for half, step in ((0, 1), (3, -1)):
            inside = np.cumsum(rng.random(n) < share) % 3 == 0
            position = (
                step * (np.arange(n) - phase) % 3 if step > 0 else 2 - (np.arange(n) - phase) % 3
            )
            frames[np.flatnonzero(inside), half + position[inside]] = True
    number = {tuple(row): s for s, row in enumerate(FRAME_OF_STATE.tolist())}
    path = np.array([number.get(tuple(row), 0) for row in frames.tolist()], np.int16)
    path[rng.random(n) < 0.01] = -1
    found, expected = (m.open_frames(path, flags, FRAME_OF_STATE) for m in (loops, plain_loops))
    np.testing.assert_array_equal(found, expected)


@some
@given(seed=seeds, n=lengths, longest=st.sampled_from([90, 10_000]))
def test_drop_starts(seed: int, n: int, longest: int) -> None:
    rng = np.random.default_rng(seed)
    _, flags = strand(rng, n)
    found, expected = flags.copy(), flags.copy()
    for arguments in ((START, STOP, n - 1, 1, 60), (START_REVERSE, STOP_REVERSE, 0, -1, 60)):
        loops.drop_starts(found, *arguments, longest)
        plain_loops.drop_starts(expected, *arguments, longest)
        np.testing.assert_array_equal(found, expected)


@some
@given(seed=seeds, n=lengths, longest=st.sampled_from([0, 30, 900]))
def test_score_lengths(seed: int, n: int, longest: int) -> None:
    rng = np.random.default_rng(seed)
    flags = np.stack([strand(rng, n)[1] for _ in range(4)])
    by_length = rng.normal(size=longest + 1).astype(np.float32)
    of_rows = np.array([2, 0, 3]), rng.integers(0, n + 1, 4), *(rng.random((2, 4)) < 0.5)
    columns = rng.permutation(9)[:8]
    found, expected = np.repeat(rng.normal(size=(1, 4, n, 9)).astype(np.float32), 2, axis=0)
    starts.score_lengths(found, flags, *of_rows, columns, 0.7, by_length)
    plain_loops.score_lengths(expected, flags, *of_rows, columns, 0.7, by_length)
    np.testing.assert_array_equal(found, expected)


@some
@given(seed=seeds, n=lengths)
def test_centre_starts(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    _, flags = strand(rng, n)
    scores = rng.normal(size=(n, 7)).astype(np.float32)
    forward, reverse = (np.flatnonzero(flags & start) for start in (START, START_REVERSE))
    order = rng.permutation(len(forward) + len(reverse))
    place = np.concatenate([forward, reverse])[order]
    back = np.repeat([False, True], [len(forward), len(reverse)])[order]
    own, evidence = rng.normal(size=(2, len(place))).astype(np.float32)
    bounds = np.sort(np.concatenate([[0, n], rng.integers(0, n + 1, 2)]))
    arguments = scores, flags, bounds, rng.permutation(7)[:6], place, back, own, evidence, 0.7
    found = starts.centre_starts(*arguments)
    np.testing.assert_allclose(found, plain_loops.centre_starts(*arguments), atol=1e-5)
    for low, high in pairwise(bounds.tolist()):
        # No stretch depends on the others.
        here = np.flatnonzero((place >= low) & (place < high))
        alone = starts.centre_starts(
            scores[low:high], flags[low:high], np.array([0, high - low]), arguments[3],
            place[here] - low, back[here], own[here], evidence[here], 0.7,
        )  # fmt: skip
        np.testing.assert_array_equal(found[here], alone)


@some
@given(seed=seeds, n=lengths, least=st.sampled_from([-np.inf, 0.0, 2.0]))
def test_coding_frames(seed: int, n: int, least: float) -> None:
    rng = np.random.default_rng(seed)
    base, flags = strand(rng, n)
    own, ratios = rng.normal(size=n).astype(np.float32), rng.normal(size=4096)
    genes, scores = frames.coding_frames(base, flags, own, ratios, 1.0, 6, least)
    expected, of_each = plain_loops.coding_frames(base, flags, own, ratios, 1.0, 6, least)
    np.testing.assert_array_equal(genes, expected)
    np.testing.assert_allclose(scores, of_each, atol=1e-9)


@some
@given(seed=seeds, n=lengths)
def test_binning(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    symbols = contig(rng, n)[0]
    offsets = np.array([0, n // 3, n // 2, n])
    bins, chosen = rng.integers(-1, 5, 3), rng.integers(0, 5, 3)
    found = np.zeros((5, 4096))
    binning.move_contigs(symbols, offsets, np.full(3, -1), np.maximum(bins, 0), found)
    expected = np.zeros_like(found)
    plain_loops.move_contigs(symbols, offsets, np.full(3, -1), np.maximum(bins, 0), expected)
    np.testing.assert_array_equal(found, expected)
    totals = found + rng.random((5, 4096))
    hexamer = np.arange(4096)
    turned = sum((3 - (hexamer >> 2 * i & 3)) << 2 * (5 - i) for i in range(6))
    table = rng.normal(size=(4096, 5))
    table += table[turned]
    best = binning.best_bins(symbols, offsets, table, bins, totals)
    np.testing.assert_array_equal(
        best, plain_loops.best_bins(symbols, offsets, table, bins, totals)
    )
    binning.move_contigs(symbols, offsets, np.maximum(bins, 0), chosen, found)
    plain_loops.move_contigs(symbols, offsets, np.maximum(bins, 0), chosen, expected)
    np.testing.assert_array_equal(found, expected)


@some
@given(seed=seeds, n=lengths, long_frame=st.sampled_from([3, 30, 200]))
def test_open_bases(seed: int, n: int, long_frame: int) -> None:
    _, flags = strand(np.random.default_rng(seed), n)
    found = loops.open_bases(flags, long_frame)
    assert found == plain_loops.open_bases(flags, long_frame)


@some
@given(seed=seeds, n=lengths, max_period=st.integers(0, 5), more=st.integers(1, 9))
def test_mark_repeats(seed: int, n: int, max_period: int, more: int) -> None:
    rng = np.random.default_rng(seed)
    symbols = rng.choice(np.array([1, 2, 15], np.uint8), n, p=[0.5, 0.4, 0.1])
    found, expected = np.zeros((2, n), bool)
    some = loops.mark_repeats(symbols, max_period, max_period + more, found)
    assert some == plain_loops.mark_repeats(symbols, max_period, max_period + more, expected)
    assert some == found.any()
    np.testing.assert_array_equal(found, expected)


@some
@given(symbols=st.lists(st.sampled_from([1, 2, 4, 8]), max_size=12), times=st.integers(1, 3))
def test_least_rotation(symbols: list[int], times: int) -> None:
    circle = np.array(symbols * times, np.uint8)
    found = loops.least_rotation(circle)
    assert found == plain_loops.least_rotation(circle)
    whole = circle.tolist()
    assert whole[found:] + whole[:found] == min(
        (whole[i:] + whole[:i] for i in range(len(whole))), default=[]
    )


def test_real_sequence() -> None:
    symbols = encode(b"ATGAAACGCATTAGCACCACCATTACCACCACCATCACCATTACCACAGGTAACGGTGCGGGCTGA" * 50)
    flags = loops.properties(symbols, GeneticCode.ncbi(11)._flags)
    assert flags[0] & START
    assert flags[len(symbols) - 1] & STOP
    coding, background = np.zeros((2, 4096))
    loops.count_hexamers(base_numbers(symbols), np.array([0]), np.array([60]), coding, background)
    assert coding.sum() == 19
    assert background.sum() == len(symbols) - 5


@pytest.mark.parametrize(
    "call",
    [
        lambda: loops.properties(np.zeros(5, np.uint8), np.zeros((4, 4, 4), np.uint8)),
        lambda: loops.count_hexamers(
            np.zeros(5, np.int8), np.zeros(2), np.zeros(1), np.zeros(4096), np.zeros(4096)
        ),
        lambda: loops.among_others(np.zeros((1, 4096)), np.array([2]), np.ones((2, 4096))),
        lambda: loops.hexamers(np.zeros(5, np.uint8), np.array([0, 6])),
        lambda: loops.genes_log_odds(
            np.zeros(5, np.int8), np.array([0, 5]), np.ones((2, 64)), 0.1
        ),
        lambda: signals.features(
            np.zeros(5, np.uint8),
            np.zeros(5, np.uint8),
            np.array([5]),
            np.zeros(4096, np.float32),
            np.zeros(64, np.float32),
            np.zeros((2, 35, 4), np.float32),
            np.zeros((N_BINS, 1024, 2), np.float32),
            BEFORE,
            BEHIND,
            BINS,
            0.3,
        ),
        lambda: loops.drop_starts(np.zeros(5, np.uint8)[::-1], 1, 2, 4, 1, 60, 99),
        lambda: loops.drop_starts(np.zeros(5, np.uint8), 1, 2, 5, 1, 60, 99),
        lambda: starts.score_lengths(
            np.zeros((1, 4, 8), np.float32), np.zeros((1, 5), np.uint8), *ONE_ROW,
            np.arange(8), 1.0, np.zeros(9, np.float32),
        ),
        lambda: starts.score_lengths(
            np.zeros((1, 5, 8), np.float32), np.zeros((1, 5), np.uint8), *ONE_ROW,
            np.arange(1, 9), 1.0, np.zeros(9, np.float32),
        ),
        lambda: starts.centre_starts(
            np.zeros((5, 8), np.float32), np.zeros(5, np.uint8), np.array([0, 5]), np.arange(6),
            np.array([5]), np.zeros(1, bool), np.zeros(1), np.zeros(1), 1.0,
        ),
        lambda: binning.best_bins(
            np.zeros(9, np.uint8), np.array([0, 9]), np.zeros((4096, 2)), np.array([2]),
            np.ones((2, 4096)),
        ),
        lambda: binning.move_contigs(
            np.zeros(9, np.uint8), np.array([0, 10]), np.array([0]), np.array([0]),
            np.ones((2, 4096)),
        ),
        lambda: frames.coding_frames(
            np.zeros(9, np.int8), np.zeros(9, np.uint8), np.zeros(8, np.float32),
            np.zeros(4096), 0.0, 6, 0.0,
        ),
        lambda: frames.coding_frames(
            np.zeros(9, np.int8), np.zeros(9, np.uint8), np.zeros(9, np.float32),
            np.zeros(4096), 0.0, 2, 0.0,
        ),
        lambda: loops.open_frames(
            np.full(5, 22), np.zeros(5, np.uint8), FRAME_OF_STATE
        ),
        lambda: loops.open_frames(
            np.zeros(5, np.int8), np.zeros(4, np.uint8), FRAME_OF_STATE
        ),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"array|strand|path|columns|starts|rows|shortest"):
        call()

"""The native CRF against the numba one, which it replaces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from grammars import Case, random_case, random_tables
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.engine.crf import compiled
from dnatag.engine.crf.tables import Tables, tables
from dnatag.genes.grammar import gene_grammar
from dnatag.native.crf import Crf, Segment

some = settings(max_examples=30, deadline=None)


class Reference:
    """The numba loops over the arrays of a case."""

    def __init__(self, case: Case) -> None:
        n, n_positions = case.flags.shape
        n_states = case.n_states
        self.case = case
        self.n = n
        self.shape = n, n_positions
        self.arguments = (
            Tables(*case.tables),
            np.append(case.theta, 0.0),
            case.channels,
            case.flags,
            case.lengths,
            np.empty((n, 0, n_states), bool) if case.allowed is None else case.allowed,
            np.ones((n, n_states), bool) if case.begin is None else case.begin,
            np.ones((n, n_states), bool) if case.end is None else case.end,
        )

    def log_partition_gradient(self) -> tuple[np.ndarray, ...]:
        d_channels = np.zeros_like(self.case.channels)
        d_theta = np.zeros((self.n, len(self.case.theta)))
        z = np.empty(self.n)
        compiled._partitions(*self.arguments, np.ones(self.n), d_channels, d_theta, z, 0, 1)
        return z, d_channels, d_theta

    def viterbi(self) -> tuple[np.ndarray, ...]:
        paths, scores = np.full(self.shape, -1, np.int16), np.empty(self.n)
        compiled._viterbis(*self.arguments, np.empty(0, np.uint8), paths, scores, 0, 1)
        return paths, scores

    def marginals(self, project: np.ndarray | None) -> np.ndarray:
        columns = self.case.n_states if project is None else project.shape[1]
        out = np.zeros((*self.shape, columns), self.case.channels.dtype)
        compiled._all_marginals(*self.arguments, project, out, 0, 1)
        return out

    def segments(self, sequences: Any, starts: Any, stops: Any, members: Any, sets: Any) -> Any:
        out = np.empty(len(starts))
        slices = np.searchsorted(sequences, np.arange(self.n + 1))
        sizes = stops - starts
        offsets = np.cumsum(sizes) - sizes
        compiled._all_segments(
            *self.arguments, slices, starts, stops, offsets, members, sets, out, 0, 1
        )
        return out

    def k_best(self, k: int) -> tuple[np.ndarray, ...]:
        paths = np.empty((self.n, k, self.shape[1]), np.int16)
        scores, counts = np.empty((self.n, k)), np.empty(self.n, np.int64)
        compiled._k_bests(*self.arguments, paths, scores, counts, 0, 1)
        return paths, scores, counts

    def sample(self, n: int) -> np.ndarray:
        paths = np.full((self.n, n, self.shape[1]), -1, np.int16)
        numbers = np.random.default_rng(0).random((self.shape[1], n))
        compiled._samples(*self.arguments, numbers, paths, 0, 1)
        return paths


def compare(case: Case, seed: int) -> None:
    crf, reference = Crf(case.tables), Reference(case)
    rng = np.random.default_rng(seed)
    single = case.channels.dtype == np.float32
    close = {"rtol": 1e-5, "atol": 1e-6} if single else {"rtol": 1e-9, "atol": 1e-12}
    found, expected = (
        crf.log_partition_gradient(*case.inputs, **case.masks),
        reference.log_partition_gradient(),
    )
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    np.testing.assert_allclose(found[1], expected[1], **close)
    np.testing.assert_allclose(found[2], expected[2], rtol=1e-9, atol=1e-9)
    paths, scores = crf.viterbi(*case.inputs, **case.masks)
    expected = reference.viterbi()
    np.testing.assert_array_equal(paths, expected[0])
    np.testing.assert_allclose(scores, expected[1], rtol=1e-12)
    for project in (None, rng.normal(size=(case.n_states, 3))):
        np.testing.assert_allclose(
            crf.marginals(*case.inputs, **case.masks, project=project),
            reference.marginals(project),
            **close,
        )
    np.testing.assert_array_equal(crf.sample(*case.inputs, 3, **case.masks), reference.sample(3))
    paths, scores, counts = reference.k_best(3)
    for b, (own_paths, own_scores) in enumerate(crf.k_best(*case.inputs, 3, **case.masks)):
        assert len(own_paths) == counts[b]
        np.testing.assert_array_equal(own_paths, paths[b, : counts[b], : case.lengths[b]])
        np.testing.assert_array_equal(own_scores, scores[b, : counts[b]])


@some
@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.sampled_from([130, 64, 65, 1, 0, 200, 7]), min_size=1, max_size=3),
    restricted=st.booleans(),
    own_ends=st.booleans(),
    single=st.booleans(),
)
def test_random_grammars(
    seed: int, lengths: list[int], restricted: bool, own_ends: bool, single: bool
) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, [8, 5, 4, 4, 6, 4])
    case = random_case(
        rng,
        random_tables(rng, *map(int, sizes), circles=0.6),
        lengths,
        padding=2,
        restricted=restricted,
        own_ends=own_ends,
        dtype=np.float32 if single else np.float64,
    )
    compare(case, seed)


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("n", [3000, 40_000])
def test_gene_grammar(single: bool, n: int) -> None:
    rng = np.random.default_rng(1)
    compare(gene_case(rng, [n, n // 2], np.float32 if single else np.float64), 0)


def gene_case(rng: np.random.Generator, lengths: list[int], dtype: type) -> Case:
    """Starts and stops about as frequent as in DNA."""
    g = tables(gene_grammar())
    case = random_case(rng, g, lengths, dtype=dtype)  # type: ignore[arg-type]
    case.channels[case.channels == -np.inf] = -1e4
    case.flags[:] = 0
    for bit in range(4):
        case.flags |= ((rng.random(case.flags.shape) < 0.04) << bit).astype(np.uint8)
    return case


def test_segments() -> None:
    rng = np.random.default_rng(5)
    case = gene_case(rng, [900, 1, 700], np.float64)
    starts = np.array([800, 3, 0, 0, 600, 10, 0])
    stops = np.array([900, 700, 400, 1, 690, 20, 1])
    sequences = np.array([0, 0, 0, 1, 2, 2, 2])
    members = rng.integers(0, 2, int((stops - starts).sum()))
    # All but a state or two, or nothing would be left.
    sets = np.ones((2, 22), bool)
    sets[[0, 1], [3, 8]] = False
    expected = Reference(case).segments(sequences, starts, stops, members, sets)
    sizes = stops - starts
    cut = np.split(members, np.cumsum(sizes)[:-1])
    found = Crf(case.tables).segment_log_posterior(
        *case.inputs, [Segment(*s) for s in zip(sequences, starts, cut, strict=True)], sets
    )
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)

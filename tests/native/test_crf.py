"""The native CRF against brute force, at great length, and with numbers that are none."""

from __future__ import annotations

import pickle
from collections import Counter
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from grammars import Case, cases, random_case, random_tables
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.native.checks import Segment
from dnatag.native.crf import Crf

some = settings(max_examples=100, deadline=None)


def log_sum(totals: list[float]) -> float:
    """Logarithm of the sum of exponentials; -inf for no totals."""
    return float(np.logaddexp.reduce(totals)) if totals else -np.inf


@some
@given(case=cases())
def test_log_partition(case: Case) -> None:
    z = Crf(case.tables).log_partition(case)
    expected = [log_sum(list(totals.values())) for totals in case.all_paths()]
    np.testing.assert_allclose(z, expected, rtol=1e-12, atol=1e-12)


@some
@given(case=cases(restricted=True))
def test_likelihood_loss(case: Case) -> None:
    crf = Crf(case.tables)
    loss, legal, gradient = crf.likelihood_loss_gradient(case)
    for alone, both in zip(crf.likelihood_loss(case), (loss, legal), strict=True):
        np.testing.assert_array_equal(alone, both)
    for b, within in enumerate(case.all_paths()):
        z = log_sum(list(within.values()))
        assert legal[b] == (z > -np.inf)
        if legal[b]:
            free = log_sum(list(case.paths(b, use_allowed=False).values()))
            np.testing.assert_allclose(loss[b], free - z, rtol=1e-12, atol=1e-11)
        else:
            assert loss[b] == 0
            assert not gradient.scores[b].any()
            assert not gradient.weights[b].any()


@some
@given(case=cases())
def test_gradient(case: Case) -> None:
    """The gradient is the expectation of how often each score and weight is added up."""
    g = case.tables
    z, (d_scores, d_weights) = Crf(g).log_partition_gradient(case)
    for b, paths in enumerate(case.all_paths()):
        expected = np.zeros((case.scores.shape[1], g.n_scores + 1))
        weights = np.zeros(g.n_weights + 1)
        for path, score in paths.items():
            p = np.exp(score - z[b]) if z[b] > -np.inf else 0
            for t, s in enumerate(path):
                np.add.at(expected[t], g.emission[:, s], p)
                if t > 0:
                    row = g.row[int(case.flags[b, t - 1]) << g.flags | int(case.flags[b, t])]
                    steps = range(g.start[row, s], g.start[row, s + 1])
                    (a,) = (a for a in steps if g.source[a] == path[t - 1])
                    weights[g.weight[a]] += p
                    expected[t, g.enter[a]] += p
                    expected[t - 1, g.leave[a]] += p
        np.testing.assert_allclose(d_scores[b], expected[:, :-1], atol=1e-12)
        np.testing.assert_allclose(d_weights[b], weights[:-1], atol=1e-12)


@some
@given(case=cases(whole_numbers=True))
def test_viterbi(case: Case) -> None:
    """Whole numbers give ties, and are exact."""
    found, totals = Crf(case.tables).viterbi(case)
    assert found.dtype == np.int16
    for b, legal in enumerate(case.all_paths()):
        possible = {path: score for path, score in legal.items() if score > -np.inf}
        best = max(possible.values(), default=-np.inf)
        assert totals[b] == best
        ties = [path for path, score in possible.items() if score == best]
        expected = min(ties, key=lambda path: path[::-1]) if ties else ()
        assert found[b].tolist() == [*expected, *[-1] * (found.shape[1] - len(expected))]


@some
@given(case=cases(), data=st.data())
def test_marginals(case: Case, data: st.DataObject) -> None:
    crf = Crf(case.tables)
    found = crf.marginals(case)
    expected = np.zeros(found.shape)
    for b, legal in enumerate(case.all_paths()):
        z = log_sum(list(legal.values()))
        for path, score in legal.items():
            for t, s in enumerate(path):
                expected[b, t, s] += np.exp(score - z) if z > -np.inf else 0
    np.testing.assert_allclose(found, expected, atol=1e-12)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    matrix = rng.integers(-2, 3, (case.n_states, data.draw(st.integers(0, 3))))
    projected = crf.marginals(case, matrix)
    np.testing.assert_allclose(projected, expected @ matrix, atol=1e-11)


@some
@given(case=cases(), data=st.data())
def test_segment_log_posterior(case: Case, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    sets = rng.random((3, case.n_states)) < 0.6
    segments, expected = [], []
    for b, legal in enumerate(case.all_paths()):
        n = int(case.lengths[b])
        z = log_sum(list(legal.values()))
        for _ in range(data.draw(st.integers(0, 3)) if n else 0):
            start, stop = sorted(rng.choice(n + 1, 2, replace=False))
            members = rng.integers(0, len(sets), stop - start)
            segments.append(Segment(b, int(start), members))
            inside = [
                score
                for path, score in legal.items()
                if all(sets[m, s] for m, s in zip(members, path[start:stop], strict=True))
            ]
            expected.append(log_sum(inside) - z if z > -np.inf else np.nan)
    order = rng.permutation(len(segments))
    found = Crf(case.tables).segment_log_posterior(case, [segments[i] for i in order], sets)
    np.testing.assert_allclose(found, np.array(expected)[order], rtol=1e-9, atol=1e-9)


@some
@given(case=cases(), k=st.integers(1, 6))
def test_k_best(case: Case, k: int) -> None:
    crf = Crf(case.tables)
    results = crf.k_best(case, k)
    best, _ = crf.viterbi(case)
    for b, legal in enumerate(case.all_paths()):
        possible = {path: score for path, score in legal.items() if score > -np.inf}
        found, totals = results[b]
        expected = sorted(possible.values(), reverse=True)[:k]
        np.testing.assert_allclose(totals, expected, rtol=1e-12, atol=1e-12)
        rows = [tuple(path) for path in found.tolist()]
        assert len(set(rows)) == len(rows) == len(expected)
        np.testing.assert_allclose([possible[r] for r in rows], totals, rtol=1e-12, atol=1e-12)
        if rows:
            # Of paths that are equally probable either may be the first.
            first = possible[tuple(best[b, : case.lengths[b]].tolist())]
            np.testing.assert_allclose(first, totals[0], rtol=1e-12, atol=1e-12)


@some
@given(case=cases())
def test_samples(case: Case) -> None:
    """Each path is about as frequent as it is probable; none is drawn that is not legal."""
    n = 400
    drawn = Crf(case.tables).sample(case, n, seed=3)
    for b, legal in enumerate(case.all_paths()):
        length = int(case.lengths[b])
        assert (drawn[b, :, length:] == -1).all()
        z = log_sum(list(legal.values()))
        found = Counter(map(tuple, drawn[b, :, :length].tolist()))
        if z == -np.inf:
            assert set(found) <= {(-1,) * length}
            continue
        for path, score in legal.items():
            share = np.exp(score - z)
            # Five standard deviations, and some more for what is rare, unless it is impossible.
            limit = (5 * np.sqrt(n * share * (1 - share)) + 5) * (share > 0)
            assert abs(found.pop(path, 0) - n * share) <= limit
        assert not found


def long_case(lengths: list[int], seed: int = 0, **options: object) -> Case:
    """A larger case; every state can follow every other in most places."""
    rng = np.random.default_rng(seed)
    tables = random_tables(rng, 6, 5, 3, 3, 8, 2, circles=0.5)
    case = random_case(rng, tables, lengths, **options)  # type: ignore[arg-type]
    case.scores[case.scores == -np.inf] = -9
    return case


def test_results_do_not_depend_on_threads_or_batches() -> None:
    case = long_case([300, 1, 0, 64, 65, 129, 128], dtype=np.float32)
    crf = Crf(case.tables)

    def results(case: Case, threads: int) -> list[np.ndarray]:
        z, gradient = crf.log_partition_gradient(case, threads=threads)
        return [
            crf.log_partition(case, threads=threads),
            z,
            *gradient,
            *crf.viterbi(case, threads=threads),
            crf.marginals(case, threads=threads),
            crf.sample(case, 3, threads=threads),
            *(x for pair in crf.k_best(case, 2, threads=threads) for x in pair),
        ]

    together = results(case, 1)
    for one, other in zip(together, results(case, 3), strict=True):
        np.testing.assert_array_equal(one, other)
    for b in range(len(case.lengths)):
        one = slice(b, b + 1)
        own = {name: getattr(case, name)[one] for name in ("scores", "flags", "lengths")}
        alone = results(replace(case, **own), 1)
        for all_of_them, single in zip(together[:8], alone[:8], strict=True):
            np.testing.assert_array_equal(all_of_them[b], single[0])
        for all_of_them, single in zip(together[8 + 2 * b :][:2], alone[8:], strict=True):
            np.testing.assert_array_equal(all_of_them, single)


def test_long_sequences_are_precise() -> None:
    """Blocks of forward sums are computed again; the log partition cannot be seen in doubles."""
    n = 400_000
    case = long_case([n])
    case.scores *= 50
    crf = Crf(case.tables)
    z, (d_scores, _) = crf.log_partition_gradient(case)
    assert abs(z[0]) > 1e6
    posterior = crf.marginals(case)
    np.testing.assert_allclose(posterior.sum(2), 1, atol=1e-12)
    expected = np.zeros((n, case.tables.n_scores + 1))
    for scores in case.tables.emission:
        for s, c in enumerate(scores):
            expected[:, c] += posterior[0, :, s]
    # The rest are events.
    assert (d_scores[0] - expected[:, :-1] > -1e-9).all()
    # Ends of the sequence do not know of each other.
    part = replace(
        case,
        scores=case.scores[:, : n // 2],
        flags=case.flags[:, : n // 2],
        lengths=np.array([n // 2]),
    )
    np.testing.assert_allclose(crf.marginals(part)[0, :900], posterior[0, :900], atol=1e-9)
    path, score = crf.viterbi(case)
    assert score[0] <= z[0]
    assert (path >= 0).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_a_number_is_reported(value: float) -> None:
    case = long_case([100, 100, 100])
    crf = Crf(case.tables)
    case.scores[0, 50, 0] = value
    case.scores[1, 0, 1] = value
    nothing = [True, True, False]
    z, (d_scores, _) = crf.log_partition_gradient(case)
    assert np.isnan(z).tolist() == nothing
    assert not d_scores[:2].any()
    path, score = crf.viterbi(case)
    assert np.isnan(score).tolist() == nothing
    assert (path[:2] == -1).all()
    assert np.isnan(crf.marginals(case)).all((1, 2)).tolist() == nothing
    loss, *_ = crf.likelihood_loss(replace(case, allowed=np.ones((3, 100, 6), bool)))
    assert np.isnan(loss).tolist() == nothing
    assert [len(paths) for paths, _ in crf.k_best(case, 2)] == [0, 0, 2]
    assert (crf.sample(case, 2)[:2] == -1).all()


@some
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_any_numbers(seed: int, data: st.DataObject) -> None:
    """Nothing crashes, and the sanitizers of tools/sanitize.py find nothing."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, [6, 5, 4, 4, 6, 4])
    lengths = data.draw(st.lists(st.sampled_from([0, 1, 2, 63, 64, 65, 130]), min_size=1))
    case = random_case(
        rng,
        random_tables(rng, *map(int, sizes), circles=0.6),
        lengths,
        restricted=data.draw(st.booleans()),
        dtype=data.draw(st.sampled_from([np.float32, np.float64])),
    )
    largest = np.finfo(case.scores.dtype).max
    extremes = np.array([np.nan, np.inf, -np.inf, largest, -largest, 0])
    share = data.draw(st.sampled_from([0.001, 0.3]))
    for values in (case.scores, case.weights):
        chosen = rng.choice(extremes[data.draw(st.integers(0, 3)) :], values.shape)
        np.copyto(values, chosen, where=rng.random(values.shape) < share, casting="same_kind")
    crf = Crf(case.tables)
    crf.log_partition_gradient(case)
    everything = np.ones((*case.flags.shape, case.n_states), bool)
    crf.likelihood_loss_gradient(replace(case, allowed=everything))
    paths, totals = crf.viterbi(case)
    assert ((paths >= -1) & (paths < case.n_states)).all()
    whole = [(path[:n] >= 0).all() for path, n in zip(paths, case.lengths, strict=True)]
    assert np.array_equal(whole, np.isfinite(totals))
    crf.marginals(case)
    crf.marginals(case, np.ones((case.n_states, 2)))
    drawn = crf.sample(case, 2)
    assert ((drawn >= -1) & (drawn < case.n_states)).all()
    for path, _ in crf.k_best(case, 3):
        assert ((path >= 0) & (path < case.n_states)).all()
    sets = rng.random((2, case.n_states)) < 0.5
    segments = [Segment(b, 0, rng.integers(0, 2, n)) for b, n in enumerate(lengths) if n]
    crf.segment_log_posterior(case, segments, sets)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": np.zeros(4)}, "weights has shape"),
        ({"lengths": np.array([7, 101])}, "lengths must lie"),
        ({"lengths": np.array([7, -1])}, "lengths must lie"),
        ({"flags": np.full((2, 100), 8, np.uint8)}, "property word 8"),
        ({"allowed": np.ones((2, 100, 7), bool)}, "allowed has shape"),
        ({"end": np.ones(6, bool)}, "end has shape"),
        ({"scores": np.zeros((100, 5))}, "scores has shape"),
    ],
)
def test_arguments_that_do_not_fit(change: dict[str, np.ndarray], message: str) -> None:
    case = long_case([100, 90])
    with pytest.raises(ValueError, match=message):
        Crf(case.tables).log_partition(replace(case, **change))


def test_copies() -> None:
    """As worker processes get them, and copies of networks."""
    case = long_case([100, 90])
    crf = Crf(case.tables)
    for copy in (pickle.loads(pickle.dumps(crf)), deepcopy(crf)):
        np.testing.assert_array_equal(copy.log_partition(case), crf.log_partition(case))


@pytest.mark.parametrize(
    "segment",
    [
        Segment(0, 99, np.zeros(2, int)),
        Segment(0, 0, np.zeros(0, int)),
        Segment(2, 0, np.zeros(1, int)),
        Segment(0, 0, np.ones(1, int)),
    ],
)
def test_segments_that_do_not_fit(segment: Segment) -> None:
    case = long_case([100, 90])
    sets = np.ones((1, 6), bool)
    with pytest.raises(ValueError, match="segment 0"):
        Crf(case.tables).segment_log_posterior(case, [segment], sets)

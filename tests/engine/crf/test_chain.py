"""The CRF against brute force, one implementation against the other, and at great length."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.engine.crf import batched
from dnatag.engine.crf.chain import Chain, Segment
from dnatag.engine.crf.grammar import Grammar, Requirement, Transition
from dnatag.engine.devices import torch_threads
from dnatag.native import library

FUNCTIONS = (
    "log_partition",
    "likelihood_loss",
    "viterbi",
    "segment_log_posterior",
    "k_best",
)


def in_batches(chain: Chain[torch.Tensor]) -> Any:
    """Let a chain be computed as on a device that is not the CPU."""

    def marginals(project: torch.Tensor | None = None) -> torch.Tensor:
        return batched.marginals(chain, project)

    def sample(n: int, *, seed: int = 0) -> torch.Tensor:
        return batched.sample(chain, n, seed)

    functions = {name: partial(getattr(batched, name), chain) for name in FUNCTIONS}
    return SimpleNamespace(**functions, marginals=marginals, sample=sample)


def by_library(chain: Chain[torch.Tensor]) -> Any:
    """Let a chain be computed by the native library."""
    return chain


Implementation = Callable[[Chain[torch.Tensor]], Any]
both = pytest.mark.parametrize("crf", [by_library, in_batches])
some = settings(max_examples=100, deadline=None)


def paths(
    grammar: Grammar,
    scores: np.ndarray,
    weights: np.ndarray,
    flags: np.ndarray,
    allowed: np.ndarray,
    begin: np.ndarray,
    end: np.ndarray,
) -> dict[tuple[int, ...], float]:
    """Score of each legal path over the positions of `scores` (n, C), from the definition."""
    n = len(scores)
    column = {c: i for i, c in enumerate(grammar.scores)}
    weight = dict(zip(grammar.weights, weights, strict=True))
    paths = {}
    for path in product(range(len(grammar.states)), repeat=n):
        names = [grammar.states[s] for s in path]
        if n and not (begin[path[0]] and end[path[-1]]):
            continue
        if not all(allowed[t, s] for t, s in enumerate(path)):
            continue
        score = 0.0
        legal = True
        for t, name in enumerate(names):
            score += sum(scores[t, column[c]] for c in grammar.emission.get(name, ()))
            if t == 0:
                continue
            steps = [
                step
                for step in grammar.transitions
                if (step.source, step.target) == (names[t - 1], name)
                and step.requirement.allows(int(flags[t - 1]), int(flags[t]))
            ]
            if not steps:
                legal = False
                break
            (step,) = steps
            score += weight[step.weight] if step.weight is not None else 0.0
            score += scores[t, column[step.enter]] if step.enter is not None else 0.0
            score += scores[t - 1, column[step.leave]] if step.leave is not None else 0.0
        if legal:
            paths[path] = score
    return paths


def log_sum(scores: list[float]) -> float:
    """Logarithm of the sum of exponentials; -inf for no scores."""
    return float(np.logaddexp.reduce(scores)) if scores else -np.inf


@dataclass
class Case:
    """Arguments of a chain, and of brute force."""

    grammar: Grammar
    scores: torch.Tensor
    weights: torch.Tensor
    flags: torch.Tensor
    lengths: torch.Tensor
    allowed: torch.Tensor | None
    begin: torch.Tensor | None
    end: torch.Tensor | None

    @property
    def chain(self) -> Chain[torch.Tensor]:
        return Chain(**vars(self))

    @property
    def arrays(self) -> Chain[np.ndarray]:
        """The same of numpy arrays."""
        return Chain(**{k: v.numpy() if torch.is_tensor(v) else v for k, v in vars(self).items()})

    def paths(self, b: int, use_allowed: bool = True) -> dict[tuple[int, ...], float]:
        n, n_states = int(self.lengths[b]), len(self.grammar.states)
        everything = np.ones((n, n_states), dtype=bool)
        return paths(
            self.grammar,
            self.scores[b, :n].numpy(),
            self.weights.numpy(),
            self.flags[b, :n].numpy(),
            everything
            if self.allowed is None or not use_allowed
            else self.allowed[b, :n].bool().numpy(),
            self.grammar.mask(self.grammar.begin) if self.begin is None else self.begin[b].numpy(),
            self.grammar.mask(self.grammar.end) if self.end is None else self.end[b].numpy(),
        )

    def all_paths(self) -> list[dict[tuple[int, ...], float]]:
        return [self.paths(b) for b in range(len(self.lengths))]


@st.composite
def grammars(draw: st.DrawFn) -> Grammar:
    """Grammars of up to 4 states; two steps between the same states have opposite requirements."""
    states = tuple("abcd"[: draw(st.sampled_from([3, 4, 2, 1]))])
    scores = tuple("wxyz"[: draw(st.integers(1, 4))])
    flags = draw(st.integers(0, 2))
    # Mostly no requirement, or few sequences would have a path.
    mask = st.sampled_from([0, 0, 0, *range(2**flags)])
    event = st.none() | st.sampled_from(scores)
    label = st.none() | st.sampled_from(["u", "v"])
    transitions = []
    for source in states:
        for target in states:
            kind = draw(st.sampled_from(["one", "two", "one", "none"]))
            needs = Requirement(draw(mask), draw(mask), draw(mask), draw(mask))
            split = [Requirement(here=1), Requirement(not_here=1)]
            if kind == "two" and flags:
                requirements = [needs & r for r in split]
            else:
                requirements = (
                    [] if kind == "none" else [draw(st.sampled_from([needs, *split[1:]]))]
                )
            for requirement in requirements:
                step = draw(label), draw(event), draw(event)
                transitions.append(Transition(source, target, *step, requirement))
    limits = st.none() | st.lists(st.sampled_from(states), min_size=1, unique=True).map(tuple)
    emission = {s: tuple(draw(st.lists(st.sampled_from(scores), max_size=3))) for s in states}
    return Grammar(states, scores, emission, tuple(transitions), draw(limits), draw(limits), flags)


@st.composite
def cases(draw: st.DrawFn, whole_numbers: bool = False, restricted: bool | None = None) -> Case:
    grammar = draw(grammars())
    lengths = draw(st.lists(st.sampled_from([5, 4, 3, 2, 1, 0]), min_size=1, max_size=3))
    n_positions = max(1, *lengths) + draw(st.integers(0, 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_batch, n_states = len(lengths), len(grammar.states)

    def numbers(*shape: int) -> torch.Tensor:
        values = rng.integers(-2, 3, shape) if whole_numbers else rng.normal(0, 2, shape)
        return torch.from_numpy(values.astype(np.float64))

    def mask(share: float, *shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.random(shape) < share)

    scores = numbers(n_batch, n_positions, len(grammar.scores))
    scores[mask(0.03, *scores.shape)] = -torch.inf
    for b, n in enumerate(lengths):
        scores[b, n:] = torch.nan
    if restricted is None:
        restricted = draw(st.booleans())
    own_ends = draw(st.booleans())
    return Case(
        grammar,
        scores,
        numbers(len(grammar.weights)),
        torch.from_numpy(rng.integers(0, 2**grammar.flags, (n_batch, n_positions), dtype=np.uint8)),
        torch.tensor(lengths),
        mask(0.8, n_batch, n_positions, n_states) if restricted else None,
        mask(0.7, n_batch, n_states) if own_ends else None,
        mask(0.7, n_batch, n_states) if own_ends else None,
    )


def dense_case(n_batch: int, n_positions: int, seed: int = 0) -> Case:
    """A larger case in which everything occurs and every sequence has a path."""
    rng = np.random.default_rng(seed)
    states = tuple("abcdefgh")
    scores = ("k", "l", "m", "n", "enter", "leave")
    emission = {
        s: tuple(scores[i] for i in rng.integers(0, 4, i % 3)) for i, s in enumerate(states)
    }
    transitions = []
    for i, source in enumerate(states):
        transitions.append(Transition(source, states[i - 7]))
        transitions.append(Transition(source, source, "stay", requirement=Requirement(not_here=1)))
        jump = Requirement(before=1, not_here=2)
        transitions.append(Transition(source, states[i - 5], "jump", "enter", "leave", jump))
    grammar = Grammar(states, scores, emission, tuple(transitions), flags=2)
    size = (n_batch, n_positions)
    return Case(
        grammar,
        torch.from_numpy(rng.normal(0, 3, (*size, len(scores)))),
        torch.from_numpy(rng.normal(0, 1, 2)),
        torch.from_numpy((rng.random(size) < 0.3) + 2 * (rng.random(size) < 0.3)).to(torch.uint8),
        torch.tensor([n_positions - 37 * b for b in range(n_batch)]),
        None,
        None,
        None,
    )


@both
@some
@given(case=cases())
def test_log_partition(crf: Implementation, case: Case) -> None:
    z = crf(case.chain).log_partition()
    expected = [log_sum(list(scores.values())) for scores in case.all_paths()]
    assert z.dtype == torch.float64
    np.testing.assert_allclose(z, expected, rtol=1e-9, atol=1e-9)


@both
@some
@given(case=cases(restricted=True))
def test_likelihood_loss(crf: Implementation, case: Case) -> None:
    case.weights.requires_grad_()
    case.scores.requires_grad_()
    loss, legal = crf(case.chain).likelihood_loss()
    loss.sum().backward()
    assert case.scores.grad is not None
    loss = loss.detach()
    case.weights.requires_grad_(False)
    case.scores.requires_grad_(False)
    for b, within in enumerate(case.all_paths()):
        z = log_sum(list(within.values()))
        assert legal[b] == (z > -np.inf)
        if legal[b]:
            free = log_sum(list(case.paths(b, use_allowed=False).values()))
            np.testing.assert_allclose(loss[b], free - z, rtol=1e-9, atol=1e-9)
        else:
            assert loss[b] == 0
            assert not case.scores.grad[b].any()


@both
@some
@given(case=cases(whole_numbers=True))
def test_viterbi(crf: Implementation, case: Case) -> None:
    """Whole numbers give ties, and are exact."""
    found, totals = crf(case.chain).viterbi()
    assert found.dtype == torch.int16
    for b, legal in enumerate(case.all_paths()):
        possible = {path: score for path, score in legal.items() if score > -np.inf}
        best = max(possible.values(), default=-np.inf)
        assert totals[b] == best
        ties = [path for path, score in possible.items() if score == best]
        expected = min(ties, key=lambda path: path[::-1]) if ties else ()
        padding = found.shape[1] - len(expected)
        assert found[b].tolist() == [*expected, *[-1] * padding]


@both
@some
@given(case=cases(), data=st.data())
def test_marginals(crf: Implementation, case: Case, data: st.DataObject) -> None:
    found = crf(case.chain).marginals()
    expected = np.zeros(found.shape)
    for b, legal in enumerate(case.all_paths()):
        z = log_sum(list(legal.values()))
        for path, score in legal.items():
            for t, s in enumerate(path):
                expected[b, t, s] += np.exp(score - z) if z > -np.inf else 0
    np.testing.assert_allclose(found, expected, atol=1e-9)
    columns = data.draw(st.integers(1, 3))
    matrix = torch.randn(found.shape[2], columns, dtype=torch.float64)
    projected = crf(case.chain).marginals(matrix)
    np.testing.assert_allclose(projected, expected @ matrix.numpy(), atol=1e-8)


@both
@some
@given(case=cases(), data=st.data())
def test_segment_log_posterior(crf: Implementation, case: Case, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    sets = torch.from_numpy(rng.random((3, len(case.grammar.states))) < 0.6)
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
    found = crf(case.chain).segment_log_posterior([segments[i] for i in order], sets)
    np.testing.assert_allclose(found, np.array(expected)[order], rtol=1e-9, atol=1e-9)


@both
@some
@given(case=cases(), k=st.integers(1, 6))
def test_k_best(crf: Implementation, case: Case, k: int) -> None:
    results = crf(case.chain).k_best(k)
    best, _ = case.chain.viterbi()
    for b, legal in enumerate(case.all_paths()):
        possible = {path: score for path, score in legal.items() if score > -np.inf}
        found, scores = results[b]
        expected = sorted(possible.values(), reverse=True)[:k]
        np.testing.assert_allclose(scores, expected, rtol=1e-9, atol=1e-9)
        rows = [tuple(path) for path in found.tolist()]
        assert len(set(rows)) == len(rows) == len(expected)
        np.testing.assert_allclose([possible[r] for r in rows], scores, rtol=1e-9, atol=1e-9)
        if rows:
            # Of equals either may come first.
            own = possible[tuple(best[b, : case.lengths[b]].tolist())]
            np.testing.assert_allclose(own, scores[0], rtol=1e-9, atol=1e-9)


@both
@some
@given(case=cases())
def test_samples(crf: Implementation, case: Case) -> None:
    """Each path is about as frequent as it is probable; none is drawn that is not legal."""
    n = 400
    drawn = crf(case.chain).sample(n, seed=3)
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
    assert not torch.equal(drawn, crf(case.chain).sample(n, seed=4)) or all(
        len(set(map(tuple, rows.tolist()))) == 1 for rows in drawn
    )


@both
def test_gradient(crf: Implementation) -> None:
    case = dense_case(2, 80)
    case.lengths[:] = torch.tensor([6, 3])
    scores = case.scores[:, :7].clone().requires_grad_()
    weights = case.weights.clone().requires_grad_()
    allowed = torch.rand(2, 7, 8, generator=torch.Generator().manual_seed(1)) < 0.9
    fixed = case.flags[:, :7].contiguous(), case.lengths

    def partition(scores: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return crf(Chain(case.grammar, scores, weights, *fixed)).log_partition()

    def loss(scores: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        chain = Chain(case.grammar, scores, weights, *fixed, allowed)
        loss, legal = crf(chain).likelihood_loss()
        assert legal.all()
        return loss

    assert torch.autograd.gradcheck(partition, (scores, weights))
    assert torch.autograd.gradcheck(loss, (scores, weights))
    partition(scores.float(), weights.float()).sum().backward()
    single = scores.grad.clone()
    scores.grad = None
    partition(scores, weights).sum().backward()
    torch.testing.assert_close(single, scores.grad, rtol=1e-4, atol=1e-5)


def test_implementations_agree() -> None:
    """Beyond rescaling, chunks and, for the native library, the first block."""
    case = dense_case(3, 400)
    allowed = torch.rand(3, 400, 8, generator=torch.Generator().manual_seed(1)) < 0.95
    sets = torch.rand(2, 8, generator=torch.Generator().manual_seed(2)) < 0.9
    segments = [Segment(0, 3, np.arange(390) % 2), Segment(1, 0, np.zeros(1, dtype=int))]
    results = []
    for crf in (by_library, in_batches):
        scores = case.scores.clone().requires_grad_()
        weights = case.weights.clone().requires_grad_()
        chain = replace(case.chain, scores=scores, weights=weights)
        loss, legal = crf(replace(chain, allowed=allowed)).likelihood_loss()
        assert legal.all()
        (loss * torch.tensor([1.0, -2.0, 3.0])).sum().backward()
        free = crf(chain).log_partition()
        results.append(
            (
                loss,
                free,
                scores.grad,
                weights.grad,
                crf(chain).marginals(),
                *crf(chain).viterbi(),
                *(x for best in crf(chain).k_best(3) for x in best),
                crf(chain).sample(3),
                crf(chain).segment_log_posterior(segments, sets),
            )
        )
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.gpu
def test_batched_on_a_gpu() -> None:
    case = dense_case(3, 400)
    there = Case(*(x.cuda() if torch.is_tensor(x) else x for x in vars(case).values()))
    there.scores.requires_grad_()
    case.scores.requires_grad_()
    z, z_there = case.chain.log_partition(), there.chain.log_partition()
    z.sum().backward()
    z_there.sum().backward()
    torch.testing.assert_close(z_there.cpu(), z, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(there.scores.grad.cpu(), case.scores.grad, rtol=1e-9, atol=1e-9)
    for one, other in zip(case.chain.viterbi(), there.chain.viterbi(), strict=True):
        torch.testing.assert_close(other.cpu(), one, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(
        there.chain.marginals().cpu(), case.chain.marginals(), rtol=1e-9, atol=1e-9
    )
    paths = [chain.k_best(3)[0][0] for chain in (case.chain, there.chain)]
    assert torch.equal(*paths)
    assert torch.equal(case.chain.sample(3), there.chain.sample(3))


def test_batch_and_threads_do_not_matter() -> None:
    case = dense_case(5, 300)
    for b, n in enumerate(case.lengths):
        case.scores[b, n:] = torch.nan

    def everything(rows: slice, n_positions: int, threads: int | None) -> list[torch.Tensor]:
        scores = case.scores[rows, :n_positions].clone().requires_grad_()
        inputs = case.grammar, scores, case.weights, case.flags[rows, :n_positions]
        chain = Chain(*inputs, case.lengths[rows], threads=threads)
        z = chain.log_partition()
        z.sum().backward()
        assert scores.grad is not None
        return [z, scores.grad, chain.marginals(), *chain.viterbi()]

    with torch_threads(2):
        results = [everything(slice(None), 300, threads) for threads in (None, 1, 3, 9)]
    for one in results[1:]:
        assert all(map(torch.equal, results[0], one))
    for b, n in enumerate(case.lengths.tolist()):
        alone = everything(slice(b, b + 1), n, 1)
        for one, other in zip(results[0], alone, strict=True):
            assert torch.equal(one[b, :n] if one.ndim > 1 else one[b], other[0])


def _reference(case: Case, cuts: list[int], largest_only: bool) -> list[np.ndarray]:
    """Products of the transfer matrices (S, S) of the positions between cuts, in long double.

    The product of [i, j) scores all ways from the state at ``i`` to the state at ``j``, without
    the emission at ``i``.
    """
    scores = case.scores[0].detach().numpy().astype(np.longdouble)
    flags, weights = (
        case.flags[0].numpy(),
        case.weights.numpy().astype(np.longdouble),
    )
    g = case.grammar.compiled
    emission = np.zeros((len(scores), g.n_states), dtype=np.longdouble)
    for s in range(g.n_states):
        for c in g.emission_scores[g.emission_start[s] : g.emission_start[s + 1]]:
            emission[:, s] += scores[:, c]
    matrix = np.full((len(flags) - 1, g.n_states, g.n_states), -np.inf, dtype=np.longdouble)
    words = (flags[:-1].astype(int) << g.flags) | flags[1:]
    for k in range(len(g.source)):
        score = np.zeros(len(words), dtype=np.longdouble)
        score += weights[g.weight[k]] if g.weight[k] >= 0 else 0
        score += scores[1:, g.enter[k]] if g.enter[k] >= 0 else 0
        score += scores[:-1, g.leave[k]] if g.leave[k] >= 0 else 0
        legal = g.allowed[words, k]
        matrix[legal, g.source[k], g.target[k]] = score[legal]
    matrix += emission[1:, None, :]

    def multiply(m: np.ndarray) -> np.ndarray:
        while len(m) > 1:
            odd = m[len(m) // 2 * 2 :]
            terms = m[:-1:2][: len(m) // 2, :, :, None] + m[1::2, None, :, :]
            top = terms.max(2)
            if not largest_only:
                shift = np.where(top > -np.inf, top, 0)
                with np.errstate(divide="ignore"):
                    top = shift + np.log(np.exp(terms - shift[:, :, None]).sum(2))
            m = np.concatenate([top, odd])
        return m[0]

    first = emission[0][:, None]
    return [first, *(multiply(matrix[i:j]) for i, j in pairwise(cuts))]


@pytest.mark.parametrize("size", [3.0, 1e4], ids=["ordinary", "extreme"])
def test_a_million_positions(size: float) -> None:
    """Exact to the last digits, far beyond the length that is computed in one block."""
    n = 1_000_000
    rng = np.random.default_rng(7)
    grammar = Grammar(
        ("out", "in"),
        ("x", "event"),
        {"in": ("x",)},
        (
            Transition("out", "out"),
            Transition("out", "in", "open", enter="event", requirement=Requirement(here=1)),
            Transition("in", "in"),
            Transition("in", "out", leave="event"),
        ),
        flags=1,
    )
    case = Case(
        grammar,
        torch.from_numpy(rng.uniform(-size, size, (1, n, 2))),
        torch.tensor([-0.5], dtype=torch.float64),
        torch.from_numpy((rng.random((1, n)) < 0.5).astype(np.uint8)),
        torch.tensor([n]),
        None,
        None,
        None,
    )
    cuts = [0, 1, 63, 4096, 4097, 500_000, n - 2, n - 1]
    first, *blocks = _reference(case, cuts, largest_only=False)

    def times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.logaddexp.reduce(a[:, :, None] + b[None], axis=1)

    forward = [first.T]
    for block in blocks:
        forward.append(times(forward[-1], block))
    backward = [np.zeros((2, 1), dtype=np.longdouble)]
    for block in reversed(blocks):
        backward.insert(0, times(block, backward[0]))
    z = np.logaddexp.reduce(forward[-1][0])
    posterior = np.array(
        [np.exp(f[0] + b[:, 0] - z) for f, b in zip(forward, backward, strict=True)]
    )

    case.scores.requires_grad_()
    found = case.chain.log_partition()
    found.sum().backward()
    assert abs(found.item() - z) <= 1e-13 * abs(z) + 1e-9
    marginals = case.chain.marginals()[0]
    np.testing.assert_allclose(marginals.sum(1), 1, atol=1e-12)
    # Long double itself is only good to 1e-9 of numbers as large as 1e10.
    tolerance = 1e-9 if size < 100 else 1e-6
    np.testing.assert_allclose(marginals[cuts], posterior.astype(float), atol=tolerance)
    assert case.scores.grad is not None
    np.testing.assert_allclose(case.scores.grad[0, :, 0], marginals[:, 1], atol=1e-12)
    projected = case.chain.marginals(torch.tensor([[1.0], [2.0]]))
    np.testing.assert_allclose(projected[0, :, 0], 1 + marginals[:, 1], atol=1e-12)
    inside = case.chain.segment_log_posterior(
        [Segment(0, t, np.array([0])) for t in cuts],
        torch.tensor([[False, True]]),
    )
    np.testing.assert_allclose(inside.exp(), posterior[:, 1].astype(float), atol=tolerance)

    _, score = case.chain.viterbi()
    first, block = _reference(case, [0, n - 1], largest_only=True)
    best = (first + block).max()
    assert abs(score.item() - best) <= 1e-13 * abs(best) + 1e-9


def test_more_states_than_a_byte() -> None:
    names = tuple(map(str, range(300)))
    ring = tuple(Transition(a, b) for a, b in zip(names, names[1:] + names[:1], strict=True))
    grammar = Grammar(names, ("x",), {"290": ("x",)}, ring)
    scores = torch.zeros(1, 5, 1, dtype=torch.float64)
    scores[0, 3] = 1
    flags = torch.zeros(1, 5, dtype=torch.uint8)
    path, score = Chain(grammar, scores, torch.zeros(0), flags, torch.tensor([5])).viterbi()
    assert path.tolist() == [[287, 288, 289, 290, 291]]
    assert score.item() == 1


@both
def test_not_a_number_is_reported(crf: Implementation) -> None:
    case = dense_case(2, 100)
    case.scores[0, 50, 0] = torch.nan
    assert crf(case.chain).log_partition().isnan().tolist() == [True, False]
    path, score = crf(case.chain).viterbi()
    assert score.isnan().tolist() == [True, False]
    assert (path[0] == -1).all()
    assert crf(case.chain).marginals()[0].isnan().all()
    chain = replace(case.chain, allowed=torch.ones(2, 100, 8, dtype=torch.bool))
    loss, _ = crf(chain).likelihood_loss()
    assert loss.isnan().tolist() == [True, False]
    assert len(crf(case.chain).k_best(2)[0][0]) == 0
    assert (crf(case.chain).sample(2)[0] == -1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": torch.zeros(3)}, "weights has shape"),
        ({"lengths": torch.tensor([7, 101])}, "lengths must lie"),
        ({"flags": torch.full((2, 100), 4, dtype=torch.uint8)}, "property word 4"),
        ({"allowed": torch.ones(2, 100, 7, dtype=torch.bool)}, "allowed has shape"),
        ({"end": torch.ones(8, dtype=torch.bool)}, "end has shape"),
    ],
)
def test_arguments_that_do_not_fit(change: dict[str, torch.Tensor], message: str) -> None:
    for case in (dense_case(2, 100).chain, dense_case(2, 100).arrays):
        with pytest.raises(ValueError, match=message):
            replace(case, **change)


@pytest.mark.parametrize(
    "segment",
    [
        Segment(0, 99, np.zeros(2, dtype=int)),
        Segment(0, 0, np.zeros(0, dtype=int)),
        Segment(2, 0, np.zeros(1, dtype=int)),
        Segment(0, 0, np.ones(1, dtype=int)),
    ],
)
def test_segments_that_do_not_fit(segment: Segment) -> None:
    with pytest.raises(ValueError, match="segment 0"):
        dense_case(2, 100).arrays.segment_log_posterior([segment], np.ones((1, 8), bool))


def test_too_many_of_the_best() -> None:
    with pytest.raises(ValueError, match="k must lie between 1 and 32767, not 32768"):
        dense_case(2, 100).arrays.k_best(1 << 15)


def results(chain: Chain, convert: Callable[[np.ndarray], Any]) -> list[Any]:
    """What all functions give; `convert` makes arrays what the chain is made of."""
    sets = np.eye(len(chain.grammar.states), dtype=bool)
    segments = [Segment(b, 0, np.array([0])) for b, n in enumerate(chain.lengths) if n]
    return [
        chain.log_partition(),
        *chain.likelihood_loss(),
        *chain.viterbi(),
        chain.marginals(),
        chain.marginals(convert(sets.astype(float))),
        chain.segment_log_posterior(segments, convert(sets)),
        *(part for best in chain.k_best(3) for part in best),
        chain.sample(2),
    ]


@some
@given(case=cases(restricted=True))
def test_arrays_give_arrays(case: Case) -> None:
    """The same as tensors do, read-only and in any order of memory."""
    own = case.arrays
    own.scores.flags.writeable = False
    own = replace(own, flags=np.asfortranarray(own.flags), threads=2)
    expected = results(case.chain, torch.from_numpy)
    for one, other in zip(results(own, np.asarray), expected, strict=True):
        assert isinstance(one, np.ndarray)
        assert one.dtype == other.numpy().dtype
        np.testing.assert_array_equal(one, other)


@contextmanager
def no_library() -> Iterator[None]:
    """Let there be no native library, which is looked for anew."""
    looked = library.available, library._load
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "_PATH", Path("nowhere"))
        for function in looked:
            function.cache_clear()
        yield
    for function in looked:
        function.cache_clear()


def test_without_native_library() -> None:
    """All but the same, and a warning, once."""
    case = dense_case(3, 150)
    case.allowed = torch.rand(3, 150, 8, generator=torch.Generator().manual_seed(1)) < 0.95
    own = case.arrays
    own.scores.flags.writeable = False
    expected = results(own, np.asarray)
    with no_library():
        with pytest.warns(UserWarning, match="slow"):
            found = results(own, np.asarray)
        of_tensors = results(case.chain, torch.from_numpy)
    for one, tensor, other in zip(found, of_tensors, expected, strict=True):
        assert isinstance(one, np.ndarray)
        assert one.dtype == tensor.numpy().dtype == other.dtype
        np.testing.assert_array_equal(one, tensor)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_arrays_need_no_torch() -> None:
    program = """
import sys
import numpy as np
from dnatag.engine.crf.chain import Chain
from dnatag.engine.crf.grammar import Grammar, Transition
grammar = Grammar(("a",), ("x",), {"a": ("x",)}, (Transition("a", "a"),))
scores, flags = np.ones((1, 2, 1)), np.zeros((1, 2), np.uint8)
chain = Chain(grammar, scores, np.zeros(0), flags, np.array([2]))
assert chain.log_partition()[0] == 2
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)

"""The CRF on any device: torch operations over a batch, position by position.

Works like the native library, and adds up in the same order, so that both find the same best
path. The scores of transitions are computed for many positions at once; the loops only do what
must be done in order. A position behind the end of a sequence leaves its state untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dnatag.engine.crf.chain import Chain, Segment
from dnatag.engine.crf.tables import tables

__all__ = [
    "k_best",
    "likelihood_loss",
    "log_partition",
    "marginals",
    "sample",
    "segment_log_posterior",
    "viterbi",
]

#: Forward sums are rescaled at multiples of this position, so that they never lose precision.
RESCALE = 64
#: Positions whose transition scores are computed at once.
CHUNK = 128


@dataclass(frozen=True, slots=True)
class _Steps:
    """The transitions of a grammar, padded to D for each state and row, and a batch to score.

    An absent weight or score points to a zero after the last one; padding points to the -inf
    after that. `scores` is (B, L, C + 1), `weights` is (W + 2,).
    """

    row: Tensor  # (B, L): the row of the word pair that ends here
    source: Tensor  # (R, S, D)
    weight: Tensor
    enter: Tensor
    leave: Tensor
    emission: Tensor  # (M, S)
    weights: Tensor
    scores: Tensor
    lengths: Tensor
    allowed: Tensor | None
    begin: Tensor
    end: Tensor

    @classmethod
    def of(cls, chain: Chain[Tensor], dtype: torch.dtype) -> _Steps:
        """Bring everything to the device of the scores."""
        device = chain.scores.device
        t = tables(chain.grammar)
        sizes = np.diff(t.start.astype(np.int64), axis=1)
        slot = np.arange(max(1, sizes.max(initial=0)))
        filled = slot < sizes[:, :, None]
        index = np.where(filled, t.start[:, :-1, None] + slot, 0).astype(np.int64)

        def padded(column: np.ndarray, absent: int) -> Tensor:
            values = column.astype(np.int64)
            picked = values[index] if len(values) else np.zeros_like(index)
            return torch.from_numpy(np.where(filled, picked, absent)).to(device)

        def ends(mask: Tensor | None, default: np.ndarray) -> Tensor:
            if mask is None:
                mask = torch.from_numpy(default).expand(len(chain.lengths), -1)
            return mask.to(device).bool()

        lengths = chain.lengths.to(device)
        padding = torch.arange(chain.flags.shape[1], device=device) >= lengths[:, None]
        scores = chain.scores.detach().to(dtype).masked_fill(padding[..., None], 0.0)
        flags = chain.flags.to(device).long()
        words = torch.nn.functional.pad((flags[:, :-1] << t.flags) | flags[:, 1:], (1, 0))
        behind = torch.tensor([0.0, -torch.inf], dtype=dtype, device=device)
        return cls(
            torch.from_numpy(t.row.astype(np.int64)).to(device)[words],
            padded(t.source, 0),
            padded(t.weight, t.n_weights + 1),
            padded(t.enter, t.n_scores),
            padded(t.leave, t.n_scores),
            torch.from_numpy(t.emission.astype(np.int64)).to(device),
            torch.cat([chain.weights.detach().to(device, dtype), behind]),
            torch.nn.functional.pad(scores, (0, 1)),
            lengths,
            None if chain.allowed is None else chain.allowed.to(device).bool(),
            ends(chain.begin, t.begin),
            ends(chain.end, t.end),
        )

    def emissions(self, start: int, stop: int) -> Tensor:
        """Emission (B, stop - start, S), -inf where a state is not allowed."""
        here = self.scores[:, start:stop]
        total = here[..., self.emission[0]]
        for slot in self.emission[1:]:
            total = total + here[..., slot]
        if start == 0:
            total[:, 0].masked_fill_(~self.begin, -torch.inf)
        if self.allowed is not None:
            total = total.masked_fill(~self.allowed[:, start:stop], -torch.inf)
        return total

    def transitions(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return sources and scores, (B, stop - start, S, D), of the steps to these positions."""
        row = self.row[:, start:stop]
        enter, leave = self.enter[row].flatten(2), self.leave[row].flatten(2)
        here = self.scores[:, start:stop].gather(2, enter)
        before = self.scores[:, start - 1 : stop - 1].gather(2, leave)
        weight = self.weight[row]
        return self.source[row], self.weights[weight] + (here + before).view(weight.shape)

    def good(self) -> Tensor:
        """Whether no score of a sequence is NaN or +inf."""
        return (self.scores < torch.inf).all(2).all(1)


def _chunks(stop: int) -> Iterator[tuple[int, int]]:
    """Chunks of the positions after the first."""
    for start in range(1, stop, CHUNK):
        yield start, min(stop, start + CHUNK)


def _gather(states: Tensor, source: Tensor) -> Tensor:
    """Take (B, S, D) out of (B, S)."""
    return states.gather(1, source.flatten(1)).view(source.shape)


def _rescale(t: int, states: Tensor, scale: Tensor, running: Tensor) -> Tensor:
    """Move the largest score of each running sequence to `scale`, at multiples of `RESCALE`."""
    if t % RESCALE:
        return states
    largest = states.flatten(1).amax(1)
    largest = torch.where(running & (largest > -torch.inf), largest, 0.0)
    scale += largest
    return states - largest.view(-1, *[1] * (states.dim() - 1))


def _forward(
    steps: _Steps, combine: Callable[[Tensor], Tensor], keep: Callable[[int, Tensor, Tensor], None]
) -> tuple[Tensor, Tensor]:
    """Run through all positions.

    `combine` makes one score of those of the D ways to reach a state; `keep` receives, for each
    position after the first, those scores (B, S, D) and the states' scores (B, S).

    Returns
    -------
    Tensor, Tensor
        The scores of the states at the last position (B, S), and what was taken off them (B,).
    """
    n_positions = steps.scores.shape[1]
    scale = torch.zeros(len(steps.lengths), dtype=torch.float64, device=steps.lengths.device)
    running = steps.lengths > 0
    states = _rescale(0, steps.emissions(0, 1)[:, 0], scale, running)
    keep(0, states, states)
    for start, stop in _chunks(n_positions):
        emission = steps.emissions(start, stop)
        source, score = steps.transitions(start, stop)
        for t in range(start, stop):
            i = t - start
            ways = _gather(states, source[:, i]) + score[:, i]
            running = t < steps.lengths
            reached = _rescale(t, combine(ways) + emission[:, i], scale, running)
            states = torch.where(running[:, None], reached, states)
            keep(t, ways, states)
    return states.masked_fill(~steps.end, -torch.inf), scale


def _partition(steps: _Steps, keep: Callable[[int, Tensor, Tensor], None]) -> tuple[Tensor, Tensor]:
    """Log partition (B,) and posterior of the states at the last position (B, S)."""
    last, scale = _forward(steps, lambda ways: ways.logsumexp(2), keep)
    z = scale + last.logsumexp(1)
    z = torch.where(steps.good(), z, torch.nan)
    z = torch.where(steps.lengths > 0, z, 0.0)
    legal = (z > -torch.inf) & (steps.lengths > 0)
    posterior = last.masked_fill(~legal[:, None], 0.0).softmax(1)
    return z, torch.where(legal[:, None], posterior, 0.0)


def _posteriors(
    steps: _Steps, alpha: Tensor, p: Tensor
) -> Iterator[tuple[int, int, Tensor, Tensor, Tensor]]:
    """Carry the posterior of the states at the last position back, chunk by chunk.

    Yields
    ------
    start, stop
        A chunk of positions, last ones first; the first position comes alone.
    states
        Posteriors (B, stop - start, S), 0 in padding.
    source, steps
        Sources and posteriors (B, stop - start, S, D) of the steps to these positions.
    """
    n_positions = alpha.shape[1]
    for start, stop in reversed(list(_chunks(n_positions))):
        source, score = steps.transitions(start, stop)
        ways = alpha[:, start - 1 : stop - 1].gather(2, source.flatten(2)).view(source.shape)
        share = _softmax(ways + score)
        states, taken = torch.empty_like(alpha[:, start:stop]), torch.empty_like(share)
        for t in range(stop - 1, start - 1, -1):
            i = t - start
            running = (t < steps.lengths)[:, None]
            states[:, i] = torch.where(running, p, 0.0)
            taken[:, i] = share[:, i] * states[:, i, :, None]
            before = torch.zeros_like(p)
            before.scatter_add_(1, source[:, i].flatten(1), taken[:, i].flatten(1))
            p = torch.where(running, before, p)
        yield start, stop, states, source, taken
    running = (steps.lengths > 0)[:, None]
    nothing = torch.zeros(len(p), 1, *steps.source.shape[1:], dtype=p.dtype, device=p.device)
    yield 0, 1, torch.where(running, p, 0.0)[:, None], nothing.long(), nothing


class _LogPartition(torch.autograd.Function):
    """Log partitions; the backward pass carries posteriors from the end to the beginning."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, weights: Tensor, chain: Chain[Tensor]) -> Tensor:
        # On the CPU double precision costs little.
        steps = _Steps.of(chain, torch.float64 if scores.device.type == "cpu" else scores.dtype)
        ctx.alpha, ctx.steps = [], steps
        z, ctx.posterior = _partition(steps, lambda _t, _ways, states: ctx.alpha.append(states))
        return z

    @staticmethod
    def backward(ctx: Any, d_z: Tensor) -> Any:
        steps, alpha = ctx.steps, torch.stack(ctx.alpha, 1)
        d_scores, d_weights = torch.zeros_like(steps.scores), torch.zeros_like(steps.weights)
        posterior = ctx.posterior * d_z.to(alpha.dtype)[:, None]
        for start, stop, states, _source, taken in _posteriors(steps, alpha, posterior):
            here = d_scores[:, start:stop]
            for slot in steps.emission:
                here.index_add_(2, slot, states)
            if start > 0:
                row, taken = steps.row[:, start:stop], taken.flatten(2)
                here.scatter_add_(2, steps.enter[row].flatten(2), taken)
                before = d_scores[:, start - 1 : stop - 1]
                before.scatter_add_(2, steps.leave[row].flatten(2), taken)
                d_weights.index_add_(0, steps.weight[row].flatten(), taken.flatten())
        return d_scores[..., :-1], d_weights[:-2], None


#: Typed, which the method is not.
_log_partition: Callable[..., Tensor] = _LogPartition.apply


def log_partition(chain: Chain[Tensor]) -> Tensor:
    """See :meth:`Chain.log_partition`."""
    return _log_partition(chain.scores, chain.weights, chain)


def likelihood_loss(chain: Chain[Tensor]) -> tuple[Tensor, Tensor]:
    """See :meth:`Chain.likelihood_loss`."""
    restricted = log_partition(chain)
    legal = restricted != -torch.inf
    free = log_partition(replace(chain, allowed=None))
    return torch.where(legal, free, 0.0) - torch.where(legal, restricted, 0.0), legal


def viterbi(chain: Chain[Tensor]) -> tuple[Tensor, Tensor]:
    """See :meth:`Chain.viterbi`."""
    device = chain.scores.device
    steps = _Steps.of(chain, torch.float64)
    n_batch, n_positions = chain.flags.shape
    n_states = len(chain.grammar.states)
    slots = torch.empty(n_batch, n_positions, n_states, dtype=torch.int16, device=device)

    def keep(t: int, ways: Tensor, _states: Tensor) -> None:
        if t > 0:
            slots[:, t] = ways.argmax(2)

    last, scale = _forward(steps, lambda ways: ways.amax(2), keep)
    totals, state = last.max(1)
    totals = torch.where(steps.good(), totals + scale, torch.nan)
    totals = torch.where(steps.lengths > 0, totals, 0.0)
    legal = (totals > -torch.inf) & (steps.lengths > 0)
    paths = torch.full((n_batch, n_positions), -1, dtype=torch.int16, device=device)
    batch = torch.arange(n_batch, device=device)
    for t in range(n_positions - 1, -1, -1):
        running = t < steps.lengths
        paths[:, t] = torch.where(running & legal, state, -1)
        if t > 0:
            before = steps.source[steps.row[:, t], state, slots[batch, t, state].long()]
            state = torch.where(running, before, state)
    return paths, totals


def marginals(chain: Chain[Tensor], project: Tensor | None) -> Tensor:
    """See :meth:`Chain.marginals`; keeps all forward sums."""
    steps = _Steps.of(chain, torch.float64)
    z, alpha, posterior = _all_forward(steps)
    parts = []
    for _start, _stop, states, *_ in _posteriors(steps, alpha, posterior):
        part = states if project is None else states @ project.to(states)
        parts.append(part.to(chain.scores.dtype))
    out = torch.cat(parts[::-1], 1)
    position = torch.arange(out.shape[1], device=out.device)
    unknown = z.isnan()[:, None] & (position < steps.lengths[:, None])
    return out.masked_fill(unknown[..., None], torch.nan)


def segment_log_posterior(
    chain: Chain[Tensor], segments: Sequence[Segment], sets: Tensor
) -> Tensor:
    """See :meth:`Chain.segment_log_posterior`.

    Carries the posterior of the states at the last position of each segment back to its first,
    and drops on the way what leaves the sets.
    """
    steps = _Steps.of(chain, torch.float64)
    device = steps.lengths.device
    z, alpha, posterior = _all_forward(steps)
    states = torch.cat([part[2] for part in _posteriors(steps, alpha, posterior)][::-1], 1)
    owner = torch.tensor([s.sequence for s in segments], dtype=torch.long, device=device)
    first = torch.tensor([s.start for s in segments], dtype=torch.long, device=device)
    size = torch.tensor([len(s.sets) for s in segments], dtype=torch.long, device=device)
    joined = np.concatenate([np.empty(0, np.int64), *(s.sets for s in segments)])
    members, offset = torch.from_numpy(joined.astype(np.int64)).to(device), size.cumsum(0) - size
    within = sets.to(device).bool()
    last = first + size - 1
    p = states[owner, last] * within[members[offset + size - 1]]
    log_p = torch.zeros(len(segments), dtype=torch.float64, device=device)
    for back in range(int(size.max()) if segments else 0):
        total = p.sum(1)
        log_p += torch.where(size > back, total, 1.0).log()
        p = p / torch.where(total > 0, total, 1.0)[:, None]
        on = (size > back + 1).nonzero()[:, 0]
        b, t = owner[on], last[on] - back
        source, share = _shares(steps, alpha, b, t)
        before = torch.zeros_like(p[on])
        before.scatter_add_(1, source.flatten(1), (share * p[on][:, :, None]).flatten(1))
        p[on] = before * within[members[offset[on] + size[on] - back - 2]]
    return torch.where(z[owner] > -torch.inf, log_p, torch.nan)


def k_best(chain: Chain[Tensor], k: int) -> list[tuple[Tensor, Tensor]]:
    """See :meth:`Chain.k_best`."""
    steps = _Steps.of(chain, torch.float64)
    best, scale, ways = _best_ways(steps, k)
    best = best.masked_fill(~steps.end[..., None], -torch.inf)
    totals, last = _largest(best.flatten(1), k)
    totals = torch.where(steps.good()[:, None], totals + scale[:, None], torch.nan)
    paths = _follow(steps, ways, last)
    results = []
    for b, n in enumerate(steps.lengths.tolist()):
        count = int((totals[b] > -torch.inf).sum())
        results.append((paths[b, :count, :n].clone(), totals[b, :count].clone()))
        if n == 0:
            results[b] = paths.new_empty(1, 0), totals.new_zeros(1)
    return results


def _best_ways(steps: _Steps, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the scores of the `k` best ways to each state, and the last step of each.

    The scores at the last position are (B, S, k), less a scale, (B,). The steps, (B, L, S, k), are
    numbers: which of those to the state, and which of the best ways to its source.
    """
    n_batch, n_positions = steps.row.shape
    n_states, n_ways = steps.source.shape[1:]
    device = steps.lengths.device
    scale = torch.zeros(n_batch, dtype=torch.float64, device=device)
    best = torch.full((n_batch, n_states, k), -torch.inf, dtype=torch.float64, device=device)
    best[..., 0] = steps.emissions(0, 1)[:, 0]
    best = _rescale(0, best, scale, steps.lengths > 0)
    ways = torch.zeros(n_batch, n_positions, n_states, k, dtype=torch.int32, device=device)
    for start, stop in _chunks(n_positions):
        emission = steps.emissions(start, stop)
        source, score = steps.transitions(start, stop)
        for t in range(start, stop):
            i = t - start
            running = t < steps.lengths
            at = source[:, i].flatten(1)[..., None].expand(-1, -1, k)
            sums = best.gather(1, at).view(n_batch, n_states, n_ways, k) + score[:, i][..., None]
            found, ways[:, t] = _largest(sums.flatten(2), k)
            found = _rescale(t, found + emission[:, i][..., None], scale, running)
            best = torch.where(running[:, None, None], found, best)
    return best, scale, ways


def _follow(steps: _Steps, ways: Tensor, last: Tensor) -> Tensor:
    """Return the paths that end in some of the best ways, (B, k): int16 (B, k, L)."""
    n_batch, n_positions, _, k = ways.shape
    paths = torch.empty(n_batch, k, n_positions, dtype=torch.int16, device=ways.device)
    batch = torch.arange(n_batch, device=ways.device)[:, None]
    state, rank = last // k, last % k
    for t in range(n_positions - 1, -1, -1):
        paths[:, :, t] = state
        if t > 0:
            way = ways[batch, t, state, rank].long()
            running = (t < steps.lengths)[:, None]
            before = steps.source[steps.row[:, t, None], state, way // k]
            state, rank = torch.where(running, before, state), torch.where(running, way % k, rank)
    return paths


def sample(chain: Chain[Tensor], n: int, seed: int) -> Tensor:
    """See :meth:`Chain.sample`; the native library draws the same paths."""
    steps = _Steps.of(chain, torch.float64)
    device = steps.lengths.device
    n_batch, n_positions = chain.flags.shape
    z, alpha, posterior = _all_forward(steps)
    legal = torch.gt(z, -torch.inf)
    numbers = np.random.default_rng(seed).random((n_positions, n))
    x = torch.from_numpy(numbers).to(device)
    paths = torch.full((n_batch, n, n_positions), -1, dtype=torch.int16, device=device)
    batch = torch.arange(n_batch, device=device)
    state = torch.zeros(n_batch, n, dtype=torch.long, device=device)
    for t in range(n_positions - 1, -1, -1):
        if t + 1 < n_positions:
            source, share = _shares(steps, alpha, batch, batch.new_full((n_batch,), t + 1))
            way = _draw(share[batch[:, None], state], x[t])
            state = source[batch[:, None], state, way]
        ends = steps.lengths.eq(t + 1)[:, None]
        state = torch.where(ends, _draw(posterior[:, None], x[t]), state)
        inside = (t < steps.lengths) & legal
        paths[:, :, t] = torch.where(inside[:, None], state, -1)
    return paths


def _all_forward(steps: _Steps) -> tuple[Tensor, Tensor, Tensor]:
    """Log partition (B,), all forward sums (B, L, S), posterior at the last position (B, S)."""
    alpha: list[Tensor] = []
    z, posterior = _partition(steps, lambda _t, _ways, states: alpha.append(states))
    return z, torch.stack(alpha, 1), posterior


def _shares(steps: _Steps, alpha: Tensor, b: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Return sources and, given each state, posteriors, (N, S, D), of the steps to positions.

    `b` and `t`, (N,), are sequences and positions after the first.
    """
    row = steps.row[b, t]
    source, weight = steps.source[row], steps.weight[row]
    here, before = steps.scores[b, t], steps.scores[b, t - 1]
    events = here.gather(1, steps.enter[row].flatten(1))
    events = events + before.gather(1, steps.leave[row].flatten(1))
    score = steps.weights[weight] + events.view(weight.shape)
    return source, _softmax(_gather(alpha[b, t - 1], source) + score)


def _softmax(ways: Tensor) -> Tensor:
    """Probabilities of ways (..., D); zeros where there is none."""
    impossible = ways.amax(-1, keepdim=True) == -torch.inf
    return ways.masked_fill(impossible, 0.0).softmax(-1).masked_fill(impossible, 0.0)


def _largest(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k largest of the last axis, of equals the first first, and where they stand."""
    short = k - values.shape[-1]
    if short > 0:
        values = torch.nn.functional.pad(values, (0, short), value=-torch.inf)
    found, where = values.sort(dim=-1, descending=True, stable=True)
    return found[..., :k], where[..., :k]


def _draw(p: Tensor, x: Tensor) -> Tensor:
    """Draw from distributions (..., n or 1, D) by numbers (n,) within [0, 1)."""
    sums = p.cumsum(-1)
    total = sums[..., -1:]
    return ((sums <= x[:, None] * total) & (sums < total)).sum(-1)

"""The CRF on the CPU: numba loops over positions, parallel over sequences.

All sums are kept in float64 log space and rescaled every few positions, so contigs of any length
keep full precision. Only the forward sums are computed in log space. The backward sweep carries
probabilities: the posterior of a state is split over the transitions that lead to it, in
proportion to their forward sums. Where a single transition leads to a state, which is nearly
everywhere in a gene grammar, that is a copy. Forward sums of long sequences are kept at
checkpoints and recomputed block by block, so memory does not grow with them.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numba import njit, prange

from dnatag.engine.grammar import Grammar

__all__ = ["likelihood_loss", "log_partition"]

#: Forward sums are rescaled at multiples of this position.
RESCALE = 64
#: Sequences up to this length keep all forward sums; longer ones recompute blocks of `BLOCK`.
WHOLE = 16384
BLOCK = 4096
#: Probabilities below this, and ratios below its logarithm, count as zero.
TINY = 1e-250
LOG_TINY = math.log(TINY)


class Tables(NamedTuple):
    """A grammar as the loops read it.

    Word pairs with the same legal transitions share a *row*. Within a row transitions are sorted
    by target, then source. An absent weight or channel points to a zero behind the last one.
    """

    bits: int
    n_channels: int
    n_weights: int
    row: np.ndarray  # int32 (4**B,): the row of a word pair
    start: np.ndarray  # int32 (R, S + 1): slices of the columns below
    source: np.ndarray  # int32, as the next three
    weight: np.ndarray
    enter: np.ndarray
    leave: np.ndarray
    emission_start: np.ndarray  # int32 (S + 1,)
    emission_channel: np.ndarray  # int32


def tables(grammar: Grammar) -> Tables:
    """Return the tables of a grammar, made once for each grammar object."""
    # Kept where cached_property keeps Grammar.compiled: a grammar is frozen, but not hashable.
    cache: dict[str, Any] = vars(grammar)
    if "_crf_tables" not in cache:
        cache["_crf_tables"] = _tables(grammar)
    return cache["_crf_tables"]


def _tables(grammar: Grammar) -> Tables:
    g = grammar.compiled
    rows, row = np.unique(np.packbits(g.allowed, axis=1), axis=0, return_inverse=True)
    legal = np.unpackbits(rows, axis=1, count=len(g.source)).astype(bool)
    order = np.lexsort((g.source, g.target))
    active = [order[allowed[order]] for allowed in legal]
    offset = np.cumsum([0, *map(len, active)])
    start = [
        np.searchsorted(g.target[a], np.arange(g.n_states + 1)) + o
        for a, o in zip(active, offset, strict=False)
    ]
    column = np.concatenate(active)

    def absent_last(values: np.ndarray, n: int) -> np.ndarray:
        return np.where(values < 0, n, values)[column].astype(np.int32)

    return Tables(
        g.bits,
        g.n_channels,
        g.n_weights,
        row.reshape(-1).astype(np.int32),
        np.array(start, dtype=np.int32),
        g.source[column],
        absent_last(g.weight, g.n_weights),
        absent_last(g.enter, g.n_channels),
        absent_last(g.leave, g.n_channels),
        g.emission_start,
        g.emission_channel,
    )


# Loops over one sequence. Throughout: `channels` (n, C), `bits` (n,), `allowed` (n, S) or empty
# for no restriction, `begin` and `end` (S,), `theta` (W + 1,) with a zero behind the weights.


@njit(nogil=True, cache=True)
def _load(channels, t, values):
    """Copy the channels of a position; False if one is NaN or +inf."""
    good = True
    for c in range(channels.shape[1]):
        x = np.float64(channels[t, c])
        values[c] = x
        good &= x < np.inf
    values[channels.shape[1]] = 0.0
    return good


@njit(nogil=True, cache=True)
def _emission(g, s, here):
    total = 0.0
    for j in range(g.emission_start[s], g.emission_start[s + 1]):
        total += here[g.emission_channel[j]]
    return total


@njit(nogil=True, cache=True)
def _row(g, bits, t):
    return g.row[(np.int64(bits[t - 1]) << g.bits) | np.int64(bits[t])]


@njit(nogil=True, cache=True)
def _score(g, a, theta, before, here):
    return theta[g.weight[a]] + (here[g.enter[a]] + before[g.leave[a]])


@njit(nogil=True, cache=True)
def _log_sum(values, n, largest):
    total = 0.0
    for i in range(n):
        d = values[i] - largest
        if d == 0.0:
            total += 1.0
        elif d > -40.0:
            total += math.exp(d)
    return largest if total == 1.0 else largest + math.log(total)


@njit(nogil=True, cache=True)
def _add(total, x):
    """Neumaier's compensated sum: `total` holds the sum and its lost low part."""
    t = total[0] + x
    if abs(total[0]) >= abs(x):
        total[1] += (total[0] - t) + x
    else:
        total[1] += (x - t) + total[0]
    total[0] = t


@njit(nogil=True, cache=True)
def _fill(g, theta, channels, bits, allowed, begin, start, stop, alpha, scale):
    """Forward sums of positions [start, stop) into ``alpha[1:]``.

    ``alpha[0]`` holds those of ``start - 1``. What rescaling takes away is added to `scale`.
    Returns False if a channel is NaN or +inf.
    """
    n_states = begin.shape[0]
    values = np.empty((2, channels.shape[1] + 1))
    terms = np.empty(n_states)
    good = True
    if start > 0:
        _load(channels, start - 1, values[(start - 1) & 1])
    for t in range(start, stop):
        here, before = values[t & 1], values[1 - (t & 1)]
        good &= _load(channels, t, here)
        now, last = alpha[t - start + 1], alpha[t - start]
        if t == 0:
            for s in range(n_states):
                now[s] = _emission(g, s, here) if begin[s] else -np.inf
        else:
            row = _row(g, bits, t)
            low = g.start[row, 0]
            for s in range(n_states):
                high = g.start[row, s + 1]
                total = -np.inf
                if high - low == 1:
                    total = last[g.source[low]] + _score(g, low, theta, before, here)
                elif high > low:
                    for a in range(low, high):
                        x = last[g.source[a]] + _score(g, a, theta, before, here)
                        terms[a - low] = x
                        total = max(total, x)
                    if total > -np.inf:
                        total = _log_sum(terms, high - low, total)
                now[s] = total + _emission(g, s, here)
                low = high
        if allowed.shape[0] > 0:
            for s in range(n_states):
                if not allowed[t, s]:
                    now[s] = -np.inf
        if t % RESCALE == 0:
            largest = now.max()
            if largest > -np.inf:
                for s in range(n_states):
                    now[s] -= largest
                _add(scale, largest)
    return good


@njit(nogil=True, cache=True)
def _forward(g, theta, channels, bits, allowed, begin, end):
    """Forward sums of a sequence of one position or more.

    Returns the log partition (NaN if a channel is NaN or +inf), the forward sums of the last
    block, those before each block, and the posterior of the states at the last position.
    """
    n, n_states = channels.shape[0], begin.shape[0]
    block = n if n <= WHOLE else BLOCK
    checkpoints = np.empty((-(-n // block), n_states))
    alpha = np.empty((block + 1, n_states))
    posterior = np.zeros(n_states)
    scale = np.zeros(2)
    rows = 0
    good = True
    for i in range(checkpoints.shape[0]):
        alpha[0] = alpha[rows]
        checkpoints[i] = alpha[0]
        start, stop = i * block, min(n, (i + 1) * block)
        good &= _fill(g, theta, channels, bits, allowed, begin, start, stop, alpha, scale)
        rows = stop - start
    largest = -np.inf
    for s in range(n_states):
        if end[s]:
            largest = max(largest, alpha[rows, s])
    if not good:
        return np.nan, alpha, checkpoints, posterior
    if largest == -np.inf:
        return largest, alpha, checkpoints, posterior
    for s in range(n_states):
        if end[s]:
            posterior[s] = math.exp(alpha[rows, s] - largest)
    total = posterior.sum()
    posterior /= total
    _add(scale, largest)
    _add(scale, math.log(total))
    return scale[0] + scale[1], alpha, checkpoints, posterior


@njit(nogil=True, cache=True)
def _split(g, theta, row, last, before, here, p, p_last, d_theta, d_before, d_here, terms):
    """Carry the probabilities `p` of the states at ``t`` over to ``t - 1``.

    `last` are the forward sums, `before` the channels of ``t - 1``, `here` the channels of ``t``.
    The probability of each transition is added to its weight and events in `d_theta`,
    `d_before` and `d_here`. `terms` is scratch space.
    """
    p_last[:] = 0.0
    for s in range(p.shape[0]):
        low, high = g.start[row, s], g.start[row, s + 1]
        if p[s] < TINY or low == high:
            continue
        if high - low == 1:
            terms[0] = p[s]
        else:
            largest = -np.inf
            for a in range(low, high):
                x = last[g.source[a]] + _score(g, a, theta, before, here)
                terms[a - low] = x
                largest = max(largest, x)
            total = 0.0
            for i in range(high - low):
                d = terms[i] - largest
                terms[i] = 1.0 if d == 0.0 else (math.exp(d) if d > LOG_TINY else 0.0)
                total += terms[i]
            for i in range(high - low):
                terms[i] *= p[s] / total
        for a in range(low, high):
            x = terms[a - low]
            p_last[g.source[a]] += x
            d_theta[g.weight[a]] += x
            d_here[g.enter[a]] += x
            d_before[g.leave[a]] += x


@njit(nogil=True, cache=True)
def _partition(g, theta, channels, bits, allowed, begin, end, factor, d_channels, d_theta):
    """Log partition; its gradient times `factor` is added to `d_channels` and `d_theta`."""
    n, n_channels, n_states = channels.shape[0], channels.shape[1], begin.shape[0]
    if n == 0:
        return 0.0
    z, alpha, checkpoints, p = _forward(g, theta, channels, bits, allowed, begin, end)
    if factor == 0.0 or not z > -np.inf:
        return z
    p_last, terms = np.empty(n_states), np.empty(n_states)
    values = np.empty((2, n_channels + 1))
    gradient = np.zeros((2, n_channels + 1))
    weights = np.zeros(theta.shape[0])
    block = alpha.shape[0] - 1
    _load(channels, n - 1, values[(n - 1) & 1])
    for i in range(checkpoints.shape[0] - 1, -1, -1):
        start, stop = i * block, min(n, (i + 1) * block)
        if stop < n:
            alpha[0] = checkpoints[i]
            _fill(g, theta, channels, bits, allowed, begin, start, stop, alpha, np.zeros(2))
        for t in range(stop - 1, start - 1, -1):
            now, past = t & 1, 1 - (t & 1)
            for s in range(n_states):
                if p[s] >= TINY:
                    for j in range(g.emission_start[s], g.emission_start[s + 1]):
                        gradient[now, g.emission_channel[j]] += p[s]
            if t > 0:
                _load(channels, t - 1, values[past])
                _split(
                    g, theta, _row(g, bits, t), alpha[t - start], values[past], values[now],
                    p, p_last, weights, gradient[past], gradient[now], terms,
                )  # fmt: skip
                p, p_last = p_last, p
                if t % RESCALE == 0:
                    p /= p.sum()
            for c in range(n_channels):
                d_channels[t, c] += factor * gradient[now, c]
            gradient[now] = 0.0
    for w in range(d_theta.shape[0]):
        d_theta[w] += factor * weights[w]
    return z


# Loops over the sequences of a batch.


@njit(nogil=True, cache=True, parallel=True)
def _partitions(
    g, theta, channels, bits, lengths, allowed, begin, end, factor, d_channels, d_theta
):
    z = np.empty(len(lengths))
    for b in prange(len(lengths)):
        n = lengths[b]
        z[b] = _partition(
            g, theta, channels[b, :n], bits[b], allowed[b], begin[b], end[b],
            factor[b], d_channels[b], d_theta[b],
        )  # fmt: skip
    return z


class _Batch(NamedTuple):
    """Checked arguments as numpy arrays."""

    g: Tables
    theta: np.ndarray
    channels: np.ndarray
    bits: np.ndarray
    lengths: np.ndarray
    allowed: np.ndarray
    begin: np.ndarray
    end: np.ndarray


def _batch(
    grammar: Grammar,
    channels: torch.Tensor,
    theta: torch.Tensor,
    bits: torch.Tensor,
    lengths: torch.Tensor,
    allowed: torch.Tensor | None,
    begin: torch.Tensor | None,
    end: torch.Tensor | None,
) -> _Batch:
    """Check shapes and values, for the loops do not."""
    g = grammar.compiled
    n_batch, n_positions, _ = channels.shape

    def array(name: str, values: torch.Tensor, dtype: torch.dtype, *shape: int) -> np.ndarray:
        if values.shape != shape:
            raise ValueError(f"{name} has shape {tuple(values.shape)}, expected {shape}")
        return values.detach().to(dtype).contiguous().numpy()

    def ends(name: str, values: torch.Tensor | None, default: np.ndarray) -> np.ndarray:
        if values is None:
            return np.tile(default, (n_batch, 1))
        return array(name, values, torch.bool, n_batch, g.n_states)

    dtype = torch.float32 if channels.dtype == torch.float32 else torch.float64
    batch = _Batch(
        tables(grammar),
        np.append(array("theta", theta, torch.float64, g.n_weights), 0.0),
        array("channels", channels, dtype, n_batch, n_positions, g.n_channels),
        array("bits", bits, torch.uint8, n_batch, n_positions),
        array("lengths", lengths, torch.int64, n_batch),
        np.empty((n_batch, 0, g.n_states), dtype=np.bool_)
        if allowed is None
        else array("allowed", allowed, torch.bool, n_batch, n_positions, g.n_states),
        ends("begin", begin, g.begin),
        ends("end", end, g.end),
    )
    if n_batch and not 0 <= batch.lengths.min() <= batch.lengths.max() <= n_positions:
        raise ValueError(f"lengths must lie between 0 and {n_positions}")
    if batch.bits.size and batch.bits.max() >= 1 << g.bits:
        raise ValueError(f"property word {batch.bits.max()} needs more than {g.bits} bits")
    return batch


class _LogPartition(torch.autograd.Function):
    """Log partitions; the gradient is computed together with them."""

    @staticmethod
    def forward(ctx, channels, theta, batch, wanted):  # type: ignore[no-untyped-def]
        z, *gradients = _gradient(batch, np.full(len(batch.lengths), float(wanted)))
        ctx.save_for_backward(*gradients)
        return z

    @staticmethod
    def backward(ctx, d_z):  # type: ignore[no-untyped-def]
        return *_chain(ctx, d_z), None, None


class _LikelihoodLoss(torch.autograd.Function):
    """Free minus restricted log partitions; legal sequences only."""

    @staticmethod
    def forward(ctx, channels, theta, batch, wanted):  # type: ignore[no-untyped-def]
        factor = np.full(len(batch.lengths), -float(wanted))
        restricted, d_channels, d_theta = _gradient(batch, factor)
        legal = restricted != -np.inf
        everything = batch._replace(allowed=np.ascontiguousarray(batch.allowed[:, :0]))
        free, *_ = _gradient(everything, -factor * legal.numpy(), d_channels, d_theta)
        ctx.save_for_backward(d_channels, d_theta)
        ctx.mark_non_differentiable(legal)
        return torch.where(legal, free - restricted, 0.0), legal

    @staticmethod
    def backward(ctx, d_loss, _):  # type: ignore[no-untyped-def]
        return *_chain(ctx, d_loss), None, None


def _gradient(
    batch: _Batch,
    factor: np.ndarray,
    d_channels: torch.Tensor | None = None,
    d_theta: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Log partitions, and their gradients times `factor` added to those given."""
    wanted = bool(factor.any())
    n_batch = len(batch.lengths)
    if d_channels is None or d_theta is None:
        shape = batch.channels.shape if wanted else (n_batch, 0, 0)
        d_channels = torch.from_numpy(np.zeros(shape, dtype=batch.channels.dtype))
        d_theta = torch.zeros(n_batch, batch.g.n_weights, dtype=torch.float64)
    z = _partitions(
        batch.g,
        *batch[1:],
        factor,
        d_channels.numpy(),
        d_theta.numpy(),
    )
    return torch.from_numpy(z), d_channels, d_theta


def _chain(ctx: Any, d_out: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Gradients of channels and theta, given that of each sequence's result."""
    d_channels, d_theta = ctx.saved_tensors
    return (
        d_channels * d_out[:, None, None].to(d_channels.dtype) if ctx.needs_input_grad[0] else None,
        d_out.to(d_theta.dtype) @ d_theta if ctx.needs_input_grad[1] else None,
    )


def _wants_gradient(*inputs: torch.Tensor) -> bool:
    return torch.is_grad_enabled() and any(x.requires_grad for x in inputs)


def log_partition(
    grammar: Grammar,
    channels: torch.Tensor,
    theta: torch.Tensor,
    bits: torch.Tensor,
    lengths: torch.Tensor,
    allowed: torch.Tensor | None = None,
    begin: torch.Tensor | None = None,
    end: torch.Tensor | None = None,
) -> torch.Tensor:
    """See :meth:`dnatag.engine.crf.CRF.log_partition`."""
    batch = _batch(grammar, channels, theta, bits, lengths, allowed, begin, end)
    return _LogPartition.apply(channels, theta, batch, _wants_gradient(channels, theta))


def likelihood_loss(
    grammar: Grammar,
    channels: torch.Tensor,
    theta: torch.Tensor,
    bits: torch.Tensor,
    lengths: torch.Tensor,
    allowed: torch.Tensor,
    begin: torch.Tensor | None = None,
    end: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """See :meth:`dnatag.engine.crf.CRF.likelihood_loss`."""
    batch = _batch(grammar, channels, theta, bits, lengths, allowed, begin, end)
    return _LikelihoodLoss.apply(channels, theta, batch, _wants_gradient(channels, theta))

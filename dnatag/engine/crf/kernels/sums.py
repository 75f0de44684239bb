"""Forward sums of a sequence, and the step back over which probabilities are split.

All sums are kept in float64 log space and rescaled every few positions, so sequences of any
length keep full precision. Only the forward sums are computed in log space. The backward sweep
carries probabilities: the posterior of a state is split over the transitions that lead to it, in
proportion to their forward sums. Where a single transition leads to a state, which is nearly
everywhere in a gene grammar, that is a copy. Forward sums of long sequences are kept at
checkpoints and recomputed block by block, so memory does not grow with them.
"""

from __future__ import annotations

import math

import numpy as np

from dnatag.engine.compiling import compiled
from dnatag.engine.crf.kernels.steps import (
    add,
    emission_of,
    load,
    log_sum,
    rescale,
    row_of,
    step_score,
)
from dnatag.engine.crf.tables import RESCALE

__all__ = ["forward", "refill", "split"]

#: Sequences up to this length keep all forward sums; longer ones recompute blocks of `BLOCK`.
WHOLE = 16384
BLOCK = 4096
#: Probabilities below this, and ratios below its logarithm, count as zero.
TINY = 1e-250
LOG_TINY = math.log(TINY)


@compiled
def _fill(g, weights, scores, flags, allowed, begin, start, stop, alpha, scale):
    """Forward sums of positions [start, stop) into ``alpha[1:]``.

    ``alpha[0]`` holds those of ``start - 1``. What rescaling takes away is added to `scale`.
    Returns False if a score is NaN or +inf.
    """
    n_states = begin.shape[0]
    values = np.empty((2, scores.shape[1] + 1))
    terms = np.empty(n_states)
    good = True
    if start > 0:
        load(scores, start - 1, values)
    for t in range(start, stop):
        good &= load(scores, t, values)
        i = t - start
        if t == 0:
            for s in range(n_states):
                alpha[1, s] = emission_of(g, s, values, t) if begin[s] else -np.inf
        else:
            row = row_of(g, flags, t)
            low = g.start[row, 0]
            if g.plain[row]:
                for s in range(n_states):
                    source = g.source[low + np.uint32(s)]
                    alpha[i + 1, s] = alpha[i, source] + emission_of(g, s, values, t)
            else:
                for s in range(n_states):
                    high = g.start[row, s + 1]
                    total = -np.inf
                    if high - low == 1:
                        total = alpha[i, g.source[low]] + step_score(g, low, weights, values, t)
                    elif high > low:
                        for a in range(low, high):
                            x = alpha[i, g.source[a]] + step_score(g, a, weights, values, t)
                            terms[a - low] = x
                            total = max(total, x)
                        if total > -np.inf:
                            total = log_sum(terms, high - low, total)
                    alpha[i + 1, s] = total + emission_of(g, s, values, t)
                    low = high
        if allowed.shape[0] > 0:
            for s in range(n_states):
                if not allowed[t, s]:
                    alpha[i + 1, s] = -np.inf
        if t % RESCALE == 0:
            rescale(alpha, i + 1, scale)
    return good


@compiled
def forward(g, weights, scores, flags, allowed, begin, end):
    """Forward sums of a sequence of one position or more.

    Returns the log partition (NaN if a score is NaN or +inf), the forward sums of the last
    block, those before each block, and the posterior of the states at the last position.
    """
    n, n_states = scores.shape[0], begin.shape[0]
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
        good &= _fill(g, weights, scores, flags, allowed, begin, start, stop, alpha, scale)
        rows = stop - start
    largest = -np.inf
    for s in range(n_states):
        if end[s]:
            largest = max(largest, alpha[rows, s])
    if not good:
        return np.nan, alpha, checkpoints, posterior
    if largest == -np.inf:
        return largest, alpha, checkpoints, posterior
    total = 0.0
    for s in range(n_states):
        if end[s]:
            posterior[s] = math.exp(alpha[rows, s] - largest)
        total += posterior[s]
    for s in range(n_states):
        posterior[s] /= total
    add(scale, largest)
    add(scale, math.log(total))
    return scale[0] + scale[1], alpha, checkpoints, posterior


@compiled
def refill(g, weights, scores, flags, allowed, begin, alpha, checkpoints, i):
    """Recompute `alpha` for a block unless it is the last; return the block's bounds."""
    n, size = scores.shape[0], alpha.shape[0] - 1
    start, stop = i * size, min(n, (i + 1) * size)
    if stop < n:
        alpha[0] = checkpoints[i]
        _fill(g, weights, scores, flags, allowed, begin, start, stop, alpha, np.zeros(2))
    return start, stop


@compiled
def split(g, weights, row, alpha, i, values, t, p, d_weights, d_values, terms):
    """Carry the probabilities of the states at `t`, ``p[t % 2]``, over to those of ``t - 1``.

    ``alpha[i]`` are the forward sums of ``t - 1``. The probability of each transition is added to
    its weight in `d_weights` and its events in `d_values`. `terms` is scratch space.
    """
    n_states = p.shape[1]
    now, past = t & 1, ~t & 1
    for s in range(n_states):
        p[past, s] = 0.0
    low = g.start[row, 0]
    if g.plain[row]:
        for s in range(n_states):
            p[past, g.source[low + np.uint32(s)]] += p[now, s]
        return
    for s in range(n_states):
        low, high = g.start[row, s], g.start[row, s + 1]
        if p[now, s] < TINY or low == high:
            continue
        if high - low == 1:
            terms[0] = p[now, s]
        else:
            largest = -np.inf
            for a in range(low, high):
                x = alpha[i, g.source[a]] + step_score(g, a, weights, values, t)
                terms[a - low] = x
                largest = max(largest, x)
            total = 0.0
            for k in range(high - low):
                d = terms[k] - largest
                terms[k] = 1.0 if d == 0.0 else (math.exp(d) if d > LOG_TINY else 0.0)
                total += terms[k]
            for k in range(high - low):
                terms[k] *= p[now, s] / total
        for a in range(low, high):
            x = terms[a - low]
            p[past, g.source[a]] += x
            d_weights[g.weight[a]] += x
            d_values[now, g.enter[a]] += x
            d_values[past, g.leave[a]] += x

"""The CRF on the CPU: numba loops over positions, in parallel over sequences.

All sums are kept in float64 log space and rescaled every few positions, so contigs of any length
keep full precision. Only the forward sums are computed in log space. The backward sweep carries
probabilities: the posterior of a state is split over the transitions that lead to it, in
proportion to their forward sums. Where a single transition leads to a state, which is nearly
everywhere in a gene grammar, that is a copy. Forward sums of long sequences are kept at
checkpoints and recomputed block by block, so memory does not grow with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from numba import njit

from dnatag.engine.crf import Segment
from dnatag.engine.crf.grammar import Grammar
from dnatag.engine.crf.tables import RESCALE, Tables, check, check_segments, tables

__all__ = [
    "k_best",
    "likelihood_loss",
    "log_partition",
    "marginals",
    "sample",
    "segment_log_posterior",
    "viterbi",
]

#: Sequences up to this length keep all forward sums; longer ones recompute blocks of `BLOCK`.
WHOLE = 16384
BLOCK = 4096
#: Probabilities below this, and ratios below its logarithm, count as zero.
TINY = 1e-250
LOG_TINY = math.log(TINY)


# Loops over one sequence. Throughout: `scores` (n, C), `flags` (n,), `allowed` (n, S) or empty
# for no restriction, `begin` and `end` (S,), `weights` (W + 1,) with a zero behind the weights.


@njit(nogil=True, cache=True)
def _load(scores, t, values):
    """Copy the scores of a position to row ``t % 2``; False if one is NaN or +inf."""
    good = True
    for c in range(scores.shape[1]):
        x = scores[t, c]
        values[t & 1, c] = x
        good &= x < np.inf
    values[t & 1, scores.shape[1]] = 0.0
    return good


@njit(nogil=True, cache=True)
def _emission(g, s, values, t):
    total = values[t & 1, g.emission[0, s]]
    for j in range(1, g.emission.shape[0]):
        total += values[t & 1, g.emission[j, s]]
    return total


@njit(nogil=True, cache=True)
def _row(g, flags, t):
    return g.row[(np.uint64(flags[t - 1]) << np.uint64(g.flags)) | np.uint64(flags[t])]


@njit(nogil=True, cache=True)
def _score(g, a, weights, values, t):
    return weights[g.weight[a]] + (values[t & 1, g.enter[a]] + values[~t & 1, g.leave[a]])


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
def _rescale(states, i, scale):
    """Take the largest of ``states[i]`` off all of them and add it to `scale`."""
    largest = -np.inf
    for s in range(states.shape[1]):
        largest = max(largest, states[i, s])
    if largest > -np.inf:
        for s in range(states.shape[1]):
            states[i, s] -= largest
        _add(scale, largest)


@njit(nogil=True, cache=True)
def _normalise(p, i):
    """Make the probabilities ``p[i]`` sum to 1, against drift."""
    total = 0.0
    for s in range(p.shape[1]):
        total += p[i, s]
    for s in range(p.shape[1]):
        p[i, s] /= total


@njit(nogil=True, cache=True)
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
        _load(scores, start - 1, values)
    for t in range(start, stop):
        good &= _load(scores, t, values)
        i = t - start
        if t == 0:
            for s in range(n_states):
                alpha[1, s] = _emission(g, s, values, t) if begin[s] else -np.inf
        else:
            row = _row(g, flags, t)
            low = g.start[row, 0]
            if g.plain[row]:
                for s in range(n_states):
                    source = g.source[low + np.uint32(s)]
                    alpha[i + 1, s] = alpha[i, source] + _emission(g, s, values, t)
            else:
                for s in range(n_states):
                    high = g.start[row, s + 1]
                    total = -np.inf
                    if high - low == 1:
                        total = alpha[i, g.source[low]] + _score(g, low, weights, values, t)
                    elif high > low:
                        for a in range(low, high):
                            x = alpha[i, g.source[a]] + _score(g, a, weights, values, t)
                            terms[a - low] = x
                            total = max(total, x)
                        if total > -np.inf:
                            total = _log_sum(terms, high - low, total)
                    alpha[i + 1, s] = total + _emission(g, s, values, t)
                    low = high
        if allowed.shape[0] > 0:
            for s in range(n_states):
                if not allowed[t, s]:
                    alpha[i + 1, s] = -np.inf
        if t % RESCALE == 0:
            _rescale(alpha, i + 1, scale)
    return good


@njit(nogil=True, cache=True)
def _forward(g, weights, scores, flags, allowed, begin, end):
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
    _add(scale, largest)
    _add(scale, math.log(total))
    return scale[0] + scale[1], alpha, checkpoints, posterior


@njit(nogil=True, cache=True)
def _block(g, weights, scores, flags, allowed, begin, alpha, checkpoints, i):
    """Fill `alpha` for a block again, unless it is the last; return the block's bounds."""
    n, size = scores.shape[0], alpha.shape[0] - 1
    start, stop = i * size, min(n, (i + 1) * size)
    if stop < n:
        alpha[0] = checkpoints[i]
        _fill(g, weights, scores, flags, allowed, begin, start, stop, alpha, np.zeros(2))
    return start, stop


@njit(nogil=True, cache=True)
def _split(g, weights, row, alpha, i, values, t, p, d_weights, d_values, terms):
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
                x = alpha[i, g.source[a]] + _score(g, a, weights, values, t)
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


@njit(nogil=True, cache=True)
def _partition(g, weights, scores, flags, allowed, begin, end, factor, d_scores, d_weights):
    """Log partition; its gradient times `factor` is added to `d_scores` and `d_weights`."""
    n, n_scores, n_states = scores.shape[0], scores.shape[1], begin.shape[0]
    if n == 0:
        return 0.0
    z, alpha, checkpoints, last = _forward(g, weights, scores, flags, allowed, begin, end)
    if factor == 0.0 or not z > -np.inf:
        return z
    p, terms = np.empty((2, n_states)), np.empty(n_states)
    p[(n - 1) & 1] = last
    values = np.empty((2, n_scores + 1))
    d_values = np.zeros((2, n_scores + 1))
    used = np.zeros(weights.shape[0])
    _load(scores, n - 1, values)
    for i in range(checkpoints.shape[0] - 1, -1, -1):
        start, stop = _block(g, weights, scores, flags, allowed, begin, alpha, checkpoints, i)
        for t in range(stop - 1, start - 1, -1):
            now = t & 1
            for j in range(g.emission.shape[0]):
                for s in range(n_states):
                    d_values[now, g.emission[j, s]] += p[now, s]
            if t > 0:
                _load(scores, t - 1, values)
                row = _row(g, flags, t)
                _split(g, weights, row, alpha, t - start, values, t, p, used, d_values, terms)
                if t % RESCALE == 0:
                    _normalise(p, 1 - now)
            for c in range(n_scores):
                d_scores[t, c] += factor * d_values[now, c]
                d_values[now, c] = 0.0
    for w in range(d_weights.shape[0]):
        d_weights[w] += factor * used[w]
    return z


@njit(nogil=True, cache=True)
def _marginals(g, weights, scores, flags, allowed, begin, end, project, out):
    """Write the posteriors of the states times `project`, or themselves if it is None."""
    n, n_states = scores.shape[0], begin.shape[0]
    if n == 0:
        return
    z, alpha, checkpoints, last = _forward(g, weights, scores, flags, allowed, begin, end)
    if not z > -np.inf:
        out[:n] = 0.0 if z == -np.inf else np.nan
        return
    p, terms = np.empty((2, n_states)), np.empty(n_states)
    p[(n - 1) & 1] = last
    values = np.empty((2, scores.shape[1] + 1))
    d_values, used = np.empty_like(values), np.empty_like(weights)  # not asked for
    _load(scores, n - 1, values)
    for i in range(checkpoints.shape[0] - 1, -1, -1):
        start, stop = _block(g, weights, scores, flags, allowed, begin, alpha, checkpoints, i)
        for t in range(stop - 1, start - 1, -1):
            now = t & 1
            if project is None:
                for s in range(n_states):
                    out[t, s] = p[now, s]
            else:
                for c in range(project.shape[1]):
                    total = 0.0
                    for s in range(n_states):
                        total += p[now, s] * project[s, c]
                    out[t, c] = total
            if t > 0:
                _load(scores, t - 1, values)
                row = _row(g, flags, t)
                _split(g, weights, row, alpha, t - start, values, t, p, used, d_values, terms)
                if t % RESCALE == 0:
                    _normalise(p, 1 - now)


@njit(nogil=True, cache=True)
def _segments(
    g, weights, scores, flags, allowed, begin, end, starts, stops, offsets, members, sets, out
):
    """Log posteriors of segments sorted by stop, last first.

    ``members[offsets[k] + i]`` is the set of states of segment ``k`` at ``starts[k] + i``. Each
    segment takes the posterior of the states at its last position and carries what is within its
    sets backward, as the sweep itself does with the posteriors of all paths.
    """
    n, n_states, n_segments = scores.shape[0], begin.shape[0], len(starts)
    if n_segments == 0:
        return
    z, alpha, checkpoints, last = _forward(g, weights, scores, flags, allowed, begin, end)
    if not z > -np.inf:
        out[:] = np.nan
        return
    p, terms = np.empty((2, n_states)), np.empty(n_states)
    p[(n - 1) & 1] = last
    within = np.empty((n_segments, 2, n_states))
    running, n_running, pending = np.empty(n_segments, dtype=np.int64), 0, 0
    values = np.empty((2, scores.shape[1] + 1))
    d_values, used = np.empty_like(values), np.empty_like(weights)  # not asked for
    out[:] = 0.0
    _load(scores, n - 1, values)
    for i in range(checkpoints.shape[0] - 1, -1, -1):
        start, stop = _block(g, weights, scores, flags, allowed, begin, alpha, checkpoints, i)
        for t in range(stop - 1, start - 1, -1):
            now = t & 1
            row = np.uint32(0)
            if t > 0:
                _load(scores, t - 1, values)
                row = _row(g, flags, t)
            while pending < n_segments and stops[pending] == t + 1:
                within[pending, now] = p[now]
                running[n_running] = pending
                n_running += 1
                pending += 1
            kept = 0
            for j in range(n_running):
                k = running[j]
                q = within[k]
                total = 0.0
                for s in range(n_states):
                    if not sets[members[offsets[k] + t - starts[k]], s]:
                        q[now, s] = 0.0
                    total += q[now, s]
                if total == 0.0:
                    out[k] = -np.inf
                elif t == starts[k]:
                    out[k] += math.log(total)
                else:
                    if total < 1e-30:
                        out[k] += math.log(total)
                        _normalise(q, now)
                    _split(g, weights, row, alpha, t - start, values, t, q, used, d_values, terms)
                    running[kept] = k
                    kept += 1
            n_running = kept
            if t > 0:
                _split(g, weights, row, alpha, t - start, values, t, p, used, d_values, terms)
                if t % RESCALE == 0:
                    _normalise(p, 1 - now)
            if n_running == 0 and pending == n_segments:
                return


@njit(nogil=True, cache=True)
def _viterbi(g, weights, scores, flags, allowed, begin, end, index, path):
    """Write the best path and return its score; `index` has a dtype that holds a state."""
    n, n_states = scores.shape[0], begin.shape[0]
    if n == 0:
        return 0.0
    back = np.empty((n, n_states), dtype=index.dtype)
    best = np.empty((2, n_states))
    values = np.empty((2, scores.shape[1] + 1))
    scale = np.zeros(2)
    good = True
    for t in range(n):
        now, past = t & 1, ~t & 1
        good &= _load(scores, t, values)
        if t == 0:
            for s in range(n_states):
                best[now, s] = _emission(g, s, values, t) if begin[s] else -np.inf
        else:
            row = _row(g, flags, t)
            low = g.start[row, 0]
            if g.plain[row]:
                for s in range(n_states):
                    source = g.source[low + np.uint32(s)]
                    best[now, s] = best[past, source] + _emission(g, s, values, t)
                    back[t, s] = source
            else:
                for s in range(n_states):
                    high = g.start[row, s + 1]
                    largest, source = -np.inf, np.uint32(0)
                    for a in range(low, high):
                        x = best[past, g.source[a]] + _score(g, a, weights, values, t)
                        if x > largest:
                            largest, source = x, g.source[a]
                    best[now, s] = largest + _emission(g, s, values, t)
                    back[t, s] = source
                    low = high
        if allowed.shape[0] > 0:
            for s in range(n_states):
                if not allowed[t, s]:
                    best[now, s] = -np.inf
        if t % RESCALE == 0:
            _rescale(best, now, scale)
    largest, state = -np.inf, 0
    for s in range(n_states):
        if end[s] and best[(n - 1) & 1, s] > largest:
            largest, state = best[(n - 1) & 1, s], s
    if not good:
        return np.nan
    if largest == -np.inf:
        return largest
    for t in range(n - 1, 0, -1):
        path[t] = state
        state = back[t, state]
    path[0] = state
    _add(scale, largest)
    return scale[0] + scale[1]


@njit(nogil=True, cache=True)
def _insert(totals, sources, ranks, count, x, source, rank):
    """Insert into lists sorted by falling score, behind equals; return the new count."""
    k = len(totals)
    i = count if count < k else k - 1
    while i > 0 and totals[i - 1] < x:
        totals[i], sources[i], ranks[i] = totals[i - 1], sources[i - 1], ranks[i - 1]
        i -= 1
    totals[i], sources[i], ranks[i] = x, source, rank
    return min(k, count + 1)


@njit(nogil=True, cache=True)
def _k_best(g, weights, scores, flags, allowed, begin, end, paths, totals):
    """Write the best paths and their scores, and return how many there are.

    Keeps for each position and state the best `k` ways to reach it: the source state and which
    of the ways to reach that one.
    """
    n, n_states, k = scores.shape[0], begin.shape[0], paths.shape[0]
    if n == 0:
        totals[0] = 0.0
        return 1
    best = np.full((2, n_states, k), -np.inf)
    sources = np.zeros((n, n_states, k), dtype=np.int16)
    ranks = np.zeros((n, n_states, k), dtype=np.int16)
    counts = np.zeros((2, n_states), dtype=np.int64)
    values = np.empty((2, scores.shape[1] + 1))
    scale = np.zeros(2)
    good = True
    for t in range(n):
        now, past = t & 1, ~t & 1
        good &= _load(scores, t, values)
        row = _row(g, flags, t) if t > 0 else np.uint32(0)
        for s in range(n_states):
            count = 0
            emission = _emission(g, s, values, t)
            if emission == -np.inf or (allowed.shape[0] > 0 and not allowed[t, s]):
                pass
            elif t == 0:
                if begin[s]:
                    best[now, s, 0] = emission
                    count = 1
            else:
                for a in range(g.start[row, s], g.start[row, s + 1]):
                    source = g.source[a]
                    score = _score(g, a, weights, values, t)
                    if score == -np.inf:
                        continue
                    for r in range(counts[past, source]):
                        x = best[past, source, r] + score
                        if count == k and x <= best[now, s, k - 1]:
                            break
                        count = _insert(
                            best[now, s], sources[t, s], ranks[t, s], count, x, source, r
                        )
                for r in range(count):
                    best[now, s, r] += emission
            counts[now, s] = count
        if t % RESCALE == 0:
            largest = -np.inf
            for s in range(n_states):
                if counts[now, s] > 0:
                    largest = max(largest, best[now, s, 0])
            if largest > -np.inf:
                best[now] -= largest
                _add(scale, largest)
    if not good:
        return 0
    last = (n - 1) & 1
    states, state_ranks = np.empty(k, dtype=np.int16), np.empty(k, dtype=np.int16)
    count = 0
    for s in range(n_states):
        if end[s]:
            for r in range(counts[last, s]):
                x = best[last, s, r]
                if count == k and x <= totals[k - 1]:
                    break
                count = _insert(totals, states, state_ranks, count, x, s, r)
    for i in range(count):
        totals[i] = (scale[0] + totals[i]) + scale[1]
        s, r = states[i], state_ranks[i]
        for t in range(n - 1, -1, -1):
            paths[i, t] = s
            s, r = sources[t, s, r], ranks[t, s, r]
    return count


@njit(nogil=True, cache=True)
def _draw(sums, n, x):
    """Index of one of `n` weights, by their running sums and a number x within [0, 1)."""
    x *= sums[n - 1]
    k = 0
    while k < n - 1 and sums[k] <= x:
        k += 1
    return k


@njit(nogil=True, cache=True)
def _sample(g, weights, scores, flags, allowed, begin, end, numbers, paths):
    """Write a path for each column of `numbers`, of which it takes one at each position."""
    n, n_states = scores.shape[0], begin.shape[0]
    if n == 0:
        return
    z, alpha, checkpoints, last = _forward(g, weights, scores, flags, allowed, begin, end)
    if not z > -np.inf:
        return
    values = np.empty((2, scores.shape[1] + 1))
    # Of the transitions into a state the probabilities, summed up: once for all paths there.
    sums = np.empty((n_states, n_states))
    summed = np.full(n_states, n)
    running = np.cumsum(last)
    for j in range(len(paths)):
        paths[j, n - 1] = _draw(running, n_states, numbers[n - 1, j])
    _load(scores, n - 1, values)
    for i in range(checkpoints.shape[0] - 1, -1, -1):
        start, stop = _block(g, weights, scores, flags, allowed, begin, alpha, checkpoints, i)
        for t in range(stop - 1, max(start - 1, 0), -1):
            _load(scores, t - 1, values)
            row = _row(g, flags, t)
            for j in range(len(paths)):
                s = paths[j, t]
                low, high = g.start[row, s], g.start[row, s + 1]
                if summed[s] != t:
                    summed[s] = t
                    largest = -np.inf
                    for a in range(low, high):
                        x = alpha[t - start, g.source[a]] + _score(g, a, weights, values, t)
                        sums[s, a - low] = x
                        largest = max(largest, x)
                    total = 0.0
                    for k in range(high - low):
                        total += math.exp(sums[s, k] - largest)
                        sums[s, k] = total
                k = _draw(sums[s], high - low, numbers[t - 1, j])
                paths[j, t - 1] = g.source[low + np.uint32(k)]


# Loops over the sequences `first`, ``first + step``, ... of a batch.


@njit(nogil=True, cache=True)
def _partitions(
    g, weights, scores, flags, lengths, allowed, begin, end,
    factor, d_scores, d_weights, z, first, step,
):  # fmt: skip
    for b in range(first, len(lengths), step):
        n = lengths[b]
        z[b] = _partition(
            g, weights, scores[b, :n], flags[b], allowed[b], begin[b], end[b],
            factor[b], d_scores[b], d_weights[b],
        )  # fmt: skip


@njit(nogil=True, cache=True)
def _all_marginals(
    g, weights, scores, flags, lengths, allowed, begin, end, project, out, first, step
):
    for b in range(first, len(lengths), step):
        n = lengths[b]
        _marginals(
            g, weights, scores[b, :n], flags[b], allowed[b], begin[b], end[b], project, out[b]
        )  # fmt: skip


@njit(nogil=True, cache=True)
def _all_segments(
    g, weights, scores, flags, lengths, allowed, begin, end,
    begins, starts, stops, offsets, members, sets, out, first, step,
):  # fmt: skip
    for b in range(first, len(lengths), step):
        n, i, j = lengths[b], begins[b], begins[b + 1]
        _segments(
            g, weights, scores[b, :n], flags[b], allowed[b], begin[b], end[b],
            starts[i:j], stops[i:j], offsets[i:j], members, sets, out[i:j],
        )  # fmt: skip


@njit(nogil=True, cache=True)
def _viterbis(
    g, weights, scores, flags, lengths, allowed, begin, end, index, paths, totals, first, step
):
    for b in range(first, len(lengths), step):
        n = lengths[b]
        totals[b] = _viterbi(
            g, weights, scores[b, :n], flags[b], allowed[b], begin[b], end[b], index, paths[b]
        )  # fmt: skip


@njit(nogil=True, cache=True)
def _k_bests(
    g, weights, scores, flags, lengths, allowed, begin, end, paths, totals, counts, first, step
):
    for b in range(first, len(lengths), step):
        n = lengths[b]
        counts[b] = _k_best(
            g, weights, scores[b, :n], flags[b], allowed[b], begin[b], end[b], paths[b], totals[b]
        )  # fmt: skip


@njit(nogil=True, cache=True)
def _samples(
    g, weights, scores, flags, lengths, allowed, begin, end, numbers, paths, first, step
):  # fmt: skip
    for b in range(first, len(lengths), step):
        n = lengths[b]
        _sample(
            g, weights, scores[b, :n], flags[b], allowed[b], begin[b], end[b], numbers, paths[b]
        )  # fmt: skip


class _Batch(NamedTuple):
    """Arguments as the loops take them."""

    g: Tables
    weights: np.ndarray
    scores: np.ndarray
    flags: np.ndarray
    lengths: np.ndarray
    allowed: np.ndarray
    begin: np.ndarray
    end: np.ndarray


def _batch(grammar: Grammar, *arguments: Any) -> _Batch:
    """Check arguments and turn them into arrays."""
    scores, weights, flags, lengths, allowed, begin, end = check(grammar, *arguments)
    if allowed is None:
        allowed = torch.empty(len(scores), 0, len(grammar.states), dtype=torch.bool)

    def array(values: torch.Tensor, dtype: torch.dtype) -> np.ndarray:
        return values.detach().to(dtype).contiguous().numpy()

    single = scores.dtype == torch.float32
    return _Batch(
        tables(grammar),
        np.append(array(weights, torch.float64), 0.0),
        array(scores, torch.float32 if single else torch.float64),
        array(flags, torch.uint8),
        array(lengths, torch.int64),
        array(allowed, torch.bool),
        array(begin, torch.bool),
        array(end, torch.bool),
    )


def _run(loop: Callable[..., None], batch: _Batch, *arguments: Any) -> None:
    """Run a loop over a batch, in as many threads as torch may use.

    Threads of our own rather than numba's: these compile in half the time, and obey one setting.
    """
    workers = min(torch.get_num_threads(), len(batch.lengths))
    if workers == 1:
        loop(*batch, *arguments, 0, 1)
        return
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda first: loop(*batch, *arguments, first, workers), range(workers)))


class _LogPartition(torch.autograd.Function):
    """Log partitions; the gradient is computed together with them."""

    @staticmethod
    def forward(ctx, scores, weights, batch, wanted):
        z, *gradients = _gradient(batch, np.full(len(batch.lengths), float(wanted)))
        ctx.save_for_backward(*gradients)
        return z

    @staticmethod
    def backward(ctx, d_z):
        return *_chain(ctx, d_z), None, None


class _LikelihoodLoss(torch.autograd.Function):
    """Free minus restricted log partitions; legal sequences only."""

    @staticmethod
    def forward(ctx, scores, weights, batch, wanted):
        factor = np.full(len(batch.lengths), -float(wanted))
        restricted, d_scores, d_weights = _gradient(batch, factor)
        legal = restricted != -np.inf
        everything = batch._replace(allowed=np.ascontiguousarray(batch.allowed[:, :0]))
        free, *_ = _gradient(everything, -factor * legal.numpy(), d_scores, d_weights)
        ctx.save_for_backward(d_scores, d_weights)
        ctx.mark_non_differentiable(legal)
        return torch.where(legal, free - restricted, 0.0), legal

    @staticmethod
    def backward(ctx, d_loss, _):
        return *_chain(ctx, d_loss), None, None


def _gradient(
    batch: _Batch,
    factor: np.ndarray,
    d_scores: torch.Tensor | None = None,
    d_weights: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Log partitions, and their gradients times `factor` added to those given."""
    wanted = bool(factor.any())
    n_batch = len(batch.lengths)
    if d_scores is None or d_weights is None:
        shape = batch.scores.shape if wanted else (n_batch, 0, 0)
        d_scores = torch.from_numpy(np.zeros(shape, dtype=batch.scores.dtype))
        d_weights = torch.zeros(n_batch, batch.g.n_weights, dtype=torch.float64)
    z = np.empty(n_batch)
    _run(_partitions, batch, factor, d_scores.numpy(), d_weights.numpy(), z)
    return torch.from_numpy(z), d_scores, d_weights


def _chain(ctx: Any, d_out: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Gradients of scores and weights, given that of each sequence's result."""
    d_scores, d_weights = ctx.saved_tensors
    return (
        d_scores * d_out[:, None, None].to(d_scores.dtype) if ctx.needs_input_grad[0] else None,
        d_out.to(d_weights.dtype) @ d_weights if ctx.needs_input_grad[1] else None,
    )


def _wants_gradient(*inputs: torch.Tensor) -> bool:
    return torch.is_grad_enabled() and any(x.requires_grad for x in inputs)


def log_partition(
    grammar: Grammar,
    scores: torch.Tensor,
    weights: torch.Tensor,
    flags: torch.Tensor,
    lengths: torch.Tensor,
    allowed: torch.Tensor | None = None,
    begin: torch.Tensor | None = None,
    end: torch.Tensor | None = None,
) -> torch.Tensor:
    """See :meth:`dnatag.engine.crf.CRF.log_partition`."""
    batch = _batch(grammar, scores, weights, flags, lengths, allowed, begin, end)
    return _LogPartition.apply(scores, weights, batch, _wants_gradient(scores, weights))


def likelihood_loss(
    grammar: Grammar,
    scores: torch.Tensor,
    weights: torch.Tensor,
    flags: torch.Tensor,
    lengths: torch.Tensor,
    allowed: torch.Tensor,
    begin: torch.Tensor | None = None,
    end: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """See :meth:`dnatag.engine.crf.CRF.likelihood_loss`."""
    batch = _batch(grammar, scores, weights, flags, lengths, allowed, begin, end)
    return _LikelihoodLoss.apply(scores, weights, batch, _wants_gradient(scores, weights))


def viterbi(
    grammar: Grammar,
    scores: torch.Tensor,
    weights: torch.Tensor,
    flags: torch.Tensor,
    lengths: torch.Tensor,
    allowed: torch.Tensor | None = None,
    begin: torch.Tensor | None = None,
    end: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """See :meth:`dnatag.engine.crf.CRF.viterbi`."""
    batch = _batch(grammar, scores, weights, flags, lengths, allowed, begin, end)
    paths = np.full(batch.flags.shape, -1, dtype=np.int16)
    index = np.empty(0, dtype=np.uint8 if len(grammar.states) <= 256 else np.int16)
    totals = np.empty(len(paths))
    _run(_viterbis, batch, index, paths, totals)
    return torch.from_numpy(paths), torch.from_numpy(totals)


def marginals(
    grammar: Grammar,
    scores: torch.Tensor,
    weights: torch.Tensor,
    flags: torch.Tensor,
    lengths: torch.Tensor,
    allowed: torch.Tensor | None = None,
    begin: torch.Tensor | None = None,
    end: torch.Tensor | None = None,
    *,
    project: torch.Tensor | None = None,
) -> torch.Tensor:
    """See :meth:`dnatag.engine.crf.CRF.marginals`."""
    batch = _batch(grammar, scores, weights, flags, lengths, allowed, begin, end)
    columns = len(grammar.states) if project is None else project.shape[1]
    out = np.zeros((*batch.flags.shape, columns), dtype=batch.scores.dtype)
    matrix = None if project is None else project.detach().double().contiguous().numpy()
    _run(_all_marginals, batch, matrix, out)
    return torch.from_numpy(out)


def segment_log_posterior(
    grammar: Grammar,
    scores: torch.Tensor,
    weights: torch.Tensor,
    flags: torch.Tensor,
    lengths: torch.Tensor,
    segments: Sequence[Segment],
    sets: torch.Tensor,
    allowed: torch.Tensor | None = None,
    begin: torch.Tensor | None = None,
    end: torch.Tensor | None = None,
) -> torch.Tensor:
    """See :meth:`dnatag.engine.crf.CRF.segment_log_posterior`.

    Precise however long the sequence; a posterior below about 1e-250 is -inf.
    """
    batch = _batch(grammar, scores, weights, flags, lengths, allowed, begin, end)
    check_segments(grammar, lengths, segments, sets)
    sequences = np.array([s.sequence for s in segments], dtype=np.int64)
    starts = np.array([s.start for s in segments], dtype=np.int64)
    sizes = np.array([len(s.sets) for s in segments], dtype=np.int64)
    members = np.concatenate([np.empty(0, dtype=np.int64), *(s.sets for s in segments)])
    order = np.lexsort((-(starts + sizes), sequences))
    out = np.empty(len(segments))
    _run(
        _all_segments,
        batch,
        np.searchsorted(sequences[order], np.arange(len(lengths) + 1)),
        starts[order],
        (starts + sizes)[order],
        (np.cumsum(sizes) - sizes)[order],
        members.astype(np.int64),
        sets.bool().contiguous().numpy(),
        out,
    )
    in_order = np.empty_like(out)
    in_order[order] = out
    return torch.from_numpy(in_order)


def k_best(
    grammar: Grammar,
    scores: torch.Tensor,
    weights: torch.Tensor,
    flags: torch.Tensor,
    lengths: torch.Tensor,
    k: int,
    allowed: torch.Tensor | None = None,
    begin: torch.Tensor | None = None,
    end: torch.Tensor | None = None,
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """See :meth:`dnatag.engine.crf.CRF.k_best`."""
    batch = _batch(grammar, scores, weights, flags, lengths, allowed, begin, end)
    if not 1 <= k <= np.iinfo(np.int16).max:
        raise ValueError(f"k must lie between 1 and {np.iinfo(np.int16).max}, not {k}")
    n_batch, n_positions = batch.flags.shape
    paths = np.empty((n_batch, k, n_positions), dtype=np.int16)
    totals = np.empty((n_batch, k))
    counts = np.empty(n_batch, dtype=np.int64)
    _run(_k_bests, batch, paths, totals, counts)
    return [
        (torch.from_numpy(p[:count, :n].copy()), torch.from_numpy(s[:count]))
        for p, s, n, count in zip(paths, totals, batch.lengths, counts, strict=True)
    ]


def sample(
    grammar: Grammar,
    scores: torch.Tensor,
    weights: torch.Tensor,
    flags: torch.Tensor,
    lengths: torch.Tensor,
    n: int,
    allowed: torch.Tensor | None = None,
    begin: torch.Tensor | None = None,
    end: torch.Tensor | None = None,
    *,
    seed: int = 0,
) -> torch.Tensor:
    """See :meth:`dnatag.engine.crf.CRF.sample`."""
    batch = _batch(grammar, scores, weights, flags, lengths, allowed, begin, end)
    n_batch, n_positions = batch.flags.shape
    paths = np.full((n_batch, n, n_positions), -1, dtype=np.int16)
    # The first numbers are the same whatever the longest sequence of the batch.
    numbers = np.random.default_rng(seed).random((n_positions, n))
    _run(_samples, batch, numbers, paths)
    return torch.from_numpy(paths)

"""Kernels that find paths: the best one, the best few, random ones."""

from __future__ import annotations

import math

import numpy as np

from dnatag.engine.compiling import compiled
from dnatag.engine.crf.kernels.steps import add, emission_of, load, rescale, row_of, step_score
from dnatag.engine.crf.kernels.sums import forward, refill
from dnatag.engine.crf.tables import RESCALE

__all__ = ["k_best", "sample", "viterbi"]


@compiled
def viterbi(g, weights, scores, flags, allowed, begin, end, index, path):
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
        good &= load(scores, t, values)
        if t == 0:
            for s in range(n_states):
                best[now, s] = emission_of(g, s, values, t) if begin[s] else -np.inf
        else:
            row = row_of(g, flags, t)
            low = g.start[row, 0]
            if g.plain[row]:
                for s in range(n_states):
                    source = g.source[low + np.uint32(s)]
                    best[now, s] = best[past, source] + emission_of(g, s, values, t)
                    back[t, s] = source
            else:
                for s in range(n_states):
                    high = g.start[row, s + 1]
                    largest, source = -np.inf, np.uint32(0)
                    for a in range(low, high):
                        x = best[past, g.source[a]] + step_score(g, a, weights, values, t)
                        if x > largest:
                            largest, source = x, g.source[a]
                    best[now, s] = largest + emission_of(g, s, values, t)
                    back[t, s] = source
                    low = high
        if allowed.shape[0] > 0:
            for s in range(n_states):
                if not allowed[t, s]:
                    best[now, s] = -np.inf
        if t % RESCALE == 0:
            rescale(best, now, scale)
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
    add(scale, largest)
    return scale[0] + scale[1]


@compiled
def _insert(totals, sources, ranks, count, x, source, rank):
    """Insert into lists sorted by falling score, after equals; return the new count."""
    k = len(totals)
    i = count if count < k else k - 1
    while i > 0 and totals[i - 1] < x:
        totals[i], sources[i], ranks[i] = totals[i - 1], sources[i - 1], ranks[i - 1]
        i -= 1
    totals[i], sources[i], ranks[i] = x, source, rank
    return min(k, count + 1)


@compiled
def k_best(g, weights, scores, flags, allowed, begin, end, paths, totals):
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
        good &= load(scores, t, values)
        row = row_of(g, flags, t) if t > 0 else np.uint32(0)
        for s in range(n_states):
            count = 0
            emission = emission_of(g, s, values, t)
            if emission == -np.inf or (allowed.shape[0] > 0 and not allowed[t, s]):
                pass
            elif t == 0:
                if begin[s]:
                    best[now, s, 0] = emission
                    count = 1
            else:
                for a in range(g.start[row, s], g.start[row, s + 1]):
                    source = g.source[a]
                    score = step_score(g, a, weights, values, t)
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
                add(scale, largest)
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


@compiled
def _draw(sums, n, x):
    """Index of one of `n` weights, by their running sums and a number x within [0, 1)."""
    x *= sums[n - 1]
    k = 0
    while k < n - 1 and sums[k] <= x:
        k += 1
    return k


@compiled
def sample(g, weights, scores, flags, allowed, begin, end, numbers, paths):
    """Write a path for each column of `numbers`, of which it takes one at each position."""
    n, n_states = scores.shape[0], begin.shape[0]
    if n == 0:
        return
    z, alpha, checkpoints, last = forward(g, weights, scores, flags, allowed, begin, end)
    if not z > -np.inf:
        return
    values = np.empty((2, scores.shape[1] + 1))
    # Of the transitions into a state the probabilities, summed up: once for all paths there.
    sums = np.empty((n_states, n_states))
    summed = np.full(n_states, n)
    running = np.cumsum(last)
    for j in range(len(paths)):
        paths[j, n - 1] = _draw(running, n_states, numbers[n - 1, j])
    load(scores, n - 1, values)
    for i in range(checkpoints.shape[0] - 1, -1, -1):
        start, stop = refill(g, weights, scores, flags, allowed, begin, alpha, checkpoints, i)
        for t in range(stop - 1, max(start - 1, 0), -1):
            load(scores, t - 1, values)
            row = row_of(g, flags, t)
            for j in range(len(paths)):
                s = paths[j, t]
                low, high = g.start[row, s], g.start[row, s + 1]
                if summed[s] != t:
                    summed[s] = t
                    largest = -np.inf
                    for a in range(low, high):
                        x = alpha[t - start, g.source[a]] + step_score(g, a, weights, values, t)
                        sums[s, a - low] = x
                        largest = max(largest, x)
                    total = 0.0
                    for k in range(high - low):
                        total += math.exp(sums[s, k] - largest)
                        sums[s, k] = total
                k = _draw(sums[s], high - low, numbers[t - 1, j])
                paths[j, t - 1] = g.source[low + np.uint32(k)]


# Loops over the sequences `first`, ``first + step``, ... of a batch.

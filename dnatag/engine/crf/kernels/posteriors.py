"""Kernels that sweep back: gradients, posteriors of states, posteriors of segments."""

from __future__ import annotations

import math

import numpy as np

from dnatag.engine.compiling import compiled
from dnatag.engine.crf.kernels.steps import load, normalise, row_of
from dnatag.engine.crf.kernels.sums import forward, refill, split
from dnatag.engine.crf.tables import RESCALE

__all__ = ["log_partition", "marginals", "segments"]


@compiled
def log_partition(g, weights, scores, flags, allowed, begin, end, factor, d_scores, d_weights):
    """Log partition; its gradient times `factor` is added to `d_scores` and `d_weights`."""
    n, n_scores, n_states = scores.shape[0], scores.shape[1], begin.shape[0]
    if n == 0:
        return 0.0
    z, alpha, checkpoints, last = forward(g, weights, scores, flags, allowed, begin, end)
    if factor == 0.0 or not z > -np.inf:
        return z
    p, terms = np.empty((2, n_states)), np.empty(n_states)
    p[(n - 1) & 1] = last
    values = np.empty((2, n_scores + 1))
    d_values = np.zeros((2, n_scores + 1))
    used = np.zeros(weights.shape[0])
    load(scores, n - 1, values)
    for i in range(checkpoints.shape[0] - 1, -1, -1):
        start, stop = refill(g, weights, scores, flags, allowed, begin, alpha, checkpoints, i)
        for t in range(stop - 1, start - 1, -1):
            now = t & 1
            for j in range(g.emission.shape[0]):
                for s in range(n_states):
                    d_values[now, g.emission[j, s]] += p[now, s]
            if t > 0:
                load(scores, t - 1, values)
                row = row_of(g, flags, t)
                split(g, weights, row, alpha, t - start, values, t, p, used, d_values, terms)
                if t % RESCALE == 0:
                    normalise(p, 1 - now)
            for c in range(n_scores):
                d_scores[t, c] += factor * d_values[now, c]
                d_values[now, c] = 0.0
    for w in range(d_weights.shape[0]):
        d_weights[w] += factor * used[w]
    return z


@compiled
def marginals(g, weights, scores, flags, allowed, begin, end, project, out):
    """Write the posteriors of the states times `project`, or themselves if it is None."""
    n, n_states = scores.shape[0], begin.shape[0]
    if n == 0:
        return
    z, alpha, checkpoints, last = forward(g, weights, scores, flags, allowed, begin, end)
    if not z > -np.inf:
        out[:n] = 0.0 if z == -np.inf else np.nan
        return
    p, terms = np.empty((2, n_states)), np.empty(n_states)
    p[(n - 1) & 1] = last
    values = np.empty((2, scores.shape[1] + 1))
    d_values, used = np.empty_like(values), np.empty_like(weights)  # not asked for
    load(scores, n - 1, values)
    for i in range(checkpoints.shape[0] - 1, -1, -1):
        start, stop = refill(g, weights, scores, flags, allowed, begin, alpha, checkpoints, i)
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
                load(scores, t - 1, values)
                row = row_of(g, flags, t)
                split(g, weights, row, alpha, t - start, values, t, p, used, d_values, terms)
                if t % RESCALE == 0:
                    normalise(p, 1 - now)


@compiled
def segments(
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
    z, alpha, checkpoints, last = forward(g, weights, scores, flags, allowed, begin, end)
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
    load(scores, n - 1, values)
    for i in range(checkpoints.shape[0] - 1, -1, -1):
        start, stop = refill(g, weights, scores, flags, allowed, begin, alpha, checkpoints, i)
        for t in range(stop - 1, start - 1, -1):
            now = t & 1
            row = np.uint32(0)
            if t > 0:
                load(scores, t - 1, values)
                row = row_of(g, flags, t)
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
                        normalise(q, now)
                    split(g, weights, row, alpha, t - start, values, t, q, used, d_values, terms)
                    running[kept] = k
                    kept += 1
            n_running = kept
            if t > 0:
                split(g, weights, row, alpha, t - start, values, t, p, used, d_values, terms)
                if t % RESCALE == 0:
                    normalise(p, 1 - now)
            if n_running == 0 and pending == n_segments:
                return

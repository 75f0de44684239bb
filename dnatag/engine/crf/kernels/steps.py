"""What the kernels do at one position: emissions, scores of transitions, sums that stay precise.

The names are the same in all kernels: `g` is a :class:`dnatag.engine.crf.tables.Tables`; of one
sequence of n positions, `scores` is (n, C), `flags` (n,), `allowed` (n, S) or empty for no
restriction, `begin` and `end` (S,); `weights` is (W + 1,), with a zero after the weights. `values`
holds the scores of two neighbouring positions.
"""

from __future__ import annotations

import math

import numpy as np

from dnatag.engine.compiling import compiled

__all__ = [
    "add",
    "emission_of",
    "load",
    "log_sum",
    "normalise",
    "rescale",
    "row_of",
    "step_score",
]


@compiled
def load(scores, t, values):
    """Copy the scores of a position to row ``t % 2``; False if one is NaN or +inf."""
    good = True
    for c in range(scores.shape[1]):
        x = scores[t, c]
        values[t & 1, c] = x
        good &= x < np.inf
    values[t & 1, scores.shape[1]] = 0.0
    return good


@compiled
def emission_of(g, s, values, t):
    """Emission of a state: the sum of the scores that it reads."""
    total = values[t & 1, g.emission[0, s]]
    for j in range(1, g.emission.shape[0]):
        total += values[t & 1, g.emission[j, s]]
    return total


@compiled
def row_of(g, flags, t):
    """Row of the transitions that the flags allow from ``t - 1`` to `t`."""
    return g.row[(np.uint64(flags[t - 1]) << np.uint64(g.flags)) | np.uint64(flags[t])]


@compiled
def step_score(g, a, weights, values, t):
    """Score of transition `a` from ``t - 1`` to `t`: its weight and its events."""
    return weights[g.weight[a]] + (values[t & 1, g.enter[a]] + values[~t & 1, g.leave[a]])


@compiled
def log_sum(values, n, largest):
    """Logarithm of the sum of exponentials of `n` values, the largest of which is known."""
    total = 0.0
    for i in range(n):
        d = values[i] - largest
        if d == 0.0:
            total += 1.0
        elif d > -40.0:
            total += math.exp(d)
    return largest if total == 1.0 else largest + math.log(total)


@compiled
def add(total, x):
    """Neumaier's compensated sum: `total` holds the sum and its lost low part."""
    t = total[0] + x
    if abs(total[0]) >= abs(x):
        total[1] += (total[0] - t) + x
    else:
        total[1] += (x - t) + total[0]
    total[0] = t


@compiled
def rescale(states, i, scale):
    """Take the largest of ``states[i]`` off all of them and add it to `scale`."""
    largest = -np.inf
    for s in range(states.shape[1]):
        largest = max(largest, states[i, s])
    if largest > -np.inf:
        for s in range(states.shape[1]):
            states[i, s] -= largest
        add(scale, largest)


@compiled
def normalise(p, i):
    """Make the probabilities ``p[i]`` sum to 1, against drift."""
    total = 0.0
    for s in range(p.shape[1]):
        total += p[i, s]
    for s in range(p.shape[1]):
        p[i, s] /= total

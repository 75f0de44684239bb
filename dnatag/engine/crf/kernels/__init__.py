"""Loops over the sequences of a batch, compiled by numba: the CRF's arithmetic, on arrays only.

The functions of this module are all that the rest of the package calls. Each works on the
sequences ``first``, ``first + step``, ... of a batch, without Python's lock, and writes its
results into arrays it is given. They check nothing. Their first arguments are the same, the
fields of :class:`Arguments`.

Numba's cache of a file is not renewed when another file changes: whoever edits these modules
touches all of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dnatag.engine.compiling import compiled
from dnatag.engine.crf.kernels import paths as _paths
from dnatag.engine.crf.kernels import posteriors as _posteriors
from dnatag.engine.crf.tables import Tables

__all__ = [
    "Arguments",
    "k_best",
    "log_partition",
    "marginals",
    "sample",
    "segments",
    "viterbi",
]


class Arguments(NamedTuple):
    """A batch of B sequences of up to L positions, for S states, C scores and W weights.

    All arrays are contiguous.

    Attributes
    ----------
    tables : Tables
        The grammar.
    weights : numpy.ndarray
        float64 (W + 1,), with a zero after the transition weights.
    scores : numpy.ndarray
        float32 or float64 (B, L, C).
    flags : numpy.ndarray
        uint8 (B, L).
    lengths : numpy.ndarray
        int64 (B,).
    allowed : numpy.ndarray
        bool (B, L, S), or (B, 0, S) where all states are allowed everywhere.
    begin, end : numpy.ndarray
        bool (B, S).
    """

    tables: Tables
    weights: np.ndarray
    scores: np.ndarray
    flags: np.ndarray
    lengths: np.ndarray
    allowed: np.ndarray
    begin: np.ndarray
    end: np.ndarray


_log_partition = _posteriors.log_partition
_marginals = _posteriors.marginals
_segments = _posteriors.segments
_viterbi = _paths.viterbi
_k_best = _paths.k_best
_sample = _paths.sample


@compiled
def log_partition(
    g, weights, scores, flags, lengths, allowed, begin, end,
    factor, d_scores, d_weights, z, first, step,
):  # fmt: skip
    """Write log partitions to `z`; add their gradients times `factor` to the others.

    `factor` and `z` are float64 (B,), `d_scores` is like the scores, `d_weights` float64 (B, W).
    `d_scores` may be empty where `factor` is 0.
    """
    for b in range(first, len(lengths), step):
        n = lengths[b]
        z[b] = _log_partition(
            g, weights, scores[b, :n], flags[b], allowed[b], begin[b], end[b],
            factor[b], d_scores[b], d_weights[b],
        )  # fmt: skip


@compiled
def marginals(g, weights, scores, flags, lengths, allowed, begin, end, project, out, first, step):
    """Write posteriors, times `project` (S, P) unless it is None, to `out` (B, L, P or S)."""
    for b in range(first, len(lengths), step):
        n = lengths[b]
        _marginals(
            g, weights, scores[b, :n], flags[b], allowed[b], begin[b], end[b], project, out[b]
        )  # fmt: skip


@compiled
def segments(
    g, weights, scores, flags, lengths, allowed, begin, end,
    begins, starts, stops, offsets, members, sets, out, first, step,
):  # fmt: skip
    """Write log posteriors of N segments to `out`, float64 (N,).

    Segments ``begins[b]`` to ``begins[b + 1]`` are those of sequence ``b``, the ones that stop
    last first. ``members[offsets[k] + i]`` is the row of `sets`, bool (P, S), of segment ``k`` at
    position ``starts[k] + i``.
    """
    for b in range(first, len(lengths), step):
        n, i, j = lengths[b], begins[b], begins[b + 1]
        _segments(
            g, weights, scores[b, :n], flags[b], allowed[b], begin[b], end[b],
            starts[i:j], stops[i:j], offsets[i:j], members, sets, out[i:j],
        )  # fmt: skip


@compiled
def viterbi(
    g, weights, scores, flags, lengths, allowed, begin, end, index, paths, totals, first, step
):
    """Write best paths to `paths`, int16 (B, L), and their scores to `totals`, float64 (B,).

    `index` is empty; its dtype is one that holds a state.
    """
    for b in range(first, len(lengths), step):
        n = lengths[b]
        totals[b] = _viterbi(
            g, weights, scores[b, :n], flags[b], allowed[b], begin[b], end[b], index, paths[b]
        )  # fmt: skip


@compiled
def k_best(
    g, weights, scores, flags, lengths, allowed, begin, end, paths, totals, counts, first, step
):
    """Write up to k best paths to `paths`, int16 (B, k, L), and their scores to `totals`, (B, k).

    `counts`, int64 (B,), gets how many there are.
    """
    for b in range(first, len(lengths), step):
        n = lengths[b]
        counts[b] = _k_best(
            g, weights, scores[b, :n], flags[b], allowed[b], begin[b], end[b], paths[b], totals[b]
        )  # fmt: skip


@compiled
def sample(
    g, weights, scores, flags, lengths, allowed, begin, end, numbers, paths, first, step
):  # fmt: skip
    """Write random paths to `paths`, int16 (B, n, L), by `numbers`, float64 (L, n) in [0, 1)."""
    for b in range(first, len(lengths), step):
        n = lengths[b]
        _sample(
            g, weights, scores[b, :n], flags[b], allowed[b], begin[b], end[b], numbers, paths[b]
        )  # fmt: skip

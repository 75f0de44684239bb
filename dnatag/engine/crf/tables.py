"""A grammar as look-up tables, for every implementation of the CRF."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dnatag.engine.crf.grammar import CompiledGrammar, Grammar

__all__ = ["RESCALE", "Tables", "tables"]

#: Forward sums are rescaled at multiples of this position, so that they never lose precision.
RESCALE = 64


class Tables(NamedTuple):
    """A grammar as the loops read it.

    Pairs of neighbouring property words, ``(flags[t - 1] << flags) | flags[t]``, with the same
    legal transitions share a *row*. Within a row transitions are sorted by target, then source.
    An absent weight or score points to a zero after the last one. Indices are unsigned because
    numba then need not handle negative ones.

    Attributes
    ----------
    flags, n_scores, n_weights : int
        Numbers of flags, scores and weights.
    row : numpy.ndarray
        uint32 (4**flags,), the row of a pair of words.
    plain : numpy.ndarray
        bool (R,), whether a row has one transition to each state, without weight or event.
    start : numpy.ndarray
        uint32 (R, S + 1), the slices of the columns that follow.
    source, weight, enter, leave : numpy.ndarray
        uint32, the transitions.
    emission : numpy.ndarray
        uint32 (M, S), the scores that each state adds up, in this order.
    """

    flags: int
    n_scores: int
    n_weights: int
    row: np.ndarray
    plain: np.ndarray
    start: np.ndarray
    source: np.ndarray
    weight: np.ndarray
    enter: np.ndarray
    leave: np.ndarray
    emission: np.ndarray


def tables(grammar: Grammar) -> Tables:
    """Return the tables of a grammar, made once for each grammar object."""
    # Kept where cached_property keeps Grammar.compiled: a grammar is frozen, but not hashable.
    cache: dict[str, Any] = vars(grammar)
    if "_crf_tables" not in cache:
        cache["_crf_tables"] = _tables(grammar.compiled)
    made: Tables = cache["_crf_tables"]
    return made


def _tables(g: CompiledGrammar) -> Tables:
    rows, row = np.unique(np.packbits(g.allowed, axis=1), axis=0, return_inverse=True)
    legal = np.unpackbits(rows, axis=1, count=len(g.source)).astype(bool)
    order = np.lexsort((g.source, g.target))
    active = [order[allowed[order]] for allowed in legal]
    first = np.cumsum([0, *map(len, active)])[:-1, None]
    starts = first + [np.searchsorted(g.target[a], np.arange(g.n_states + 1)) for a in active]
    column = np.concatenate(active)

    def absent_last(values: np.ndarray, n: int) -> np.ndarray:
        filled: np.ndarray = np.where(values < 0, n, values)[column].astype(np.uint32)
        return filled

    weight = absent_last(g.weight, g.n_weights)
    enter, leave = absent_last(g.enter, g.n_scores), absent_last(g.leave, g.n_scores)
    bare = (weight == g.n_weights) & (enter == g.n_scores) & (leave == g.n_scores)
    sizes = np.diff(g.emission_start)
    emission = np.full((max(1, sizes.max(initial=0)), g.n_states), g.n_scores, dtype=np.uint32)
    for s, size in enumerate(sizes):
        emission[:size, s] = g.emission_scores[g.emission_start[s] :][:size]
    return Tables(
        g.flags,
        g.n_scores,
        g.n_weights,
        row.reshape(-1).astype(np.uint32),
        np.array([(np.diff(s) == 1).all() and bare[s[0] : s[-1]].all() for s in starts]),
        starts.astype(np.uint32),
        g.source[column].astype(np.uint32),
        weight,
        enter,
        leave,
        emission,
    )

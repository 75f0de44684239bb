"""A grammar as look-up tables, for every implementation of the CRF."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnatag.engine.crf.grammar import CompiledGrammar, Grammar
from dnatag.native.tables import Tables

__all__ = ["tables"]


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
        g.begin,
        g.end,
    )

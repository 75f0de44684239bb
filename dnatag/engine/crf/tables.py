"""What both implementations of the CRF start from: grammar look-up tables, checked arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from dnatag.engine.crf import Segment
from dnatag.engine.crf.grammar import CompiledGrammar, Grammar

__all__ = ["RESCALE", "Arguments", "Tables", "check", "check_segments", "tables"]

#: Forward sums are rescaled at multiples of this position, so that they never lose precision.
RESCALE = 64


class Tables(NamedTuple):
    """A grammar as the loops read it.

    Word pairs with the same legal transitions share a *row*. Within a row transitions are sorted
    by target, then source. An absent weight or score points to a zero behind the last one.
    Indices are unsigned because numba then need not care for negative ones.
    """

    flags: int
    n_scores: int
    n_weights: int
    row: np.ndarray  # uint32 (4**B,): the row of a word pair
    plain: np.ndarray  # bool (R,): one transition to each state, without weight or event
    start: np.ndarray  # uint32 (R, S + 1): slices of the columns below
    source: np.ndarray  # uint32, as the next three
    weight: np.ndarray
    enter: np.ndarray
    leave: np.ndarray
    emission: np.ndarray  # uint32 (M, S): the scores that each state adds up, in this order


class Arguments(NamedTuple):
    """Checked arguments; tensors as given, masks always there except ``allowed``."""

    scores: torch.Tensor
    weights: torch.Tensor
    flags: torch.Tensor
    lengths: torch.Tensor
    allowed: torch.Tensor | None
    begin: torch.Tensor
    end: torch.Tensor


def tables(grammar: Grammar) -> Tables:
    """Return the tables of a grammar, made once for each grammar object."""
    # Kept where cached_property keeps Grammar.compiled: a grammar is frozen, but not hashable.
    cache: dict[str, Any] = vars(grammar)
    if "_crf_tables" not in cache:
        cache["_crf_tables"] = _tables(grammar.compiled)
    return cache["_crf_tables"]


def _tables(g: CompiledGrammar) -> Tables:
    rows, row = np.unique(np.packbits(g.allowed, axis=1), axis=0, return_inverse=True)
    legal = np.unpackbits(rows, axis=1, count=len(g.source)).astype(bool)
    order = np.lexsort((g.source, g.target))
    active = [order[allowed[order]] for allowed in legal]
    first = np.cumsum([0, *map(len, active)])[:-1, None]
    starts = first + [np.searchsorted(g.target[a], np.arange(g.n_states + 1)) for a in active]
    column = np.concatenate(active)

    def absent_last(values: np.ndarray, n: int) -> np.ndarray:
        return np.where(values < 0, n, values)[column].astype(np.uint32)

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


def check(
    grammar: Grammar,
    scores: torch.Tensor,
    weights: torch.Tensor,
    flags: torch.Tensor,
    lengths: torch.Tensor,
    allowed: torch.Tensor | None,
    begin: torch.Tensor | None,
    end: torch.Tensor | None,
) -> Arguments:
    """Check shapes and values, for the loops do not, and fill in the grammar's own ends.

    Raises
    ------
    ValueError
        If a shape, a length or a property word does not fit.
    """
    g = grammar.compiled
    n_batch, n_positions = scores.shape[:2]
    for name, values, shape in (
        ("scores", scores, (n_batch, n_positions, g.n_scores)),
        ("weights", weights, (g.n_weights,)),
        ("flags", flags, (n_batch, n_positions)),
        ("lengths", lengths, (n_batch,)),
        ("allowed", allowed, (n_batch, n_positions, g.n_states)),
        ("begin", begin, (n_batch, g.n_states)),
        ("end", end, (n_batch, g.n_states)),
    ):
        if values is not None and values.shape != shape:
            raise ValueError(f"{name} has shape {tuple(values.shape)}, expected {shape}")
    if not n_batch or not n_positions:
        raise ValueError("a batch needs at least one sequence and one position")
    if not 0 <= int(lengths.min()) <= int(lengths.max()) <= n_positions:
        raise ValueError(f"lengths must lie between 0 and {n_positions}")
    if int(flags.max()) >= 1 << g.flags:
        raise ValueError(f"property word {int(flags.max())} needs more than {g.flags} flags")

    def default(mask: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(mask).to(scores.device).expand(n_batch, -1)

    return Arguments(
        scores,
        weights,
        flags,
        lengths,
        allowed,
        default(g.begin) if begin is None else begin.bool(),
        default(g.end) if end is None else end.bool(),
    )


def check_segments(
    grammar: Grammar, lengths: torch.Tensor, segments: Sequence[Segment], sets: torch.Tensor
) -> None:
    """Check that segments lie in their sequences and name existing sets of states.

    Raises
    ------
    ValueError
        If they do not.
    """
    if sets.ndim != 2 or sets.shape[1] != len(grammar.states):
        raise ValueError(f"sets has shape {tuple(sets.shape)}, expected (P, {len(grammar.states)})")
    sizes = lengths.tolist()
    for i, (sequence, start, members) in enumerate(segments):
        if not 0 <= sequence < len(sizes):
            raise ValueError(f"segment {i} names sequence {sequence} of {len(sizes)}")
        if not (len(members) and 0 <= start <= start + len(members) <= sizes[sequence]):
            raise ValueError(f"segment {i} is empty or leaves its sequence")
        if not 0 <= int(members.min()) <= int(members.max()) < len(sets):
            raise ValueError(f"segment {i} names a set of states that is not there")

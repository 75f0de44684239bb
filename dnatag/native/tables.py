"""A grammar of the CRF as look-up tables, and what the C loops prepare from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Tables", "columns_before", "turning_tables"]

#: Longer periods are not worth their tables.
_MOST_STEPS = 12


class Tables(NamedTuple):
    """A grammar of S states as the loops read it.

    Pairs of neighbouring property words, ``(flags[t - 1] << flags) | flags[t]``, with the same
    legal transitions share a *row*. Within a row transitions are sorted by target, then source.
    An absent weight or score points to a zero behind the last one.

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
    begin, end : numpy.ndarray
        bool (S,), the states allowed at the first and the last position.
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
    begin: np.ndarray
    end: np.ndarray

    @property
    def n_states(self) -> int:
        """Number of states."""
        return len(self.begin)


def turning_tables(tables: Tables) -> dict[str, np.ndarray]:
    """Sort what happens at the steps of a grammar whose states turn in a circle.

    States are numbered by where they would be at position 0 if nothing happened but turning, as it
    does at the steps of a row without decisions.

    Parameters
    ----------
    tables : Tables
        The grammar.

    Returns
    -------
    dict of str to numpy.ndarray
        Those of the ``Grammar`` in crf.h.
    """
    turn = _turn(tables)
    tracks, track_of = _tracks(tables, turn)
    events = [
        _event(tables, row, turn, phase)
        for row in range(len(tables.start))
        for phase in range(len(turn))
    ]
    targets, numbers, links = zip(*events, strict=True)
    ends = np.cumsum(np.concatenate(numbers))
    slots = np.full((len(events), tables.n_states), np.iinfo(np.uint16).max, np.uint16)
    for slot, states in zip(slots, targets, strict=True):
        slot[states] = np.arange(len(states))
    # In order, each once; np.union1d imports numpy.ma, which takes as long as all of this.
    parts = [
        np.flatnonzero(np.bincount(np.concatenate([states, own[:, 0]]).astype(np.int64)))
        for states, own in zip(targets, links, strict=True)
    ]

    def starts(items: Sequence[np.ndarray]) -> np.ndarray:
        return np.cumsum([0, *(len(item) for item in items)]).astype(np.uint32)

    return {
        "turn": turn.astype(np.uint32),
        "track": np.where(track_of < 0, len(tracks), track_of).astype(np.uint32),
        "track_score": np.ascontiguousarray(tracks.T, np.uint32),
        "target_start": starts(targets),
        "target": np.column_stack(
            [np.concatenate(targets), ends - np.concatenate(numbers), ends]
        ).astype(np.uint32),
        "link_start": starts(links),
        "link": np.concatenate(links).astype(np.uint32),
        "part_start": starts(parts),
        "part": np.concatenate(parts).astype(np.uint32),
        "slot": slots,
    }


def _event(
    tables: Tables, row: int, turn: np.ndarray, phase: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find what happens at the steps of a row to positions of a phase.

    Returns
    -------
    targets, numbers : numpy.ndarray
        Integers (n,), the states that do more than turn, and how many transitions lead there.
    links : numpy.ndarray
        Integers (sum, 4): source, weight, enter and leave of these transitions, in their order.
    """
    n_states = tables.n_states
    start = tables.start[row].astype(np.int64)
    own = slice(start[0], start[-1])
    # Where states are numbered from.
    here, before = np.argsort(turn[phase]), np.argsort(turn[phase - 1])
    target, source = (
        here[np.repeat(np.arange(n_states), np.diff(start))],
        before[tables.source[own]],
    )
    weight, enter, leave = tables.weight[own], tables.enter[own], tables.leave[own]
    number = np.bincount(target, minlength=n_states)
    turns = (source == target) & (number[target] == 1) & (weight == tables.n_weights)
    turns &= (enter == tables.n_scores) & (leave == tables.n_scores)
    others = np.ones(n_states, bool)
    others[target[turns]] = False
    targets = np.flatnonzero(others)
    order = np.argsort(target, kind="stable")
    order = order[~turns[order]]
    return targets, number[targets], np.column_stack([source, weight, enter, leave])[order]


def _turn(tables: Tables) -> np.ndarray:
    """Find where states are after 0, 1, ... steps of the first row that turns them: (P, S)."""
    start = np.arange(tables.n_states)
    there = tables.emission < tables.n_scores
    for row in np.flatnonzero(tables.plain):
        source = tables.source[int(tables.start[row, 0]) :][: tables.n_states]
        ahead = np.argsort(source)
        if (source[ahead] != start).any():
            continue
        steps = [start]
        while len(steps) <= _MOST_STEPS and (ahead[steps[-1]] != start).any():
            steps.append(ahead[steps[-1]])
        turn = np.array(steps)
        numbers = there.sum(0)[turn]
        if len(turn) <= _MOST_STEPS and (numbers == numbers[0]).all():
            return turn
    return start[None]


def _tracks(tables: Tables, turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the series of scores that states pass as they turn, as few as there can be.

    Parameters
    ----------
    tables : Tables
        The grammar.
    turn : numpy.ndarray
        Integers (P, S), where a state is after so many steps.

    Returns
    -------
    tracks : numpy.ndarray
        Integers (T, P), the scores that each passes after 0, 1, ... steps.
    track_of : numpy.ndarray
        Integers (M, S), the tracks of the scores that a state adds up, -1 behind the last one.
    """
    tracks: dict[tuple[int, ...], int] = {}
    track_of = np.full(tables.emission.shape, -1)
    passed = tables.emission[:, turn].transpose(2, 1, 0)
    # Those that pass few scores first: what others pass is put together from their tracks.
    for s in np.argsort((passed[:, 0] < tables.n_scores).sum(1), kind="stable").tolist():
        left = [[c for c in scores if c < tables.n_scores] for scores in passed[s].tolist()]
        for m in range(len(left[0])):
            known = (
                t for t in tracks if all(c in of_step for c, of_step in zip(t, left, strict=True))
            )
            track = next(known, tuple(of_step[0] for of_step in left))
            for c, of_step in zip(track, left, strict=True):
                of_step.remove(c)
            track_of[m, s] = tracks.setdefault(track, len(tracks))
    return np.array(list(tracks), np.int64).reshape(len(tracks), len(turn)), track_of


def columns_before(turn: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Find the columns of a matrix that are each other's, some steps before.

    Parameters
    ----------
    turn : numpy.ndarray
        (P, S), where a state is after so many steps.
    matrix : numpy.ndarray
        (S, K).

    Returns
    -------
    numpy.ndarray
        Int64 (P, K), of a column after so many steps the one that it was before; all -1 if a
        column has none.
    """
    columns = np.ascontiguousarray(matrix.T)
    number = {column.tobytes(): c for c, column in enumerate(columns)}
    after = [[number.get(column.tobytes(), -1) for column in columns[:, at]] for at in turn]
    before = np.array(after, np.int64).reshape(len(turn), len(columns))
    return before if (before >= 0).all() else np.full_like(before, -1)

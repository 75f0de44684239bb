"""A grammar of the CRF as look-up tables, and what the C loops prepare from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Tables", "circle_tables", "columns_before", "step_tables"]

#: Circles of more steps are not worth their tables.
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


def step_tables(tables: Tables) -> dict[str, np.ndarray]:
    """Sort what is to be done at the steps of each row."""
    n_rows, n_states = len(tables.start), tables.n_states
    low = tables.start[:, :-1].astype(np.int64)
    sizes = np.diff(tables.start.astype(np.int64), axis=1)
    single = sizes == 1
    only = np.full((n_rows, n_states), n_states, np.uint32)
    only[single] = tables.source[low[single]]
    bare = tables.weight == tables.n_weights
    bare &= (tables.enter == tables.n_scores) & (tables.leave == tables.n_scores)
    scored = single.copy()
    scored[single] = ~bare[low[single]]
    join = sizes > 1

    def slices(chosen: np.ndarray) -> np.ndarray:
        return np.cumsum([0, *chosen.sum(1)]).astype(np.uint32)

    return {
        "only": only,
        "scored_start": slices(scored),
        "scored": low[scored].astype(np.uint32),
        "scored_target": np.nonzero(scored)[1].astype(np.uint32),
        "join_start": slices(join),
        "join": np.nonzero(join)[1].astype(np.uint32),
    }


def circle_tables(tables: Tables) -> dict[str, np.ndarray]:
    """Find the rows whose steps only turn the states in circles.

    After `P` steps each state is where it was. The scores that the states pass meanwhile are
    few different series, the *tracks*.
    """
    n_states = tables.n_states
    n_rows, n_emissions = len(tables.plain), len(tables.emission)
    circle = np.full(n_rows, -1, np.int32)
    turns: list[np.ndarray] = []
    passed: list[tuple[np.ndarray, np.ndarray]] = []
    for row in np.flatnonzero(tables.plain):
        source = tables.source[int(tables.start[row, 0]) :][:n_states]
        if len(set(source.tolist())) < n_states:
            continue
        ahead = np.argsort(source)
        steps = [np.arange(n_states)]
        while len(steps) <= _MOST_STEPS and not (ahead[steps[-1]] == steps[0]).all():
            steps.append(ahead[steps[-1]])
        turn = np.array(steps)
        there = tables.emission < tables.n_scores
        numbers = there.sum(0)[turn]
        if len(turn) > _MOST_STEPS or (numbers != numbers[0]).any():
            continue
        circle[row] = len(turns)
        turns.append(turn)
        passed.append(_tracks(tables, turn))
    period = np.array([len(turn) for turn in turns], np.uint32)
    n_tracks = np.array([len(tracks) for tracks, _ in passed], np.uint32)
    most_steps, most_tracks = int(period.max(initial=1)), -(-int(n_tracks.max(initial=1)) // 4) * 4
    # What is not filled in below is read, but does not count.
    turned = np.tile(np.arange(n_states, dtype=np.uint32), (len(turns), most_steps, 1))
    score = np.zeros((len(turns), most_steps, most_tracks), np.uint32)
    for i, (turn, (tracks, _)) in enumerate(zip(turns, passed, strict=True)):
        turned[i, : len(turn)] = turn
        score[i, : len(turn), : len(tracks)] = tracks.T
    track = np.array([t for _, t in passed], np.int64).reshape(-1, n_emissions, n_states)
    behind = [tables.source[tables.start[row, :-1]] for row in np.flatnonzero(circle >= 0)]
    return {
        "circle": circle,
        "period": period,
        "n_tracks": n_tracks,
        "behind": np.array(behind, np.uint16).reshape(-1, n_states),
        "turn": turned,
        "track": np.where(track < 0, most_tracks, track).astype(np.uint32),
        "track_score": score,
    }


def _tracks(tables: Tables, turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the tracks of a circle.

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
        (circles, P, S), where a state is after so many steps.
    matrix : numpy.ndarray
        (S, K).

    Returns
    -------
    numpy.ndarray
        Int64 (circles, P, K), of a column after so many steps the one that it was before; -1 in
        circles of which a column has none.
    """
    columns = np.ascontiguousarray(matrix.T)
    number = {column.tobytes(): c for c, column in enumerate(columns)}
    before = np.full((*turn.shape[:2], len(columns)), -1, np.int64)
    for circle, steps in enumerate(turn):
        after = [[number.get(column.tobytes(), -1) for column in columns[:, at]] for at in steps]
        if all(c >= 0 for row in after for c in row):
            before[circle] = after
    return before

"""Random grammars and sequences, and what the CRF must say of them by brute force."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from hypothesis import strategies as st

from dnatag.native.tables import Tables


def random_tables(
    rng: np.random.Generator,
    n_states: int,
    n_scores: int,
    n_weights: int,
    flags: int,
    n_rows: int,
    n_emissions: int,
    circles: float,
) -> Tables:
    """Grammar of which a share of the rows turn the states in circles."""
    starts, columns = [], []
    plain = rng.random(n_rows) < circles
    offset = 0
    for turns in plain:
        if turns:
            sources = [[s] for s in rng.permutation(n_states)]
        else:
            sources = [np.flatnonzero(rng.random(n_states) < 0.7) for _ in range(n_states)]
        sizes = [len(s) for s in sources]
        starts.append(offset + np.cumsum([0, *sizes]))
        offset += sum(sizes)

        def some(n: int, bare: bool, size: int) -> np.ndarray:
            return np.where(bare | (rng.random(size) < 0.5), n, rng.integers(0, n + 1, size))

        columns.append(
            np.stack(
                [
                    np.concatenate([*sources, np.empty(0)]).astype(int),
                    *(some(n, turns, sum(sizes)) for n in (n_weights, n_scores, n_scores)),
                ]
            )
        )
    source, weight, enter, leave = np.concatenate(columns, axis=1).astype(np.uint32)
    return Tables(
        flags,
        n_scores,
        n_weights,
        rng.integers(0, n_rows, 4**flags).astype(np.uint32),
        plain,
        np.array(starts, np.uint32),
        source,
        weight,
        enter,
        leave,
        # Where some states lack a score that others have, no circle can be used.
        rng.integers(0, n_scores + rng.integers(2), (n_emissions, n_states)).astype(np.uint32),
        np.ones(n_states, bool),
        np.ones(n_states, bool),
    )


@dataclass
class Case:
    """Arguments of the functions of the CRF."""

    tables: Tables
    scores: np.ndarray
    weights: np.ndarray
    flags: np.ndarray
    lengths: np.ndarray
    allowed: np.ndarray | None
    begin: np.ndarray | None
    end: np.ndarray | None

    @property
    def n_states(self) -> int:
        return self.tables.n_states

    def paths(self, b: int, use_allowed: bool = True) -> dict[tuple[int, ...], float]:
        """Score of each legal path of a sequence, from the definition."""
        g, n = self.tables, int(self.lengths[b])
        weights = np.append(self.weights, 0)
        everything = np.ones((n, self.n_states), bool)
        free = self.allowed is None or not use_allowed
        allowed = everything if free else self.allowed[b]  # type: ignore[index]
        values = np.pad(self.scores[b, :n].astype(float), ((0, 0), (0, 1)))
        totals = {}
        for path in product(range(self.n_states), repeat=n):
            ends = [(self.begin, 0), (self.end, -1)] if n else []
            if not all(mask is None or mask[b, path[i]] for mask, i in ends):
                continue
            if not all(allowed[t, s] for t, s in enumerate(path)):
                continue
            score = 0.0
            for t, s in enumerate(path):
                score += sum(values[t, c] for c in g.emission[:, s])
                if t == 0:
                    continue
                row = g.row[int(self.flags[b, t - 1]) << g.flags | int(self.flags[b, t])]
                steps = range(g.start[row, s], g.start[row, s + 1])
                found = [a for a in steps if g.source[a] == path[t - 1]]
                if not found:
                    break
                (a,) = found
                score += weights[g.weight[a]] + values[t, g.enter[a]] + values[t - 1, g.leave[a]]
            else:
                totals[path] = score
        return totals

    def all_paths(self) -> list[dict[tuple[int, ...], float]]:
        return [self.paths(b) for b in range(len(self.lengths))]


def random_case(
    rng: np.random.Generator,
    tables: Tables,
    lengths: list[int],
    *,
    padding: int = 0,
    whole_numbers: bool = False,
    restricted: bool = False,
    own_ends: bool = False,
    dtype: type = np.float64,
) -> Case:
    """Sequences with random scores; NaN in padding, which must not be read."""
    n, n_positions = len(lengths), max(1, *lengths) + padding
    n_states = tables.n_states

    def numbers(*shape: int) -> np.ndarray:
        values = rng.integers(-2, 3, shape) if whole_numbers else rng.normal(0, 2, shape)
        return values.astype(dtype)

    scores = numbers(n, n_positions, tables.n_scores)
    scores[rng.random(scores.shape) < 0.03] = -np.inf
    for b, length in enumerate(lengths):
        scores[b, length:] = np.nan
    return Case(
        tables,
        scores,
        numbers(tables.n_weights).astype(float),
        rng.integers(0, 2**tables.flags, (n, n_positions), dtype=np.uint8),
        np.array(lengths),
        rng.random((n, n_positions, n_states)) < 0.8 if restricted else None,
        rng.random((n, n_states)) < 0.7 if own_ends else None,
        rng.random((n, n_states)) < 0.7 if own_ends else None,
    )


@st.composite
def cases(draw: st.DrawFn, whole_numbers: bool = False, restricted: bool | None = None) -> Case:
    """Cases small enough for brute force."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tables = random_tables(
        rng,
        n_states=draw(st.sampled_from([3, 4, 2, 1])),
        n_scores=draw(st.integers(1, 4)),
        n_weights=draw(st.integers(0, 2)),
        flags=draw(st.integers(0, 2)),
        n_rows=draw(st.integers(1, 3)),
        n_emissions=draw(st.integers(1, 3)),
        circles=draw(st.sampled_from([0.5, 0, 1])),
    )
    return random_case(
        rng,
        tables,
        draw(st.lists(st.sampled_from([5, 4, 3, 2, 1, 0]), min_size=1, max_size=3)),
        padding=draw(st.integers(0, 1)),
        whole_numbers=whole_numbers,
        restricted=draw(st.booleans()) if restricted is None else restricted,
        own_ends=draw(st.booleans()),
    )

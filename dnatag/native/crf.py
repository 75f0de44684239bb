"""The linear-chain CRF in C; what it computes is told in :mod:`dnatag.engine.crf`.

Sequences come in batches, padded to the same length. Throughout, for B sequences of up to L
positions, S states, C channels and W weights:

- `channels`, float32 or float64 (B, L, C), what the network gives;
- `theta` (W,), the transition weights, computed with in float64;
- `flags`, uint8 (B, L), the property bits of the positions;
- `lengths` (B,), the true lengths;
- `allowed`, bool (B, L, S), the states allowed at each position, None for all;
- `begin` and `end`, bool (B, S), the states allowed at the first and the last position, None for
  those of the grammar;
- `threads`, how many sequences are worked on at once; results do not depend on it.

A channel that is NaN or +inf makes the results of its sequence NaN, and so does a weight; -inf is a
score like others.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ctypes import c_int, c_int64, c_void_p
from typing import Any, NamedTuple, Protocol

import numpy as np

from dnatag.native.library import array, function, pointer

__all__ = ["Crf", "Segment", "Tables"]

#: Circles of more steps are not worth their tables.
_MOST_STEPS = 12


#: Arguments of the C functions behind the batch, the first sequence and the step to the next.
_TYPES: dict[str, list[Any]] = {
    "log_partition": [c_void_p] * 4,
    "marginals": [c_int64, *[c_void_p] * 5],
    "segments": [c_void_p] * 7,
    "viterbi": [c_void_p] * 2,
    "k_best": [c_int64, *[c_void_p] * 3],
    "sample": [c_int64, *[c_void_p] * 2],
}


class Tables(Protocol):
    """A grammar as look-up tables.

    Pairs of neighbouring words of flags, ``(flags[t - 1] << bits) | flags[t]``, with the same
    legal transitions share a *row*. Within a row transitions are sorted by target, then source.
    An absent weight or channel points to a zero behind the last one.
    """

    bits: int
    n_channels: int
    n_weights: int
    row: np.ndarray  # uint32 (4**bits,): the row of a pair
    plain: np.ndarray  # bool (R,): one transition to each state, without weight or event
    start: np.ndarray  # uint32 (R, S + 1): slices of the columns below
    source: np.ndarray  # uint32, as the next three
    weight: np.ndarray
    enter: np.ndarray
    leave: np.ndarray
    emission: np.ndarray  # uint32 (M, S): the channels that each state adds up, in this order


class Segment(NamedTuple):
    """A stretch of a sequence, and of each position a set of states."""

    sequence: int
    start: int
    sets: np.ndarray  # int (length,): rows of a table of sets


class _Grammar(ctypes.Structure):
    """See crf.h, as for the next."""

    _fields_ = (
        *((name, c_int64) for name in ("bits", "n_states", "n_channels", "n_weights")),
        ("n_emissions", c_int64),
        *((name, c_void_p) for name in ("row", "start", "transition")),
        *((name, c_void_p) for name in ("emission", "only", "scored_start", "scored")),
        *((name, c_void_p) for name in ("scored_target", "join_start", "join")),
        ("most_steps", c_int64),
        ("most_tracks", c_int64),
        *((name, c_void_p) for name in ("circle", "period", "n_tracks", "behind")),
        *((name, c_void_p) for name in ("turn", "track")),
        ("track_channel", c_void_p),
    )


class _Batch(ctypes.Structure):
    _fields_ = (
        *((name, c_void_p) for name in ("grammar", "theta", "channels")),
        ("single", c_int64),
        *((name, c_void_p) for name in ("flags", "lengths", "allowed", "begin", "end")),
        ("n_batch", c_int64),
        ("n_positions", c_int64),
    )


class Crf:
    """The functions of the CRF for one grammar.

    Parameters
    ----------
    tables : Tables
        The grammar.
    begin, end : numpy.ndarray or None
        Bool (S,), the states allowed at the first and the last position; None allows all.

    Raises
    ------
    NativeError
        If there is no native library.
    """

    def __init__(
        self, tables: Tables, begin: np.ndarray | None = None, end: np.ndarray | None = None
    ) -> None:
        self.n_states = tables.start.shape[1] - 1
        self.n_channels = int(tables.n_channels)
        self.n_weights = int(tables.n_weights)
        self.bits = int(tables.bits)
        every = np.ones(self.n_states, bool)
        self._begin = every if begin is None else begin
        self._end = every if end is None else end
        columns = tables.source, tables.weight, tables.enter, tables.leave
        self._arrays = {
            "row": array(tables.row, np.uint32),
            "start": array(tables.start, np.uint32),
            "transition": array(np.stack(columns, axis=1), np.uint32),
            "emission": array(tables.emission, np.uint32),
        }
        self._arrays |= _steps(tables) | _circles(tables)
        self._grammar = _Grammar(
            bits=self.bits,
            n_states=self.n_states,
            n_channels=self.n_channels,
            n_weights=self.n_weights,
            n_emissions=len(tables.emission),
            most_steps=self._arrays["turn"].shape[1],
            most_tracks=self._arrays["track_channel"].shape[2],
            **{name: pointer(values) for name, values in self._arrays.items()},
        )
        self._loops = {
            name: function(f"dnatag_crf_{name}", c_void_p, c_int64, c_int64, *types, result=c_int)
            for name, types in _TYPES.items()
        }

    def log_partition(
        self,
        channels: np.ndarray,
        theta: np.ndarray,
        flags: np.ndarray,
        lengths: np.ndarray,
        allowed: np.ndarray | None = None,
        begin: np.ndarray | None = None,
        end: np.ndarray | None = None,
        *,
        threads: int = 1,
    ) -> np.ndarray:
        """Logarithm of the sum over paths of the exponential of their score.

        Returns
        -------
        numpy.ndarray
            Float64 (B,).
        """
        batch = self._batch(channels, theta, flags, lengths, allowed, begin, end)
        nothing = np.zeros(batch.n)
        z = np.empty(batch.n)
        self._run("log_partition", batch, threads, nothing, nothing, nothing, z)
        return z

    def log_partition_gradient(
        self,
        channels: np.ndarray,
        theta: np.ndarray,
        flags: np.ndarray,
        lengths: np.ndarray,
        allowed: np.ndarray | None = None,
        begin: np.ndarray | None = None,
        end: np.ndarray | None = None,
        *,
        threads: int = 1,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log partitions with their gradients, which are 0 for an impossible sequence.

        Returns
        -------
        log_partition : numpy.ndarray
            Float64 (B,).
        d_channels : numpy.ndarray
            (B, L, C), of the dtype of `channels`; 0 in padding.
        d_theta : numpy.ndarray
            Float64 (B, W), for each sequence.
        """
        batch = self._batch(channels, theta, flags, lengths, allowed, begin, end)
        d_channels = np.zeros_like(batch.channels)
        d_theta = np.zeros((batch.n, self.n_weights))
        z = np.empty(batch.n)
        factor = np.ones(batch.n)
        self._run("log_partition", batch, threads, factor, d_channels, d_theta, z)
        return z, d_channels, d_theta

    def likelihood_loss(
        self,
        channels: np.ndarray,
        theta: np.ndarray,
        flags: np.ndarray,
        lengths: np.ndarray,
        allowed: np.ndarray,
        begin: np.ndarray | None = None,
        end: np.ndarray | None = None,
        *,
        threads: int = 1,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Negative log posterior of the paths within `allowed`, with its gradients.

        Returns
        -------
        loss : numpy.ndarray
            Float64 (B,); 0, with gradient 0, for a sequence that has no legal path within
            `allowed`.
        legal : numpy.ndarray
            Bool (B,), False for those sequences.
        d_channels, d_theta : numpy.ndarray
            As of :meth:`log_partition_gradient`.
        """
        batch = self._batch(channels, theta, flags, lengths, allowed, begin, end)
        d_channels = np.zeros_like(batch.channels)
        d_theta = np.zeros((batch.n, self.n_weights))
        within, free = np.empty(batch.n), np.empty(batch.n)
        factor = np.full(batch.n, -1.0)
        self._run("log_partition", batch, threads, factor, d_channels, d_theta, within)
        legal = within != -np.inf
        batch = self._batch(channels, theta, flags, lengths, None, begin, end)
        factor = legal.astype(np.float64)
        self._run("log_partition", batch, threads, factor, d_channels, d_theta, free)
        return np.subtract(free, within, where=legal, out=factor), legal, d_channels, d_theta

    def viterbi(
        self,
        channels: np.ndarray,
        theta: np.ndarray,
        flags: np.ndarray,
        lengths: np.ndarray,
        allowed: np.ndarray | None = None,
        begin: np.ndarray | None = None,
        end: np.ndarray | None = None,
        *,
        threads: int = 1,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Best path; of equals, step by step from the end, the one of lowest state.

        Returns
        -------
        paths : numpy.ndarray
            Int16 (B, L), -1 in padding and where there is no legal path.
        scores : numpy.ndarray
            Float64 (B,).
        """
        batch = self._batch(channels, theta, flags, lengths, allowed, begin, end)
        paths = np.full(batch.flags.shape, -1, np.int16)
        scores = np.empty(batch.n)
        self._run("viterbi", batch, threads, paths, scores)
        return paths, scores

    def marginals(
        self,
        channels: np.ndarray,
        theta: np.ndarray,
        flags: np.ndarray,
        lengths: np.ndarray,
        allowed: np.ndarray | None = None,
        begin: np.ndarray | None = None,
        end: np.ndarray | None = None,
        *,
        project: np.ndarray | None = None,
        threads: int = 1,
    ) -> np.ndarray:
        """Posteriors of the states at each position.

        Parameters
        ----------
        channels, theta, flags, lengths, allowed, begin, end, threads
            See the module.
        project : numpy.ndarray or None
            (S, K), what the posteriors are multiplied with; None for the identity.

        Returns
        -------
        numpy.ndarray
            (B, L, K), of the dtype of `channels`; 0 in padding and for an impossible sequence.
        """
        batch = self._batch(channels, theta, flags, lengths, allowed, begin, end)
        matrix = np.eye(self.n_states) if project is None else np.asarray(project, np.float64)
        if matrix.ndim != 2 or len(matrix) != self.n_states:
            raise ValueError(f"project has shape {matrix.shape}, expected ({self.n_states}, K)")
        n_columns = matrix.shape[1]
        column, state = np.nonzero(matrix.T)
        start = np.searchsorted(column, np.arange(n_columns + 1)).astype(np.int64)
        before = _columns_before(self._arrays["turn"], matrix)
        out = np.zeros((*batch.flags.shape, n_columns), batch.channels.dtype)
        self._run(
            "marginals", batch, threads, n_columns, start, array(state, np.int64),
            np.ascontiguousarray(matrix[state, column]), before, out,
        )  # fmt: skip
        return out

    def segment_log_posterior(
        self,
        channels: np.ndarray,
        theta: np.ndarray,
        flags: np.ndarray,
        lengths: np.ndarray,
        segments: Sequence[Segment],
        sets: np.ndarray,
        allowed: np.ndarray | None = None,
        begin: np.ndarray | None = None,
        end: np.ndarray | None = None,
        *,
        threads: int = 1,
    ) -> np.ndarray:
        """Log posterior that the states of each segment are within its sets.

        Precise however long the sequence; a posterior below about 1e-250 is -inf.

        Parameters
        ----------
        channels, theta, flags, lengths, allowed, begin, end, threads
            See the module.
        segments : sequence of Segment
            In any order; they may overlap.
        sets : numpy.ndarray
            Bool (P, S).

        Returns
        -------
        numpy.ndarray
            Float64, one of each segment; NaN in an impossible sequence.
        """
        batch = self._batch(channels, theta, flags, lengths, allowed, begin, end)
        sets = array(sets, np.bool_)
        _check_segments(self.n_states, batch.lengths, segments, sets)
        sequences = np.array([s.sequence for s in segments], np.int64)
        starts = np.array([s.start for s in segments], np.int64)
        sizes = np.array([len(s.sets) for s in segments], np.int64)
        members = np.concatenate([np.empty(0, np.int64), *(s.sets for s in segments)])
        order = np.lexsort((-(starts + sizes), sequences))
        slices = np.searchsorted(sequences[order], np.arange(batch.n + 1)).astype(np.int64)
        out = np.empty(len(segments))
        self._run(
            "segments", batch, threads, slices, starts[order], (starts + sizes)[order],
            (np.cumsum(sizes) - sizes)[order], array(members, np.int64), sets, out,
        )  # fmt: skip
        in_order = np.empty_like(out)
        in_order[order] = out
        return in_order

    def k_best(
        self,
        channels: np.ndarray,
        theta: np.ndarray,
        flags: np.ndarray,
        lengths: np.ndarray,
        k: int,
        allowed: np.ndarray | None = None,
        begin: np.ndarray | None = None,
        end: np.ndarray | None = None,
        *,
        threads: int = 1,
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the `k` best paths of each sequence, or all if there are fewer, best first.

        Returns
        -------
        list of (paths, scores)
            For each sequence int16 (up to k, its length) and float64 (up to k,).
        """
        batch = self._batch(channels, theta, flags, lengths, allowed, begin, end)
        if not 1 <= k <= np.iinfo(np.int16).max:
            raise ValueError(f"k must lie between 1 and {np.iinfo(np.int16).max}, not {k}")
        paths = np.empty((batch.n, k, batch.flags.shape[1]), np.int16)
        scores = np.empty((batch.n, k))
        counts = np.empty(batch.n, np.int64)
        self._run("k_best", batch, threads, k, paths, scores, counts)
        return [
            (p[:count, :n].copy(), s[:count].copy())
            for p, s, n, count in zip(paths, scores, batch.lengths, counts, strict=True)
        ]

    def sample(
        self,
        channels: np.ndarray,
        theta: np.ndarray,
        flags: np.ndarray,
        lengths: np.ndarray,
        n: int,
        allowed: np.ndarray | None = None,
        begin: np.ndarray | None = None,
        end: np.ndarray | None = None,
        *,
        seed: int = 0,
        threads: int = 1,
    ) -> np.ndarray:
        """Draw `n` paths of each sequence from the posterior.

        Returns
        -------
        numpy.ndarray
            Int16 (B, n, L), -1 in padding and where there is no legal path. The paths of a
            sequence depend on `seed`, not on the other sequences.
        """
        batch = self._batch(channels, theta, flags, lengths, allowed, begin, end)
        n_positions = batch.flags.shape[1]
        paths = np.full((batch.n, n, n_positions), -1, np.int16)
        # The first numbers are the same whatever the longest sequence of the batch.
        numbers = np.random.default_rng(seed).random((n_positions, n))
        self._run("sample", batch, threads, n, numbers, paths)
        return paths

    def _batch(
        self,
        channels: np.ndarray,
        theta: np.ndarray,
        flags: np.ndarray,
        lengths: np.ndarray,
        allowed: np.ndarray | None,
        begin: np.ndarray | None,
        end: np.ndarray | None,
    ) -> _Arguments:
        """Check shapes and values, for the loops do not."""
        channels, theta, flags, lengths = map(np.asarray, (channels, theta, flags, lengths))
        if channels.ndim != 3:
            raise ValueError(f"channels has shape {channels.shape}, expected (B, L, C)")
        n, n_positions = channels.shape[:2]
        begin = np.broadcast_to(self._begin, (n, self.n_states)) if begin is None else begin
        end = np.broadcast_to(self._end, (n, self.n_states)) if end is None else end
        for name, values, shape in (
            ("channels", channels, (n, n_positions, self.n_channels)),
            ("theta", theta, (self.n_weights,)),
            ("flags", flags, (n, n_positions)),
            ("lengths", lengths, (n,)),
            ("allowed", allowed, (n, n_positions, self.n_states)),
            ("begin", begin, (n, self.n_states)),
            ("end", end, (n, self.n_states)),
        ):
            if values is not None and values.shape != shape:
                raise ValueError(f"{name} has shape {values.shape}, expected {shape}")
        if not n or not n_positions:
            raise ValueError("a batch needs at least one sequence and one position")
        if not 0 <= int(lengths.min()) <= int(lengths.max()) <= n_positions:
            raise ValueError(f"lengths must lie between 0 and {n_positions}")
        flags = array(flags, np.uint8)
        if int(flags.max()) >> self.bits:
            raise ValueError(f"property word {int(flags.max())} needs more than {self.bits} bits")
        return _Arguments(
            array(channels, np.float32 if channels.dtype == np.float32 else np.float64),
            np.append(theta, 0.0).astype(np.float64),
            flags,
            array(lengths, np.int64),
            None if allowed is None else array(allowed, np.bool_),
            array(begin, np.bool_),
            array(end, np.bool_),
        )

    def _run(self, name: str, batch: _Arguments, threads: int, *arguments: Any) -> None:
        """Run a loop over a batch, in threads that take every so manieth sequence."""
        given = _Batch(
            grammar=ctypes.addressof(self._grammar),
            single=batch.channels.dtype == np.float32,
            n_batch=batch.n,
            n_positions=batch.flags.shape[1],
            **{key: pointer(values) for key, values in batch._asdict().items()},
        )
        rest = [pointer(x) if isinstance(x, np.ndarray) else x for x in arguments]
        workers = min(threads, batch.n)

        def work(first: int) -> int:
            return self._loops[name](ctypes.addressof(given), first, workers, *rest)

        if workers == 1:
            failed = work(0)
        else:
            with ThreadPoolExecutor(workers) as pool:
                failed = any(pool.map(work, range(workers)))
        if failed:
            raise MemoryError


class _Arguments(NamedTuple):
    """Checked arguments, as the loops read them; channels and others may be the caller's own."""

    channels: np.ndarray
    theta: np.ndarray
    flags: np.ndarray
    lengths: np.ndarray
    allowed: np.ndarray | None
    begin: np.ndarray
    end: np.ndarray

    @property
    def n(self) -> int:
        """Number of sequences."""
        return len(self.lengths)


def _check_segments(
    n_states: int, lengths: np.ndarray, segments: Sequence[Segment], sets: np.ndarray
) -> None:
    if sets.ndim != 2 or sets.shape[1] != n_states:
        raise ValueError(f"sets has shape {sets.shape}, expected (P, {n_states})")
    for i, (sequence, start, members) in enumerate(segments):
        if not 0 <= sequence < len(lengths):
            raise ValueError(f"segment {i} names sequence {sequence} of {len(lengths)}")
        if not (len(members) and 0 <= start <= start + len(members) <= lengths[sequence]):
            raise ValueError(f"segment {i} is empty or leaves its sequence")
        if not 0 <= int(members.min()) <= int(members.max()) < len(sets):
            raise ValueError(f"segment {i} names a set of states that is not there")


def _steps(tables: Tables) -> dict[str, np.ndarray]:
    """Sort what is to be done at the steps of each row."""
    n_rows, n_states = len(tables.start), tables.start.shape[1] - 1
    low = tables.start[:, :-1].astype(np.int64)
    sizes = np.diff(tables.start.astype(np.int64), axis=1)
    single = sizes == 1
    only = np.full((n_rows, n_states), n_states, np.uint32)
    only[single] = tables.source[low[single]]
    bare = tables.weight == tables.n_weights
    bare &= (tables.enter == tables.n_channels) & (tables.leave == tables.n_channels)
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


def _circles(tables: Tables) -> dict[str, np.ndarray]:
    """Find the rows whose steps only turn the states in circles.

    After `P` steps each state is where it was. The channels that the states pass meanwhile are
    few different series, the *tracks*.
    """
    n_states = tables.start.shape[1] - 1
    n_rows, n_emissions = len(tables.plain), len(tables.emission)
    circle = np.full(n_rows, -1, np.int32)
    turns: list[np.ndarray] = []
    passed: list[tuple[np.ndarray, np.ndarray]] = []
    for row in np.flatnonzero(tables.plain):
        source = tables.source[int(tables.start[row, 0]) :][:n_states]
        if len(np.unique(source)) < n_states:
            continue
        ahead = np.argsort(source)
        steps = [np.arange(n_states)]
        while len(steps) <= _MOST_STEPS and not (ahead[steps[-1]] == steps[0]).all():
            steps.append(ahead[steps[-1]])
        turn = np.array(steps)
        # Of each emission and state, the channels after 0, 1, ... steps.
        series = tables.emission[:, turn].transpose(0, 2, 1).reshape(-1, len(turn))
        there = series < tables.n_channels
        if len(turn) > _MOST_STEPS or (there.any(1) & ~there.all(1)).any():
            continue
        tracks, track = np.unique(series[there[:, 0]], axis=0, return_inverse=True)
        track_of = np.full(len(series), -1)
        track_of[there[:, 0]] = track.reshape(-1)
        circle[row] = len(turns)
        turns.append(turn)
        passed.append((tracks, track_of.reshape(n_emissions, n_states)))
    period = np.array([len(turn) for turn in turns], np.uint32)
    n_tracks = np.array([len(tracks) for tracks, _ in passed], np.uint32)
    most_steps, most_tracks = int(period.max(initial=1)), -(-int(n_tracks.max(initial=1)) // 4) * 4
    # What is not filled in below is read, but does not count.
    turned = np.tile(np.arange(n_states, dtype=np.uint32), (len(turns), most_steps, 1))
    channel = np.zeros((len(turns), most_steps, most_tracks), np.uint32)
    for i, (turn, (tracks, _)) in enumerate(zip(turns, passed, strict=True)):
        turned[i, : len(turn)] = turn
        channel[i, : len(turn), : len(tracks)] = tracks.T
    track = np.array([t for _, t in passed], np.int64).reshape(-1, n_emissions, n_states)
    behind = [tables.source[tables.start[row, :-1]] for row in np.flatnonzero(circle >= 0)]
    return {
        "circle": circle,
        "period": period,
        "n_tracks": n_tracks,
        "behind": np.array(behind, np.uint16).reshape(-1, n_states),
        "turn": turned,
        "track": np.where(track < 0, most_tracks, track).astype(np.uint32),
        "track_channel": channel,
    }


def _columns_before(turn: np.ndarray, matrix: np.ndarray) -> np.ndarray:
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

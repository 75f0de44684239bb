"""The linear-chain CRF in C; :class:`dnatag.engine.crf.chain.Chain` describes what it computes."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ctypes import c_int, c_int64, c_void_p
from typing import Any, NamedTuple, Protocol

import numpy as np

from dnatag.native.checks import Segment, check_segments, check_sequences
from dnatag.native.library import array, function, pointer
from dnatag.native.tables import Tables, columns_before, turning_tables

__all__ = ["Crf", "Gradient", "Sequences"]

#: Arguments of the C functions behind the batch, the first sequence and the step to the next.
_TYPES: dict[str, list[Any]] = {
    "log_partition": [c_void_p] * 4,
    "marginals": [c_int64, *[c_void_p] * 5],
    "segments": [c_void_p] * 7,
    "viterbi": [c_void_p] * 2,
    "k_best": [c_int64, *[c_void_p] * 3],
    "sample": [c_int64, *[c_void_p] * 2],
}


class Sequences(Protocol):
    """A batch of B sequences, padded to L positions, for S states, C scores and W weights.

    A score that is NaN or +inf makes the results of its sequence NaN, and so does a weight; -inf
    is a score like others. What stands in the padding is never read.
    """

    @property
    def scores(self) -> np.ndarray:
        """The network's, float32 or float64 (B, L, C)."""

    @property
    def weights(self) -> np.ndarray:
        """Those of transitions, (W,); computed with in float64."""

    @property
    def flags(self) -> np.ndarray:
        """Property words, uint8 (B, L)."""

    @property
    def lengths(self) -> np.ndarray:
        """True lengths, integers (B,)."""

    @property
    def allowed(self) -> np.ndarray | None:
        """The states allowed at each position, bool (B, L, S); None for all."""

    @property
    def begin(self) -> np.ndarray | None:
        """The states allowed at the first position, bool (B, S); None for the grammar's."""

    @property
    def end(self) -> np.ndarray | None:
        """The states allowed at the last position, bool (B, S); None for the grammar's."""


class Gradient(NamedTuple):
    """Gradients of one number for each of B sequences.

    Attributes
    ----------
    scores : numpy.ndarray
        (B, L, C), in the dtype of the scores; 0 in padding.
    weights : numpy.ndarray
        float64 (B, W).
    """

    scores: np.ndarray
    weights: np.ndarray


class _Grammar(ctypes.Structure):
    """See crf.h, as for the next."""

    _fields_ = (
        *((name, c_int64) for name in ("n_flags", "n_states", "n_scores", "n_weights")),
        ("n_emissions", c_int64),
        *((name, c_void_p) for name in ("row", "start", "transition", "emission")),
        *((name, c_int64) for name in ("period", "n_tracks", "most_links")),
        *((name, c_void_p) for name in ("turn", "track", "track_score")),
        *((name, c_void_p) for name in ("target_start", "target", "link_start", "link")),
        *((name, c_void_p) for name in ("part_start", "part", "slot")),
    )


class _Batch(ctypes.Structure):
    _fields_ = (
        *((name, c_void_p) for name in ("grammar", "weights", "scores")),
        ("single", c_int64),
        *((name, c_void_p) for name in ("flags", "lengths", "allowed", "begin", "end")),
        ("n_batch", c_int64),
        ("n_positions", c_int64),
    )


class Crf:
    """The functions of the CRF for one grammar.

    In all of them `threads` is how many sequences are worked on at once; results depend neither on
    it nor on the other sequences of the batch.

    Parameters
    ----------
    tables : Tables
        The grammar.

    Raises
    ------
    NativeError
        If there is no native library.
    """

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        columns = tables.source, tables.weight, tables.enter, tables.leave
        self._arrays = {
            "row": array(tables.row, np.uint32),
            "start": array(tables.start, np.uint32),
            "transition": array(np.stack(columns, axis=1), np.uint32),
            "emission": array(tables.emission, np.uint32),
        }
        self._arrays |= turning_tables(tables)
        self._grammar = _Grammar(
            n_flags=tables.flags,
            n_states=tables.n_states,
            n_scores=tables.n_scores,
            n_weights=tables.n_weights,
            n_emissions=len(tables.emission),
            period=len(self._arrays["turn"]),
            n_tracks=self._arrays["track_score"].shape[1],
            most_links=int(np.diff(self._arrays["link_start"]).max()),
            **{name: pointer(values) for name, values in self._arrays.items()},
        )
        self._loops = {
            name: function(f"dnatag_crf_{name}", c_void_p, c_int64, c_int64, *types, result=c_int)
            for name, types in _TYPES.items()
        }

    def __reduce__(self) -> tuple[type[Crf], tuple[Tables]]:
        """Make copies anew, in other processes too: addresses of arrays are not theirs."""
        return Crf, (self.tables,)

    def log_partition(self, sequences: Sequences, *, threads: int = 1) -> np.ndarray:
        """Logarithm of the sum over paths of the exponential of their score.

        Returns
        -------
        numpy.ndarray
            float64 (B,).
        """
        batch = self._batch(sequences)
        return self._partition(batch, threads, np.zeros(batch.n), None)

    def log_partition_gradient(
        self, sequences: Sequences, *, threads: int = 1
    ) -> tuple[np.ndarray, Gradient]:
        """Log partitions, float64 (B,), with gradients, which are 0 for an impossible sequence."""
        batch = self._batch(sequences)
        gradient = self._no_gradient(batch)
        return self._partition(batch, threads, np.ones(batch.n), gradient), gradient

    def likelihood_loss(
        self, sequences: Sequences, *, threads: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """Negative log posterior of the paths within `allowed`.

        Returns
        -------
        loss : numpy.ndarray
            float64 (B,); 0 for a sequence that has no legal path within `allowed`.
        legal : numpy.ndarray
            bool (B,), False for those sequences.
        """
        return self._loss(self._batch(sequences), threads, None)

    def likelihood_loss_gradient(
        self, sequences: Sequences, *, threads: int = 1
    ) -> tuple[np.ndarray, np.ndarray, Gradient]:
        """Return what :meth:`likelihood_loss` does, with gradients; 0 where that is not legal."""
        batch = self._batch(sequences)
        gradient = self._no_gradient(batch)
        return *self._loss(batch, threads, gradient), gradient

    def viterbi(self, sequences: Sequences, *, threads: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Best path; of equals, step by step from the end, the one of lowest state.

        Returns
        -------
        paths : numpy.ndarray
            int16 (B, L), -1 in padding and where there is no legal path.
        totals : numpy.ndarray
            float64 (B,), their scores.
        """
        batch = self._batch(sequences)
        paths = np.full(batch.flags.shape, -1, np.int16)
        totals = np.empty(batch.n)
        self._run("viterbi", batch, threads, paths, totals)
        return paths, totals

    def marginals(
        self, sequences: Sequences, project: np.ndarray | None = None, *, threads: int = 1
    ) -> np.ndarray:
        """Posteriors of the states at each position.

        Parameters
        ----------
        sequences : Sequences
            The batch.
        project : numpy.ndarray or None
            (S, P), what the posteriors are multiplied with; None for the identity.
        threads : int
            See the class.

        Returns
        -------
        numpy.ndarray
            (B, L, P), in the dtype of the scores; 0 in padding and for an impossible sequence.
        """
        batch = self._batch(sequences)
        n_states = self.tables.n_states
        matrix = np.eye(n_states) if project is None else np.asarray(project, np.float64)
        if matrix.ndim != 2 or len(matrix) != n_states:
            raise ValueError(f"project has shape {matrix.shape}, expected ({n_states}, P)")
        n_columns = matrix.shape[1]
        column, state = np.nonzero(matrix.T)
        start = np.searchsorted(column, np.arange(n_columns + 1)).astype(np.int64)
        turn = self._arrays["turn"]
        # Where the states of each column are numbered from after so many steps.
        states = np.argsort(turn, axis=1)[:, state]
        before = columns_before(turn, matrix)
        out = np.zeros((*batch.flags.shape, n_columns), batch.scores.dtype)
        self._run(
            "marginals", batch, threads, n_columns, start, array(states, np.int64),
            np.ascontiguousarray(matrix[state, column]), before, out,
        )  # fmt: skip
        return out

    def segment_log_posterior(
        self,
        sequences: Sequences,
        segments: Sequence[Segment],
        sets: np.ndarray,
        *,
        threads: int = 1,
    ) -> np.ndarray:
        """Log posterior that the states of each segment are within its sets.

        Precise however long the sequence; a posterior below about 1e-250 is -inf.

        Parameters
        ----------
        sequences : Sequences
            The batch.
        segments : sequence of Segment
            In any order; they may overlap.
        sets : numpy.ndarray
            bool (P, S).
        threads : int
            See the class.

        Returns
        -------
        numpy.ndarray
            float64, one of each segment; NaN in an impossible sequence.
        """
        batch = self._batch(sequences)
        sets = array(sets, np.bool_)
        check_segments(self.tables, batch.lengths, segments, sets)
        owners = np.array([s.sequence for s in segments], np.int64)
        starts = np.array([s.start for s in segments], np.int64)
        sizes = np.array([len(s.sets) for s in segments], np.int64)
        members = np.concatenate([np.empty(0, np.int64), *(s.sets for s in segments)])
        order = np.lexsort((-(starts + sizes), owners))
        slices = np.searchsorted(owners[order], np.arange(batch.n + 1)).astype(np.int64)
        out = np.empty(len(segments))
        self._run(
            "segments", batch, threads, slices, starts[order], (starts + sizes)[order],
            (np.cumsum(sizes) - sizes)[order], array(members, np.int64), sets, out,
        )  # fmt: skip
        in_order = np.empty_like(out)
        in_order[order] = out
        return in_order

    def k_best(
        self, sequences: Sequences, k: int, *, threads: int = 1
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the `k` best paths of each sequence, or all if there are fewer, best first.

        Parameters
        ----------
        sequences : Sequences
            The batch.
        k : int
            1 to 32767.
        threads : int
            See the class.

        Returns
        -------
        list of (paths, totals)
            For each sequence int16 (up to k, its length) and float64 (up to k,).
        """
        batch = self._batch(sequences)
        if not 1 <= k <= np.iinfo(np.int16).max:
            raise ValueError(f"k must lie between 1 and {np.iinfo(np.int16).max}, not {k}")
        paths = np.empty((batch.n, k, batch.flags.shape[1]), np.int16)
        totals = np.empty((batch.n, k))
        counts = np.empty(batch.n, np.int64)
        self._run("k_best", batch, threads, k, paths, totals, counts)
        return [
            (p[:count, :n].copy(), s[:count].copy())
            for p, s, n, count in zip(paths, totals, batch.lengths, counts, strict=True)
        ]

    def sample(
        self, sequences: Sequences, n: int, *, seed: int = 0, threads: int = 1
    ) -> np.ndarray:
        """Draw `n` paths of each sequence from the posterior.

        Returns
        -------
        numpy.ndarray
            int16 (B, n, L), -1 in padding and where there is no legal path. The paths of a
            sequence depend on `seed`, not on the other sequences.
        """
        batch = self._batch(sequences)
        n_positions = batch.flags.shape[1]
        paths = np.full((batch.n, n, n_positions), -1, np.int16)
        # The first numbers are the same whatever the longest sequence of the batch.
        numbers = np.random.default_rng(seed).random((n_positions, n))
        self._run("sample", batch, threads, n, numbers, paths)
        return paths

    def _batch(self, sequences: Sequences) -> _Arguments:
        """Bring the arrays into the form that the loops read."""
        check_sequences(self.tables, sequences)
        size = len(sequences.lengths), self.tables.n_states
        scores, allowed, begin, end = (
            getattr(sequences, name) for name in ("scores", "allowed", "begin", "end")
        )
        return _Arguments(
            array(scores, np.float32 if scores.dtype == np.float32 else np.float64),
            np.append(sequences.weights, 0.0).astype(np.float64),
            array(sequences.flags, np.uint8),
            array(sequences.lengths, np.int64),
            None if allowed is None else array(allowed, np.bool_),
            array(np.broadcast_to(self.tables.begin, size) if begin is None else begin, np.bool_),
            array(np.broadcast_to(self.tables.end, size) if end is None else end, np.bool_),
        )

    def _no_gradient(self, batch: _Arguments) -> Gradient:
        """Return a gradient to add to."""
        return Gradient(np.zeros_like(batch.scores), np.zeros((batch.n, self.tables.n_weights)))

    def _partition(
        self, batch: _Arguments, threads: int, factor: np.ndarray, gradient: Gradient | None
    ) -> np.ndarray:
        """Log partitions; their gradients times `factor`, float64 (B,), are added to `gradient`.

        Without a gradient the factors are zeros.
        """
        z = np.empty(batch.n)
        self._run("log_partition", batch, threads, factor, *(gradient or (None, None)), z)
        return z

    def _loss(
        self, batch: _Arguments, threads: int, gradient: Gradient | None
    ) -> tuple[np.ndarray, np.ndarray]:
        wanted = 0.0 if gradient is None else 1.0
        within = self._partition(batch, threads, np.full(batch.n, -wanted), gradient)
        legal = within != -np.inf
        batch = batch._replace(allowed=None)
        free = self._partition(batch, threads, wanted * legal, gradient)
        return np.subtract(free, within, where=legal, out=np.zeros(batch.n)), legal

    def _run(self, name: str, batch: _Arguments, threads: int, *arguments: Any) -> None:
        """Run a loop over a batch, in threads that take every so manieth sequence."""
        given = _Batch(
            grammar=ctypes.addressof(self._grammar),
            single=batch.scores.dtype == np.float32,
            n_batch=batch.n,
            n_positions=batch.flags.shape[1],
            **{key: pointer(values) for key, values in batch._asdict().items()},
        )
        rest = [pointer(x) if isinstance(x, np.ndarray) else x for x in arguments]
        workers = min(threads, batch.n)

        def work(first: int) -> int:
            status: int = self._loops[name](ctypes.addressof(given), first, workers, *rest)
            return status

        if workers == 1:
            failed = work(0)
        else:
            with ThreadPoolExecutor(workers) as pool:
                failed = any(pool.map(work, range(workers)))
        if failed:
            raise MemoryError


class _Arguments(NamedTuple):
    """Checked arguments, as the loops read them; scores and others may be the caller's own."""

    scores: np.ndarray
    weights: np.ndarray
    flags: np.ndarray
    lengths: np.ndarray
    allowed: np.ndarray | None
    begin: np.ndarray
    end: np.ndarray

    @property
    def n(self) -> int:
        """Number of sequences."""
        return len(self.lengths)

"""The posterior distribution of the paths through sequences, by a linear-chain CRF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from dnatag.engine.crf.tables import tables
from dnatag.engine.devices import has_double_precision
from dnatag.extras import require
from dnatag.native.checks import Segment, check_segments, check_sequences
from dnatag.native.library import available

if TYPE_CHECKING:
    from torch import Tensor

    from dnatag.engine.crf.grammar import Grammar

__all__ = ["Chain", "Segment"]

#: Either numpy arrays or torch tensors, all of the same kind.
A = TypeVar("A", np.ndarray, "Tensor")


@dataclass(frozen=True, eq=False)
class Chain(Generic[A]):
    """A CRF over a batch of B sequences, padded to L positions, for S states, C scores, W weights.

    Made of numpy arrays it computes in the native library and gives numpy arrays. Made of torch
    tensors it gives tensors: those on the CPU, or on a device without double precision, are
    computed by the library too, those on other devices by batched torch operations. These serve
    all where there is no native library.

    An impossible path scores -inf. A sequence with a score that is NaN or +inf gives NaN. What
    stands in the padding is never read. Results do not depend on the other sequences of the batch,
    nor on the number of threads.

    Parameters
    ----------
    grammar : Grammar
        The states and transitions.
    scores : array
        float32 or float64 (B, L, C), the network's.
    weights : array
        float (W,), the transition weights.
    flags : array
        uint8 (B, L), property words.
    lengths : array
        int64 (B,); an empty sequence has one path, which scores 0.
    allowed : array or None
        bool (B, L, S), the states allowed at each position; None allows all.
    begin, end : array or None
        bool (B, S), the states allowed at the first and at the last position of each sequence;
        None stands for those of the grammar.
    threads : int or None
        How many sequences the native library works on at once; None: one of arrays, of tensors as
        many as torch has threads.

    Raises
    ------
    ValueError
        If a shape, a length or a property word does not fit.
    """

    grammar: Grammar
    scores: A
    weights: A
    flags: A
    lengths: A
    allowed: A | None = None
    begin: A | None = None
    end: A | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        """Check shapes and values."""
        check_sequences(tables(self.grammar), self)

    def log_partition(self) -> A:
        """Logarithm of the sum over paths of the exponential of their score.

        Returns
        -------
        array
            float64 (B,); of tensors differentiable (once) by `scores` and `weights`. The gradient
            of an impossible sequence is 0.
        """
        z: A = self._functions.log_partition(self)
        return z

    def likelihood_loss(self) -> tuple[A, A]:
        """Negative log posterior of the paths within `allowed`, among those it does not restrict.

        Returns
        -------
        loss : array
            float64 (B,), differentiable as :meth:`log_partition`; 0, with gradient 0, for a
            sequence that has no legal path within `allowed`.
        legal : array
            bool (B,), False for those sequences.
        """
        result: tuple[A, A] = self._functions.likelihood_loss(self)
        return result

    def viterbi(self) -> tuple[A, A]:
        """Most probable path; of equals, step by step from the end, the one of lowest state.

        Returns
        -------
        paths : array
            int16 (B, L), -1 in padding and where there is no legal path.
        scores : array
            float64 (B,).
        """
        result: tuple[A, A] = self._functions.viterbi(self)
        return result

    def marginals(self, project: A | None = None) -> A:
        """Posterior probability of each state at each position.

        Parameters
        ----------
        project : array or None
            float (S, P): give the marginals times this matrix; long sequences then take memory
            for P columns, not S.

        Returns
        -------
        array
            (B, L, S) or (B, L, P) in the dtype of `scores`; 0 in padding and where there is no
            legal path.
        """
        result: A = self._functions.marginals(self, project)
        return result

    def segment_log_posterior(self, segments: Sequence[Segment], sets: A) -> A:
        """Log posterior that the path stays within given states along a segment.

        Precise however long the sequence, but a posterior below about 1e-250 is -inf.

        Parameters
        ----------
        segments : sequence of Segment
            Any number of any sequence; they may overlap.
        sets : array
            bool (P, S), the sets of states that segments refer to.

        Returns
        -------
        array
            float64 (N,), one for each segment; NaN if its sequence has no legal path.

        Raises
        ------
        ValueError
            If a segment leaves its sequence, or refers to a set that is not there.
        """
        check_segments(tables(self.grammar), self.lengths, segments, sets)
        result: A = self._functions.segment_log_posterior(self, segments, sets)
        return result

    def k_best(self, k: int) -> list[tuple[A, A]]:
        """Return the `k` most probable paths of each sequence, best first; fewer if fewer exist.

        Computed on the CPU where there is a native library. A sequence with a score that is NaN or
        +inf has none.

        Parameters
        ----------
        k : int
            1 to 32767.

        Returns
        -------
        list of (paths, scores)
            int16 (k, length) and float64 (k,) for each sequence.

        Raises
        ------
        ValueError
            If `k` is out of range.
        """
        if not 1 <= k <= np.iinfo(np.int16).max:
            raise ValueError(f"k must lie between 1 and {np.iinfo(np.int16).max}, not {k}")
        result: list[tuple[A, A]] = self._on_cpu.k_best(self, k)
        return result

    def sample(self, n: int, *, seed: int = 0) -> A:
        """Draw paths at random, each with its posterior probability.

        Computed on the CPU where there is a native library. The paths of a sequence are a function
        of it and the seed.

        Parameters
        ----------
        n : int
            Paths of each sequence.
        seed : int
            Seed of the random numbers.

        Returns
        -------
        array
            int16 (B, n, L), -1 in padding and where there is no legal path.
        """
        result: A = self._on_cpu.sample(self, n, seed)
        return result

    @property
    def _functions(self) -> ModuleType:
        """The implementation for these arrays."""
        if not isinstance(self.scores, np.ndarray):
            from dnatag.engine.crf import batched

            device = self.scores.device
            if device.type != "cpu" and has_double_precision(device):
                return batched
        return self._on_cpu

    @property
    def _on_cpu(self) -> ModuleType:
        """The implementation on the CPU for this kind of arrays."""
        if isinstance(self.scores, np.ndarray):
            if available():
                from dnatag.engine.crf import arrays

                return arrays
            require("torch", "train", "dnatag without its native library")
            from dnatag.engine.crf import converted

            return converted
        if available():
            from dnatag.engine.crf import autograd

            return autograd
        from dnatag.engine.crf import batched

        return batched

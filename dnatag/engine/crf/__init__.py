"""Exact inference in linear-chain CRFs under a grammar.

There are two implementations of the same functions: compiled loops for the CPU and batched torch
for every other device. :class:`CRF` describes the functions; :func:`implementation` chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from dnatag.engine.crf.grammar import Grammar

__all__ = ["CRF", "Segment", "implementation"]


class Segment(NamedTuple):
    """A stretch of a sequence of a batch and the states a path may take in it.

    Parameters
    ----------
    sequence
        Index in the batch.
    start
        First position, 0-based.
    sets
        For each position of the stretch, an index into a table of sets of states.
    """

    sequence: int
    start: int
    sets: np.ndarray


class CRF(Protocol):
    """The functions of an implementation.

    All take a batch of B sequences padded to L positions, for a grammar with S states, C scores,
    W weights:

    - ``scores``, float32 or float64 (B, L, C), and ``weights`` (W,): the scores;
    - ``flags``, uint8 (B, L): property words;
    - ``lengths``, int64 (B,): an empty sequence has one path, which scores 0;
    - ``allowed``, bool (B, L, S) or None: the states allowed at each position;
    - ``begin`` and ``end``, bool (B, S) or None: the states allowed at the first and last position
      of each sequence; None stands for those of the grammar.

    Impossible is -inf. A sequence with a score that is NaN or +inf gives NaN. What stands in the
    padding is never read. Shapes and values that do not fit raise ValueError. Results do not
    depend on the other sequences of the batch, nor on ``torch.set_num_threads``, which also sets
    the threads of the compiled loops.
    """

    def log_partition(
        self,
        grammar: Grammar,
        scores: Tensor,
        weights: Tensor,
        flags: Tensor,
        lengths: Tensor,
        allowed: Tensor | None = None,
        begin: Tensor | None = None,
        end: Tensor | None = None,
    ) -> Tensor:
        """Logarithm of the sum over paths of the exponential of their score.

        Returns
        -------
        Tensor
            Float64 (B,), differentiable (once) by `scores` and `weights`; the gradient of an
            impossible sequence is 0.
        """
        ...

    def likelihood_loss(
        self,
        grammar: Grammar,
        scores: Tensor,
        weights: Tensor,
        flags: Tensor,
        lengths: Tensor,
        allowed: Tensor,
        begin: Tensor | None = None,
        end: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Negative log posterior of the paths within `allowed`.

        Returns
        -------
        loss : Tensor
            Float64 (B,), differentiable as :meth:`log_partition`; 0, with gradient 0, for a
            sequence that has no legal path within `allowed`.
        legal : Tensor
            Bool (B,), False for those sequences.
        """
        ...

    def viterbi(
        self,
        grammar: Grammar,
        scores: Tensor,
        weights: Tensor,
        flags: Tensor,
        lengths: Tensor,
        allowed: Tensor | None = None,
        begin: Tensor | None = None,
        end: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Best path; of equals, step by step from the end, the one of lowest state.

        Returns
        -------
        paths : Tensor
            Int16 (B, L), -1 in padding and where there is no legal path.
        scores : Tensor
            Float64 (B,).
        """
        ...

    def marginals(
        self,
        grammar: Grammar,
        scores: Tensor,
        weights: Tensor,
        flags: Tensor,
        lengths: Tensor,
        allowed: Tensor | None = None,
        begin: Tensor | None = None,
        end: Tensor | None = None,
        *,
        project: Tensor | None = None,
    ) -> Tensor:
        """Posterior probability of each state at each position.

        Parameters
        ----------
        project
            Float (S, P): return the marginals times this matrix; long sequences then take
            memory for P columns, not S.

        Returns
        -------
        Tensor
            (B, L, S) or (B, L, P) in the dtype of `scores`; 0 in padding and where there is no
            legal path.
        """
        ...

    def segment_log_posterior(
        self,
        grammar: Grammar,
        scores: Tensor,
        weights: Tensor,
        flags: Tensor,
        lengths: Tensor,
        segments: Sequence[Segment],
        sets: Tensor,
        allowed: Tensor | None = None,
        begin: Tensor | None = None,
        end: Tensor | None = None,
    ) -> Tensor:
        """Log posterior that the path stays within given states along a segment.

        Parameters
        ----------
        segments
            Any number for any sequence; they may overlap.
        sets
            Bool (P, S): the sets of states that segments refer to.

        Returns
        -------
        Tensor
            Float64 (N,), one for each segment; NaN if its sequence has no legal path.
        """
        ...

    def k_best(
        self,
        grammar: Grammar,
        scores: Tensor,
        weights: Tensor,
        flags: Tensor,
        lengths: Tensor,
        k: int,
        allowed: Tensor | None = None,
        begin: Tensor | None = None,
        end: Tensor | None = None,
    ) -> list[tuple[Tensor, Tensor]]:
        """Return the `k` best paths of each sequence, best first; fewer if fewer exist.

        Always computed on the CPU. A sequence with a score that is NaN or +inf has none.

        Returns
        -------
        list of (paths, scores)
            Int16 (k, length) and float64 (k,) for each sequence.
        """
        ...

    def sample(
        self,
        grammar: Grammar,
        scores: Tensor,
        weights: Tensor,
        flags: Tensor,
        lengths: Tensor,
        n: int,
        allowed: Tensor | None = None,
        begin: Tensor | None = None,
        end: Tensor | None = None,
        *,
        seed: int = 0,
    ) -> Tensor:
        """Paths drawn at random, each with its posterior probability.

        Always computed on the CPU. The paths of a sequence are a function of it and the seed.

        Returns
        -------
        Tensor
            Int16 (B, n, L), -1 in padding and where there is no legal path.
        """
        ...


def implementation(device_type: str) -> CRF:
    """Functions for a kind of device: compiled for ``"cpu"``, batched torch for all others."""
    if device_type == "cpu":
        from dnatag.engine.crf import compiled

        return compiled
    from dnatag.engine.crf import batched

    return batched

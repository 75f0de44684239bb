"""The CRF over numpy arrays: arguments for the kernels, which run in threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from dnatag.engine.crf import kernels
from dnatag.engine.crf.chain import Chain, Segment
from dnatag.engine.crf.kernels import Arguments
from dnatag.engine.crf.tables import tables

__all__ = [
    "Gradient",
    "k_best",
    "likelihood_loss",
    "likelihood_loss_gradient",
    "log_partition",
    "log_partition_gradient",
    "marginals",
    "sample",
    "segment_log_posterior",
    "viterbi",
]


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

    @classmethod
    def zero(cls, chain: Chain[np.ndarray]) -> Gradient:
        """Return a gradient to add to."""
        dtype = _precision(chain.scores)
        n_batch = len(chain.lengths)
        return cls(np.zeros(chain.scores.shape, dtype), np.zeros((n_batch, len(chain.weights))))


def log_partition(chain: Chain[np.ndarray]) -> np.ndarray:
    """See :meth:`Chain.log_partition`."""
    return _log_partition(chain, 0.0, None)


def log_partition_gradient(chain: Chain[np.ndarray]) -> tuple[np.ndarray, Gradient]:
    """Log partitions, float64 (B,), and their gradients."""
    gradient = Gradient.zero(chain)
    return _log_partition(chain, 1.0, gradient), gradient


def likelihood_loss(chain: Chain[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """See :meth:`Chain.likelihood_loss`."""
    return _likelihood_loss(chain, None)


def likelihood_loss_gradient(
    chain: Chain[np.ndarray],
) -> tuple[np.ndarray, np.ndarray, Gradient]:
    """Losses, float64 (B,), whether they are of legal sequences, and their gradients."""
    gradient = Gradient.zero(chain)
    return *_likelihood_loss(chain, gradient), gradient


def viterbi(chain: Chain[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """See :meth:`Chain.viterbi`."""
    paths = np.full(chain.flags.shape, -1, dtype=np.int16)
    index = np.empty(0, dtype=np.uint8 if len(chain.grammar.states) <= 256 else np.int16)
    totals = np.empty(len(paths))
    _run(kernels.viterbi, chain, index, paths, totals)
    return paths, totals


def marginals(chain: Chain[np.ndarray], project: np.ndarray | None) -> np.ndarray:
    """See :meth:`Chain.marginals`."""
    columns = len(chain.grammar.states) if project is None else project.shape[1]
    out = np.zeros((*chain.flags.shape, columns), dtype=_precision(chain.scores))
    matrix = None if project is None else np.ascontiguousarray(project, np.float64)
    _run(kernels.marginals, chain, matrix, out)
    return out


def segment_log_posterior(
    chain: Chain[np.ndarray], segments: Sequence[Segment], sets: np.ndarray
) -> np.ndarray:
    """See :meth:`Chain.segment_log_posterior`."""
    sequences = np.array([s.sequence for s in segments], dtype=np.int64)
    starts = np.array([s.start for s in segments], dtype=np.int64)
    sizes = np.array([len(s.sets) for s in segments], dtype=np.int64)
    members = np.concatenate([np.empty(0, dtype=np.int64), *(s.sets for s in segments)])
    order = np.lexsort((-(starts + sizes), sequences))
    out = np.empty(len(segments))
    _run(
        kernels.segments,
        chain,
        np.searchsorted(sequences[order], np.arange(len(chain.lengths) + 1)),
        starts[order],
        (starts + sizes)[order],
        (np.cumsum(sizes) - sizes)[order],
        members.astype(np.int64),
        np.ascontiguousarray(sets, np.bool_),
        out,
    )
    in_order = np.empty_like(out)
    in_order[order] = out
    return in_order


def k_best(chain: Chain[np.ndarray], k: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """See :meth:`Chain.k_best`."""
    n_batch, n_positions = chain.flags.shape
    paths = np.empty((n_batch, k, n_positions), dtype=np.int16)
    totals = np.empty((n_batch, k))
    counts = np.empty(n_batch, dtype=np.int64)
    _run(kernels.k_best, chain, paths, totals, counts)
    return [
        (p[:count, :n].copy(), s[:count])
        for p, s, n, count in zip(paths, totals, chain.lengths, counts, strict=True)
    ]


def sample(chain: Chain[np.ndarray], n: int, seed: int) -> np.ndarray:
    """See :meth:`Chain.sample`."""
    n_batch, n_positions = chain.flags.shape
    paths = np.full((n_batch, n, n_positions), -1, dtype=np.int16)
    # The first numbers are the same whatever the longest sequence of the batch.
    numbers = np.random.default_rng(seed).random((n_positions, n))
    _run(kernels.sample, chain, numbers, paths)
    return paths


def _log_partition(
    chain: Chain[np.ndarray], factor: float | np.ndarray, gradient: Gradient | None
) -> np.ndarray:
    """Log partitions; their gradients times `factor` are added to `gradient`, if there is one."""
    n_batch = len(chain.lengths)
    z = np.empty(n_batch)
    if gradient is None:
        factor = 0.0
        nothing = np.zeros((n_batch, 0, 0), _precision(chain.scores))
        gradient = Gradient(nothing, np.zeros((n_batch, len(chain.weights))))
    _run(kernels.log_partition, chain, np.full(n_batch, factor, np.float64), *gradient, z)
    return z


def _likelihood_loss(
    chain: Chain[np.ndarray], gradient: Gradient | None
) -> tuple[np.ndarray, np.ndarray]:
    restricted = _log_partition(chain, -1.0, gradient)
    legal = restricted != -np.inf
    free = _log_partition(replace(chain, allowed=None), legal.astype(np.float64), gradient)
    return np.subtract(free, restricted, where=legal, out=np.zeros_like(free)), legal


def _precision(scores: np.ndarray) -> type[np.floating[Any]]:
    """Single precision stays what it is; all else becomes double."""
    return np.float32 if scores.dtype == np.float32 else np.float64


def _arguments(chain: Chain[np.ndarray]) -> Arguments:
    """Bring the arrays into the form of the kernels."""
    compiled, n_batch = chain.grammar.compiled, len(chain.lengths)

    def array(values: np.ndarray, dtype: type[np.generic]) -> np.ndarray:
        # Writable ones only: numba compiles a kernel again for arrays that are not.
        return np.require(values, dtype, ("C_CONTIGUOUS", "ALIGNED", "WRITEABLE"))

    def ends(mask: np.ndarray | None, default: np.ndarray) -> np.ndarray:
        return array(np.tile(default, (n_batch, 1)) if mask is None else mask, np.bool_)

    allowed = chain.allowed
    if allowed is None:
        allowed = np.empty((n_batch, 0, compiled.n_states), np.bool_)
    return Arguments(
        tables(chain.grammar),
        np.append(np.asarray(chain.weights, np.float64), 0.0),
        array(chain.scores, _precision(chain.scores)),
        array(chain.flags, np.uint8),
        array(chain.lengths, np.int64),
        array(allowed, np.bool_),
        ends(chain.begin, compiled.begin),
        ends(chain.end, compiled.end),
    )


def _run(kernel: Callable[..., None], chain: Chain[np.ndarray], *outputs: Any) -> None:
    """Run a kernel over a batch.

    Our own threads rather than numba's: kernels without those compile in half the time.
    """
    batch = _arguments(chain)
    workers = min(chain.threads or 1, len(batch.lengths))
    if workers == 1:
        kernel(*batch, *outputs, 0, 1)
        return
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda first: kernel(*batch, *outputs, first, workers), range(workers)))

"""The CRF over numpy arrays, computed by the native library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dnatag.engine.crf.chain import Chain, Segment
from dnatag.engine.crf.tables import tables
from dnatag.native.crf import Crf, Gradient

__all__ = [
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


def log_partition(chain: Chain[np.ndarray]) -> np.ndarray:
    """See :meth:`Chain.log_partition`."""
    return _crf(chain).log_partition(chain, threads=_threads(chain))


def log_partition_gradient(chain: Chain[np.ndarray]) -> tuple[np.ndarray, Gradient]:
    """See :meth:`dnatag.native.crf.Crf.log_partition_gradient`."""
    return _crf(chain).log_partition_gradient(chain, threads=_threads(chain))


def likelihood_loss(chain: Chain[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """See :meth:`Chain.likelihood_loss`."""
    return _crf(chain).likelihood_loss(chain, threads=_threads(chain))


def likelihood_loss_gradient(
    chain: Chain[np.ndarray],
) -> tuple[np.ndarray, np.ndarray, Gradient]:
    """See :meth:`dnatag.native.crf.Crf.likelihood_loss_gradient`."""
    return _crf(chain).likelihood_loss_gradient(chain, threads=_threads(chain))


def viterbi(chain: Chain[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """See :meth:`Chain.viterbi`."""
    return _crf(chain).viterbi(chain, threads=_threads(chain))


def marginals(chain: Chain[np.ndarray], project: np.ndarray | None) -> np.ndarray:
    """See :meth:`Chain.marginals`."""
    return _crf(chain).marginals(chain, project, threads=_threads(chain))


def segment_log_posterior(
    chain: Chain[np.ndarray], segments: Sequence[Segment], sets: np.ndarray
) -> np.ndarray:
    """See :meth:`Chain.segment_log_posterior`."""
    return _crf(chain).segment_log_posterior(chain, segments, sets, threads=_threads(chain))


def k_best(chain: Chain[np.ndarray], k: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """See :meth:`Chain.k_best`."""
    return _crf(chain).k_best(chain, k, threads=_threads(chain))


def sample(chain: Chain[np.ndarray], n: int, seed: int) -> np.ndarray:
    """See :meth:`Chain.sample`."""
    return _crf(chain).sample(chain, n, seed=seed, threads=_threads(chain))


def _crf(chain: Chain[np.ndarray]) -> Crf:
    """Return the functions for the grammar of a chain, made once for each grammar object."""
    # Kept where tables() keeps its own.
    cache: dict[str, Any] = vars(chain.grammar)
    if "_crf" not in cache:
        cache["_crf"] = Crf(tables(chain.grammar))
    made: Crf = cache["_crf"]
    return made


def _threads(chain: Chain[np.ndarray]) -> int:
    return chain.threads or 1

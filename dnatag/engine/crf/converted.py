"""The CRF over numpy arrays where there is no native library: batched torch operations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dnatag.engine.crf import batched
from dnatag.engine.crf.chain import Chain, Segment

__all__ = [
    "k_best",
    "likelihood_loss",
    "log_partition",
    "marginals",
    "sample",
    "segment_log_posterior",
    "viterbi",
]


def log_partition(chain: Chain[np.ndarray]) -> np.ndarray:
    """See :meth:`Chain.log_partition`."""
    return _array(batched.log_partition(_tensors(chain)))


def likelihood_loss(chain: Chain[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """See :meth:`Chain.likelihood_loss`."""
    loss, legal = batched.likelihood_loss(_tensors(chain))
    return _array(loss), _array(legal)


def viterbi(chain: Chain[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """See :meth:`Chain.viterbi`."""
    paths, totals = batched.viterbi(_tensors(chain))
    return _array(paths), _array(totals)


def marginals(chain: Chain[np.ndarray], project: np.ndarray | None) -> np.ndarray:
    """See :meth:`Chain.marginals`."""
    matrix = None if project is None else _tensor(project)
    return _array(batched.marginals(_tensors(chain), matrix))


def segment_log_posterior(
    chain: Chain[np.ndarray], segments: Sequence[Segment], sets: np.ndarray
) -> np.ndarray:
    """See :meth:`Chain.segment_log_posterior`."""
    return _array(batched.segment_log_posterior(_tensors(chain), segments, _tensor(sets)))


def k_best(chain: Chain[np.ndarray], k: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """See :meth:`Chain.k_best`."""
    found = batched.k_best(_tensors(chain), k)
    return [(_array(paths), _array(totals)) for paths, totals in found]


def sample(chain: Chain[np.ndarray], n: int, seed: int) -> np.ndarray:
    """See :meth:`Chain.sample`."""
    return _array(batched.sample(_tensors(chain), n, seed))


def _tensor(array: np.ndarray) -> Tensor:
    # A tensor cannot be read-only, so such an array is copied.
    return torch.from_numpy(np.require(array, requirements=["C_CONTIGUOUS", "WRITEABLE"]))


def _tensors(chain: Chain[np.ndarray]) -> Chain[Tensor]:
    def optional(array: np.ndarray | None) -> Tensor | None:
        return None if array is None else _tensor(array)

    return Chain(
        chain.grammar,
        _tensor(chain.scores),
        _tensor(chain.weights),
        _tensor(chain.flags),
        _tensor(chain.lengths),
        optional(chain.allowed),
        optional(chain.begin),
        optional(chain.end),
    )


def _array(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.numpy()
    return array

"""The CRF over torch tensors on the CPU: the native library, with gradients for autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dnatag.engine.crf import arrays
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


class _LogPartition(torch.autograd.Function):
    """Log partitions; their gradients are computed together with them."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, weights: Tensor, chain: Chain[np.ndarray]) -> Tensor:
        z, gradient = arrays.log_partition_gradient(chain)
        ctx.save_for_backward(*map(torch.from_numpy, gradient))
        return torch.from_numpy(z)

    @staticmethod
    def backward(ctx: Any, d_z: Tensor) -> Any:
        return *_times(ctx, d_z), None


class _LikelihoodLoss(torch.autograd.Function):
    """Free minus restricted log partitions, of legal sequences only."""

    @staticmethod
    def forward(
        ctx: Any, scores: Tensor, weights: Tensor, chain: Chain[np.ndarray]
    ) -> tuple[Tensor, Tensor]:
        loss, legal, gradient = arrays.likelihood_loss_gradient(chain)
        ctx.save_for_backward(*map(torch.from_numpy, gradient))
        mask = torch.from_numpy(legal)
        ctx.mark_non_differentiable(mask)
        return torch.from_numpy(loss), mask

    @staticmethod
    def backward(ctx: Any, d_loss: Tensor, _: Tensor) -> Any:
        return *_times(ctx, d_loss), None


def _times(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of scores and weights, given that of each sequence's result."""
    d_scores, d_weights = ctx.saved_tensors
    return (
        d_scores * d_out[:, None, None].to(d_scores.dtype) if ctx.needs_input_grad[0] else None,
        d_out.to(d_weights.dtype) @ d_weights if ctx.needs_input_grad[1] else None,
    )


#: Typed, which the methods are not.
_log_partition: Callable[..., Tensor] = _LogPartition.apply
_likelihood_loss: Callable[..., tuple[Tensor, Tensor]] = _LikelihoodLoss.apply


def log_partition(chain: Chain[Tensor]) -> Tensor:
    """See :meth:`Chain.log_partition`."""
    if not _wants_gradient(chain):
        return torch.from_numpy(arrays.log_partition(_arrays(chain)))
    return _log_partition(chain.scores.cpu(), chain.weights.cpu(), _arrays(chain))


def likelihood_loss(chain: Chain[Tensor]) -> tuple[Tensor, Tensor]:
    """See :meth:`Chain.likelihood_loss`."""
    if not _wants_gradient(chain):
        loss, legal = arrays.likelihood_loss(_arrays(chain))
        return torch.from_numpy(loss), torch.from_numpy(legal)
    return _likelihood_loss(chain.scores.cpu(), chain.weights.cpu(), _arrays(chain))


def viterbi(chain: Chain[Tensor]) -> tuple[Tensor, Tensor]:
    """See :meth:`Chain.viterbi`."""
    paths, totals = arrays.viterbi(_arrays(chain))
    return torch.from_numpy(paths), torch.from_numpy(totals)


def marginals(chain: Chain[Tensor], project: Tensor | None) -> Tensor:
    """See :meth:`Chain.marginals`."""
    matrix = None if project is None else _array(project)
    return torch.from_numpy(arrays.marginals(_arrays(chain), matrix))


def segment_log_posterior(
    chain: Chain[Tensor], segments: Sequence[Segment], sets: Tensor
) -> Tensor:
    """See :meth:`Chain.segment_log_posterior`."""
    found = arrays.segment_log_posterior(_arrays(chain), segments, _array(sets))
    return torch.from_numpy(found)


def k_best(chain: Chain[Tensor], k: int) -> list[tuple[Tensor, Tensor]]:
    """See :meth:`Chain.k_best`."""
    return [
        (torch.from_numpy(paths), torch.from_numpy(totals))
        for paths, totals in arrays.k_best(_arrays(chain), k)
    ]


def sample(chain: Chain[Tensor], n: int, seed: int) -> Tensor:
    """See :meth:`Chain.sample`."""
    return torch.from_numpy(arrays.sample(_arrays(chain), n, seed))


def _wants_gradient(chain: Chain[Tensor]) -> bool:
    wanted = chain.scores.requires_grad or chain.weights.requires_grad
    return torch.is_grad_enabled() and wanted


def _array(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().cpu().numpy()
    return array


def _arrays(chain: Chain[Tensor]) -> Chain[np.ndarray]:
    """View the tensors as arrays, or copy them from another device."""
    return Chain(
        chain.grammar,
        _array(chain.scores),
        _array(chain.weights),
        _array(chain.flags),
        _array(chain.lengths),
        None if chain.allowed is None else _array(chain.allowed),
        None if chain.begin is None else _array(chain.begin),
        None if chain.end is None else _array(chain.end),
        chain.threads or torch.get_num_threads(),
    )

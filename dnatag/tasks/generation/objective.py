"""The objective of generators: the likelihood of all tokens."""

from __future__ import annotations

import torch
from torch import Tensor

from dnatag.engine.batch import Batch
from dnatag.engine.networks.generator import TokenGenerator

__all__ = ["next_tokens", "token_likelihood"]


def token_likelihood(network: TokenGenerator, batch: Batch) -> tuple[Tensor, Tensor]:
    """Negative log probability of each token after those before it.

    See :class:`dnatag.engine.objective.Objective`. A batch needs no targets: the tokens are those
    that the next rows name, and 0 at the end.

    Parameters
    ----------
    network : TokenGenerator
        Gives the log probabilities.
    batch : Batch
        Rows of tokens.

    Returns
    -------
    loss : Tensor
        The sum over tokens.
    weight : Tensor
        Their number.
    """
    logs = network(*batch.inputs, batch.lengths)
    tokens = next_tokens(batch.inputs[0])
    there = torch.arange(tokens.shape[1], device=tokens.device) < batch.lengths[:, None]
    losses = -logs.gather(-1, tokens[..., None])[..., 0]
    return losses[there].sum(), batch.lengths.sum().float()


def next_tokens(categories: Tensor) -> Tensor:
    """Return the token of each row, int64 (B, L), of categories (B, L, 1)."""
    behind = torch.zeros_like(categories[:, :1, 0])
    return torch.cat([(categories[:, 1:, 0] - 1).clamp(min=0), behind], 1)

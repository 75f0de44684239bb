"""The objective of translators: the likelihood of translations, smoothed while training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnatag.engine.batch import Batch
from dnatag.engine.devices import mixed_precision
from dnatag.engine.networks.translator import Translator

__all__ = ["translation_likelihood"]


def translation_likelihood(network: Translator, batch: Batch) -> tuple[Tensor, Tensor]:
    """Negative log probability of translations.

    See :class:`dnatag.engine.objective.Objective`.

    Parameters
    ----------
    network : Translator
        Gives the logits; its label smoothing counts while it is trained.
    batch : Batch
        Its targets are ``written``, int64 (B, M), the translations behind the mark of the
        beginning, and ``ends``, int64 (B,), tokens of each with the mark of the end.

    Returns
    -------
    loss : Tensor
        The sum over tokens.
    weight : Tensor
        Their number.
    """
    written, ends = batch.targets["written"], batch.targets["ends"]
    # Rows of a batch may be fewer than it had, and shorter.
    written = written[:, : int(ends.max()) + 1]
    with mixed_precision(ends.device):
        logits = network(batch.inputs[0][..., 0], written[:, :-1], batch.lengths)
    there = torch.arange(logits.shape[1], device=ends.device) < ends[:, None]
    loss = nn.functional.cross_entropy(
        logits[there],
        written[:, 1:][there],
        reduction="sum",
        label_smoothing=network.smoothing if network.training else 0.0,
    )
    return loss, ends.sum().float()

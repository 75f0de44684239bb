"""The objective of classifiers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnatag.engine.batch import Batch
from dnatag.engine.devices import mixed_precision
from dnatag.engine.networks.classifier import Classifier

__all__ = ["label_entropy"]


def label_entropy(network: Classifier, batch: Batch) -> tuple[Tensor, Tensor]:
    """Negative log probability of the true labels; see :class:`dnatag.engine.objective.Objective`.

    Parameters
    ----------
    network : Classifier
        Gives the logits.
    batch : Batch
        Its targets are ``label``, int64 (B,).

    Returns
    -------
    loss : Tensor
        The sum over sequences.
    weight : Tensor
        Their number.
    """
    device = batch.lengths.device
    with mixed_precision(device):
        logits = network(*batch.inputs, batch.lengths)
    labels = batch.targets["label"]
    loss = nn.functional.cross_entropy(logits.float(), labels, reduction="sum")
    return loss, torch.tensor(float(len(batch)), device=device)

"""The objective of classifiers, and the temperature of their probabilities."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnatag.engine.batch import Batch
from dnatag.engine.devices import mixed_precision
from dnatag.engine.networks.classifier import Classifier

__all__ = ["best_temperature", "label_entropy"]

#: Between which temperatures the best one is looked for.
_RANGE = (0.25, 8.0)


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


def best_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the divisor of logits for which the true labels are most probable.

    Parameters
    ----------
    logits : Tensor
        float (N, labels).
    labels : Tensor
        int64 (N,).
    """
    # The loss is convex in the inverse of the temperature, and has one minimum.
    low, high = (1 / t for t in reversed(_RANGE))
    golden = (5**0.5 - 1) / 2

    def loss(inverse: float) -> float:
        return float(nn.functional.cross_entropy(inverse * logits.double(), labels))

    while high - low > 1e-4:
        width = golden * (high - low)
        if loss(high - width) < loss(low + width):
            high = low + width
        else:
            low = high - width
    return round(2 / (low + high), 4)

"""The objective of taggers: the likelihood of the labels under the grammar."""

from __future__ import annotations

from torch import Tensor

from dnatag.engine.batch import Batch
from dnatag.engine.crf.chain import Chain
from dnatag.engine.devices import mixed_precision
from dnatag.engine.networks.base import TaggerNetwork

__all__ = ["label_likelihood"]


def label_likelihood(network: TaggerNetwork, batch: Batch) -> tuple[Tensor, Tensor]:
    """Negative log posterior of the labellings that the targets allow.

    See :class:`dnatag.engine.objective.Objective`. A sequence without a legal labelling does not
    count.

    Parameters
    ----------
    network : TaggerNetwork
        Gives the scores.
    batch : Batch
        Its targets are ``flags``, uint8 (B, L), the property words of the positions, and
        ``allowed``, bool (B, L, S), the states that the labels allow.

    Returns
    -------
    loss : Tensor
        The sum over sequences.
    weight : Tensor
        The number of their positions.
    """
    device = batch.lengths.device
    with mixed_precision(device):
        scores = network(*batch.inputs, batch.lengths)
    losses, legal = Chain(
        network.grammar,
        scores.float(),
        network.transition_weights,
        batch.targets["flags"],
        batch.lengths,
        batch.targets["allowed"],
    ).likelihood_loss()
    return losses.sum(), batch.lengths[legal.to(device)].sum()

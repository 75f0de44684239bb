"""The objective of transcribers: the likelihood of the text, whatever its alignment."""

from __future__ import annotations

from torch import Tensor, nn

from dnatag.engine.batch import Batch
from dnatag.engine.devices import mixed_precision
from dnatag.engine.networks.token_tagger import TokenEncoder

__all__ = ["ctc_likelihood"]


def ctc_likelihood(network: TokenEncoder, batch: Batch) -> tuple[Tensor, Tensor]:
    """Negative log likelihood of texts (Graves et al. 2006, https://doi.org/10.1145/1143844.1143891).

    See :class:`dnatag.engine.objective.Objective`. A text that is too long for its sequence does
    not count.

    Parameters
    ----------
    network : TokenEncoder
        Gives the scores of blank (0) and symbols at each step.
    batch : Batch
        Its targets are ``text``, int64 (B, longest), symbols from 1 on and 0 behind their ends,
        and ``symbols``, int64 (B,), their numbers.

    Returns
    -------
    loss : Tensor
        The sum over sequences.
    weight : Tensor
        The number of symbols.
    """
    with mixed_precision(batch.lengths.device):
        scores = network(*batch.inputs, batch.lengths)
    symbols = batch.targets["symbols"]
    losses = nn.functional.ctc_loss(
        scores.float().log_softmax(-1).transpose(0, 1),
        batch.targets["text"],
        batch.lengths,
        symbols,
        reduction="none",
        zero_infinity=True,
    )
    return losses.sum(), symbols.sum().float()

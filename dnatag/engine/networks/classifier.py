"""The classifier of sequences of tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnatag.engine.networks.base import Network
from dnatag.engine.networks.configs import ClassifierConfig
from dnatag.engine.networks.token_tagger import TokenEncoder

__all__ = ["Classifier"]


class Classifier(Network):
    """A BiLSTM over tokens, whose vectors are pooled to one for their sequence.

    :class:`dnatag.engine.inference.classifier.ClassifierRunner` computes the same without torch.

    Parameters
    ----------
    config : ClassifierConfig
        Sizes.
    """

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.dropout = config.tokens.dropout
        self.tokens = TokenEncoder(config.tokens, config.outputs)
        self.labels = nn.Linear(config.units, config.labels)

    def forward(
        self, categories: Tensor, features: Tensor, parts: Tensor, lengths: Tensor
    ) -> Tensor:
        """Compute the logits of the labels.

        Parameters
        ----------
        categories, features, parts, lengths : Tensor
            As for :class:`TokenEncoder`; without a token only the bias of the labels counts.

        Returns
        -------
        Tensor
            float32 (B, labels).
        """
        y = self.tokens(categories, features, parts, lengths)
        there = (torch.arange(y.shape[1], device=y.device) < lengths[:, None])[..., None]
        units = torch.tanh(y[..., : self.config.units])
        if self.config.pooling == "max":
            # Below all that there can be, but for rows without a token.
            pooled = units.masked_fill(~there, -2).amax(1)
            pooled = torch.where(there[:, :1].any(1), pooled, 0.0)
        else:
            weights = torch.zeros_like(y[..., :1])
            if self.config.pooling == "attention":
                weights = y[..., self.config.units :]
            shares = weights.masked_fill(~there, -1e4).softmax(1) * there
            pooled = (units * shares).sum(1)
        if self.training:
            pooled = nn.functional.dropout(pooled, self.dropout)
        logits: Tensor = self.labels(pooled)
        return logits

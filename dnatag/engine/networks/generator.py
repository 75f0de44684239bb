"""The network that predicts the next token of a sequence from those before it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnatag.engine.networks.base import Network
from dnatag.engine.networks.configs import TokenTaggerConfig

__all__ = ["State", "TokenGenerator"]

#: Hidden and cell vectors of each layer, (1, B, hidden) each.
State = list[tuple[Tensor, Tensor]]


class TokenGenerator(Network):
    """LSTMs from the first token to the last.

    Of a row it sees one category, the token before, numeric features, and a bound: tokens from 1 to
    the bound cannot come next, so that a set can be written in one order only. Token 0 always can.

    Parameters
    ----------
    config : TokenTaggerConfig
        Sizes; it has one category.
    tokens : int
        Number of tokens that there are.
    """

    def __init__(self, config: TokenTaggerConfig, tokens: int) -> None:
        super().__init__()
        self.config = config
        self.dropout = config.dropout
        ((number, length),) = config.categories
        self.embedding = nn.Embedding(number, length)
        sizes = [length + config.features] + [config.hidden] * (config.layers - 1)
        self.layers = nn.ModuleList(nn.LSTM(n, config.hidden, batch_first=True) for n in sizes)
        # The features go past the LSTM too: what is sounding now says most of what comes next.
        self.hidden = nn.Linear(config.hidden + length + config.features, config.hidden)
        self.head = nn.Linear(config.hidden, tokens)
        for name, bias in self.layers.named_parameters():
            if "bias" in name:
                nn.init.zeros_(bias)
                # A forget gate that starts open carries gradients far.
                if "bias_ih" in name:
                    nn.init.ones_(bias[config.hidden : 2 * config.hidden])

    def forward(
        self, categories: Tensor, features: Tensor, bounds: Tensor, lengths: Tensor
    ) -> Tensor:
        """Compute the log probabilities of the next token, float32 (B, L, tokens).

        Parameters
        ----------
        categories : Tensor
            int64 (B, L, 1), the token before.
        features : Tensor
            float32 (B, L, features).
        bounds : Tensor
            int64 (B, L, 1).
        lengths : Tensor
            int64 (B,), not used: what is behind the end of a row does not change what is before.
        """
        return self.advance(categories, features, bounds, None)[0]

    def advance(
        self, categories: Tensor, features: Tensor, bounds: Tensor, state: State | None
    ) -> tuple[Tensor, State]:
        """Go on from a state; return log probabilities and the new state."""
        seen = torch.cat([self.embedding(categories[..., 0]), features], -1)
        x, after = self._drop(seen), []
        for number, lstm in enumerate(self.layers):
            x, own = lstm(x, None if state is None else state[number])
            after.append(own)
            x = self._drop(x)
        logits = self.head(torch.relu(self.hidden(torch.cat([x, seen], -1))))
        token = torch.arange(logits.shape[-1], device=logits.device)
        barred = (token > 0) & (token <= bounds)
        return logits.float().masked_fill(barred, -1e9).log_softmax(-1), after

    def _drop(self, x: Tensor) -> Tensor:
        if not self.training or not self.dropout:
            return x
        keep = x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(1 - self.dropout)
        return x * keep / (1 - self.dropout)

"""The encoder of tokens, which have categories, numeric features and perhaps parts; the tagger.

For a word these are its form and its shape, its vector, and its letters; a domain that has only
categories leaves the rest out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dnatag.engine.crf.grammar import Grammar
from dnatag.engine.networks.base import Network, TaggerNetwork
from dnatag.engine.networks.configs import PartsConfig, TokenTaggerConfig
from dnatag.engine.networks.encoders import BiLSTM

__all__ = ["TokenEncoder", "TokenTagger"]


class _Parts(nn.Module):
    """Symbols of tokens, (B, L, W), to vectors of tokens, (B, L, hidden)."""

    def __init__(self, config: PartsConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.symbols, config.embedding, padding_idx=0)
        self.filters: nn.Conv1d | None = None
        self.lstm: BiLSTM | None = None
        if config.encoder == "cnn":
            self.filters = nn.Conv1d(config.embedding, config.hidden, 3, padding=1)
        else:
            self.lstm = BiLSTM(config.embedding, config.hidden // 2)

    def forward(self, parts: Tensor) -> Tensor:
        batch, length, width = parts.shape
        # A token that is there more than once is encoded once.
        parts, which = torch.unique(parts.view(batch * length, width), dim=0, return_inverse=True)
        x = self.embedding(parts)
        if self.filters is not None:
            y = self.filters(x.transpose(1, 2))
            # What stands in the padding depends on the longest token of the batch.
            y = y.masked_fill((parts == 0)[:, None], -1e4).amax(-1)
            y = torch.where((parts[:, :1] > 0), torch.tanh(y), 0.0)
        else:
            assert self.lstm is not None
            lengths = (parts > 0).sum(1)
            states = self.lstm(x, lengths)
            ahead, back = states.chunk(2, -1)
            last = ahead[torch.arange(len(x)), (lengths - 1).clamp(min=0)]
            y = torch.where(lengths[:, None] > 0, torch.cat([last, back[:, 0]], -1), 0.0)
        return y[which].view(batch, length, -1)


class TokenEncoder(Network):
    """A BiLSTM over tokens, which gives some numbers for each.

    Parameters
    ----------
    config : TokenTaggerConfig
        Sizes.
    outputs : int
        How many numbers.
    """

    def __init__(self, config: TokenTaggerConfig, outputs: int) -> None:
        super().__init__()
        self.config = config
        self.dropout = config.dropout
        self.embeddings = nn.ModuleList(
            nn.Embedding(n, length, padding_idx=0) for n, length in config.categories
        )
        for embedding in self.embeddings.parameters():
            # About as large as vectors that were trained on much text.
            nn.init.normal_(embedding[1:], std=0.3)
        self.parts = None if config.parts is None else _Parts(config.parts)
        width = sum(length for _, length in config.categories) + config.features
        width += 0 if config.parts is None else config.parts.hidden
        self.encoder = BiLSTM(width, config.hidden, config.layers, dropout=config.dropout)
        self.head = nn.Linear(2 * config.hidden, outputs)

    def forward(
        self, categories: Tensor, features: Tensor, parts: Tensor, lengths: Tensor
    ) -> Tensor:
        """Compute the numbers.

        Parameters
        ----------
        categories : Tensor
            int64 (B, L, number of categories).
        features : Tensor
            float32 (B, L, features).
        parts : Tensor
            int64 (B, L, W), 0 after the last part of a token.
        lengths : Tensor
            int64 (B,), tokens of each row.

        Returns
        -------
        Tensor
            float32 (B, L, outputs).
        """
        seen = [embed(categories[..., i]) for i, embed in enumerate(self.embeddings)]
        seen.append(features)
        if self.parts is not None:
            seen.append(self.parts(parts))
        encoded: Tensor = self.encoder(torch.cat(seen, -1), lengths)
        scores: Tensor = self.head(encoded)
        return scores


class TokenTagger(TokenEncoder, TaggerNetwork):
    """A tagger of tokens.

    Parameters
    ----------
    config : TokenTaggerConfig
        Sizes.
    grammar : Grammar
        The grammar whose scores are computed.
    """

    def __init__(self, config: TokenTaggerConfig, grammar: Grammar) -> None:
        super().__init__(config, len(grammar.scores))
        self.grammar = grammar
        self.transition_weights = nn.Parameter(torch.zeros(len(grammar.weights)))

    @torch.no_grad()
    def temper(self, temperature: float) -> None:
        """Divide all scores by a temperature; above 1, posteriors become less certain."""
        for parameter in (self.head.weight, self.head.bias, self.transition_weights):
            parameter /= temperature

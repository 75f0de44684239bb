"""The network that translates: a BiLSTM reads, LSTMs with attention write."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from dnatag.engine.networks.base import Network
from dnatag.engine.networks.configs import TranslatorConfig
from dnatag.engine.networks.encoders import BiLSTM

__all__ = ["Read", "Translator", "Written"]

State = tuple[Tensor, Tensor]


class Read(NamedTuple):
    """Sentences that the encoder has read.

    Attributes
    ----------
    states : Tensor
        (B, L, 2 * hidden), what the encoder says of each token.
    keys : Tensor
        (B, L, hidden), what attention compares with.
    there : Tensor
        bool (B, L), where there is a token.
    """

    states: Tensor
    keys: Tensor
    there: Tensor

    def rows(self, numbers: Tensor) -> Read:
        """Return some of the sentences, perhaps several times."""
        return Read(*(x[numbers] for x in self))


class Written(NamedTuple):
    """The states of the decoder's LSTMs, (1, B, hidden) each."""

    lower: State
    upper: State

    def rows(self, numbers: Tensor) -> Written:
        """Return those of some of the sentences, perhaps several times."""
        return Written(*(tuple(x[:, numbers] for x in part) for part in self))  # type: ignore[arg-type]


class Translator(Network):
    """An encoder and a decoder with attention; all vectors of tokens are the same (tied).

    The lower LSTM of the decoder reads what has been written, attention looks for what belongs to
    it, and the upper LSTM reads both. Nothing of it waits for the output of the upper one, so that
    whole sentences are trained on at once.

    Parameters
    ----------
    config : TranslatorConfig
        Sizes.

    Attributes
    ----------
    smoothing : float
        Share of the probability that targets spread over all tokens, while training.
    """

    def __init__(self, config: TranslatorConfig) -> None:
        super().__init__()
        self.config = config
        self.dropout = config.dropout
        self.smoothing = config.smoothing
        hidden, width = config.hidden, config.embedding
        self.embedding = nn.Embedding(config.tokens, width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.encoder = BiLSTM(width, hidden, config.layers, dropout=config.dropout)
        self.keys = nn.Linear(2 * hidden, hidden, bias=False)
        self.begin = nn.Linear(2 * hidden, 4 * hidden)
        self.lower = nn.LSTM(width, hidden, batch_first=True)
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.compare = nn.Parameter(torch.randn(hidden) * hidden**-0.5)
        self.upper = nn.LSTM(3 * hidden, hidden, batch_first=True)
        self.out = nn.Linear(4 * hidden, width)
        self.bias = nn.Parameter(torch.zeros(config.tokens))

    def read(self, tokens: Tensor, lengths: Tensor) -> tuple[Read, Written]:
        """Read sentences.

        Parameters
        ----------
        tokens : Tensor
            int64 (B, L).
        lengths : Tensor
            int64 (B,), one token at least.
        """
        states = self.encoder(self.embedding(tokens), lengths)
        there = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
        mean = (states * there[..., None]).sum(1) / lengths[:, None]
        h1, c1, h2, c2 = torch.tanh(self.begin(mean)).chunk(4, -1)
        first = Written((h1[None], c1[None]), (h2[None], c2[None]))
        return Read(states, self.keys(states), there), first

    def write(self, tokens: Tensor, read: Read, state: Written) -> tuple[Tensor, Tensor, Written]:
        """Go on writing.

        Parameters
        ----------
        tokens : Tensor
            int64 (B, M), the tokens before each that is wanted.
        read : Read
            The sentences.
        state : Written
            Where the decoder is.

        Returns
        -------
        logits : Tensor
            float32 (B, M, tokens).
        attention : Tensor
            float32 (B, M, L), shares of the tokens read.
        state : Written
            Behind the last token.
        """
        own, lower = self.lower(self._drop(self.embedding(tokens)), state.lower)
        own = self._drop(own)
        # (B, M, L, hidden), some sentences at a time would be needed for very long ones.
        both = torch.tanh(self.query(own)[:, :, None] + read.keys[:, None])
        scores = (both @ self.compare).masked_fill(~read.there[:, None], -1e4)
        attention = scores.softmax(-1)
        found = attention @ read.states
        result, upper = self.upper(torch.cat([own, found], -1), state.upper)
        result = self._drop(result)
        vectors = self._drop(torch.tanh(self.out(torch.cat([result, own, found], -1))))
        logits = vectors @ self.embedding.weight.T + self.bias
        return logits.float(), attention, Written(lower, upper)

    def forward(self, tokens: Tensor, written: Tensor, lengths: Tensor) -> Tensor:
        """Compute the logits of all tokens of translations, float32 (B, M, tokens)."""
        read, state = self.read(tokens, lengths)
        return self.write(written, read, state)[0]

    def _drop(self, x: Tensor) -> Tensor:
        if not self.training or not self.dropout:
            return x
        keep = x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(1 - self.dropout)
        return x * keep / (1 - self.dropout)

"""BERT and RoBERTa over NumPy arrays, for vectors of tokens in their context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

__all__ = ["Bert", "BertConfig"]

#: Of the error function (Abramowitz and Stegun, 7.1.26); it is exact to 1.5e-7.
_ERF = 0.3275911, (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
_ATTENTION = "encoder.layer.{}.attention.{}"


@dataclass(frozen=True)
class BertConfig:
    """What the weights do not say.

    Parameters
    ----------
    heads
        Of attention.
    epsilon
        Added to variances.
    offset
        Number of the first position: 0, of RoBERTa 2.
    activation
        "gelu" or "relu".
    """

    heads: int
    epsilon: float = 1e-12
    offset: int = 0
    activation: str = "gelu"


class Bert:
    """The network.

    Parameters
    ----------
    config : BertConfig
        What the weights do not say.
    arrays : mapping of str to numpy.ndarray
        Weights by the names of Hugging Face's ``BertModel``.

    Raises
    ------
    KeyError
        If a weight is missing.
    ValueError
        If shapes do not fit.
    """

    def __init__(self, config: BertConfig, arrays: Mapping[str, np.ndarray]) -> None:
        self.config = config
        self._arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
        self._words = self._arrays["embeddings.word_embeddings.weight"]
        places = self._arrays["embeddings.position_embeddings.weight"]
        self._places = (
            places[config.offset :] + self._arrays["embeddings.token_type_embeddings.weight"][0]
        )
        self.layers = 0
        while _ATTENTION.format(self.layers, "self.query.weight") in arrays:
            self._join_attention(self.layers)
            self.layers += 1
        if self.width % config.heads or not self.layers:
            raise ValueError(f"{config.heads} heads do not fit {self.width} units")

    def _join_attention(self, layer: int) -> None:
        """Make one matrix of those of queries, keys and values."""
        for kind in ("weight", "bias"):
            parts = [
                self._arrays[_ATTENTION.format(layer, f"self.{part}.{kind}")]
                for part in ("query", "key", "value")
            ]
            self._arrays[_ATTENTION.format(layer, kind)] = np.concatenate(parts)

    @property
    def width(self) -> int:
        """Length of a vector."""
        return int(self._words.shape[1])

    @property
    def longest(self) -> int:
        """Tokens that a sequence can have."""
        return len(self._places)

    def __call__(self, sequences: Sequence[np.ndarray], averaged: int = 1) -> list[np.ndarray]:
        """Return the vectors of the last layer, or the means of several.

        Parameters
        ----------
        sequences : sequence of numpy.ndarray
            int (L,), numbers of tokens. They run through the layers together, without padding.
        averaged : int
            The vectors are means over this many last layers.

        Returns
        -------
        list of numpy.ndarray
            float32 (L, width) of each.
        """
        ends = np.cumsum([0, *map(len, sequences)])
        places = [self._places[: len(sequence)] for sequence in sequences]
        hidden = self._words[np.concatenate(sequences)] + np.concatenate(places)
        hidden = self._normalise(hidden, "embeddings")
        total = np.zeros_like(hidden)
        for layer in range(self.layers):
            name = f"encoder.layer.{layer}"
            joined = self._linear(hidden, f"{name}.attention")
            mixed = np.concatenate([self._attend(joined[a:b]) for a, b in pairwise(ends)])
            mixed = self._linear(mixed, f"{name}.attention.output.dense")
            hidden = self._normalise(hidden + mixed, f"{name}.attention.output")
            inner = self._linear(hidden, f"{name}.intermediate.dense")
            inner = _gelu(inner) if self.config.activation == "gelu" else np.maximum(inner, 0)
            outer = self._linear(inner, f"{name}.output.dense")
            hidden = self._normalise(hidden + outer, f"{name}.output")
            if layer >= self.layers - averaged:
                total += hidden
        total /= np.float32(averaged)
        return [total[a:b] for a, b in pairwise(ends)]

    def _linear(self, values: np.ndarray, name: str) -> np.ndarray:
        result: np.ndarray = values @ self._arrays[f"{name}.weight"].T
        result += self._arrays[f"{name}.bias"]
        return result

    def _normalise(self, values: np.ndarray, name: str) -> np.ndarray:
        centred: np.ndarray = values - values.mean(1, keepdims=True)
        variance = np.square(centred).mean(1, keepdims=True)
        centred /= np.sqrt(variance + np.float32(self.config.epsilon))
        centred *= self._arrays[f"{name}.LayerNorm.weight"]
        centred += self._arrays[f"{name}.LayerNorm.bias"]
        return centred

    def _attend(self, joined: np.ndarray) -> np.ndarray:
        """Mix the values of a sequence; queries, keys and values are joined, (L, 3 * width)."""
        length, heads = len(joined), self.config.heads
        queries, keys, values = joined.reshape(length, 3, heads, -1).transpose(
            1, 2, 0, 3
        )  # (3, heads, L, D)
        scores = queries @ keys.transpose(0, 2, 1)
        scores /= np.float32(np.sqrt(keys.shape[2]))
        scores -= scores.max(2, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(2, keepdims=True)
        mixed: np.ndarray = scores @ values
        return mixed.transpose(1, 0, 2).reshape(length, -1)


def _gelu(x: np.ndarray) -> np.ndarray:
    """Return x times the probability that a normal variable is below it."""
    scale, factors = _ERF
    size = np.abs(x) * np.float32(np.sqrt(0.5))
    t = 1 / (1 + np.float32(scale) * size)
    tail = np.zeros_like(x)
    for factor in reversed(factors):
        tail = (tail + np.float32(factor)) * t
    tail *= np.exp(-size * size) / 2  # the probability beyond |x|
    return x * np.where(x < 0, tail, 1 - tail)

"""Tokens as numbers, and what turns them into numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

__all__ = [
    "EncodesTogether",
    "Featurizer",
    "TokenFeatures",
    "encode_all",
    "join",
    "random_factor",
]


@dataclass(frozen=True)
class TokenFeatures:
    """L tokens as :class:`dnatag.engine.networks.token_tagger.TokenEncoder` sees them.

    Attributes
    ----------
    categories : numpy.ndarray
        int32 (L, number of categories).
    features : numpy.ndarray
        float32 (L, F).
    parts : numpy.ndarray
        int32 (L, W).
    """

    categories: np.ndarray
    features: np.ndarray
    parts: np.ndarray

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.categories)


def random_factor(share: float, rng: np.random.Generator) -> float:
    """Draw a factor from 1 - share to its reciprocal, evenly on a logarithmic scale.

    Examples
    --------
    >>> 0.8 <= random_factor(0.2, np.random.default_rng(1)) <= 1.25
    True
    """
    reach = -np.log1p(-share)
    return float(np.exp(rng.uniform(-reach, reach)))


def join(encoded: Sequence[TokenFeatures]) -> TokenFeatures:
    """Join the tokens of sequences, one after the other."""
    widest = max(e.parts.shape[1] for e in encoded)
    parts = np.zeros((sum(map(len, encoded)), widest), np.int32)
    first = 0
    for e in encoded:
        parts[first : first + len(e), : e.parts.shape[1]] = e.parts
        first += len(e)
    return TokenFeatures(
        np.concatenate([e.categories for e in encoded]),
        np.concatenate([e.features for e in encoded]),
        parts,
    )


class Featurizer(Protocol):
    """Turns tokens into numbers.

    Attributes
    ----------
    in_context : bool
        Whether the numbers of a token depend on the tokens around it.
    """

    in_context: bool

    def encode(self, tokens: Any) -> TokenFeatures:
        """Encode the tokens of a sequence: words, residues, or whatever the domain has."""
        ...

    def vary(self, encoded: TokenFeatures, rng: np.random.Generator) -> TokenFeatures:
        """Return what a sequence might also look like, for training."""
        ...

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return all that the featurizer knows, for a model file."""
        ...


@runtime_checkable
class EncodesTogether(Protocol):
    """An optional capability of a featurizer: it encodes several sequences faster than each."""

    def encode_all(self, sequences: Sequence[Any]) -> list[TokenFeatures]:
        """Encode the tokens of sequences."""
        ...


def encode_all(featurizer: Featurizer, sequences: Sequence[Any]) -> list[TokenFeatures]:
    """Encode the tokens of sequences, together if the featurizer can."""
    if isinstance(featurizer, EncodesTogether):
        return featurizer.encode_all(sequences)
    return [featurizer.encode(tokens) for tokens in sequences]

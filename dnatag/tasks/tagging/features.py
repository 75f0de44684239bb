"""Tokens as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["TokenFeatures", "join"]


@dataclass(frozen=True)
class TokenFeatures:
    """L tokens as :class:`dnatag.engine.networks.token_tagger.TokenTagger` sees them.

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

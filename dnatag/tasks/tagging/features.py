"""Tokens as numbers, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

__all__ = ["TokenFeatures", "collate"]


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


def collate(encoded: Sequence[TokenFeatures]) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    """Pad sequences to the longest of them.

    Parameters
    ----------
    encoded : sequence of TokenFeatures
        B sequences.

    Returns
    -------
    inputs : tuple of Tensor
        Categories, features and parts, (B, L, ...).
    lengths : Tensor
        int64 (B,).
    """
    lengths = [len(e) for e in encoded]

    def pad(arrays: Sequence[np.ndarray], kind: type[np.generic]) -> Tensor:
        padded = np.zeros((len(arrays), max(lengths), max(a.shape[1] for a in arrays)), kind)
        for row, array in zip(padded, arrays, strict=True):
            row[: len(array), : array.shape[1]] = array
        return torch.from_numpy(padded)

    inputs = (
        pad([e.categories for e in encoded], np.int64),
        pad([e.features for e in encoded], np.float32),
        pad([e.parts for e in encoded], np.int64),
    )
    return inputs, torch.tensor(lengths)

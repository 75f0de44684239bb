"""Tiles: what a network is run over, and what it makes of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["EncodedTile", "Tile"]


class Tile(NamedTuple):
    """A part of a sequence that a network is run over.

    Attributes
    ----------
    symbols, flags : numpy.ndarray
        uint8 (L,), symbols and property words; L is a multiple of the stride.
    features : numpy.ndarray
        float32 (L, F).
    start, end : int
        The part whose results are wanted; the rest is its margins.
    """

    symbols: np.ndarray
    flags: np.ndarray
    features: np.ndarray
    start: int
    end: int


class EncodedTile(NamedTuple):
    """What a network makes of the wanted part of a tile, N positions.

    Attributes
    ----------
    scores : numpy.ndarray
        float32 (N, C); those of the sites are zero.
    position, column : numpy.ndarray
        int32 (M,), position of each site in the part, and the column of its score.
    hidden : numpy.ndarray
        float32 (M, H), all that the score of a site depends on but for the features.
    """

    scores: np.ndarray
    position: np.ndarray
    column: np.ndarray
    hidden: np.ndarray

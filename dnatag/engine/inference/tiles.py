"""Tiles of sequences, and what encodes them: the seam between inference and a network.

All is in numpy arrays, so that it does not matter what runs the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dnatag.native.tiles import EncodedTile, Tile

__all__ = ["EncodedTile", "Tile", "TileEncoder", "Tiling"]


@dataclass(frozen=True)
class Tiling:
    """How sequences are cut into tiles.

    Attributes
    ----------
    core : int
        Steps of a tile that are kept, about.
    margin : int
        Steps at each end of a tile that are thrown away.
    batch_steps : int or None
        Steps of the tiles of a batch; None: what is fast for the encoder.
    """

    core: int = 15_000
    margin: int = 256
    batch_steps: int | None = None


class TileEncoder(Protocol):
    """A network that encodes tiles. Several threads may call it at once.

    Attributes
    ----------
    stride : int
        Positions of a step.
    n_scores : int
        Number of scores of a position, C.
    site_size : int
        Length of the vector of a site, H; 0 if the network has no sites.
    batch_steps : int
        Steps of the tiles that it is best given at once.
    """

    stride: int
    n_scores: int
    site_size: int
    batch_steps: int

    def encode(self, tiles: Sequence[Tile]) -> list[EncodedTile]:
        """Run the network over tiles."""
        ...

    def score(self, column: np.ndarray, hidden: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Score sites.

        Parameters
        ----------
        column, hidden : numpy.ndarray
            int32 (M,) and float32 (M, H), as they were encoded, or some of them.
        features : numpy.ndarray
            float32 (M, F), of their positions; not necessarily those they were encoded with.

        Returns
        -------
        numpy.ndarray
            float32 (M,).
        """
        ...

    def pool(self, threads: int) -> AbstractContextManager[Executor]:
        """Return threads to call it from."""
        ...

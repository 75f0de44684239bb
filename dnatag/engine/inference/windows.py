"""Running a tagger over sequences of any length.

A sequence is cut into tiles whose margins overlap; the margins' results are thrown away. The
network forgets what is further away than a margin, so the tiles join to what one pass over the
whole sequence gives, whatever the tiles and batches: of the gene model, whose scores are of the
order of 10, nearly all agree to 1e-4 and the worst to 1e-2 (tested).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dnatag.engine.batching import batches, split
from dnatag.engine.inference.tiles import EncodedTile, Tile, TileEncoder, Tiling
from dnatag.report import Observer

__all__ = ["EncodedWindow", "FeatureFunction", "Runner", "Window"]

#: Gives the features, float32 (M, F), of M positions of a sequence.
FeatureFunction = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Window:
    """An interval of a sequence that is to be tagged.

    Attributes
    ----------
    symbols, flags : numpy.ndarray
        uint8 (L,), the whole sequence; L is a multiple of the stride.
    start, end : int
        The interval, 0-based and half-open; multiples of the stride.
    """

    symbols: np.ndarray
    flags: np.ndarray
    start: int
    end: int


@dataclass(frozen=True)
class EncodedWindow:
    """What a tagger makes of a window before its sites are scored.

    Attributes
    ----------
    window : Window
        The window.
    scores : numpy.ndarray
        float32 (end - start, C); those of the sites are what the last scoring made them.
    position, column : numpy.ndarray
        int32 (M,), position of each site in the window, and the column of its score.
    hidden : numpy.ndarray
        float32 (M, H), see :class:`dnatag.engine.inference.tiles.EncodedTile`.
    """

    window: Window
    scores: np.ndarray
    position: np.ndarray
    column: np.ndarray
    hidden: np.ndarray


@dataclass(frozen=True)
class _Place:
    """Where a tile is: the number of its window, and in its sequence the tile and its core."""

    window: int
    low: int
    high: int
    start: int
    end: int


class Runner:
    """Runs a tagger over windows. Several threads may use one at once.

    Parameters
    ----------
    encoder : TileEncoder
        The tagger.
    tiling : Tiling or None
        How sequences are cut.
    """

    def __init__(self, encoder: TileEncoder, tiling: Tiling | None = None) -> None:
        self.encoder = encoder
        self.tiling = tiling or Tiling()

    def scores(
        self,
        windows: Sequence[Window],
        features: Sequence[FeatureFunction],
        observer: Observer | None = None,
    ) -> list[np.ndarray]:
        """Compute the scores of windows.

        Parameters
        ----------
        windows, features, observer
            See :meth:`encode`.

        Returns
        -------
        list of numpy.ndarray
            float32 (end - start, C) for each window.
        """
        encoded = self.encode(windows, features, observer)
        for window, own in zip(encoded, features, strict=True):
            self.score(window, own)
        return [window.scores for window in encoded]

    def encode(
        self,
        windows: Sequence[Window],
        features: Sequence[FeatureFunction],
        observer: Observer | None = None,
    ) -> list[EncodedWindow]:
        """Run the network over windows.

        Parameters
        ----------
        windows : sequence of Window
            The windows.
        features : sequence of callable
            One for each window: gives its features.
        observer : Observer or None
            Receives the numbers of positions that have been encoded.

        Returns
        -------
        list of EncodedWindow
            One for each window; their sites are not scored yet.
        """
        found: list[list[tuple[int, EncodedTile]]] = [[] for _ in windows]
        for batch in self._batches(windows):
            tiles = [_tile(windows[p.window], features[p.window], p) for p in batch]
            for place, tile in zip(batch, self.encoder.encode(tiles), strict=True):
                first = place.start - windows[place.window].start
                found[place.window].append((first, tile))
                if observer is not None:
                    observer.advance(place.end - place.start)
        return [self._joined(w, tiles) for w, tiles in zip(windows, found, strict=True)]

    def _joined(self, window: Window, tiles: list[tuple[int, EncodedTile]]) -> EncodedWindow:
        """Join the tiles of a window, each with where it begins in the window."""
        if len(tiles) == 1:
            return EncodedWindow(window, *tiles[0][1])
        size, encoder = window.end - window.start, self.encoder
        scores = np.empty((size, encoder.n_scores), np.float32)
        none = np.zeros(0, np.int32)
        sites = [(none, none, np.zeros((0, encoder.site_size), np.float32))]
        for first, tile in tiles:
            scores[first : first + len(tile.scores)] = tile.scores
            sites.append((tile.position + np.int32(first), tile.column, tile.hidden))
        return EncodedWindow(window, scores, *map(np.concatenate, zip(*sites, strict=True)))

    def score(self, encoded: EncodedWindow, features: FeatureFunction) -> None:
        """Score the sites of a window, in place.

        Parameters
        ----------
        encoded : EncodedWindow
            The window as it was encoded.
        features : callable
            Gives its features, not necessarily those that it was encoded with.
        """
        if self.encoder.site_size:
            position, column = encoded.position, encoded.column
            of_sites = features(position + encoded.window.start)
            scores = self.encoder.score(column, encoded.hidden, of_sites)
            encoded.scores[position, column] = scores

    def _batches(self, windows: Sequence[Window]) -> Iterator[list[_Place]]:
        """Cut windows into tiles, and put tiles together."""
        places = [place for i, window in enumerate(windows) for place in self._cut(i, window)]
        steps = self.tiling.batch_steps or self.encoder.batch_steps
        lengths = [p.high - p.low for p in places]
        for batch in batches(lengths, steps * self.encoder.stride):
            yield [places[i] for i in batch]

    def _cut(self, number: int, window: Window) -> Iterator[_Place]:
        """Cut a window into tiles."""
        stride = self.encoder.stride
        margin = self.tiling.margin * stride
        bounds = split((window.end - window.start) // stride, self.tiling.core)
        for start, end in pairwise(window.start + bound * stride for bound in bounds):
            if start < end:
                low, high = max(start - margin, 0), min(end + margin, len(window.symbols))
                yield _Place(number, low, high, start, end)


def _tile(window: Window, features: FeatureFunction, place: _Place) -> Tile:
    """Take a tile from its sequence."""
    here = slice(place.low, place.high)
    return Tile(
        window.symbols[here],
        window.flags[here],
        features(np.arange(place.low, place.high)),
        place.start - place.low,
        place.end - place.low,
    )

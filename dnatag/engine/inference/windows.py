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

#: Gives the features, float32 (end - start, F), for (symbols, flags, start, end) of a sequence.
FeatureFunction = Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]


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
    """Runs a tagger over windows, several batches at once.

    Parameters
    ----------
    encoder : TileEncoder
        The tagger.
    threads : int
        Number of CPU threads.
    tiling : Tiling or None
        How sequences are cut.
    """

    def __init__(
        self, encoder: TileEncoder, threads: int = 1, tiling: Tiling | None = None
    ) -> None:
        self.encoder = encoder
        self.threads = threads
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
        self.score(encoded, features)
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
        encoder = self.encoder
        scores = [np.empty((w.end - w.start, encoder.n_scores), np.float32) for w in windows]
        sites: list[list[tuple[np.ndarray, ...]]] = [[] for _ in windows]
        places = [place for i, window in enumerate(windows) for place in self._cut(i, window)]

        def work(batch: list[_Place]) -> list[EncodedTile]:
            tiles = [_tile(windows[p.window], features[p.window], p) for p in batch]
            encoded = encoder.encode(tiles)
            for place, tile in zip(batch, encoded, strict=True):
                first = place.start - windows[place.window].start
                scores[place.window][first : first + len(tile.scores)] = tile.scores
                if observer is not None:
                    observer.advance(place.end - place.start)
            return encoded

        groups = self._groups(places)
        with encoder.pool(self.threads) as pool:
            for batch, encoded in zip(groups, pool.map(work, groups), strict=True):
                for place, tile in zip(batch, encoded, strict=True):
                    first = np.int32(place.start - windows[place.window].start)
                    sites[place.window].append((tile.position + first, tile.column, tile.hidden))
        none = np.zeros(0, np.int32)
        nothing = (none, none, np.zeros((0, encoder.site_size), np.float32))
        return [
            EncodedWindow(
                window, own, *map(np.concatenate, zip(*(found or [nothing]), strict=True))
            )
            for window, own, found in zip(windows, scores, sites, strict=True)
        ]

    def score(self, encoded: Sequence[EncodedWindow], features: Sequence[FeatureFunction]) -> None:
        """Score the sites of windows, in place.

        Parameters
        ----------
        encoded : sequence of EncodedWindow
            The windows as they were encoded.
        features : sequence of callable
            One for each window, not necessarily with the same results as when it was encoded.
        """

        def work(one: EncodedWindow, features: FeatureFunction) -> None:
            window = one.window
            whole = features(window.symbols, window.flags, window.start, window.end)
            scores = self.encoder.score(one.column, one.hidden, whole[one.position])
            one.scores[one.position, one.column] = scores

        if self.encoder.site_size:
            with self.encoder.pool(self.threads) as pool:
                for _ in pool.map(work, encoded, features):
                    pass

    def _groups(self, places: list[_Place]) -> list[list[_Place]]:
        """Group tiles into batches: as many for each thread, where batches do not matter."""
        encoder, tiling = self.encoder, self.tiling
        lengths = [p.high - p.low for p in places]
        steps = encoder.batch_steps if tiling.batch_steps is None else tiling.batch_steps
        limit = steps * encoder.stride
        if places and encoder.independent:
            total = sum(lengths)
            number = -(-total // (limit * self.threads)) * self.threads
            limit = min(limit, -(-total // number) + max(lengths))
        return [[places[i] for i in batch] for batch in batches(lengths, limit)]

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
        features(window.symbols, window.flags, place.low, place.high),
        place.start - place.low,
        place.end - place.low,
    )

"""Running a tagger over sequences of any length.

A sequence is cut into tiles whose margins overlap; the margins' results are thrown away. The
encoder forgets what is further away than a margin, so the tiles join to what one pass over the
whole sequence gives, whatever the tiles and batches: of the gene model, whose scores are of the
order of 10, nearly all agree to 1e-4 and the worst to 1e-2 (tested).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dnatag.engine.batching import batches, split
from dnatag.engine.inference.networks import KmerRunner
from dnatag.engine.networks.weights import KmerWeights
from dnatag.native.networks import Read, Tile

__all__ = ["EncodedChunk", "Runner", "Span"]

#: Steps of a tile that are kept (about), and of each margin that is thrown away.
CORE, MARGIN = 6144, 256

Features = Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]


@dataclass(frozen=True)
class Span:
    """A stretch of a sequence to be tagged.

    Parameters
    ----------
    symbols, flags : numpy.ndarray
        uint8 (L,), the whole sequence; L is a multiple of the stride.
    start, end : int
        The stretch, multiples of the stride.
    """

    symbols: np.ndarray
    flags: np.ndarray
    start: int
    end: int


@dataclass(frozen=True)
class EncodedChunk:
    """What a tagger makes of a stretch before its sites are scored.

    Attributes
    ----------
    span : Span
        The stretch.
    scores : numpy.ndarray
        float32 (end - start, C); those of the sites are what the last scoring made them.
    place, column : numpy.ndarray
        int32 (M,), position of each site in the stretch and its column.
    seen : numpy.ndarray
        float32 (M, hidden), all that the score of a site depends on but for the features.
    """

    span: Span
    scores: np.ndarray
    place: np.ndarray
    column: np.ndarray
    seen: np.ndarray


@dataclass(frozen=True)
class _Tile:
    span: int
    low: int
    high: int
    start: int
    end: int


class Runner:
    """Runs a network over sequences, in several threads on the CPU.

    Each thread runs batches of its own on one core: LSTMs gain next to nothing from several.

    Parameters
    ----------
    weights : KmerWeights
        The model.
    network : KmerRunner
        Its network, on a device.
    threads : int
        Number of CPU threads.
    """

    def __init__(self, weights: KmerWeights, network: KmerRunner, threads: int = 1) -> None:
        self.network = network
        self.threads = threads
        self.stride = weights.config.stride
        self._n_scores = len(weights.grammar.scores)
        site = weights.config.site
        self._hidden = 0 if site is None else site.hidden

    def scores(
        self,
        spans: Sequence[Span],
        features: Sequence[Features],
        done: Callable[[int], None] | None = None,
    ) -> list[np.ndarray]:
        """Compute the scores of stretches.

        Parameters
        ----------
        spans, features, done
            See :meth:`encode`.

        Returns
        -------
        list of numpy.ndarray
            float32 (end - start, C) for each stretch.
        """
        encoded = self.encode(spans, features, done)
        self.score(encoded, features)
        return [chunk.scores for chunk in encoded]

    def encode(
        self,
        spans: Sequence[Span],
        features: Sequence[Features],
        done: Callable[[int], None] | None = None,
    ) -> list[EncodedChunk]:
        """Run the network over stretches.

        Parameters
        ----------
        spans : sequence of Span
            The stretches.
        features : sequence of callable
            One for each stretch: gives its features, float32 (end - start, F), for
            (symbols, flags, start, end).
        done : callable or None
            Told of the number of positions finished, now and then.

        Returns
        -------
        list of EncodedChunk
            One for each stretch; their sites are not scored yet.
        """
        results = [np.empty((s.end - s.start, self._n_scores), np.float32) for s in spans]
        sites: list[list[tuple[np.ndarray, ...]]] = [[] for _ in spans]
        tiles = [tile for number, span in enumerate(spans) for tile in self._tiles(number, span)]

        def work(batch: list[_Tile]) -> list[Read]:
            read = self.network.read([_seen(t, spans[t.span], features[t.span]) for t in batch])
            for tile, of_tile in zip(batch, read, strict=True):
                first = tile.start - spans[tile.span].start
                results[tile.span][first : first + len(of_tile.channels)] = of_tile.channels
                if done is not None:
                    done(tile.end - tile.start)
            return [of_tile._replace(channels=of_tile.channels[:0]) for of_tile in read]

        groups = self._groups(tiles)
        with self.network.pool(self.threads) as pool:
            for batch, found in zip(groups, pool.map(work, groups), strict=True):
                for tile, of_tile in zip(batch, found, strict=True):
                    place = of_tile.place + np.int32(tile.start - spans[tile.span].start)
                    sites[tile.span].append((place, of_tile.channel, of_tile.seen))
        return [
            EncodedChunk(span, scores, *map(np.concatenate, zip(*of_span, strict=True)))
            if of_span
            else EncodedChunk(span, scores, *self._no_sites())
            for span, scores, of_span in zip(spans, results, sites, strict=True)
        ]

    def score(self, encoded: Sequence[EncodedChunk], features: Sequence[Features]) -> None:
        """Score the sites of stretches, in place.

        Parameters
        ----------
        encoded : sequence of EncodedChunk
            The stretches as they were encoded.
        features : sequence of callable
            As for chunk, but not necessarily with the same results.
        """

        def work(chunk: EncodedChunk, features: Features) -> None:
            span = chunk.span
            extra = features(span.symbols, span.flags, span.start, span.end)[chunk.place]
            at_sites = self.network.score(chunk.column, chunk.seen, extra)
            chunk.scores[chunk.place, chunk.column] = at_sites

        if self._hidden:
            with self.network.pool(self.threads) as pool:
                for _ in pool.map(work, encoded, features):
                    pass

    def _no_sites(self) -> tuple[np.ndarray, ...]:
        none = np.zeros(0, np.int32)
        return none, none, np.zeros((0, self._hidden), np.float32)

    def _tiles(self, number: int, span: Span) -> Iterator[_Tile]:
        """Cut a stretch into tiles with their margins."""
        margin = MARGIN * self.stride
        bounds = split((span.end - span.start) // self.stride, CORE)
        for low, high in pairwise(span.start + bound * self.stride for bound in bounds):
            if low < high:
                begin, stop = max(low - margin, 0), min(high + margin, len(span.symbols))
                yield _Tile(number, begin, stop, low, high)

    def _groups(self, tiles: list[_Tile]) -> list[list[_Tile]]:
        """Group tiles to be read at once, evenly for the threads where groups do not matter."""
        lengths = [tile.high - tile.low for tile in tiles]
        limit = self.network.batch * (CORE + 2 * MARGIN) * self.stride
        if tiles and self.network.independent:
            total = sum(lengths)
            number = -(-total // (limit * self.threads)) * self.threads
            limit = min(limit, -(-total // number) + max(lengths))
        return [[tiles[i] for i in batch] for batch in batches(lengths, limit)]


def _seen(tile: _Tile, span: Span, features: Features) -> Tile:
    """Return a tile as the network sees it."""
    low, high = tile.low, tile.high
    return Tile(
        span.symbols[low:high],
        span.flags[low:high],
        features(span.symbols, span.flags, low, high),
        tile.start - low,
        tile.end - low,
    )

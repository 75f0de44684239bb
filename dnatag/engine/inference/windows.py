"""Running a tagger over sequences of any length.

A sequence is cut into tiles whose margins overlap; the margins' results are thrown away. The
encoder forgets what is further away than a margin, so the tiles join to what one pass over the
whole sequence gives, whatever the tiles and batches: of the gene model, whose scores are of the
order of 10, nearly all agree to 1e-4 and the worst to 1e-2 (tested).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from dnatag.engine.batching import batches, split
from dnatag.engine.devices import mixed_precision, torch_threads
from dnatag.engine.networks.kmer_tagger import KmerTagger, Sites

__all__ = ["EncodedChunk", "Runner", "Span"]

#: Steps of a tile that are kept (about), and of each margin that is thrown away.
CORE, MARGIN = 6144, 256
#: Steps of a batch, over all its rows. On the CPU few: tensors that are not taken from the heap
#: but mapped anew for each batch cost half as much time again.
BATCH_STEPS = 3 * (CORE + 2 * MARGIN)
GPU_BATCH_STEPS = 32 * (CORE + 2 * MARGIN)

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
        float32 (M, hidden), see :class:`dnatag.engine.networks.kmer_tagger.Sites`.
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
    """Runs a tagger on a device, in several threads on the CPU.

    Each thread runs batches of its own on one core: LSTMs gain next to nothing from several.

    Parameters
    ----------
    tagger : KmerTagger
        In evaluation mode; moved to the device.
    device : torch.device
        Where it runs.
    threads : int
        Number of CPU threads.
    """

    def __init__(self, tagger: KmerTagger, device: torch.device, threads: int = 1) -> None:
        self.tagger = tagger.to(device)
        self.device = device
        self.workers = threads if device.type == "cpu" else 1
        self.stride = tagger.config.stride

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
        n_scores = len(self.tagger.grammar.scores)
        results = [np.empty((s.end - s.start, n_scores), np.float32) for s in spans]
        sites: list[list[tuple[np.ndarray, ...]]] = [[] for _ in spans]
        tiles = [tile for number, span in enumerate(spans) for tile in self._tiles(number, span)]

        def work(batch: list[_Tile]) -> list[tuple[np.ndarray, ...]]:
            scores, found = self._forward(batch, spans, features)
            for tile, of_tile in zip(batch, scores, strict=True):
                kept = of_tile[tile.start - tile.low : tile.end - tile.low]
                low = spans[tile.span].start
                results[tile.span][tile.start - low : tile.end - low] = kept
                if done is not None:
                    done(tile.end - tile.start)
            return found

        limit = (BATCH_STEPS if self.device.type == "cpu" else GPU_BATCH_STEPS) * self.stride
        groups = [
            [tiles[i] for i in batch] for batch in batches([t.high - t.low for t in tiles], limit)
        ]
        with self._pool() as pool:
            for batch, found in zip(groups, pool.map(work, groups), strict=True):
                for tile, of_tile in zip(batch, found, strict=True):
                    sites[tile.span].append(of_tile)
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
            place, column, seen, extra = (
                torch.from_numpy(x).to(self.device)
                for x in (chunk.place, chunk.column, chunk.seen, extra)
            )
            with torch.inference_mode():
                at_sites = self.tagger.score(Sites(place, place, column, seen), extra)
            chunk.scores[chunk.place, chunk.column] = at_sites.float().cpu().numpy()

        if self.tagger.site is not None:
            with self._pool() as pool:
                for _ in pool.map(work, encoded, features):
                    pass

    @contextmanager
    def _pool(self) -> Iterator[ThreadPoolExecutor]:
        """Threads that run one core each."""
        pool = ThreadPoolExecutor(self.workers, initializer=torch.set_num_threads, initargs=(1,))
        with torch_threads(1), pool:
            yield pool

    def _no_sites(self) -> tuple[np.ndarray, ...]:
        site = self.tagger.config.site
        none = np.zeros(0, np.int32)
        return none, none, np.zeros((0, site.hidden if site else 0), np.float32)

    def _tiles(self, number: int, span: Span) -> Iterator[_Tile]:
        """Cut a stretch into tiles with their margins."""
        margin = MARGIN * self.stride
        bounds = split((span.end - span.start) // self.stride, CORE)
        for low, high in pairwise(span.start + bound * self.stride for bound in bounds):
            if low < high:
                begin, stop = max(low - margin, 0), min(high + margin, len(span.symbols))
                yield _Tile(number, begin, stop, low, high)

    def _forward(
        self, batch: list[_Tile], spans: Sequence[Span], features: Sequence[Features]
    ) -> tuple[list[np.ndarray], list[tuple[np.ndarray, ...]]]:
        """Run a batch; where it does not fit into memory, run its halves.

        Returns for each tile its scores, (L, C), and its sites: place in the stretch, column,
        what is seen.
        """
        width = max(t.high - t.low for t in batch)
        symbols = np.zeros((len(batch), width), np.uint8)
        flags = np.zeros((len(batch), width), np.uint8)
        extra = np.zeros((len(batch), width, self.tagger.config.features), np.float32)
        for i, tile in enumerate(batch):
            span, n = spans[tile.span], tile.high - tile.low
            symbols[i, :n] = span.symbols[tile.low : tile.high]
            flags[i, :n] = span.flags[tile.low : tile.high]
            extra[i, :n] = features[tile.span](span.symbols, span.flags, tile.low, tile.high)
        lengths = torch.tensor([t.high - t.low for t in batch])
        inputs = (torch.from_numpy(symbols), torch.from_numpy(flags), torch.from_numpy(extra),
                  lengths)  # fmt: skip
        try:
            with torch.inference_mode(), mixed_precision(self.device):
                scores, sites = self.tagger.encode(*(x.to(self.device) for x in inputs))
            return list(scores.float().cpu().numpy()), self._of_rows(batch, spans, sites)
        except torch.cuda.OutOfMemoryError:
            if len(batch) == 1:
                raise
            torch.cuda.empty_cache()
        middle = len(batch) // 2
        first, second = (
            self._forward(part, spans, features) for part in (batch[:middle], batch[middle:])
        )
        return first[0] + second[0], first[1] + second[1]

    def _of_rows(
        self, batch: list[_Tile], spans: Sequence[Span], sites: Sites | None
    ) -> list[tuple[np.ndarray, ...]]:
        """Sort sites by tile; those in the margins are dropped."""
        if sites is None:
            return [self._no_sites() for _ in batch]
        row, place, column = (x.int().cpu().numpy() for x in sites[:3])
        seen = sites.seen.float().cpu().numpy()
        result: list[tuple[np.ndarray, ...]] = []
        for i, tile in enumerate(batch):
            at = place + tile.low
            mine = np.flatnonzero((row == i) & (at >= tile.start) & (at < tile.end))
            result.append((at[mine] - spans[tile.span].start, column[mine], seen[mine]))
        return result

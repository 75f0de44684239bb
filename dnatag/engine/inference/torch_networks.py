"""Networks of torch that are run, on any device; see :mod:`dnatag.engine.inference.networks`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor

from dnatag.engine.devices import mixed_precision, torch_pool
from dnatag.engine.networks.kmer_tagger import KmerTagger, Sites
from dnatag.engine.networks.token_tagger import TokenTagger
from dnatag.native.networks import Read, Tile

__all__ = ["TorchKmers", "TorchTokens"]


class TorchKmers:
    """A :class:`dnatag.engine.inference.networks.KmerRunner` of torch.

    Parameters
    ----------
    tagger : KmerTagger
        In evaluation mode; moved to the device.
    device : str
        Where it runs.
    """

    independent = False

    def __init__(self, tagger: KmerTagger, device: str) -> None:
        self.device = torch.device(device)
        self.tagger = tagger.to(self.device)
        # On the CPU few: tensors that are not taken from the heap but mapped anew for each batch
        # cost half as much time again.
        self.batch = 3 if self.device.type == "cpu" else 32

    def pool(self, threads: int) -> AbstractContextManager[ThreadPoolExecutor]:
        """See :class:`dnatag.engine.inference.networks.KmerRunner`."""
        return torch_pool(threads, self.device)

    def read(self, tiles: Sequence[Tile]) -> list[Read]:
        """See :class:`dnatag.engine.inference.networks.KmerRunner`.

        Where they do not fit into the device's memory together, halves of them are read.
        """
        lengths = [len(tile.symbols) for tile in tiles]
        shape = len(tiles), max(lengths)
        symbols, flags = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        features = np.zeros((*shape, self.tagger.config.features), np.float32)
        for i, (tile, n) in enumerate(zip(tiles, lengths, strict=True)):
            symbols[i, :n], flags[i, :n], features[i, :n] = tile.symbols, tile.bits, tile.features
        inputs = [torch.from_numpy(x) for x in (symbols, flags, features)]
        try:
            with torch.inference_mode(), mixed_precision(self.device):
                scores, sites = self.tagger.encode(
                    *(x.to(self.device) for x in (*inputs, torch.tensor(lengths)))
                )
            return self._of_rows(tiles, scores.float().cpu().numpy(), sites)
        except torch.cuda.OutOfMemoryError:
            if len(tiles) == 1:
                raise
            torch.cuda.empty_cache()
        middle = len(tiles) // 2
        return self.read(tiles[:middle]) + self.read(tiles[middle:])

    def score(self, column: np.ndarray, seen: np.ndarray, features: np.ndarray) -> np.ndarray:
        """See :class:`dnatag.engine.inference.networks.KmerRunner`."""
        at, what, extra = (torch.from_numpy(x).to(self.device) for x in (column, seen, features))
        with torch.inference_mode():
            scores: np.ndarray = (
                self.tagger.score(Sites(at, at, at, what), extra).float().cpu().numpy()
            )
        return scores

    def _of_rows(
        self, tiles: Sequence[Tile], scores: np.ndarray, sites: Sites | None
    ) -> list[Read]:
        """Sort scores and sites by tile; those in the margins are dropped."""
        none = np.zeros(0, np.int32)
        row, place, column, seen = none, none, none, np.zeros((0, 0), np.float32)
        if sites is not None:
            row, place, column = (x.int().cpu().numpy() for x in sites[:3])
            seen = sites.seen.float().cpu().numpy()
        result = []
        for i, tile in enumerate(tiles):
            mine = np.flatnonzero((row == i) & (place >= tile.start) & (place < tile.end))
            kept = scores[i, tile.start : tile.end]
            result.append(Read(kept, place[mine] - tile.start, column[mine], seen[mine]))
        return result


class TorchTokens:
    """A :class:`dnatag.engine.inference.networks.TokenRunner` of torch.

    Parameters
    ----------
    networks : sequence of TokenTagger
        In evaluation mode; moved to the device.
    device : str
        Where they run.
    """

    def __init__(self, networks: Sequence[TokenTagger], device: str) -> None:
        self.device = torch.device(device)
        self.networks = [network.to(self.device) for network in networks]

    def pool(self, threads: int) -> AbstractContextManager[ThreadPoolExecutor]:
        """See :class:`dnatag.engine.inference.networks.TokenRunner`."""
        return torch_pool(threads, self.device)

    def prepare(
        self, categories: np.ndarray, features: np.ndarray, parts: np.ndarray
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See :class:`dnatag.engine.inference.networks.TokenRunner`."""
        first, second, third = (torch.from_numpy(x) for x in (categories, features, parts))
        return first.long(), second, third.long()

    def scores(
        self, prepared: tuple[Tensor, Tensor, Tensor], rows: np.ndarray, lengths: np.ndarray
    ) -> np.ndarray:
        """See :class:`dnatag.engine.inference.networks.TokenRunner`."""
        there = torch.arange(int(lengths.max(initial=0))) < torch.from_numpy(lengths)[:, None]
        which = torch.from_numpy(rows)

        def pad(of_tokens: Tensor) -> Tensor:
            padded = of_tokens.new_zeros(*there.shape, of_tokens.shape[1])
            padded[there] = of_tokens[which]
            return padded.to(self.device)

        inputs = [pad(x) for x in prepared]
        ends = torch.from_numpy(lengths).to(self.device)
        with torch.inference_mode():
            # The mean of scores: the geometric mean of what the networks find probable.
            scores = torch.stack([f(*inputs, ends).float() for f in self.networks]).mean(0)
        found: np.ndarray = scores.cpu()[there].numpy()
        return found

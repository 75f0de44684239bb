"""Encoding tiles with a torch network."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager

import numpy as np
import torch

from dnatag.engine.devices import Halving, mixed_precision, one_core_threads
from dnatag.engine.inference.tiles import EncodedTile, Tile
from dnatag.engine.networks.kmer_tagger import KmerTagger, Sites

__all__ = ["TorchEncoder"]

#: Steps of a batch, three tiles on the CPU, where tensors that are not taken from the heap but
#: mapped anew for each batch would cost half as much time again.
BATCH_STEPS, GPU_BATCH_STEPS = 3 * 12800, 32 * 12800


class TorchEncoder:
    """Runs a tagger over tiles; see :class:`dnatag.engine.inference.tiles.TileEncoder`.

    Parameters
    ----------
    tagger : KmerTagger
        In evaluation mode; moved to the device.
    device : torch.device
        Where it runs.
    """

    def __init__(self, tagger: KmerTagger, device: torch.device) -> None:
        self.tagger = tagger.to(device)
        self.device = device
        self.stride = tagger.config.stride
        self.n_scores = len(tagger.grammar.scores)
        site = tagger.config.site
        self.site_size = 0 if site is None else site.hidden
        self.batch_steps = BATCH_STEPS if device.type == "cpu" else GPU_BATCH_STEPS

    def pool(self, threads: int) -> AbstractContextManager[Executor]:
        """Return threads of one core each, since LSTMs gain next to nothing from several."""
        return one_core_threads(threads)

    def encode(self, tiles: Sequence[Tile]) -> list[EncodedTile]:
        """Run the network over tiles, fewer at once where they do not fit into memory.

        Raises
        ------
        DnatagError
            If a single tile does not fit into memory.
        """
        halving = Halving(self.device, "tile of a sequence", "use the device cpu")
        parts = halving.run(lambda first, last: self._encode(tiles[first:last]), len(tiles))
        return [encoded for part in parts for encoded in part]

    def score(self, column: np.ndarray, hidden: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Score sites."""
        inputs = [torch.from_numpy(x).to(self.device) for x in (column, hidden, features)]
        with torch.inference_mode():
            scores: np.ndarray = self.tagger.score(*inputs).float().cpu().numpy()
        return scores

    def _encode(self, tiles: Sequence[Tile]) -> list[EncodedTile]:
        lengths = [len(tile.symbols) for tile in tiles]
        shape = len(tiles), max(lengths)
        symbols, flags = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        features = np.zeros((*shape, self.tagger.config.features), np.float32)
        for i, (tile, n) in enumerate(zip(tiles, lengths, strict=True)):
            symbols[i, :n], flags[i, :n], features[i, :n] = tile[:3]
        arrays = (symbols, flags, features, np.array(lengths))
        with torch.inference_mode(), mixed_precision(self.device):
            scores, sites = self.tagger.encode(
                *(torch.from_numpy(x).to(self.device) for x in arrays)
            )
        wanted = [
            row[tile.start : tile.end]
            for tile, row in zip(tiles, scores.float().cpu().numpy(), strict=True)
        ]
        return [
            EncodedTile(part, *of_tile)
            for part, of_tile in zip(wanted, self._sites(tiles, sites), strict=True)
        ]

    def _sites(
        self, tiles: Sequence[Tile], sites: Sites | None
    ) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Sort sites by tile; those in the margins are dropped."""
        if sites is None:
            none = np.zeros(0, np.int32)
            return [(none, none, np.zeros((0, 0), np.float32))] * len(tiles)
        row, position, column = (x.int().cpu().numpy() for x in sites[:3])
        hidden = sites.hidden.float().cpu().numpy()
        result = []
        for i, tile in enumerate(tiles):
            own = np.flatnonzero((row == i) & (position >= tile.start) & (position < tile.end))
            result.append((position[own] - np.int32(tile.start), column[own], hidden[own]))
        return result

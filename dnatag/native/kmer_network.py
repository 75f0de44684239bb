"""The tagger of letters on the CPU: what the torch module computes in evaluation, without torch.

What comes out does not depend on what else is in a batch, to the last bit. A network is
read-only once made: any number of threads may use it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dnatag.errors import DnatagError
from dnatag.native.kernels import Kernels, aligned, padded
from dnatag.native.library import array, function, pointer
from dnatag.native.tiles import EncodedTile, Tile

__all__ = ["KmerNetwork"]

_INT, _LONG, _ARRAY = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p

_KMER_NUMBERS = (
    "set", "symbols", "letters", "kmer", "embedding", "stride", "hidden", "units", "own", "width",
    "scores", "head_columns", "features", "before", "behind", "site_embedding", "site_hidden",
    "site_columns",
)  # fmt: skip
_KMER_ARRAYS = (
    "spread", "letter", "mirror", "turned", "vectors", "inputs", "bias", "tables", "of_features",
    "recurrent", "head", "site_vectors", "site_bias", "context", "view", "score_features", "score",
    "score_bias", "last", "last_bias",
)  # fmt: skip


class _KmerNetwork(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int32) for name in _KMER_NUMBERS),
        *((name, ctypes.c_void_p) for name in _KMER_ARRAYS),
    )


class _KmerTile(ctypes.Structure):
    _fields_ = (
        ("symbols", ctypes.c_void_p),
        ("features", ctypes.c_void_p),
        ("length", ctypes.c_int64),
        ("start", ctypes.c_int64),
        ("end", ctypes.c_int64),
        ("sites", ctypes.c_int64 * 2),
        ("place", ctypes.c_void_p),
        ("scores", ctypes.c_void_p),
        ("seen", ctypes.c_void_p),
    )


#: Tiles that are read at once: the states of more do not stay in the cache.
_AT_ONCE = 48


def _of_steps(
    kernels: Kernels, weights: Mapping[str, np.ndarray], config: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Arrays of the LSTM and of what enters it, laid out for the kernels."""
    stride, hidden, embedding = config["stride"], config["hidden"], config["embedding"]
    head, bias = weights["head.weight"], weights["head.bias"]
    # What enters at a place of a step goes to the gates and past them to the head.
    gates = weights["encoder.ahead.0.weight_ih_l0"].T
    columns = kernels.widen(np.concatenate([kernels.gates(gates), head[:, 2 * hidden :].T], axis=1))
    of_gates = weights["encoder.ahead.0.bias_ih_l0"] + weights["encoder.ahead.0.bias_hh_l0"]
    first = kernels.widen(np.concatenate([kernels.gates(of_gates), bias]))
    by_place = columns.reshape(stride, -1, columns.shape[1])
    inputs = [kernels.pack(place[:embedding]) for place in by_place]
    vectors = array(weights["embedding.weight"], np.float32)
    none = np.zeros(len(first), np.float32)
    tables = aligned(
        np.broadcast_to(
            np.stack([first, *[none] * (stride - 1)])[:, None], (stride, len(vectors), len(first))
        )
    )
    for table, packed in zip(tables, inputs, strict=True):
        kernels.add_product(vectors, packed, table)
    both = np.concatenate([head[:, :hidden], head[:, hidden : 2 * hidden]])
    return {
        "vectors": vectors,
        "inputs": aligned(np.stack(inputs)),
        "bias": first,
        "tables": tables,
        "of_features": aligned(by_place[:, embedding:]),
        "recurrent": kernels.recurrent(weights["encoder.ahead.0.weight_hh_l0"]),
        "head": kernels.pack(both.T),
    }


def _of_sites(
    kernels: Kernels, weights: Mapping[str, np.ndarray], site: Mapping[str, Any], stride: int
) -> dict[str, np.ndarray]:
    """Arrays of the head of sites, laid out for the kernels."""
    # Vectors of k-mers around sites are copied eight numbers at a time.
    view = weights["site.view.weight"].T.reshape(-1, site["embedding"], site["hidden"])
    view = np.moveaxis(padded(np.moveaxis(view, 1, 2), 8), 2, 1)
    context = [kernels.pack(weights[f"site.context.{place}.weight"].T) for place in range(stride)]
    return {
        "site_vectors": padded(weights["site.embedding.weight"], 8),
        "site_bias": kernels.widen(weights["site.view.bias"]),
        "context": aligned(np.stack(context)),
        "view": kernels.pack(view.reshape(-1, view.shape[2])),
        "score_features": kernels.pack(weights["site.features.weight"].T),
        "score": kernels.pack(weights["site.out.1.weight"].T),
        "score_bias": kernels.widen(weights["site.out.1.bias"]),
        "last": kernels.pack(weights["site.out.3.weight"].T),
        "last_bias": kernels.widen(weights["site.out.3.bias"]),
    }


class KmerNetwork:
    """The tagger of letters: :class:`dnatag.engine.networks.kmer_tagger.KmerTagger` with a mirror.

    One layer, with a head of sites.

    Parameters
    ----------
    weights : mapping of str to numpy.ndarray
        By name; others than the network's are left alone.
    config : mapping
        Of the ``TaggerConfig``.
    spread : numpy.ndarray
        float32 (symbols, letters), the letters that each symbol may stand for.
    mirror : tuple of (sequence of int, sequence of int, sequence of int)
        Symbols, property words and order of features as seen from the other end.
    instructions : str or None
        The instruction set, see :func:`dnatag.native.kernels.instruction_sets`; None for the best.

    Raises
    ------
    DnatagError
        If the network is of another kind.
    KeyError, ValueError
        If weights are missing or of another shape.
    """

    def __init__(
        self,
        weights: Mapping[str, np.ndarray],
        config: Mapping[str, Any],
        spread: np.ndarray,
        mirror: tuple[Sequence[int], Sequence[int], Sequence[int]],
        instructions: str | None = None,
    ) -> None:
        if config["layers"] != 1 or config["site"] is None:
            raise DnatagError(
                "the native core reads k-mers with one layer and a head of sites only"
            )
        site = config["site"]
        kernels = Kernels(instructions)
        weights = {name: np.asarray(w, np.float32) for name, w in weights.items()}
        own = len(weights["head.bias"])
        self._bit = site["flag"]
        self._mirror_flags = np.array(mirror[1], np.uint8)
        self._own_scores = own // config["stride"] + 1
        self._arrays = {
            "spread": array(spread, np.float32),
            "letter": np.where((spread == 1).any(1), spread.argmax(1), -1).astype(np.int8),
            "mirror": np.array(mirror[0], np.uint8),
            "turned": np.array(mirror[2], np.int32),
            **_of_steps(kernels, weights, config),
            **_of_sites(kernels, weights, site, config["stride"]),
        }
        numbers = {
            "set": kernels.set, "symbols": len(spread), "letters": spread.shape[1],
            "kmer": config["kmer"], "embedding": config["embedding"], "stride": config["stride"],
            "hidden": config["hidden"], "units": kernels.whole(config["hidden"]), "own": own,
            "width": len(self._arrays["bias"]), "scores": self._own_scores,
            "head_columns": kernels.whole(2 * own), "features": config["features"],
            "before": site["before"], "behind": site["behind"],
            "site_embedding": self._arrays["site_vectors"].shape[1],
            "site_hidden": site["hidden"], "site_columns": kernels.whole(site["hidden"]),
        }  # fmt: skip
        self._network = _KmerNetwork(
            **numbers, **{name: pointer(x) for name, x in self._arrays.items()}
        )
        self._read = function("dnatag_read_kmers", _ARRAY, _LONG, _ARRAY, result=_INT)
        self._score = function(
            "dnatag_score_sites", _ARRAY, _LONG, _ARRAY, _ARRAY, _ARRAY, _ARRAY, result=_INT
        )

    @property
    def n_scores(self) -> int:
        """Number of scores of a position, C."""
        return int(2 * self._own_scores)

    def encode(self, tiles: Sequence[Tile]) -> list[EncodedTile]:
        """Encode a batch of tiles.

        It takes about 2 kB for each position of the longest tile that is wanted, and is fastest
        with ten or more tiles of similar length.

        Parameters
        ----------
        tiles : sequence of Tile
            In any order.

        Returns
        -------
        list of EncodedTile
            One for each tile.
        """
        tiles = [
            Tile(
                array(tile.symbols, np.uint8),
                array(tile.flags, np.uint8),
                array(tile.features, np.float32),
                tile.start,
                tile.end,
            )
            for tile in tiles
        ]
        results = [self._result(tile) for tile in tiles]
        order = sorted(range(len(tiles)), key=lambda i: -len(tiles[i].symbols))
        for first in range(0, len(tiles), _AT_ONCE):
            some = order[first : first + _AT_ONCE]
            self._fill([tiles[i] for i in some], [results[i] for i in some])
        return results

    def _fill(self, tiles: Sequence[Tile], results: Sequence[EncodedTile]) -> None:
        """Read tiles, whose lengths do not increase, into their results."""
        given = (_KmerTile * len(tiles))()
        for entry, tile, result in zip(given, tiles, results, strict=True):
            entry.symbols, entry.features = pointer(tile.symbols), pointer(tile.features)
            entry.length, entry.start, entry.end = len(tile.symbols), tile.start, tile.end
            back = int(np.count_nonzero(result.column >= self._own_scores))
            entry.sites[:] = len(result.column) - back, back
            entry.place, entry.scores = pointer(result.position), pointer(result.scores)
            entry.seen = pointer(result.hidden)
        if self._read(ctypes.byref(self._network), len(tiles), given) < 0:
            raise MemoryError

    def score(self, column: np.ndarray, hidden: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Score sites.

        Parameters
        ----------
        column, hidden : numpy.ndarray
            int (M,) and float32 (M, hidden), as they were encoded, or some of them.
        features : numpy.ndarray
            float32 (M, F), of their positions; not necessarily what the encoder was given.

        Returns
        -------
        numpy.ndarray
            float32 (M,).
        """
        back = array(column >= self._own_scores, np.uint8)
        hidden, features = array(hidden, np.float32), array(features, np.float32)
        of_sites = self._network.site_hidden, self._network.features
        if (hidden.shape, features.shape) != ((len(back), of_sites[0]), (len(back), of_sites[1])):
            raise ValueError(f"{len(back)} sites have {hidden.shape} and {features.shape}")
        scores = np.empty(len(back), np.float32)
        status = self._score(
            ctypes.byref(self._network), len(back), pointer(back), pointer(hidden),
            pointer(features), pointer(scores),
        )  # fmt: skip
        if status < 0:
            raise MemoryError
        return scores

    def _result(self, tile: Tile) -> EncodedTile:
        """Find the sites of a tile and make room for what is to be read."""
        if len(tile.symbols) % self._network.stride or not (
            0 <= tile.start <= tile.end <= len(tile.symbols) == len(tile.flags)
        ):
            raise ValueError("a tile must have whole steps, and its wanted part lie inside")
        if tile.features.shape != (len(tile.symbols), self._network.features):
            raise ValueError(f"features of shape {tile.features.shape} do not fit the tile")
        if tile.symbols.max(initial=0) >= self._network.symbols:
            raise ValueError(f"there is no symbol {tile.symbols.max()}")
        flags = tile.flags[tile.start : tile.end]
        ahead, back = (
            np.flatnonzero(of_strand & self._bit).astype(np.int32)
            for of_strand in (flags, self._mirror_flags[flags])
        )
        n = len(ahead) + len(back)
        column = np.full(n, self._own_scores - 1, np.int32)
        column[len(ahead) :] += self._own_scores
        return EncodedTile(
            np.zeros((len(flags), 2 * self._own_scores), np.float32),
            np.concatenate([ahead, back]),
            column,
            np.empty((n, self._network.site_hidden), np.float32),
        )

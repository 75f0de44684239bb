"""The networks on the CPU: what the torch modules compute in evaluation mode, without torch.

Both are made of the weights of a model file, by the names they have there (those of the torch
modules' ``state_dict``), and the configuration as plain types. They are read-only once made: any
number of threads may use one. What comes out does not depend on what else is in a batch, to the
last bit.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from dnatag.errors import DnatagError
from dnatag.native.library import array, function, pointer
from dnatag.native.tiles import EncodedTile, Tile

__all__ = ["Kernels", "KmerNetwork", "TokenNetwork", "instruction_sets"]

Weights = Mapping[str, np.ndarray]

_INT, _LONG, _ARRAY = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p


@cache
def instruction_sets() -> dict[str, int]:
    """Return the instruction sets of this machine, best first, and their numbers in the library."""
    name, found, number = function("dnatag_instructions", _INT, result=ctypes.c_char_p), {}, 0
    lanes = function("dnatag_lanes", _INT, result=_INT)
    while (text := name(number)) is not None:
        if lanes(number):
            found[text.decode()] = number
        number += 1
    return found


class Kernels:
    """The kernels of an instruction set, and how they want weights laid out.

    Parameters
    ----------
    instructions : str or None
        Name of the set; None for the best.
    """

    def __init__(self, instructions: str | None) -> None:
        sets = instruction_sets()
        self.set = sets[instructions] if instructions else next(iter(sets.values()))
        self.lanes: int = function("dnatag_lanes", _INT, result=_INT)(self.set)
        self._product = function(
            "dnatag_product", _INT, _LONG, _LONG, _LONG, _ARRAY, _ARRAY, _ARRAY
        )

    def whole(self, columns: int) -> int:
        """Round up to full vectors."""
        return -(-columns // self.lanes) * self.lanes

    def pack(self, matrix: np.ndarray) -> np.ndarray:
        """Lay out the right side of a product, (inner, columns), in panels of four vectors."""
        full = self.widen(matrix)
        panels = np.split(full, range(4 * self.lanes, full.shape[1], 4 * self.lanes), axis=1)
        return _aligned(np.concatenate([panel.ravel() for panel in panels]))

    def widen(self, x: np.ndarray) -> np.ndarray:
        """Add zeros to full vectors along the last axis."""
        return _padded(x, self.lanes)

    def gates(self, x: np.ndarray) -> np.ndarray:
        """Order gate columns, (..., 4 * hidden) by gate, as (block of units, gate, unit)."""
        by_gate = self.widen(x.reshape(*x.shape[:-1], 4, -1))
        blocks = by_gate.reshape(*x.shape[:-1], 4, -1, self.lanes)
        return np.moveaxis(blocks, -3, -2).reshape(*x.shape[:-1], -1)

    def recurrent(self, weight: np.ndarray) -> np.ndarray:
        """Lay out recurrent weights, (4 * hidden, hidden): panels of one block of units each."""
        columns = self.gates(np.asarray(weight, np.float32).T)
        panels = columns.reshape(len(columns), -1, 4 * self.lanes)
        return _aligned(np.moveaxis(panels, 1, 0))

    def product(self, x: np.ndarray, packed: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """Multiply (rows, inner) by packed weights and add a bias of full vectors."""
        x = array(x, np.float32)
        out = _aligned(np.broadcast_to(bias, (len(x), len(bias))))
        self._product(
            self.set, len(x), x.shape[1], len(bias), pointer(x), pointer(packed), pointer(out)
        )
        return out


def _padded(x: np.ndarray, multiple: int) -> np.ndarray:
    """Add zeros along the last axis up to a multiple; float32, in C order."""
    widths = [(0, 0)] * (x.ndim - 1) + [(0, -x.shape[-1] % multiple)]
    return np.pad(np.asarray(x, np.float32), widths)


def _aligned(x: np.ndarray) -> np.ndarray:
    """Copy an array to float32 on a cache line."""
    memory = np.empty(x.size + 16, np.float32)
    first = -memory.ctypes.data % 64 // 4
    out = memory[first : first + x.size].reshape(x.shape)
    out[...] = x
    return out


_KMER_NUMBERS = (
    "set", "symbols", "letters", "kmer", "embedding", "stride", "hidden", "units", "own", "width",
    "channels", "head_columns", "features", "before", "behind", "site_embedding", "site_hidden",
    "site_columns",
)  # fmt: skip
_KMER_ARRAYS = (
    "spread", "letter", "mirror", "turned", "vectors", "inputs", "bias", "tables", "of_features",
    "recurrent", "head", "site_vectors", "site_bias", "context", "view",
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
        ("channels", ctypes.c_void_p),
        ("seen", ctypes.c_void_p),
    )


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
        The instruction set, see :func:`instruction_sets`; None for the best.

    Raises
    ------
    DnatagError
        If the network is of another kind.
    KeyError, ValueError
        If weights are missing or of another shape.
    """

    def __init__(
        self,
        weights: Weights,
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
        self._kernels = kernels = Kernels(instructions)
        self._bit = site["flag"]
        self._mirror_bits = np.array(mirror[1], np.uint8)
        self._turned = np.array(mirror[2], np.int32)
        stride, hidden, extra = config["stride"], config["hidden"], config["features"]
        letters = spread.shape[1]
        weights = {name: np.asarray(w, np.float32) for name, w in weights.items()}
        head, bias = weights["head.weight"], weights["head.bias"]
        own = len(bias)
        self._own_channels = own // stride + 1
        # What enters at a place of a step goes to the gates and past them to the head.
        gates = weights["encoder.ahead.0.weight_ih_l0"].T
        columns = kernels.widen(
            np.concatenate([kernels.gates(gates), head[:, 2 * hidden :].T], axis=1)
        )
        of_gates = weights["encoder.ahead.0.bias_ih_l0"] + weights["encoder.ahead.0.bias_hh_l0"]
        first = kernels.widen(np.concatenate([kernels.gates(of_gates), bias]))
        by_place = columns.reshape(stride, -1, columns.shape[1])
        width, embedding = len(first), config["embedding"]
        inputs = [kernels.pack(place[:embedding]) for place in by_place]
        vectors = array(weights["embedding.weight"], np.float32)
        none = np.zeros(width, np.float32)
        tables = [
            kernels.product(vectors, packed, first if place == 0 else none)
            for place, packed in enumerate(inputs)
        ]
        # Vectors of k-mers around sites are copied eight numbers at a time.
        site_vectors = _padded(weights["site.embedding.weight"], 8)
        view = weights["site.view.weight"].T.reshape(-1, site["embedding"], site["hidden"])
        view = np.moveaxis(_padded(np.moveaxis(view, 1, 2), 8), 2, 1)
        self._arrays = {
            "spread": array(spread, np.float32),
            "letter": np.where((spread == 1).any(1), spread.argmax(1), -1).astype(np.int8),
            "mirror": np.array(mirror[0], np.uint8),
            "turned": self._turned,
            "vectors": vectors,
            "inputs": _aligned(np.stack(inputs)),
            "bias": first,
            "tables": _aligned(np.stack(tables)),
            "of_features": _aligned(by_place[:, embedding:]),
            "recurrent": kernels.recurrent(weights["encoder.ahead.0.weight_hh_l0"]),
            "head": kernels.pack(
                np.concatenate([head[:, :hidden], head[:, hidden : 2 * hidden]]).T
            ),
            "site_vectors": site_vectors,
            "site_bias": kernels.widen(weights["site.view.bias"]),
            "context": _aligned(
                np.stack(
                    [kernels.pack(weights[f"site.context.{q}.weight"].T) for q in range(stride)]
                )
            ),
            "view": kernels.pack(view.reshape(-1, view.shape[2])),
        }
        numbers = {
            "set": kernels.set, "symbols": len(spread), "letters": letters, "kmer": config["kmer"],
            "embedding": embedding, "stride": stride, "hidden": hidden,
            "units": kernels.whole(hidden), "own": own, "width": width,
            "channels": self._own_channels, "head_columns": kernels.whole(2 * own),
            "features": extra, "before": site["before"], "behind": site["behind"],
            "site_embedding": site_vectors.shape[1], "site_hidden": site["hidden"],
            "site_columns": kernels.whole(site["hidden"]),
        }  # fmt: skip
        self._network = _KmerNetwork(
            **numbers, **{name: pointer(x) for name, x in self._arrays.items()}
        )
        self._score = [
            (kernels.pack(weights[name + ".weight"].T), kernels.widen(weights[name + ".bias"]))
            for name in ("site.out.1", "site.out.3")
        ]
        self._of_features = kernels.pack(weights["site.features.weight"].T)
        self._read = function("dnatag_read_kmers", _ARRAY, _LONG, _ARRAY, result=_INT)

    @property
    def n_scores(self) -> int:
        """Number of scores of a position, C."""
        return int(2 * self._own_channels)

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
        given = (_KmerTile * len(tiles))()
        order = sorted(range(len(tiles)), key=lambda i: -len(tiles[i].symbols))
        for entry, i in zip(given, order, strict=True):
            tile, result = tiles[i], results[i]
            entry.symbols, entry.features = pointer(tile.symbols), pointer(tile.features)
            entry.length, entry.start, entry.end = len(tile.symbols), tile.start, tile.end
            back = int(np.count_nonzero(result.column >= self._own_channels))
            entry.sites[:] = len(result.column) - back, back
            entry.place, entry.channels = pointer(result.position), pointer(result.scores)
            entry.seen = pointer(result.hidden)
        if self._read(ctypes.byref(self._network), len(tiles), given) < 0:
            raise MemoryError
        return results

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
        kernels = self._kernels
        if features.shape[1]:
            is_back = (column >= self._own_channels)[:, None]
            features = np.where(is_back, features[:, self._turned], features)
        zeros = np.zeros(self._network.site_columns, np.float32)
        x = kernels.product(features, self._of_features, zeros)[:, : hidden.shape[1]] + hidden
        for packed, bias in self._score:
            x = kernels.product(np.maximum(x, 0)[:, : hidden.shape[1]], packed, bias)
        scores: np.ndarray = x[:, 0].copy()
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
        bits = tile.flags[tile.start : tile.end]
        ahead, back = (
            np.flatnonzero(of_strand & self._bit).astype(np.int32)
            for of_strand in (bits, self._mirror_bits[bits])
        )
        n = len(ahead) + len(back)
        column = np.full(n, self._own_channels - 1, np.int32)
        column[len(ahead) :] += self._own_channels
        return EncodedTile(
            np.zeros((len(bits), 2 * self._own_channels), np.float32),
            np.concatenate([ahead, back]),
            column,
            np.empty((n, self._network.site_hidden), np.float32),
        )


class TokenNetwork:
    """The tagger of tokens: :class:`dnatag.engine.networks.token_tagger.TokenTagger`.

    It takes two steps: :meth:`inputs` is for distinct tokens, of which there are fewer than
    tokens; :meth:`scores` then reads sequences of them.

    Parameters
    ----------
    weights : mapping of str to numpy.ndarray
        By name, of one network; float16 ones are taken as float32.
    config : mapping
        Of the ``TokenTaggerConfig``.
    instructions : str or None
        The instruction set, see :func:`instruction_sets`; None for the best.

    Raises
    ------
    KeyError, ValueError
        If weights are missing or of another shape.
    """

    def __init__(
        self, weights: Weights, config: Mapping[str, Any], instructions: str | None = None
    ) -> None:
        self._kernels = kernels = Kernels(instructions)
        weights = {name: np.asarray(w, np.float32) for name, w in weights.items()}
        self._embeddings = [
            weights[f"embeddings.{i}.weight"] for i in range(len(config["categories"]))
        ]
        parts = config["parts"]
        self._parts = None if parts is None else _PARTS[parts["encoder"]](kernels, weights)
        self._layers = [
            _BiLSTM(kernels, weights, "encoder.", layer) for layer in range(config["layers"])
        ]
        self._head = kernels.pack(weights["head.weight"].T)
        self._bias = kernels.widen(weights["head.bias"])
        self._n_channels = len(weights["head.bias"])

    def inputs(self, categories: np.ndarray, features: np.ndarray, parts: np.ndarray) -> np.ndarray:
        """Compute what tokens enter the gates of the first layer as.

        Parameters
        ----------
        categories : numpy.ndarray
            int (D, number of categories).
        features : numpy.ndarray
            float (D, features).
        parts : numpy.ndarray
            int (D, W), 0 behind the last part of a token.

        Returns
        -------
        numpy.ndarray
            float32 (D, columns).
        """
        seen = [table[categories[:, i]] for i, table in enumerate(self._embeddings)]
        seen.append(np.asarray(features, np.float32))
        if self._parts is not None:
            seen.append(self._parts(parts))
        return self._layers[0].gates(np.concatenate(seen, axis=1))

    def scores(self, inputs: np.ndarray, tokens: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Give the scores of sequences.

        Parameters
        ----------
        inputs : numpy.ndarray
            float32 (D, columns), what tokens enter as.
        tokens : numpy.ndarray
            int (N,), the row of `inputs` of each token, sequence after sequence.
        lengths : numpy.ndarray
            int (B,), tokens of each sequence; their sum is N.

        Returns
        -------
        numpy.ndarray
            float32 (N, C).
        """
        tokens, lengths = array(tokens, np.int32), array(lengths, np.int32)
        if len(tokens) != lengths.sum() or (
            len(tokens) and not 0 <= tokens.min() <= tokens.max() < len(inputs)
        ):
            raise ValueError("tokens fit neither the lengths of the sequences nor the inputs")
        offsets = np.cumsum(lengths, dtype=np.int64) - lengths
        first, *others = self._layers
        encoded = first.run(array(inputs, np.float32), tokens, offsets, lengths)
        own = np.arange(len(encoded), dtype=np.int32)
        for layer in others:
            encoded = layer.run(layer.gates(encoded), own, offsets, lengths)
        return self._kernels.product(encoded, self._head, self._bias)[:, : self._n_channels]


class _BiLSTM:
    """One layer in both directions; `name` and `layer` tell its weights."""

    def __init__(self, kernels: Kernels, weights: Weights, name: str, layer: int = 0) -> None:
        def both(part: str) -> list[np.ndarray]:
            return [weights[f"{name}{way}.{layer}.{part}"] for way in ("ahead", "back")]

        self._kernels = kernels
        self.hidden = both("weight_hh_l0")[0].shape[1]
        self.units = kernels.whole(self.hidden)
        inputs = [kernels.gates(w.T) for w in both("weight_ih_l0")]
        self._inputs = kernels.pack(np.concatenate(inputs, axis=1))
        biases = zip(both("bias_ih_l0"), both("bias_hh_l0"), strict=True)
        self._bias = np.concatenate([kernels.gates(a + b) for a, b in biases])
        self._recurrent = [kernels.recurrent(w) for w in both("weight_hh_l0")]
        self._lstm = function(
            "dnatag_lstm", _INT, _INT, _INT, _ARRAY, _LONG, _ARRAY, _ARRAY, _ARRAY, _ARRAY, _LONG,
            _INT, _INT, _ARRAY, _LONG, result=_INT,
        )  # fmt: skip

    def gates(self, x: np.ndarray) -> np.ndarray:
        """Turn input vectors, (N, width), into gate inputs, (N, 2 * 4 * units)."""
        return self._kernels.product(x, self._inputs, self._bias)

    def run(
        self,
        gates: np.ndarray,
        items: np.ndarray,
        offsets: np.ndarray,
        lengths: np.ndarray,
        last: bool = False,
    ) -> np.ndarray:
        """Run it over sequences of items, int32 (N,), which are rows of `gates`.

        Those of a sequence stand together from its offset, int64 (B,), on; lengths are int32
        (B,). Returns hidden states ahead and back, (N, 2 * hidden), or with `last` those at the
        ends that the directions come to, (B, 2 * hidden), zeros for empty sequences.
        """
        order = np.argsort(-lengths, kind="stable")
        out = np.zeros((len(lengths) if last else len(items), 2, self.hidden), np.float32)
        offsets, lengths = offsets[order], lengths[order]
        for back, weights in enumerate(self._recurrent):
            status = self._lstm(
                self._kernels.set, self.hidden, self.units, pointer(weights), len(lengths),
                pointer(offsets), pointer(lengths), pointer(items),
                gates.ctypes.data + 16 * self.units * back, 8 * self.units, back, last,
                out.ctypes.data + 4 * self.hidden * back, 2 * self.hidden,
            )  # fmt: skip
            if status < 0:
                raise MemoryError
        if last:
            ordered = out
            out = np.empty_like(out)
            out[order] = ordered
        return out.reshape(len(out), 2 * self.hidden)


class _LettersLSTM:
    """Parts of tokens to vectors: the last states of a BiLSTM."""

    def __init__(self, kernels: Kernels, weights: Weights) -> None:
        self._lstm = _BiLSTM(kernels, weights, "parts.lstm.")
        self._table = self._lstm.gates(weights["parts.embedding.weight"])

    def __call__(self, parts: np.ndarray) -> np.ndarray:
        parts = _checked(parts, len(self._table))
        offsets = np.arange(len(parts), dtype=np.int64) * parts.shape[1]
        lengths = np.count_nonzero(parts, axis=1).astype(np.int32)
        return self._lstm.run(self._table, parts.reshape(-1), offsets, lengths, last=True)


class _LettersCNN:
    """Parts of tokens to vectors: the largest of each filter over three neighbours."""

    def __init__(self, kernels: Kernels, weights: Weights) -> None:
        filters = weights["parts.filters.weight"]
        none = np.zeros(kernels.whole(len(filters)), np.float32)
        # Beyond the ends of a token there is nothing, as there is at symbol 0.
        embedding = weights["parts.embedding.weight"].copy()
        embedding[0] = 0
        tables = [
            kernels.product(embedding, kernels.pack(w), none)
            for w in np.moveaxis(filters, 2, 0).swapaxes(1, 2)
        ]
        self._table = array(np.stack(tables)[..., : len(filters)], np.float32)
        self._bias = array(weights["parts.filters.bias"], np.float32)
        self._filters = function(
            "dnatag_filters", _LONG, _LONG, _ARRAY, _LONG, _LONG, _ARRAY, _ARRAY, _ARRAY
        )

    def __call__(self, parts: np.ndarray) -> np.ndarray:
        parts = _checked(parts, self._table.shape[1])
        out = np.empty((len(parts), len(self._bias)), np.float32)
        self._filters(
            *parts.shape, pointer(parts), *self._table.shape[1:], pointer(self._table),
            pointer(self._bias), pointer(out),
        )  # fmt: skip
        return out


_PARTS: Mapping[str, type[_LettersCNN] | type[_LettersLSTM]] = {
    "cnn": _LettersCNN,
    "lstm": _LettersLSTM,
}


def _checked(parts: np.ndarray, symbols: int) -> np.ndarray:
    if parts.size and not 0 <= parts.min() <= parts.max() < symbols:
        raise ValueError(f"parts must be symbols from 0 to {symbols - 1}")
    return array(parts, np.int32)

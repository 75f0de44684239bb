"""The tagger of tokens on the CPU: what the torch module computes in evaluation, without torch.

What comes out does not depend on what else is in a batch, to the last bit. A network is
read-only once made: any number of threads may use it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np

from dnatag.native.kernels import Kernels
from dnatag.native.library import array, function, pointer

__all__ = ["TokenNetwork"]

Weights = Mapping[str, np.ndarray]

_INT, _LONG, _ARRAY = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p


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
        The instruction set, see :func:`dnatag.native.kernels.instruction_sets`; None for the best.

    Raises
    ------
    KeyError, ValueError
        If weights are missing or of another shape.
    """

    def __init__(
        self,
        weights: Weights,
        config: Mapping[str, Any],
        instructions: str | None = None,
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
        self._n_scores = len(weights["head.bias"])

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
        return self._kernels.product(encoded, self._head, self._bias)[:, : self._n_scores]


class _BiLSTM:
    """One layer in both directions; `name` and `layer` name its weights."""

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

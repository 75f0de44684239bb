"""Vectors of words in their context, from a folder in Hugging Face's layout."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dnatag.engine.networks.bert import Bert, BertConfig
from dnatag.errors import InputError
from dnatag.extras import require

__all__ = ["Encoder", "checksum", "open_encoder"]

#: Types of models that can be read, and the number of the first position in each.
_TYPES = {"bert": 0, "roberta": 2, "xlm-roberta": 2, "camembert": 2}
_FILES = ("config.json", "model.safetensors", "tokenizer.json")
_BLOCK = 1 << 20


def open_encoder(folder: Path, averaged: int | None = None) -> Encoder:
    """Read a language model: ``config.json``, ``model.safetensors`` and ``tokenizer.json``.

    Parameters
    ----------
    folder : Path
        Where these files are. Nothing is ever downloaded.
    averaged : int or None
        The vectors are means over this many last layers; None: from the middle layer on. These
        often describe words best (Tenney, Das and Pavlick 2019,
        https://doi.org/10.18653/v1/P19-1452), the last one what the model was trained to do.

    Raises
    ------
    InputError
        If a file is missing or damaged, or the model is neither BERT nor RoBERTa.
    DnatagError
        If the library tokenizers is not installed.
    """
    for name in _FILES:
        if not (folder / name).is_file():
            raise InputError(f"{folder}: has no {name}, which a language model needs")
    tokenizers = require("tokenizers", "encoder", "a model of words in context")
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        network = Bert(_config(config), _arrays(load_file(folder / "model.safetensors")))
    except (KeyError, ValueError, TypeError, SafetensorError) as error:
        raise InputError(f"{folder}: cannot be read as a language model: {error}") from None
    try:
        pieces = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises no other
        raise InputError(f"{folder}: tokenizer.json cannot be read: {error}") from None
    # Long sentences are read in windows, not cut off.
    pieces.no_truncation()
    pieces.no_padding()
    return Encoder(network, pieces, averaged or network.layers // 2 + 1)


def checksum(folder: Path) -> str:
    """Return the SHA-256 of the weights in a folder.

    Raises
    ------
    InputError
        If there are none.
    """
    digest = hashlib.sha256()
    try:
        with (folder / "model.safetensors").open("rb") as file:
            for block in iter(lambda: file.read(_BLOCK), b""):
                digest.update(block)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{folder}: has no model.safetensors to be read: {reason}") from None
    return digest.hexdigest()


def _config(config: dict[str, Any]) -> BertConfig:
    kind, activation = config["model_type"], config.get("hidden_act", "gelu")
    if kind not in _TYPES:
        raise ValueError(f"it is of type {kind}, and {', '.join(_TYPES)} are known")
    places = config.get("position_embedding_type", "absolute")
    if activation not in ("gelu", "relu") or places != "absolute":
        raise ValueError(f"activation {activation} and positions {places} are not known")
    return BertConfig(
        config["num_attention_heads"], config["layer_norm_eps"], _TYPES[kind], activation
    )


def _arrays(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Bring names into those of today's bare model, whatever head it was saved with."""
    table = "embeddings.word_embeddings.weight"
    prefix = next((name for name in arrays if name.endswith(table)), table).removesuffix(table)
    found = {}
    for name, array in arrays.items():
        if name.startswith(prefix):
            # The first releases of BERT have names of TensorFlow's.
            name = name.replace("LayerNorm.gamma", "LayerNorm.weight")
            found[name.replace("LayerNorm.beta", "LayerNorm.bias").removeprefix(prefix)] = array
    return found


class Encoder:
    """Gives words vectors that depend on the words around them.

    Parameters
    ----------
    network : Bert
        Pieces of words to vectors.
    pieces : tokenizers.Tokenizer
        Words to pieces.
    averaged : int
        The vectors are means over this many last layers.
    """

    def __init__(self, network: Bert, pieces: Any, averaged: int) -> None:
        self._network = network
        self._pieces = pieces
        self.averaged = averaged
        first, *_, last = pieces.encode("a").ids
        self._first, self._last = first, last

    @property
    def width(self) -> int:
        """Length of a vector."""
        return self._network.width

    def __call__(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """Encode sentences; they run through the network together.

        Parameters
        ----------
        sentences : sequence of sequence of str
            The words of each.

        Returns
        -------
        list of numpy.ndarray
            float32 (words, width) of each: the means of the vectors of a word's pieces; zeros for
            a word without any. A sentence with more pieces than the network can read goes through
            it in windows, half of which overlap; each piece counts where it is farther from an
            end.
        """
        encoded = [self._encode(words) for words in sentences]
        windows = [
            (number, piece)
            for number, (ids, _) in enumerate(encoded)
            for piece in _windows(len(ids), self._network.longest - 2)
        ]
        inputs = [
            np.array([self._first, *encoded[number][0][a:b], self._last])
            for number, (a, b, *_) in windows
        ]
        hidden = iter(self._network(inputs, self.averaged) if inputs else [])
        vectors = [np.zeros((len(ids), self.width), np.float32) for ids, _ in encoded]
        for (number, (start, _, a, b)), found in zip(windows, hidden, strict=True):
            vectors[number][a:b] = found[1 + a - start : 1 + b - start]
        return [
            _pool(of, owners, len(words))
            for of, (_, owners), words in zip(vectors, encoded, sentences, strict=True)
        ]

    def _encode(self, words: Sequence[str]) -> tuple[list[int], np.ndarray]:
        """Return the pieces of words and the word of each."""
        # As text, since tokenizers differ in what they make of lists of words.
        starts = np.cumsum([0, *(len(word) + 1 for word in words)])[:-1].tolist()
        found = self._pieces.encode(" ".join(words), add_special_tokens=False)
        owners = [bisect_right(starts, max(end - 1, 0)) - 1 for _, end in found.offsets]
        return found.ids, np.array(owners, int)


def _windows(length: int, size: int) -> Iterable[tuple[int, int, int, int]]:
    """Yield begin and end of windows, and of the part of each that counts."""
    if length <= size:
        if length:
            yield 0, length, 0, length
        return
    step = max(size // 2, 1)
    margin = (size - step) // 2
    for start in range(0, length - size + step, step):
        end = min(start + size, length)
        first = start + margin if start else 0
        last = length if end == length else start + step + margin
        yield start, end, first, last


def _pool(vectors: np.ndarray, owners: np.ndarray, words: int) -> np.ndarray:
    """Return the mean of the vectors of each word's pieces."""
    pooled = np.zeros((words, vectors.shape[1]), np.float32)
    np.add.at(pooled, owners, vectors)
    pooled /= np.maximum(np.bincount(owners, minlength=words), 1)[:, None]
    return pooled

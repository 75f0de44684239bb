"""Texts as numbers, for the classification task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dnatag.domains.text.words import WordFeaturizer
from dnatag.errors import InputError
from dnatag.tasks.features import TokenFeatures

__all__ = ["TextFeaturizer"]


class TextFeaturizer:
    """Encodes texts by their words, see :class:`dnatag.tasks.features.Featurizer`.

    Parameters
    ----------
    words : WordFeaturizer
        What finds words, and encodes them.
    """

    in_context = False

    def __init__(self, words: WordFeaturizer) -> None:
        self.words = words
        # The last row is for words without a vector.
        none = np.zeros((1, words.vectors.shape[1]), words.vectors.dtype)
        self._vectors = np.concatenate([words.vectors, none])
        self._known: dict[str, tuple[int, int, int]] = {}

    def encode(self, tokens: Any) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`; `tokens` is a text.

        Raises
        ------
        InputError
            If it is something else.
        """
        if not isinstance(tokens, str):
            raise InputError(f"cannot classify a {type(tokens).__name__}: give a text (str)")
        numbers = np.array(list(map(self._number, self.words.split(tokens)[0])), np.int32)
        numbers = numbers.reshape(-1, 3)
        features = self._vectors[numbers[:, 2]].astype(np.float32)
        return TokenFeatures(numbers[:, :2], features, np.zeros((len(numbers), 1), np.int32))

    def _number(self, token: str) -> tuple[int, int, int]:
        found = self._known.get(token)
        if found is None:
            word, shape, row = self.words.look_up(token)
            found = (word, shape, -1 if row is None else row)
            # Those that are trained on come again and again.
            if word:
                self._known[token] = found
        return found

    def vary(self, encoded: TokenFeatures, rng: np.random.Generator) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`: rare words may be unknown."""
        return self.words.vary(encoded, rng)

    def first_vectors(self) -> np.ndarray:
        """Return the vectors of known words, float32 (words, D); small random ones for others."""
        found = [self.words.look_up(word)[2] for word in self.words.words]
        rows = np.array([-1, *(-1 if row is None else row for row in found)])
        vectors: np.ndarray = self._vectors[rows].astype(np.float32)
        missing = rows < 0
        missing[0] = False  # the unknown word
        size = (int(missing.sum()), vectors.shape[1])
        vectors[missing] = np.random.default_rng(0).normal(0, 0.3, size)
        return vectors

    def to_arrays(self) -> dict[str, np.ndarray]:
        """See :class:`dnatag.tasks.features.Featurizer`."""
        return self.words.to_arrays()

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> TextFeaturizer:
        """Inverse of :meth:`to_arrays`."""
        return cls(WordFeaturizer.from_arrays(arrays))

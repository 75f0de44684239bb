"""Residues as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from Bio.Align import substitution_matrices

from dnatag.tasks.features import TokenFeatures

__all__ = ["FEATURES", "LETTERS", "ResidueFeaturizer"]

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
#: Properties of the residues, in the order of the letters, about from -1 to 1.
PROPERTIES = np.array(
    [
        # Hydropathy: Kyte and Doolittle 1982, https://doi.org/10.1016/0022-2836(82)90515-0
        [1.8, 2.5, -3.5, -3.5, 2.8, -0.4, -3.2, 4.5, -3.9, 3.8,
         1.9, -3.5, -1.6, -3.5, -4.5, -0.8, -0.7, 4.2, -0.9, -1.3],
        # Free energy of insertion into the membrane in kcal/mol, with the sign reversed: Hessa et
        # al. 2005, https://doi.org/10.1038/nature03216
        [-0.11, 0.13, -3.49, -2.68, 0.32, -0.74, -2.06, 0.60, -2.71, 0.55,
         0.10, -2.05, -2.23, -2.36, -2.58, -0.84, -0.52, 0.31, -0.30, -0.68],
        # Positive and negative charge, aromatic residues at the rim of the membrane.
        [0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0],
        [0, 0, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 4],
    ],
    np.float32,
).T / 4  # fmt: skip
#: Residues over which the properties are averaged: one alone, two turns of a helix, a helix.
WINDOWS = (1, 7, 19)
#: Number of features of a residue.
FEATURES = PROPERTIES.shape[1] * len(WINDOWS)
#: Letters for residues that are like another one.
LIKE = {"U": "C", "O": "K", "B": "D", "Z": "E", "J": "L"}


class ResidueFeaturizer:
    """Encodes residues, see :class:`dnatag.tasks.features.Featurizer`.

    Each is its letter, one-hot (letters that stand for no residue are all zero), and has the
    properties of its surroundings.

    Parameters
    ----------
    mutate : float
        Share of residues that are replaced in training by those that evolution exchanges them for
        (BLOSUM62).
    """

    in_context = True

    def __init__(self, mutate: float) -> None:
        self.mutate = mutate
        self._number = {c: i for i, c in enumerate(LETTERS, 1)}
        self._number |= {c: self._number[like] for c, like in LIKE.items()}

    def encode(self, tokens: Sequence[str]) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`."""
        numbers = np.array([self._number.get(token.upper(), 0) for token in tokens], np.int32)
        return _encoded(numbers)

    def vary(self, encoded: TokenFeatures, rng: np.random.Generator) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`: some residues are others."""
        old = encoded.categories[:, 0]
        hit = np.flatnonzero((rng.random(len(old)) < self.mutate) & (old > 0))
        new = old.copy()
        cumulative = _substitutions()[old[hit] - 1]
        new[hit] = 1 + (rng.random((len(hit), 1)) > cumulative).sum(1)
        return _encoded(new)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """See :class:`dnatag.tasks.features.Featurizer`."""
        return {"mutate": np.array([self.mutate], np.float32)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> ResidueFeaturizer:
        """Inverse of :meth:`to_arrays`."""
        return cls(float(arrays["mutate"][0]))


def _encoded(numbers: np.ndarray) -> TokenFeatures:
    n = len(numbers)
    each = np.concatenate([np.zeros((1, PROPERTIES.shape[1]), np.float32), PROPERTIES])[numbers]
    sums = np.concatenate([np.zeros((1, each.shape[1])), np.cumsum(each, 0, dtype=float)])
    features = []
    for window in WINDOWS:
        low = np.clip(np.arange(n) - window // 2, 0, None)
        high = np.clip(np.arange(n) + window // 2 + 1, None, n)
        features.append((sums[high] - sums[low]) / (high - low)[:, None])
    return TokenFeatures(
        numbers[:, None], np.concatenate(features, 1).astype(np.float32), np.zeros((n, 1), np.int32)
    )


@cache
def _substitutions() -> np.ndarray:
    """For each residue the cumulative probabilities of those that it is exchanged for.

    A score of BLOSUM62 is twice the base 2 logarithm of how much more often a pair is aligned
    than by chance; residues are taken for equally frequent.
    """
    load: Any = substitution_matrices.load
    scores = load("BLOSUM62")
    odds = np.array([[2 ** (scores[a][b] / 2) for b in LETTERS] for a in LETTERS])
    np.fill_diagonal(odds, 0)
    cumulative: np.ndarray = np.cumsum(odds / odds.sum(1, keepdims=True), axis=1)
    # So that no rounding leaves a number above the last.
    cumulative[:, -1] = 1.0
    return cumulative

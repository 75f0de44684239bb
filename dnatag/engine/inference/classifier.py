"""Classifiers of sequences that are run, not trained: NumPy above the runner of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from dnatag.engine.inference.networks import TokenRunner, token_runner
from dnatag.engine.networks.weights import ClassifierWeights

__all__ = ["ClassifierRunner", "pool"]


class ClassifierRunner:
    """Networks that label sequences of tokens; logits are the means of theirs.

    Parameters
    ----------
    members : sequence of ClassifierWeights
        The networks, one or more.
    device : str
        Where they run.

    Raises
    ------
    DnatagError
        If they need torch, which is not installed.
    """

    def __init__(self, members: Sequence[ClassifierWeights], device: str) -> None:
        self._members = [
            (token_runner([member.tokens], device), member.config.units, member.config.pooling,
             np.asarray(member.arrays["labels.weight"], np.float32),
             np.asarray(member.arrays["labels.bias"], np.float32))
            for member in members
        ]  # fmt: skip

    def pool(self, threads: int) -> AbstractContextManager[Executor]:
        """Give threads that may each call it."""
        return self._runners[0].pool(threads)

    def prepare(self, categories: np.ndarray, features: np.ndarray, parts: np.ndarray) -> list[Any]:
        """See :class:`dnatag.engine.inference.networks.TokenRunner`."""
        return [runner.prepare(categories, features, parts) for runner in self._runners]

    def logits(self, prepared: list[Any], rows: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Give the logits of the labels of B sequences.

        Parameters
        ----------
        prepared, rows, lengths
            As for :class:`dnatag.engine.inference.networks.TokenRunner`.

        Returns
        -------
        numpy.ndarray
            float32 (B, labels).
        """
        total = []
        for of_tokens, member in zip(prepared, self._members, strict=True):
            runner, units, pooling, weight, bias = member
            pooled = pool(runner.scores(of_tokens, rows, lengths), lengths, units, pooling)
            # Row by row, so that it does not depend on what else is in the batch.
            total.append(np.stack([weight @ vector for vector in pooled]) + bias)
        mean: np.ndarray = np.mean(total, 0)
        return mean

    @property
    def _runners(self) -> list[TokenRunner]:
        return [member[0] for member in self._members]


def pool(outputs: np.ndarray, lengths: np.ndarray, units: int, pooling: str) -> np.ndarray:
    """Make the vector of each sequence of those of its tokens.

    Parameters
    ----------
    outputs : numpy.ndarray
        float32 (N, units or one more), of the tokens, sequence after sequence.
    lengths : numpy.ndarray
        int (B,), tokens of each sequence; their sum is N.
    units : int
        Length of the vectors.
    pooling : str
        One of :data:`dnatag.engine.networks.configs.POOLINGS`.

    Returns
    -------
    numpy.ndarray
        float32 (B, units); zeros for a sequence without tokens.

    Examples
    --------
    >>> import numpy as np
    >>> outputs = np.arctanh([[0.5, 0.0], [0.1, 0.2], [0.3, 0.3]])
    >>> pool(outputs, np.array([2, 0, 1]), 2, "max").round(3).tolist()
    [[0.5, 0.2], [0.0, 0.0], [0.3, 0.3]]
    """
    vectors = np.zeros((len(lengths), units), outputs.dtype)
    full = np.flatnonzero(lengths)
    if not len(full):
        return vectors
    firsts = (np.cumsum(lengths) - lengths)[full]
    tokens = np.tanh(outputs[:, :units])
    if pooling == "max":
        vectors[full] = np.maximum.reduceat(tokens, firsts)
        return vectors
    weights = np.ones((len(outputs), 1), outputs.dtype)
    if pooling == "attention":
        own = outputs[:, units:]
        highest = np.repeat(np.maximum.reduceat(own, firsts), lengths[full], 0)
        weights = np.exp(own - highest)
    totals = np.add.reduceat(weights, firsts)
    vectors[full] = np.add.reduceat(tokens * weights, firsts) / totals
    return vectors

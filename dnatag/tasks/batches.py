"""Sequences of tokens as training batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from dnatag.engine.batch import Batch
from dnatag.engine.batching import batches
from dnatag.tasks.features import Featurizer, TokenFeatures

__all__ = ["Example", "SequenceBatches", "collate"]

#: Batches of which the sequences are sorted together: of similar lengths, yet in a random order.
_SORTED = 40


class Example(Protocol):
    """A sequence to train on, with what the task wants of it.

    Attributes
    ----------
    encoded : TokenFeatures
        Its tokens.
    weight : float
        How often it takes part in an epoch, on average.
    """

    @property
    def encoded(self) -> TokenFeatures:
        """See above."""
        ...

    @property
    def weight(self) -> float:
        """See above."""
        ...

    def __len__(self) -> int:
        """Return the number of tokens."""
        ...


E = TypeVar("E", bound=Example)


@dataclass
class SequenceBatches(ABC, Generic[E]):
    """Batches of whole sequences, each a function of the seed and its number alone.

    Every epoch has all sequences in another order; those of similar length stand together. A task
    adds the targets.

    Parameters
    ----------
    train, validate : sequence of Example
        Sequences of at least one token.
    featurizer : Featurizer
        Varies the sequences to train on.
    batch : int
        Tokens of a batch, about, padding included.
    seed : int
        Seed of all random choices.
    """

    train: Sequence[E]
    validate: Sequence[E]
    featurizer: Featurizer
    batch: int
    seed: int
    _epochs: dict[int, list[list[int]]] = field(default_factory=dict, repr=False)

    @abstractmethod
    def targets(self, examples: Sequence[E], length: int) -> dict[str, Tensor]:
        """Return the targets of examples, perhaps none, that are padded to a length."""

    def vary(self, encoded: TokenFeatures, rng: np.random.Generator) -> TokenFeatures:
        """Return what the network reads of a sequence in training."""
        return self.featurizer.vary(encoded, rng)

    def arrange(
        self,
        step: int,
        encoded: Sequence[TokenFeatures],
        examples: Sequence[E],
        rngs: Sequence[np.random.Generator],
    ) -> tuple[Sequence[TokenFeatures], Sequence[E]]:
        """Return the batch of a step, given what the network reads of each sequence."""
        return encoded, examples

    def plain(self, encoded: TokenFeatures) -> TokenFeatures:
        """Return what the network reads of a sequence in validation."""
        return encoded

    def steps(self, epochs: int) -> int:
        """Return the number of batches of so many epochs."""
        return sum(len(self._epoch(number)) for number in range(epochs))

    def batch_at(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        """Return a worker's share of the batch of a step."""
        epoch, rest = 0, step
        while rest >= len(self._epoch(epoch)):
            rest -= len(self._epoch(epoch))
            epoch += 1
        batch = self._epoch(epoch)[rest]
        share = range(rank, len(batch), world)
        examples = [self.train[batch[row]] for row in share]
        rngs = [np.random.default_rng((self.seed, 1, step, row)) for row in share]
        encoded = [self.vary(e.encoded, rng) for e, rng in zip(examples, rngs, strict=True)]
        return self._batch(*self.arrange(step, encoded, examples, rngs))

    def validation(self, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        """Yield a worker's share of the batches to validate on, the same at every call."""
        groups = list(batches([len(e) for e in self.validate], 4 * self.batch))
        for group in groups[rank::world]:
            examples = [self.validate[i] for i in group]
            yield self._batch([self.plain(e.encoded) for e in examples], examples)

    def _epoch(self, number: int) -> list[list[int]]:
        """Sequences of each batch of an epoch."""
        if number not in self._epochs:
            rng = np.random.default_rng((self.seed, 0, number))
            weights = np.array([example.weight for example in self.train])
            times = np.floor(weights + rng.random(len(weights))).astype(int)
            order = rng.permutation(np.repeat(np.arange(len(weights)), times)).tolist()
            lengths = [len(self.train[i]) for i in order]
            size = max(1, _SORTED * self.batch * len(order) // max(sum(lengths), 1))
            result = []
            for first in range(0, len(order), size):
                part = order[first : first + size]
                sizes = lengths[first : first + size]
                result += [[part[i] for i in b] for b in batches(sizes, self.batch)]
            self._epochs[number] = [result[i] for i in rng.permutation(len(result))]
        return self._epochs[number]

    def _batch(self, encoded: Sequence[TokenFeatures], examples: Sequence[E]) -> Batch:
        if not encoded:
            none = torch.zeros(0, 1, 0)
            inputs = (none.long(), none, none.long())
            return Batch(inputs, torch.zeros(0).long(), self.targets([], 1))
        inputs, lengths = collate(encoded)
        return Batch(inputs, lengths, self.targets(examples, int(lengths.max())))


def collate(encoded: Sequence[TokenFeatures]) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    """Pad sequences to the longest of them.

    Parameters
    ----------
    encoded : sequence of TokenFeatures
        B sequences.

    Returns
    -------
    inputs : tuple of Tensor
        Categories, features and parts, (B, L, ...).
    lengths : Tensor
        int64 (B,).
    """
    lengths = [len(e) for e in encoded]

    def pad(arrays: Sequence[np.ndarray], kind: type[np.generic]) -> Tensor:
        padded = np.zeros((len(arrays), max(lengths), max(a.shape[1] for a in arrays)), kind)
        for row, array in zip(padded, arrays, strict=True):
            row[: len(array), : array.shape[1]] = array
        return torch.from_numpy(padded)

    inputs = (
        pad([e.categories for e in encoded], np.int64),
        pad([e.features for e in encoded], np.float32),
        pad([e.parts for e in encoded], np.int64),
    )
    return inputs, torch.tensor(lengths)

"""Tagged sequences as training batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dnatag.tasks.batches import SequenceBatches
from dnatag.tasks.features import TokenFeatures

__all__ = ["TaggedBatches", "TaggedExample"]


@dataclass(frozen=True)
class TaggedExample:
    """A sequence to train on.

    Parameters
    ----------
    encoded : TokenFeatures
        Its tokens.
    allowed : numpy.ndarray
        bool (L, S), the states that its tags allow.
    weight : float
        How often it takes part in an epoch, on average.
    """

    encoded: TokenFeatures
    allowed: np.ndarray
    weight: float = 1.0

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.encoded)


class TaggedBatches(SequenceBatches[TaggedExample]):
    """Batches of tagged sequences."""

    def targets(self, examples: Sequence[TaggedExample], length: int) -> dict[str, Tensor]:
        """See :func:`dnatag.tasks.tagging.objective.label_likelihood`."""
        n_states = self.train[0].allowed.shape[1]
        states = torch.zeros(len(examples), length, n_states, dtype=torch.bool)
        for row, example in zip(states, examples, strict=True):
            row[: len(example)] = torch.from_numpy(example.allowed)
        flags = torch.zeros(len(examples), length, dtype=torch.uint8)
        return {"flags": flags, "allowed": states}

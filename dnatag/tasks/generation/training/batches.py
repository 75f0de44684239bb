"""Pieces as training batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from dnatag.tasks.batches import SequenceBatches
from dnatag.tasks.features import Featurizer, TokenFeatures

__all__ = ["PieceBatches", "StretchExample"]


@dataclass(frozen=True)
class StretchExample:
    """A stretch of a piece to train on; it is encoded when it is needed.

    Parameters
    ----------
    steps : sequence
        Its steps.
    length : int
        Number of its tokens.
    writer : Featurizer
        What encodes it.
    weight : float
        How often it takes part in an epoch, on average.
    """

    steps: Sequence[Any]
    length: int
    writer: Featurizer
    weight: float = 1.0

    @property
    def encoded(self) -> TokenFeatures:
        """Its tokens."""
        return self.writer.encode(self.steps)

    def __len__(self) -> int:
        """Return the number of tokens."""
        return self.length


class PieceBatches(SequenceBatches[StretchExample]):
    """Batches of stretches of pieces."""

    def targets(self, examples: Sequence[StretchExample], length: int) -> dict[str, Tensor]:
        """See :func:`dnatag.tasks.generation.objective.token_likelihood`: there are none."""
        return {}

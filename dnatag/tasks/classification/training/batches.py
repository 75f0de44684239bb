"""Labelled sequences as training batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dnatag.tasks.batches import SequenceBatches
from dnatag.tasks.features import Featurizer, TokenFeatures

__all__ = ["LabelledBatches", "LabelledExample"]


@dataclass(frozen=True)
class LabelledExample:
    """A sequence to train on; it is encoded when it is needed, so that many fit into memory.

    Parameters
    ----------
    sequence : object
        The sequence.
    length : int
        Number of its tokens.
    label : int
        Number of its label.
    featurizer : Featurizer
        What encodes it.
    weight : float
        How often it takes part in an epoch, on average.
    """

    sequence: Any
    length: int
    label: int
    featurizer: Featurizer
    weight: float = 1.0

    @property
    def encoded(self) -> TokenFeatures:
        """Its tokens."""
        return self.featurizer.encode(self.sequence)

    def __len__(self) -> int:
        """Return the number of tokens."""
        return self.length


class LabelledBatches(SequenceBatches[LabelledExample]):
    """Batches of labelled sequences."""

    def targets(self, examples: Sequence[LabelledExample], length: int) -> dict[str, Tensor]:
        """See :func:`dnatag.tasks.classification.objective.label_entropy`."""
        labels = [example.label for example in examples]
        return {"label": torch.tensor(labels, dtype=torch.int64)}

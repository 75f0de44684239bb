"""Transcribed sequences as training batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dnatag.tasks.batches import SequenceBatches
from dnatag.tasks.ctc.domain import SoundFeaturizer
from dnatag.tasks.features import TokenFeatures

__all__ = ["TranscribedBatches", "TranscribedExample"]


@dataclass(frozen=True)
class TranscribedExample:
    """A sequence to train on.

    Parameters
    ----------
    encoded : TokenFeatures
        Its frames.
    text : tuple of int
        Its symbols, from 1 on.
    weight : float
        How often it takes part in an epoch, on average.
    """

    encoded: TokenFeatures
    text: tuple[int, ...]
    weight: float = 1.0

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.encoded)


class TranscribedBatches(SequenceBatches[TranscribedExample]):
    """Batches of transcribed sequences; `batch` counts frames."""

    featurizer: SoundFeaturizer

    def vary(self, encoded: TokenFeatures, rng: np.random.Generator) -> TokenFeatures:
        """See :class:`dnatag.tasks.batches.SequenceBatches`; frames are joined from any one on."""
        varied = self.featurizer.vary(encoded, rng)
        return self.featurizer.stack(varied, int(rng.integers(3)))

    def plain(self, encoded: TokenFeatures) -> TokenFeatures:
        """See :class:`dnatag.tasks.batches.SequenceBatches`."""
        return self.featurizer.stack(encoded)

    def targets(self, examples: Sequence[TranscribedExample], length: int) -> dict[str, Tensor]:
        """See :func:`dnatag.tasks.ctc.objective.ctc_likelihood`."""
        longest = max((len(example.text) for example in examples), default=0)
        text = torch.zeros(len(examples), max(longest, 1), dtype=torch.int64)
        for row, example in zip(text, examples, strict=True):
            row[: len(example.text)] = torch.tensor(example.text, dtype=torch.int64)
        symbols = torch.tensor([len(example.text) for example in examples], dtype=torch.int64)
        return {"text": text, "symbols": symbols}

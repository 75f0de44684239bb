"""Transcribed sequences as training batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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


@dataclass
class TranscribedBatches(SequenceBatches[TranscribedExample]):
    """Batches of transcribed sequences; `batch` counts frames.

    Parameters
    ----------
    joined : float
        The share of batches to train on whose sequences are joined in pairs.
    first_joined : int
        The step from which on they are: long texts are hard to align at first.
    space : int
        The symbol between the texts of two sequences.
    """

    featurizer: SoundFeaturizer
    joined: float = 0.0
    first_joined: int = 0
    space: int = 0

    def arrange(
        self,
        step: int,
        encoded: Sequence[TokenFeatures],
        examples: Sequence[TranscribedExample],
        rngs: Sequence[np.random.Generator],
    ) -> tuple[Sequence[TokenFeatures], Sequence[TranscribedExample]]:
        """See :class:`dnatag.tasks.batches.SequenceBatches`; frames are stacked from any one on."""
        firsts = [int(rng.integers(3)) for rng in rngs]
        joins = examples and self.joined and step >= self.first_joined
        if joins and rngs[0].random() < self.joined:
            pairs = [slice(i, i + 2) for i in range(0, len(examples), 2)]
            encoded = [self.featurizer.join(encoded[pair], rngs[pair.start]) for pair in pairs]
            examples = [self._together(examples[pair]) for pair in pairs]
        return [
            self.featurizer.stack(e, first) for e, first in zip(encoded, firsts, strict=False)
        ], examples

    def _together(self, examples: Sequence[TranscribedExample]) -> TranscribedExample:
        """Join the texts of sequences; their frames are of no use any more."""
        first, *rest = examples
        text = (*first.text, *(s for one in rest for s in (self.space, *one.text)))
        return replace(first, text=text)

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

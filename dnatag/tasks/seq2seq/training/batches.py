"""Pairs of texts as training batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dnatag.tasks.batches import SequenceBatches
from dnatag.tasks.features import TokenFeatures
from dnatag.tasks.seq2seq.domain import BEGIN, END

__all__ = ["PairBatches", "PairExample"]


@dataclass(frozen=True)
class PairExample:
    """A pair to train on.

    Parameters
    ----------
    encoded : TokenFeatures
        The text.
    target : tuple of int
        The tokens of its translation.
    weight : float
        How often it takes part in an epoch, on average.
    """

    encoded: TokenFeatures
    target: tuple[int, ...]
    weight: float = 1.0

    def __len__(self) -> int:
        """Return the number of tokens of the longer side."""
        return max(len(self.encoded), len(self.target) + 1)


class PairBatches(SequenceBatches[PairExample]):
    """Batches of pairs."""

    def targets(self, examples: Sequence[PairExample], length: int) -> dict[str, Tensor]:
        """See :func:`dnatag.tasks.seq2seq.objective.translation_likelihood`."""
        ends = torch.tensor([len(e.target) + 1 for e in examples], dtype=torch.int64)
        longest = int(ends.max()) if len(ends) else 1
        written = torch.zeros(len(examples), longest + 1, dtype=torch.int64)
        for row, example in zip(written, examples, strict=True):
            tokens = [BEGIN, *example.target, END]
            row[: len(tokens)] = torch.tensor(tokens)
        return {"written": written, "ends": ends}

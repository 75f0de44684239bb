"""Batches of examples to train on, and where they come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Batch", "BatchSource"]


@dataclass(frozen=True)
class Batch:
    """B examples, padded to the longest.

    Attributes
    ----------
    inputs : tuple of Tensor
        (B, ...) each, what the network is called with, before the lengths.
    lengths : Tensor
        int64 (B,), of the inputs.
    targets : mapping of str to Tensor
        (B, ...) each, what the objective compares the network's output with.
    """

    inputs: tuple[Tensor, ...]
    lengths: Tensor
    targets: Mapping[str, Tensor]

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.lengths)

    def rows(self, first: int, last: int, device: torch.device) -> Batch:
        """Return examples `first` to `last` (exclusive), on a device."""

        def part(x: Tensor) -> Tensor:
            return x[first:last].to(device)

        targets = {name: part(target) for name, target in self.targets.items()}
        return Batch(tuple(map(part, self.inputs)), part(self.lengths), targets)


class BatchSource(Protocol):
    """Where batches come from; each is a function of its number alone, so that runs can resume.

    Several threads may ask at once.
    """

    def batch_at(self, step: int, rank: int, world: int) -> Batch:
        """Return the share of one of `world` workers of the batch of a step, possibly empty."""
        ...

    def validation(self, rank: int, world: int) -> Iterator[Batch]:
        """Yield a worker's share of the validation batches, the same at every call."""
        ...

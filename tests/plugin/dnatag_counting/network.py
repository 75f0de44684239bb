"""The network of the task, its objective and its metric."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dnatag.engine.batch import Batch
from dnatag.engine.networks.base import Network

LABELS = ("0", "1", "2", "many")


class CountingNetwork(Network):
    """Adds up a vector for each symbol; gives the scores of the labels, float (B, 4)."""

    dropout = 0.0

    def __init__(self, symbols: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols + 1, hidden, padding_idx=0)
        self.head = nn.Sequential(nn.Linear(hidden, 32), nn.ReLU(), nn.Linear(32, len(LABELS)))

    def forward(self, symbols: Tensor, lengths: Tensor) -> Tensor:
        scores: Tensor = self.head(self.embedding(symbols).sum(1))
        return scores


def encode(rows: Sequence[str], symbols: str) -> tuple[Tensor, Tensor]:
    """Return the symbols of rows, int64 (B, L), 0 behind their ends, and their lengths."""
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
    padded = torch.zeros(len(rows), max(map(len, rows), default=1), dtype=torch.int64)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = torch.tensor([1 + symbols.index(c) for c in row])
    return padded, lengths


def cross_entropy(network: Network, batch: Batch) -> tuple[Tensor, Tensor]:
    """See :class:`dnatag.engine.objective.Objective`."""
    scores = network(*batch.inputs, batch.lengths)
    loss = nn.functional.cross_entropy(scores, batch.targets["label"], reduction="sum")
    return loss, torch.tensor(float(len(batch)), device=scores.device)

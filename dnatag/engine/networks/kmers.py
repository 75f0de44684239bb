"""Symbols to vectors: k-mers and their embedding."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["KmerEmbedding", "KmerIndex"]


class KmerIndex(nn.Module):
    """Number the k-mers that begin at each position.

    The input is the one-hot encoding of an alphabet of A letters, as symbols: row ``s`` of
    `spread` is the distribution over letters that symbol ``s`` stands for (one-hot for a letter,
    spread out for an ambiguous symbol, zeros outside the sequence). The encoding of a k-mer is
    the outer product of those of its positions, A**k numbers. Where all k symbols are letters it
    is one-hot and its index is all that is needed; the others are returned as rows.

    Parameters
    ----------
    spread : numpy.ndarray
        float32 (number of symbols, A).
    k : int
        Length of the k-mers.
    """

    spread: Tensor
    letter: Tensor

    def __init__(self, spread: np.ndarray, k: int) -> None:
        super().__init__()
        table = np.asarray(spread, np.float32)
        letter = np.where((table == 1).any(1), table.argmax(1), -1)
        self.k = k
        self.n_letters = table.shape[1]
        self.register_buffer("spread", torch.as_tensor(table), persistent=False)
        self.register_buffer("letter", torch.as_tensor(letter), persistent=False)

    @property
    def size(self) -> int:
        """Number of k-mers of letters, A**k."""
        return int(self.n_letters**self.k)

    def forward(self, symbols: Tensor) -> tuple[Tensor, Tensor]:
        """Index the k-mers.

        Parameters
        ----------
        symbols : Tensor
            Integers (B, L). Positions past the end of a row count as symbol 0.

        Returns
        -------
        index : Tensor
            int64 (B, L); values of A**k and above point to rows of `mixed`.
        mixed : Tensor
            float32 (M, A**k), the distributions of the distinct k-mers with other symbols.
        """
        n = symbols.shape[1]
        padded = nn.functional.pad(symbols, (0, self.k - 1)).to(torch.int64)
        letters = self.letter[padded]
        index = torch.zeros_like(symbols, dtype=torch.int64)
        impure = torch.zeros_like(symbols, dtype=torch.bool)
        for i in range(self.k):
            column = letters[:, i : i + n]
            index = index * self.n_letters + column
            impure |= column < 0
        where = impure.nonzero(as_tuple=True)
        if not len(where[0]):
            return index, self.spread.new_zeros(0, self.size)
        words = torch.stack([padded[where[0], where[1] + i] for i in range(self.k)], 1)
        distinct, place = torch.unique(words, dim=0, return_inverse=True)
        mixed = self.spread.new_ones(len(distinct), 1)
        for i in range(self.k):
            mixed = (mixed[:, :, None] * self.spread[distinct[:, i]][:, None, :]).flatten(1)
        index[where] = self.size + place
        return index, mixed


class KmerEmbedding(nn.Module):
    """One vector for each k-mer: the product of a matrix with its one-hot encoding.

    Parameters
    ----------
    size : int
        Number of k-mers of letters.
    dimension : int
        Length of the vectors.
    """

    def __init__(self, size: int, dimension: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size, dimension).normal_(std=0.3))

    def table(self, mixed: Tensor) -> Tensor:
        """Return the table that indices of :class:`KmerIndex` point into, (A**k + M, dimension)."""
        return torch.cat([self.weight, mixed @ self.weight]) if len(mixed) else self.weight

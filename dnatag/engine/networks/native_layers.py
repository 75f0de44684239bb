"""Layers of the native library as functions of torch, on the CPU: for one-hot input and its LSTM.

A product with one-hot vectors is a sum of rows of a table, and of an LSTM whose input is that, only
the recurrence is left to be multiplied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from dnatag.native.library import available
from dnatag.native.training import Recurrence, spread_rows, sum_rows

__all__ = ["look_up", "recur", "row_sums", "usable", "with_mirror_image"]


def usable(tensor: Tensor) -> bool:
    """Whether these functions can be used beside a tensor: float32, and there is a library."""
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32 and available()


class _RowSums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, index: Tensor) -> Tensor:
        ctx.index, ctx.rows = index.numpy(), len(table)
        return torch.from_numpy(sum_rows(table.detach().numpy(), ctx.index))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return torch.from_numpy(spread_rows(grad.numpy(), ctx.index, ctx.rows)), None


class _Recur(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, recurrence: Recurrence) -> Tensor:
        ctx.recurrence = recurrence
        ctx.kept = recurrence.forward(inputs.detach().numpy())
        return torch.from_numpy(ctx.kept.hidden)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        inputs, weight = ctx.recurrence.backward(ctx.kept, grad.numpy())
        return torch.from_numpy(inputs), torch.from_numpy(weight), None


class _WithMirrorImage(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor, lengths: Tensor) -> Tensor:
        rows, steps, units = own.shape
        ctx.lengths = lengths.tolist()
        both = own.new_empty(rows, steps, 2 * units)
        both[..., :units] = own
        array, half = both.numpy(), rows // 2
        for row, n in enumerate(ctx.lengths):
            array[row, :n, units:] = own[(row + half) % rows].numpy()[:n][::-1]
            array[row, n:, units:] = 0
        return both

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        rows, _, twice = grad.shape
        own = grad[..., : twice // 2].clone()
        array, half = own.numpy(), rows // 2
        for row, n in enumerate(ctx.lengths):
            array[(row + half) % rows, :n] += grad.numpy()[row, :n, twice // 2 :][::-1]
        return own, None


_row_sums: Callable[..., Tensor] = _RowSums.apply
_recur: Callable[..., Tensor] = _Recur.apply
_with_mirror_image: Callable[..., Tensor] = _WithMirrorImage.apply


def look_up(table: Tensor, index: Tensor) -> Tensor:
    """Look up rows of a table, (R, C), by integers (...), on any device: (..., C)."""
    if not usable(table):
        return nn.functional.embedding(index, table)
    return row_sums(table, index.reshape(-1, 1).long()).view(*index.shape, table.shape[1])


def row_sums(table: Tensor, index: Tensor) -> Tensor:
    """Add up rows of a table.

    Parameters
    ----------
    table : Tensor
        float32 (R, C).
    index : Tensor
        int64 (N, P), the rows that are added up.

    Returns
    -------
    Tensor
        float32 (N, C).
    """
    return _row_sums(table, index)


def recur(inputs: Tensor, weight: Tensor, recurrence: Recurrence) -> Tensor:
    """Run the recurrence of an LSTM.

    Parameters
    ----------
    inputs : Tensor
        float32 (B, T, 4 * units), what enters the gates from outside, in the order of
        :attr:`Recurrence.columns`. Overwritten: nothing else may need it.
    weight : Tensor
        float32 (4 * H, H), the recurrent weights; those of the recurrence.
    recurrence : Recurrence
        The recurrence.

    Returns
    -------
    Tensor
        float32 (B, T, H), the hidden vectors.
    """
    return _recur(inputs, weight, recurrence)[..., : weight.shape[1]]


def with_mirror_image(own: Tensor, lengths: Tensor) -> Tensor:
    """Put beside each hidden vector that of the mirror image at the same place.

    Parameters
    ----------
    own : Tensor
        float32 (2 * B, T, H): sequences and then their mirror images, each in its own direction.
    lengths : Tensor
        int64 (2 * B,), steps of each row.

    Returns
    -------
    Tensor
        float32 (2 * B, T, 2 * H), zeros for mirror images past the end of a row.
    """
    return _with_mirror_image(own, lengths)

"""An LSTM in training: what enters it, and its recurrence, forward and backward.

Gate columns are in the order of the kernels, which :attr:`Recurrence.columns` gives, and hidden
vectors are filled up with zeros to full vectors; sequences have equal lengths. What enters the
gates, and the gradients of all weights but the recurrent ones, are sums of rows of tables and
products of matrices that are the caller's: in torch, columns of its weights are taken in this
order, and its own gradients do the rest.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dnatag.native.kernels import Kernels
from dnatag.native.library import array, function, pointer

__all__ = ["Kept", "Recurrence", "spread_rows", "sum_rows"]

_INT, _LONG, _ARRAY = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p


class Kept(NamedTuple):
    """What the gradient needs of a run.

    Attributes
    ----------
    gates : numpy.ndarray
        float32 (B, T, 4 * units).
    cell, hidden : numpy.ndarray
        float32 (B, T, units).
    """

    gates: np.ndarray
    cell: np.ndarray
    hidden: np.ndarray


class Recurrence:
    """An LSTM without its inputs.

    Calls are independent of each other: rows of a batch may be given to several threads.

    Parameters
    ----------
    weight : numpy.ndarray
        float32 (4 * H, H), recurrent weights, gates input, forget, cell, output.
    instructions : str or None
        The instruction set, see :func:`dnatag.native.kernels.instruction_sets`; None for the
        best.

    Attributes
    ----------
    units : int
        H, filled up to full vectors.
    columns : numpy.ndarray
        int64 (4 * units,), for each gate column its number where they are in the order of
        `weight`; 4 * H for those that fill up.
    """

    def __init__(self, weight: np.ndarray, instructions: str | None = None) -> None:
        self._kernels = kernels = Kernels(instructions)
        self._hidden = weight.shape[1]
        self.units = kernels.whole(self._hidden)
        numbers = np.arange(4 * self._hidden)
        used = kernels.gates(np.ones(len(numbers), np.float32)) > 0
        # Numbers this small are exact in float32.
        self.columns = np.where(used, kernels.gates(numbers), len(numbers)).astype(np.int64)
        self._ahead = kernels.recurrent(weight)
        by_column = kernels.widen(np.append(weight, np.zeros((1, self._hidden)), 0)[self.columns])
        self._back = kernels.pack(by_column)
        self._forward = function(
            "dnatag_lstm_forward", _INT, _INT, _INT, _ARRAY, _LONG, _LONG, _ARRAY, _ARRAY, _ARRAY,
            result=_INT,
        )  # fmt: skip
        self._backward = function(
            "dnatag_lstm_backward", _INT, _INT, _ARRAY, _LONG, _LONG, _ARRAY, _ARRAY, _ARRAY,
            result=_INT,
        )  # fmt: skip

    def forward(self, inputs: np.ndarray) -> Kept:
        """Run it.

        Parameters
        ----------
        inputs : numpy.ndarray
            float32 (B, T, 4 * units), what enters the gates from outside. Overwritten if it is in
            C order.

        Returns
        -------
        Kept
            With the hidden vectors.
        """
        gates = array(inputs, np.float32)
        rows, steps, _ = gates.shape
        cell, hidden = (np.empty((rows, steps, self.units), np.float32) for _ in range(2))
        status = self._forward(
            self._kernels.set, self._hidden, self.units, pointer(self._ahead), rows, steps,
            pointer(gates), pointer(cell), pointer(hidden),
        )  # fmt: skip
        if status < 0:
            raise MemoryError
        return Kept(gates, cell, hidden)

    def backward(self, kept: Kept, grad_hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turn the gradient of hidden vectors into those of inputs and weights.

        Parameters
        ----------
        kept : Kept
            Of a run. Its gates are overwritten: a run has one gradient.
        grad_hidden : numpy.ndarray
            float32 (B, T, units).

        Returns
        -------
        grad_inputs : numpy.ndarray
            float32 (B, T, 4 * units).
        grad_weight : numpy.ndarray
            float32 (4 * H, H).
        """
        grad = np.array(grad_hidden, np.float32, order="C")
        rows, steps, _ = grad.shape
        status = self._backward(
            self._kernels.set, self.units, pointer(self._back), rows, steps, pointer(kept.gates),
            pointer(kept.cell), pointer(grad),
        )  # fmt: skip
        if status < 0:
            raise MemoryError
        by_column = np.zeros((4 * self.units, self.units), np.float32)
        for gates, hidden in zip(kept.gates, kept.hidden, strict=True):
            by_column += gates[1:].T @ hidden[:-1]
        grad_weight = np.empty((4 * self._hidden + 1, self._hidden), np.float32)
        grad_weight[self.columns] = by_column[:, : self._hidden]
        return kept.gates, grad_weight[:-1]


def sum_rows(table: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Add up rows of a table: its product with as many one-hot vectors.

    Parameters
    ----------
    table : numpy.ndarray
        float32 (R, C).
    index : numpy.ndarray
        int64 (N, P), the rows that are added up, P at least 1.

    Returns
    -------
    numpy.ndarray
        float32 (N, C).

    Raises
    ------
    IndexError
        If the table has no such row.
    """
    rows, places = _checked(index, len(table))
    table = array(table, np.float32)
    out = np.empty((len(rows), table.shape[1]), np.float32)
    _rows_function("dnatag_sum_rows")(
        len(rows), places, table.shape[1], pointer(table), pointer(rows), pointer(out)
    )
    return out


def spread_rows(grad: np.ndarray, index: np.ndarray, rows: int) -> np.ndarray:
    """Turn the gradient of :func:`sum_rows` into that of the table.

    Parameters
    ----------
    grad : numpy.ndarray
        float32 (N, C).
    index : numpy.ndarray
        int64 (N, P), as it was given.
    rows : int
        R.

    Returns
    -------
    numpy.ndarray
        float32 (R, C).

    Raises
    ------
    IndexError
        If the table has no such row.
    """
    index, places = _checked(index, rows)
    grad = array(grad, np.float32)
    table = np.zeros((rows, grad.shape[1]), np.float32)
    _rows_function("dnatag_spread_rows")(
        len(index), places, grad.shape[1], pointer(grad), pointer(index), pointer(table)
    )
    return table


def _checked(index: np.ndarray, rows: int) -> tuple[np.ndarray, int]:
    index = array(index, np.int64)
    if index.size and not 0 <= index.min() <= index.max() < rows:
        raise IndexError(f"a table of {rows} rows has no row {index.min()} or {index.max()}")
    return index, index.shape[1]


def _rows_function(name: str) -> Callable[..., None]:
    return function(name, _LONG, _LONG, _LONG, _ARRAY, _ARRAY, _ARRAY)

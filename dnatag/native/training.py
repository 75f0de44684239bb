"""The recurrence of an LSTM in training: forward and backward, for sequences of equal length.

Gate columns are in the order of the kernels, which :attr:`Recurrence.columns` gives, and hidden
vectors are filled up with zeros to full vectors. What enters the gates, and the gradients of all
weights but the recurrent ones, are matrix products and table look-ups that are the caller's: in
torch, columns of its weights are taken in this order, and its own gradients do the rest.
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import numpy as np

from dnatag.native.kernels import Kernels
from dnatag.native.library import array, function, pointer

__all__ = ["Kept", "Recurrence"]

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

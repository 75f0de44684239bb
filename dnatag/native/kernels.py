"""The kernels of the networks on the CPU: instruction sets, and the layout of their weights."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from dnatag.native.library import array, function, pointer

__all__ = ["Kernels", "aligned", "instruction_sets", "padded"]

_INT, _LONG, _ARRAY = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p


@cache
def instruction_sets() -> dict[str, int]:
    """Return the instruction sets of this machine, best first, and their numbers in the library."""
    name, found, number = function("dnatag_instructions", _INT, result=ctypes.c_char_p), {}, 0
    lanes = function("dnatag_lanes", _INT, result=_INT)
    while (text := name(number)) is not None:
        if lanes(number):
            found[text.decode()] = number
        number += 1
    return found


class Kernels:
    """The kernels of an instruction set, and the layout of weights that they read.

    Parameters
    ----------
    instructions : str or None
        Name of the set; None for the best.
    """

    def __init__(self, instructions: str | None) -> None:
        sets = instruction_sets()
        self.set = sets[instructions] if instructions else next(iter(sets.values()))
        self.lanes: int = function("dnatag_lanes", _INT, result=_INT)(self.set)
        self._product = function(
            "dnatag_product", _INT, _LONG, _LONG, _LONG, _ARRAY, _ARRAY, _ARRAY
        )

    def whole(self, columns: int) -> int:
        """Round up to full vectors."""
        return -(-columns // self.lanes) * self.lanes

    def pack(self, matrix: np.ndarray) -> np.ndarray:
        """Lay out the right side of a product, (inner, columns), in panels of four vectors."""
        full = self.widen(matrix)
        panels = np.split(full, range(4 * self.lanes, full.shape[1], 4 * self.lanes), axis=1)
        return aligned(np.concatenate([panel.ravel() for panel in panels]))

    def widen(self, x: np.ndarray) -> np.ndarray:
        """Add zeros to full vectors along the last axis."""
        return padded(x, self.lanes)

    def gates(self, x: np.ndarray) -> np.ndarray:
        """Order gate columns, (..., 4 * hidden) by gate, as (block of units, gate, unit)."""
        by_gate = self.widen(x.reshape(*x.shape[:-1], 4, -1))
        blocks = by_gate.reshape(*x.shape[:-1], 4, -1, self.lanes)
        return np.moveaxis(blocks, -3, -2).reshape(*x.shape[:-1], -1)

    def recurrent(self, weight: np.ndarray) -> np.ndarray:
        """Lay out recurrent weights, (4 * hidden, hidden): panels of one block of units each."""
        columns = self.gates(np.asarray(weight, np.float32).T)
        panels = columns.reshape(len(columns), -1, 4 * self.lanes)
        return aligned(np.moveaxis(panels, 1, 0))

    def product(self, x: np.ndarray, packed: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """Multiply (rows, inner) by packed weights and add a bias of full vectors."""
        out = aligned(np.broadcast_to(bias, (len(x), len(bias))))
        self.add_product(x, packed, out)
        return out

    def add_product(self, x: np.ndarray, packed: np.ndarray, out: np.ndarray) -> None:
        """Add the product of (rows, inner) and packed weights to (rows, full vectors)."""
        x = array(x, np.float32)
        self._product(
            self.set, len(x), x.shape[1], out.shape[1], pointer(x), pointer(packed), pointer(out)
        )


def padded(x: np.ndarray, multiple: int) -> np.ndarray:
    """Add zeros along the last axis up to a multiple; float32, in C order."""
    widths = [(0, 0)] * (x.ndim - 1) + [(0, -x.shape[-1] % multiple)]
    return np.pad(np.asarray(x, np.float32), widths)


def aligned(x: np.ndarray) -> np.ndarray:
    """Copy an array to float32 on a cache line."""
    memory = np.empty(x.size + 16, np.float32)
    first = -memory.ctypes.data % 64 // 4
    out = memory[first : first + x.size].reshape(x.shape)
    out[...] = x
    return out

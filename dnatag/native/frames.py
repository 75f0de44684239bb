"""Open reading frames that codon usage recognises, in C.

:mod:`dnatag.native.plain_loops` has the same function in NumPy.
"""

from __future__ import annotations

from ctypes import c_double, c_int64, c_void_p
from functools import cache
from typing import Any

import numpy as np

from dnatag.native.library import array, function, own, pointer

__all__ = ["coding_frames"]

_A, _I = c_void_p, c_int64


@cache
def _loop() -> Any:
    types = (_I, _A, _A, _A, _A, c_double, _I, c_double, _I, _A, _A)
    return function("dnatag_coding_frames", *types, result=c_int64)


def coding_frames(
    base: np.ndarray,
    flags: np.ndarray,
    starts: np.ndarray,
    ratios: np.ndarray,
    edge: float,
    shortest: int,
    least: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Find open frames of a strand that are more probable inside genes than anywhere.

    Each is taken from its best start on; frames without a stop codon before or behind them, at the
    ends of the sequence and at ambiguous codons, are genes of which a part is missing.

    Parameters
    ----------
    base : numpy.ndarray
        int8 (L,), one strand in its direction: 0 to 3 for A, C, G, T, -1 for any other symbol.
    flags : numpy.ndarray
        uint8 (L,), START and STOP as this strand has them, see :mod:`dnatag.native.loops`.
    starts : numpy.ndarray
        float32 (L,), log-odds of the start codon that begins at a base; others are not looked at.
    ratios : numpy.ndarray
        float64 (4096,), log of the probability of the second codon of a hexamer, given the first,
        inside genes over that anywhere.
    edge : float
        Log-odds of a start that is missing.
    shortest : int
        Bases of the shortest gene, 3 or more.
    least : float
        Lowest log-odds of a gene, its start included.

    Returns
    -------
    genes : numpy.ndarray
        int64 (N, 3), begin and end, half-open and with the stop codon, and 1 if the start is
        missing, 2 if the stop is, 3 if both are; frame by frame, in the order of their ends.
    scores : numpy.ndarray
        float64 (N,), log-odds in nats.
    """
    if shortest < 3:
        raise ValueError("the shortest gene has three bases")
    base, flags = array(base, np.int8), array(flags, np.uint8)
    room = 3 * (len(base) // shortest + 1)
    genes, scores = np.empty((room, 3), np.int64), np.empty(room)
    n = _loop()(
        len(base), pointer(base), own(flags, np.uint8, len(base)),
        own(starts, np.float32, len(base)), own(ratios, np.float64, 4096), edge, shortest, least,
        room, pointer(genes), pointer(scores),
    )  # fmt: skip
    return genes[:n], scores[:n]

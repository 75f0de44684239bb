"""Binning of contigs by their hexamers, in C.

:mod:`dnatag.native.plain_loops` has the same functions in NumPy.
"""

from __future__ import annotations

from ctypes import c_int, c_int64, c_void_p
from functools import cache
from typing import Any

import numpy as np

from dnatag.native.library import array, checked_offsets, function, own, pointer, written

__all__ = ["best_bins", "move_contigs"]

_A, _I = c_void_p, c_int64
_TYPES: dict[str, tuple[Any, ...]] = {
    "choose_bins": (_I, _A, _A, _I, _A, _A, _A, _A),
    "move_contigs": (_I, _A, _A, _A, _A, _A),
}


@cache
def _loop(name: str) -> Any:
    return function(f"dnatag_{name}", *_TYPES[name], result=c_int)


def best_bins(
    symbols: np.ndarray,
    offsets: np.ndarray,
    chains: np.ndarray,
    bins: np.ndarray,
    totals: np.ndarray,
) -> np.ndarray:
    """Find the bin in which each contig is most probable.

    Parameters
    ----------
    symbols : numpy.ndarray
        uint8 (L,), symbols below 16 of contigs that follow each other.
    offsets : numpy.ndarray
        Integers (N + 1,), where each of N contigs begins, and where the last one ends.
    chains : numpy.ndarray
        float64 (4096, P), of each bin the logarithm of the probability of a hexamer's last base,
        given the others: the mean of a hexamer and that of the other strand.
    bins : numpy.ndarray
        Integers (N,), the bin that each contig is in, which it is compared to without itself; -1
        for none.
    totals : numpy.ndarray
        float64 (P, 4096), the hexamers of each bin, more than those of its contigs.

    Returns
    -------
    numpy.ndarray
        int64 (N,), of equals the first.
    """
    symbols, bins = array(symbols, np.uint8), array(bins, np.int64)
    offsets = checked_offsets(offsets, symbols)
    n, n_bins = len(bins), len(totals)
    if n and not -1 <= bins.min() <= bins.max() < n_bins:
        raise ValueError(f"there are bins beyond the array of {n_bins}")
    chosen = np.empty(n, np.int64)
    if _loop("choose_bins")(
        n, own(offsets, np.int64, n + 1), pointer(symbols), n_bins,
        own(chains, np.float64, 4096, n_bins), pointer(bins),
        own(totals, np.float64, n_bins, 4096), pointer(chosen),
    ):  # fmt: skip
        raise MemoryError
    return chosen


def move_contigs(
    symbols: np.ndarray,
    offsets: np.ndarray,
    bins: np.ndarray,
    chosen: np.ndarray,
    counted: np.ndarray,
) -> None:
    """Move the hexamers of contigs from bin to bin.

    Parameters
    ----------
    symbols, offsets, bins
        As of :func:`best_bins`.
    chosen : numpy.ndarray
        Integers (N,), the bins that the contigs go to.
    counted : numpy.ndarray
        float64 (P, 4096), the hexamers of the contigs of each bin, on both strands and halved;
        changed in place.
    """
    symbols = array(symbols, np.uint8)
    offsets = checked_offsets(offsets, symbols)
    bins, chosen = array(bins, np.int64), array(chosen, np.int64)
    n, n_bins = len(bins), len(counted)
    least, most = min(bins.min(initial=0), chosen.min(initial=0) - 1), max(bins.max(initial=0), 0)
    if n and not -1 <= least <= max(most, chosen.max()) < n_bins:
        raise ValueError(f"there are bins beyond the array of {n_bins}")
    if _loop("move_contigs")(
        n, own(offsets, np.int64, n + 1), pointer(symbols), pointer(bins),
        own(chosen, np.int64, n), written(counted, np.float64, n_bins, 4096),
    ):  # fmt: skip
        raise MemoryError

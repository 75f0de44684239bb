"""Signals of genes in C: what is counted around starts, and how starts are scored.

As in :mod:`dnatag.native.loops`, which says what `symbols`, `base` and `flags` are.
:mod:`dnatag.native.plain_loops` has the same functions in NumPy.
"""

from __future__ import annotations

from ctypes import c_double, c_int, c_int64, c_void_p
from functools import cache
from typing import Any

import numpy as np

from dnatag.native.library import array, function, own, pointer, written

__all__ = ["count_starts", "features", "rbs_log_odds"]

_A, _I = c_void_p, c_int64
_TYPES: dict[str, tuple[Any, ...]] = {
    "count_starts": (_I, _A, _A, _I, _A, _A, _A, _A, _A, _I, _I, _I, _I, _A, _I),
    "features": (_I, _A, _A, _I, _A, _A, _A, _A, _A, _I, _I, _I, _A, c_double, _A),
    "rbs_log_odds": (_I, _A, c_int, _I, _A, _I, _A, _I, _A, _I, _A),
}
_RESULTS = {
    "features": c_int,
    "rbs_log_odds": c_int,
}


@cache
def _loop(name: str) -> Any:
    return function(f"dnatag_{name}", *_TYPES[name], result=_RESULTS.get(name))


def count_starts(
    base: np.ndarray,
    flags: np.ndarray,
    starts: np.ndarray,
    kinds: np.ndarray,
    start_codons: np.ndarray,
    profiles: np.ndarray,
    pentamers: np.ndarray,
    before: int,
    behind: int,
    bins: np.ndarray,
    reach: int,
) -> None:
    """Count starts by kind (0 first, 1 inner) and their in-frame rivals (kind 2).

    Parameters
    ----------
    base, flags : numpy.ndarray
        See the module.
    starts, kinds : numpy.ndarray
        Integers (G,).
    start_codons, profiles, pentamers : numpy.ndarray
        float64 (3, 64), (3, before + behind, 4) and (3, 1024, number of bins), added to: start
        codons, bases around them, and 5-mers before them by the bin of their distance.
    before, behind : int
        Bases of a profile before a start and from it on.
    bins : numpy.ndarray
        Integers, the bin of each number of bases between a 5-mer and a start.
    reach : int
        How far rivals are looked for.
    """
    base, flags = array(base, np.int8), array(flags, np.uint8)
    starts, kinds, bins = (array(x, np.int64) for x in (starts, kinds, bins))
    n_bins = pentamers.shape[-1]
    if not (((kinds == 0) | (kinds == 1)).all() and ((bins >= 0) & (bins < n_bins)).all()):
        raise ValueError("kinds of starts are 0 and 1, and bins below the number of bins")
    _loop("count_starts")(
        len(base), pointer(base), own(flags, np.uint8, len(base)),
        len(starts), pointer(starts), own(kinds, np.int64, len(starts)),
        written(start_codons, np.float64, 3, 64),
        written(profiles, np.float64, 3, before + behind, 4),
        written(pentamers, np.float64, 3, 1024, n_bins),
        before, behind, len(bins), n_bins, pointer(bins), reach,
    )  # fmt: skip


def features(
    symbols: np.ndarray,
    flags: np.ndarray,
    places: np.ndarray,
    hexamers: np.ndarray,
    start_codons: np.ndarray,
    profiles: np.ndarray,
    pentamers: np.ndarray,
    before: int,
    behind: int,
    bins: np.ndarray,
    scale: float,
) -> np.ndarray:
    """Score the hexamer from each place on, and the start where a start codon begins.

    Parameters
    ----------
    symbols, flags : numpy.ndarray
        uint8 (L,), symbols of a sequence below 16, and its flags on the forward strand.
    places : numpy.ndarray
        Integers (M,), of the sequence.
    hexamers, start_codons : numpy.ndarray
        float32 (4096,) and (64,), log-odds.
    profiles, pentamers : numpy.ndarray
        float64 (before + behind, 5, 2), by base, and float32 (number of bins, 1025, 2), log-odds
        for both kinds of starts; the last of either, for any other symbol, are 0 and -9.
    before, behind, bins
        As of :func:`count_starts`.
    scale : float
        What the sums of profiles are multiplied with.

    Returns
    -------
    numpy.ndarray
        float32 (M, 12): hexamer, start codon, two profiles and two 5-mers, of the forward strand
        and of the reverse strand; zeros where there is no start.
    """
    symbols, flags = array(symbols, np.uint8), array(flags, np.uint8)
    places, bins = array(places, np.int64), array(bins, np.int64)
    n_bins = len(pentamers)
    if not ((bins >= 0) & (bins < n_bins)).all():
        raise ValueError("bins lie below the number of bins")
    _inside(places, len(symbols))
    out = np.empty((len(places), 12), np.float32)
    if _loop("features")(
        len(symbols), pointer(symbols), own(flags, np.uint8, len(symbols)),
        len(places), pointer(places),
        own(hexamers, np.float32, 4096), own(start_codons, np.float32, 64),
        own(profiles, np.float64, before + behind, 5, 2),
        own(pentamers, np.float32, n_bins, 1025, 2),
        before, behind, len(bins), pointer(bins), scale, pointer(out),
    ):  # fmt: skip
        raise MemoryError
    return out


def rbs_log_odds(
    symbols: np.ndarray,
    places: np.ndarray,
    reverse: bool,
    weights: np.ndarray,
    spacers: np.ndarray,
    shortest: int,
) -> np.ndarray:
    """Compute the log-odds of an RBS motif before start codons.

    Parameters
    ----------
    symbols : numpy.ndarray
        uint8 (L,), symbols of a sequence below 16.
    places : numpy.ndarray
        Integers (M,), first base of each start codon, in the direction of its strand.
    reverse : bool
        Whether the starts are on the reverse strand.
    weights : numpy.ndarray
        float32 (width, 4), log-odds of bases in the motif.
    spacers : numpy.ndarray
        float32 (n + 1,), shares of the distances from `shortest` on, and of no motif.
    shortest : int
        Bases between motif and start.

    Returns
    -------
    numpy.ndarray
        float32 (M,).
    """
    symbols, places = array(symbols, np.uint8), array(places, np.int64)
    odds = np.exp(weights.astype(np.float64))
    out = np.empty(len(places), np.float32)
    if _loop("rbs_log_odds")(
        len(symbols), pointer(symbols), reverse, len(places), pointer(places),
        len(odds), own(odds, np.float64, len(odds), 4),
        len(spacers) - 1, own(spacers, np.float32, len(spacers)), shortest, pointer(out),
    ):  # fmt: skip
        raise MemoryError
    return out


def _inside(places: np.ndarray, length: int) -> None:
    if len(places) and not 0 <= places.min() <= places.max() < length:
        raise ValueError(f"places lie outside an array of {length} symbols")

"""Loops over the bases of a genome in C: counts and scores of its signals, and the genes of a path.

Symbols are bit masks of bases, as in :mod:`dnatag.domains.genes.nucleotides`. What counts reads one
strand in its direction: `base`, int8 (L,), is 0 to 3 for A, C, G, T and -1 for any other symbol.
`flags`, uint8 (L,), are START 1, STOP 2, START_REVERSE 4 and STOP_REVERSE 8, as that strand has
them.

:mod:`dnatag.native.plain_loops` has the same functions in NumPy.
"""

from __future__ import annotations

from ctypes import c_double, c_int, c_int64, c_void_p
from functools import cache
from typing import Any

import numpy as np

from dnatag.native.library import array, checked_offsets, function, own, pointer, written

__all__ = [
    "among_others",
    "count_hexamers",
    "drop_starts",
    "genes_log_odds",
    "hexamers",
    "least_rotation",
    "mark_repeats",
    "open_bases",
    "open_frames",
    "properties",
]

_A, _I = c_void_p, c_int64
_TYPES: dict[str, tuple[Any, ...]] = {
    "properties": (_I, _A, _A, _A),
    "count_hexamers": (_I, _A, _I, _A, _A, _A, _A),
    "among_others": (_I, _A, _A, _A, _A),
    "hexamers": (_I, _A, _A, _A),
    "genes_log_odds": (_I, _A, _A, _I, _A, c_double, _A),
    "open_frames": (_I, _A, _A, _I, _A, _I, _A),
    "open_bases": (_I, _A, _I),
    "drop_starts": (_I, _A, c_int, c_int, _I, _I, _I, _I),
    "mark_repeats": (_I, _A, _I, _I, _A),
    "least_rotation": (_I, _A),
}
_RESULTS = {
    "genes_log_odds": c_int,
    "open_frames": c_int64,
    "open_bases": c_int64,
    "mark_repeats": c_int,
    "least_rotation": c_int64,
}


@cache
def _loop(name: str) -> Any:
    return function(f"dnatag_{name}", *_TYPES[name], result=_RESULTS.get(name))


def properties(symbols: np.ndarray, codons: np.ndarray) -> np.ndarray:
    """Find the flags of each base.

    Parameters
    ----------
    symbols : numpy.ndarray
        uint8 (L,), below 16.
    codons : numpy.ndarray
        uint8 (16, 16, 16), the flags of each codon of symbols.

    Returns
    -------
    numpy.ndarray
        uint8 (L,): START and STOP_REVERSE where a codon has its first base, STOP and START_REVERSE
        where it has its last.
    """
    symbols = array(symbols, np.uint8)
    flags = np.empty(len(symbols), np.uint8)
    table = own(codons, np.uint8, 16, 16, 16)
    _loop("properties")(len(symbols), pointer(symbols), table, pointer(flags))
    return flags


def count_hexamers(
    base: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    coding: np.ndarray,
    background: np.ndarray,
) -> None:
    """Count hexamers at codon starts of intervals, and at every base of this strand.

    Parameters
    ----------
    base : numpy.ndarray
        See the module.
    starts, ends : numpy.ndarray
        Integers (G,), the intervals.
    coding, background : numpy.ndarray
        float64 (4096,), added to; ambiguous hexamers are left out.
    """
    base, starts, ends = array(base, np.int8), array(starts, np.int64), array(ends, np.int64)
    _loop("count_hexamers")(
        len(base), pointer(base), len(starts), pointer(starts), own(ends, np.int64, len(starts)),
        written(coding, np.float64, 4096), written(background, np.float64, 4096),
    )  # fmt: skip


def among_others(counts: np.ndarray, bins: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Compute how probable sequences are, each by the Markov chain of its bin without it.

    Parameters
    ----------
    counts : numpy.ndarray
        float64 (N, 4096), the hexamers of each sequence.
    bins : numpy.ndarray
        Integers (N,), the bin that it is in.
    totals : numpy.ndarray
        float64 (B, 4096), the hexamers of each bin, more than those of its sequences.

    Returns
    -------
    numpy.ndarray
        float64 (N,), logarithms.
    """
    bins = array(bins, np.int64)
    if len(bins) and not 0 <= bins.min() <= bins.max() < len(totals):
        raise ValueError(f"there are bins beyond the array of {len(totals)}")
    out = np.empty(len(bins))
    _loop("among_others")(
        len(bins), own(counts, np.float64, len(bins), 4096), pointer(bins),
        own(totals, np.float64, len(totals), 4096), pointer(out),
    )  # fmt: skip
    return out


def hexamers(symbols: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Count the hexamers of sequences, on both strands.

    Parameters
    ----------
    symbols : numpy.ndarray
        uint8 (L,), symbols below 16 of sequences that follow each other.
    offsets : numpy.ndarray
        Integers (N + 1,), where each of N sequences begins, and where the last one ends.

    Returns
    -------
    numpy.ndarray
        float64 (N, 4096); those with other symbols than letters of bases are left out.
    """
    symbols = array(symbols, np.uint8)
    offsets = checked_offsets(offsets, symbols)
    out = np.empty((len(offsets) - 1, 4096))
    _loop("hexamers")(len(out), pointer(offsets), pointer(symbols), pointer(out))
    return out


def genes_log_odds(
    base: np.ndarray, offsets: np.ndarray, ratios: np.ndarray, leave: float
) -> np.ndarray:
    """How much more probable sequences are with genes than without, for each row of ratios.

    Between genes and in each of six frames codons follow each other; before each one the frame
    may change.

    Parameters
    ----------
    base : numpy.ndarray
        See the module; of sequences that follow each other.
    offsets : numpy.ndarray
        Integers (N + 1,), where each of N sequences begins, and where the last one ends.
    ratios : numpy.ndarray
        float64 (P, 4096), probability of the second codon of a hexamer, given the first, inside
        genes over that anywhere. Not copied if in Fortran order.
    leave : float
        Probability that the frame changes.

    Returns
    -------
    numpy.ndarray
        float64 (P,), nats, of all sequences together.
    """
    base, by_hexamer = array(base, np.int8), array(ratios.T, np.float64)
    offsets = checked_offsets(offsets, base)
    out = np.empty(len(ratios))
    table = own(by_hexamer, np.float64, 4096, len(ratios))
    if _loop("genes_log_odds")(
        len(offsets) - 1, pointer(offsets), pointer(base), len(out), table, leave, pointer(out)
    ):
        raise MemoryError
    return out


def open_frames(path: np.ndarray, flags: np.ndarray, frame_of_state: np.ndarray) -> np.ndarray:
    """Find where frames are open, one stretch for each gene even if they follow at once.

    Parameters
    ----------
    path : numpy.ndarray
        Integers (L,), states; a negative one has no frame open.
    flags : numpy.ndarray
        uint8 (L,), the flags.
    frame_of_state : numpy.ndarray
        Bool (S, 6), the frames that are open in each state, up to 128 of them.

    Returns
    -------
    numpy.ndarray
        int64 (N, 6), sorted by left end, right end and strand: left and right end, strand (1 or
        -1), bases to skip at the 5' end to reach the first whole codon, and whether start and stop
        are missing (0 or 1).
    """
    n_states = len(frame_of_state)
    if n_states > 128 or (len(path) and int(path.max()) >= n_states):
        raise ValueError("a path has states of at most 128")
    path, flags = array(path, np.int8), array(flags, np.uint8)
    frames = array(frame_of_state, np.bool_)
    given = (
        len(path), pointer(path), own(flags, np.uint8, len(path)),
        n_states, own(frames, np.bool_, n_states, 6),
    )  # fmt: skip
    found = np.empty((8 + len(path) // 200, 6), np.int64)
    while (count := _loop("open_frames")(*given, len(found), pointer(found))) > len(found):
        found = np.empty((count, 6), np.int64)
    return found[:count]


def open_bases(flags: np.ndarray, long_frame: int) -> int:
    """Count the bases in reading frames of either strand with more than so many bases.

    Parameters
    ----------
    flags : numpy.ndarray
        uint8 (L,).
    long_frame : int
        Bases between stop codons.
    """
    flags = array(flags, np.uint8)
    count: int = _loop("open_bases")(len(flags), pointer(flags), long_frame)
    if count < 0:
        raise MemoryError
    return count


def drop_starts(
    flags: np.ndarray, start: int, stop: int, last: int, step: int, shortest: int, longest: int
) -> None:
    """Clear the start flags of genes with fewer than `shortest` or more than `longest` bases.

    A frame without a stop codon runs off the end.

    Parameters
    ----------
    flags : numpy.ndarray
        uint8 (L,), changed in place.
    start, stop : int
        Flags of the strand's start and stop codons.
    last, step : int
        The strand is read backwards from index `last` in steps of `-step`: the last index and 1
        for the forward strand, 0 and -1 for the reverse one.
    shortest, longest : int
        In bases.
    """
    _check_strand(flags, last, step)
    here = written(flags, np.uint8, len(flags))
    _loop("drop_starts")(len(flags), here, start, stop, last, step, shortest, longest)


def _check_strand(flags: np.ndarray, last: int, step: int) -> None:
    if (last, step) not in ((len(flags) - 1, 1), (0, -1)):
        raise ValueError("a strand is read from its end, in steps of one")


def mark_repeats(symbols: np.ndarray, max_period: int, shortest: int, out: np.ndarray) -> bool:
    """Mark tandem repeats.

    Parameters
    ----------
    symbols : numpy.ndarray
        uint8 (L,), 15 for N; runs of N are no repeats.
    max_period : int
        Longest period, in bases.
    shortest : int
        Bases of the shortest repeat, more than `max_period`.
    out : numpy.ndarray
        bool (L,); only what is a repeat is written.

    Returns
    -------
    bool
        Whether there are any.
    """
    if not 0 <= max_period < shortest:
        raise ValueError("a repeat must be longer than its period")
    symbols = array(symbols, np.uint8)
    here = written(out, np.bool_, len(symbols))
    return bool(_loop("mark_repeats")(len(symbols), pointer(symbols), max_period, shortest, here))


def least_rotation(symbols: np.ndarray) -> int:
    """Where the lexicographically least rotation begins.

    Parameters
    ----------
    symbols : numpy.ndarray
        uint8 (L,).

    Returns
    -------
    int
        0-based.
    """
    symbols = array(symbols, np.uint8)
    first: int = _loop("least_rotation")(len(symbols), pointer(symbols))
    return first

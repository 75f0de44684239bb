"""Evidence for starts and for lengths of genes, put into the scores of the CRF, in C.

:mod:`dnatag.native.plain_loops` has the same functions in NumPy.
"""

from __future__ import annotations

from ctypes import c_double, c_int, c_int64, c_void_p
from functools import cache
from typing import Any

import numpy as np

from dnatag.native.library import array, function, own, pointer, written

__all__ = ["centre_starts", "score_lengths"]

_A, _I = c_void_p, c_int64
_TYPES: dict[str, tuple[Any, ...]] = {
    "centre_starts": (_I, _A, _A, _I, _A, _A, _I, _A, _A, _A, _A, c_double, _A),
    "score_lengths": (_I, _A, _I, _A, _A, _A, c_double, _I, _A, _A, _I, _A, _A),
}


@cache
def _loop(name: str, result: Any = None) -> Any:
    return function(f"dnatag_{name}", *_TYPES[name], result=result)


def centre_starts(
    scores: np.ndarray,
    flags: np.ndarray,
    bounds: np.ndarray,
    columns: np.ndarray,
    place: np.ndarray,
    reverse: np.ndarray,
    start_scores: np.ndarray,
    evidence: np.ndarray,
    scale: float,
) -> np.ndarray:
    """Centre evidence for starts, so that a gene is as probable with it as without.

    Parameters
    ----------
    scores : numpy.ndarray
        float32 (L, C), of stretches that follow each other.
    flags : numpy.ndarray
        uint8 (L,), their flags.
    bounds : numpy.ndarray
        Integers (W + 1,), where each stretch begins, from 0 on, and where the last one ends.
    columns : numpy.ndarray
        Integers (6,), the columns of bases that are first, second, third in a codon of either
        strand.
    place : numpy.ndarray
        Integers (M,), where starts have their first base, in any order.
    reverse : numpy.ndarray
        bool (M,), whether they are on the reverse strand.
    start_scores, evidence : numpy.ndarray
        float32 (M,), their scores, and the evidence for each, in nats.
    scale : float
        What all scores, and the evidence, will be multiplied by.

    Returns
    -------
    numpy.ndarray
        float32 (M,), the evidence less the logarithm of what it multiplies the odds of the gene
        by, which ends at the next stop codon in frame of its stretch.
    """
    bounds, columns = array(bounds, np.int64), array(columns, np.int32)
    place, reverse = array(place, np.int64), array(reverse, np.bool_)
    start_scores, evidence = array(start_scores, np.float32), array(evidence, np.float32)
    (length, width), n = scores.shape, len(place)
    if bounds[0] != 0 or bounds[-1] != length or (np.diff(bounds) < 0).any():
        raise ValueError("bounds of stretches do not cover the scores")
    if n and not 0 <= place.min() <= place.max() < length:
        raise ValueError(f"starts lie outside an array of {length} bases")
    _check_columns(columns, 6, width)
    centred = np.empty(n, np.float32)
    if _loop("centre_starts", c_int)(
        len(bounds) - 1, pointer(bounds), own(flags, np.uint8, length),
        width, own(scores, np.float32, length, width), pointer(columns),
        n, pointer(place), own(reverse, np.bool_, n), own(start_scores, np.float32, n),
        own(evidence, np.float32, n), scale, pointer(centred),
    ):  # fmt: skip
        raise MemoryError
    return centred


def score_lengths(
    scores: np.ndarray,
    flags: np.ndarray,
    rows: np.ndarray,
    lengths: np.ndarray,
    begins: np.ndarray,
    ends: np.ndarray,
    columns: np.ndarray,
    scale: float,
    by_length: np.ndarray,
) -> None:
    """Scale scores, and add to those of starts what the length of a gene from there on gives.

    A frame without a stop codon runs off the end.

    Parameters
    ----------
    scores : numpy.ndarray
        float32 (B, L, C), changed in place.
    flags : numpy.ndarray
        uint8 (B, L).
    rows : numpy.ndarray
        Integers (R,), the rows to do this with.
    lengths : numpy.ndarray
        Integers (B,), bases of each row.
    begins, ends : numpy.ndarray
        bool (B,), whether genes may run off the begin and the end of a row: their lengths are
        added to the scores of its outermost base.
    columns : numpy.ndarray
        Integers (8,), of either strand those of bases that are first, second, third in a codon,
        and that of starts.
    scale : float
        What the scores are multiplied by.
    by_length : numpy.ndarray
        float32 (M,), what is added for each number of bases, the last for more.
    """
    rows, lengths = array(rows, np.int64), array(lengths, np.int64)
    begins, ends = array(begins, np.bool_), array(ends, np.bool_)
    columns = array(columns, np.int32)
    n, positions, width = scores.shape
    if len(rows) and not 0 <= rows.min() <= rows.max() < n:
        raise ValueError(f"there are rows beyond the array of {n}")
    if len(lengths) and not 0 <= lengths.min() <= lengths.max() <= positions:
        raise ValueError(f"there are rows longer than {positions}")
    if not len(by_length):
        raise ValueError("there are no scores of lengths")
    _check_columns(columns, 8, width)
    _loop("score_lengths")(
        len(rows), pointer(rows), positions, own(lengths, np.int64, n), own(begins, np.bool_, n),
        own(ends, np.bool_, n), scale, len(by_length) - 1,
        own(by_length, np.float32, len(by_length)), pointer(columns), width,
        own(flags, np.uint8, n, positions), written(scores, np.float32, n, positions, width),
    )  # fmt: skip


def _check_columns(columns: np.ndarray, number: int, width: int) -> None:
    if len(columns) != number or not 0 <= columns.min() <= columns.max() < width:
        raise ValueError(f"{len(columns)} columns do not fit scores of {width}")

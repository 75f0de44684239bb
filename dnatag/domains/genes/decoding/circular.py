"""Circular contigs: one rotation for all, so that where a file cuts the circle does not matter."""

from __future__ import annotations

import numpy as np

from dnatag.formats.sequences.records import CodingSequence, wrap

__all__ = ["choose_cut", "place"]


def choose_cut(labels: np.ndarray, circumference: int) -> int:
    """Where to cut a circle that was unrolled with an overlap.

    Parameters
    ----------
    labels : numpy.ndarray
        int8 (L + 2 X,), states of the unrolled circle, 0 between genes, -1 in gaps.
    circumference : int
        L.

    Returns
    -------
    int
        A position q, at most 2 X, where q and q + L have the same state: between genes if there
        is such a place, as near to X as possible.
    """
    twice = labels[: len(labels) - circumference]
    same = twice == labels[circumference:]
    places = np.flatnonzero(same & (twice <= 0))
    if not len(places):
        places = np.flatnonzero(same)
    middle = len(twice) // 2
    return int(places[np.argmin(np.abs(places - middle))]) if len(places) else middle


def place(gene: CodingSequence, shift: int, length: int) -> tuple[tuple[int, int], ...]:
    """Intervals on the circle of a gene on the unrolled circle.

    Parameters
    ----------
    gene : CodingSequence
        With one part.
    shift : int
        Position on the circle of the first unrolled base; may be negative.
    length : int
        Circumference.

    Returns
    -------
    tuple of (int, int)
        One interval, or two for a gene across the origin.
    """
    start = (gene.start + shift) % length
    return wrap(((start, start + len(gene)),), length)

"""How well segments of frames agree with the truth.

Definitions, those of Lea et al. 2017 (https://arxiv.org/abs/1611.05267); each is measured in every
sequence, and the mean over sequences is given:

Accuracy
    The share of frames with the true label.
Edit score
    One less the Levenshtein distance of the labels of the segments, in order, divided by the number
    of segments on the side that has more.
F1@k
    A predicted segment is right if the true one of its label that it overlaps most shares at least
    k percent of their union with it, and no earlier segment has taken that one; F1 is the harmonic
    mean of precision and recall.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dnatag.formats.text.tokens import Span
from dnatag.tasks.tagging.schemes import runs

__all__ = ["OVERLAPS", "edit_score", "evaluate_frames", "overlap_f1"]

#: Of their union, in percent.
OVERLAPS = (10, 25, 50)


def evaluate_frames(
    truth: Sequence[Sequence[str]], found: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Score the labels of frames.

    Parameters
    ----------
    truth, found
        The labels of the same sequences, of the same lengths; those without frames do not count.

    Returns
    -------
    dict of str to float
        ``accuracy``, ``edit`` and ``f1@10``, ``f1@25``, ``f1@50``, from 0 to 1; NaN if there is
        nothing to count.
    """
    rows = []
    for true, other in zip(truth, found, strict=True):
        if not true:
            continue
        right = sum(a == b for a, b in zip(true, other, strict=True)) / len(true)
        one, two = runs(true), runs(other)
        rows.append(
            [right, edit_score(one, two), *(overlap_f1(one, two, k / 100) for k in OVERLAPS)]
        )
    means = np.mean(rows, 0).tolist() if rows else [float("nan")] * (2 + len(OVERLAPS))
    return dict(zip(("accuracy", "edit", *(f"f1@{k}" for k in OVERLAPS)), means, strict=True))


def edit_score(true: Sequence[Span], found: Sequence[Span]) -> float:
    """Return the edit score of segments.

    Examples
    --------
    >>> edit_score(runs("aabbcc"), runs("abbbcb"))
    0.75
    """
    one, two = [s.type for s in true], [s.type for s in found]
    distances = list(range(len(two) + 1))
    for i, label in enumerate(one, 1):
        before = distances
        distances = [i]
        for j, other in enumerate(two, 1):
            best = min(before[j], distances[-1]) + 1
            distances.append(min(best, before[j - 1] + (label != other)))
    return 1 - distances[-1] / max(len(one), len(two), 1)


def overlap_f1(true: Sequence[Span], found: Sequence[Span], least: float) -> float:
    """Return the F1 of segments that overlap by at least a share of their union.

    Examples
    --------
    >>> overlap_f1(runs("aaaabbbb"), runs("aaabbbbb"), 0.5)
    1.0
    >>> overlap_f1(runs("aaaabbbb"), runs("ababbbbb"), 0.5)
    0.3333333333333333
    """
    taken: set[Span] = set()
    for span in found:
        shares = [(_overlap(span, other), -i) for i, other in enumerate(true)]
        share, place = max(shares, default=(0.0, 0))
        if share >= least and share > 0:
            taken.add(true[-place])
    return 2 * len(taken) / max(len(true) + len(found), 1)


def _overlap(one: Span, other: Span) -> float:
    """Return what two segments share of their union; 0 for different labels."""
    if one.type != other.type:
        return 0.0
    both = min(one.end, other.end) - max(one.start, other.start)
    return max(both, 0) / (max(one.end, other.end) - min(one.start, other.start))

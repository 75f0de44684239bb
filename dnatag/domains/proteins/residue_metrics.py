"""How well labels of residues are predicted: accuracy (Q3, Q8), segment overlap, correlation.

Residues whose true label is unknown do not count, and segments end at them.

Definitions
-----------
Q
    Share of residues with the true label: Q3 of three labels, Q8 of eight.
SOV
    Segment overlap, as defined in 1999 by Zemla, Venclovas, Fidelis and Rost
    (https://doi.org/10.1002/(SICI)1097-0134(19990201)34:2<220::AID-PROT7>3.0.CO;2-K).
MCC
    Matthews' correlation, of all labels (Gorodkin 2004,
    https://doi.org/10.1016/j.compbiolchem.2004.09.006) and of each against all others.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from dnatag.formats.text.tokens import Span
from dnatag.tasks.tagging.metrics import UNKNOWN
from dnatag.tasks.tagging.schemes import runs

__all__ = ["correlation", "evaluate_residues", "segment_overlap"]


def evaluate_residues(
    truth: Iterable[Sequence[str]], found: Iterable[Sequence[str]], unknown: str = UNKNOWN
) -> dict[str, float]:
    """Compare labels of residues.

    Parameters
    ----------
    truth, found
        The labels of each protein; the same number of proteins and of residues in each.
    unknown
        The true label of residues that do not count.

    Returns
    -------
    dict of str to float
        ``q3``, ``q8`` or ``accuracy``, by the number of true labels; ``sov``, ``mcc``, and the MCC
        of each label, such as ``mcc H``. NaN where there is nothing to measure.
    """
    pairs = [(list(a), list(b)) for a, b in zip(truth, found, strict=True)]
    confused = Counter(
        pair for a, b in pairs for pair in zip(a, b, strict=True) if pair[0] != unknown
    )
    labels = sorted({label for pair in confused for label in pair})
    true = {a for a, _ in confused}
    counts = np.array([[confused[a, b] for b in labels] for a in labels], float)
    counts = counts.reshape(len(labels), len(labels))
    total = counts.sum()
    name = f"q{len(true)}" if len(true) in (3, 8) else "accuracy"
    measures = {
        name: float(np.trace(counts) / total) if total else math.nan,
        "sov": segment_overlap(pairs, unknown),
        "mcc": correlation(counts),
    }
    for i, label in enumerate(labels):
        if label in true:
            own, row, column = counts[i, i], counts[i].sum(), counts[:, i].sum()
            table = [[own, row - own], [column - own, total - row - column + own]]
            measures[f"mcc {label}"] = correlation(np.array(table))
    return measures


def segment_overlap(
    pairs: Iterable[tuple[Sequence[str], Sequence[str]]], unknown: str = UNKNOWN
) -> float:
    """Return SOV of 1999, of all labels together, from 0 to 1; NaN for no residues.

    Parameters
    ----------
    pairs
        True and predicted labels of each protein.
    unknown
        The true label of residues that do not count.

    Examples
    --------
    The examples of Zemla and others, which have the same accuracy, 58.3 %:

    >>> true = "CHHHHHHHHHHC"
    >>> [round(100 * segment_overlap([(true, x)]), 1) for x in ("CHCHCHCHCHCC", "CCCHHHHHCCCC")]
    [12.5, 63.2]
    """
    overlap = total = 0.0
    for true, predicted in pairs:
        known = [None if a == unknown else b for a, b in zip(true, predicted, strict=True)]
        called = [s for s in runs(label or "" for label in known) if s.type]
        for segment in (s for s in runs(true) if s.type != unknown):
            length = segment.end - segment.start
            matches = [s for s in called if s.type == segment.type and _shared(segment, s) > 0]
            total += length * max(len(matches), 1)
            overlap += sum(length * _agreement(segment, match) for match in matches)
    return overlap / total if total else math.nan


def correlation(counts: np.ndarray) -> float:
    """Return Matthews' correlation of a confusion of any number of labels.

    Parameters
    ----------
    counts
        float (n, n): items by true (row) and predicted label.

    Returns
    -------
    float
        From -1 to 1; NaN if all items have one label on either side.

    Examples
    --------
    >>> round(correlation(np.array([[6.0, 2.0], [1.0, 3.0]])), 3)
    0.478
    """
    total, rows, columns = counts.sum(), counts.sum(1), counts.sum(0)
    spread = (total**2 - rows @ rows) * (total**2 - columns @ columns)
    if spread <= 0:
        return math.nan
    return float((total * np.trace(counts) - rows @ columns) / math.sqrt(spread))


def _shared(a: Span, b: Span) -> int:
    return min(a.end, b.end) - max(a.start, b.start)


def _agreement(true: Span, predicted: Span) -> float:
    """Return how much of the extent of two segments is common, with some allowance."""
    common = _shared(true, predicted)
    extent = max(true.end, predicted.end) - min(true.start, predicted.start)
    halves = ((s.end - s.start) // 2 for s in (true, predicted))
    return (common + min(extent - common, common, *halves)) / extent

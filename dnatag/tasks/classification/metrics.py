"""How good labels of sequences and their probabilities are.

Definitions
-----------
Accuracy
    The share of sequences with the true label.
Macro-F1
    The mean over labels of the harmonic mean of precision and recall; a label that is on neither
    side does not count.
Calibration error
    The expected calibration error of the probability of the predicted label: the mean, weighted by
    their numbers, of how far mean probability and accuracy lie apart in ten bins of equal width
    (Guo et al. 2017, https://arxiv.org/abs/1706.04599).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["LabelScores", "calibration_error", "evaluate_labels"]

#: Bins of the calibration error.
BINS = 10


@dataclass(frozen=True, slots=True)
class LabelScores:
    """Scores of the labels of some sequences; the module describes the definitions.

    Parameters
    ----------
    sequences
        How many there are.
    right
        Those with the true label.
    by_label
        For each label of either side, sorted, how many sequences truly have it, were predicted to
        have it, and both.
    calibration_error
        None where no probabilities are known.
    """

    sequences: int
    right: int
    by_label: dict[str, tuple[int, int, int]]
    calibration_error: float | None

    @property
    def accuracy(self) -> float:
        """Share of right labels."""
        return self.right / self.sequences

    @property
    def macro_f1(self) -> float:
        """Mean of the F1 of all labels."""
        return float(np.mean([_f1(*counts) for counts in self.by_label.values()]))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; ratios from 0 to 1."""
        return {
            "sequences": self.sequences,
            "right": self.right,
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "calibration_error": self.calibration_error,
            "by_label": {
                label: {"true": t, "predicted": p, "right": r, "f1": _f1(t, p, r)}
                for label, (t, p, r) in self.by_label.items()
            },
        }


def evaluate_labels(
    truth: Sequence[str], predicted: Sequence[str], scores: Sequence[float] | None = None
) -> LabelScores:
    """Score labels.

    Parameters
    ----------
    truth, predicted
        The labels of the same sequences, one or more.
    scores
        The probability of each predicted label, if known.

    Examples
    --------
    >>> result = evaluate_labels(["a", "a", "b", "b"], ["a", "b", "b", "b"])
    >>> result.accuracy, round(result.macro_f1, 4)
    (0.75, 0.7333)
    """
    pairs = list(zip(truth, predicted, strict=True))
    by_label = {
        label: (
            sum(t == label for t, _ in pairs),
            sum(p == label for _, p in pairs),
            sum(t == p == label for t, p in pairs),
        )
        for label in sorted({label for pair in pairs for label in pair})
    }
    right = [t == p for t, p in pairs]
    error = None if scores is None else calibration_error(np.array(scores), np.array(right))
    return LabelScores(len(pairs), sum(right), by_label, error)


def calibration_error(scores: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error.

    Parameters
    ----------
    scores : numpy.ndarray
        float (N,), probabilities of the predicted labels.
    right : numpy.ndarray
        bool (N,), whether they are the true ones.

    Examples
    --------
    >>> round(calibration_error(np.full(10, 0.8), np.arange(10) < 7), 4)
    0.1
    """
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    apart = np.bincount(bins, scores - right, BINS)
    return float(np.abs(apart).sum() / len(scores))


def _f1(true: int, predicted: int, right: int) -> float:
    return 2 * right / (true + predicted)

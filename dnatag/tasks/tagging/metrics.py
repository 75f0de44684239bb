"""How well predicted tags agree with true ones.

Definitions
-----------
Spans
    A predicted span is right if a true one has its bounds and its type. Tags that are illegal in
    their scheme are read leniently, so that precision, recall and F1 are those of conlleval and
    of seqeval in its default mode; where these give 0 for want of anything to count, it is NaN.
Tokens
    A token is right if its tag is the true one, letter by letter. Where the prediction is in
    another scheme than the truth, it is converted first.
Segments
    Residues have labels, not tags of spans: a segment is a run of one label, and every residue is
    in one. Residues whose true label is ``UNKNOWN`` do not count, and segments end at them, on
    both sides.
Confusion
    The label of a token is the type of its span, or "O" outside; that of a residue is its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import eq
from typing import Any, NamedTuple

import numpy as np

from dnatag.formats.text.tokens import Span
from dnatag.tasks.tagging.schemes import OUTSIDE, PLAIN, convert, runs, spans, tags

__all__ = ["UNKNOWN", "Confusion", "SpanCounts", "TagScores", "evaluate_segments", "evaluate_tags"]

#: The true label of residues that do not count.
UNKNOWN = "U"


@dataclass(frozen=True, slots=True)
class SpanCounts:
    """Agreement of predicted spans with true ones.

    Parameters
    ----------
    true, predicted
        How many there are.
    right
        How many are in both.
    """

    true: int
    predicted: int
    right: int

    @property
    def precision(self) -> float:
        """Right over predicted; NaN for no prediction."""
        return _ratio(self.right, self.predicted)

    @property
    def recall(self) -> float:
        """Right over true; NaN for no truth."""
        return _ratio(self.right, self.true)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; NaN if there is nothing on either side."""
        return _ratio(2 * self.right, self.true + self.predicted)

    def to_dict(self) -> dict[str, Any]:
        """Return counts and ratios, None for NaN."""
        return {
            "true": self.true,
            "predicted": self.predicted,
            "right": self.right,
            "precision": _none(self.precision),
            "recall": _none(self.recall),
            "f1": _none(self.f1),
        }


@dataclass(frozen=True, slots=True)
class Confusion:
    """Which labels are taken for which.

    Parameters
    ----------
    labels
        Those of either side, sorted; "O" is the last.
    counts : int64, shape (n, n)
        Tokens by true label (row) and predicted label (column).
    """

    labels: tuple[str, ...]
    counts: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Return counts by true and then by predicted label."""
        return {
            true: dict(zip(self.labels, row, strict=True))
            for true, row in zip(self.labels, self.counts.tolist(), strict=True)
        }


@dataclass(frozen=True, slots=True)
class TagScores:
    """Scores of one prediction; the module describes the definitions.

    Parameters
    ----------
    sequences
        Sentences or proteins.
    tokens
        Tokens or residues that count.
    tokens_right
        Those with the true tag or label.
    by_type : dict of str to SpanCounts
        Spans or segments of each type of either side, sorted.
    confusion
        Labels of tokens.
    """

    sequences: int
    tokens: int
    tokens_right: int
    by_type: dict[str, SpanCounts]
    confusion: Confusion

    @property
    def accuracy(self) -> float:
        """Share of right tokens; NaN for no tokens."""
        return _ratio(self.tokens_right, self.tokens)

    @property
    def all(self) -> SpanCounts:
        """Spans of all types together (micro average)."""
        every = self.by_type.values()
        return SpanCounts(
            sum(c.true for c in every), sum(c.predicted for c in every), sum(c.right for c in every)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; ratios from 0 to 1, None where nothing is to count."""
        return {
            "sequences": self.sequences,
            "tokens": self.tokens,
            "tokens_right": self.tokens_right,
            "accuracy": _none(self.accuracy),
            "all": self.all.to_dict(),
            "by_type": {name: counts.to_dict() for name, counts in self.by_type.items()},
            "confusion": self.confusion.to_dict(),
        }


def evaluate_tags(
    truth: Iterable[Sequence[str]],
    prediction: Iterable[Sequence[str]],
    scheme: str,
    predicted_scheme: str,
) -> TagScores:
    """Score the tags of sentences.

    Parameters
    ----------
    truth, prediction
        The tags of each sentence; the same number of sentences and of tokens in each.
    scheme, predicted_scheme
        In which scheme each is (see :mod:`dnatag.tasks.tagging.schemes`).

    Raises
    ------
    ValueError
        If the numbers differ, a tag is none of its scheme, or only one scheme is plain.
    """
    return _score(
        (_tagged(true, scheme, scheme), _tagged(predicted, predicted_scheme, scheme))
        for true, predicted in zip(truth, prediction, strict=True)
    )


def evaluate_segments(
    truth: Iterable[Sequence[str]],
    prediction: Iterable[Sequence[str]],
    unknown: str = UNKNOWN,
) -> TagScores:
    """Score the labels of residues.

    Parameters
    ----------
    truth, prediction
        The labels of each protein; the same number of proteins and of residues in each.
    unknown
        The true label of residues that do not count.

    Raises
    ------
    ValueError
        If the numbers differ.
    """
    return _score(
        (_labelled(true, true, unknown), _labelled(predicted, true, unknown))
        for true, predicted in zip(truth, prediction, strict=True)
    )


class _Sequence(NamedTuple):
    """One side of a sentence or protein.

    Attributes
    ----------
    tags, labels
        What is compared of each token that counts, for accuracy and for confusion.
    spans
        Those that count.
    """

    tags: list[str]
    labels: list[str]
    spans: list[Span]


def _tagged(given: Sequence[str], source: str, scheme: str) -> _Sequence:
    """Take a sentence; its tags are compared in ``scheme``."""
    read = spans(given, source)
    same = list(given) if source == scheme else convert(given, source, scheme)
    return _Sequence(same, tags(read, len(given), PLAIN), read)


def _labelled(given: Sequence[str], true: Sequence[str], unknown: str) -> _Sequence:
    """Take a protein, without the residues whose true label is unknown."""
    # No label is empty, so this ends the segments on either side.
    labels = ["" if t == unknown else label for t, label in zip(true, given, strict=True)]
    known = [label for label in labels if label]
    segments = [span for span in runs(labels) if span.type]
    return _Sequence(known, known, segments)


def _score(pairs: Iterable[tuple[_Sequence, _Sequence]]) -> TagScores:
    """Add up true and predicted sequences."""
    sequences = right = 0
    confused = Counter[tuple[str, str]]()
    types = Counter[str](), Counter[str](), Counter[str]()
    for true, predicted in pairs:
        sequences += 1
        right += sum(map(eq, true.tags, predicted.tags))
        confused.update(zip(true.labels, predicted.labels, strict=True))
        both = set(true.spans) & set(predicted.spans)
        for counter, found in zip(types, (true.spans, predicted.spans, both), strict=True):
            counter.update(span.type for span in found)
    return TagScores(
        sequences=sequences,
        tokens=confused.total(),
        tokens_right=right,
        by_type={
            name: SpanCounts(*(counter[name] for counter in types))
            for name in sorted(types[0] | types[1])
        },
        confusion=_confusion(confused),
    )


def _confusion(confused: Counter[tuple[str, str]]) -> Confusion:
    labels = sorted({x for pair in confused for x in pair}, key=lambda x: (x == OUTSIDE, x))
    counts = [[confused[true, predicted] for predicted in labels] for true in labels]
    return Confusion(tuple(labels), np.array(counts, np.int64).reshape(len(labels), len(labels)))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _none(value: float) -> float | None:
    return None if math.isnan(value) else value

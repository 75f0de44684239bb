"""How well the topology of membrane proteins is predicted, by the measures of TMbed and TMHMM.

The measures of proteins, segments and `q_ok` are those of Bernhofer and Rost 2022
(https://doi.org/10.1186/s12859-022-04873-x): a segment is right if both its ends are within 5
residues. The topology is right if the segments are as many, each overlaps the one in its place by
5 residues, and the sides are right, as in Krogh et al. 2001
(https://doi.org/10.1006/jmbi.2000.4315).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dnatag.domains.proteins.consensus import OTHER_SIDE, OVERLAP
from dnatag.domains.proteins.topology import SEGMENTS, TOLERANCE
from dnatag.formats.text.tokens import Span
from dnatag.tasks.tagging.metrics import UNKNOWN, SpanCounts
from dnatag.tasks.tagging.schemes import runs

__all__ = ["TopologyScores", "evaluate_topology"]

KINDS = {"H": "alpha", "B": "beta", "": "globular"}


@dataclass
class TopologyScores:
    """Counts over proteins.

    Attributes
    ----------
    proteins : Counter
        Proteins by kind: ``alpha``, ``beta``, ``globular``.
    found : Counter
        Those of a kind that are predicted to have a segment of it (globular: any segment).
    topology_right, q_ok : Counter
        Proteins by kind of which the whole topology, and all segments, are right.
    segments : dict of str to SpanCounts
        Segments by kind, in proteins of that kind.
    residues, residues_right : int
        Residues of known label.
    """

    proteins: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    topology_right: Counter[str] = field(default_factory=Counter)
    q_ok: Counter[str] = field(default_factory=Counter)
    segments: dict[str, SpanCounts] = field(default_factory=dict)
    residues: int = 0
    residues_right: int = 0

    def summary(self) -> dict[str, float]:
        """Shares of what there is, the most important first."""
        result = {}
        for kind in ("alpha", "beta"):
            if n := self.proteins[kind]:
                result[f"{kind} topology"] = self.topology_right[kind] / n
                result[f"{kind} q_ok"] = self.q_ok[kind] / n
                result[f"{kind} found"] = self.found[kind] / n
                result[f"{kind} segment recall"] = self.segments[kind].recall
                result[f"{kind} segment precision"] = self.segments[kind].precision
        if n := self.proteins["globular"]:
            result["globular false positives"] = self.found["globular"] / n
        if self.residues:
            result["residues"] = self.residues_right / self.residues
        return result


def evaluate_topology(
    truth: Iterable[Sequence[str]], found: Iterable[Sequence[str]]
) -> TopologyScores:
    """Compare labels, see :mod:`dnatag.domains.proteins.topology`.

    Where the true label is unknown, nothing is right or wrong: segments that are predicted there
    for more than half of their length do not count.

    Parameters
    ----------
    truth, found
        The labels of each protein; the same number of proteins and of residues in each.
    """
    scores = TopologyScores()
    counts = {kind: [0, 0, 0] for kind in ("alpha", "beta")}
    for true, predicted in zip(truth, found, strict=True):
        true, predicted = [t.upper() for t in true], [p.upper() for p in predicted]
        known = [t != UNKNOWN for t in true]
        scores.residues += sum(known)
        scores.residues_right += sum(
            t == p for t, p, k in zip(true, predicted, known, strict=True) if k
        )
        label = next((label for label in SEGMENTS if label in true), "")
        kind = KINDS[label]
        scores.proteins[kind] += 1
        if not label:
            scores.found[kind] += any(p in SEGMENTS for p in predicted)
            continue
        scores.found[kind] += label in predicted
        real = _segments(true, label)
        called = [
            s
            for s in _segments(predicted, label)
            if 2 * sum(known[s.start : s.end]) >= s.end - s.start
        ]
        right = _matches(real, called)
        for i, number in enumerate((len(real), len(called), right)):
            counts[kind][i] += number
        scores.q_ok[kind] += right == len(real) == len(called)
        scores.topology_right[kind] += len(real) == len(called) and all(
            min(a.end, b.end) - max(a.start, b.start) >= OVERLAP
            and _begin_side(true, a) in ("", _begin_side(predicted, b))
            for a, b in zip(real, called, strict=True)
        )
    scores.segments = {kind: SpanCounts(*numbers) for kind, numbers in counts.items()}
    return scores


def _segments(labels: Sequence[str], label: str) -> list[Span]:
    return [span for span in runs(labels) if span.type == label]


def _matches(real: Sequence[Span], called: Sequence[Span]) -> int:
    """Count segments with both ends within the tolerance, each used once."""
    right, left = 0, list(called)
    for a in real:
        for b in left:
            if abs(a.start - b.start) <= TOLERANCE and abs(a.end - b.end) <= TOLERANCE:
                left.remove(b)
                right += 1
                break
    return right


def _begin_side(labels: Sequence[str], span: Span) -> str:
    """Side on which a segment begins, "" if it is not known."""
    if span.start and labels[span.start - 1] in OTHER_SIDE:
        return labels[span.start - 1]
    if span.end < len(labels) and labels[span.end] in OTHER_SIDE:
        return OTHER_SIDE[labels[span.end]]
    return ""

"""The topology that most of many possible ones agree with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from dnatag.formats.text.tokens import Span
from dnatag.tasks.tagging.schemes import runs

__all__ = ["OTHER_SIDE", "OVERLAP", "consensus"]

#: Residues in which segments must overlap to be the same one.
OVERLAP = 5
OTHER_SIDE = {"1": "2", "2": "1"}


def consensus(samples: Iterable[Sequence[str]]) -> list[Span]:
    """Return the topology that is right most often, if each of the samples may be the truth.

    Two topologies agree if they have the same segments, each overlapping its counterpart by
    ``OVERLAP`` residues (or all of the shorter one), and the same sides, as in Krogh et al. 2001
    (https://doi.org/10.1006/jmbi.2000.4315). Where exactly a segment ends is uncertain by nature,
    so that no sample is probable by itself, yet many may agree. The ends are the medians of those
    that do. The side of a protein that nothing crosses does not matter.

    Parameters
    ----------
    samples
        Labels of a protein of one residue or more, drawn with their probabilities; see
        :mod:`dnatag.domains.proteins.topology`. Each segment leads from one side to the other.

    Returns
    -------
    list of Span
        Labels from the first residue to the last.
    """
    alike: dict[tuple[str, ...], list[list[Span]]] = defaultdict(list)
    for spans in map(runs, samples):
        alike[(_outer(spans), *(span.type for span in _segments(spans)))].append(spans)
    voters, ends = list[list[Span]](), np.empty(0)
    for group in sorted(alike.values(), key=len, reverse=True):
        if len(group) <= len(voters):
            break
        inner = [[span[:2] for span in _segments(spans)] for spans in group]
        places = np.array(inner, int).reshape(len(group), len(inner[0]), 2)
        agree = _agree(places)
        chosen = agree[agree.sum(1).argmax()]
        if chosen.sum() > len(voters):
            voters = [spans for spans, vote in zip(group, chosen, strict=True) if vote]
            ends = np.median(places[chosen], 0).astype(int)
    return _lay(voters, ends)


def _segments(spans: Iterable[Span]) -> list[Span]:
    """All that is not a side."""
    return [span for span in spans if span.type not in OTHER_SIDE]


def _outer(spans: Sequence[Span]) -> str:
    """Side from which the first segment crosses the membrane, "" if nothing crosses it."""
    kinds = [span.type for span in spans if span.type != "S"]
    if set(kinds) <= set(OTHER_SIDE):
        return ""
    if kinds[0] in OTHER_SIDE:
        return kinds[0]
    return OTHER_SIDE[kinds[1]] if len(kinds) > 1 else "1"


def _agree(places: np.ndarray) -> np.ndarray:
    """Find which of N labellings have the same K segments: int (N, K, 2) to bool (N, N)."""
    first, last = places[..., 0], places[..., 1]
    overlap = np.minimum(last[:, None], last) - np.maximum(first[:, None], first)
    size = last - first
    same: np.ndarray = (overlap >= np.minimum(OVERLAP, np.minimum(size[:, None], size))).all(-1)
    return same


def _lay(alike: Sequence[list[Span]], ends: np.ndarray) -> list[Span]:
    """Put the segments of labellings that agree to their ends, int (K, 2), and sides between."""
    like, length = alike[0], alike[0][-1].end
    result, end = list[Span](), 0
    side = _outer(like)
    if not side:
        sides = [spans[-1].type for spans in alike]
        side = max("12", key=sides.count)
    for segment, (first, last) in zip(_segments(like), ends.tolist(), strict=True):
        if first > end:
            result.append(Span(end, first, side))
        result.append(Span(first, last, segment.type))
        end = last
        side = side if segment.type == "S" else OTHER_SIDE[side]
    if end < length:
        result.append(Span(end, length, side))
    return result

"""Scores of segments, against the published evaluation written out for small examples."""

from __future__ import annotations

import numpy as np
import pytest

from dnatag.domains.features.metrics import edit_score, evaluate_frames, overlap_f1
from dnatag.tasks.tagging.schemes import runs


def published_f1(true: str, found: str, overlap: float) -> float:
    """F1 as in Lea et al. 2017, with its matrices."""
    t, p = runs(true), runs(found)
    used, right = np.zeros(len(t)), 0
    for span in p:
        low = np.maximum(span.start, [s.start for s in t])
        high = np.minimum(span.end, [s.end for s in t])
        union = np.maximum(span.end, [s.end for s in t]) - np.minimum(
            span.start, [s.start for s in t]
        )
        shares = np.clip(high - low, 0, None) / union * [s.type == span.type for s in t]
        best = int(shares.argmax())
        if shares[best] >= overlap and not used[best]:
            used[best], right = 1, right + 1
    precision, recall = right / len(p), right / len(t)
    return 2 * precision * recall / (precision + recall) if right else 0.0


def test_against_the_published_code() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        n = rng.integers(1, 30)
        true, found = ("".join(rng.choice(list("aab"), n)) for _ in range(2))
        for overlap in (0.1, 0.25, 0.5):
            score = overlap_f1(runs(true), runs(found), overlap)
            assert score == pytest.approx(published_f1(true, found, overlap))


@pytest.mark.parametrize(
    ("true", "found", "score"),
    [("aabb", "ab", 1.0), ("aabb", "b", 0.5), ("a", "bab", 1 / 3), ("ab", "ba", 0.0),
     ("", "", 1.0), ("abc", "", 0.0)],
)  # fmt: skip
def test_edit_score(true: str, found: str, score: float) -> None:
    assert edit_score(runs(true), runs(found)) == pytest.approx(score)


def test_means_over_sequences() -> None:
    scores = evaluate_frames(["aaaa", "bb", ""], ["aaab", "bb", ""])
    assert scores["accuracy"] == pytest.approx((0.75 + 1) / 2)
    assert scores["edit"] == pytest.approx((0.5 + 1) / 2)
    assert scores["f1@50"] == pytest.approx((2 / 3 + 1) / 2)
    assert np.isnan(evaluate_frames([], [])["accuracy"])

"""Search in CTC outputs against enumeration of all paths."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.tasks.ctc.ngrams import NgramModel
from dnatag.tasks.ctc.search import SearchSettings, beam_search, greedy_search

LANGUAGE = NgramModel.fit([b"\1\2\1", b"\2\2", b"\1"], 3, 3)
WIDE = SearchSettings(beam=1000, weight=0.7, bonus=0.3)


def collapse(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)


def best_text(logs: np.ndarray, language: NgramModel | None) -> tuple[tuple[int, ...], float]:
    """Return the best text and by how much it is better than the next, by its definition."""
    totals: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(logs.shape[1]), repeat=len(logs)):
        totals[collapse(path)] += math.exp(sum(logs[t, s] for t, s in enumerate(path)))
    scores = {}
    for text, total in totals.items():
        scores[text] = math.log(total)
        if language is not None:
            whole = bytes(language.order - 1) + bytes(text)
            for i, symbol in enumerate([*text, 0]):
                log = language.logs(whole[: language.order - 1 + i])[symbol]
                scores[text] += WIDE.weight * log + (WIDE.bonus if symbol else 0)
    first, second = sorted(scores, key=lambda t: -scores[t])[:2]
    return first, scores[first] - scores[second]


@given(seed=st.integers(0, 10_000), steps=st.integers(1, 6), with_language=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_best_text_is_found(seed: int, steps: int, with_language: bool) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.normal(0, 1.5, (steps, 3))
    logs = raw - np.log(np.exp(raw).sum(1, keepdims=True))
    language = LANGUAGE if with_language else None
    expected, margin = best_text(logs, language)
    if margin > 1e-3:
        assert tuple(e.symbol for e in beam_search(logs, language, WIDE)) == expected


def test_places_and_scores() -> None:
    shares = np.full((8, 3), 0.01)
    for step, (symbol, share) in enumerate(
        [(0, 0.98), (1, 0.6), (1, 0.9), (0, 0.98), (2, 0.7), (2, 0.5), (0, 0.98), (2, 0.8)]
    ):
        shares[step, symbol] = share
    logs = np.log(shares / shares.sum(1, keepdims=True))
    for found in (greedy_search(logs), beam_search(logs, None, SearchSettings(4))):
        assert [(e.symbol, e.step) for e in found] == [(1, 2), (2, 4), (2, 7)]
        assert [e.score for e in found] == pytest.approx(
            [math.exp(logs[2, 1]), math.exp(logs[4, 2]), math.exp(logs[7, 2])]
        )


def test_nothing() -> None:
    silence = np.log(np.full((5, 3), [0.98, 0.01, 0.01]))
    assert greedy_search(silence) == beam_search(silence, LANGUAGE, SearchSettings()) == []
    assert beam_search(np.zeros((0, 3)), None, SearchSettings()) == []


def test_a_long_text_takes_little_memory() -> None:
    rng = np.random.default_rng(1)
    raw = rng.normal(0, 3, (3000, 4))
    logs = raw - np.log(np.exp(raw).sum(1, keepdims=True))
    found = beam_search(logs, None, SearchSettings(4))
    assert all(a.step <= b.step for a, b in itertools.pairwise(found))


@pytest.mark.parametrize("order", [1, 2, 4])
def test_ngrams_are_probabilities(order: int) -> None:
    """Those that were seen in a context are more probable there, and all add up to one."""
    model = NgramModel.fit([b"\1\2\3\1\2", b"\1\2\2"], order, 5)
    for context in (b"", b"\1", b"\1\2", b"\4\4\4", b"\0\0\0", b"\3\1\2\2"):
        assert np.exp(model.logs(context)).sum() == pytest.approx(1)
    if order > 1:
        assert model.logs(b"\0\0\1").argmax() == 2
        # No text ends after a 1, and nothing follows a 4 that was never seen.
        assert model.logs(b"\0\0\1")[0] < model.logs(b"\0\1\2")[0]
    again = NgramModel(model.grams, model.counts, 5)
    assert np.array_equal(again.logs(b"\1\2"), model.logs(b"\1\2"))


def test_witten_bell() -> None:
    """A bigram model by hand."""
    model = NgramModel.fit([b"\1\1\2"], 2, 3)
    unigram = (np.array([1, 2, 1]) + 3 / 3) / (4 + 3)
    after_one = (np.array([0, 1, 1]) + 2 * unigram) / (2 + 2)
    np.testing.assert_allclose(np.exp(model.logs(b"\1")), after_one)

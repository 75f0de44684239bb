"""Posteriors of words, against all paths."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import groupby, pairwise, product

import numpy as np
import pytest

from dnatag.formats.transcripts import SpokenWord
from dnatag.tasks.ctc.ngrams import NgramModel
from dnatag.tasks.ctc.search import SearchSettings, beam_search, greedy_search
from dnatag.tasks.ctc.words import spoken_words, widened

#: A space, and two letters.
ALPHABET = " ab"
LANGUAGE = NgramModel.fit([b"\2\3\1\2", b"\3\1\3", b"\2"], 3, 4)
SETTINGS = SearchSettings(beam=1000, weight=0.6, bonus=0.4)


def test_one_word_against_all_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnatag.tasks.ctc.words.MOST", 1000)
    logs = np.log(np.random.default_rng(5).dirichlet(np.ones(4), 5))
    totals: dict[bytes, float] = defaultdict(float)
    for path in product(range(4), repeat=5):
        said = bytes(s for s, _ in groupby(path) if s)
        totals[said] += math.exp(sum(logs[i, s] for i, s in enumerate(path)))
    weighed: dict[bytes, float] = defaultdict(float)
    for said, total in totals.items():
        score = math.log(total)
        for i, symbol in enumerate(said):
            before = (b"\0\0" + said)[i : i + 2]
            score += SETTINGS.weight * LANGUAGE.logs(before)[symbol] + SETTINGS.bonus
        weighed[said.strip(b"\1")] += math.exp(score)
    (word,) = spoken_words(
        logs, beam_search(logs, LANGUAGE, SETTINGS), ALPHABET, 0.03, LANGUAGE, SETTINGS
    )
    text = bytes(ALPHABET.index(c) + 1 for c in word.word)
    assert word.score == pytest.approx(weighed[text] / sum(weighed.values()))


def test_spaces_bound_words() -> None:
    # "ab a", nearly certain but for the second word.
    shares = np.eye(4)[[0, 2, 3, 0, 1, 0, 2, 2, 0]] * 0.996 + 0.001
    shares[6:8] = [0.001, 0.001, 0.6, 0.398]
    logs = np.log(shares)
    one, two = spoken_words(logs, greedy_search(logs), ALPHABET, 0.03, None, SETTINGS)
    assert (one.word, two.word) == ("ab", "a")
    assert (one.start, one.end) == pytest.approx((0.03, 0.09))
    assert (two.start, two.end) == pytest.approx((0.18, 0.21))
    # "a" on both steps, or beside a blank; else "b", "ab" or "ba".
    assert one.score > 0.95
    assert two.score == pytest.approx(0.6 * 0.6, abs=0.02)


def test_times_of_words_reach_into_the_silence_beside_them() -> None:
    times = [(0.01, 0.2), (0.3, 0.4), (0.4, 0.43), (5.0, 5.03), (9.96, 9.99)]
    wide = widened([SpokenWord("a", *one, 1.0) for one in times], 10.0)
    assert (wide[0].start, wide[-1].end) == (0.0, 10.0)
    assert wide[3].end - wide[3].start > 0.1
    for one, (start, end) in zip(wide, times, strict=True):
        assert one.start <= start < end <= one.end
    for one, other in pairwise(wide):
        assert one.end <= other.start
    assert widened([], 10.0) == []

"""Segments of frames against all labellings of short sequences."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest

from dnatag.domains.features.segments import Segments, shortest_runs
from dnatag.engine.crf.chain import Chain
from dnatag.formats.text.tokens import Span
from dnatag.tasks.tagging.posterior import Posterior
from dnatag.tasks.tagging.schemes import runs

SEGMENTS = Segments({"a": 1, "b": 2, "c": 3})


def posterior(length: int) -> Posterior:
    rng = np.random.default_rng(length)
    grammar = SEGMENTS.grammar
    chain = Chain[np.ndarray](
        grammar,
        rng.normal(size=(1, length, 3)).astype(np.float32),
        rng.normal(size=len(grammar.weights)).astype(np.float32),
        np.zeros((1, length), np.uint8),
        np.array([length]),
    )
    return Posterior(chain, SEGMENTS.stretch)


def every_labelling(of: Posterior) -> dict[tuple[str, ...], float]:
    """Return the probability of each legal labelling, straight from the definition."""
    scores = of.chain.scores[0].astype(float)
    weights = dict(zip(SEGMENTS.grammar.weights, of.chain.weights.tolist(), strict=True))
    totals: dict[tuple[str, ...], float] = {}
    for labels in itertools.product("abc", repeat=len(scores)):
        segments = runs(labels)
        legal = all(s.end - s.start >= SEGMENTS.shortest[s.type] for s in segments[:-1])
        if legal:
            total = sum(scores[t]["abc".index(label)] for t, label in enumerate(labels))
            total += sum(weights[f"{a}\t{b}"] for a, b in itertools.pairwise(labels))
            totals[labels] = np.exp(total)
    whole = sum(totals.values())
    return {labels: total / whole for labels, total in totals.items()}


@pytest.mark.parametrize("length", [1, 2, 3, 6])
def test_against_all_labellings(length: int) -> None:
    of = posterior(length)
    expected = every_labelling(of)
    found = {
        tuple(SEGMENTS.tags(SEGMENTS.spans(path), length)): p for p, path in of.k_best(1000)[0]
    }
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, rel=1e-4)
    by_span: dict[Span, float] = defaultdict(float)
    for labels, probability in expected.items():
        for span in runs(labels):
            by_span[span] += probability
    (entities,) = of.entities([list(by_span)])
    assert {e.span: e.score for e in entities} == pytest.approx(dict(by_span), rel=1e-4)
    (best,) = SEGMENTS.best(of, None)
    most = max(expected, key=lambda labels: expected[labels])
    assert SEGMENTS.tags([e.span for e in best], length) == list(most)


def test_allowed_labels_have_one_path() -> None:
    for labels in ("aabbccc", "bba", "c", "abbabba"):
        allowed = SEGMENTS.allowed(labels, None)
        assert (allowed.sum(1) == 1).all()
        assert SEGMENTS.tags(SEGMENTS.spans(allowed.argmax(1)), len(labels)) == list(labels)
    assert SEGMENTS.allowed("xa", None)[0].all()


def test_as_a_file() -> None:
    again = Segments(SEGMENTS.to_dict()["shortest"])
    assert again.grammar == SEGMENTS.grammar
    assert shortest_runs([]) == {}

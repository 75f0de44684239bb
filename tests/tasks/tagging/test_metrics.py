"""Scores of tags: as seqeval has them, and cases counted by hand."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import accuracy_score, classification_report

from dnatag.tasks.tagging.metrics import SpanCounts, evaluate_segments, evaluate_tags

LETTERS = {"IOB1": "BI", "BIO": "BI", "IOBES": "BIES"}


def corpora(letters: str) -> st.SearchStrategy[list[list[tuple[str, str]]]]:
    """Sentences of pairs of tags, legal or not."""
    tag = st.sampled_from(["O", *(f"{letter}-{t}" for letter in letters for t in ("PER", "LOC"))])
    return st.lists(st.lists(st.tuples(tag, tag), min_size=1, max_size=10), min_size=1, max_size=5)


@given(data=st.data(), scheme=st.sampled_from(sorted(LETTERS)))
@settings(deadline=None, max_examples=150)
def test_numbers_are_those_of_seqeval(data: st.DataObject, scheme: str) -> None:
    corpus = data.draw(corpora(LETTERS[scheme]))
    truth, prediction = ([[pair[i] for pair in s] for s in corpus] for i in (0, 1))
    scores = evaluate_tags(truth, prediction, scheme, scheme)
    assert scores.accuracy == pytest.approx(accuracy_score(truth, prediction))
    if not scores.by_type:  # seqeval fails
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of shares of nothing
        report = classification_report(truth, prediction, output_dict=True, zero_division=0)
    assert scores.by_type.keys() == report.keys() - {"micro avg", "macro avg", "weighted avg"}
    for name, counts in {**scores.by_type, "micro avg": scores.all}.items():
        expected = report[name]
        assert counts.true == expected["support"]
        for share, key in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert np.nan_to_num(getattr(counts, share)) == pytest.approx(expected[key])


def test_by_hand() -> None:
    truth = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-PER"]]
    prediction = [["B-PER", "I-PER", "O", "B-PER"], ["B-LOC", "B-PER"]]
    scores = evaluate_tags(truth, prediction, "BIO", "BIO")
    assert scores.by_type == {"LOC": SpanCounts(1, 1, 0), "PER": SpanCounts(2, 3, 2)}
    assert scores.all == SpanCounts(true=3, predicted=4, right=2)
    assert scores.all.precision == 0.5
    assert scores.all.recall == pytest.approx(2 / 3)
    assert scores.all.f1 == pytest.approx(4 / 7)
    assert (scores.sequences, scores.tokens, scores.tokens_right) == (2, 6, 4)
    assert scores.confusion.labels == ("LOC", "PER", "O")
    assert scores.confusion.counts.tolist() == [[0, 1, 0], [0, 3, 0], [1, 0, 1]]


def test_schemes_may_differ() -> None:
    scores = evaluate_tags([["I-A", "B-A", "O"]], [["S-A", "S-A", "S-C"]], "IOB1", "IOBES")
    assert scores.by_type == {"A": SpanCounts(2, 2, 2), "C": SpanCounts(0, 1, 0)}
    assert scores.tokens_right == 2


def test_plain_tags() -> None:
    scores = evaluate_tags([["NN", "VB", "NN"]], [["NN", "NN", "NN"]], "plain", "plain")
    assert scores.by_type == {"NN": SpanCounts(2, 3, 2), "VB": SpanCounts(1, 0, 0)}
    assert scores.all.f1 == scores.accuracy == pytest.approx(2 / 3)


def test_segments() -> None:
    scores = evaluate_segments(["11HHH22"], ["11HHHH2"])
    assert scores.by_type == {
        "1": SpanCounts(1, 1, 1),
        "2": SpanCounts(1, 1, 0),
        "H": SpanCounts(1, 1, 0),
    }
    assert (scores.tokens, scores.tokens_right) == (7, 6)


def test_unknown_residues_do_not_count() -> None:
    scores = evaluate_segments(["HHUUHH1U"], ["HHHHH111"])
    # The second H is too short, and the 1 begins too soon.
    assert scores.by_type == {"1": SpanCounts(1, 1, 0), "H": SpanCounts(2, 2, 1)}
    assert (scores.tokens, scores.tokens_right) == (5, 4)
    assert scores.confusion.to_dict() == {"1": {"1": 1, "H": 0}, "H": {"1": 1, "H": 3}}


def test_nothing_to_count() -> None:
    document = evaluate_tags([["O"]], [["O"]], "BIO", "BIO").to_dict()
    assert json.loads(json.dumps(document)) == document
    assert document["all"] == {
        **{"true": 0, "predicted": 0, "right": 0},
        **{"precision": None, "recall": None, "f1": None},
    }
    assert evaluate_tags([], [], "BIO", "BIO").to_dict()["accuracy"] is None
    assert evaluate_segments(["U"], ["H"]).to_dict()["accuracy"] is None


@pytest.mark.parametrize("prediction", [[], [["O"], ["O"]], [["O", "O"]]])
def test_numbers_of_tokens_must_agree(prediction: list[list[str]]) -> None:
    with pytest.raises(ValueError, match=r"zip\(\)"):
        evaluate_tags([["O"]], prediction, "BIO", "BIO")
    with pytest.raises(ValueError, match=r"zip\(\)"):
        evaluate_segments([["O"]], prediction)

"""Tags as states: what is allowed, what is open, and that nothing is lost on the way."""

from __future__ import annotations

import json
import tracemalloc
from itertools import combinations, pairwise, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.domains.text.domain import DOMAIN
from dnatag.domains.text.labels import Entities, Plain, labelling_of
from dnatag.engine.crf.chain import Chain
from dnatag.formats.text.tokens import Span
from dnatag.tasks.tagging import schemes
from dnatag.tasks.tagging.domain import Labelling
from dnatag.tasks.tagging.posterior import Posterior

ENTITIES = Entities(["A", "B"], "BIO")
PLAIN = Plain(["NN", "VB"])
STATES = ENTITIES.grammar.states


def names(allowed: np.ndarray, labelling: Labelling = ENTITIES) -> list[set[str]]:
    """Return the states allowed at each token."""
    return [{labelling.grammar.states[i] for i in np.flatnonzero(row)} for row in allowed]


@st.composite
def sets_of_spans(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Spans in a sentence, and its length."""
    bounds = sorted(draw(st.sets(st.integers(0, 12), max_size=8)))
    spans = [
        Span(start, end, draw(st.sampled_from("AB")))
        for start, end in pairwise(bounds)
        if draw(st.booleans())
    ]
    return spans, max([1, *bounds]) + draw(st.integers(0, 2))


def test_the_grammar_is_iobes() -> None:
    assert set(STATES) == {"O", *(f"{part}-{t}" for part in "BIES" for t in "AB")}
    grammar = ENTITIES.grammar
    legal = {(t.source, t.target) for t in grammar.transitions}
    for pair in product(STATES, repeat=2):
        # Between tokens that begin and end what is open.
        left, right = pair
        inside = left[0] in "BI"
        expected = (right[0] in "IE" and left[2:] == right[2:]) if inside else right[0] in "OBS"
        assert (pair in legal) == expected, pair
    assert set(grammar.begin or ()) == {s for s in STATES if s[0] in "OBS"}
    assert set(grammar.end or ()) == {s for s in STATES if s[0] in "OES"}
    # Each transition has a weight of its own.
    assert len(grammar.weights) == len(legal)


@given(case=sets_of_spans(), scheme=st.sampled_from(["BIO", "IOBES", "BILOU", "IOB1"]))
@settings(deadline=None)
def test_tags_to_states_and_back(case: tuple[list[Span], int], scheme: str) -> None:
    spans, length = case
    labelling = Entities(["A", "B"], scheme)
    tags = labelling.tags(spans, length)
    assert tags == schemes.tags(spans, length, scheme)
    allowed = labelling.allowed(tags, None)
    assert (allowed.sum(1) == 1).all()
    path = allowed.argmax(1)
    assert labelling.spans(path) == spans
    assert not schemes.faults([STATES[i] for i in path], "IOBES")
    for span in spans:
        start, states = labelling.stretch(span, length)
        assert np.array_equal(allowed[start : start + len(states)], states)
        assert (start, start + len(states)) == (span.start, span.end)


def test_partial_annotation_leaves_open_what_it_does_not_know() -> None:
    tags = ["B-A", "I-A", "O", "B-A", "O"]
    of_b = {"B-B", "I-B", "E-B", "S-B"}
    assert names(ENTITIES.allowed(tags, None)) == [{"B-A"}, {"E-A"}, {"O"}, {"S-A"}, {"O"}]
    # Where only A is annotated, what is no A may be B, and nothing else.
    assert names(ENTITIES.allowed(tags, ("A",))) == [
        {"B-A"}, {"E-A"}, {"O"} | of_b, {"S-A"}, {"O"} | of_b
    ]  # fmt: skip
    assert names(ENTITIES.allowed(tags, ("A", "B"))) == names(ENTITIES.allowed(tags, None))
    assert names(ENTITIES.allowed(["O"], ())) == [set(STATES)]


def test_a_type_never_seen_allows_all() -> None:
    tags = ["B-NEW", "I-NEW", "O", "B-A"]
    assert names(ENTITIES.allowed(tags, None)) == [set(STATES), set(STATES), {"O"}, {"S-A"}]


def test_types_without_a_name() -> None:
    one = Entities([""], "BIO")
    assert names(one.allowed(["B", "I", "O"], None), one) == [{"B-"}, {"E-"}, {"O"}]
    assert one.tags(one.spans(one.allowed(["B", "I", "O"], None).argmax(1)), 3) == ["B", "I", "O"]
    assert names(one.allowed(["O"], ("",)), one) == [{"O"}]


def log_likelihood(
    allowed: np.ndarray, scores: torch.Tensor, transition_weights: torch.Tensor
) -> float:
    n = len(allowed)
    loss, legal = Chain(
        ENTITIES.grammar,
        scores[None],
        transition_weights,
        torch.zeros(1, n, dtype=torch.uint8),
        torch.tensor([n]),
        torch.from_numpy(allowed)[None],
    ).likelihood_loss()
    assert legal.all()
    return -float(loss)


@given(case=sets_of_spans(), seed=st.integers(0, 1000))
@settings(deadline=None)
def test_what_is_open_is_more_likely(case: tuple[list[Span], int], seed: int) -> None:
    spans, length = case
    tags = ENTITIES.tags([s for s in spans if s.type == "A"], length)
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(length, len(STATES), generator=generator)
    transition_weights = torch.randn(len(ENTITIES.grammar.weights), generator=generator)
    closed, open_, all_ = (
        log_likelihood(ENTITIES.allowed(tags, types), scores, transition_weights)
        for types in (None, ("A",), ())
    )
    assert closed <= open_ <= all_ + 1e-9
    if "O" in tags:
        assert closed < open_
    # The other type's spans are among what is open.
    both = log_likelihood(
        ENTITIES.allowed(ENTITIES.tags(spans, length), None), scores, transition_weights
    )  # fmt: skip
    assert both <= open_ + 1e-9


def test_plain() -> None:
    tags = ["NN", "VB", "NN"]
    path = PLAIN.allowed(tags, None).argmax(1)
    spans = PLAIN.spans(path)
    assert spans == [Span(0, 1, "NN"), Span(1, 2, "VB"), Span(2, 3, "NN")]
    assert PLAIN.tags(spans, 3) == tags
    assert PLAIN.tags(spans[1:], 3) == ["_", "VB", "NN"]
    assert PLAIN.tags([], 2) == ["_", "_"]
    assert names(PLAIN.allowed(["NN", "JJ"], None), PLAIN) == [{"NN"}, {"NN", "VB"}]
    start, states = PLAIN.stretch(Span(2, 3, "VB"), 3)
    assert (start, names(states, PLAIN)) == (2, [{"VB"}])
    assert len(PLAIN.grammar.transitions) == 4


def test_what_tags_of_a_corpus_say() -> None:
    one = labelling_of([("B-X", "I-X"), ("O", "B-D")], "BIO")
    assert isinstance(one, Entities)
    assert (one.types, one.scheme) == (("D", "X"), "BIO")
    other = labelling_of([("VB", "NN"), ("NN",)], "plain")
    assert isinstance(other, Plain)
    assert other.names == ("NN", "VB")
    assert labelling_of([("O",)], "BIO").grammar.states == ("O",)


@pytest.mark.parametrize("labelling", [ENTITIES, PLAIN, Entities([""], "IOB1")])
def test_stored_and_read_again(labelling: Labelling) -> None:
    again = DOMAIN.load_labelling(json.loads(json.dumps(labelling.to_dict())))
    assert again.to_dict() == labelling.to_dict()
    assert again.grammar == labelling.grammar


def of_scores(scores: np.ndarray) -> Posterior:
    """Return the posterior of one sequence, for scores of each state at each token."""
    chain = Chain(
        ENTITIES.grammar,
        scores[None],
        np.zeros(len(ENTITIES.grammar.weights), np.float32),
        np.zeros((1, len(scores)), np.uint8),
        np.array([len(scores)]),
    )
    return Posterior(chain, ENTITIES.stretch)


@given(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 7))
@settings(deadline=None, max_examples=30)
def test_the_chosen_spans_have_the_largest_sum_of_all_sets(seed: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    posterior = of_scores(2 * rng.normal(size=(length, len(STATES))).astype(np.float32))
    bounds = range(length + 1)
    spans = [Span(a, b, t) for a, b in product(bounds, bounds) if a < b for t in "AB"]
    (entities,) = posterior.entities([spans])
    gain = {e.span: e.score - 0.2 for e in entities if e.score >= 0.2}
    sets = [chosen for n in range(len(gain) + 1) for chosen in combinations(sorted(gain), n)]
    legal = [c for c in sets if all(a.end <= b.start for a, b in pairwise(c))]
    (found,) = ENTITIES.best(posterior, 0.2)
    assert sum(gain[e.span] for e in found) == pytest.approx(
        max(sum(map(gain.__getitem__, chosen)) for chosen in legal)
    )
    assert all(a.end <= b.start for a, b in pairwise(found))


def test_memory_grows_in_proportion_to_a_line() -> None:
    """A document without line ends: 30,000 entities took 4 GB, the square of their number."""

    def peak(length: int) -> int:
        scores = np.zeros((length, len(STATES)), np.float32)
        scores[:, STATES.index("S-A")] = 9
        posterior = of_scores(scores)
        tracemalloc.start()
        (found,) = ENTITIES.best(posterior, None)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(found) == length
        return most

    assert peak(8000) < 5 * peak(2000)

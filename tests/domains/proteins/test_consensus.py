"""The consensus of topologies against the measure of what is right, and what it must be."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.domains.proteins.consensus import consensus
from dnatag.domains.proteins.metrics import evaluate_topology
from dnatag.domains.proteins.topology import LABELS, NOT_DRAWN, SEGMENTS, Topology
from dnatag.engine.crf.chain import Chain

TOPOLOGY = Topology()


def labels_of(samples: list[str]) -> str:
    spans = consensus(samples)
    assert all(a.end == b.start for a, b in pairwise(spans))
    return "".join(span.type * (span.end - span.start) for span in spans)


def segments(labels: str) -> str:
    """One letter for each segment."""
    return re.sub(r"[12]", "", re.sub(r"(.)\1*", r"\1", labels))


def drawn(seed: int, length: int, n: int) -> list[str]:
    """Labels of legal paths of a random model."""
    generator = torch.Generator().manual_seed(seed)
    grammar = TOPOLOGY.grammar
    scores = torch.randn(1, length, len(grammar.scores), generator=generator)
    transition_weights = torch.randn(len(grammar.weights), generator=generator)
    transition_weights[[w in NOT_DRAWN for w in grammar.weights]] = -1e9
    flags = torch.zeros(1, length, dtype=torch.uint8)
    chain = Chain(grammar, scores, transition_weights, flags, torch.tensor([length]))
    paths = chain.sample(n, seed=seed)
    return ["".join(row) for row in np.array(LABELS)[TOPOLOGY.label_of[paths[0].numpy()]]]


def test_samples_that_agree() -> None:
    one = "S" * 20 + "2" * 30 + "H" * 21 + "1" * 9
    assert labels_of([one]) == one
    assert labels_of(["1"]) == "1"
    assert labels_of(["H" * 9]) == "H" * 9


def test_uncertain_ends_are_one_topology() -> None:
    """Each labelling with a helix is rarer than the one without, yet most have it."""
    helices = ["1" * (20 + i) + "H" * 20 + "2" * (20 - i) for i in (-4, -2, 0, 1, 3)]
    assert labels_of([*helices, *["1" * 60] * 4]) == "1" * 20 + "H" * 20 + "2" * 20


def test_what_does_not_matter_without_a_segment() -> None:
    """Two thirds have no helix, on whichever side they are."""
    assert labels_of(["1" * 30] * 3 + ["2" * 30] * 4 + ["2" + "H" * 20 + "1" * 9] * 5) == "2" * 30
    cut = ["S" * n + "2" * (30 - n) for n in (18, 20, 21)]
    assert labels_of([*cut, "1" * 30, "1" * 30]) == "S" * 20 + "2" * 10


def test_a_side_that_is_not_there() -> None:
    """A protein that begins with a helix begins on the side opposite of the one it leads to."""
    one, other = "H" * 20 + "2" * 9 + "H" * 20 + "1" * 11, "1" + "H" * 20 + "2" * 9 + "H" * 30
    assert labels_of([one, one, other]) == one
    assert labels_of([other, one, other]) == other


@given(st.integers(0, 2**32 - 1), st.integers(1, 150), st.integers(1, 25))
@settings(max_examples=60, deadline=None)
def test_legal(seed: int, length: int, n: int) -> None:
    found = labels_of(drawn(seed, length, n))
    assert len(found) == length
    for label, (least, _) in SEGMENTS.items():
        for run in re.finditer(f"(?<=[12])({label}+)(?=[12])", found):
            assert len(run[0]) >= least
    assert not re.search(r"1[HB]+1|2[HB]+2|12|21|[HB]S|HB|BH", found)


@given(st.integers(0, 2**32 - 1), st.integers(15, 120))
@settings(max_examples=60, deadline=None)
def test_right_for_most(seed: int, length: int) -> None:
    # The measure knows no peptides, no barrels with helices, and no part of a segment.
    known = re.compile(r"[12]*|[12]+(H{8,}[12]+)+|[12]+(B{5,}[12]+)+")
    samples = [s for s in drawn(seed, length, 100) if known.fullmatch(s)][:25]
    if not samples:
        return

    def right(truth: str, guess: str) -> bool:
        if set(truth + guess) <= {"1", "2"}:
            return True
        found = set(guess) & set(truth) & {"H", "B"}
        return bool(found) and evaluate_topology([truth], [guess]).topology_right.total() == 1

    votes = [sum(right(other, one) for other in samples) for one in samples]
    best = {segments(s) for s, vote in zip(samples, votes, strict=True) if vote == max(votes)}
    assert segments(labels_of(samples)) in best

"""The grammar of topologies: what is legal, what is open, and what spans are."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.domains.proteins.topology import SEGMENTS, Topology
from dnatag.engine.crf.chain import Chain
from dnatag.formats.text.tokens import Span

TOPOLOGY = Topology()
#: What no path may have: a short segment between two sides, a peptide that is not at the begin,
#: a segment that comes back to the side it left, and two segments without a side between them.
ILLEGAL = re.compile(
    r"(?<=[12])H{1,7}(?=[12])|(?<=[12])B{1,4}(?=[12])|(?<=[12HB])S|HB|BH|S[HB]"
    r"|1[HB]+1|2[HB]+2"
)


def logarithm(labels: str) -> float:
    """Logarithm of the number of paths that have these labels."""
    states = len(TOPOLOGY.grammar.states)
    allowed = TOPOLOGY.allowed(list(labels), None)
    assert allowed.shape == (len(labels), states)
    chain = Chain[np.ndarray](
        TOPOLOGY.grammar,
        np.zeros((1, len(labels), len(TOPOLOGY.grammar.scores))),
        np.zeros(len(TOPOLOGY.grammar.weights)),
        np.zeros((1, len(labels)), np.uint8),
        np.array([len(labels)]),
        allowed[None],
    )
    return float(chain.log_partition()[0])


@pytest.mark.parametrize(
    "labels",
    [
        "1" * 20,
        "S" * 20 + "2" * 30,
        "11" + "H" * 21 + "22",
        "22" + "H" * 8 + "11" + "H" * 45 + "2",
        "1" + "B" * 9 + "2" + "B" * 5 + "1",
        # A part of a protein.
        "H" * 12 + "2222",
        "222" + "H" * 3,
    ],
)
def test_one_path(labels: str) -> None:
    """Labels whose every side is known leave one path."""
    assert logarithm(labels) == pytest.approx(0)


@pytest.mark.parametrize(
    "labels", ["11" + "H" * 20 + "11", "22SS22", "1" + "H" * 20 + "B" * 9 + "2"]
)
def test_no_path(labels: str) -> None:
    assert logarithm(labels) == -np.inf


def test_open_residues() -> None:
    """What is unknown, or too short to be, may be anything that is legal."""
    assert logarithm("11UU11") > 0
    assert logarithm("1" * 9 + "HHHH" + "2" * 9) == pytest.approx(4 * np.log(2))  # plugs
    assert (
        TOPOLOGY.allowed(list("11" + "h" * 9 + "22"), None)[2:-2].sum() == 9 * 2 * SEGMENTS["H"][1]
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 120))
@settings(max_examples=60, deadline=None)
def test_predictions_are_legal(seed: int, length: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = 3 * torch.randn(1, length, len(TOPOLOGY.grammar.scores), generator=generator)
    transition_weights = torch.randn(len(TOPOLOGY.grammar.weights), generator=generator)
    flags = torch.zeros(1, length, dtype=torch.uint8)
    chain = Chain(TOPOLOGY.grammar, scores, transition_weights, flags, torch.tensor([length]))
    path = chain.viterbi()[0][0]
    spans = TOPOLOGY.spans(path.numpy())
    labels = "".join(TOPOLOGY.tags(spans, length))
    assert not ILLEGAL.search(labels)
    assert len(labels) == length
    assert np.isfinite(logarithm(labels))
    for span in spans:
        stretch = TOPOLOGY.stretch(span, length)
        inside = path.numpy()[stretch.start : stretch.start + len(stretch.states)]
        assert stretch.states[np.arange(len(inside)), inside].all()
        assert span.start <= stretch.start
        assert stretch.start + len(inside) <= span.end
        assert len(inside) >= (span.end - span.start) / 3


def test_tags_of_some_spans() -> None:
    assert TOPOLOGY.tags([Span(1, 3, "H")], 4) == ["U", "H", "H", "U"]

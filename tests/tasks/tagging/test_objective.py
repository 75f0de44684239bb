"""The likelihood of labels, by its definition."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dnatag.engine.batch import Batch
from dnatag.engine.crf.chain import Chain
from dnatag.engine.crf.grammar import Grammar, Transition
from dnatag.engine.networks.configs import TokenTaggerConfig
from dnatag.engine.networks.token_tagger import TokenTagger
from dnatag.tasks.tagging.objective import label_likelihood

GRAMMAR = Grammar(
    ("a", "b"),
    ("x", "y"),
    {"a": ("x",), "b": ("y",)},
    tuple(Transition(s, t, s + t) for s, t in ("aa", "ab", "bb")),
)


@pytest.fixture
def network() -> TokenTagger:
    torch.manual_seed(2)
    return TokenTagger(TokenTaggerConfig(((5, 3),), hidden=4, dropout=0.0), GRAMMAR)


@pytest.fixture
def batch() -> Batch:
    torch.manual_seed(3)
    inputs = (torch.randint(0, 5, (3, 6, 1)), torch.zeros(3, 6, 0), torch.zeros(3, 6, 0))
    allowed = torch.rand(3, 6, 2) < 0.7
    allowed[..., 1] |= ~allowed[..., 0]
    allowed[0, 0] = torch.tensor([False, True])
    allowed[0, 1:, 1] = True
    # From b no path leads to a: nothing legal.
    allowed[2, :2] = torch.tensor([[False, True], [True, False]])
    allowed[1] = True
    targets = {"flags": torch.zeros(3, 6, dtype=torch.uint8), "allowed": allowed}
    return Batch(inputs, torch.tensor([6, 4, 5]), targets)


def test_likelihood(network: TokenTagger, batch: Batch) -> None:
    loss, weight = label_likelihood(network, batch)
    assert float(weight) == 6 + 4
    scores = network(*batch.inputs, batch.lengths)
    flags, allowed = batch.targets["flags"], batch.targets["allowed"]
    chain = Chain(GRAMMAR, scores, network.transition_weights, flags, batch.lengths)
    expected = chain.log_partition() - replace(chain, allowed=allowed).log_partition()
    assert torch.isinf(expected[2])
    torch.testing.assert_close(loss, expected[:2].sum())
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_rows(batch: Batch, network: TokenTagger) -> None:
    """The sums over parts are those over the whole."""
    device = torch.device("cpu")
    assert len(batch.rows(1, 3, device)) == 2
    whole = label_likelihood(network, batch)
    parts = [label_likelihood(network, batch.rows(a, b, device)) for a, b in ((0, 1), (1, 3))]
    for i in range(2):
        torch.testing.assert_close(parts[0][i] + parts[1][i], whole[i])

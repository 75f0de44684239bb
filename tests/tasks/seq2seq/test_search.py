"""Beam search against enumeration of all translations."""

from __future__ import annotations

import itertools

import pytest
import torch

from dnatag.engine.batch import Batch
from dnatag.engine.networks.configs import TranslatorConfig
from dnatag.engine.networks.translator import Translator
from dnatag.tasks.seq2seq.objective import translation_likelihood
from dnatag.tasks.seq2seq.search import beam_translate

BEGIN, END = 1, 2
LONGEST = 4


@pytest.fixture(scope="module")
def network() -> Translator:
    torch.manual_seed(3)
    network = Translator(TranslatorConfig(6, embedding=6, hidden=5, dropout=0.0)).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return network


def score(network: Translator, source: list[int], target: tuple[int, ...]) -> float:
    """Return the log probability of a translation with its end."""
    batch = Batch(
        (torch.tensor(source)[None, :, None],),
        torch.tensor([len(source)]),
        {"written": torch.tensor([[BEGIN, *target, END]]), "ends": torch.tensor([len(target) + 1])},
    )
    with torch.no_grad():
        return -float(translation_likelihood(network, batch)[0])


def test_the_best_is_found(network: Translator) -> None:
    sources = [[3, 4, 5], [5], [4, 4, 3, 5, 3]]
    tokens = torch.zeros(3, 5, dtype=torch.int64)
    for row, source in zip(tokens, sources, strict=True):
        row[: len(source)] = torch.tensor(source)
    with torch.no_grad():
        found = beam_translate(
            network,
            tokens,
            torch.tensor([3, 1, 5]),
            40,
            (BEGIN, END),
            torch.full((3,), LONGEST),
            1.0,
        )
    for source, hypotheses in zip(sources, found, strict=True):
        every = {
            target: score(network, source, target) / (len(target) + 1)
            for length in range(LONGEST)
            for target in itertools.product((2 + 1, 4, 5), repeat=length)
        }
        best = max(every, key=lambda t: every[t])
        assert tuple(hypotheses[0].tokens) == best
        assert hypotheses[0].score == pytest.approx(every[best], abs=1e-4)
        for one in hypotheses:
            assert one.score == pytest.approx(every[tuple(one.tokens)], abs=1e-4)
            assert len(one.looked_at) == len(one.tokens)
            assert all(0 <= place < len(source) for place in one.looked_at)
        assert [h.score for h in hypotheses] == sorted((h.score for h in hypotheses), reverse=True)


def test_company_does_not_matter(network: Translator) -> None:
    """Padding, and what else is in a batch, change nothing; each text has its own limit."""
    texts = [[3, 4], [5, 5, 4, 3]]
    tokens = torch.tensor([[3, 4, 0, 0], [5, 5, 4, 3]])
    lengths, marks = torch.tensor([2, 4]), (BEGIN, END)
    limits = torch.tensor([2, 9])
    with torch.no_grad():
        both = beam_translate(network, tokens, lengths, 3, marks, limits, 1.0)
        for i, (text, found) in enumerate(zip(texts, both, strict=True)):
            one = slice(i, i + 1)
            (alone,) = beam_translate(
                network, torch.tensor([text]), lengths[one], 3, marks, limits[one], 1.0
            )
            assert [h.tokens for h in found] == [h.tokens for h in alone]
            assert all(len(h.tokens) < limits[i] for h in found)


def test_smoothing_counts_in_training_only(network: Translator) -> None:
    batch = Batch(
        (torch.tensor([[[3], [4]]]),),
        torch.tensor([2]),
        {"written": torch.tensor([[BEGIN, 5, END, 0]]), "ends": torch.tensor([2])},
    )
    with torch.no_grad():
        plain = translation_likelihood(network, batch)
        network.train()
        smoothed = translation_likelihood(network, batch)[0]
        network.eval()
        logits = network(batch.inputs[0][..., 0], torch.tensor([[BEGIN, 5]]), batch.lengths)
    assert float(plain[1]) == 2
    logs = logits.log_softmax(-1)[0]
    right = -(logs[0, 5] + logs[1, END])
    assert float(plain[0]) == pytest.approx(float(right), rel=1e-5)
    assert float(smoothed) == pytest.approx(
        float(0.9 * right - 0.1 * logs.mean(-1).sum()), rel=1e-5
    )

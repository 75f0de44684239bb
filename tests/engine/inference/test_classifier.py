"""Classifiers without torch find what those of torch find, whatever else is in a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dnatag.engine.inference import networks
from dnatag.engine.inference.classifier import ClassifierRunner, pool
from dnatag.engine.networks.classifier import Classifier
from dnatag.engine.networks.configs import POOLINGS, ClassifierConfig, TokenTaggerConfig
from dnatag.engine.networks.weights import ClassifierWeights
from dnatag.tasks.batches import collate
from dnatag.tasks.features import TokenFeatures, join

LENGTHS = (5, 1, 0, 9, 2)


def config(pooling: str, categories: tuple[tuple[int, int], ...]) -> ClassifierConfig:
    tokens = TokenTaggerConfig(categories, features=4, hidden=6, layers=2, dropout=0.3)
    return ClassifierConfig(tokens, labels=3, units=5, pooling=pooling)


def sequences(categories: int) -> list[TokenFeatures]:
    rng = np.random.default_rng(3)
    return [
        TokenFeatures(
            rng.integers(0, 7, (n, categories)).astype(np.int32),
            rng.normal(size=(n, 4)).astype(np.float32),
            np.zeros((n, 1), np.int32),
        )
        for n in LENGTHS
    ]


def logits(runner: ClassifierRunner, encoded: list[TokenFeatures]) -> np.ndarray:
    tokens = join(encoded)
    prepared = runner.prepare(tokens.categories, tokens.features, tokens.parts)
    lengths = np.array([len(e) for e in encoded])
    return runner.logits(prepared, np.arange(len(tokens)), lengths)


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("categories", [(), ((7, 3),)])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_as_torch(
    monkeypatch: pytest.MonkeyPatch,
    pooling: str,
    categories: tuple[tuple[int, int], ...],
    native: bool,
) -> None:
    if not native:
        monkeypatch.setattr(networks, "available", lambda: False)
    torch.manual_seed(1)
    members = [Classifier(config(pooling, categories)).eval() for _ in range(2)]
    for member in members:
        for parameter in member.parameters():
            torch.nn.init.normal_(parameter)
    encoded = sequences(len(categories))
    inputs, lengths = collate(encoded)
    with torch.no_grad():
        expected = torch.stack([m(*inputs, lengths) for m in members]).mean(0).numpy()
    runner = ClassifierRunner([ClassifierWeights.of(m) for m in members], "cpu")
    found = logits(runner, encoded)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    # Without a token, only the bias of the labels counts.
    biases = [m.labels.bias.detach().numpy() for m in members]
    np.testing.assert_allclose(found[2], np.mean(biases, 0), rtol=1e-6)
    if native:
        alone = [logits(runner, [one])[0] for one in encoded]
        assert np.array_equal(alone, found)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_nothing_at_all(pooling: str) -> None:
    assert pool(np.zeros((0, 3), np.float32), np.zeros(2, int), 2, pooling).tolist() == [[0, 0]] * 2


def test_another_pooling_is_refused() -> None:
    data = config("max", ()).to_dict()
    assert ClassifierConfig.from_dict(data) == config("max", ())
    with pytest.raises(ValueError, match="there is no pooling 'sum'"):
        ClassifierConfig.from_dict({**data, "pooling": "sum"})

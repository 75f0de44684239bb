"""Scores of labels against independent references."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from dnatag.tasks.classification.metrics import calibration_error, evaluate_labels
from dnatag.tasks.temperature import best_temperature


def test_against_definitions() -> None:
    rng = np.random.default_rng(1)
    truth, found = (
        rng.choice(["a", "b", "c"], 200, p=p) for p in ([0.6, 0.3, 0.1], [0.4, 0.4, 0.2])
    )
    scores = evaluate_labels(truth.tolist(), found.tolist())
    assert scores.accuracy == pytest.approx((truth == found).mean())
    each = []
    for label in "abc":
        right = ((truth == label) & (found == label)).sum()
        precision, recall = right / (found == label).sum(), right / (truth == label).sum()
        each.append(2 * precision * recall / (precision + recall))
    assert scores.macro_f1 == pytest.approx(np.mean(each))
    assert scores.calibration_error is None


def test_a_label_of_one_side_only() -> None:
    scores = evaluate_labels(["a", "a"], ["a", "b"])
    assert scores.by_label == {"a": (2, 1, 1), "b": (0, 1, 0)}
    assert scores.macro_f1 == pytest.approx((2 / 3 + 0) / 2)


def test_calibration() -> None:
    rng = np.random.default_rng(1)
    scores = rng.uniform(0.5, 1, 100_000)
    right = rng.random(100_000) < scores
    assert calibration_error(scores, right) < 0.01
    assert calibration_error(scores, rng.random(100_000) < scores - 0.2) == pytest.approx(
        0.2, abs=0.01
    )
    assert calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_best_temperature_is_found(temperature: float) -> None:
    """Labels drawn with probabilities of a temperature give it back."""
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(20_000, 4, generator=generator)
    labels = torch.multinomial((logits / temperature).softmax(1), 1, generator=generator)[:, 0]
    found = best_temperature(lambda inverse: float(cross_entropy(inverse * logits, labels)))
    assert found == pytest.approx(temperature, rel=0.05)

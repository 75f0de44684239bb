"""The temperature of taggers: labels that are drawn with one give it back, without unknown ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dnatag.domains.text.domain import DOMAIN
from dnatag.domains.text.labels import Plain
from dnatag.domains.text.settings import TextNetwork
from dnatag.engine.networks.token_tagger import TokenTagger
from dnatag.tasks.batches import collate
from dnatag.tasks.tagging.training.batches import TaggedExample
from dnatag.tasks.tagging.training.validation import calibrated

WORDS = [f"w{i}" for i in range(50)]


@pytest.mark.parametrize(("temperature", "expected"), [(0.5, 1.0), (1.5, 1.5), (3.0, 3.0)])
def test_the_temperature_is_found(temperature: float, expected: float) -> None:
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    settings = TextNetwork(hidden=8, characters="cnn")
    featurizer = DOMAIN.featurizer([WORDS], settings, Path())
    labelling = Plain(["A", "B", "C"])
    networks = [
        TokenTagger(DOMAIN.tagger_config(featurizer, settings), labelling.grammar).eval()
        for _ in range(2)
    ]
    for network in networks:
        network.temper(0.05)  # the scores of random weights are small
    examples = []
    for length in rng.integers(1, 12, 400):
        encoded = featurizer.encode(rng.choice(WORDS, length).tolist())
        inputs, lengths = collate([encoded])
        with torch.no_grad():
            scores = torch.stack([network(*inputs, lengths)[0] for network in networks]).mean(0)
        drawn = torch.multinomial((scores / temperature).softmax(1), 1)[:, 0]
        examples.append(TaggedExample(encoded, np.eye(3, dtype=bool)[drawn.numpy()]))
    found = calibrated(networks, labelling, examples)
    assert found == pytest.approx(expected, rel=0.1)


def test_spans_that_labels_leave_open_do_not_count() -> None:
    torch.manual_seed(1)
    settings = TextNetwork(hidden=8, characters="cnn")
    featurizer = DOMAIN.featurizer([WORDS], settings, Path())
    labelling = Plain(["A", "B"])
    network = TokenTagger(DOMAIN.tagger_config(featurizer, settings), labelling.grammar).eval()
    encoded = featurizer.encode(WORDS)
    inputs, lengths = collate([encoded])
    with torch.no_grad():
        best = network(*inputs, lengths)[0].argmax(1).numpy()
    # Half of them are wrong; where all are left open, there is nothing to be less certain of.
    wrong = np.eye(2, dtype=bool)[np.where(np.arange(len(WORDS)) % 2, best, 1 - best)]
    assert calibrated([network], labelling, [TaggedExample(encoded, wrong)]) > 1
    open_ = np.ones_like(wrong)
    assert calibrated([network], labelling, [TaggedExample(encoded, open_)]) == 1
    # Spans that are right, and some that are open, do not make it more modest.
    some = np.where(np.arange(len(WORDS))[:, None] % 2, np.eye(2, dtype=bool)[best], True)
    assert calibrated([network], labelling, [TaggedExample(encoded, some)]) == 1

"""Batches of recordings, some joined in pairs."""

from __future__ import annotations

import numpy as np
import pytest

from dnatag.domains.speech.settings import SpeechNetwork
from dnatag.domains.speech.sound import FRAMES, LONGEST_PAUSE, MelFeaturizer

pytest.importorskip("torch")
from dnatag.tasks.ctc.training.batches import TranscribedBatches, TranscribedExample
from dnatag.tasks.features import TokenFeatures

MELS, STACK, SPACE = 8, 3, 9
NETWORK = SpeechNetwork(mels=MELS, stack=STACK, speed=0, masks=0, noise=0)


def example(number: int, frames: int) -> TranscribedExample:
    features = np.full((frames, MELS), number, np.float32)
    none = np.zeros((frames, 0), np.int32)
    return TranscribedExample(TokenFeatures(none, features, none), (number, number + 1))


def batches(joined: float) -> TranscribedBatches:
    mels = np.ones(MELS, np.float32)
    train = [example(number, 60) for number in range(1, 8)]
    return TranscribedBatches(
        train, [], MelFeaturizer(mels, mels, NETWORK), 240, 1, joined=joined, space=SPACE
    )


def texts(some: TranscribedBatches, step: int) -> list[tuple[int, ...]]:
    batch = some.batch_at(step)
    rows = zip(batch.targets["text"].tolist(), batch.targets["symbols"].tolist(), strict=True)
    return [tuple(row[:length]) for row, length in rows]


def test_pairs_have_the_texts_of_both_with_a_space_between() -> None:
    alone, pairs = batches(0.0), batches(1.0)
    assert alone.steps(1) == pairs.steps(1) > 1
    for step in range(alone.steps(1)):
        each, joined = texts(alone, step), texts(pairs, step)
        assert [t for pair in joined for t in pair if t != SPACE] == [t for x in each for t in x]
        assert [pair.count(SPACE) for pair in joined] == [1] * (len(each) // 2) + [0] * (
            len(each) % 2
        )
        for length, text in zip(pairs.batch_at(step).lengths.tolist(), joined, strict=True):
            least = 60 * len(text) // 2 // STACK
            assert least <= length <= least + LONGEST_PAUSE * FRAMES / STACK


def test_a_share_of_the_batches_is_joined() -> None:
    some = batches(0.5)
    steps = [any(SPACE in text for text in texts(some, step)) for step in range(40)]
    assert 8 < sum(steps) < 32


def test_all_is_random_by_step_only() -> None:
    one, two = batches(0.5).batch_at(7), batches(0.5).batch_at(7)
    assert np.array_equal(one.inputs[1], two.inputs[1])

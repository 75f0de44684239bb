"""Batches of sequences: padding, epochs, and the shares of workers."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from dnatag.engine.batch import Batch
from dnatag.tasks.batches import collate
from dnatag.tasks.features import TokenFeatures
from dnatag.tasks.tagging.training.batches import TaggedBatches, TaggedExample

STATES = 3


class Featurizer:
    """Varies sequences by counting up a category, by chance."""

    def vary(self, encoded: TokenFeatures, rng: np.random.Generator) -> TokenFeatures:
        categories = encoded.categories.copy()
        categories[:, 1] = rng.integers(1, 100)
        return replace(encoded, categories=categories)


def encoded(number: int, length: int, width: int = 2) -> TokenFeatures:
    """Return a sequence that is marked with a number everywhere."""
    return TokenFeatures(
        np.full((length, 2), number, np.int32),
        np.full((length, 1), number, np.float32),
        np.full((length, width), number, np.int32),
    )


def example(number: int, length: int, weight: float = 1.0) -> TaggedExample:
    allowed = np.zeros((length, STATES), bool)
    allowed[:, number % STATES] = True
    return TaggedExample(encoded(number, length, 1 + number % 5), allowed, weight)


def corpus(number: int = 50, batch: int = 40, seed: int = 1, weight: float = 1.0) -> TaggedBatches:
    lengths = np.random.default_rng(7).integers(1, 30, 2 * number).tolist()
    train = [example(i, n, weight) for i, n in enumerate(lengths[:number], 1)]
    validate = [example(i, n) for i, n in enumerate(lengths[number:], 1)]
    return TaggedBatches(train, validate, Featurizer(), batch, seed)  # type: ignore[arg-type]


def numbers(batch: Batch) -> list[int]:
    """Return which sequences are in a batch."""
    return batch.inputs[0][:, 0, 0].tolist()


def test_collate() -> None:
    one, two = encoded(1, 3, 2), encoded(2, 1, 4)
    (categories, features, parts), lengths = collate([one, two])
    assert lengths.tolist() == [3, 1]
    assert (categories.dtype, features.dtype, parts.dtype, lengths.dtype) == (
        torch.int64, torch.float32, torch.int64, torch.int64
    )  # fmt: skip
    assert categories.tolist() == [[[1, 1]] * 3, [[2, 2], [0, 0], [0, 0]]]
    assert features.tolist() == [[[1.0]] * 3, [[2.0], [0.0], [0.0]]]
    assert parts.tolist() == [[[1, 1, 0, 0]] * 3, [[2] * 4, [0] * 4, [0] * 4]]


def test_what_a_batch_holds() -> None:
    some = corpus()
    for step in range(some.steps(1)):
        batch = some.batch_at(step)
        rows, length = batch.inputs[0].shape[:2]
        assert length == batch.lengths.max()
        assert rows * length <= some.batch or rows == 1
        assert batch.targets["flags"].shape == (rows, length)
        assert batch.targets["flags"].dtype == torch.uint8
        assert not batch.targets["flags"].any()
        assert batch.targets["allowed"].shape == (rows, length, STATES)
        for row, (number, n) in enumerate(zip(numbers(batch), batch.lengths.tolist(), strict=True)):
            source = some.train[number - 1]
            assert n == len(source.encoded)
            assert np.array_equal(batch.targets["allowed"][row, :n], source.allowed)
            assert not batch.targets["allowed"][row, n:].any()
            assert not any(x[row, n:].any() for x in batch.inputs)
            width = source.encoded.parts.shape[1]
            assert np.array_equal(batch.inputs[2][row, :n, :width], source.encoded.parts)


def test_an_epoch_has_everything_once() -> None:
    some = corpus()
    steps = [some.steps(epochs) for epochs in range(4)]
    orders = []
    for first, last in pairwise(steps):
        order = [n for step in range(first, last) for n in numbers(some.batch_at(step))]
        assert sorted(order) == list(range(1, 51))
        orders.append(order)
    assert orders[0] != orders[1] != orders[2]


def test_sequences_of_similar_length_stand_together() -> None:
    some = corpus(2000)
    batches = [some.batch_at(step) for step in range(some.steps(1))]
    padded = sum(b.targets["flags"].numel() for b in batches)
    assert sum(int(b.lengths.sum()) for b in batches) > 0.85 * padded
    # Yet not all short ones first.
    means = [float(b.lengths.float().mean()) for b in batches]
    assert abs(np.corrcoef(means, range(len(means)))[0, 1]) < 0.2


def test_batches_depend_on_seed_and_step_alone() -> None:
    one, same, other = corpus(), corpus(), corpus(seed=2)
    last = one.steps(3) - 1
    # In another order of calls, as after an interruption.
    backwards = {step: same.batch_at(step) for step in range(last, -1, -1)}
    different = 0
    for step in range(last + 1):
        batch = one.batch_at(step)
        for a, b in zip(batch.inputs, backwards[step].inputs, strict=True):
            assert torch.equal(a, b)
        different += numbers(batch) != numbers(other.batch_at(step))
    assert different > last / 2


def test_each_epoch_varies_a_sequence_anew() -> None:
    some = corpus()
    seen: dict[int, list[int]] = {}
    for step in range(some.steps(4)):
        batch = some.batch_at(step)
        for number, value in zip(numbers(batch), batch.inputs[0][:, 0, 1].tolist(), strict=True):
            seen.setdefault(number, []).append(value)
    assert {len(values) for values in seen.values()} == {4}
    assert np.mean([len(set(values)) for values in seen.values()]) > 3


@pytest.mark.parametrize("weight", [0.3, 1, 2.5])
def test_weight(weight: float) -> None:
    """On average a sequence takes part so often in an epoch, give or take less than once."""
    some = corpus(400, weight=weight)
    counts = []
    for epoch in range(10):
        steps = range(some.steps(epoch), some.steps(epoch + 1))
        found = [n for step in steps for n in numbers(some.batch_at(step))]
        counts.append(np.bincount(found, minlength=401)[1:])
    assert np.isin(counts, [np.floor(weight), np.ceil(weight)]).all()
    assert np.mean(counts) == pytest.approx(weight, rel=0.1)
    # Others in each epoch.
    assert (np.sum(counts, axis=0) > 0).mean() > 0.9


@pytest.mark.parametrize("world", [2, 3, 40])
def test_workers_share_a_batch(world: int) -> None:
    """All of it, each sequence varied as if one worker had it alone; some may have nothing."""
    some = corpus()
    for step in range(some.steps(1)):
        whole = some.batch_at(step)
        parts = [some.batch_at(step, rank, world) for rank in range(world)]
        assert sum(len(part) for part in parts) == len(whole)
        varied = dict(zip(numbers(whole), whole.inputs[0][:, 0, 1].tolist(), strict=True))
        for part in parts:
            assert part.targets["allowed"].shape == (*part.targets["flags"].shape, STATES)
            if len(part):
                assert dict(
                    zip(numbers(part), part.inputs[0][:, 0, 1].tolist(), strict=True)
                ).items() <= varied.items()  # fmt: skip


@pytest.mark.parametrize("world", [1, 3])
def test_validation(world: int) -> None:
    some = corpus()
    for _ in range(2):  # the same at every call
        batches = [b for rank in range(world) for b in some.validation(rank, world)]
        assert sorted(n for b in batches for n in numbers(b)) == list(range(1, 51))
        # As they are.
        assert all(torch.equal(b.inputs[0][..., 0], b.inputs[0][..., 1]) for b in batches)
    assert list(TaggedBatches(some.train, [], Featurizer(), 40, 1).validation()) == []  # type: ignore[arg-type]

"""Cutting and grouping."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from dnatag.engine.batching import batches, split


@given(st.integers(0, 10_000), st.integers(1, 300))
@example(0, 5)
def test_split_is_fair_and_symmetric(length: int, size: int) -> None:
    bounds = split(length, size)
    sizes = [b - a for a, b in pairwise(bounds)]
    assert bounds[0] == 0
    assert bounds[-1] == length
    assert sizes == sizes[::-1]
    assert max(sizes) <= 2 * size
    assert max(sizes) - min(sizes) <= 2
    if len(sizes) > 1:
        assert min(sizes) >= 2 * size // 3


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 200))
def test_batches_hold_everything_once(lengths: list[int], limit: int) -> None:
    found = list(batches(lengths, limit))
    assert sorted(i for batch in found for i in batch) == list(range(len(lengths)))
    for batch in found:
        longest = max(lengths[i] for i in batch)
        assert longest == lengths[batch[0]]
        assert len(batch) == 1 or len(batch) * longest <= limit
    for batch, following in pairwise(found):
        # No batch could have taken one more.
        assert (len(batch) + 1) * lengths[batch[0]] > limit
        assert lengths[batch[-1]] >= lengths[following[0]]

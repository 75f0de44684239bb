"""Cutting what is long, and putting together what is short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["batches", "split"]


def split(length: int, size: int) -> list[int]:
    """Cut a length into nearly equal intervals, the same from either end.

    Their number is odd: an even number has a middle, which may be no whole number.

    Parameters
    ----------
    length : int
        The length to cut.
    size : int
        About the length of an interval: it is at most twice as long, and at least two thirds as
        long unless there is only one.

    Returns
    -------
    list of int
        Bounds from 0 to `length`, one more than there are intervals.
    """
    count = length // (2 * size) * 2 + 1
    half = [i * length // count for i in range(count // 2 + 1)]
    return half + [length - bound for bound in reversed(half)]


def batches(lengths: Sequence[int], limit: int) -> Iterator[list[int]]:
    """Group items of similar length, since all of a batch are padded to the longest.

    Parameters
    ----------
    lengths : sequence of int
        Lengths of the items.
    limit : int
        Most positions of a batch, padding included, unless it is a single item.

    Yields
    ------
    list of int
        Indices of items, longest first.
    """
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > limit:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch

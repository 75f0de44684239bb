"""Devices of torch: which one, how many threads, what it can do, what fits into its memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from dnatag.errors import DnatagError, InputError

__all__ = [
    "Halving",
    "choose_device",
    "has_double_precision",
    "mixed_precision",
    "one_core_threads",
    "torch_threads",
]

T = TypeVar("T")


def choose_device(name: str = "auto") -> torch.device:
    """Turn auto, cpu, cuda or mps into a device.

    Raises
    ------
    InputError
        If torch has no such device here.
    """
    mps = torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    if (name == "cuda" and not torch.cuda.is_available()) or (name == "mps" and not mps):
        raise InputError(f"torch finds no {name} device here; use --device cpu")
    return torch.device(name)


def has_double_precision(device: torch.device) -> bool:
    """Whether a device computes in float64; what needs it is computed on the CPU otherwise."""
    return device.type != "mps"


def mixed_precision(device: torch.device) -> torch.autocast:
    """Let networks compute in bfloat16 where that is fast, on CUDA, for a block."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Set torch's number of threads for a block."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_core_threads(number: int) -> Iterator[ThreadPoolExecutor]:
    """Give, for a block, threads in each of which torch uses one core."""
    pool = ThreadPoolExecutor(number, initializer=torch.set_num_threads, initargs=(1,))
    with torch_threads(1), pool:
        yield pool


class Halving:
    """Works on many items at once, and on half as many whenever memory runs out.

    Parameters
    ----------
    device : torch.device
        Whose memory is used.
    item, advice : str
        What a single item is, and what to do if even that does not fit, for the error.
    """

    def __init__(self, device: torch.device, item: str, advice: str) -> None:
        self.device = device
        self.item = item
        self.advice = advice
        self._most = 1 << 30

    def run(self, work: Callable[[int, int], T], count: int) -> Iterator[T]:
        """Work on items in order.

        Parameters
        ----------
        work : callable
            Works on the items from a first to a last one (exclusive).
        count : int
            Number of items.

        Yields
        ------
        object
            The result of each part. Parts that run out of memory are worked on again.

        Raises
        ------
        DnatagError
            If the memory is too small for a single item.
        """
        first = 0
        while first < count:
            last = min(first + self._most, count)
            done = self._try(work, first, last)
            if done:
                yield done[0]
                first = last

    def _try(self, work: Callable[[int, int], T], first: int, last: int) -> tuple[T] | None:
        """Return the result, or None if memory has run out."""
        try:
            return (work(first, last),)
        except RuntimeError as error:
            if "out of memory" not in str(error).lower():
                raise
            if last - first == 1:
                raise DnatagError(
                    f"the memory of the device ({self.device}) is too small for one {self.item}; "
                    f"{self.advice}"
                ) from None
        # Out here nothing holds the tensors of the failure any more.
        self._most = (last - first) // 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

"""Devices: which one, how many threads, what it can do, what fits into its memory.

torch is imported only where it is used: what computes on the CPU may do without.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dnatag.errors import DnatagError, InputError

if TYPE_CHECKING:
    import torch

__all__ = [
    "Halving",
    "choose_device",
    "has_double_precision",
    "mixed_precision",
    "one_core_threads",
    "torch_threads",
]

T = TypeVar("T")


#: What the drivers of GPUs that torch can use put there on Linux: NVIDIA's, AMD's, Windows's.
_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


#: What a device can be called.
DEVICES = ("auto", "cpu", "cuda", "mps")


def choose_device(name: str = "auto") -> str:
    """Turn auto into cpu, cuda or mps, and check that the device is there.

    torch is not imported for the CPU, nor to find a GPU where no driver of one is installed.

    Raises
    ------
    InputError
        If there is no such name, or torch has no such device here.
    """
    if name not in DEVICES:
        raise InputError(f"there is no device {name!r}: it can be {', '.join(DEVICES)}")
    if name == "cpu" or (name == "auto" and not _may_have_gpu()):
        return "cpu"
    try:
        import torch
    except ImportError:
        if name == "auto":
            return "cpu"
        raise InputError(
            f"torch, which device {name} needs, is not installed; use the device cpu, or "
            "pip install 'dnatag[train]'"
        ) from None
    mps = torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    if (name == "cuda" and not torch.cuda.is_available()) or (name == "mps" and not mps):
        raise InputError(f"torch finds no {name} device here; use the device cpu")
    return name


def _may_have_gpu() -> bool:
    """Whether only torch can know that there is no GPU."""
    return (
        "torch" in sys.modules
        or not sys.platform.startswith("linux")
        or any(Path(driver).exists() for driver in _DRIVERS)
    )


def has_double_precision(device: torch.device) -> bool:
    """Whether a device computes in float64; what needs it is computed on the CPU otherwise."""
    return device.type != "mps"


def mixed_precision(device: torch.device) -> torch.autocast:
    """Let networks compute in bfloat16 where that is fast, on CUDA, for a block."""
    import torch

    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Set torch's number of threads for a block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_core_threads(number: int) -> Iterator[ThreadPoolExecutor]:
    """Give, for a block, threads in each of which torch uses one core."""
    import torch

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
            import torch

            torch.cuda.empty_cache()
        return None

"""Devices of torch: which one, how many threads, what it can do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from dnatag.errors import InputError

__all__ = ["choose_device", "has_double_precision", "torch_threads"]


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


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Set torch's number of threads for a block."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)

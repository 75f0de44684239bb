"""Memory of the process."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]

#: Options of glibc's mallopt.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8


def keep_freed_memory(largest: int, most: int) -> None:
    """Have the C library keep what is freed for the next batch.

    By default it returns large blocks to the system, and a fifth of the time of a prediction and a
    third of that of training a gene model goes into mapping them anew. Where the library has no
    such setting nothing happens.

    Parameters
    ----------
    largest : int
        Bytes of the largest block of a batch; what is larger is returned.
    most : int
        Bytes that are kept, below 2 ** 31, in one place for all threads.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_TRIM_THRESHOLD, most)
        libc.mallopt(_MMAP_THRESHOLD, largest)
        libc.mallopt(_ARENA_MAX, 1)

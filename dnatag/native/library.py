"""The shared library: found, checked and loaded once; types of its functions."""

from __future__ import annotations

import ctypes
import hashlib
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dnatag.errors import DnatagError

__all__ = [
    "NativeError",
    "array",
    "available",
    "checked_offsets",
    "function",
    "load_library",
    "pointer",
    "why_missing",
]

_NAMES = {"darwin": "libdnatag.dylib", "win32": "dnatag.dll"}
_PATH = Path(__file__).with_name(_NAMES.get(sys.platform, "libdnatag.so"))
_SOURCES = Path(__file__).with_name("src")


class NativeError(DnatagError):
    """There is no native library that can be used here."""


def load_library() -> ctypes.CDLL:
    """Return the library.

    Raises
    ------
    NativeError
        If there is none for this machine, or it was built from other sources than are here.
    """
    library, reason = _load()
    if library is None:
        raise NativeError(reason)
    return library


def why_missing() -> str | None:
    """Return why the library cannot be loaded, None if it can."""
    return _load()[1]


@cache
def available() -> bool:
    """Whether the library can be loaded; where it cannot, a warning says why, once."""
    reason = why_missing()
    if reason is not None:
        warnings.warn(f"{reason}. Results are the same, but slow", stacklevel=2)
    return reason is None


@cache
def _load() -> tuple[ctypes.CDLL | None, str | None]:
    if not _PATH.exists():
        return None, (
            f"dnatag was installed without its native library {_PATH.name}: "
            "no C compiler worked then; install it anew, or from a wheel for this platform"
        )
    try:
        library = ctypes.CDLL(str(_PATH))
    except OSError as error:
        return None, f"the native library cannot be loaded: {error}"
    library.dnatag_sources.restype = ctypes.c_char_p
    # Only a checkout has the sources.
    if _SOURCES.is_dir() and library.dnatag_sources().decode() != _fingerprint():
        return None, (
            f"{_PATH} was built from other sources than those beside it; "
            "python build_backend/dnatag_build.py builds it anew"
        )
    return library, None


def _fingerprint() -> str:
    """Return what build_backend/dnatag_build.py stamps into the library."""
    digest = hashlib.sha256()
    for source in sorted(_SOURCES.glob("*.[ch]")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def function(name: str, *arguments: Any, result: Any = None) -> Callable[..., Any]:
    """Return a function of the library with its types declared; it runs without Python's lock.

    Parameters
    ----------
    name : str
        Its name in C.
    *arguments, result : ctypes type
        ``ctypes.c_void_p`` for arrays, see :func:`pointer`; None for no result.

    Raises
    ------
    NativeError
        If there is no library.
    """
    # An object of its own, unlike getattr's: nobody else can change its types.
    found = load_library()[name]
    found.argtypes = arguments
    found.restype = result
    return found


def array(values: Any, dtype: Any) -> np.ndarray:
    """Return an array as the library reads it: of this dtype, in C order, aligned.

    The array itself if it is so already.
    """
    # What numpy asks takes longer than some loops run.
    if isinstance(values, np.ndarray) and values.dtype == dtype:
        flags = values.flags
        if flags.c_contiguous and flags.aligned:
            return values
    return np.require(values, dtype, ("C_CONTIGUOUS", "ALIGNED"))


def checked_offsets(offsets: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return where sequences that follow each other begin in an array, and where the last one ends.

    Returns
    -------
    numpy.ndarray
        int64 (N + 1,).

    Raises
    ------
    ValueError
        If there are none, or they lie outside the array, or fall.
    """
    offsets = array(offsets, np.int64)
    if (
        not len(offsets)
        or not 0 <= offsets[0] <= offsets[-1] <= len(values)
        or (np.diff(offsets) < 0).any()
    ):
        raise ValueError("offsets of sequences lie outside their array, or fall")
    return offsets


def pointer(values: np.ndarray | None) -> int | None:
    """Address of the first element of a contiguous array; None, a null pointer, for None."""
    if values is None:
        return None
    assert values.flags.c_contiguous
    # As values.ctypes.data, in a fifth of the time.
    address: int = values.__array_interface__["data"][0]
    return address


def own(values: np.ndarray, dtype: Any, *shape: int) -> int | None:
    """Address of an array that is read in place.

    Raises
    ------
    ValueError
        If it has another dtype or shape, or is not in C order.
    """
    flags = values.flags
    ordered = flags.c_contiguous and flags.aligned
    if values.dtype != dtype or values.shape != shape or not ordered:
        raise ValueError(
            f"an array of {values.dtype} {values.shape} where {np.dtype(dtype)} {shape} "
            "in C order is wanted"
        )
    return pointer(values)


def written(values: np.ndarray, dtype: Any, *shape: int) -> int | None:
    """Address of an array that is written in place.

    Raises
    ------
    ValueError
        As of :func:`own`, and if it is read-only.
    """
    if not values.flags.writeable:
        raise ValueError("an array to be written is read-only")
    return own(values, dtype, *shape)

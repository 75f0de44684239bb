"""Compilation of loops by numba, kept for the next run where there is a place for it."""

from __future__ import annotations

import os
import pickle
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from numba import config, njit
from numba.core.caching import FunctionCache

__all__ = ["compiled"]


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function when it is first called, without the interpreter's lock.

    The result is cached beside the source, in the user's cache folder or in NUMBA_CACHE_DIR; if
    none of them can be written, in a folder of the user's for temporary files. A cache that is
    full, damaged or nowhere to be put is done without.

    Parameters
    ----------
    function : callable
        A loop over arrays and numbers.

    Returns
    -------
    callable
        numba's dispatcher.
    """
    dispatcher: Any = njit(nogil=True)(function)
    settings: Any = config
    try:
        dispatcher._cache = _Cache(function)
    except RuntimeError:  # there is no place for it
        with suppress(RuntimeError, OSError):
            settings.CACHE_DIR = _private_folder()
            dispatcher._cache = _Cache(function)
    return dispatcher


class _Cache(FunctionCache):
    """A cache whose failures do no harm."""

    @contextmanager
    def _guard_against_spurious_io_errors(self) -> Iterator[None]:
        with suppress(OSError, EOFError, pickle.PickleError):
            yield


def _private_folder() -> str:
    """Return a folder for temporary files that no other user can put code into.

    Raises
    ------
    OSError
        If there is none.
    """
    folder = Path(tempfile.gettempdir()) / f"dnatag-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o022:
        raise PermissionError(0, f"{folder} belongs to somebody else")
    return str(folder)

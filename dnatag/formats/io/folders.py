"""Folders whose files appear together, or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dnatag.errors import DnatagError, InputError

__all__ = ["new_folder"]


@contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Make a folder beside its place, which it takes when the block has ended well.

    Parameters
    ----------
    path
        The folder; there must be nothing of this name yet.

    Yields
    ------
    Path
        Where to write the files.

    Raises
    ------
    InputError
        If there is something of this name, or it cannot be written.
    DnatagError
        If the folder cannot be completed.
    """
    target = Path(path)
    if target.exists():
        raise InputError(f"{target}: is there already; name a new folder")
    aside = target.with_name(f".{target.name[:200]}.{secrets.token_hex(8)}.part")
    try:
        aside.mkdir()
    except OSError as error:
        raise InputError(f"{target}: cannot write: {error.strerror or error}") from None
    try:
        yield aside
        aside.rename(target)
    except OSError as error:
        raise DnatagError(f"{target}: cannot write: {error.strerror or error}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)

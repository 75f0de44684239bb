"""Progress bars on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["HiddenBar", "progress"]


class HiddenBar:
    """A progress bar that is not shown; to import those that are takes longer than short work."""

    disable = True
    n = 0

    def __enter__(self) -> HiddenBar:
        """Return the bar."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Do nothing, like all that follows."""

    def update(self, n: float = 1) -> None:
        """Count."""

    def refresh(self) -> None:
        """Show the bar anew."""

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        """Show a text behind the bar."""

    def close(self) -> None:
        """Remove the bar."""

    @contextmanager
    def external_write_mode(self, _file: TextIO | None = None) -> Iterator[None]:
        """Let others write."""
        yield


def progress(total: int | None = None, *, unit: str = "bp", quiet: bool) -> tqdm | HiddenBar:
    """Return a progress bar on stderr: shown on a terminal only, gone when done.

    Parameters
    ----------
    total
        Number of units in all; None where it is not known, then count and rate are shown.
    unit
        What is counted, shown with SI prefixes.
    quiet
        Whether to show nothing.

    Returns
    -------
    tqdm or HiddenBar
        A context manager; call ``update(n)`` after n units.
    """
    if quiet or not _has_terminal():
        return HiddenBar()
    from tqdm import tqdm

    return tqdm(
        total=total,
        unit=unit,
        unit_scale=True,
        leave=False,
        dynamic_ncols=True,
    )


def _has_terminal() -> bool:
    """Whether stderr is a terminal with room for a bar; batch systems make some of no width."""
    if sys.stderr is None or not sys.stderr.isatty():
        return False
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except OSError:  # a stand-in for a terminal, as notebooks have
        return True

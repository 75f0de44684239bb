"""LOCUS lines of GenBank files whose name and length run together, as Prokka writes long names."""

from __future__ import annotations

import io
import re
from collections import deque
from typing import TextIO

__all__ = ["MendedGenBank"]

#: A LOCUS line with nothing between name and length.
_RUN_TOGETHER = re.compile(r"LOCUS {2,}(?P<name>\S*?\d) +bp\b(?P<rest>.*)")
_DATE = re.compile(r"\s*(\d\d-[A-Z]{3}-\d{4})\s*$")
_SOURCE = re.compile(r" {5}source +(?:\S*\()?1\.\.(\d+)")


class MendedGenBank(io.TextIOBase):
    """Lines of a GenBank file, in which names and lengths in LOCUS lines are kept apart.

    The length of a record is that of its sequence or, if it has none, of its source. A date that
    was moved to the next line is moved back.

    Parameters
    ----------
    handle
        The file. Of a record whose LOCUS line is in order only a line at a time is in memory.
    """

    def __init__(self, handle: TextIO) -> None:
        self._handle = handle
        self._ahead: deque[str] = deque()

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int | None = -1, /) -> str:
        """Read the rest; of no characters, nothing."""
        return "" if size == 0 else "".join(self)

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        """Read a line."""
        line = self._ahead.popleft() if self._ahead else self._handle.readline()
        match = _RUN_TOGETHER.match(line) if line.startswith("LOCUS") else None
        return line if match is None else self._mend(match)

    def _mend(self, locus: re.Match[str]) -> str:
        for line in iter(self._handle.readline, ""):
            self._ahead.append(line)
            if line.startswith("//"):
                break
        rest = locus["rest"].rstrip()
        if self._ahead and (date := _DATE.match(self._ahead[0])):
            self._ahead.popleft()
            rest = f"{rest} UNK {date[1]}"
        length = self._length()
        if not length or not locus["name"].endswith(length):
            return locus.string  # nobody knows; the reader refuses it
        name = locus["name"].removesuffix(length)
        return f"LOCUS       {name:<16} {length:>11} bp {rest}\n"

    def _length(self) -> str:
        """Return the number of bases of the record that was read ahead, "" if it is unknown."""
        bases = 0
        source = ""
        in_sequence = False
        for line in self._ahead:
            if in_sequence and not line.startswith("//"):
                bases += sum(map(str.isalpha, line))
            in_sequence = in_sequence or line.startswith("ORIGIN")
            if match := _SOURCE.match(line):
                source = match[1]
        return str(bases) if bases else source

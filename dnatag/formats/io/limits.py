"""How much of a file may be one thing, so that no input takes memory without bounds."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from functools import cache

from dnatag.errors import InputError

__all__ = ["Limits", "limits"]

#: Multiplies all limits.
VARIABLE = "DNATAG_LIMITS"


@dataclass(frozen=True)
class Limits:
    """What is refused if it is larger.

    Parameters
    ----------
    line
        Characters of a line of an annotation or of settings, or of a header.
    text
        Characters of a line of text or of an annotated text, lines of a sentence in columns, or
        residues of a protein.
    whole
        Bytes of a file that is read as a whole: JSON of Label Studio, annotations of a text of
        brat's, a DocBin when it is unpacked.
    sequence
        Bases of a contig.
    unpacked
        Bytes that compressed data may always be unpacked to.
    expansion
        By how much more data may grow in unpacking.
    samples
        Samples of a recording, and those that it is converted to.
    midi
        Bytes of a MIDI file.
    steps
        Steps of a piece of music.
    subwords
        Subwords of a text to be translated: the time grows with their square.
    """

    line: int = 8_000_000
    text: int = 1_000_000
    whole: int = 100_000_000
    sequence: int = 500_000_000
    unpacked: int = 256_000_000
    expansion: int = 250
    samples: int = 250_000_000
    midi: int = 4_000_000
    steps: int = 250_000
    subwords: int = 10_000

    def error(self, name: str, what: str) -> InputError:
        """Return an error that says how to raise the limits.

        Parameters
        ----------
        name
            The file, and the place in it.
        what
            What is too large.
        """
        return InputError(f"{name}: {what}; set {VARIABLE}=10 to raise all limits tenfold")


def limits() -> Limits:
    """Return the limits, as the environment variable DNATAG_LIMITS raises them.

    Raises
    ------
    InputError
        If it is no number above 0.
    """
    return _limits(os.environ.get(VARIABLE, "1"))


@cache
def _limits(text: str) -> Limits:
    """Return the limits that a value of the variable gives."""
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor <= 1e6:
        raise InputError(f"{VARIABLE} is set to {text!r}; it is a number that multiplies limits")
    usual = asdict(Limits()).items()
    return Limits(**{name: max(int(value * factor), 1) for name, value in usual})

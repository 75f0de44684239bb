"""DNA letters as symbols: the 15 IUPAC codes as sets of bases.

A symbol is a bit mask of the bases that the letter may stand for: A is 1, C 2, G 4, T (and U) 8,
N is 15. Symbol 0 stands for what lies outside a contig.
"""

from __future__ import annotations

import numpy as np

__all__ = ["COMPLEMENT", "SPREAD", "base_numbers", "encode", "reverse_complement", "splice"]

_IUPAC = {
    "A": 1, "C": 2, "M": 3, "G": 4, "R": 5, "S": 6, "V": 7, "T": 8,
    "W": 9, "Y": 10, "H": 11, "K": 12, "D": 13, "B": 14, "N": 15, "U": 8,
}  # fmt: skip

_SYMBOL = bytearray(256)
for _letter, _mask in _IUPAC.items():
    _SYMBOL[ord(_letter)] = _SYMBOL[ord(_letter.lower())] = _mask

#: uint8 (16,): the complement of each symbol (flags in reverse order).
COMPLEMENT = np.array([int(f"{s:04b}"[::-1], 2) for s in range(16)], dtype=np.uint8)

#: float32 (16, 4): a symbol as a distribution over A, C, G, T; zeros for symbol 0.
SPREAD = np.array(
    [[(s >> b & 1) / max(s.bit_count(), 1) for b in range(4)] for s in range(16)],
    dtype=np.float32,
)


def encode(sequence: bytes) -> np.ndarray:
    """Turn letters into symbols.

    Parameters
    ----------
    sequence : bytes
        IUPAC letters, either case; U counts as T.

    Returns
    -------
    numpy.ndarray
        uint8 (L,), not to be written to; 0 where the byte is no IUPAC letter.
    """
    # Not by indexing: numpy would turn the letters into 8-byte integers first.
    return np.frombuffer(sequence.translate(_SYMBOL), dtype=np.uint8)


_NUMBER = np.full(16, -1, dtype=np.int8)
_NUMBER[[1, 2, 4, 8]] = range(4)


def base_numbers(symbols: np.ndarray) -> np.ndarray:
    """Return the numbers of bases.

    Parameters
    ----------
    symbols : numpy.ndarray
        uint8 (L,).

    Returns
    -------
    numpy.ndarray
        int8 (L,): 0 to 3 for A, C, G, T, and -1 for any other symbol.
    """
    numbers: np.ndarray = _NUMBER[symbols]
    return numbers


def reverse_complement(symbols: np.ndarray) -> np.ndarray:
    """Symbols of the other strand, in its direction.

    Parameters
    ----------
    symbols : numpy.ndarray
        uint8 (L,).

    Returns
    -------
    numpy.ndarray
        uint8 (L,).
    """
    reverse: np.ndarray = COMPLEMENT[symbols[::-1]]
    return reverse


_COMPLEMENT_LETTERS = bytes.maketrans(
    b"ACGTUMRWSYKVHDBNacgtumrwsykvhdbn", b"TGCAAKYWSRMBDHVNtgcaakywsrmbdhvn"
)


def splice(sequence: bytes, parts: tuple[tuple[int, int], ...], strand: int) -> bytes:
    """Cut out and join intervals, in the direction of a strand.

    Parameters
    ----------
    sequence : bytes
        The contig.
    parts : tuple of (int, int)
        Intervals, 0-based and half-open, in the order of the forward strand.
    strand : int
        +1 or -1.

    Returns
    -------
    bytes
        Letters of that strand, in upper or lower case as they were.
    """
    joined = b"".join(sequence[start:end] for start, end in parts)
    return joined if strand > 0 else joined.translate(_COMPLEMENT_LETTERS)[::-1]

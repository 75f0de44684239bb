"""N-gram models of the symbols of texts, with Witten-Bell smoothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

__all__ = ["NgramModel"]


class NgramModel:
    """The probability of each symbol after those before it.

    Orders are interpolated: the more different symbols have followed a context, the more the
    shorter context counts (Witten and Bell 1991, https://doi.org/10.1109/18.87000).

    Parameters
    ----------
    grams : numpy.ndarray
        uint8 (N, order), distinct n-grams of symbols; 0 stands for the beginning and the end of a
        text.
    counts : numpy.ndarray
        int32 (N,), how often each was seen.
    symbols : int
        Number of symbols, with 0.
    """

    def __init__(self, grams: np.ndarray, counts: np.ndarray, symbols: int) -> None:
        self.grams = grams
        self.counts = counts
        self.symbols = symbols
        self.order = grams.shape[1]
        self._seen: list[dict[bytes, Counter[int]]] = [{} for _ in range(self.order)]
        for row, count in zip(grams, counts.tolist(), strict=True):
            text = row.tobytes()
            for length in range(self.order):
                context = text[self.order - 1 - length : -1]
                self._seen[length].setdefault(context, Counter())[text[-1]] += count
        self._known: dict[bytes, np.ndarray] = {}

    @classmethod
    def fit(cls, texts: Iterable[bytes], order: int, symbols: int) -> NgramModel:
        """Count the n-grams of texts.

        Parameters
        ----------
        texts
            A byte from 1 on for each symbol.
        order
            Length of the n-grams.
        symbols
            Number of symbols, with 0.
        """
        counts: Counter[bytes] = Counter()
        for text in texts:
            whole = bytes(order - 1) + text + b"\0"
            counts.update(whole[i : i + order] for i in range(len(whole) - order + 1))
        ordered = sorted(counts)
        grams = np.frombuffer(b"".join(ordered), np.uint8).reshape(len(ordered), order)
        return cls(grams, np.array([counts[gram] for gram in ordered], np.int32), symbols)

    def logs(self, context: bytes) -> np.ndarray:
        """Return the log probability of each symbol, and of the end (0), after a context.

        Parameters
        ----------
        context
            The symbols before, zeros first; the last ``order - 1`` count.

        Returns
        -------
        numpy.ndarray
            float64 (symbols,).
        """
        last = context[max(len(context) - self.order + 1, 0) :] if self.order > 1 else b""
        found = self._known.get(last)
        if found is None:
            found = self._known[last] = np.log(self._shares(last))
        return found

    def _shares(self, context: bytes) -> np.ndarray:
        shares = np.full(self.symbols, 1 / self.symbols)
        for length in range(len(context) + 1):
            after = self._seen[length].get(context[len(context) - length :])
            if after is None:
                break
            own = np.zeros(self.symbols)
            own[list(after)] = list(after.values())
            shares = (own + len(after) * shares) / (own.sum() + len(after))
        return shares

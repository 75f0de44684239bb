"""Greedy and prefix beam search in the output of a CTC network."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from dnatag.tasks.ctc.ngrams import NgramModel

__all__ = ["Emitted", "SearchSettings", "alternatives", "beam_search", "greedy_search"]

#: Symbols that are less probable at a step are not tried there, but the most probable one is.
LEAST = 1e-3
_NEVER = -math.inf


class Emitted(NamedTuple):
    """A symbol of the result.

    Attributes
    ----------
    symbol : int
        From 1 on; 0 is blank.
    step : int
        Where it is most probable.
    score : float
        How probable it is there.
    """

    symbol: int
    step: int
    score: float


class SearchSettings(NamedTuple):
    """How the beam search weighs its hypotheses.

    Attributes
    ----------
    beam : int
        Hypotheses that are kept at each step.
    weight : float
        Weight of the n-gram model's log probabilities.
    bonus : float
        Added for each symbol, since every symbol costs in the n-gram model.
    """

    beam: int = 16
    weight: float = 0.5
    bonus: float = 0.5


def greedy_search(logs: np.ndarray) -> list[Emitted]:
    """Return the symbols of the most probable path.

    Parameters
    ----------
    logs : numpy.ndarray
        float (T, symbols), log probabilities, 0 is blank.

    Examples
    --------
    >>> import numpy as np
    >>> steps = [0, 1, 1, 0, 1, 2, 2]
    >>> [e.symbol for e in greedy_search(np.log(np.eye(3)[steps] * 0.97 + 0.01))]
    [1, 1, 2]
    """
    result: list[Emitted] = []
    before = 0
    best = logs.argmax(1)
    for step, symbol in enumerate(best.tolist()):
        score = math.exp(logs[step, symbol])
        if symbol and symbol != before:
            result.append(Emitted(symbol, step, score))
        elif symbol and score > result[-1].score:
            result[-1] = Emitted(symbol, step, score)
        before = symbol
    return result


class _Prefix:
    """A hypothesis: a symbol behind another hypothesis."""

    __slots__ = ("blank", "children", "context", "language", "next", "other", "parent", "place",
                 "score", "symbol")  # fmt: skip

    def __init__(
        self, parent: _Prefix | None, symbol: int, context: bytes, language: float
    ) -> None:
        self.parent = parent
        self.symbol = symbol
        self.context = context
        self.language = language
        self.children: dict[int, _Prefix] = {}
        # Log probabilities of all paths that end with a blank, and with the symbol.
        self.blank, self.other = _NEVER, _NEVER
        self.next = [_NEVER, _NEVER]
        self.place, self.score = 0, _NEVER

    @property
    def total(self) -> float:
        return _add(self.blank, self.other)


def beam_search(
    logs: np.ndarray, language: NgramModel | None, settings: SearchSettings
) -> list[Emitted]:
    """Return the most probable symbols, all of their paths together, with an n-gram model.

    Parameters
    ----------
    logs : numpy.ndarray
        float (T, symbols), log probabilities, 0 is blank.
    language : NgramModel or None
        Of the same symbols; its 0 is the end of the text.
    settings : SearchSettings
        Weights and width.
    """
    beam = _search(logs, language, settings, b"")
    best = max(beam, key=lambda p: p.total + p.language + _ending(p, language, settings))
    result: list[Emitted] = []
    step = len(logs)
    while best.parent is not None:
        # A symbol may have been said again after the next one began, in another hypothesis.
        step = min(best.place, step)
        result.append(Emitted(best.symbol, step, math.exp(best.score)))
        best = best.parent
    return result[::-1]


def alternatives(
    logs: np.ndarray, language: NgramModel | None, settings: SearchSettings, before: bytes
) -> dict[bytes, float]:
    r"""Return what the search keeps at the end of a part of a recording, each with its score.

    Parameters
    ----------
    logs, language, settings
        As for the search.
    before : bytes
        The symbols before this part.

    Returns
    -------
    dict of bytes to float
        Symbols, and their log probability as the search weighs it: those of all of their paths
        together, and of the n-gram model.

    Examples
    --------
    Two steps say the symbol 1 as 1 1, as 1 blank and as blank 1:

    >>> import numpy as np
    >>> found = alternatives(np.log([[0.4, 0.6], [0.5, 0.5]]), None, SearchSettings(), b"")
    >>> {text: round(math.exp(score), 6) for text, score in found.items()}
    {b'\x01': 0.8, b'': 0.2}
    """
    return {_text(p): p.total + p.language for p in _search(logs, language, settings, before)}


def _search(
    logs: np.ndarray, language: NgramModel | None, settings: SearchSettings, before: bytes
) -> list[_Prefix]:
    """Return the hypotheses that are kept at the end, the best first."""
    context = b""
    if language is not None:
        context = (bytes(language.order - 1) + before)[len(before) :]
    first = _Prefix(None, 0, context, 0.0)
    first.blank = 0.0
    beam = [first]
    least = math.log(LEAST)
    for step, row in enumerate(logs.tolist()):
        likely = [s for s in range(1, len(row)) if row[s] > least]
        blank = row[0]
        touched: dict[int, _Prefix] = {}
        for prefix in beam:
            total = prefix.total
            _keep(touched, prefix, 0, total + blank)
            if prefix.symbol:
                _keep(touched, prefix, 1, prefix.other + row[prefix.symbol])
                # Where the symbol goes on; one that comes after a blank would be another one.
                if row[prefix.symbol] > prefix.score and prefix.other > prefix.blank:
                    prefix.score, prefix.place = row[prefix.symbol], step
            for symbol in likely:
                reached = prefix.blank if symbol == prefix.symbol else total
                if reached == _NEVER:
                    continue
                child = prefix.children.get(symbol)
                if child is None:
                    child = prefix.children[symbol] = _extend(prefix, symbol, language, settings)
                if reached + row[symbol] > child.total:
                    child.place, child.score = step, row[symbol]
                _keep(touched, child, 1, reached + row[symbol])
        for prefix in touched.values():
            prefix.blank, prefix.other = prefix.next
            prefix.next = [_NEVER, _NEVER]
        ranked = sorted(touched.values(), key=lambda p: -(p.total + p.language))
        beam = ranked[: settings.beam]
        for prefix in ranked[settings.beam :]:
            prefix.blank = prefix.other = _NEVER
            if prefix.parent is not None and not prefix.children:
                prefix.parent.children.pop(prefix.symbol, None)
    return beam


def _keep(touched: dict[int, _Prefix], prefix: _Prefix, kind: int, log: float) -> None:
    """Add the probability of paths to a hypothesis of the next step."""
    touched[id(prefix)] = prefix
    prefix.next[kind] = _add(prefix.next[kind], log)


def _extend(
    prefix: _Prefix, symbol: int, language: NgramModel | None, settings: SearchSettings
) -> _Prefix:
    if language is None:
        return _Prefix(prefix, symbol, b"", prefix.language)
    gain = settings.weight * float(language.logs(prefix.context)[symbol]) + settings.bonus
    context = (prefix.context + bytes([symbol]))[-max(language.order - 1, 1) :]
    return _Prefix(prefix, symbol, context, prefix.language + gain)


def _text(prefix: _Prefix) -> bytes:
    symbols = bytearray()
    while prefix.parent is not None:
        symbols.append(prefix.symbol)
        prefix = prefix.parent
    return bytes(reversed(symbols))


def _ending(prefix: _Prefix, language: NgramModel | None, settings: SearchSettings) -> float:
    if language is None:
        return 0.0
    return settings.weight * float(language.logs(prefix.context)[0])


def _add(a: float, b: float) -> float:
    """Return the logarithm of the sum of what two numbers are logarithms of."""
    if a < b:
        a, b = b, a
    return a if b == _NEVER else a + math.log1p(math.exp(b - a))

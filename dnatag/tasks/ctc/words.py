"""Words of a transcript: their times and their posterior probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from dnatag.formats.transcripts import SpokenWord
from dnatag.tasks.ctc.ngrams import NgramModel
from dnatag.tasks.ctc.search import Emitted, SearchSettings, alternatives

__all__ = ["apart", "spoken_words", "widened"]

#: No word has so many seconds between its symbols: the last one may come late, into a pause.
PAUSE = 2.0
#: So many seconds around a word belong to it, but for its neighbours.
AROUND = 0.5
#: So many seconds lie between the first sound of a word and its first symbol, and behind the last:
#: tones of known times began 61 ms before their symbols and ended 84 ms behind, on average.
REACH = 0.07
#: Hypotheses of a word that share its probability.
MOST = 8


def apart(emitted: Sequence[Emitted], alphabet: str, seconds: float) -> list[Emitted]:
    """Put a space into each long pause where there is none, if the alphabet has one.

    Parameters
    ----------
    emitted, alphabet, seconds
        See :func:`spoken_words`.

    Examples
    --------
    >>> emitted = [Emitted(1, 10, 0.9), Emitted(2, 20, 0.9), Emitted(1, 90, 0.8)]
    >>> found = apart(emitted, "ab ", 0.03)
    >>> [(one.symbol, one.step) for one in found]
    [(1, 10), (2, 20), (3, 55), (1, 90)]
    """
    spaces = _spaces(alphabet)
    if not spaces:
        return list(emitted)
    result = list(emitted[:1])
    for one in emitted[1:]:
        before = result[-1]
        long = (one.step - before.step) * seconds > PAUSE
        if long and one.symbol not in spaces and before.symbol not in spaces:
            result.append(Emitted(spaces[0], (before.step + one.step) // 2, 1.0))
        result.append(one)
    return result


def spoken_words(
    logs: np.ndarray,
    emitted: Sequence[Emitted],
    alphabet: str,
    seconds: float,
    language: NgramModel | None,
    settings: SearchSettings,
) -> list[SpokenWord]:
    """Return the words that symbols make.

    Parameters
    ----------
    logs : numpy.ndarray
        float (T, symbols), log probabilities, 0 is blank.
    emitted : sequence of Emitted
        What was found in them.
    alphabet : str
        What the symbols from 1 on stand for.
    seconds : float
        Length of a step.
    language : NgramModel or None
        What helped the search.
    settings : SearchSettings
        The weights of the search.

    Returns
    -------
    list of SpokenWord
        The score of a word is its posterior probability from the space before it to the space
        after it: its share among all that is likely to be said there after the words before it,
        each by all paths in the lattice of the network and by the n-gram model.
    """
    around = round(AROUND / seconds)
    blanks = _spaces(alphabet)
    said = bytes(e.symbol for e in emitted)
    few = settings._replace(beam=min(MOST, settings.beam))
    spaces = [i for i, symbol in enumerate(said) if symbol in blanks]
    words: list[SpokenWord] = []
    for before, after in zip([-1, *spaces], [*spaces, len(said)], strict=True):
        letters = emitted[before + 1 : after]
        if not letters:
            continue
        first, last = letters[0].step, letters[-1].step
        low, high, known = max(first - around, 0), last + around + 1, before + 1
        # The spaces beside it are a part, unless they are far away.
        if before >= 0 and emitted[before].step >= low:
            low, known = emitted[before].step, before
        if after < len(said) and emitted[after].step < high:
            high = emitted[after].step + 1
        scores = alternatives(logs[low:high], language, few, said[:known])
        own = said[before + 1 : after]
        score = _share([t.strip(blanks) == own for t in scores], list(scores.values()))
        word = "".join(alphabet[e.symbol - 1] for e in letters)
        end = min(last + 1, len(logs)) * seconds
        words.append(SpokenWord(word, first * seconds, end, score))
    return words


def widened(words: Sequence[SpokenWord], duration: float) -> list[SpokenWord]:
    """Return words with some of the silence beside them, where their sound begins and fades.

    Parameters
    ----------
    words
        Words from their first to their last symbol.
    duration
        Of the recording, in seconds.

    Returns
    -------
    list of SpokenWord
        They reach to the middle between two words, or to the ends of the recording, at most.

    Examples
    --------
    >>> words = [SpokenWord("so", 0.05, 0.2, 1.0), SpokenWord("it", 0.3, 0.5, 1.0)]
    >>> [(round(w.start, 3), round(w.end, 3)) for w in widened(words, 2.0)]
    [(0.0, 0.25), (0.25, 0.57)]
    """
    middles = ((a.end + b.start) / 2 for a, b in pairwise(words))
    bounds = [0.0, *middles, duration]
    return [
        w._replace(start=max(w.start - REACH, low), end=min(w.end + REACH, high))
        for w, low, high in zip(words, bounds, bounds[1:], strict=False)
    ]


def _spaces(alphabet: str) -> bytes:
    """Return the symbols that stand for spaces."""
    return bytes(i for i, c in enumerate(alphabet, 1) if c.isspace())


def _share(chosen: Sequence[bool], scores: Sequence[float]) -> float:
    """Return the share of some of several probabilities, whose logarithms are given."""
    shares = np.exp(np.array(scores) - max(scores))
    return float(shares[np.array(chosen)].sum() / shares.sum())

"""Chords as a sequence of tokens: the notes of each step, lowest first, and an end mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from operator import index
from typing import Any

import numpy as np

from dnatag.domains.music.settings import MOST_STEPS
from dnatag.errors import InputError
from dnatag.formats.midi import HIGHEST, LOWEST, Piece
from dnatag.tasks.features import TokenFeatures

__all__ = ["END", "KEYS", "ChordFeaturizer"]

KEYS = HIGHEST - LOWEST + 1
#: The token that ends a step; the notes are 1 to 88.
END = 0


class ChordFeaturizer:
    """Encodes chords, see :class:`dnatag.tasks.generation.domain.TokenWriter`.

    There is one row for each token, of what stands before it: the token before (0 at the
    beginning, else one more than its number), the chord of the step before and the notes of this
    one, and the highest note of this step, above which the next one must be.

    Parameters
    ----------
    steps : int
        Steps of a quarter note.
    transpose : int
        Semitones that training moves pieces by, at most.
    """

    in_context = True
    tokens = KEYS + 1

    def __init__(self, steps: int, transpose: int = 0) -> None:
        self.steps = steps
        self.transpose = transpose

    def encode(self, tokens: Any) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`; `tokens` is a piece, or its chords.

        Raises
        ------
        InputError
            Naming the step, if the chords are not the notes of each step, lowest first.
        """
        chords = tokens.chords if isinstance(tokens, Piece) else _checked(tokens)
        numbers, rolls, highest = [0], [], []
        before = np.zeros(KEYS, np.float32)
        for chord in chords:
            now, top = np.zeros(KEYS, np.float32), 0
            for note in (*chord, None):
                rolls.append(np.concatenate([before, now]))
                highest.append(top)
                if note is None:
                    numbers.append(END + 1)
                    continue
                top = note - LOWEST + 1
                numbers.append(top + 1)
                now[top - 1] = 1
            before = now
        n = len(rolls)
        return TokenFeatures(
            np.array(numbers[:n], np.int32)[:, None],
            np.array(rolls, np.float32).reshape(n, 2 * KEYS),
            np.array(highest, np.int32)[:, None],
        )

    def vary(self, encoded: TokenFeatures, rng: np.random.Generator) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`: another key, in which all notes exist."""
        highest = int(encoded.parts.max(initial=0))
        sounding = np.flatnonzero(encoded.features.reshape(-1, 2, KEYS).any((0, 1)))
        lowest = int(sounding[0]) + 1 if len(sounding) else 1
        low = max(-self.transpose, 1 - lowest)
        high = min(self.transpose, KEYS - highest)
        return _moved(encoded, int(rng.integers(min(low, 0), max(high, 0) + 1)))

    def write(self, tokens: Sequence[int]) -> list[tuple[int, ...]]:
        """See :class:`dnatag.tasks.generation.domain.TokenWriter`: the chords of whole steps."""
        chords: list[tuple[int, ...]] = []
        now: list[int] = []
        for token in tokens:
            if token == END:
                chords.append(tuple(now))
                now = []
            else:
                now.append(token - 1 + LOWEST)
        return chords

    def next_row(self, chords: Sequence[Sequence[int]], now: Sequence[int]) -> TokenFeatures:
        """See :class:`dnatag.tasks.generation.domain.TokenWriter`."""
        whole = [chords[-1]] if chords else []
        encoded = self.encode([*whole, tuple(now)])
        row = len(whole[0]) + 1 + len(now) if whole else len(now)
        part = slice(row, row + 1)
        return TokenFeatures(encoded.categories[part], encoded.features[part], encoded.parts[part])

    def to_arrays(self) -> dict[str, np.ndarray]:
        """See :class:`dnatag.tasks.features.Featurizer`."""
        return {"steps": np.array([self.steps], np.int32)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> ChordFeaturizer:
        """Inverse of :meth:`to_arrays`."""
        (steps,) = map(int, arrays["steps"])
        if not 0 < steps <= MOST_STEPS:
            raise ValueError(f"a quarter note cannot have {steps} steps")
        return cls(steps)


def _checked(chords: Any) -> list[tuple[int, ...]]:
    """Return chords that a user may have given, or say which step is none."""
    found: list[tuple[int, ...]] = []
    try:
        for chord in chords:
            found.append(tuple(map(index, chord)))
    except TypeError:
        raise InputError(
            f"step {len(found)} is no chord: give the notes of each step, as numbers of MIDI"
        ) from None
    for step, notes in enumerate(found):
        if any(a >= b for a, b in pairwise([LOWEST - 1, *notes, HIGHEST + 1])):
            raise InputError(
                f"step {step}: {notes} is no chord: notes are numbers of MIDI from {LOWEST} to "
                f"{HIGHEST}, lowest first"
            )
    return found


def _moved(encoded: TokenFeatures, semitones: int) -> TokenFeatures:
    """Return a piece in another key, in which none of its notes is out of range."""
    categories = encoded.categories.copy()
    categories[categories > END + 1] += semitones
    rolls = encoded.features.reshape(-1, 2, KEYS)
    features = np.roll(rolls, semitones, axis=2).reshape(encoded.features.shape)
    parts = encoded.parts.copy()
    parts[parts > 0] += semitones
    return TokenFeatures(categories, features, parts)

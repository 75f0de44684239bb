"""Chords as tokens."""

from __future__ import annotations

import numpy as np
import pytest

from dnatag.domains.music.chords import KEYS, ChordFeaturizer
from dnatag.formats.midi import HIGHEST, LOWEST

CHORDS = [(60, 64, 67), (), (59, 62, 67), (21,), (21, 108)]


def tokens_of(encoded: object) -> list[int]:
    """Return the token of each row: what the next row names, and the end."""
    return [*(encoded.categories[1:, 0] - 1).tolist(), 0]  # type: ignore[attr-defined]


def test_there_and_back() -> None:
    writer = ChordFeaturizer(4)
    encoded = writer.encode(CHORDS)
    assert len(encoded) == sum(map(len, CHORDS)) + len(CHORDS)
    assert writer.write(tokens_of(encoded)) == CHORDS
    # What a row may not say it does not.
    for token, bound in zip(tokens_of(encoded), encoded.parts[:, 0], strict=True):
        assert token == 0 or token > bound
    assert len(writer.encode([])) == 0


def test_what_rows_know() -> None:
    encoded = ChordFeaturizer(4).encode(CHORDS)
    rolls = encoded.features.reshape(-1, 2, KEYS)
    # The third row: before there was nothing, now 60 and 64 sound, and 64 was the last token.
    assert not rolls[2, 0].any()
    assert np.flatnonzero(rolls[2, 1]).tolist() == [60 - LOWEST, 64 - LOWEST]
    assert encoded.categories[2, 0] == encoded.parts[2, 0] + 1 == 64 - LOWEST + 2
    # The row of the empty step.
    assert np.flatnonzero(rolls[4, 0]).tolist() == [n - LOWEST for n in CHORDS[0]]
    assert encoded.parts[4, 0] == 0


def test_rows_one_by_one() -> None:
    writer = ChordFeaturizer(4)
    encoded = writer.encode(CHORDS)
    row = 0
    for i, chord in enumerate(CHORDS):
        for j in range(len(chord) + 1):
            one = writer.next_row(CHORDS[:i], chord[:j])
            assert len(one) == 1
            for name in ("categories", "features", "parts"):
                assert np.array_equal(getattr(one, name)[0], getattr(encoded, name)[row])
            row += 1


@pytest.mark.parametrize(
    "chords", [[(60, 64), (62,)], [(LOWEST,), (LOWEST + 1, 40)], [(HIGHEST,)], [()]]
)
def test_other_keys(chords: list[tuple[int, ...]]) -> None:
    writer = ChordFeaturizer(4, transpose=6)
    encoded = writer.encode(chords)
    moves = set()
    for seed in range(60):
        varied = writer.vary(encoded, np.random.default_rng(seed))
        other = writer.write(tokens_of(varied))
        pairs = [
            (b - a) for c, d in zip(chords, other, strict=True) for a, b in zip(c, d, strict=True)
        ]
        assert len(set(pairs)) <= 1
        moves |= set(pairs)
        again = writer.encode(other)
        assert np.array_equal(again.features, varied.features)
        assert np.array_equal(again.categories, varied.categories)
        assert np.array_equal(again.parts, varied.parts)
    notes = [n for chord in chords for n in chord]
    if notes:
        expected = range(max(-6, LOWEST - min(notes)), min(6, HIGHEST - max(notes)) + 1)
        assert moves == set(expected)

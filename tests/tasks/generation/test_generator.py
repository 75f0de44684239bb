"""The generator from Python."""

from __future__ import annotations

import math
from typing import Any

import pytest

import dnatag
from dnatag.errors import InputError

pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps must be a whole number above 0, not 0"),
        ({"steps": "x"}, "steps must be a whole number above 0, not 'x'"),
        ({"seed": -1}, "seed must be a whole number and not below 0, not -1"),
        ({"temperature": 0}, "temperature must be a number above 0, not 0"),
        ({"temperature": math.nan}, "temperature must be a number above 0, not nan"),
        ({"primer": [(5,)]}, r"step 0: \(5,\) is no chord: notes are numbers of MIDI from 21 to"),
        ({"primer": [(60, 64), (64, 60)]}, r"step 1: \(64, 60\) is no chord: .*, lowest first"),
        ({"primer": [60]}, "step 0 is no chord: give the notes of each step"),
        ({"primer": 60}, "the primer must be steps, not 60"),
        ({"primer": "a.mid"}, "the primer must be steps, not 'a.mid'; 'pieces' reads those of a"),
        ({"primer": [()] * 4}, "the primer has 4 steps, and the piece 4"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    generator = dnatag.load("chorales", device="cpu")
    with pytest.raises(InputError, match=message):
        generator.generate(**{"steps": 4, **settings})


def test_a_piece_of_bad_chords_has_no_likelihood() -> None:
    generator = dnatag.load("chorales", device="cpu")
    assert generator.likelihood([[(60, 64)]]).tokens == 2
    with pytest.raises(InputError, match="lowest first"):
        generator.likelihood([[(64, 60)]])

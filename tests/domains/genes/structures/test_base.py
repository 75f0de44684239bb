"""Sets of states: as many as a structure has, in integers that hold them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from dnatag.domains.genes.structures.base import GeneStructure
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.engine.crf.grammar import Grammar


def structure(size: int) -> GeneStructure:
    """Return a structure of many states, each with other open frames."""
    frames = ("+0", "+1", "+2", "-0", "-1", "-2", "x")
    sets = [frozenset(s) for n in range(4) for s in combinations(frames, n)] * 2
    grammar = Grammar(
        states=tuple(map(str, range(size))), scores=frames, emission={}, transitions=()
    )
    return GeneStructure(grammar, frames, tuple(sets[:size]), ("+0", "-0"))


@pytest.mark.parametrize(("size", "bits"), [(8, 8), (9, 16), (22, 32), (33, 64), (64, 64)])
def test_sets_hold_all_states(size: int, bits: int) -> None:
    own = structure(size)
    assert own.set_type == np.dtype(f"uint{bits}")
    states = np.arange(size)
    members = own.members(own.set_of(states))
    assert members.dtype == bool
    assert (members == np.eye(size, dtype=bool)).all()
    assert own.members(own.any_state[None]).all()
    assert own.set_of(states).sum(dtype=np.uint64) == own.any_state


def test_too_many_states() -> None:
    with pytest.raises(ValueError, match="at most 64 states"):
        structure(65)


def test_opening_and_closing_a_frame() -> None:
    own = prokaryotic()
    for frame, row in enumerate(own.with_and_without):
        for state, allowed in enumerate(own.members(row)):
            others = {
                i
                for i, s in enumerate(own.frames_of_states)
                if s - {own.frames[frame]} == own.frames_of_states[state] - {own.frames[frame]}
            }
            assert set(np.flatnonzero(allowed)) == others

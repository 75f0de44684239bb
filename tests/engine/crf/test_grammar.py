"""Grammars refuse nonsense, survive storage, and compile to what they say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dnatag.engine.crf.grammar import Grammar, Requirement, Transition
from dnatag.engine.crf.tables import tables

GRAMMAR = Grammar(
    states=("a", "b", "c"),
    scores=("x", "y"),
    emission={"b": ("x",), "c": ("y", "x")},
    transitions=(
        Transition("c", "a", "home", leave="y"),
        Transition("a", "b", "go", enter="x", requirement=Requirement(here=1, not_before=2)),
        Transition("a", "b", "home", requirement=Requirement(here=1, before=2)),
        Transition("b", "c", requirement=Requirement(not_here=3)),
        Transition("b", "b"),
    ),
    begin=("a", "c"),
    flags=2,
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"flags": 9}, "0 to 8 flags, not 9"),
        ({"states": ("a", "a")}, "distinct names"),
        ({"scores": ("x", "x", "y")}, "distinct names"),
        ({"begin": ("d",)}, "unknown state in grammar: d"),
        ({"emission": {"e": ()}}, "unknown state in grammar: e"),
        ({"emission": {"a": ("z",)}}, "unknown score in grammar: z"),
        ({"transitions": (Transition("a", "f"),)}, "unknown state in grammar: f"),
        ({"transitions": (Transition("a", "a", enter="q"),)}, "unknown score in grammar: q"),
    ],
)
def test_unknown_names(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Grammar(**{**vars(GRAMMAR), **change})


def test_competing_transitions() -> None:
    steps = (Transition("a", "a"), Transition("a", "a", "w", requirement=Requirement(here=1)))
    with pytest.raises(ValueError, match="compete"):
        _ = Grammar(("a",), (), {}, steps, flags=1).compiled


def test_storage() -> None:
    copy = Grammar.from_dict(json.loads(json.dumps(GRAMMAR.to_dict())))
    assert copy == GRAMMAR
    assert copy.weights == ("home", "go")


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("here", range(4))
def test_requirements(before: int, here: int) -> None:
    first = Requirement(before=1, not_here=2)
    second = Requirement(here=1, not_before=2)
    assert first.allows(before, here) == (before in (1, 3) and here in (0, 1))
    assert second.allows(before, here) == (before in (0, 1) and here in (1, 3))
    both = first.allows(before, here) and second.allows(before, here)
    assert (first & second).allows(before, here) == both


def test_compiled() -> None:
    g, look_up = GRAMMAR.compiled, tables(GRAMMAR)
    steps = sorted(GRAMMAR.transitions, key=lambda t: t.target)
    assert [GRAMMAR.states[s] for s in g.source] == [t.source for t in steps]
    assert [GRAMMAR.states[s] for s in g.target] == [t.target for t in steps]
    names = {
        "weight": ("home", "go", None),
        "enter": ("x", "y", None),
        "leave": ("x", "y", None),
    }
    for column, known in names.items():
        found = [known[i] for i in getattr(g, column)]
        assert found == [getattr(t, column) for t in steps]
    emission = [
        tuple(GRAMMAR.scores[c] for c in g.emission_scores[i:j])
        for i, j in zip(g.emission_start, g.emission_start[1:], strict=False)
    ]
    assert emission == [GRAMMAR.emission.get(s, ()) for s in GRAMMAR.states]
    assert g.begin.tolist() == [True, False, True]
    assert g.end.all()
    for before in range(4):
        for here in range(4):
            word = before << 2 | here
            legal = [t.requirement.allows(before, here) for t in steps]
            assert g.allowed[word].tolist() == legal
            for s in range(3):
                start, end = look_up.start[look_up.row[word]][s : s + 2]
                found = {
                    (look_up.source[a], look_up.weight[a], look_up.enter[a], look_up.leave[a])
                    for a in range(start, end)
                }
                # An absent weight or score points behind the last one.
                expected = {
                    (g.source[k], g.weight[k] % 3, g.enter[k] % 3, g.leave[k] % 3)
                    for k in np.flatnonzero(legal & (g.target == s))
                }
                assert found == expected
                assert len(found) == end - start

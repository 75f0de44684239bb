"""Grammars: what label sequences are legal and how a network's output scores them.

A :class:`Grammar` is all that a linear-chain CRF needs to know of a domain: the states, how each
state reads the network's *scores* (its emission), and the transitions. A transition may carry a
trained weight, may read an *event score* of the network, and may be legal only where the input has
certain properties (its *requirement*).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["CompiledGrammar", "Grammar", "Requirement", "Transition"]

#: The look-up of transitions has a row for each pair of neighbouring property words.
MAX_FLAGS = 8


@dataclass(frozen=True, slots=True)
class Requirement:
    """Property flags that a transition from position ``t - 1`` to position ``t`` needs.

    Each field is a mask over the flags of one position, its property word.

    Parameters
    ----------
    before, here
        Flags that must be set at ``t - 1`` and at ``t``.
    not_before, not_here
        Flags that must be clear at ``t - 1`` and at ``t``.
    """

    before: int = 0
    here: int = 0
    not_before: int = 0
    not_here: int = 0

    def allows(self, before: int, here: int) -> bool:
        """Whether neighbouring property words satisfy the requirement."""
        return (
            before & self.before == self.before
            and here & self.here == self.here
            and not before & self.not_before
            and not here & self.not_here
        )

    def __and__(self, other: Requirement) -> Requirement:
        """Return the requirement that both hold."""
        return Requirement(
            self.before | other.before,
            self.here | other.here,
            self.not_before | other.not_before,
            self.not_here | other.not_here,
        )


@dataclass(frozen=True, slots=True)
class Transition:
    """A legal step from one state to the next.

    Parameters
    ----------
    source, target
        State names.
    weight
        Name of a trained weight added to the score, or None.
    enter
        Event score read at the target's position ``t``, or None.
    leave
        Event score read at the source's position ``t - 1``, or None.
    requirement
        Where the transition is legal.
    """

    source: str
    target: str
    weight: str | None = None
    enter: str | None = None
    leave: str | None = None
    requirement: Requirement = field(default_factory=Requirement)


@dataclass(frozen=True)
class Grammar:
    """States, emissions and transitions of a linear-chain CRF.

    The score of a path ``y`` over ``n`` positions is the sum over ``t`` of the emission
    ``sum_c emission[y_t, c] * scores[t, c]`` and, for ``t > 0``, of the weight and the event
    scores of the transition taken. There is at most one transition for a pair of states and a
    pair of property words.

    Parameters
    ----------
    states : tuple of str
        Names of the S states.
    scores : tuple of str
        Names of the C scores that the network gives for each position.
    emission : dict of str to tuple of str
        The scores that each state adds up; a score may be used by many states.
    transitions : tuple of Transition
        Legal steps.
    begin, end : tuple of str or None
        States allowed at the first and last position; None allows all.
    flags : int
        Number of flags per position, 0 to 8.

    Raises
    ------
    ValueError
        If a name is unknown or two transitions compete.
    """

    states: tuple[str, ...]
    scores: tuple[str, ...]
    emission: dict[str, tuple[str, ...]]
    transitions: tuple[Transition, ...]
    begin: tuple[str, ...] | None = None
    end: tuple[str, ...] | None = None
    flags: int = 0

    def __post_init__(self) -> None:
        """Check names and flags."""
        if not 0 <= self.flags <= MAX_FLAGS:
            raise ValueError(f"a grammar has 0 to {MAX_FLAGS} flags, not {self.flags}")
        states, scores = set(self.states), set(self.scores)
        if len(states) != len(self.states) or len(scores) != len(self.scores):
            raise ValueError("states and scores must have distinct names")
        named_states: list[str] = [*self.emission, *(self.begin or ()), *(self.end or ())]
        named_scores: list[str] = [c for cs in self.emission.values() for c in cs]
        for t in self.transitions:
            named_states += (t.source, t.target)
            named_scores += (c for c in (t.enter, t.leave) if c is not None)
        for kind, names, known in (
            ("state", named_states, states),
            ("score", named_scores, scores),
        ):
            if unknown := sorted(set(names) - known):
                raise ValueError(f"unknown {kind} in grammar: {', '.join(unknown)}")

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of the trained weights, in order of first use."""
        return tuple(dict.fromkeys(t.weight for t in self.transitions if t.weight is not None))

    def mask(self, states: Iterable[str] | None) -> np.ndarray:
        """Boolean mask of shape (S,) of the named states; all states for None."""
        if states is None:
            return np.ones(len(self.states), dtype=bool)
        named = set(states)
        return np.array([s in named for s in self.states])

    @cached_property
    def compiled(self) -> CompiledGrammar:
        """The grammar as arrays."""
        return CompiledGrammar.of(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, for a model file."""
        return {
            "states": list(self.states),
            "scores": list(self.scores),
            "emission": {s: list(c) for s, c in self.emission.items()},
            "transitions": [
                [
                    t.source,
                    t.target,
                    t.weight,
                    t.enter,
                    t.leave,
                    [
                        t.requirement.before,
                        t.requirement.here,
                        t.requirement.not_before,
                        t.requirement.not_here,
                    ],
                ]
                for t in self.transitions
            ],
            "begin": None if self.begin is None else list(self.begin),
            "end": None if self.end is None else list(self.end),
            "flags": self.flags,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Grammar:
        """Inverse of :meth:`to_dict`."""
        return cls(
            states=tuple(data["states"]),
            scores=tuple(data["scores"]),
            emission={s: tuple(c) for s, c in data["emission"].items()},
            transitions=tuple(
                Transition(source, target, weight, enter, leave, Requirement(*requirement))
                for source, target, weight, enter, leave, requirement in data["transitions"]
            ),
            begin=None if data["begin"] is None else tuple(data["begin"]),
            end=None if data["end"] is None else tuple(data["end"]),
            flags=data["flags"],
        )


@dataclass(frozen=True)
class CompiledGrammar:
    """A grammar as arrays.

    K is the number of transitions, sorted by target. A *word pair* is
    ``(flags[t - 1] << B) | flags[t]`` with B the number of flags.

    Attributes
    ----------
    emission_start, emission_scores : int32, shapes (S + 1,), (sum,)
        CSR of the scores each state adds up.
    source, target, weight, enter, leave : int32, shape (K,)
        The transitions; -1 stands for none.
    allowed : bool, shape (4**B, K)
        Whether a transition is legal for a word pair.
    begin, end : bool, shape (S,)
        States allowed at the first and the last position.
    """

    flags: int
    n_states: int
    n_scores: int
    n_weights: int
    emission_start: np.ndarray
    emission_scores: np.ndarray
    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    enter: np.ndarray
    leave: np.ndarray
    allowed: np.ndarray
    begin: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, grammar: Grammar) -> CompiledGrammar:
        """Compile a grammar."""
        state = {s: i for i, s in enumerate(grammar.states)}
        score_index = {c: i for i, c in enumerate(grammar.scores)}
        weight = {w: i for i, w in enumerate(grammar.weights)}
        transitions = sorted(grammar.transitions, key=lambda t: state[t.target])
        emission = [[score_index[c] for c in grammar.emission.get(s, ())] for s in grammar.states]
        words = range(1 << grammar.flags)
        requirements = list(dict.fromkeys(t.requirement for t in transitions))
        of_requirement = np.array(
            [[r.allows(before, here) for before in words for here in words] for r in requirements],
            dtype=bool,
        ).reshape(len(requirements), len(words) ** 2)
        chosen = [requirements.index(t.requirement) for t in transitions]
        allowed = np.ascontiguousarray(of_requirement[chosen].T)
        target = np.array([state[t.target] for t in transitions], dtype=np.int32)
        source = np.array([state[t.source] for t in transitions], dtype=np.int32)
        number = np.zeros((len(state), len(state), len(allowed)), np.int32)
        for i, j, of_words in zip(target, source, allowed.T, strict=True):
            number[i, j] += of_words
        if (number > 1).any():
            raise ValueError("two transitions of a grammar compete for the same states")

        def column(name: str, index: dict[str, int]) -> np.ndarray:
            values = (getattr(t, name) for t in transitions)
            return np.array([-1 if v is None else index[v] for v in values], dtype=np.int32)

        return cls(
            flags=grammar.flags,
            n_states=len(state),
            n_scores=len(score_index),
            n_weights=len(weight),
            emission_start=np.cumsum([0, *map(len, emission)], dtype=np.int32),
            emission_scores=np.array([c for cs in emission for c in cs], dtype=np.int32),
            source=source,
            target=target,
            weight=column("weight", weight),
            enter=column("enter", score_index),
            leave=column("leave", score_index),
            allowed=allowed,
            begin=grammar.mask(grammar.begin),
            end=grammar.mask(grammar.end),
        )

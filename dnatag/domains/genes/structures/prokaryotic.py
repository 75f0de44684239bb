"""The structure of genes without introns, on both strands at once.

A state is the set of reading frames that are open at a base: none, one, or two, so that
overlapping genes are labels like any other: 1 + 6 + 15 = 22 states. A frame is a strand and the
codon position of the base in the direction of that strand, "+0" for the first base of a forward
codon. A gene opens and closes only where the sequence has its start and stop codon, and cannot
pass a stop codon in frame.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations, product

from dnatag.domains.genes.codes import START, START_REVERSE, STOP, STOP_REVERSE
from dnatag.domains.genes.structures.base import GeneStructure
from dnatag.engine.crf.grammar import Grammar, Requirement, Transition

__all__ = ["prokaryotic"]

_FRAMES = ("+0", "+1", "+2", "-0", "-1", "-2")
_START_SCORES = ("+start", "-start")
_STATES: tuple[frozenset[str], ...] = (
    frozenset(),
    *(frozenset(s) for n in (1, 2) for s in combinations(_FRAMES, n)),
)


def _name(state: frozenset[str]) -> str:
    return "&".join(sorted(state)) or "none"


def _steps(frame: str) -> list[tuple[str | None, Requirement, str | None]]:
    """Where an open frame may go: next frame or None (closed), requirement, event passed."""
    position = int(frame[1])
    if frame[0] == "+":
        if position < 2:
            return [(f"+{position + 1}", Requirement(), None)]
        return [
            ("+0", Requirement(not_before=STOP), None),
            (None, Requirement(before=STOP), "stop"),
        ]
    if position > 0:
        return [(f"-{position - 1}", Requirement(), None)]
    return [
        ("-2", Requirement(not_here=STOP_REVERSE), None),
        (None, Requirement(before=START_REVERSE), "start"),
    ]


#: How frames open, from left to right: the frame, its requirement, its event.
_OPENINGS = (
    ("+0", Requirement(here=START), "start"),
    ("-2", Requirement(here=STOP_REVERSE), "stop"),
)


def _transitions(state: frozenset[str]) -> list[Transition]:
    transitions = []
    for steps in product(*(_steps(f) for f in sorted(state))):
        kept = {target for target, _, _ in steps if target is not None}
        closed = [(f[0], event) for f, (target, _, event) in zip(sorted(state), steps, strict=True)
                  if target is None]  # fmt: skip
        closing = Requirement()
        for _, requirement, _ in steps:
            closing &= requirement
        for n in range(3):
            for openings in combinations(_OPENINGS, n):
                target = kept | {f for f, _, _ in openings}
                if len(target) != len(kept) + n or len(target) > 2:
                    continue
                requirement = closing
                for _, needs, _ in openings:
                    requirement &= needs
                events = closed + [(f[0], event) for f, _, event in openings]
                transitions.append(
                    Transition(
                        source=_name(state),
                        target=_name(frozenset(target)),
                        weight=_weight(events, {f[0] for f in kept}),
                        enter=_START_SCORES[0] if ("+", "start") in events else None,
                        leave=_START_SCORES[1] if ("-", "start") in events else None,
                        requirement=requirement,
                    )
                )
    return transitions


def _weight(events: list[tuple[str, str | None]], others: set[str]) -> str | None:
    """Name of the trained weight: the events and how a gene open throughout lies to them.

    The same for mirror images, so that both strands of a sequence score alike.
    """
    if not events:
        return None
    names = []
    for strand, event in events:
        relation = "".join(" in same" if o == strand else " in opposite" for o in others)
        names.append(f"{event}{relation}")
    return " & ".join(sorted(names))


@lru_cache
def prokaryotic() -> GeneStructure:
    """Return the structure of genes without introns."""
    grammar = Grammar(
        states=tuple(_name(s) for s in _STATES),
        scores=(*_FRAMES[:3], _START_SCORES[0], *_FRAMES[3:], _START_SCORES[1]),
        emission={_name(s): tuple(f for f in _FRAMES if f in s) for s in _STATES},
        transitions=tuple(t for s in _STATES for t in _transitions(s)),
        flags=4,
    )
    return GeneStructure(grammar, _FRAMES, _STATES, _START_SCORES)

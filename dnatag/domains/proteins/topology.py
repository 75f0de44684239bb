"""The topology of membrane proteins: which residues cross the membrane, and what is on its sides.

Labels are those of TMbed (Bernhofer and Rost 2022, https://doi.org/10.1186/s12859-022-04873-x),
one letter for each residue: ``S`` signal peptide, ``1`` inside, ``2`` outside, ``H`` helix and
``B`` strand across the membrane, ``U`` unknown. Its lower-case ``h`` and ``b`` are read as ``H``
and ``B``: which way a segment crosses follows from the sides it joins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from dnatag.domains.proteins.consensus import consensus
from dnatag.engine.crf.grammar import Grammar, Transition
from dnatag.formats.text.tokens import Entity, Span
from dnatag.tasks.tagging.metrics import UNKNOWN
from dnatag.tasks.tagging.posterior import Posterior, Stretch
from dnatag.tasks.tagging.schemes import runs

__all__ = ["LABELS", "NAMES", "Topology"]

#: The labels, and what they mean.
NAMES = {"S": "signal peptide", "1": "inside", "2": "outside", "H": "helix", "B": "strand"}
LABELS = tuple(NAMES)
#: Segments across the membrane: least residues, and the number from which all lengths are alike.
SEGMENTS = {"H": (8, 36), "B": (5, 18)}
#: By so many residues the ends of a segment may differ and it still counts as the same one.
TOLERANCE = 5
#: Labellings that the best one is the consensus of.
SAMPLES = 200
#: What the data have but rarely: sides that change without a segment, and very long segments.
NOT_DRAWN = ("plug 12", "plug 21", "H on", "B on")


class Topology:
    """Segments across the membrane lead to its other side; a signal peptide is at the beginning.

    A segment runs through a chain of states, one for each of its residues, and may end at any
    that is long enough; how often it does is a weight. So lengths have a distribution of their own,
    and a segment of a few residues is impossible.
    """

    def __init__(self) -> None:
        sides = {"12": ("1", "2"), "21": ("2", "1")}
        emission: dict[str, tuple[str, ...]] = {"S": ("S",), "1": ("1",), "2": ("2",)}
        steps = [Transition(s, s, f"stay {s}") for s in "S12"]
        steps += [Transition("S", side, f"cut {side}") for side in "12"]
        # The labels of some barrels have a plug, where sides change without a segment.
        steps += [Transition(a, b, f"plug {a}{b}") for a, b in sides.values()]
        label_of = {s: s for s in "S12"}
        for label, (least, most) in SEGMENTS.items():
            for way, (source, target) in sides.items():
                chain = [f"{label}{way}.{i}" for i in range(1, most + 1)]
                emission |= dict.fromkeys(chain, (f"{label}{way}",))
                label_of |= dict.fromkeys(chain, label)
                steps.append(Transition(source, chain[0], f"enter {label}{way}"))
                steps += [
                    # Shorter ones must go on, so there is nothing to weigh.
                    Transition(a, b, f"{label} beyond {i}" if i >= least else None)
                    for i, (a, b) in enumerate(pairwise(chain), 1)
                ]
                steps.append(Transition(chain[-1], chain[-1], f"{label} on"))
                steps += [
                    Transition(state, target, f"{label} of {i}")
                    for i, state in enumerate(chain, 1)
                    if i >= least
                ]
        self.grammar = Grammar(
            states=tuple(emission),
            scores=tuple(dict.fromkeys(c for cs in emission.values() for c in cs)),
            emission=emission,
            transitions=tuple(steps),
            # What is only a part of a protein may begin and end anywhere.
            begin=("S", "1", "2", *(s for s in emission if s.endswith(".1"))),
        )
        self.labels = LABELS
        self.unknown = UNKNOWN
        self.names = NAMES
        self.label_of = np.array([LABELS.index(label_of[s]) for s in emission])
        self._of = {label: self.label_of == i for i, label in enumerate(LABELS)}

    def allowed(self, tags: Sequence[str], types: Sequence[str] | None) -> np.ndarray:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`; too short segments are open."""
        allowed = np.ones((len(tags), len(self.grammar.states)), bool)
        for span in runs([tag.upper() for tag in tags]):
            inner = span.start > 0 and span.end < len(tags)
            short = inner and span.end - span.start < SEGMENTS.get(span.type, (0,))[0]
            if span.type != UNKNOWN and not short:
                allowed[span.start : span.end] = self._of[span.type]
        return allowed

    def spans(self, path: np.ndarray) -> list[Span]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`; every residue is in a span."""
        return runs([LABELS[i] for i in self.label_of[path]])

    def best(self, posterior: Posterior, min_score: float | None) -> list[list[Entity]]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`: what most paths drawn agree with.

        Where it is uncertain at which residues segments begin and end, each of the labellings with
        a segment has a small probability, and the one without it may be the most probable.
        """
        letters = np.array(LABELS)[self.label_of]
        drawn = posterior.draw(SAMPLES, NOT_DRAWN)
        return posterior.entities([consensus(letters[paths].tolist()) for paths in drawn])

    def tags(self, spans: Sequence[Span], length: int) -> list[str]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`; ``U`` where there is no span."""
        tags = [UNKNOWN] * length
        for span in spans:
            tags[span.start : span.end] = [span.type] * (span.end - span.start)
        return tags

    def stretch(self, span: Span, length: int) -> Stretch:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`.

        Where exactly a segment ends is uncertain by nature, so a span is looked for without the
        ``TOLERANCE`` at its ends (of short ones, without a third).
        """
        margin = min(TOLERANCE, (span.end - span.start) // 3)
        n = span.end - span.start - 2 * margin
        return Stretch(span.start + margin, np.tile(self._of[span.type], (n, 1)))

    def counts(self, tags: Sequence[str]) -> Counter[str]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`."""
        return Counter(span.type for span in runs(tags))

    def to_dict(self) -> dict[str, Any]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`."""
        return {"kind": "topology"}

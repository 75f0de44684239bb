"""Labels of frames: segments with a shortest duration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dnatag.engine.crf.grammar import Grammar, Transition
from dnatag.formats.frames import UNLABELLED
from dnatag.formats.text.tokens import Entity, Span
from dnatag.tasks.tagging.posterior import Posterior, Stretch
from dnatag.tasks.tagging.schemes import runs

__all__ = ["Segments", "shortest_runs"]


class Segments:
    """Every frame is in a segment of one label, see :class:`dnatag.tasks.tagging.domain.Labelling`.

    A label has a state for each of its first frames, as many as its shortest duration and two at
    least, and stays in the last one. There is one path for each labelling, and a segment begins
    with a state of its own, so its posterior is exact.

    Parameters
    ----------
    shortest : mapping of str to int
        The shortest duration of each label, in frames. Only a sequence may end earlier.
    """

    def __init__(self, shortest: Mapping[str, int]) -> None:
        self.shortest = dict(shortest)
        self.labels = tuple(self.shortest)
        sizes = [max(least, 2) for least in self.shortest.values()]
        self._first = np.cumsum([0, *sizes])[:-1]
        self._size = sizes
        self.label_of = np.repeat(np.arange(len(sizes)), sizes)
        states = [f"{label} {i}" for label, size in zip(self.labels, sizes, strict=True)
                  for i in range(1, size + 1)]  # fmt: skip
        begins = [states[first] for first in self._first]
        steps = []
        for number, label in enumerate(self.labels):
            own = states[self._first[number] : self._first[number] + sizes[number]]
            stay = f"{label}\t{label}"
            steps += [Transition(a, b, stay) for a, b in zip(own, [*own[1:], own[-1]], strict=True)]
            for leave in own[self.shortest[label] - 1 :]:
                steps += [
                    Transition(leave, begin, f"{label}\t{other}")
                    for begin, other in zip(begins, self.labels, strict=True)
                    if other != label
                ]
        self.grammar = Grammar(
            states=tuple(states),
            scores=self.labels,
            emission={s: (self.labels[n],) for s, n in zip(states, self.label_of, strict=True)},
            transitions=tuple(steps),
            begin=tuple(begins),
        )
        self._number = {label: i for i, label in enumerate(self.labels)}

    def allowed(self, tags: Sequence[str], types: Sequence[str] | None) -> np.ndarray:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`; a label never seen allows all."""
        allowed = np.zeros((len(tags), len(self.label_of)), bool)
        for span in runs(tags):
            if span.type in self._number:
                rows = self.stretch(span, span.end).states
                allowed[span.start : span.end] = rows
            else:
                allowed[span.start : span.end] = True
        return allowed

    def spans(self, path: np.ndarray) -> list[Span]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`."""
        return runs(self.labels[number] for number in self.label_of[path])

    def best(self, posterior: Posterior, min_score: float | None) -> list[list[Entity]]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`: the most probable one."""
        return posterior.entities([self.spans(path) for path in posterior.most_probable()])

    def tags(self, spans: Sequence[Span], length: int) -> list[str]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`; ``_`` where there is no span."""
        tags = [UNLABELLED] * length
        for span in spans:
            tags[span.start : span.end] = [span.type] * (span.end - span.start)
        return tags

    def stretch(self, span: Span, length: int) -> Stretch:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`; another label is behind it."""
        number, n = self._number[span.type], span.end - span.start
        first, size = self._first[number], self._size[number]
        behind = span.end < length
        states = np.zeros((n + behind, len(self.label_of)), bool)
        states[np.arange(n), first + np.minimum(np.arange(n), size - 1)] = True
        if behind:
            states[n, self._first] = True
            states[n, first] = False
        return Stretch(span.start, states)

    def counts(self, tags: Sequence[str]) -> Counter[str]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`."""
        return Counter(span.type for span in runs(tags))

    def to_dict(self) -> dict[str, Any]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`."""
        return {"kind": "segments", "shortest": self.shortest}


def shortest_runs(sequences: Iterable[Sequence[str]]) -> dict[str, int]:
    """Return the shortest run of each label, sorted by label.

    Examples
    --------
    >>> shortest_runs(["aabbba", "bb"])
    {'a': 1, 'b': 2}
    """
    found: dict[str, int] = {}
    for labels in sequences:
        for span in runs(labels):
            n = span.end - span.start
            found[span.type] = min(found.get(span.type, n), n)
    return dict(sorted(found.items()))

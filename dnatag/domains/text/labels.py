"""Labels of text: entities as IOBES states, or one state for each tag."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from dnatag.domains.text.settings import LEAST_THRESHOLD, THRESHOLD
from dnatag.engine.crf.grammar import Grammar, Transition
from dnatag.errors import InputError
from dnatag.formats.text.tokens import Entity, Span
from dnatag.tasks.tagging import schemes
from dnatag.tasks.tagging.domain import Labelling
from dnatag.tasks.tagging.posterior import Posterior, Stretch

__all__ = ["Entities", "Plain", "labelling_of"]

OUTSIDE = "O"


class Entities:
    """Spans of some types; they do not overlap.

    Inside, the scheme is IOBES, whatever that of the files: there is one path for each set of
    spans, and each span has a path through states of its own, so its posterior is exact.

    Parameters
    ----------
    types : sequence of str
        What a span can be.
    scheme : str
        Scheme of the tags that go in and out, see :mod:`dnatag.tasks.tagging.schemes`.
    threshold : float
        The posterior that a span must have to be found, unless it overlaps one that is more
        probable.
    """

    def __init__(self, types: Sequence[str], scheme: str, threshold: float = THRESHOLD) -> None:
        if scheme not in schemes.LETTERS or not 0 < threshold < 1:
            raise ValueError(f"no entities are tagged so: {scheme!r}, threshold {threshold!r}")
        self.types = tuple(types)
        self.scheme = scheme
        self.threshold = threshold
        begins = [f"{part}-{t}" for t in types for part in "BS"]
        ends = [f"{part}-{t}" for t in types for part in "ES"]
        states = (OUTSIDE, *(f"{part}-{t}" for t in types for part in "BIES"))
        steps = [(a, b) for a in (OUTSIDE, *ends) for b in (OUTSIDE, *begins)]
        steps += [(f"{a}-{t}", f"{b}-{t}") for t in types for a in "BI" for b in "IE"]
        self.grammar = Grammar(
            states=states,
            scores=states,
            emission={s: (s,) for s in states},
            transitions=tuple(Transition(a, b, f"{a} {b}") for a, b in steps),
            begin=(OUTSIDE, *begins),
            end=(OUTSIDE, *ends),
        )
        self._number = {s: i for i, s in enumerate(states)}
        #: States that a span begins with.
        self._first = np.array([i for s, i in self._number.items() if s[0] in "BS"], np.int64)
        self.labels = (OUTSIDE, *self.types)
        self.label_of = np.array([0, *(i for i in range(1, len(self.labels)) for _ in "BIES")])

    def allowed(self, tags: Sequence[str], types: Sequence[str] | None) -> np.ndarray:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`; a type never seen allows all."""
        allowed = np.zeros((len(tags), len(self.grammar.states)), bool)
        allowed[:, 0] = True
        if types is not None:
            open_ = [i for s, i in self._number.items() if s[2:] not in types]
            allowed[:, open_] = True
        for span in schemes.spans(tags, self.scheme):
            known = span.type in self.types
            allowed[span.start : span.end] = self.stretch(span, len(tags)).states if known else True
        return allowed

    def spans(self, path: np.ndarray) -> list[Span]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`."""
        names = [self.grammar.states[i] for i in path]
        return schemes.spans(names, "IOBES")

    def best(self, posterior: Posterior, min_score: float | None) -> list[list[Entity]]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`: the highest F1, expected.

        It is the set of spans without overlaps for which the posteriors exceed the threshold by
        the largest sum; `min_score` takes the place of the threshold.
        """
        threshold = self.threshold if min_score is None else max(min_score, LEAST_THRESHOLD)
        likely = [self._likely(shares, threshold) for shares in posterior.marginals()]
        return [_choose(entities, threshold) for entities in posterior.entities(likely)]

    def _likely(self, marginals: np.ndarray, threshold: float) -> list[Span]:
        """Return spans all states of which have marginals, (L, S), of the threshold or more.

        A span is not more probable than any of its states, so all that matter are among them.
        """
        above = marginals >= threshold
        result = []
        for first, column in np.argwhere(above[:, self._first]).tolist():
            part, _, type_ = self.grammar.states[self._first[column]].partition("-")
            if part == "S":
                result.append(Span(first, first + 1, type_))
            else:
                inside, end = (self._number[f"{p}-{type_}"] for p in "IE")
                for last in range(first + 1, len(above)):
                    if above[last, end]:
                        result.append(Span(first, last + 1, type_))
                    if not above[last, inside]:
                        break
        return result

    def tags(self, spans: Sequence[Span], length: int) -> list[str]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`."""
        return schemes.tags(spans, length, self.scheme)

    def stretch(self, span: Span, length: int) -> Stretch:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`."""
        n = span.end - span.start
        parts = "S" if n == 1 else "B" + "I" * (n - 2) + "E"
        states = np.zeros((n, len(self.grammar.states)), bool)
        for row, part in zip(states, parts, strict=True):
            row[self._number[f"{part}-{span.type}"]] = True
        return Stretch(span.start, states)

    def counts(self, tags: Sequence[str]) -> Counter[str]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`."""
        return Counter(span.type for span in schemes.spans(tags, self.scheme))

    def to_dict(self) -> dict[str, Any]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`."""
        return {
            "kind": "entities",
            "types": list(self.types),
            "scheme": self.scheme,
            "threshold": self.threshold,
        }


class Plain:
    """Each token has one of some tags, and any may follow any.

    Parameters
    ----------
    names : sequence of str
        The tags.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.grammar = Grammar(
            states=self.names,
            scores=self.names,
            emission={s: (s,) for s in self.names},
            transitions=tuple(Transition(a, b, f"{a} {b}") for a in self.names for b in self.names),
        )
        self._number = {s: i for i, s in enumerate(self.names)}
        self.labels = self.names
        self.label_of = np.arange(len(self.names))

    def allowed(self, tags: Sequence[str], types: Sequence[str] | None) -> np.ndarray:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`; a tag never seen allows all."""
        allowed = np.zeros((len(tags), len(self.names)), bool)
        for row, tag in zip(allowed, tags, strict=True):
            row[self._number.get(tag, slice(None))] = True
        return allowed

    def spans(self, path: np.ndarray) -> list[Span]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`; every token is a span."""
        return [Span(i, i + 1, self.names[s]) for i, s in enumerate(path)]

    def best(self, posterior: Posterior, min_score: float | None) -> list[list[Entity]]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`: the most probable one."""
        return posterior.entities([self.spans(path) for path in posterior.most_probable()])

    def tags(self, spans: Sequence[Span], length: int) -> list[str]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`; ``_`` where there is no span."""
        tags = ["_"] * length
        for span in spans:
            tags[span.start] = span.type
        return tags

    def stretch(self, span: Span, length: int) -> Stretch:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`."""
        states = np.zeros((1, len(self.names)), bool)
        states[0, self._number[span.type]] = True
        return Stretch(span.start, states)

    def counts(self, tags: Sequence[str]) -> Counter[str]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`."""
        return Counter(tags)

    def to_dict(self) -> dict[str, Any]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`."""
        return {"kind": "plain", "names": list(self.names)}


def _choose(entities: Iterable[Entity], threshold: float) -> list[Entity]:
    """Weighted interval scheduling: the best of the first ones, one more at a time."""
    ordered = sorted((e for e in entities if e.score >= threshold), key=lambda e: e.end)
    ends = [e.end for e in ordered]
    # Of the first n: the best sum, and the last entity that is chosen with how many came before
    # it. Lists of all that are chosen would take memory with the square of a text's length.
    sums, last = [0.0], [(-1, 0)]
    for number, entity in enumerate(ordered):
        before = bisect_right(ends, entity.start)
        total = sums[before] + entity.score - threshold
        taken = total >= sums[-1]
        sums.append(total if taken else sums[-1])
        last.append((number, before) if taken else last[-1])
    chosen: list[Entity] = []
    number, before = last[-1]
    while number >= 0:
        chosen.append(ordered[number])
        number, before = last[before]
    return chosen[::-1]


def labelling_of(
    tags: Iterable[Sequence[str]], scheme: str, threshold: float = THRESHOLD
) -> Labelling:
    """Return the labelling of tagged sentences.

    Parameters
    ----------
    tags : iterable of sequence of str
        The tags of each sentence.
    scheme : str
        Their scheme.
    threshold : float
        Threshold of entities.

    Raises
    ------
    InputError
        If there is a threshold of its own, but no entities.
    """
    if scheme == schemes.PLAIN:
        if threshold != THRESHOLD:
            raise InputError("[network]: 'threshold' is for entities, not for plain tags")
        return Plain(sorted({t for sentence in tags for t in sentence}))
    types = {s.type for sentence in tags for s in schemes.spans(sentence, scheme)}
    return Entities(sorted(types), scheme, threshold)

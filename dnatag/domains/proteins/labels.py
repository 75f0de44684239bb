"""Labels of residues of any kind: secondary structure, disorder, binding sites, and others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dnatag.domains.proteins.topology import LABELS, Topology
from dnatag.engine.crf.grammar import Grammar, Transition
from dnatag.errors import InputError
from dnatag.formats.text.tokens import Entity, Span
from dnatag.report import counted
from dnatag.tasks.tagging.metrics import UNKNOWN
from dnatag.tasks.tagging.posterior import Posterior, Stretch
from dnatag.tasks.tagging.schemes import runs

__all__ = ["ResidueLabels", "labelling_of_residues", "load_labelling"]

#: By so many residues the ends of a segment may differ, and its score still counts it.
TOLERANCE = 2


class ResidueLabels:
    """Each residue has one of some labels, and any may follow any.

    Parameters
    ----------
    labels : sequence of str
        The labels, a letter each.
    unknown : str
        The letter of residues whose label is not known.
    """

    def __init__(self, labels: Sequence[str], unknown: str = UNKNOWN) -> None:
        self.labels = tuple(labels)
        self.unknown = unknown
        self.grammar = Grammar(
            states=self.labels,
            scores=self.labels,
            emission={s: (s,) for s in self.labels},
            transitions=tuple(
                Transition(a, b, f"{a} {b}") for a in self.labels for b in self.labels
            ),
        )
        self.label_of = np.arange(len(self.labels))
        self._number = {label: i for i, label in enumerate(self.labels)}

    def allowed(self, tags: Sequence[str], types: Sequence[str] | None) -> np.ndarray:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`; what is unknown is open."""
        allowed = np.zeros((len(tags), len(self.labels)), bool)
        for row, tag in zip(allowed, tags, strict=True):
            row[self._number.get(tag, slice(None))] = True
        return allowed

    def spans(self, path: np.ndarray) -> list[Span]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`; every residue is in a span."""
        return runs(self.labels[number] for number in path)

    def best(self, posterior: Posterior, min_score: float | None) -> list[list[Entity]]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`.

        Each residue has its most probable label, which gives the highest accuracy to be expected.
        """
        found = [self.spans(shares.argmax(1)) for shares in posterior.marginals()]
        return posterior.entities(found)

    def tags(self, spans: Sequence[Span], length: int) -> list[str]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`; unknown where there is no span."""
        tags = [self.unknown] * length
        for span in spans:
            tags[span.start : span.end] = [span.type] * (span.end - span.start)
        return tags

    def stretch(self, span: Span, length: int) -> Stretch:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`.

        Of long segments two residues at each end may have another label.
        """
        margin = min(TOLERANCE, (span.end - span.start) // 3)
        states = np.zeros((span.end - span.start - 2 * margin, len(self.labels)), bool)
        states[:, self._number[span.type]] = True
        return Stretch(span.start + margin, states)

    def counts(self, tags: Sequence[str]) -> Counter[str]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`: residues, of each label."""
        return Counter(tags)

    def to_dict(self) -> dict[str, Any]:
        """See :class:`dnatag.tasks.tagging.domain.Labelling`."""
        return {"kind": "residues", "labels": list(self.labels), "unknown": self.unknown}


def labelling_of_residues(
    labelled: Sequence[tuple[str, Sequence[str]]], kind: str, unknown: str
) -> ResidueLabels | Topology:
    """Return the labelling of proteins to train on.

    Parameters
    ----------
    labelled : sequence of (str, sequence of str)
        Where each protein is, for messages, and its labels.
    kind : str
        ``topology``, ``residues``, or ``auto``: a topology if there are residues on both sides of
        the membrane and within, and no labels that a topology does not have.
    unknown : str
        The letter of residues whose label is not known.

    Raises
    ------
    InputError
        If there are no labels, or a few that fit no topology among those of one.
    """
    counts = Counter(label for _, labels in labelled for label in labels)
    other = {label: n for label, n in counts.items() if label.upper() not in (*LABELS, UNKNOWN)}
    if kind == "auto":
        sides = {"1", "2"} <= counts.keys() and not counts.keys().isdisjoint("HhBb")
        like_one = sides and 2 * sum(other.values()) < counts.total()
        kind = "topology" if like_one else "residues"
    if kind == "topology":
        if other:
            where = next(where for where, labels in labelled if other.keys() & set(labels))
            named = ", ".join(f"{label!r} ({n})" for label, n in sorted(other.items()))
            raise InputError(
                f"{where}: labels of a topology are {', '.join(LABELS)}, {UNKNOWN}, and there are "
                f'also {named}; fix them or, if no topology is meant, set labels = "residues" in '
                "[network]"
            )
        return Topology()
    known = sorted(counts.keys() - {unknown})
    if len(known) < 2:
        raise InputError(
            f"the proteins to train on have {counted(len(known), 'labels')} but for the unknown "
            f"({unknown!r}); at least two are needed"
        )
    return ResidueLabels(known, unknown)


def load_labelling(data: Mapping[str, Any]) -> ResidueLabels | Topology:
    """Inverse of ``to_dict`` of either."""
    if data["kind"] == "topology":
        return Topology()
    if data["kind"] != "residues":
        raise ValueError(f"unknown labels of proteins: {data['kind']}")
    return ResidueLabels(data["labels"], data["unknown"])

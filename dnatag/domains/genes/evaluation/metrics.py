"""How well predicted genes agree with a reference annotation.

Definitions
-----------
Gene
    A CDS, named by its contig, its strand and the last base of its stop codon. Several rows with
    one stop are one gene, with the start of the longest.
Found, right
    A reference gene is *found*, and a predicted gene *right*, if a gene of the same name is on
    the other side. It is *exact* if the first base agrees too, or if both say that their start
    is missing (partial at the 5' end).
Set aside
    Reference rows that are no plain gene: pseudogenes, translation exceptions, rows without a
    stop, joined rows (other than across the origin of a circular contig) and rows whose length
    is no whole number of codons. Neither finding nor missing them counts, and a prediction with
    the stop of one, or with a base in common with one on the same strand and in the same frame,
    is set aside as well unless it is right. A row with a broken frame has two frames: that of
    its start and that of its stop.
Bases
    The unit is a base in one of the six combinations of strand and frame, so that genes that
    overlap each other count in full, and a gene in the wrong frame is wrong in every base. Of
    the six units of each base those of rows set aside are left out, unless a reference gene has
    them too; what is in neither the reference nor the prediction is a true negative.
Length classes
    Length in bases with the stop codon. Sensitivity is over the reference genes of the class,
    precision over the predicted genes of the class; a gene found with another start may be of
    one class in the reference and of another in the prediction.
ORForise
    The two headline numbers of Dimonaco et al. (2022, Bioinformatics 38:1198, "No one tool to
    rule them all"): the share of reference rows of which one prediction covers at least 75 % on
    the same strand and in the same frame ("Percentage of Genes Detected"), and the share of those
    whose coordinates are all right ("Percentage of Perfect Matches"). Rows that share a stop
    count one by one here, as in ORForise.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from dnatag.domains.genes.evaluation.gene_table import Axis, Cover, GeneTable
from dnatag.formats.sequences.records import Annotation, CodingSequence

__all__ = [
    "LENGTH_CLASSES",
    "Counts",
    "Orforise",
    "Reference",
    "Scores",
    "VerifiedScores",
    "contig_lengths",
    "evaluate",
    "evaluate_verified",
    "reason_to_set_aside",
]

#: Lower bounds in bases of all length classes but the first.
LENGTH_BOUNDS = (90, 150, 300, 600, 900)
LENGTH_CLASSES = (
    f"<{LENGTH_BOUNDS[0]}",
    *(f"{a}-{b - 1}" for a, b in pairwise(LENGTH_BOUNDS)),
    f">={LENGTH_BOUNDS[-1]}",
)

Genes = Mapping[str, Sequence[CodingSequence]]


@dataclass(frozen=True, slots=True)
class Counts:
    """Agreement of two sets of things.

    Parameters
    ----------
    reference, predicted
        How many there are.
    found
        How many of the reference the prediction has.
    right
        How many of the prediction the reference has.
    """

    reference: int
    predicted: int
    found: int
    right: int

    @property
    def sensitivity(self) -> float:
        """Found over reference; NaN for an empty reference."""
        return _ratio(self.found, self.reference)

    @property
    def precision(self) -> float:
        """Right over predicted; NaN for an empty prediction."""
        return _ratio(self.right, self.predicted)

    @property
    def f1(self) -> float:
        """Share with a partner among all of both sides; NaN if both are empty.

        It is the harmonic mean of sensitivity and precision wherever ``found`` is ``right``,
        that is, everywhere but in the length classes.
        """
        return _ratio(self.found + self.right, self.reference + self.predicted)

    def to_dict(self) -> dict[str, Any]:
        """Return counts and ratios, None for NaN."""
        return {
            "reference": self.reference,
            "predicted": self.predicted,
            "found": self.found,
            "right": self.right,
            "sensitivity": _none(self.sensitivity),
            "precision": _none(self.precision),
            "f1": _none(self.f1),
        }


@dataclass(frozen=True, slots=True)
class Orforise:
    """The headline numbers of ORForise.

    Parameters
    ----------
    genes
        Reference rows.
    detected
        Rows of which a prediction covers 75 % in frame.
    perfect
        Rows whose coordinates a prediction has.
    """

    genes: int
    detected: int
    perfect: int

    def to_dict(self) -> dict[str, Any]:
        """Return counts and ratios, None for NaN."""
        return {
            "genes": self.genes,
            "detected": self.detected,
            "perfect": self.perfect,
            "genes_detected": _none(_ratio(self.detected, self.genes)),
            "perfect_matches": _none(_ratio(self.perfect, self.detected)),
        }


@dataclass(frozen=True, slots=True)
class Reference:
    """What of a reference counts.

    Parameters
    ----------
    rows
        CDS in all.
    genes
        Genes that count.
    same_stop
        CDS that share the stop of a longer one.
    set_aside : dict of str to int
        CDS set aside, by reason (see :func:`reason_to_set_aside`).
    """

    rows: int
    genes: int
    same_stop: int
    set_aside: dict[str, int]


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one prediction; the module describes the definitions.

    Parameters
    ----------
    reference
        What of the reference counts.
    predictions_set_aside
        Predicted genes that are set aside.
    stop, exact
        Genes by stop, and by stop and start.
    base
        Bases on strand and frame.
    mcc
        Matthews correlation coefficient of the bases.
    by_length : dict of str to Counts
        Genes by stop for each of ``LENGTH_CLASSES``.
    orforise
        ORForise's headline numbers.
    """

    reference: Reference
    predictions_set_aside: int
    stop: Counts
    exact: Counts
    base: Counts
    mcc: float
    by_length: dict[str, Counts]
    orforise: Orforise

    @property
    def starts(self) -> float:
        """Share of right starts among the genes found."""
        return _ratio(self.exact.found, self.stop.found)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; ratios from 0 to 1, None where nothing is to count."""
        return {
            "reference": asdict(self.reference),
            "predictions_set_aside": self.predictions_set_aside,
            "stop": self.stop.to_dict(),
            "exact": self.exact.to_dict(),
            "starts_among_found": _none(self.starts),
            "base": {**self.base.to_dict(), "mcc": _none(self.mcc)},
            "by_length": {name: counts.to_dict() for name, counts in self.by_length.items()},
            "orforise": self.orforise.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class VerifiedScores:
    """Scores against a reference that lists only some genes of the genome.

    Parameters
    ----------
    reference
        What of the list counts.
    found
        Listed genes whose stop the prediction has.
    right
        Those whose start it has too.
    """

    reference: Reference
    found: int
    right: int

    def to_dict(self) -> dict[str, Any]:
        """Return counts and ratios, None for NaN."""
        return {
            "reference": asdict(self.reference),
            "found": self.found,
            "starts_right": self.right,
            "found_of_listed": _none(_ratio(self.found, self.reference.genes)),
            "starts_among_found": _none(_ratio(self.right, self.found)),
            "starts_among_listed": _none(_ratio(self.right, self.reference.genes)),
        }


def reason_to_set_aside(cds: CodingSequence) -> str | None:
    """Return why a reference row counts neither for nor against a prediction.

    Returns
    -------
    str or None
        ``"pseudo"``, ``"exception"``, ``"no stop"``, ``"joined"`` or ``"frame"``; None for a
        row that counts.
    """
    if cds.pseudo:
        return "pseudo"
    if cds.exception:
        return "exception"
    if cds.partial3:
        return "no stop"
    if len(cds.parts) > 1 and not _crosses_origin(cds):
        return "joined"
    if not cds.partial5 and (len(cds) - cds.phase) % 3:
        return "frame"
    return None


def contig_lengths(annotations: Iterable[Annotation]) -> dict[str, int]:
    """Length in bases of each contig, as the files state it, or else up to its last CDS.

    Parameters
    ----------
    annotations
        The reference and every prediction.
    """
    lengths: dict[str, int] = {}
    for annotation in annotations:
        ends = {c: max(e for g in genes for _, e in g.parts) for c, genes in annotation.items()}
        for contig, length in [*annotation.lengths.items(), *ends.items()]:
            lengths[contig] = max(lengths.get(contig, 0), length)
    return lengths


def evaluate(reference: Genes, prediction: Genes, lengths: Mapping[str, int]) -> Scores:
    """Score predicted genes against a complete annotation.

    Parameters
    ----------
    reference, prediction
        CDS by contig.
    lengths
        Length in bases of each contig of either (see :func:`contig_lengths`).

    Raises
    ------
    InputError
        If a CDS is on an unknown contig or ends past the end of its contig.
    """
    axis = Axis(lengths)
    plain, odd, reasons = _sort_out(reference)
    rows, aside = GeneTable.of(plain, axis), GeneTable.of(odd, axis, both_frames=True)
    genes = rows.longest_by_stop()
    every = GeneTable.of(_flat(prediction), axis).longest_by_stop()

    dropped = (every.match(genes) < 0) & (every.has_stop_of(aside) | every.overlaps(aside))
    predicted = every.keep(~dropped)
    partner = genes.match(predicted)
    found = partner >= 0
    right = predicted.match(genes) >= 0
    exact = int(genes.start_agrees(predicted, partner).sum())
    n_found = int(found.sum())

    base, mcc = _bases(genes, predicted, aside, axis)
    return Scores(
        reference=_reference(rows, genes, reasons),
        predictions_set_aside=int(dropped.sum()),
        stop=Counts(len(genes), len(predicted), n_found, n_found),
        exact=Counts(len(genes), len(predicted), exact, exact),
        base=base,
        mcc=mcc,
        by_length=_by_length(genes, found, predicted, right),
        orforise=_orforise(rows, every),
    )


def evaluate_verified(
    reference: Genes, prediction: Genes, lengths: Mapping[str, int]
) -> VerifiedScores:
    """Score predicted starts against a list of some genes of the genome.

    What is predicted elsewhere is neither right nor wrong. Parameters and errors are those of
    :func:`evaluate`, and rows are set aside as there.
    """
    axis = Axis(lengths)
    plain, _, reasons = _sort_out(reference)
    rows = GeneTable.of(plain, axis)
    genes = rows.longest_by_stop()
    predicted = GeneTable.of(_flat(prediction), axis).longest_by_stop()
    partner = genes.match(predicted)
    return VerifiedScores(
        reference=_reference(rows, genes, reasons),
        found=int((partner >= 0).sum()),
        right=int(genes.start_agrees(predicted, partner).sum()),
    )


def _flat(genes: Genes) -> list[CodingSequence]:
    return [cds for rows in genes.values() for cds in rows]


def _sort_out(
    reference: Genes,
) -> tuple[list[CodingSequence], list[CodingSequence], dict[str, int]]:
    """Split reference rows into those that count and those set aside, with the reasons."""
    plain, odd, reasons = [], [], Counter[str]()
    for cds in _flat(reference):
        reason = reason_to_set_aside(cds)
        if reason is None:
            plain.append(cds)
        else:
            odd.append(cds)
            reasons[reason] += 1
    return plain, odd, dict(sorted(reasons.items()))


def _reference(rows: GeneTable, genes: GeneTable, reasons: dict[str, int]) -> Reference:
    """Account for the rows of a reference: those that count, their genes, the others."""
    return Reference(
        rows=len(rows) + sum(reasons.values()),
        genes=len(genes),
        same_stop=len(rows) - len(genes),
        set_aside=reasons,
    )


def _crosses_origin(cds: CodingSequence) -> bool:
    """Whether two parts are the end and the beginning of a circular contig."""
    return len(cds.parts) == 2 and cds.parts[1][0] == 0 and cds.parts[0][0] > 0


def _bases(
    genes: GeneTable, predicted: GeneTable, aside: GeneTable, axis: Axis
) -> tuple[Counts, float]:
    """Score bases on strand and frame: counts and Matthews correlation coefficient."""
    true, called = Cover.of(genes), Cover.of(predicted)
    open_or_true = Cover.of(genes, aside)
    tp = true & called
    fp = len(called) - (open_or_true & called)
    fn = len(true) - tp
    tn = 6 * axis.total - (len(open_or_true) - len(true)) - tp - fp - fn
    spread = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    mcc = (tp * tn - fp * fn) / math.sqrt(spread) if spread else math.nan
    return Counts(tp + fn, tp + fp, tp, tp), mcc


def _by_length(
    genes: GeneTable, found: np.ndarray, predicted: GeneTable, right: np.ndarray
) -> dict[str, Counts]:
    """Genes by stop in each length class."""
    columns = [
        np.bincount(np.digitize(length, LENGTH_BOUNDS), minlength=len(LENGTH_CLASSES)).tolist()
        for length in (
            genes.length,
            predicted.length,
            genes.length[found],
            predicted.length[right],
        )
    ]
    return {
        name: Counts(*row)
        for name, row in zip(LENGTH_CLASSES, zip(*columns, strict=True), strict=True)
    }


def _orforise(rows: GeneTable, predicted: GeneTable) -> Orforise:
    """Count rows detected and perfect by ORForise's definitions."""
    order = np.argsort(predicted.left)
    left, right = predicted.left[order], predicted.right[order]
    # No interval before ``first`` reaches into the row, none from ``last`` on begins before its
    # end.
    first = np.searchsorted(np.maximum.accumulate(right), rows.left, side="right")
    last = np.searchsorted(left, rows.right)
    size = np.maximum(last - first, 0)
    row = np.repeat(np.arange(len(rows.left)), size)
    call = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size - first, size)
    shared = np.minimum(rows.right[row], right[call]) - np.maximum(rows.left[row], left[call])
    # A row or prediction across the origin has two intervals: add up those of each pair.
    pair = rows.owner[row] * len(predicted) + predicted.owner[order][call]
    pairs, which = np.unique(pair, return_inverse=True)
    shared = np.bincount(which, weights=np.maximum(shared, 0), minlength=len(pairs))
    owner = pairs // max(len(predicted), 1)
    detected = np.unique(owner[4 * shared >= 3 * rows.length[owner]])
    partner = rows.match(predicted)
    same = np.flatnonzero(partner >= 0)
    perfect = rows.start[same] == predicted.start[partner[same]]
    return Orforise(len(rows), len(detected), int(perfect.sum()))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _none(value: float) -> float | None:
    return None if math.isnan(value) else value

"""Evaluation of annotations: genes and bases of the same contigs, and the rows of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from dnatag.errors import InputError
from dnatag.formats.registry import ANNOTATIONS
from dnatag.report import Observer, counted
from dnatag.tasks.evaluation import Evaluation, Evaluator, Rows, flatten

if TYPE_CHECKING:
    from dnatag.formats.sequences.records import Annotation

__all__ = ["GeneEvaluator"]

#: Types of features that stand for genes in files without CDS.
GENE_TYPES = frozenset({"gene", "mRNA", "transcript", "exon", "ORF", "polypeptide"})

ROWS: Rows = [
    ("genes predicted", "stop.predicted"),
    ("  and set aside", "predictions_set_aside"),
    ("genes by stop", None),
    ("  found", "stop.found"),
    ("  sensitivity %", "stop.sensitivity"),
    ("  precision %", "stop.precision"),
    ("  F1 %", "stop.f1"),
    ("genes by stop and start", None),
    ("  exact", "exact.found"),
    ("  sensitivity %", "exact.sensitivity"),
    ("  precision %", "exact.precision"),
    ("  F1 %", "exact.f1"),
    ("  starts right of found %", "starts_among_found"),
    ("bases on strand and frame", None),
    ("  sensitivity %", "base.sensitivity"),
    ("  precision %", "base.precision"),
    ("  F1 %", "base.f1"),
    ("  MCC", "base.mcc"),
]
ORFORISE_ROWS: Rows = [
    ("as in ORForise", None),
    ("  genes detected %", "orforise.genes_detected"),
    ("  perfect matches %", "orforise.perfect_matches"),
]
VERIFIED_ROWS: Rows = [
    ("genes listed", "reference.genes"),
    ("  found by stop", "found"),
    ("  starts right", "starts_right"),
    ("found of listed %", "found_of_listed"),
    ("starts right of found %", "starts_among_found"),
    ("starts right of listed %", "starts_among_listed"),
]


class GeneEvaluator(Evaluator):
    """Scores genes by their stops and starts, and bases by strand and frame."""

    files = "annotations of genes"
    formats = ANNOTATIONS

    @property
    def options(self) -> Sequence[click.Option]:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        return (
            click.Option(
                ["--genome"],
                metavar="FASTA",
                type=click.Path(dir_okay=False, allow_dash=True),
                help="Genes: the genome, for the lengths of the contigs that the correlation (MCC) "
                "needs. Without it they are those that the annotations give, or end with the last "
                "CDS.",
            ),
            click.Option(
                ["--verified"],
                is_flag=True,
                help="Genes: the reference lists only some genes, with starts known for sure; "
                "score only these.",
            ),
        )

    def evaluate(
        self, reference: str, predictions: Mapping[str, str], observer: Observer, **options: Any
    ) -> Evaluation:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        from dnatag.domains.genes.evaluation.metrics import (
            contig_lengths,
            evaluate,
            evaluate_verified,
        )
        from dnatag.formats.sequences.annotation import read_annotation

        genome, verified = options["genome"], options["verified"]
        truth = read_annotation(reference)
        if not truth:
            raise InputError(
                f"{reference}: {truth.without_cds()}; the reference is an annotation of coding "
                "sequences"
            )
        predicted = {name: read_annotation(path) for name, path in predictions.items()}
        for name, genes in predicted.items():
            path = predictions[name]
            if not genes and genes.types & GENE_TYPES:
                raise InputError(f"{path}: {genes.without_cds()}; coding sequences are compared")
            _compare_contigs(reference, truth, path, genes, verified, observer)
            _note_missing_stops(reference, truth, path, genes, observer)
        lengths = (
            _genome_lengths(genome) if genome else contig_lengths([truth, *predicted.values()])
        )
        score: Any = evaluate_verified if verified else evaluate
        scores = {name: score(truth, genes, lengths).to_dict() for name, genes in predicted.items()}
        first = flatten(next(iter(scores.values())))
        rows = VERIFIED_ROWS if verified else [*ROWS, *_length_rows(first), *ORFORISE_ROWS]
        return Evaluation(_reference(first), rows, scores)


def _genome_lengths(path: str) -> dict[str, int]:
    from dnatag.formats.sequences.fasta import UniqueIds, read_fasta

    return {contig.id: len(contig) for contig in read_fasta(path, UniqueIds())}


def _compare_contigs(
    reference: str,
    truth: Annotation,
    path: str,
    genes: Annotation,
    verified: bool,
    observer: Observer,
) -> None:
    """Refuse files about different sequences, and note what only one of them has."""
    there, here = {*truth, *truth.lengths}, {*genes, *genes.lengths}
    if here and not there & here:
        raise InputError(
            f"{path}: no contig in common with {reference} ({_some(here)} here, {_some(there)} "
            "there); both must name the sequences alike"
        )
    if missing := truth.keys() - here:
        count = sum(len(truth[c]) for c in missing)
        observer.note(
            f"warning: {path}: no genes on {_some(missing)}: the {count} CDS that {reference} "
            "has there count as missed"
        )
    if (extra := genes.keys() - there) and not verified:
        count = sum(len(genes[c]) for c in extra)
        observer.note(
            f"warning: {reference}: no genes on {_some(extra)}: the {count} CDS that {path} "
            "has there count as wrong"
        )


def _note_missing_stops(
    reference: str, truth: Annotation, path: str, genes: Annotation, observer: Observer
) -> None:
    """Note that the CDS of one file lack the stop codon, as GTF has it."""
    ends, others = _ends(truth), _ends(genes)
    if not others or 2 * len(ends & others) >= len(others):
        return
    for shift, lacking, whole in ((3, path, reference), (-3, reference, path)):
        shifted = {(contig, strand, end + shift * strand) for contig, strand, end in others}
        if 2 * len(ends & shifted) >= len(others):
            observer.note(
                f"warning: {lacking}: the CDS end 3 bp before those of {whole}: GTF leaves stop "
                "codons out, and this file has no stop_codon rows for them; write it as GFF3, or "
                "with stop_codon rows"
            )


def _ends(annotation: Annotation) -> set[tuple[str, int, int]]:
    """Return contig, strand and last base of each CDS."""
    return {(c, g.strand, g.three_prime) for c, genes in annotation.items() for g in genes}


def _some(contigs: Any, shown: int = 3) -> str:
    """Name some contigs."""
    names = sorted(contigs)
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more if names else "none"


def _reference(scores: dict[str, Any]) -> str:
    """Describe what of the reference counts."""
    genes, rows = scores["reference.genes"], scores["reference.rows"]
    left = {
        key.rpartition(".")[2]: count
        for key, count in scores.items()
        if key.startswith("reference.set_aside.")
    }
    if scores["reference.same_stop"]:
        left["same stop as a longer one"] = scores["reference.same_stop"]
    if not left:
        return counted(genes, "genes")
    reasons = ", ".join(f"{count} {reason}" for reason, count in left.items())
    return f"{counted(genes, 'genes')} of {rows} CDS (not counted: {reasons})"


def _length_rows(scores: dict[str, Any]) -> Rows:
    """Sensitivity and precision of each length class."""
    classes = [key.split(".")[1] for key in scores if key.startswith("by_length.")]
    return [
        row
        for measure in ("sensitivity", "precision")
        for row in (
            (f"by stop and length in bp: {measure} %", None),
            *((f"  {name}", f"by_length.{name}.{measure}") for name in dict.fromkeys(classes)),
        )
    ]

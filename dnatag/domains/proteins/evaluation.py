"""Evaluation of labelled proteins: FASTA with a line of labels, the same proteins in each file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from dnatag.report import Observer, counted
from dnatag.tasks.evaluation import EncodedEvaluator, Evaluation, read_alike
from dnatag.tasks.tagging.evaluation import (
    OPTIONS,
    compare_tokens,
    draw,
    note_capitals,
    score_rows,
    tags_of,
)

if TYPE_CHECKING:
    from dnatag.formats.text.tokens import Sentence

__all__ = ["ProteinEvaluator"]


class ProteinEvaluator(EncodedEvaluator):
    """Scores segments and labels of residues."""

    files = "FASTA of labelled residues"
    formats = ("fasta",)

    @property
    def options(self) -> Sequence[click.Option]:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        return (
            click.Option(
                ["--unknown"],
                metavar="LETTER",
                default="U",
                show_default=True,
                help="Residues: the true label of those that do not count.",
            ),
            *OPTIONS,
        )

    def evaluate(
        self, reference: str, predictions: Mapping[str, str], observer: Observer, **options: Any
    ) -> Evaluation:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        from dnatag.domains.proteins.residue_metrics import evaluate_residues
        from dnatag.formats.io.reading import display_name
        from dnatag.formats.sequences.residues import read_residues
        from dnatag.tasks.tagging.metrics import evaluate_segments

        unknown_label: str = options["unknown"]
        if len(unknown_label) != 1:
            raise click.UsageError(f"--unknown is one letter, not {unknown_label!r}.")
        truth, found = read_alike(
            lambda path: list(read_residues(path, True, options["encoding"])),
            reference,
            predictions,
            "proteins",
            "proteins",
            named=lambda protein: protein.id,
            observer=observer,
        )
        scores, measures = {}, {}
        for name, predicted in found.items():
            compare_tokens(reference, truth, predictions[name], predicted)
            if open_ := _undecided(truth, predicted, unknown_label):
                observer.note(
                    f"warning: {display_name(predictions[name])}: {counted(open_, 'residues')} "
                    f"left open ({unknown_label}, as by --min-score), which counts as wrong"
                )
            pair = tags_of(truth), tags_of(predicted)
            scores[name] = evaluate_segments(*pair, unknown_label)
            measures[name] = evaluate_residues(*pair, unknown_label)
        note_capitals(predictions, scores, observer)
        first = next(iter(scores.values()))
        about = ", ".join(
            map(
                counted,
                (len(truth), first.tokens, first.all.true),
                ("proteins", "residues", "segments"),
            )
        )
        if unknown := sum(map(len, truth)) - first.tokens:
            about += f" (not counted: {unknown} residues labelled {unknown_label})"
        return Evaluation(
            about,
            [
                *score_rows(scores, "residue", "segments", {"MCC of residues": "mcc"}),
                ("segment overlap %", "sov"),
            ],
            {name: _with_measures(s.to_dict(), measures[name]) for name, s in scores.items()},
            draw(scores, options["picture"]),
        )


def _undecided(truth: Sequence[Sentence], found: Sequence[Sentence], unknown: str) -> int:
    """Count the residues whose label is known, and left open in a prediction."""
    return sum(
        other == unknown != label
        for one, prediction in zip(truth, found, strict=True)
        for label, other in zip(one.tags or (), prediction.tags or (), strict=True)
    )


def _with_measures(scores: dict[str, Any], measures: Mapping[str, float]) -> dict[str, Any]:
    """Add segment overlap and correlations to scores."""
    scores["sov"] = measures["sov"]
    scores["all"]["mcc"] = measures["mcc"]
    for label, counts in scores["by_type"].items():
        counts["mcc"] = measures.get(f"mcc {label}")
    return scores

"""Evaluation of labelled proteins: FASTA with a line of labels, the same proteins in each file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from dnatag.report import Observer
from dnatag.tasks.evaluation import Evaluation, Evaluator
from dnatag.tasks.tagging.evaluation import (
    OPTIONS,
    compare_tokens,
    draw,
    score_rows,
    tags_of,
)

__all__ = ["ProteinEvaluator"]


class ProteinEvaluator(Evaluator):
    """Scores segments and labels of residues."""

    files = "FASTA of labelled residues"
    formats = ("fasta",)

    @property
    def options(self) -> Sequence[click.Option]:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        return OPTIONS

    def encoding(self, options: Mapping[str, Any]) -> str:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        return str(options["encoding"])

    def evaluate(
        self, reference: str, predictions: Mapping[str, str], observer: Observer, **options: Any
    ) -> Evaluation:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        from dnatag.formats.sequences.residues import read_residues
        from dnatag.tasks.tagging.metrics import UNKNOWN, evaluate_segments

        truth = list(read_residues(reference, True, options["encoding"]))
        scores = {}
        for name, path in predictions.items():
            predicted = list(read_residues(path, True, options["encoding"]))
            compare_tokens(reference, truth, path, predicted)
            scores[name] = evaluate_segments(tags_of(truth), tags_of(predicted))
        first = next(iter(scores.values()))
        about = f"{len(truth)} proteins, {first.tokens} residues, {first.all.true} segments"
        if unknown := sum(map(len, truth)) - first.tokens:
            about += f" (not counted: {unknown} residues labelled {UNKNOWN})"
        return Evaluation(
            about,
            score_rows(scores, "residue", "segments"),
            {name: s.to_dict() for name, s in scores.items()},
            draw(scores, options["picture"]),
        )

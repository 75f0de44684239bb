"""Evaluation of translations: references and translations of the same texts, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from dnatag.report import Observer, counted
from dnatag.tasks.evaluation import EncodedEvaluator, Evaluation, read_alike

__all__ = ["TranslationEvaluator"]

TOKENIZERS = ("13a", "none", "intl", "char", "zh")


class TranslationEvaluator(EncodedEvaluator):
    """Scores translations."""

    files = "translations"
    formats = ()

    @property
    def options(self) -> Sequence[click.Option]:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        return (
            *super().options,
            click.Option(
                ["--tokenize"],
                type=click.Choice(TOKENIZERS),
                default=TOKENIZERS[0],
                show_default=True,
                help="Translations: how sacrebleu splits them; none for texts that are split.",
            ),
            click.Option(
                ["--lowercase"],
                is_flag=True,
                help="Translations: take upper and lower case for the same.",
            ),
        )

    def evaluate(
        self, reference: str, predictions: Mapping[str, str], observer: Observer, **options: Any
    ) -> Evaluation:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        from dnatag.formats.text.translations import read_references, read_translations
        from dnatag.tasks.seq2seq.metrics import evaluate_translations

        def read(path: str) -> list[str]:
            lines = read_references if path == reference else read_translations
            return list(lines(path, options["encoding"]))

        truth, found = read_alike(read, reference, predictions, "lines", "texts")
        scores, signatures = {}, ""
        for name, lines in found.items():
            own = evaluate_translations(truth, lines, options["tokenize"], options["lowercase"])
            signatures = f"BLEU {own.signature}, chrF {own.chrf_signature}"
            scores[name] = own._asdict()
        rows: list[tuple[str, str | None]] = [("BLEU", "bleu"), ("chrF", "chrf")]
        return Evaluation(f"{counted(len(truth), 'lines')}, {signatures}", rows, scores)

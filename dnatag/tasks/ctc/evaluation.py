"""Evaluation of transcripts: files with the texts of the same recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from dnatag.errors import InputError
from dnatag.report import Observer, counted
from dnatag.tasks.evaluation import Evaluation, Evaluator, Rows

__all__ = ["TranscriptEvaluator"]

_ROWS: Rows = [
    ("word error rate %", "wer"),
    ("character error rate %", "cer"),
    ("right texts %", "sentences"),
    ("words", "words"),
    ("  substituted", "substitutions"),
    ("  missing", "deletions"),
    ("  inserted", "insertions"),
]


class TranscriptEvaluator(Evaluator):
    """Counts the errors of transcripts."""

    files = "transcripts"
    formats = ("manifest",)

    @property
    def options(self) -> Sequence[click.Option]:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        return (
            click.Option(
                ["--encoding"],
                metavar="NAME",
                default="utf-8",
                show_default=True,
                help="The character encoding of the files.",
            ),
        )

    def encoding(self, options: Mapping[str, Any]) -> str | None:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        return str(options["encoding"])

    def evaluate(
        self, reference: str, predictions: Mapping[str, str], observer: Observer, **options: Any
    ) -> Evaluation:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        from dnatag.formats.io.reading import display_name
        from dnatag.tasks.ctc.metrics import evaluate_transcripts

        truth, scores = _read(reference, options["encoding"]), {}
        for name, path in predictions.items():
            found = _read(path, options["encoding"])
            if len(found) != len(truth):
                raise InputError(
                    f"{display_name(path)}: has {counted(len(found), 'texts')}, "
                    f"{display_name(reference)} {len(truth)}; compare files of the same recordings"
                )
            scores[name] = evaluate_transcripts(truth, found)
        return Evaluation(counted(len(truth), "recordings"), list(_ROWS), scores)


def _read(path: str, encoding: str) -> list[str]:
    """Read the texts of a manifest, or of lines."""
    from dnatag.formats.audio import read_manifest
    from dnatag.formats.registry import recognise
    from dnatag.formats.text.lines import numbered_lines

    wanted = "wanted is a text in each line, or a manifest"
    among = ("manifest", "lines", "conll")
    stream, format = recognise(path, among, wanted, encoding=encoding, prefer="lines")
    if format.name != "manifest":
        return [line for _, line in numbered_lines(stream, encoding)]
    texts = []
    for recording in read_manifest(stream, encoding):
        if recording.text is None:
            raise InputError(f'{recording.where}: has no "text"')
        texts.append(recording.text)
    return texts

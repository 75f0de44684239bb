"""Evaluation of transcripts: files with the texts of the same recordings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from dnatag.errors import InputError
from dnatag.report import Observer, counted
from dnatag.tasks.evaluation import EncodedEvaluator, Evaluation, Rows, read_alike

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


class TranscriptEvaluator(EncodedEvaluator):
    """Counts the errors of transcripts."""

    files = "transcripts"
    formats = ("manifest",)

    def evaluate(
        self, reference: str, predictions: Mapping[str, str], observer: Observer, **options: Any
    ) -> Evaluation:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        from dnatag.tasks.ctc.metrics import evaluate_transcripts

        read = partial(_read, encoding=options["encoding"])
        truth, found = read_alike(read, reference, predictions, "texts", "recordings")
        scores = {name: evaluate_transcripts(truth, texts) for name, texts in found.items()}
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

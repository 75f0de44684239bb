"""Evaluation of transcripts: files with the texts of the same recordings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from dnatag.errors import InputError
from dnatag.formats.io.reading import display_name
from dnatag.formats.text.lines import numbered_lines
from dnatag.report import Observer, counted
from dnatag.tasks.evaluation import EncodedEvaluator, Evaluation, Rows, in_order, read_alike

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


class _Text(NamedTuple):
    """A text, and of which recording a manifest has it.

    Attributes
    ----------
    text : str
        What is said.
    found : str
        What a transcriber found: the text, or beside it "pred_text" as NeMo has it.
    predicted : bool
        Whether it has what a transcriber found beside the text.
    name : str or None
        The audio file, as the manifest names it; None for lines.
    file : str
        Its whole path.
    offset : float
        Where it begins in the file, in seconds.
    """

    text: str
    found: str
    predicted: bool = False
    name: str | None = None
    file: str = ""
    offset: float = 0.0


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
        if any(one.predicted for one in truth):
            observer.note(
                f"warning: {display_name(reference)} has what a model found (pred_text); its texts "
                "are taken for the truth, and the reference is named first"
            )
        right, scores = [one.text for one in truth], {}
        for name, texts in found.items():
            paired = _paired(truth, texts, reference, predictions[name])
            scores[name] = evaluate_transcripts(right, [one.found for one in paired])
        return Evaluation(counted(len(truth), "recordings"), list(_ROWS), scores)


def _read(path: str, encoding: str) -> list[_Text]:
    """Read the texts of a manifest, or of lines."""
    from dnatag.formats.audio import read_manifest
    from dnatag.formats.registry import recognise

    wanted = "wanted is a text in each line, or a manifest"
    among = ("manifest", "lines", "conll")
    stream, format = recognise(path, among, wanted, encoding=encoding, prefer="lines")
    if format.name != "manifest":
        return [_Text(line, line) for _, line in numbered_lines(stream, encoding)]
    texts = []
    for one in read_manifest(stream, encoding):
        if one.text is None:
            raise InputError(f'{one.where}: has no "text"')
        item = one.source or {}
        found = item.get("pred_text", one.text)
        if not isinstance(found, str):
            raise InputError(f'{one.where}: "pred_text" is not a string')
        file = os.path.abspath(str(one.path))
        predicted = "pred_text" in item
        texts.append(_Text(one.text, found, predicted, one.name, file, one.offset))
    return texts


def _paired(
    truth: Sequence[_Text], found: Sequence[_Text], reference: str, path: str
) -> Sequence[_Text]:
    """Bring texts into the order of the reference: that of the recordings, where both name them.

    Raises
    ------
    InputError
        If the recordings are not the same.
    """
    if any(one.name is None for one in (*truth, *found)):
        return found
    # Manifests in different folders may name the files alike, or differently the same files.
    by_name = {one.name for one in truth} == {one.name for one in found}
    wanted = [_place(one, by_name) for one in truth]
    paired = in_order(wanted, ((_place(one, by_name), one) for one in found))
    if len(paired) < len(truth):
        one = truth[len(paired)]
        at = f" at {one.offset:g} seconds" if one.offset else ""
        raise InputError(
            f"{display_name(path)}: has no text of {one.name}{at}, which "
            f"{display_name(reference)} has; compare files of the same recordings"
        )
    return paired


def _place(one: _Text, by_name: bool) -> tuple[str, float]:
    return (one.name or "" if by_name else one.file), round(one.offset, 3)

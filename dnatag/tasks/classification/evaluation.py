"""Evaluation of labels of sequences: files with the same sequences in the same order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from dnatag.errors import InputError
from dnatag.formats.io.reading import display_name
from dnatag.formats.registry import recognise
from dnatag.formats.text import labelled
from dnatag.formats.text.jsonl import read_objects
from dnatag.report import Observer, counted
from dnatag.tasks.evaluation import Evaluation, Evaluator, Rows

if TYPE_CHECKING:
    from dnatag.tasks.classification.metrics import LabelScores

__all__ = ["LabelEvaluator"]


class _Labels(NamedTuple):
    labels: list[str]
    scores: list[float] | None


class LabelEvaluator(Evaluator):
    """Scores the labels of sequences, and their probabilities where files have them."""

    files = "labelled sequences"
    formats = ("fasttext", "jsonl", "trees", "table", "sequences")

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
        from dnatag.tasks.classification.metrics import evaluate_labels

        encoding = options["encoding"]
        truth = _read(reference, encoding).labels
        if not truth:
            raise InputError(f"{display_name(reference)}: has no labels")
        scores: dict[str, LabelScores] = {}
        for name, path in predictions.items():
            found = _read(path, encoding)
            if len(found.labels) != len(truth):
                raise InputError(
                    f"{display_name(path)}: has {counted(len(found.labels), 'labels')}, "
                    f"{display_name(reference)} {len(truth)}; compare files of the same sequences"
                )
            scores[name] = evaluate_labels(truth, found.labels, found.scores)
        return Evaluation(
            f"{counted(len(truth), 'sequences')}, {counted(len(set(truth)), 'labels')}",
            _rows(scores),
            {name: one.to_dict() for name, one in scores.items()},
        )


def _rows(scores: Mapping[str, LabelScores]) -> Rows:
    rows: Rows = [
        ("accuracy %", "accuracy"),
        ("macro-F1 %", "macro_f1"),
        ("calibration error %", "calibration_error"),
    ]
    for label in sorted({label for one in scores.values() for label in one.by_label}):
        rows.append((label, None))
        measures = {"true": "true", "predicted": "predicted", "right": "right", "F1 %": "f1"}
        rows += [(f"  {what}", f"by_label.{label}.{key}") for what, key in measures.items()]
    return rows


def _read(path: str, encoding: str) -> _Labels:
    """Read the labels of a file, and their probabilities if it has those of all."""
    wanted = "wanted are fastText's lines, JSON Lines, trees or a table with the column 'label'"
    among = (*LabelEvaluator.formats, "conll")
    stream, format = recognise(path, among, wanted, encoding=encoding)
    name = display_name(path)
    labels: list[str] = []
    scores: list[float | None] = []
    match format.name:
        case "jsonl":
            for number, item in read_objects(stream, encoding):
                label, score = _of_object(item, f"{name}: line {number}")
                labels.append(label)
                scores.append(score)
        case "fasttext":
            for one in labelled.read_fasttext(stream, encoding):
                if one.label is None:
                    raise InputError(f"{name}: line {one.line}: has no label")
                labels.append(one.label)
                scores.append(_number(one.text))
        case "trees":
            labels = [one.label or "" for one in labelled.read_trees(stream, encoding)]
        case _:
            rows = labelled.read_rows(stream, ("label", "text"), labelled.TITLES, encoding)
            for number, row in rows:
                if "label" not in row:
                    raise InputError(f"{name}: line {number}: there is no column 'label'")
                labels.append(row["label"])
    known = [score for score in scores if score is not None]
    return _Labels(labels, known if len(known) == len(labels) and labels else None)


def _of_object(item: dict[str, Any], where: str) -> tuple[str, float | None]:
    """Return the label of an object, and its probability if it was predicted."""
    found = item.get("labels")
    if isinstance(found, list) and found and isinstance(found[0], dict) and "label" in found[0]:
        score = found[0].get("score")
        return str(found[0]["label"]), score if isinstance(score, float | int) else None
    if item.get("label") is None:
        raise InputError(f'{where}: the object has neither "label" nor "labels"')
    return str(item["label"]), None


def _number(text: str) -> float | None:
    """Return the probability behind a label; a text is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None

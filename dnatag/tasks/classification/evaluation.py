"""Evaluation of labels of sequences: files with the same sequences in the same order."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from dnatag.errors import InputError
from dnatag.formats.io.reading import display_name
from dnatag.formats.registry import recognise
from dnatag.formats.text import labelled
from dnatag.formats.text.jsonl import read_objects
from dnatag.report import Observer, counted
from dnatag.tasks.evaluation import EncodedEvaluator, Evaluation, Rows, read_alike

if TYPE_CHECKING:
    from dnatag.tasks.classification.metrics import LabelScores

__all__ = ["LabelEvaluator"]


class _Label(NamedTuple):
    label: str
    score: float | None = None


class LabelEvaluator(EncodedEvaluator):
    """Scores the labels of sequences, and their probabilities where files have them."""

    files = "labelled sequences"
    formats = ("fasttext", "jsonl", "trees", "table", "sequences")

    def evaluate(
        self, reference: str, predictions: Mapping[str, str], observer: Observer, **options: Any
    ) -> Evaluation:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        from dnatag.tasks.classification.metrics import evaluate_labels

        read = partial(_read, encoding=options["encoding"])
        right, found = read_alike(read, reference, predictions, "labels", "sequences")
        truth = [one.label for one in right]
        scores: dict[str, LabelScores] = {}
        for name, labels in found.items():
            # Those of all, or they would not be comparable.
            shares = [one.score for one in labels if one.score is not None]
            known = shares if len(shares) == len(labels) else None
            scores[name] = evaluate_labels(truth, [one.label for one in labels], known)
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


def _read(path: str, encoding: str) -> list[_Label]:
    """Read the labels of a file, and their probabilities if it has them."""
    wanted = "wanted are fastText's lines, JSON Lines, trees or a table with the column 'label'"
    among = (*LabelEvaluator.formats, "conll")
    stream, format = recognise(path, among, wanted, encoding=encoding)
    name = display_name(path)
    labels: list[_Label] = []
    match format.name:
        case "jsonl":
            for number, item in read_objects(stream, encoding):
                labels.append(_of_object(item, f"{name}: line {number}"))
        case "fasttext":
            labels = [_of_line(one, name) for one in labelled.read_fasttext(stream, encoding)]
        case "trees":
            labels = [_Label(one.label or "") for one in labelled.read_trees(stream, encoding)]
        case _:
            rows = labelled.read_rows(
                stream,
                ("label", "text"),
                labelled.TITLES,
                encoding,
                titled=format.name == "sequences",
            )
            for number, row in rows:
                if "label" not in row:
                    raise InputError(f"{name}: line {number}: there is no column 'label'")
                labels.append(_Label(row["label"]))
    return labels


def _of_object(item: dict[str, Any], where: str) -> _Label:
    """Return the label of an object, and its probability if it was predicted."""
    found = item.get("labels")
    if isinstance(found, list) and found and isinstance(found[0], dict) and "label" in found[0]:
        score = found[0].get("score")
        known = score if isinstance(score, float | int) else None
        return _Label(str(found[0]["label"]), known)
    if item.get("label") is None:
        advice = "; the entities that a model found are no reference" if "entities" in item else ""
        raise InputError(f'{where}: the object has neither "label" nor "labels"{advice}')
    return _Label(str(item["label"]))


def _of_line(one: labelled.LabelledText, name: str) -> _Label:
    """Return the label of a line of fastText's: where it has probabilities, the most probable."""
    numbers = [_number(word) for word in one.text.split()]
    scores = [number for number in numbers if number is not None]
    if scores and len(one.labels) == len(scores) == len(numbers):
        score, label = max(zip(scores, one.labels, strict=True), key=lambda pair: pair[0])
        return _Label(label, score)
    return _Label(one.only_label(name))


def _number(text: str) -> float | None:
    """Return the probability behind a label; a text is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None

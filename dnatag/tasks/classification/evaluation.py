"""Evaluation of labels of sequences: files with the same sequences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from dnatag.errors import InputError
from dnatag.formats.io.reading import display_name
from dnatag.formats.registry import recognise
from dnatag.formats.text import labelled
from dnatag.formats.text.jsonl import read_objects
from dnatag.report import Observer, counted
from dnatag.tasks.evaluation import EncodedEvaluator, Evaluation, Rows, in_order, read_alike

if TYPE_CHECKING:
    from dnatag.tasks.classification.metrics import LabelScores

__all__ = ["LabelEvaluator"]


class _Label(NamedTuple):
    """A label, and of which sequence it is, as far as the file says so.

    Attributes
    ----------
    label : str
        The label; of several, the most probable.
    score : float or None
        Its probability.
    name : str or None
        The id or name of the sequence.
    text : str or None
        Its text.
    """

    label: str
    score: float | None = None
    name: str | None = None
    text: str | None = None

    def keys(self) -> tuple[str | None, str | None]:
        """Return what is the same in all files: name and text, however it is spaced."""
        name = None if self.name is None else self.name.removesuffix(".npy")
        return name, None if self.text is None else "".join(self.text.split())


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
        right, found = read_alike(
            read, reference, predictions, "labels", "sequences", lambda one: one.keys()[0], observer
        )
        truth = [one.label for one in right]
        if any(one.score is not None for one in right):
            observer.note(
                f"warning: {display_name(reference)} has probabilities, as a model writes them; "
                "the reference is named first"
            )
        scores: dict[str, LabelScores] = {}
        for name, unordered in found.items():
            labels = _paired(right, unordered, reference, predictions[name])
            if not {one.label for one in labels} & set(truth):
                observer.note(
                    f"warning: {name} has none of the labels of the reference: "
                    f"{_some(one.label for one in labels)}, not {_some(truth)}; give both the same "
                    "names"
                )
            # Those of all, or they would not be comparable.
            shares = [one.score for one in labels if one.score is not None]
            known = shares if len(shares) == len(labels) else None
            scores[name] = evaluate_labels(truth, [one.label for one in labels], known)
        return Evaluation(
            f"{counted(len(truth), 'sequences')}, {counted(len(set(truth)), 'labels')}",
            _rows(scores),
            {name: one.to_dict() for name, one in scores.items()},
        )


def _paired(
    truth: Sequence[_Label], found: Sequence[_Label], reference: str, path: str
) -> Sequence[_Label]:
    """Bring labels into the order of the reference, by names or texts where both files have them.

    Raises
    ------
    InputError
        If the sequences are not the same.
    """
    missing = None
    keys = [one.keys() for one in truth], [one.keys() for one in found]
    for i in range(2):
        right, there = ([key[i] for key in side] for side in keys)
        # Labels alone, as fastText predicts them, have empty texts.
        if None in (*right, *there) or not (any(right) and any(there)):
            continue
        paired = in_order(right, zip(there, found, strict=True))
        if len(paired) == len(truth):
            return paired
        missing = missing or truth[len(paired)]
    if missing is not None:
        what = missing.name if missing.name is not None else repr((missing.text or "")[:60])
        raise InputError(
            f"{display_name(path)}: has no label of {what}, which {display_name(reference)} has; "
            "compare files of the same sequences"
        )
    return found


def _some(labels: Iterable[str]) -> str:
    """Name some different labels."""
    first, *more = sorted(set(labels))
    return ", ".join([first, *more[:2]]) + ", ..." * (len(more) > 2)


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
            labels = [
                _Label(one.only_label(name), text=one.text)
                for one in labelled.read_trees(stream, encoding)
            ]
        case _:
            rows = labelled.read_rows(
                stream,
                ("label", "text"),
                labelled.TITLES | {"name": "name", "id": "name"},
                encoding,
                titled=format.name == "sequences",
            )
            for number, row in rows:
                if "label" not in row:
                    raise InputError(f"{name}: line {number}: there is no column 'label'")
                if not row["label"]:
                    raise InputError(f"{name}: line {number}: has no label")
                labels.append(_Label(row["label"], None, row.get("name"), row.get("text")))
    return labels


def _of_object(item: dict[str, Any], where: str) -> _Label:
    """Return the label of an object, and its probability if it was predicted."""
    name, text = item.get("id", item.get("name")), item.get("text", item.get("sentence"))
    about = (None if name is None else str(name), text if isinstance(text, str) else None)
    found = item.get("labels")
    if isinstance(found, list) and found and isinstance(found[0], dict) and "label" in found[0]:
        score = found[0].get("score")
        known = score if isinstance(score, float | int) else None
        return _Label(labelled.label_of(found[0]["label"], where), known, *about)
    if item.get("label") in (None, ""):
        advice = "; the entities that a model found are no reference" if "entities" in item else ""
        raise InputError(f'{where}: the object has neither "label" nor "labels"{advice}')
    return _Label(labelled.label_of(item["label"], where), None, *about)


def _of_line(one: labelled.LabelledText, name: str) -> _Label:
    """Return the label of a line of fastText's: where it has probabilities, the most probable."""
    numbers = [_number(word) for word in one.text.split()]
    scores = [number for number in numbers if number is not None]
    if scores and len(one.labels) == len(scores) == len(numbers):
        score, label = max(zip(scores, one.labels, strict=True), key=lambda pair: pair[0])
        return _Label(label, score)
    return _Label(one.only_label(name), text=one.text)


def _number(text: str) -> float | None:
    """Return the probability behind a label; a text is none. fastText's are up to 1.00001."""
    try:
        value = float(text)
    except ValueError:
        return None
    return min(value, 1.0) if 0 <= value < 1.0001 else None

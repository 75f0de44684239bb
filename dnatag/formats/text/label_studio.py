"""JSON of the annotation tool Label Studio: a list of tasks, each a text with its regions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from statistics import fmean
from typing import Any, TextIO

from dnatag.errors import InputError
from dnatag.formats.io.reading import Source, display_name, read_decoded
from dnatag.formats.text.documents import Document, Mark, check_length, check_mark, others
from dnatag.formats.text.jsonl import no_json
from dnatag.formats.text.tokens import Entity, Sentence

__all__ = ["LabelStudioWriter", "read_label_studio"]


def read_label_studio(
    path: Source, encoding: str = "utf-8", predictions: bool = False
) -> Iterator[Document]:
    """Read tasks as Label Studio exports ("JSON", not "JSON-MIN") and imports them.

    Parameters
    ----------
    path
        The file, plain or compressed, or "-" for standard input.
    encoding
        Name of its character encoding.
    predictions
        Whether those of a model count where nobody has annotated.

    Yields
    ------
    Document
        With the regions of the annotation that is the ground truth, or the last one that was not
        cancelled, and all that the task has as "data".

    Raises
    ------
    InputError
        Naming file and task, if the file is no such JSON, a task has no text, or a region is no
        part of it.
    """
    name = display_name(path)
    for number, task in enumerate(_tasks(path, encoding, name), 1):
        where = f"{name}: task {number}"
        if not isinstance(task, dict):
            raise InputError(f"{where}: is no object")
        data = _data(task, where)
        text = check_length(data["text"], where)
        own = [a for a in _list(task, "annotations", where) if not a.get("was_cancelled")]
        own = [a for a in own if a.get("ground_truth")] or own
        chosen = own or (_list(task, "predictions", where) if predictions else [])
        marks = None
        if chosen:
            regions = _list(chosen[-1], "result", where)
            marks = tuple(mark for region in regions for mark in _marks(region, text, where))
        id_ = data.get("id") if task.get("id") is None else task["id"]
        if id_ is not None:
            data.setdefault("id", id_)
        yield Document(text, marks, "" if id_ is None else str(id_), number, source=data)


def _tasks(path: Source, encoding: str, name: str) -> list[Any]:
    text = read_decoded(path, encoding).removeprefix("\ufeff")
    try:
        tasks = json.loads(text)
    except json.JSONDecodeError as error:
        raise no_json(f"{name}: line {error.lineno}", error) from None
    except (RecursionError, ValueError):
        raise InputError(
            f"{name}: lists are nested too deep, or a number has too many digits"
        ) from None
    if not isinstance(tasks, list):
        raise InputError(f"{name}: is no list of tasks")
    return tasks


def _data(task: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the data of a task, with its text as "text", whatever the interface calls it."""
    found = task.get("data")
    data: dict[str, Any] = found if isinstance(found, dict) else {}
    texts = [key for key, value in data.items() if isinstance(value, str)]
    if "text" not in texts and len(texts) != 1:
        raise InputError(f'{where}: "data" has no "text", and not exactly one other string')
    called = "text" if "text" in texts else texts[0]
    return {"text" if key == called else key: value for key, value in data.items()}


def _list(item: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    values = item.get(key) or []
    if not isinstance(values, list) or not all(isinstance(v, dict) for v in values):
        raise InputError(f'{where}: "{key}" is no list of objects')
    return values


def _marks(region: dict[str, Any], text: str, where: str) -> Iterator[Mark]:
    """Yield a mark for each label of a region; other results, such as choices, have none."""
    kind, value = str(region.get("type", "labels")), region.get("value")
    if kind.endswith("labels") and kind != "labels":
        raise InputError(f'{where}: regions of the type "{kind}" are not read, only those of texts')
    match value:
        case {"start": start, "end": end, "labels": [*labels], **rest} if labels:
            for label in labels:
                mark = check_mark(start, end, label, text, where)
                yield _in_characters(mark, text, rest.get("text"), where)
        case _ if "type" in region and kind == "labels":
            raise InputError(f"{where}: a region has no label; give it one, or delete it")


def _in_characters(mark: Mark, text: str, words: Any, where: str) -> Mark:
    """Return a mark counted in characters: browsers count those beyond 0xFFFF twice.

    Raises
    ------
    InputError
        If the text has other words there than the region.
    """
    there = text[mark.start : mark.end]
    # Some versions write line ends as a backslash and an n.
    if not isinstance(words, str) or there.split() == words.replace("\\n", "\n").split():
        return mark
    wide = text.encode("utf-16-le", "surrogatepass")
    before, held = wide[: 2 * mark.start], wide[2 * mark.start : 2 * mark.end]
    if held != words.encode("utf-16-le", "surrogatepass"):
        raise InputError(f"{where}: a region has {words!r} where the text has {there!r}")
    start = len(before.decode("utf-16-le", "surrogatepass"))
    return Mark(start, start + len(words), mark.type)


class LabelStudioWriter:
    """Writes a list of tasks with predictions, as Label Studio imports them.

    Parameters
    ----------
    handle
        Where to write.
    model
        What the predictions are from.
    """

    def __init__(self, handle: TextIO, model: str) -> None:
        self._handle = handle
        self._model = model
        self._between = "[\n"

    def add(self, sentence: Sentence, entities: Iterable[Entity]) -> None:
        """Write a task; its score is the mean posterior of its entities.

        The other data of a task that was read are kept, as is the object of JSON Lines.
        """
        text, offsets = sentence.located()
        result, scores = [], []
        for number, entity in enumerate(entities, 1):
            start, end = offsets[entity.start][0], offsets[entity.end - 1][1]
            value = {"start": start, "end": end, "text": text[start:end], "labels": [entity.type]}
            scores.append(round(float(entity.score), 6))
            result.append(
                {"id": f"e{number}", "from_name": "label", "to_name": "text", "type": "labels",
                 "value": value, "score": scores[-1]}
            )  # fmt: skip
        prediction: dict[str, Any] = {"model_version": self._model, "result": result}
        if scores:
            prediction["score"] = round(fmean(scores), 6)
        data = others(sentence) | {"text": text}
        if sentence.id:
            data.setdefault("id", sentence.id)
        task: dict[str, Any] = {"data": data, "predictions": [prediction]}
        # All but ASCII as escapes, as lone halves of surrogate pairs have no UTF-8.
        self._handle.write(self._between + json.dumps(task))
        self._between = ",\n"

    def finish(self) -> None:
        """End the list."""
        self._handle.write("\n]\n")

"""JSON Lines of the annotation tool Doccano: a text in each line, with its spans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from dnatag.errors import InputError
from dnatag.formats.io.reading import Source, display_name
from dnatag.formats.text.documents import MARKS, Document, Mark, check_mark, others
from dnatag.formats.text.jsonl import read_objects, write_object
from dnatag.formats.text.tokens import Entity, Sentence

__all__ = ["read_doccano", "write_doccano"]


def read_doccano(
    path: Source, encoding: str = "utf-8", *, predictions: bool = False
) -> Iterator[Document]:
    """Read texts as Doccano exports them for sequence labelling, with or without relations.

    Parameters
    ----------
    path
        The file, plain or compressed, or "-" for standard input. Blank lines are passed over.
    encoding
        Name of its character encoding.
    predictions
        Whether entities that a model found, as ``dnatag tag`` writes them, count, and before
        what people have marked in the same text.

    Yields
    ------
    Document
        With the object; not annotated if it has neither "label", "labels" nor "entities".

    Raises
    ------
    InputError
        Naming file and line, if a line is no JSON object, has no text, or a span is no part of it.
    """
    name = display_name(path)
    for number, item in read_objects(path, encoding):
        where = f"{name}: line {number}"
        text = item.get("text")
        if not isinstance(text, str):
            raise InputError(f'{where}: the object has no "text", or none that is a string')
        keys = MARKS[::-1] if predictions else MARKS
        marks = _marks(item, keys, text, where)
        id_ = "" if item.get("id") is None else str(item["id"])
        yield Document(text, marks, id_, number, source=item)


def _marks(
    item: dict[str, Any], keys: Iterable[str], text: str, where: str
) -> tuple[Mark, ...] | None:
    key = next((key for key in keys if key in item), None)
    if key is None:
        return None
    if not isinstance(item[key], list):
        raise InputError(f'{where}: "{key}" is no list of spans')
    return tuple(check_mark(*_parts(span, where), text, where) for span in item[key])


def _parts(span: Any, where: str) -> tuple[Any, Any, Any]:
    match span:
        case [start, end, type_]:
            return start, end, type_
        case {"start_offset": start, "end_offset": end, "label": type_}:
            return start, end, type_
        case {"start": start, "end": end, "entity_group": type_}:  # as dnatag writes it
            return start, end, type_
        case _:
            raise InputError(f"{where}: a span is written as [start, end, type], not {span!r}")


def write_doccano(handle: TextIO, sentence: Sentence, entities: Iterable[Entity]) -> None:
    """Write a sentence as a line that Doccano imports.

    Parameters
    ----------
    handle
        Where to write.
    sentence
        Without a text, its tokens joined by single spaces are one. The object of one that was
        read from JSON Lines is kept.
    entities
        Written under "label": begin, end (characters, 0-based and half-open) and type of each.
    """
    text, offsets = sentence.located()
    label = [[offsets[e.start][0], offsets[e.end - 1][1], e.type] for e in entities]
    write_object(handle, {**others(sentence), "text": text, "label": label})

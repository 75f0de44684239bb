"""JSON Lines: an object in each line, with a text or with tokens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TextIO

from dnatag.errors import CONTROL, InputError
from dnatag.formats.io.reading import Source, display_name
from dnatag.formats.text.lines import numbered_lines, tokenize
from dnatag.formats.text.tokens import Entity, Sentence

__all__ = ["no_json", "parse_object", "read_jsonl", "read_objects", "write_jsonl", "write_object"]


def read_jsonl(
    path: Source,
    encoding: str = "utf-8",
    split: Callable[[str], tuple[list[str], list[tuple[int, int]]]] | None = None,
) -> Iterator[Sentence]:
    """Read sentences from objects such as ``{"text": "..."}`` or ``{"tokens": ["...", ...]}``.

    A text may be called "sentence" as well.

    Parameters
    ----------
    path
        The file, plain or compressed, or "-" for standard input. Blank lines are passed over.
    encoding
        Name of its character encoding.
    split
        Finds the tokens of a text and their places; None:
        :func:`dnatag.formats.text.lines.tokenize`.

    Yields
    ------
    Sentence
        With the object. The tokens are those under "tokens"; if there are none, those of the
        text. Tags and id are from "tags" and "id", if there.

    Raises
    ------
    InputError
        Naming file and line, if a line is no JSON object, there is neither text nor tokens,
        tokens are not to be found in the text, or there is not one tag for each token.
    """
    name = display_name(path)
    for number, item in read_objects(path, encoding):
        yield _sentence(item, number, f"{name}: line {number}", split or tokenize)


def read_objects(path: Source, encoding: str = "utf-8") -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the objects of a file with the numbers of their lines, counted from 1.

    Parameters
    ----------
    path, encoding
        As for sentences.

    Raises
    ------
    InputError
        Naming file and line, if a line is no JSON object.
    """
    name = display_name(path)
    for number, line in numbered_lines(path, encoding):
        if line.strip():
            yield number, parse_object(line, f"{name}: line {number}")


def no_json(where: str, error: json.JSONDecodeError) -> InputError:
    """Return the error of what is not JSON, beginning with `where`, file and line."""
    what = error.msg.removesuffix(" at")
    return InputError(f"{where}: is not JSON: {what} at column {error.colno}")


def write_jsonl(
    handle: TextIO,
    sentence: Sentence,
    entities: Iterable[Entity],
    alternatives: Iterable[tuple[float, Iterable[Entity]]] | None = None,
) -> None:
    """Write a sentence as a line, its entities as Hugging Face's pipelines give them.

    Places are in characters of the text, without a text in tokens; 0-based and half-open.

    Parameters
    ----------
    handle
        Where to write.
    sentence
        The object of one from a JSON Lines file is kept.
    entities
        Written under "entities".
    alternatives
        Other labellings with their probabilities, written under "alternatives".
    """
    item = _item(sentence)
    item["entities"] = _spans(sentence, entities)
    if alternatives is not None:
        item["alternatives"] = [
            {"score": round(float(score), 6), "entities": _spans(sentence, reading)}
            for score, reading in alternatives
        ]
    write_object(handle, item)


def write_object(handle: TextIO, item: dict[str, Any]) -> None:
    """Write an object as a line."""
    # JSON leaves some control characters as they are.
    line = CONTROL.sub(lambda c: f"\\u{ord(c[0]):04x}", json.dumps(item, ensure_ascii=False))
    # A lone half of a surrogate pair, which JSON may hold, has no UTF-8; its escape has.
    handle.write(line.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")


def parse_object(line: str, where: str) -> dict[str, Any]:
    """Return the object of a line.

    Raises
    ------
    InputError
        Beginning with `where`, if the line is no JSON object.
    """
    try:
        item = json.loads(line)
    except json.JSONDecodeError as error:
        raise no_json(where, error) from None
    except ValueError:  # more than 4300 digits
        raise InputError(f"{where}: a number has too many digits") from None
    except RecursionError:
        raise InputError(f"{where}: lists or objects are nested too deep") from None
    if not isinstance(item, dict):
        raise InputError(f"{where}: is not a JSON object; write {{...}} in each line")
    return item


def _sentence(
    item: dict[str, Any],
    number: int,
    where: str,
    split: Callable[[str], tuple[list[str], list[tuple[int, int]]]],
) -> Sentence:
    # The benchmark GLUE and others call a text "sentence"; beside tokens that is often a number.
    key = "sentence" if item.get("text") is None and item.get("tokens") is None else "text"
    text = item.get(key)
    if text is not None and not isinstance(text, str):
        raise InputError(f'{where}: "{key}" is not a string')
    tokens = _strings(item, "tokens", where)
    offsets: Sequence[tuple[int, int]] | None = None
    if tokens is not None:
        offsets = None if text is None else _align(tokens, text, where)
    elif text is not None:
        tokens, offsets = split(text)
    else:
        raise InputError(
            f'{where}: the object has neither "text" (or "sentence") nor "tokens"; give one of them'
        )
    tags = _strings(item, "tags", where)
    if tags is not None and len(tags) != len(tokens):
        raise InputError(f"{where}: has {len(tags)} tags for {len(tokens)} tokens")
    return Sentence(
        tuple(tokens),
        tags=None if tags is None else tuple(tags),
        id="" if item.get("id") is None else str(item["id"]),
        text=text,
        offsets=None if offsets is None else tuple(offsets),
        source=item,
        line=number,
    )


def _strings(item: dict[str, Any], key: str, where: str) -> list[str] | None:
    values = item.get(key)
    if values is None:
        return None
    if not isinstance(values, list) or not all(isinstance(v, str) and v for v in values):
        raise InputError(f'{where}: "{key}" is not a list of strings, none of them empty')
    return values


def _align(tokens: list[str], text: str, where: str) -> list[tuple[int, int]]:
    offsets = []
    end = 0
    for token in tokens:
        start = text.find(token, end)
        if start < 0:
            raise InputError(
                f"{where}: the token {token!r} is not in the text after character {end}; fix it, "
                "or leave text or tokens out"
            )
        end = start + len(token)
        offsets.append((start, end))
    return offsets


def _item(sentence: Sentence) -> dict[str, Any]:
    if isinstance(sentence.source, dict):
        return dict(sentence.source)
    item: dict[str, Any] = {"id": sentence.id} if sentence.id else {}
    if isinstance(sentence.source, str):  # of a protein, the residues
        item["sequence"] = "".join(sentence.tokens)
    elif sentence.text is None:
        item["tokens"] = sentence.tokens
    else:
        item["text"] = sentence.text
    return item


def _spans(sentence: Sentence, entities: Iterable[Entity]) -> list[dict[str, Any]]:
    spans = []
    for entity in entities:
        start, end = entity.start, entity.end
        if sentence.text is not None and sentence.offsets is not None:
            start, end = sentence.offsets[start][0], sentence.offsets[end - 1][1]
            word = sentence.text[start:end]
        else:
            between = "" if isinstance(sentence.source, str) else " "
            word = between.join(sentence.tokens[start:end])
        spans.append(
            {
                "entity_group": entity.type,
                "score": round(float(entity.score), 6),
                "word": word,
                "start": start,
                "end": end,
            }
        )
    return spans

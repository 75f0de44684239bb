"""Files of annotation tools as tagged sentences: marks on characters become tags of tokens."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dnatag.errors import InputError
from dnatag.formats.io.reading import Source, display_name
from dnatag.formats.registry import find_format
from dnatag.formats.text.documents import Document, Mark, Split
from dnatag.formats.text.lines import tokenize
from dnatag.formats.text.tokens import Sentence, Span
from dnatag.report import Observer, counted
from dnatag.tasks.tagging import schemes

__all__ = ["SCHEME", "read_annotated", "read_documents", "same_tokens"]

#: Scheme of the tags that marks become.
SCHEME = "BIO"


def read_documents(
    source: Source, kind: str, encoding: str, *, predictions: bool = False
) -> list[Document]:
    """Read a file or folder of an annotation tool.

    Parameters
    ----------
    source
        What to read.
    kind
        Its format, one of ``DOCUMENTS``.
    encoding
        Name of the character encoding.
    predictions
        Whether what a model has marked counts too.
    """
    models = kind in ("label-studio", "doccano")
    more: dict[str, Any] = {"predictions": predictions} if models else {}
    return list(find_format(kind).read(source, encoding, **more))


def read_annotated(
    source: Source, kind: str, encoding: str, split: Split, observer: Observer
) -> list[Sentence]:
    """Read annotated texts to train on or to test with, tokens and tags.

    Parameters
    ----------
    source, kind, encoding
        As for :func:`read_documents`.
    split
        How the model splits raw text. A mark that ends within a token gets the whole token.
    observer
        Receives notes on what cannot be tagged as it is marked.

    Returns
    -------
    list of Sentence
        Those that have tokens, with tags in ``SCHEME``.

    Raises
    ------
    InputError
        If it cannot be read, or no text is annotated.
    """
    name, found = display_name(source), _Faults()
    documents = read_documents(source, kind, encoding)
    annotated = [document for document in documents if document.marks is not None]
    if not annotated:
        raise InputError(f"{name}: has no annotated text")
    if len(annotated) < len(documents):
        observer.note(
            f"{name}: not annotated, left out: {counted(len(documents) - len(annotated), 'texts')}"
        )
    result = [_tagged(document, document.split(split), found) for document in annotated]
    for line in found.lines(name):
        observer.note(line)
    return [sentence for sentence in result if sentence.tokens]


def same_tokens(
    reference: tuple[str, Sequence[Document]],
    predictions: Sequence[tuple[str, Sequence[Document]]],
    observer: Observer,
) -> list[list[Sentence]]:
    """Split texts that were annotated more than once so that every mark ends where a token does.

    Parameters
    ----------
    reference
        Name and documents of the truth; those that are not annotated do not count.
    predictions
        Those of each prediction. Texts are found by what they say, in any order.
    observer
        Receives notes on marks that overlap, and on texts that the reference does not have.

    Returns
    -------
    list of list of Sentence
        Of the reference and of each prediction, with tags in ``SCHEME``.

    Raises
    ------
    InputError
        If a text of the reference is missing in a prediction.
    """
    truth = [document for document in reference[1] if document.marks is not None]
    if not truth:
        raise InputError(f"{reference[0]}: has no annotated text")
    columns = [truth, *(_matched(truth, reference[0], *one) for one in predictions)]
    known = {document.text.rstrip() for document in reference[1]}
    for name, documents in predictions:
        if more := sum(document.text.rstrip() not in known for document in documents):
            observer.note(
                f"warning: {name}: {counted(more, 'texts')} that {reference[0]} does not have, "
                "left out"
            )
    result: list[list[Sentence]] = [[] for _ in columns]
    faults = [_Faults() for _ in columns]
    for row in zip(*columns, strict=True):
        cuts = {place for one in row for mark in one.marks or () for place in mark[:2]}
        offsets = tuple(_cut(tokenize(row[0].text)[1], sorted(cuts)))
        if not offsets:
            continue
        for number, one in enumerate(row):
            sentence = replace(one, text=row[0].text, offsets=offsets).split(None)
            result[number].append(_tagged(one, sentence, faults[number]))
    for (name, _), found in zip([reference, *predictions], faults, strict=True):
        for line in found.lines(name):
            observer.note(line)
    return result


def _matched(
    truth: Sequence[Document], reference: str, name: str, documents: Sequence[Document]
) -> list[Document]:
    """Return the documents with the texts of the truth, in its order."""
    by_text: dict[str, list[Document]] = {}
    for document in reversed(documents):
        by_text.setdefault(document.text.rstrip(), []).append(document)
    found = []
    for document in truth:
        same = by_text.get(document.text.rstrip())
        if not same:
            which = document.id or f"no. {document.line}"
            raise InputError(
                f"{name}: lacks the text {which} of {reference}; compare files of the same texts"
            )
        found.append(same.pop())
    return found


def _cut(offsets: Iterable[tuple[int, int]], cuts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield tokens, cut at some places."""
    for start, end in offsets:
        within = cuts[bisect_right(cuts, start) : bisect_left(cuts, end)]
        yield from zip((start, *within), (*within, end), strict=True)


@dataclass
class _Faults:
    """What cannot be tagged as it is marked."""

    marks: int = 0
    overlapping: int = 0
    widened: int = 0
    first: str = ""
    blank: int = 0

    def lines(self, name: str) -> Iterator[str]:
        """Yield warnings."""
        if self.overlapping:
            yield (
                f"warning: {name}: {self.overlapping} of {self.marks} spans overlap longer ones, "
                "left out"
            )
        if self.widened:
            yield (
                f"warning: {name}: {self.widened} of {self.marks} spans begin or end within a "
                f"token, and get the whole token; the first: {self.first}; perhaps another "
                "'tokens' in [network] fits better"
            )
        if self.blank:
            yield f"warning: {name}: {counted(self.blank, 'spans')} of white space alone, left out"


def _tagged(document: Document, sentence: Sentence, faults: _Faults) -> Sentence:
    """Tag the tokens of marks; of those that overlap the longest is kept."""
    offsets = sentence.offsets or ()
    starts, ends = [a for a, _ in offsets], [b for _, b in offsets]
    taken: list[bool] = [False] * len(offsets)
    spans = []
    for mark in sorted(document.marks or (), key=lambda m: (m.start - m.end, m)):
        first, last = bisect_right(ends, mark.start), bisect_left(starts, mark.end)
        if first == last:
            faults.blank += 1
            continue
        faults.marks += 1
        if any(taken[first:last]):
            faults.overlapping += 1
            continue
        taken[first:last] = [True] * (last - first)
        spans.append(Span(first, last, mark.type))
        if starts[first] < mark.start or ends[last - 1] > mark.end:
            faults.widened += 1
            faults.first = faults.first or _shown(document, mark)
    return replace(sentence, tags=tuple(schemes.tags(spans, len(offsets), SCHEME)))


def _shown(document: Document, mark: Mark) -> str:
    where = f" in {document.id}" if document.id else ""
    return f"{document.text[mark.start : mark.end]!r}{where}, at {mark.start} to {mark.end}"

"""spaCy's DocBin: documents with tokens and entities, written and read by spaCy itself."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from dnatag.errors import InputError
from dnatag.extras import require
from dnatag.formats.io.limits import limits
from dnatag.formats.io.reading import Source, display_name, open_bytes, read_whole
from dnatag.formats.text.documents import Document, Mark, check_length
from dnatag.formats.text.tokens import Entity, Sentence

__all__ = ["DocBinWriter", "read_docbin"]

#: What is written of a token.
ATTRIBUTES = ("ORTH", "SPACY", "ENT_IOB", "ENT_TYPE")
#: Bytes that are unpacked at a time.
_STEP = 1 << 20


def read_docbin(path: Source, encoding: str = "utf-8") -> Iterator[Document]:
    """Read the documents of a ``.spacy`` file.

    Parameters
    ----------
    path
        The file, or "-" for standard input.
    encoding
        Of no use: the file is UTF-8.

    Yields
    ------
    Document
        With its tokens but white space; not annotated if no entities were ever set.

    Raises
    ------
    DnatagError
        If spaCy is not installed.
    InputError
        If it cannot read the file, or it grows beyond measure.
    """
    spacy, name = require("spacy", "spacy", "a DocBin"), display_name(path)
    with open_bytes(path) as stream:
        data = read_whole(stream)
    _refuse_bomb(name, data)
    try:
        docs = spacy.tokens.DocBin().from_bytes(data).get_docs(spacy.vocab.Vocab())
        documents = [_document(doc, number) for number, doc in enumerate(docs, 1)]
    except Exception as error:  # what spaCy raises depends on where the file is damaged
        raise InputError(f"{name}: spaCy cannot read it: {error}") from None
    for document in documents:
        check_length(document.text, f"{name}: document {document.line}")
    yield from documents


def _document(doc: Any, number: int) -> Document:
    offsets = [(t.idx, t.idx + len(t.text)) for t in doc if t.text.strip()]
    marks = tuple(Mark(e.start_char, e.end_char, e.label_) for e in doc.ents)
    annotated = doc.has_annotation("ENT_IOB")
    return Document(doc.text, marks if annotated else None, "", number, tuple(offsets))


def _refuse_bomb(name: str, data: bytes) -> None:
    """Refuse packed data that spaCy would unpack to more than it should hold in memory."""
    bounds, unpacker, size = limits(), zlib.decompressobj(), 0
    try:
        while data and not unpacker.eof:
            size += len(unpacker.decompress(data, _STEP))
            data = unpacker.unconsumed_tail
            if size > bounds.whole:
                raise bounds.error(name, f"the documents take more than {bounds.whole:,} bytes")
    except zlib.error:
        raise InputError(f"{name}: the documents are corrupt; copy the file again") from None


class DocBinWriter:
    """Collects documents, and writes them at the end.

    Parameters
    ----------
    handle
        Where to write.

    Raises
    ------
    DnatagError
        If spaCy is not installed.
    """

    def __init__(self, handle: TextIO) -> None:
        spacy = require("spacy", "spacy", "a DocBin")
        self._handle = handle
        self._doc = spacy.tokens.Doc
        self._vocab = spacy.vocab.Vocab()
        self._docs = spacy.tokens.DocBin(attrs=ATTRIBUTES)

    def add(self, sentence: Sentence, entities: Iterable[Entity]) -> None:
        """Take a sentence as a document."""
        text, offsets = sentence.located()
        words, spaces = _words(text, offsets)
        doc = self._doc(self._vocab, words=words, spaces=spaces)
        doc.ents = [
            doc.char_span(offsets[e.start][0], offsets[e.end - 1][1], label=e.type)
            for e in entities
        ]
        self._docs.add(doc)

    def finish(self) -> None:
        """Write all documents."""
        self._handle.buffer.write(self._docs.to_bytes())


def _words(text: str, offsets: Iterable[tuple[int, int]]) -> tuple[list[str], list[bool]]:
    """Return words that give the text when joined, and whether a space follows each.

    As in spaCy, other white space between tokens is a word by itself.
    """
    words: list[str] = []
    spaces: list[bool] = []
    before = 0
    for start, end in (*offsets, (len(text), len(text))):
        gap = text[before:start]
        if words and gap.startswith(" "):
            spaces[-1], gap = True, gap[1:]
        for word in (gap, text[start:end]):
            if word:
                words.append(word)
                spaces.append(False)
        before = end
    return words, spaces

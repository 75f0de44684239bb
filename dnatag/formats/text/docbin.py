"""spaCy's DocBin: documents with tokens and entities, written and read by spaCy itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from dnatag.errors import DnatagError, InputError
from dnatag.formats.io.reading import Source, display_name, open_bytes
from dnatag.formats.text.documents import Document, Mark
from dnatag.formats.text.tokens import Entity, Sentence

__all__ = ["DocBinWriter", "read_docbin"]


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
        If it cannot read the file.
    """
    spacy = _spacy()
    with open_bytes(path) as stream:
        data = stream.read()
    try:
        docs = list(spacy.tokens.DocBin().from_bytes(data).get_docs(spacy.blank("xx").vocab))
    except Exception as error:  # what spaCy raises depends on where the file is damaged
        raise InputError(f"{display_name(path)}: spaCy cannot read it: {error}") from None
    for number, doc in enumerate(docs, 1):
        offsets = [(t.idx, t.idx + len(t.text)) for t in doc if t.text.strip()]
        marks = tuple(Mark(e.start_char, e.end_char, e.label_) for e in doc.ents)
        annotated = doc.has_annotation("ENT_IOB")
        yield Document(doc.text, marks if annotated else None, "", number, tuple(offsets))


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
        spacy = _spacy()
        self._handle = handle
        self._doc = spacy.tokens.Doc
        self._vocab = spacy.vocab.Vocab()
        self._docs = spacy.tokens.DocBin(attrs=["ORTH", "SPACY", "ENT_IOB", "ENT_TYPE"])

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


def _spacy() -> Any:
    try:
        import spacy
        import spacy.tokens
        import spacy.vocab
    except ImportError:
        raise DnatagError(
            "DocBin needs spaCy, which is not installed; install it with: "
            "pip install 'dnatag[spacy]'"
        ) from None
    return spacy

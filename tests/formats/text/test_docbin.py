"""DocBin, where spaCy is installed: it reads what is written, and its own files are read."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.errors import InputError
from dnatag.formats.registry import DOCUMENTS, TEXTS, recognise
from dnatag.formats.text.docbin import DocBinWriter, read_docbin
from dnatag.formats.text.documents import Mark
from dnatag.formats.text.lines import tokenize
from dnatag.formats.text.tokens import Entity, Sentence

spacy = pytest.importorskip("spacy")


class Binary(io.StringIO):
    """Text that has bytes below, as files do."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = io.BytesIO()


def written(*pairs: tuple[Sentence, list[Entity]]) -> bytes:
    handle = Binary()
    writer = DocBinWriter(handle)
    for sentence, entities in pairs:
        writer.add(sentence, entities)
    writer.finish()
    return handle.buffer.getvalue()


def test_spacys_own(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    docs = [nlp("Dr.  Ada\nLovelace didn't come."), nlp("Nothing here.")]
    docs[0].ents = [docs[0].char_span(5, 17, label="PER")]
    path = tmp_path / "x.spacy"
    spacy.tokens.DocBin(docs=docs).to_disk(path)
    stream, format = recognise(path, (*TEXTS, *DOCUMENTS), "text is wanted")
    assert format.name == "docbin"
    first, second = read_docbin(stream)
    assert first.marks == (Mark(5, 17, "PER"),)
    words = [first.text[a:b] for a, b in first.offsets or ()]
    assert words == ["Dr.", "Ada", "Lovelace", "did", "n't", "come", "."]
    assert second.marks is None


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.data())
def test_spacy_reads_what_is_written(text: str, data: Any) -> None:
    tokens, offsets = tokenize(text)
    entities, expected = [], []
    if tokens:
        start = data.draw(st.integers(0, len(tokens) - 1))
        end = data.draw(st.integers(start + 1, len(tokens)))
        entities = [Entity("X", start, end, 0.5)]
        expected = [(offsets[start][0], offsets[end - 1][1], "X")]
    content = written((Sentence(tuple(tokens), text=text, offsets=tuple(offsets)), entities))
    (doc,) = spacy.tokens.DocBin().from_bytes(content).get_docs(spacy.blank("en").vocab)
    assert doc.text == text
    assert [(e.start_char, e.end_char, e.label_) for e in doc.ents] == expected


def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "x.spacy"
    path.write_bytes(written((Sentence(("a",)), []))[:-4])
    with pytest.raises(InputError, match=r"x.spacy: spaCy cannot read it: "):
        list(read_docbin(path))
    # A type of entity that is not among the file's own words.
    content = zlib.decompress(written((Sentence(("a", "b")), [Entity("Disease", 0, 1, 0.5)])))
    path.write_bytes(zlib.compress(content.replace(b"Disease", b"Xisease")))
    with pytest.raises(InputError, match=r"x.spacy: spaCy cannot read it: "):
        list(read_docbin(path))
    path.write_bytes(b"\x78\x9c no more than the beginning")
    with pytest.raises(InputError, match=r"x.spacy: the documents are corrupt"):
        list(read_docbin(path))


def test_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "x.spacy"
    path.write_bytes(zlib.compress(b"\x86\xa7version\xa30.1\xa5attrs" + bytes(300_000_000), 1))
    with pytest.raises(InputError, match=r"the documents take more than .* DNATAG_LIMITS=10"):
        list(read_docbin(path))

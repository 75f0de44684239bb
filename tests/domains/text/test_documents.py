"""Marks on characters as tags of tokens: to train on, and to compare."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dnatag.domains.text.documents import read_annotated, same_tokens
from dnatag.domains.text.domain import DOMAIN
from dnatag.domains.text.settings import TextCorpus, TextNetwork
from dnatag.errors import InputError
from dnatag.formats.text.documents import Document, Mark
from dnatag.formats.text.tokenizers import TOKENIZERS
from dnatag.report import SILENT

from ...conftest import Notes

TEXT = "The low-dose of 5mg aspirin failed."


def doccano(path: Path, *items: dict[str, object]) -> Path:
    path.write_text("\n".join(map(json.dumps, items)))
    return path


def test_marks_become_tags(tmp_path: Path) -> None:
    notes = Notes()
    label = [[4, 12, "DOSE"], [4, 7, "PART"], [16, 17, "NUM"], [19, 27, "DRUG"], [27, 28, "GAP"]]
    path = doccano(tmp_path / "x.jsonl", {"text": TEXT, "label": label}, {"text": "Not read."})
    with path.open("rb") as stream:
        (one,) = read_annotated(stream, "doccano", "utf-8", TOKENIZERS["words"], notes)
    assert dict(zip(one.tokens, one.tags or (), strict=True)) == {
        "The": "O", "low": "B-DOSE", "-": "I-DOSE", "dose": "I-DOSE", "of": "O", "5mg": "B-NUM",
        "aspirin": "B-DRUG", "failed": "O", ".": "O",
    }  # fmt: skip
    left_out, overlapping, widened, blank = (line.removeprefix(f"{path}") for line in notes.lines)
    assert "not annotated, left out: 1 text" in left_out
    assert "1 span of white space alone, left out" in blank
    assert "1 of 4 spans overlap longer ones" in overlapping
    assert "1 of 4 spans begin or end within a token" in widened
    assert "the first: '5', at 16 to 17" in widened


def test_a_corpus_of_several_tools(tmp_path: Path) -> None:
    brat = tmp_path / "brat"
    brat.mkdir()
    (brat / "a.txt").write_text(TEXT)
    (brat / "a.ann").write_text("T1\tDRUG 20 27\taspirin\n")
    columns = tmp_path / "x.conll"
    columns.write_text("Ada B-PER\nran O\n")
    path = doccano(tmp_path / "x.jsonl", {"text": "Ada ran.", "label": [[0, 3, "PER"]]})
    (read,), labelling = DOMAIN.read(
        [TextCorpus(train=(brat, columns, path), validate=(brat,))], TextNetwork()
    )
    assert [s.tags for s in read.splits["train"]] == [
        ("O",) * 6 + ("B-DRUG", "O", "O"),
        ("B-PER", "O"),
        ("B-PER", "O", "O"),
    ]
    assert labelling.labels == ("O", "DRUG", "PER")
    assert read.files["train"] == ["brat", "x.conll", "x.jsonl"]


def test_what_nobody_annotated_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    with pytest.raises(InputError, match="has no annotated text"):
        DOMAIN.read([TextCorpus(train=(tmp_path,))], TextNetwork())


def test_the_same_tokens() -> None:
    truth = [Document("5mg of it", (Mark(0, 1, "NUM"),), "a"), Document("no", None, "c"),
             Document("it", (), "b")]  # fmt: skip
    found = [
        Document("it\n", (Mark(0, 2, "X"),), "1"),
        Document("5mg of it", (Mark(1, 9, "U"),), "2"),
    ]
    one, other = same_tokens(("truth", truth), [("found", found)], SILENT)
    assert [s.tokens for s in one] == [s.tokens for s in other]
    assert [s.tokens for s in one] == [("5", "mg", "of", "it"), ("it",)]
    assert [s.tags for s in one] == [("B-NUM", "O", "O", "O"), ("O",)]
    assert [s.tags for s in other] == [("O", "B-U", "I-U", "I-U"), ("B-X",)]


def test_what_is_left_out_is_counted() -> None:
    notes = Notes()
    truth = [Document("a b", (Mark(1, 2, "X"),))]
    same_tokens(("truth", truth), [("found", [*truth, Document("c", ())])], notes)
    assert notes.lines == [
        "warning: found: 1 text that truth does not have, left out",
        "warning: truth: 1 span of white space alone, left out",
        "warning: found: 1 span of white space alone, left out",
    ]


def test_texts_that_are_not_there() -> None:
    truth = [Document("a", (), "x"), Document("a", (), "y")]
    with pytest.raises(InputError, match="found: lacks the text y of truth"):
        same_tokens(("truth", truth), [("found", truth[:1])], SILENT)
    with pytest.raises(InputError, match="truth: has no annotated text"):
        same_tokens(("truth", []), [], SILENT)

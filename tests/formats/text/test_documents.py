"""Files of annotation tools: as their documentation has them, and as they are written."""

from __future__ import annotations

import io
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.errors import DnatagError, InputError
from dnatag.formats.registry import DOCUMENTS, TEXTS, recognise, recognise_source
from dnatag.formats.text.brat import BratWriter, read_brat
from dnatag.formats.text.docbin import read_docbin
from dnatag.formats.text.doccano import read_doccano, write_doccano
from dnatag.formats.text.documents import Document, Mark
from dnatag.formats.text.jsonl import write_jsonl
from dnatag.formats.text.label_studio import LabelStudioWriter, read_label_studio
from dnatag.formats.text.lines import tokenize
from dnatag.formats.text.tokens import Entity, Sentence

#: From brat's documentation of its standoff format.
BRAT = (
    "T1\tOrganization 0 4\tSony\nT2\tMERGE-ORG 14 27\tjoint venture\n"
    "T3\tOrganization 33 41\tEricsson\n"
)
BRAT_MORE = (
    "E1\tMERGE-ORG:T2 Org1:T1 Org2:T3\n*\tEquiv T1 T3\nA1\tNegation E1\n#1\tAnnotatorNotes T1\tx\n"
)
SONY = "Sony forged a joint venture with Ericsson."
#: As Label Studio exports tasks.
TASK: dict[str, Any] = {
    "id": 7,
    "annotations": [
        {"id": 1, "was_cancelled": False, "result": [
            {"value": {"start": 33, "end": 41, "text": "Ericsson", "labels": ["ORG"]},
             "id": "gew3", "from_name": "label", "to_name": "text", "type": "labels"},
            {"value": {"choices": ["news"]}, "from_name": "kind", "to_name": "text",
             "type": "choices"}]},
        {"id": 2, "was_cancelled": True, "result": []},
    ],
    "predictions": [{"result": [
        {"value": {"start": 0, "end": 4, "text": "Sony", "labels": ["ORG"]}, "from_name": "label",
         "to_name": "text", "type": "labels"}]}],
    "data": {"text": SONY},
}  # fmt: skip
UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def studio(tmp_path: Path, *tasks: Any) -> Path:
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(tasks))
    return path


def sentence_of(text: str, **more: Any) -> Sentence:
    tokens, offsets = tokenize(text)
    return Sentence(tuple(tokens), text=text, offsets=tuple(offsets), **more)


def test_brat(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text(SONY)
    (tmp_path / "b.ann").write_text("\ufeff" + BRAT + "\n" + BRAT_MORE, "utf-8")
    (tmp_path / "a.txt").write_text("Nobody has read this.")
    (tmp_path / "c.txt").write_bytes(b"North and\r\nSouth America")
    (tmp_path / "c.ann").write_text(
        "T1\tLOC 0 5;17 24\tNorth America\nT2\tLOC 11 24\tSouth America\n"
    )
    a, b, c = read_brat(tmp_path)
    assert (a.id, a.marks) == ("a", None)
    assert b == Document(
        SONY,
        (Mark(0, 4, "Organization"), Mark(14, 27, "MERGE-ORG"), Mark(33, 41, "Organization")),
        "b",
    )
    assert c.marks == (Mark(0, 24, "LOC"), Mark(11, 24, "LOC"))


def test_brat_without_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(SONY)
    (tmp_path / "b.ann").write_text("T1\tORG 0 4\tSony\n")
    with pytest.raises(InputError, match=r"b\.ann: has no text: there is no b\.txt beside it"):
        list(read_brat(tmp_path))


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ("T1\tORG 1 4\tSony", "a.ann: line 1: has 'Sony' where the text has 'ony'"),
        ("T1\tORG 90 95\t", "the span from 90 to 95 is no part of the text, which has 42"),
        ("T1 ORG 0 4 Sony", "is no annotation of text"),
        ("Sony is a company", "is no annotation of text"),
        ("T1\tORG 0 " + 5000 * "9" + "\tSony", "is no annotation of text"),
    ],
)
def test_brat_that_does_not_fit(tmp_path: Path, line: str, reported: str) -> None:
    (tmp_path / "a.txt").write_text(SONY)
    (tmp_path / "a.ann").write_text(line + "\n")
    with pytest.raises(InputError, match=r"a\.ann: line 1: ") as error:
        list(read_brat(tmp_path))
    assert reported in str(error.value)


@settings(deadline=None)
@given(st.lists(UNICODE, min_size=1, max_size=4), st.data())
def test_brat_reads_what_it_writes(tmp_path_factory: Any, texts: list[str], data: Any) -> None:
    folder = tmp_path_factory.mktemp("brat")
    writer, expected = BratWriter(folder, "all"), []
    for number, text in enumerate(texts):
        sentence = sentence_of(text, id=f"doc {number}/x")
        entities = []
        if sentence.tokens:
            start = data.draw(st.integers(0, len(sentence) - 1))
            end = data.draw(st.integers(start + 1, len(sentence)))
            entities = [Entity("A b", start, end, 0.5)]
        offsets = sentence.offsets or ()
        marks = tuple(Mark(offsets[e.start][0], offsets[e.end - 1][1], "A_b") for e in entities)
        expected.append(Document(text, marks, f"doc_{number}_x"))
        writer.add(sentence, entities)
    writer.finish()
    assert list(read_brat(folder)) == expected


def test_brat_of_lines(tmp_path: Path) -> None:
    writer = BratWriter(tmp_path, "all")
    for text in ("We met Ada.", "", "Ada left."):
        start = text.split(" ").index(next((w for w in text.split(" ") if "Ada" in w), text))
        writer.add(sentence_of(text), [Entity("PER", start, start + 1, 0.9)] if text else [])
    writer.finish()
    assert (tmp_path / "all.txt").read_text() == "We met Ada.\n\nAda left.\n"
    assert (tmp_path / "all.ann").read_text() == "T1\tPER 7 10\tAda\nT2\tPER 13 16\tAda\n"


def test_brat_refuses_two_texts_of_one_name(tmp_path: Path) -> None:
    writer = BratWriter(tmp_path, "all")
    writer.add(sentence_of("a", id="x/y"), [])
    with pytest.raises(InputError, match="two texts are called x_y"):
        writer.add(sentence_of("b", id="x y"), [])


def test_label_studio(tmp_path: Path) -> None:
    path = studio(tmp_path, TASK, TASK | {"annotations": []})
    first, second = read_label_studio(path)
    assert first == Document(SONY, (Mark(33, 41, "ORG"),), "7", 1)
    assert second.marks is None
    _, second = read_label_studio(path, predictions=True)
    assert second.marks == (Mark(0, 4, "ORG"),)


def test_label_studio_keeps_the_data_of_a_task(tmp_path: Path) -> None:
    own, named = {"page": 3, "id": 12}, {"doc": "a.pdf", "text": SONY, "id": "x"}
    tasks = [TASK | {"data": data} for data in (own | {"article": SONY}, named, {"text": SONY})]
    path = studio(tmp_path, *tasks)
    sentences = [document.split(None) for document in read_label_studio(path)]
    handle = io.StringIO()
    writer = LabelStudioWriter(handle, "m")
    for sentence in sentences:
        writer.add(sentence, [])
    writer.finish()
    kept = [task["data"] for task in json.loads(handle.getvalue())]
    assert kept == [own | {"text": SONY}, named, {"text": SONY, "id": 7}]
    lines = io.StringIO()
    write_jsonl(lines, sentences[0], [])
    assert own.items() <= json.loads(lines.getvalue()).items()


def test_the_ground_truth_counts(tmp_path: Path) -> None:
    truth = {"ground_truth": True, "result": []}
    (one,) = read_label_studio(
        studio(tmp_path, TASK | {"annotations": [truth, *TASK["annotations"]]})
    )
    assert one.marks == ()


def test_label_studio_counts_as_browsers_do(tmp_path: Path) -> None:
    text = "😀😀 Ada met 😀."
    value = {"start": 5, "end": 8, "text": "Ada", "labels": ["PER", "ACE"]}
    task = {"data": {"said": text}, "annotations": [{"result": [{"value": value}]}]}
    (one,) = read_label_studio(studio(tmp_path, task))
    assert one.marks == (Mark(3, 6, "PER"), Mark(3, 6, "ACE"))
    assert [text[m.start : m.end] for m in one.marks] == ["Ada", "Ada"]


@pytest.mark.parametrize(
    ("content", "reported"),
    [
        ('[{"data": {"text": "a"}', "line 1: is not JSON: "),
        ('{"data": {"text": "a"}}', "is no list of tasks"),
        ('[{"data": {"a": "x", "b": "y"}}]', 'task 1: "data" has no "text"'),
        ("[7]", "task 1: is no object"),
        ('[{"data": {"text": "a"}, "annotations": [7]}]', '"annotations" is no list of objects'),
        ("[" * 100_000, "nested too deep"),
        (
            '[{"data": {"text": "a"}, "annotations": [{"result": [{"value": '
            '{"start": 0, "end": 2, "labels": ["X"]}}]}]}]',
            "task 1: the span from 0 to 2 is no part of the text",
        ),
        (
            '[{"data": {"text": "Ada"}, "annotations": [{"result": [{"value": '
            '{"start": 0, "end": 2, "text": "da", "labels": ["X"]}}]}]}]',
            "task 1: a region has 'da' where the text has 'Ad'",
        ),
        (
            '[{"data": {"text": "Ada"}, "annotations": [{"result": [{"type": "labels", "value": '
            '{"start": 0, "end": 2, "text": "Ad", "labels": []}}]}]}]',
            "task 1: a region has no label; give it one",
        ),
        (
            '[{"data": {"text": "<p>Ada</p>"}, "annotations": [{"result": [{"value": {"start": '
            '"/p[1]/text()[1]", "end": "/p[1]/text()[1]", "hypertextlabels": ["X"]}, "type": '
            '"hypertextlabels"}]}]}]',
            'task 1: regions of the type "hypertextlabels" are not read',
        ),
        ('[{"data": {"text": "a}]', "Unterminated string starting at column"),
        (b"[\xff]", "is not utf-8; name the encoding"),
    ],
)
def test_bad_label_studio(tmp_path: Path, content: str | bytes, reported: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as error:
        list(read_label_studio(path))
    assert str(error.value).startswith(f"{path}: ")
    assert reported in str(error.value)


def test_long_texts_and_large_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts of 20 characters and files of 2,000 bytes are the limit here."""
    monkeypatch.setenv("DNATAG_LIMITS", "0.00002")
    long, note = "a" * 21, "T1\tX 0 1\ta\n"

    def refusal(documents: Iterator[Document]) -> str:
        with pytest.raises(InputError, match="set DNATAG_LIMITS=10 to raise") as error:
            list(documents)
        return str(error.value)

    path = studio(tmp_path, {"data": {"text": long}})
    assert refusal(read_label_studio(path)).startswith(
        f"{path}: task 1: the text has more than 20 "
    )
    path = studio(tmp_path, *[{"data": {"text": "a"}}] * 100)
    assert refusal(read_label_studio(path)).startswith(f"{path}: has more than 2,000 bytes")
    text, notes = tmp_path / "brat" / "a.txt", tmp_path / "brat" / "a.ann"
    text.parent.mkdir()
    text.write_text(long)
    assert refusal(read_brat(text.parent)).startswith(f"{text}: the text has more than")
    text.write_text("a")
    notes.write_text(note * 200)
    assert refusal(read_brat(text.parent)).startswith(f"{notes}: has more than 2,000 bytes")
    notes.write_text(note * 100)
    assert len(next(read_brat(text.parent)).marks or ()) == 100


def test_label_studio_reads_what_it_writes(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with path.open("w") as handle:
        writer = LabelStudioWriter(handle, "toy")
        writer.add(sentence_of(SONY, id="s"), [Entity("ORG", 0, 1, 0.5), Entity("ORG", 6, 7, 0.75)])
        writer.add(Sentence(("\ud800",)), [])
        writer.finish()
    (prediction,) = json.loads(path.read_text())[0]["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("toy", 0.625)
    assert prediction["result"][0]["score"] == 0.5
    one, other = read_label_studio(path, predictions=True)
    assert (one.text, one.marks) == (SONY, (Mark(0, 4, "ORG"), Mark(33, 41, "ORG")))
    assert (other.text, other.marks) == ("\ud800", ())


def test_doccano(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    items = [
        {"id": 3, "text": SONY, "label": [[0, 4, "ORG"]], "Comments": []},
        {"text": SONY, "labels": []},
        {"text": SONY,
         "entities": [{"id": 1, "label": "ORG", "start_offset": 33, "end_offset": 41}],
         "relations": [{"id": 5, "from_id": 1, "to_id": 1, "type": "is"}]},
        {"text": SONY},
    ]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, items)))
    documents = list(read_doccano(path))
    assert [d.marks for d in documents] == [
        (Mark(0, 4, "ORG"),), (), (Mark(33, 41, "ORG"),), None
    ]  # fmt: skip
    assert documents[0].id == "3"
    handle = io.StringIO()
    for document in documents:
        write_doccano(handle, document.split(None), [Entity("X", 0, 1, 0.9)])
    first, _, third, _ = map(json.loads, handle.getvalue().splitlines())
    assert first == {"id": 3, "Comments": [], "text": SONY, "label": [[0, 4, "X"]]}
    assert third == {"text": SONY, "label": [[0, 4, "X"]]}


@pytest.mark.parametrize(
    ("item", "reported"),
    [
        ({"label": [[0, 1, "X"]]}, 'has no "text"'),
        ({"text": "a", "label": "X"}, '"label" is no list of spans'),
        ({"text": "a", "label": ["X"]}, "a span is written as [start, end, type], not 'X'"),
        ({"text": "a", "label": [[0, True, "X"]]}, "the span from 0 to True is no part"),
        ({"text": "a", "label": [[0, 1, 5]]}, "the type of a span is no string: 5"),
    ],
)
def test_bad_doccano(tmp_path: Path, item: Any, reported: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("\n" + json.dumps(item))
    with pytest.raises(InputError) as error:
        list(read_doccano(path))
    assert str(error.value).startswith(f"{path}: line 2: ")
    assert reported in str(error.value)


DOCBIN = zlib.compress(b"\x85\xa7version\xa50.1.0\xa5attrs\x90" + bytes(80))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (json.dumps({"text": "a", "label": [[0, 1, "X"]]}), "doccano"),
        ('{"text": "a"}\n{"text": "b", "labels": [[0, 1, "X"]]}', "doccano"),
        (json.dumps({"text": "a", "label": []}), "doccano"),
        (json.dumps({"text": "a", "label": [["0", -1, None]]}), "doccano"),
        (json.dumps({"text": 'a "label": [[0, 1, "X"]]'}), "jsonl"),
        (json.dumps({"text": "a", "label": "good"}), "jsonl"),
        (json.dumps([TASK]), "label-studio"),
        (json.dumps([TASK], indent=2), "label-studio"),
        (DOCBIN, "docbin"),
    ],
)  # fmt: skip
def test_they_are_recognised(tmp_path: Path, content: str | bytes, name: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    stream, format = recognise(path, (*TEXTS, *DOCUMENTS), "text is wanted")
    stream.close()
    assert format.name == name


def test_what_else_they_are(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(json.dumps({"text": "a", "label": [[0, 1, "X"]]}))
    stream, format = recognise(path, TEXTS, "text is wanted")
    stream.close()
    assert format.name == "jsonl"
    path.write_text(BRAT)
    with pytest.raises(InputError, match="annotations of brat's; name the folder that holds them"):
        recognise(path, (*TEXTS, *DOCUMENTS), "text is wanted")
    with pytest.raises(InputError, match=r"is a folder without texts \(.txt\), as brat has them"):
        recognise_source(tmp_path, DOCUMENTS, "text is wanted")
    with pytest.raises(InputError, match="is a folder; text is wanted"):
        recognise_source(tmp_path, TEXTS, "text is wanted")
    (tmp_path / "a.txt").write_text(SONY)
    assert recognise_source(tmp_path, DOCUMENTS, "text is wanted")[1].name == "brat"


def test_spacy_is_named_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(DnatagError, match=r"needs spacy, .* pip install 'dnatag\[spacy\]'"):
        list(read_docbin(tmp_path / "x.spacy"))

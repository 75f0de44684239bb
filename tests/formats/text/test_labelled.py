"""Texts with labels, in all their formats."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dnatag.errors import InputError
from dnatag.formats.registry import recognise
from dnatag.formats.text import labelled
from dnatag.formats.text.labelled import LabelledText

TREE = "(3 (2 It) (4 (4 (2 's) (3 (3 lovely) (2 film))) (2 .)))"


def write(folder: Path, text: str) -> Path:
    path = folder / "file"
    path.write_text(text, encoding="utf-8")
    return path


def pairs(texts: object) -> list[tuple[str, str | None]]:
    return [(one.text, one.label) for one in texts]  # type: ignore[attr-defined]


def test_fasttext(tmp_path: Path) -> None:
    path = write(
        tmp_path, "__label__pos a lovely film\n__label__neg\nno label here\na __label__x b\n"
    )
    assert pairs(labelled.read_fasttext(path)) == [
        ("a lovely film", "pos"), ("", "neg"), ("no label here", None), ("a b", "x")
    ]  # fmt: skip
    (several,) = labelled.read_fasttext(write(tmp_path, "__label__a __label__b text\n"))
    assert (several.text, several.label, several.labels) == ("text", None, ("a", "b"))
    with pytest.raises(InputError, match="file: line 1: has 2 labels; give one"):
        several.only_label("file")
    (bare,) = labelled.read_fasttext(write(tmp_path, "text\n"))
    with pytest.raises(InputError, match="file: line 1: has no label"):
        bare.only_label("file")


def test_spaces_in_fasttext(tmp_path: Path) -> None:
    """As fastText reads them: any white space ends a label."""
    path = write(tmp_path, "__label__good\tlovely film fun\n__label__x\x0b__label__y\ta\n")
    first, second = labelled.read_fasttext(path)
    assert (first.text, first.label) == ("lovely film fun", "good")
    assert (second.text, second.labels) == ("a", ("x", "y"))
    labelled.check_fasttext(["good", "so-so"])
    for label in ("up and back", "up\tback"):
        with pytest.raises(InputError, match="has a space, and fastText ends labels there"):
            labelled.check_fasttext(["good", label])


@pytest.mark.parametrize(
    ("text", "read"),
    [("label\ttext\npos\tfine\n\tdull\n", labelled.read_texts),
     ('{"text": "fine"}\n\n{"text": "dull", "label": ""}\n', labelled.read_labelled_jsonl),
     ("__label__pos fine\n\n__label__ dull\n", labelled.read_fasttext)],
)  # fmt: skip
def test_an_empty_label_is_none(
    tmp_path: Path, text: str, read: Callable[[Path], Iterator[LabelledText]]
) -> None:
    *_, last = read(write(tmp_path, text))
    assert last.text == "dull"
    with pytest.raises(InputError, match="file: line 3: has no label"):
        last.only_label("file")


@pytest.mark.parametrize(
    "text",
    ["pos\ta lovely film\n\nneg\tdull\n", "sentence\tlabel\na lovely film\tpos\ndull\tneg\n",
     "id\tlabel\tTEXT\n1\tpos\ta lovely film\n2\tneg\tdull\n"],
)  # fmt: skip
def test_tables(tmp_path: Path, text: str) -> None:
    assert pairs(labelled.read_texts(write(tmp_path, text))) == [
        ("a lovely film", "pos"), ("dull", "neg")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [("a\tb\tc\n", "line 1: must name the columns, with tabs between: id, label, sentence, text"),
     ("label\tcomment\npos\tfilm\n", "line 2: there is no column 'text'"),
     ("pos\tfilm\nneg\n", "line 2: has 1 columns, the first line 2")],
)  # fmt: skip
def test_tables_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(labelled.read_texts(write(tmp_path, text)))


def test_ids_of_tables(tmp_path: Path) -> None:
    """They are kept; "id" without a column of texts is a label, Indonesian."""
    (one,) = labelled.read_texts(write(tmp_path, "text\tID\tlabel\nfine\t7\tpos\n"))
    assert (one.label, one.source) == ("pos", {"id": "7", "text": "fine"})
    (one,) = labelled.read_texts(write(tmp_path, "id\tselamat pagi\n"))
    assert (one.label, one.text, one.source) == ("id", "selamat pagi", None)


def test_tokens_and_tags_are_no_table(tmp_path: Path) -> None:
    among = ("lines", "fasttext", "table", "jsonl", "trees")
    for text in ("the\tDT\n\nthe\tDT\ncat\tNN\n", "EU B-ORG\nsays O\nEU B-ORG\n"):
        with pytest.raises(InputError, match="has a token in each line, in columns"):
            recognise(write(tmp_path, text), among, "text")


def test_jsonl(tmp_path: Path) -> None:
    path = write(tmp_path, '{"text": "dull", "label": 0, "id": 7}\n{"tokens": ["so", "so"]}\n')
    first, second = labelled.read_labelled_jsonl(path)
    assert (first.text, first.label, first.source) == (
        "dull", "0", {"text": "dull", "label": 0, "id": 7}
    )  # fmt: skip
    assert (second.text, second.label) == ("so so", None)


@pytest.mark.parametrize("label", ['["a", "b"]', '{"a": 1}'])
def test_a_label_is_one_text(tmp_path: Path, label: str) -> None:
    path = write(tmp_path, f'{{"text": "dull", "label": {label}}}\n')
    with pytest.raises(InputError, match="line 1: the label must be one text or number, and is"):
        list(labelled.read_labelled_jsonl(path))


def test_jsonl_with_sentences(tmp_path: Path) -> None:
    path = write(
        tmp_path, '{"sentence": "dull", "label": "neg"}\n{"sentence": 3, "tokens": ["so"]}\n'
    )
    assert pairs(labelled.read_labelled_jsonl(path)) == [("dull", "neg"), ("so", None)]
    path = write(tmp_path, '{"sentence": 3}\n')
    with pytest.raises(InputError, match='line 1: "sentence" is not a string'):
        list(labelled.read_labelled_jsonl(path))


def test_trees(tmp_path: Path) -> None:
    path = write(tmp_path, f"{TREE}\n\n(0 bad)\n")
    assert list(labelled.read_trees(path)) == [
        LabelledText("It 's lovely film .", "3", line=1),
        LabelledText("bad", "0", line=3),
    ]
    assert pairs(labelled.read_trees(path, phrases=True))[:9] == [
        ("It 's lovely film .", "3"), ("It", "2"), ("'s lovely film .", "4"),
        ("'s lovely film", "4"), ("'s", "2"), ("lovely film", "3"), ("lovely", "3"),
        ("film", "2"), (".", "2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line", ["(3 (2 a) (2 b)", "(3 a))", "a film", "(2 a) (3 b)", "()", "(3 (2 a) b) c"]
)
def test_what_is_no_tree(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match="file: line 2: is no tree"):
        list(labelled.read_trees(write(tmp_path, f"(1 x)\n{line}\n")))


@pytest.mark.parametrize(
    ("text", "name"),
    [("__label__pos a film\n", "fasttext"), (TREE, "trees"), ("(so to speak) it was\n", "lines"),
     ("lovely film __label__pos\n", "fasttext"), ("__labels__ are words\n", "lines"),
     ("pos\ta very lovely film\n", "table"),
     ("Scottish\tReid\nIrish\tBrady\nIrish\tKelly\n", "table"),
     ("Sentence\tLabel\nfine\tpos\ndull\tneg\n", "table"),
     ('{"text": "a"}', "jsonl"), ("a film\n", "lines")],
)  # fmt: skip
def test_they_are_recognised(tmp_path: Path, text: str, name: str) -> None:
    among = ("lines", "fasttext", "table", "jsonl", "trees")
    stream, format = recognise(write(tmp_path, text), among, "text")
    stream.close()
    assert format.name == name


def test_writing() -> None:
    handle = io.StringIO()
    labelled.write_fasttext(handle, {"pos": 0.75, "neg": 0.25})
    assert handle.getvalue() == "__label__pos 0.75 __label__neg 0.25\n"


def test_phrases_that_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNATAG_LIMITS", "0.001")  # 1,000 characters, or words of phrases
    deep = "(1 " * 40 + "x " * 40 + ")" * 40
    path = write(tmp_path, deep)
    assert [one.text for one in labelled.read_trees(path)] == ["x " * 39 + "x"]
    with pytest.raises(InputError, match="line 1: the 40 phrases of a tree have too many words"):
        list(labelled.read_trees(path, phrases=True))

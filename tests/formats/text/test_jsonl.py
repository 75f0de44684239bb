from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.errors import InputError
from dnatag.formats.text.jsonl import read_jsonl, write_jsonl
from dnatag.formats.text.tokens import Entity, Sentence


def read(tmp_path: Path, *lines: Any) -> list[Sentence]:
    path = tmp_path / "x.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return list(read_jsonl(path))


def written(sentence: Sentence, *args: Any) -> Any:
    handle = io.StringIO()
    write_jsonl(handle, sentence, *args)
    line = handle.getvalue()
    assert line.endswith("\n")
    assert line.count("\n") == 1
    return json.loads(line)


def test_text(tmp_path: Path) -> None:
    item = {"doc": {"n": [1]}, "text": "Low-dose  β-blockers.", "id": 7}
    blank, sentence = read(tmp_path, {"text": ""}, "", item)
    assert blank.tokens == ()
    assert sentence.tokens == ("Low", "-", "dose", "β", "-", "blockers", ".")
    assert (sentence.tags, sentence.id, sentence.line) == (None, "7", 3)
    assert written(sentence, [Entity("Drug", 3, 6, 0.98765432)]) == item | {
        "entities": [
            {
                "entity_group": "Drug",
                "score": 0.987654,
                "word": "β-blockers",
                "start": 10,
                "end": 20,
            }
        ]
    }


def test_tokens(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, {"tokens": ["New", "York", "!"], "tags": ["B", "I", "O"]})
    assert (sentence.tokens, sentence.tags) == (("New", "York", "!"), ("B", "I", "O"))
    assert (sentence.text, sentence.offsets, sentence.id) == (None, None, "")
    item = written(sentence, [Entity("LOC", 0, 2, 1.0)])
    assert list(item) == ["tokens", "tags", "entities"]
    assert item["entities"] == [
        {"entity_group": "LOC", "score": 1.0, "word": "New York", "start": 0, "end": 2}
    ]


def test_tokens_of_a_text(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, {"text": "can't\ncan", "tokens": ["ca", "n't", "can"]})
    assert sentence.offsets == ((0, 2), (2, 5), (6, 9))


def test_sentences_of_other_formats() -> None:
    assert written(Sentence(("a", "b"), id="s1"), []) == {
        "id": "s1",
        "tokens": ["a", "b"],
        "entities": [],
    }
    raw = Sentence(("a",), text=" a", offsets=((1, 2),))
    assert written(raw, [Entity("X", 0, 1, 0.5)])["entities"][0]["start"] == 1
    assert "tokens" not in written(raw, [])


def test_alternatives() -> None:
    entity = Entity("X", 1, 2, 0.5)
    item = written(Sentence(("a", "b")), [], [(0.12345678, [entity]), (0.1, [])])
    span = {"entity_group": "X", "score": 0.5, "word": "b", "start": 1, "end": 2}
    assert item["alternatives"] == [
        {"score": 0.123457, "entities": [span]},
        {"score": 0.1, "entities": []},
    ]


def test_proteins() -> None:
    """Places count residues, and the word is a part of the sequence."""
    item = written(Sentence(tuple("MKLV"), id="a", source=">a b"), [Entity("H", 1, 3, 0.5)])
    assert (item["id"], item["sequence"]) == ("a", "MKLV")
    assert item["entities"] == [
        {"entity_group": "H", "score": 0.5, "word": "KL", "start": 1, "end": 3}
    ]


def test_the_object_read_is_left_as_it_is(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, {"text": "a"})
    written(sentence, [])
    assert sentence.source == {"text": "a"}


def test_letters_are_written_as_they_are_and_lone_surrogates_escaped(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, r'{"text": "\u00e9 \ud83d \ud83d\ude00"}')
    with (tmp_path / "y.jsonl").open("w", encoding="utf-8") as handle:
        write_jsonl(handle, sentence, [])
    line = (tmp_path / "y.jsonl").read_text(encoding="utf-8")
    assert line == '{"text": "é \\ud83d 😀", "entities": []}\n'


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"text": "a"', "is not JSON: Expecting ',' delimiter at column 13"),
        ("[]", "is not a JSON object; "),
        ("{}", 'the object has neither "text" (or "sentence") nor "tokens"; '),
        ('{"text": 1}', '"text" is not a string'),
        ('{"tokens": "a b"}', '"tokens" is not a list of strings'),
        ('{"tokens": ["a", ""]}', '"tokens" is not a list of strings, none of them empty'),
        ('{"tokens": ["a"], "tags": [3]}', '"tags" is not a list of strings'),
        ('{"tokens": ["a"], "tags": []}', "has 0 tags for 1 tokens"),
        ('{"text": "a b", "tokens": ["b", "a"]}', "the token 'a' is not in the text after"),
    ],
)
def test_bad_line(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, {"text": "a"}, line)
    text = str(caught.value)
    assert text.startswith(f"{tmp_path}/x.jsonl: line 2: {words}")
    assert "\n" not in text


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_entities_are_where_they_say(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    by_text = st.fixed_dictionaries({"text": st.text(max_size=30)})
    by_tokens = st.fixed_dictionaries({"tokens": st.lists(st.text(min_size=1, max_size=5))})
    item = data.draw(by_text | by_tokens)
    (sentence,) = read(tmp_path_factory.mktemp("jsonl"), item)
    ends = st.integers(0, len(sentence.tokens))
    bounds = data.draw(st.lists(st.tuples(ends, ends).filter(lambda pair: pair[0] < pair[1])))
    result = written(sentence, [Entity("X", start, end, 0.5) for start, end in bounds])
    assert item.items() <= result.items()
    for (start, end), entity in zip(bounds, result["entities"], strict=True):
        word = entity["word"]
        place = slice(entity["start"], entity["end"])
        if sentence.text is None:
            assert word == " ".join(result["tokens"][place])
        else:
            assert word == result["text"][place]
        assert word.startswith(sentence.tokens[start])
        assert word.endswith(sentence.tokens[end - 1])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"id": ' + "9" * 5000 + "}", "line 1: a number has too many digits"),
        ('{"id": ' + "[" * 100_000, "line 1: lists or objects are nested too deep"),
    ],
)
def test_numbers_and_nesting_without_end(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(line)
    with pytest.raises(InputError) as caught:
        list(read_jsonl(path))
    assert str(caught.value) == f"{path}: {words}"


def test_control_characters_are_written_as_escapes() -> None:
    """JSON itself leaves those from 7f on as they are."""
    handle = io.StringIO()
    text = "a\x1b[31m \x7f \x9b b"
    write_jsonl(handle, Sentence(("a",), text=text, offsets=((0, 1),)), [])
    assert handle.getvalue().rstrip("\n").isprintable()
    assert json.loads(handle.getvalue())["text"] == text

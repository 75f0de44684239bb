"""Tag schemes against seqeval, and there and back."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from dnatag.tasks.tagging.schemes import (
    PLAIN,
    SCHEMES,
    Span,
    convert,
    detect,
    faults,
    spans,
    tags,
)

OF_SPANS = tuple(scheme for scheme in SCHEMES if scheme != PLAIN)
TYPES = st.sampled_from(["PER", "LOC", "cell-line", ""])
TAGS = st.one_of(
    st.just("O"),
    st.builds(lambda letter, type_: f"{letter}-{type_}".strip("-"), st.sampled_from("BIES"), TYPES),
)


@st.composite
def spans_of_a_sentence(draw: st.DrawFn) -> tuple[list[Span], int]:
    found, position = [], 0
    for gap, size in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), max_size=6)):
        found.append(Span(position + gap, position + gap + size, draw(TYPES)))
        position += gap + size
    return found, position + draw(st.integers(0, 2))


@pytest.mark.parametrize(
    ("scheme", "written"),
    [
        ("BIO", "B-A I-A B-A O B-C I-C I-C B-A"),
        ("IOBES", "B-A E-A S-A O B-C I-C E-C S-A"),
        ("BILOU", "B-A L-A U-A O B-C I-C L-C U-A"),
        ("IOB1", "I-A I-A B-A O I-C I-C I-C I-A"),
        ("plain", "A A A O C C C A"),
    ],
)
def test_schemes(scheme: str, written: str) -> None:
    reported = [Span(0, 2, "A"), Span(2, 3, "A"), Span(4, 7, "C"), Span(7, 8, "A")]
    assert tags(reversed(reported), 8, scheme) == written.split()
    if scheme != PLAIN:
        assert spans(written.split(), scheme) == reported


def test_plain_tokens_are_spans() -> None:
    assert spans(["NN", "O"], PLAIN) == [Span(0, 1, "NN"), Span(1, 2, "O")]
    assert convert(["NN", "O"], PLAIN, PLAIN) == ["NN", "O"]
    assert faults(["NN", "I-PER"], PLAIN) == []


@given(reported=spans_of_a_sentence(), scheme=st.sampled_from(OF_SPANS))
def test_there_and_back(reported: tuple[list[Span], int], scheme: str) -> None:
    found, length = reported
    written = tags(found, length, scheme)
    assert spans(written, scheme) == found
    assert faults(written, scheme) == []


@given(
    reported=spans_of_a_sentence(),
    source=st.sampled_from(OF_SPANS),
    target=st.sampled_from(OF_SPANS),
)
def test_convert(reported: tuple[list[Span], int], source: str, target: str) -> None:
    found, length = reported
    assert convert(tags(found, length, source), source, target) == tags(found, length, target)


@given(sentence=st.lists(TAGS, max_size=12), scheme=st.sampled_from(OF_SPANS))
def test_illegal_tags_are_read_as_seqeval_reads_them(sentence: list[str], scheme: str) -> None:
    expected = [Span(a, b + 1, "" if t == "_" else t) for t, a, b in get_entities(sentence)]
    assert spans(sentence, scheme) == expected
    as_bilou = [tag.replace("E", "L", tag[0] == "E") for tag in sentence]
    as_bilou = [tag.replace("S", "U", tag[0] == "S") for tag in as_bilou]
    assert spans(as_bilou, scheme) == expected


@given(sentence=st.lists(TAGS, max_size=12), scheme=st.sampled_from(OF_SPANS))
def test_faults_are_what_would_be_written_otherwise(sentence: list[str], scheme: str) -> None:
    wrong = [i for i, _ in faults(sentence, scheme)]
    written = tags(spans(sentence, scheme), len(sentence), scheme)
    assert wrong == [
        i for i, pair in enumerate(zip(sentence, written, strict=True)) if len({*pair}) > 1
    ]


@pytest.mark.parametrize(
    ("scheme", "sentence", "expected"),
    [
        ("BIO", "O I-A I-A", [(1, "I-A begins a span, for which BIO has B-A")]),
        ("BIO", "B-A I-C", [(1, "I-C is a span of one token, for which BIO has B-C")]),
        ("IOBES", "B-A I-A O", [(1, "I-A ends a span, for which IOBES has E-A")]),
        ("BILOU", "U-A S-A", [(1, "S-A is a span of one token, for which BILOU has U-A")]),
        ("IOB1", "O B-A I-A", [(1, "B-A begins a span, for which IOB1 has I-A")]),
    ],
)
def test_faults_in_words(scheme: str, sentence: str, expected: list[tuple[int, str]]) -> None:
    assert faults(sentence.split(), scheme) == expected


@given(
    corpus=st.lists(spans_of_a_sentence(), max_size=6),
    scheme=st.sampled_from(OF_SPANS),
)
def test_detected_schemes_have_no_faults(corpus: list[tuple[list[Span], int]], scheme: str) -> None:
    sentences = [tags(found, length, scheme) for found, length in corpus]
    assert not any(faults(sentence, detect(sentences)) for sentence in sentences)


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        ([], "BIO"),
        (["O O"], "BIO"),
        (["B-A I-A B-C"], "BIO"),
        (["B I O"], "BIO"),
        (["S-A O B-A E-A"], "IOBES"),
        (["U-A O B-A L-A"], "BILOU"),
        (["I-A B-A", "O I-C"], "IOB1"),
        (["DT NN"], "plain"),
        (["B-A I-A", "NN"], "plain"),
        (["B-A O", "I-A O B-A", "B-A"], "BIO"),  # in no scheme; one fault here
    ],
)
def test_detect(sentences: list[str], scheme: str) -> None:
    assert detect([sentence.split() for sentence in sentences]) == scheme


@pytest.mark.parametrize(
    "found",
    [[Span(0, 2, "A"), Span(1, 3, "A")], [Span(1, 1, "A")], [Span(-1, 1, "A")], [Span(2, 4, "A")]],
)
def test_spans_that_cannot_be_written(found: list[Span]) -> None:
    with pytest.raises(ValueError, match=r"overlaps .* or is no part of 3 tokens"):
        tags(found, 3, "BIO")


def test_what_cannot_be_read() -> None:
    with pytest.raises(ValueError, match="'NN' is no tag of spans"):
        spans(["NN"], "BIO")
    for wrong in (lambda: spans(["O"], "IOB"), lambda: tags([], 1, "IOB")):
        with pytest.raises(ValueError, match="no scheme is called 'IOB'; there are BIO, "):
            wrong()
    with pytest.raises(ValueError, match="plain tags stand for no spans"):
        convert(["O"], "BIO", PLAIN)


def test_schemes_need_no_network() -> None:
    code = "import sys, dnatag.tasks.tagging.schemes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Words as numbers: what is known, how words look and are spelled, and what vectors they have."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.domains.text.words import LONGEST, SHAPES, WordFeaturizer, composed, normalise, shape

SENTENCES = [["The", "cat", "weighs", "12", "kg"], ["the", "dog", "weighs", "99", "kg"]]


@pytest.fixture
def featurizer() -> WordFeaturizer:
    return WordFeaturizer.fit(SENTENCES)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("The", "the"), ("IL-12b", "il-00b"), ("ÉCOLE", "école"), ("٣x", "0x"), ("...", "...")],
)
def test_normalise(word: str, expected: str) -> None:
    assert normalise(word) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("the", "lower"),
        ("naïve-ly", "lower"),
        ("DNA", "upper"),
        ("A", "title"),
        ("A-", "title"),
        ("Paris", "title"),
        ("O'brien", "title"),
        ("McDonald", "mixed"),
        ("mRNA", "mixed"),
        ("12", "digits"),
        ("1,234.5", "digits"),
        ("-5%", "digits"),
        ("IL2", "with digit"),
        ("5mg", "with digit"),
        (".", "other"),
        ("", "other"),
        ("東京", "mixed"),
    ],
)
def test_shape(word: str, expected: str) -> None:
    assert SHAPES[shape(word)] == expected


@given(word=st.from_regex(r"[A-Za-z]+", fullmatch=True))
def test_letters_of_ascii_have_the_shapes_of_others(word: str) -> None:
    other = word.replace("z", "ž").replace("Z", "Ž")
    same = word.replace("y", "z").replace("Y", "Z").replace("z", "ž").replace("Z", "Ž")
    assert shape(word) == shape(other) == shape(same)


@given(word=st.text())
def test_every_word_has_a_shape(word: str) -> None:
    assert 0 <= shape(word) < len(SHAPES)


def test_words_are_numbered_by_how_often_they_are_seen(featurizer: WordFeaturizer) -> None:
    assert featurizer.words == {"00": 2, "kg": 2, "the": 2, "weighs": 2, "cat": 1, "dog": 1}
    assert featurizer.categories == (7, len(SHAPES) + 1)
    encoded = featurizer.encode(["THE", "Cat", "bird", "31"])
    assert encoded.categories[:, 0].tolist() == [3, 5, 0, 1]
    shapes = [SHAPES.index(s) + 1 for s in ("upper", "title", "lower", "digits")]
    assert encoded.categories[:, 1].tolist() == shapes
    assert len(encoded) == 4
    assert encoded.features.shape == (4, 0)


def test_spelling(featurizer: WordFeaturizer) -> None:
    number = {c: i for i, c in enumerate(featurizer.characters, 2)}
    assert min(number.values()) == 2
    parts = featurizer.encode(["kg", "Ωx", "the"]).parts
    assert parts.tolist() == [
        [number["k"], number["g"], 0], [1, 1, 0], [number["t"], number["h"], number["e"]]
    ]  # fmt: skip
    assert featurizer.encode([]).parts.shape == (0, 1)
    assert featurizer.encode([""]).parts.tolist() == [[0]]


def test_the_middle_of_long_words_is_left_out(featurizer: WordFeaturizer) -> None:
    half = LONGEST // 2
    long = "t" * half + "h" * 50 + "e" * half
    parts = featurizer.encode([long, "kg"]).parts
    assert parts.shape == (2, LONGEST)
    assert np.array_equal(parts[0], featurizer.encode(["t" * half + "e" * half]).parts[0])


@given(tokens=st.lists(st.text(max_size=50), max_size=6))
@settings(deadline=None)
def test_any_text_can_be_encoded(tokens: list[str]) -> None:
    featurizer = WordFeaturizer.fit(SENTENCES)
    encoded = featurizer.encode(tokens)
    words, shapes = featurizer.categories
    assert encoded.categories.shape == (len(tokens), 2)
    assert ((encoded.categories >= 0) & (encoded.categories < [words, shapes])).all()
    assert ((encoded.parts >= 0) & (encoded.parts < len(featurizer.characters) + 2)).all()
    for row, token in zip(encoded.parts, tokens, strict=True):
        # Nothing but padding behind the last character.
        assert np.flatnonzero(row == 0).tolist() == list(range(min(len(token), LONGEST), len(row)))


def test_vectors(featurizer: WordFeaturizer) -> None:
    """The form itself comes first, then lower case, then digits as zeros."""
    vectors = np.arange(1, 11, dtype=np.float16).reshape(5, 2)
    featurizer = WordFeaturizer.fit(SENTENCES, ["the", "The", "0,000", "7", "Rome"], vectors)
    features = featurizer.encode(["The", "THE", "the", "1,234", "7", "8", "rome", "ROME"]).features
    assert features.dtype == np.float32
    assert features.tolist() == [
        [3, 4], [1, 2], [1, 2], [5, 6], [7, 8], [0, 0], [0, 0], [0, 0]
    ]  # fmt: skip


def test_rare_words_are_taken_for_unknown_now_and_then() -> None:
    featurizer = WordFeaturizer.fit([["rare"] + ["common"] * 50])
    encoded = featurizer.encode(["rare", "common", "never"])
    rng = np.random.default_rng(1)
    varied = [featurizer.vary(encoded, rng) for _ in range(4000)]
    kept = np.mean([v.categories[:, 0] > 0 for v in varied], axis=0)
    assert kept == pytest.approx([1 / 4, 50 / 53, 0], abs=0.03)
    # Nothing else changes, and the original stays.
    assert all(np.array_equal(v.categories[:, 1], encoded.categories[:, 1]) for v in varied)
    assert all(np.array_equal(v.parts, encoded.parts) for v in varied)
    assert encoded.categories[:, 0].tolist() == [2, 1, 0]
    again = featurizer.vary(encoded, np.random.default_rng(1))
    assert np.array_equal(again.categories, varied[0].categories)


@pytest.mark.parametrize("dimensions", [0, 3])
def test_stored_and_read_again(dimensions: int) -> None:
    sentences = [*SENTENCES, ["Ωmega", "नम", "\u00a0", "a\0b", "😀"]]
    names = ["ωmega", "x y"] if dimensions else []
    vectors = np.ones((len(names), dimensions), np.float16)
    featurizer = WordFeaturizer.fit(sentences, names, vectors if dimensions else None)
    arrays = featurizer.to_arrays()
    assert all(isinstance(a, np.ndarray) for a in arrays.values())
    again = WordFeaturizer.from_arrays(arrays)
    assert again.words == featurizer.words
    assert list(again.words) == list(featurizer.words)
    assert again.characters == featurizer.characters
    tokens = [t for s in sentences for t in s] + ["new", "Ω", "x y"]
    one, other = featurizer.encode(tokens), again.encode(tokens)
    for name in ("categories", "features", "parts"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    rngs = [np.random.default_rng(3) for _ in range(2)]
    assert np.array_equal(
        featurizer.vary(one, rngs[0]).categories, again.vary(other, rngs[1]).categories
    )
    assert json.dumps({k: v.tolist() for k, v in arrays.items()}) == json.dumps(
        {k: v.tolist() for k, v in again.to_arrays().items()}
    )


def test_most_vectors() -> None:
    """Kept are the first of the file, and those of words that are trained on."""
    vectors = np.arange(10, dtype=np.float16).reshape(5, 2)
    names = ["the", "of", "Zebra", "okapi", "000"]
    for most, kept in ((0, names), (1, ["the", "okapi", "000"]), (4, names)):
        featurizer = WordFeaturizer.fit([["Okapi", "123"]], names, vectors, most)
        assert list(featurizer.vector_words) == kept
        rows = [names.index(name) for name in kept]
        assert (featurizer.vectors == vectors[rows]).all()
        assert (featurizer.encode(["OKAPI"]).features == vectors[3]).all()


def test_vectors_of_other_numbers_are_not_kept() -> None:
    """To the model all years are one word, but each may have a vector of its own."""
    vectors, names = np.eye(4, dtype=np.float16), ["the", "1999", "2001", "0000"]
    featurizer = WordFeaturizer.fit([["The", "2001"]], names, vectors, 1)
    assert list(featurizer.vector_words) == ["the", "2001", "0000"]
    assert featurizer.encode(["2001", "1999"]).features.argmax(1).tolist() == [2, 3]


def test_words_that_are_seen_too_seldom_stay_unknown() -> None:
    """Their vectors are those of any other unknown word."""
    vectors, names = np.eye(3, dtype=np.float16), ["the", "okapi", "zebra"]
    sentences = [["Okapi", "zebra"], ["okapi"]]
    featurizer = WordFeaturizer.fit(sentences, names, vectors, 1, least_seen=2)
    assert featurizer.words == {"okapi": 2}
    assert list(featurizer.vector_words) == ["the", "okapi"]
    assert featurizer.encode(["OKAPI", "zebra"]).categories[:, 0].tolist() == [1, 0]


def test_words_are_known_as_they_are_written_and_composed() -> None:
    words = ["می\u200cروم", "\u0958", "cafe\u0301", "naïve", "the"]
    vectors = np.ones((len(words), 2), np.float16)
    known = WordFeaturizer.fit([words], words, vectors)
    assert len({known.look_up(word)[0] for word in words} - {0}) == len(words)
    assert all(known.look_up(word)[2] is not None for word in words)
    for written, other in (("nai\u0308ve", "naïve"), ("t\u00adhe", "the")):
        assert known.look_up(written) == known.look_up(other)
    assert known.look_up("\u00ad") == (0, 7, None)


@given(st.text())
def test_composed_is_composed(token: str) -> None:
    assert composed(composed(token)) == composed(token)

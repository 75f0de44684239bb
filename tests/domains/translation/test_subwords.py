"""Texts as subwords."""

from __future__ import annotations

import numpy as np
import pytest

from dnatag.domains.translation.subwords import SubwordCoder
from dnatag.errors import InputError

pytest.importorskip("sentencepiece")

TEXTS = ["The dog sees a cat .", "A cat sees the dogs .", "", "dogs and cats"] * 5


@pytest.fixture(scope="module")
def coder() -> SubwordCoder:
    return SubwordCoder.fit(TEXTS, 40, lower=True)


def test_there_and_back(coder: SubwordCoder) -> None:
    for text in ("the dog sees a cat .", "cats", ""):
        numbers = coder.numbers(text.upper())
        assert coder.write(numbers) == text
        assert all(2 < i < coder.tokens for i in numbers)
        assert "".join(coder.pieces(numbers)).strip() == text
    encoded = coder.encode("the cat")
    assert encoded.categories[:, 0].tolist() == coder.numbers("the cat")


def test_whatever_is_between_words(coder: SubwordCoder) -> None:
    for space in ("\t", "  ", "\u00a0", "\u202f"):
        assert coder.numbers(f"a{space}cat") == coder.numbers("a cat")


def test_what_was_never_seen(coder: SubwordCoder) -> None:
    assert 0 in coder.numbers("żółw")


def test_as_a_file(coder: SubwordCoder) -> None:
    arrays = coder.to_arrays()
    again = SubwordCoder.from_arrays(arrays)
    assert (again.tokens, again.numbers("a Dog")) == (coder.tokens, coder.numbers("a dog"))
    with pytest.raises(ValueError, match="there is no model of subwords"):
        SubwordCoder.from_arrays(arrays | {"subwords": np.arange(9, dtype=np.uint8)})


def test_too_few_subwords() -> None:
    with pytest.raises(InputError, match="'subwords' is 12, and must be 15 at least") as caught:
        SubwordCoder.fit(TEXTS, 12, lower=True)
    assert "sentencepiece" not in str(caught.value)
    assert SubwordCoder.fit(TEXTS, 15, lower=True).tokens == 15


def test_too_few_texts() -> None:
    with pytest.raises(InputError, match="the texts cannot be split into subwords"):
        SubwordCoder.fit([""], 40, lower=False)


def test_long_texts_are_learnt_from() -> None:
    coder = SubwordCoder.fit([*TEXTS, "ż" * 5000], 40, lower=False)
    assert 0 not in coder.numbers("żż")

"""Tokens of raw text: contractions, abbreviations, ends of sentences, and where they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnatag.domains.text.words import WordFeaturizer
from dnatag.formats.text.tokenizers import TOKENIZERS, penn_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("They don't, we can't.", "They do n't , we ca n't ."),
        ("It's Ada\u2019s; I'll go, they've gone.",
         "It 's Ada \u2019s ; I 'll go , they 've gone ."),
        ("Mr. Smith met Dr. Ng in the U.S. in Jan. 1999.",
         "Mr. Smith met Dr. Ng in the U.S. in Jan. 1999 ."),
        ("He left (e.g. at 10:30) for $1,000.50!", "He left ( e.g. at 10:30 ) for $ 1,000.50 !"),
        ("a low-dose, 5% share of AT&T", "a low-dose , 5 % share of AT&T"),
        ("see https://example.org/a?b=1, or www.example.org.",
         "see https://example.org/a?b=1 , or www.example.org ."),
        ("Wait... what -- no", "Wait ... what -- no"),
        ("@ada_l it's #rain, #1: C# or a@b", "@ada_l it 's #rain , # 1 : C # or a @ b"),
        ("mail ada.l@example.org.", "mail ada.l@example.org ."),
        ("the end is no. A fig. is", "the end is no . A fig . is"),
        ("I'm gonna; you cannot (Ph.D.), No. 5", "I 'm gon na ; you can not ( Ph.D. ) , No. 5"),
        ("what?! no!!! :-) (see 1:) ;)", "what ?! no !!! :-) ( see 1 : ) ;)"),
        ("#दुनिया @cafe\u0301 isn't\u00ad, no. 5", "#दुनिया @cafe\u0301 is n't\u00ad , no . 5"),
        ("'Tis candid, lemme gotta", "'T is candid , lem me got ta"),
        ("s\u0131cak cafe\u0301-bar isn\u2019t", "s\u0131cak cafe\u0301-bar is n\u2019t"),
    ],
)  # fmt: skip
def test_penn(text: str, tokens: str) -> None:
    assert penn_tokens(text)[0] == tokens.split()


@given(st.sampled_from(sorted(TOKENIZERS)), st.text(max_size=40))
def test_nothing_is_lost(name: str, text: str) -> None:
    tokens, offsets = TOKENIZERS[name](text)
    assert [text[start:end] for start, end in offsets] == tokens
    rest = list(text)
    for start, end in offsets:
        rest[start:end] = " " * (end - start)
    assert not "".join(rest).strip()


def test_a_model_keeps_its_tokens() -> None:
    known = WordFeaturizer.fit([["Ada"]], tokens="penn")
    again = WordFeaturizer.from_arrays(known.to_arrays())
    assert again.tokens == "penn"
    assert again.split("can't")[0] == ["ca", "n't"]
    # Models of before have no word on it.
    assert "tokens" not in WordFeaturizer.fit([["Ada"]]).to_arrays()

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnatag.errors import InputError
from dnatag.formats.text.lines import INVISIBLE, read_lines, tokenize
from dnatag.formats.text.tokenizers import penn_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A low-dose trial.", "A low - dose trial ."),
        ("5.2 mg/kg, 1,000", "5 . 2 mg / kg , 1 , 000"),
        ("antithrombin (AT)", "antithrombin ( AT )"),
        ("the patient's", "the patient ' s"),
        ("TNF-β and IL2Rβ", "TNF - β and IL2Rβ"),
        ("50% of +/-3... a_b", "50 % of + / - 3 . . . a _ b"),
        ("Гоголь, 東京 naïve", "Гоголь , 東京 naïve"),
        ("na\u0308ive हिन्दी", "na\u0308ive हिन्दी"),
        ("\u00a0a\u2009b\t", "a b"),
        ("", ""),
    ],
)
def test_tokenize(text: str, tokens: str) -> None:
    assert tokenize(text)[0] == tokens.split()


@given(st.text(st.characters(max_codepoint=0x7F)))
def test_ascii_is_split_like_any_text(text: str) -> None:
    tokens, offsets = tokenize(text + " é")
    assert tokenize(text) == (tokens[:-1], offsets[:-1])


@given(st.text())
def test_offsets_cover_all_but_white_space(text: str) -> None:
    tokens, offsets = tokenize(text)
    assert [text[start:end] for start, end in offsets] == tokens
    assert "".join(tokens) == "".join(text.split())
    assert offsets == sorted(offsets)


@given(st.text())
def test_tokens_are_words_or_single_characters(text: str) -> None:
    for token in tokenize(text)[0]:
        shown = [c for c in token if unicodedata.category(c)[0] != "M" and c not in INVISIBLE]
        letters = sum(map(str.isalnum, shown))
        assert letters in (0, len(shown))
        assert letters or len(shown) <= 1 or not token.isascii()


@pytest.mark.parametrize("split", [tokenize, penn_tokens])
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Cafe\u0301, Sjo\u0308gren", ["Cafe\u0301", ",", "Sjo\u0308gren"]),
        ("নমস্কার दुनिया", ["নমস্কার", "दुनिया"]),
        ("(ιατρός) -\u03b9", ["(", "ιατρός", ")", "-", "\u03b9"]),
        ("(\u200dabc) 👍\u200dabc", ["(\u200d", "abc", ")", "👍\u200d", "abc"]),
        ("1\ufe0f\u20e3 5\u00admg ५०\u200d", ["1\ufe0f\u20e3", "5\u00admg", "५०\u200d"]),
        ("renal fail\u00adure", ["renal", "fail\u00adure"]),
        ("क्\u200dष می\u200cروم", ["क्\u200dष", "می\u200cروم"]),
        (
            "👨\u200d👩\u200d👧👍🏽❤\ufe0f🇩🇪🇫🇷",
            ["👨\u200d👩\u200d👧", "👍🏽", "❤\ufe0f", "🇩🇪", "🇫🇷"],
        ),
    ],
)
def test_what_is_read_as_one_stays_together(split: Any, text: str, tokens: list[str]) -> None:
    assert split(text)[0] == tokens


@given(st.text())
def test_tokens_joined_by_spaces_are_split_alike(text: str) -> None:
    tokens, _ = tokenize(text)
    assert tokenize(" ".join(tokens))[0] == tokens


def test_every_line_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes("\ufeffOne.\r\n\r\n  two\u2028three \n".encode())
    sentences = list(read_lines(path))
    assert [(s.line, s.tokens) for s in sentences] == [
        (1, ("One", ".")),
        (2, ()),
        (3, ("two", "three")),
    ]
    assert [s.text for s in sentences] == ["One.", "", "  two\u2028three "]
    assert sentences[2].located() == ("  two\u2028three ", ((2, 5), (6, 11)))


def test_encoding(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes("fine\nné".encode("latin-1"))
    assert [s.text for s in read_lines(path, "latin-1")] == ["fine", "né"]
    with pytest.raises(InputError) as caught:
        list(read_lines(path))
    assert str(caught.value) == (
        f"{path}: line 2: byte 0xE9 is not utf-8; name the encoding of the file with --encoding, "
        "in recipes with 'encoding'"
    )

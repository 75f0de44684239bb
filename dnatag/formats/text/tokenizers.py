"""How raw text is split into tokens: words, as in the Penn Treebank, at spaces, or characters."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from dnatag.formats.text.lines import joined, symbol, tokenize

__all__ = ["TOKENIZERS", "character_tokens", "penn_tokens", "space_tokens"]

#: Abbreviations whose dot belongs to them, beside those with a dot after each letter.
ABBREVIATIONS = (
    "Mr", "Mrs", "Ms", "Dr", "Prof", "St", "Jr", "Sr", "Rev", "Gen", "Col", "Lt", "Sgt", "Capt",
    "Gov", "Sen", "Rep", "Reps", "Hon", "Ft", "Attn", "Inc", "Ltd", "Corp", "Co", "vs", "etc",
    "cf", "al", "approx",
    "Fig", "Figs", "Vol", "pp", "ed", "eds", "Jan", "Feb", "Mar", "Apr", "Jun", "Jul",
    "Aug", "Sept", "Sep", "Oct", "Nov", "Dec", "Tue", "Wed", "Thu", "Fri",
)  # fmt: skip


def _penn(mark: str, other: str) -> re.Pattern[str]:
    """Return the pattern of a token.

    Parameters
    ----------
    mark
        The pattern of a character that belongs with the letter or digit before it.
    other
        That of any character that is neither.
    """
    tail, end = f"(?:{mark})*", rf"(?:{mark})*(?!\w|{mark})"
    return re.compile(
        rf"""
        (?:https?://|www\.)[^\s<>"]*[^\s<>".,;:!?)\]]       # an address
        | [\w.+-]{{1,64}}@[\w-]+(?:\.[\w-]+)+               # ada@example.org
        | (?<!\w)[@\#][^\W\d_]{tail}(?:\w{tail})*           # @ada, #rain
        | [^\W\d_](?:\.[^\W\d_])+\. | \bPh\.D\.             # U.S., e.g.
        | \b(?-i:{"|".join(ABBREVIATIONS)})\.(?=\s)           # Dr. and not the last word
        | \b(?-i:Nos?)\.(?=\s?\d)                           # No. 5
        | \d+(?:[.,:/]\d+)*(?:st|nd|rd|th|s)?{end}          # 5.2, 1,000, 10:30, 3/4, 1990s
        | n['\u2019]t{end} | ['\u2019](?:s|m|d|ll|re|ve){end}  # ends of can't, it's
        | [^\W_]+(?=n['\u2019]t(?!\w))                       # the beginning of can't
        | \bcan(?=not\b) | \b(?:gon|wan)(?=na\b)             # and of cannot, gonna
        | \bgot(?=ta\b) | \b(?:lem|gim)(?=me\b)
        | ['\u2019]t(?=(?:is|was)\b)                        # and of 'tis
        | (?:[^\W_]{tail})+(?:[-&.](?:[^\W_]{tail})+)*        # a word, low-dose, AT&T, example.org
        | \.{{2,}} | -{{2,}} | [!?]{{2,}} | `` | ''           # dots, dashes, quotes
        | (?<!\w)[:;]-?[()DP](?!\w)                          # :-)
        | {other}
        """,
        re.VERBOSE | re.IGNORECASE,
    )


_ASCII_PENN = _penn("(?!)", r"\S")  # there are no marks


@cache
def _unicode_penn() -> re.Pattern[str]:
    return _penn(joined(), symbol())


def penn_tokens(text: str) -> tuple[list[str], list[tuple[int, int]]]:
    """Split a text as in the Penn Treebank.

    Contractions are two tokens, abbreviations keep their dots, words with hyphens, numbers,
    addresses and the names and topics of messages (``@ada``, ``#rain``) are one token, and all
    other punctuation stands alone, also the dot at the end of a sentence, be it that of ``Ltd.``.
    Combining marks and soft hyphens stay in their word. (Universal Dependencies of English differ
    in words with hyphens, which they split.)

    Returns
    -------
    tokens : list of str
        All of the text but white space.
    offsets : list of (int, int)
        Place of each token in the text, in characters, 0-based and half-open.

    Examples
    --------
    >>> " ".join(penn_tokens("Dr. Ng can't go to the U.S. (it's 5.2% of low-dose cases).")[0])
    "Dr. Ng ca n't go to the U.S. ( it 's 5.2 % of low-dose cases ) ."
    """
    return _found(_ASCII_PENN if text.isascii() else _unicode_penn(), text)


def space_tokens(text: str) -> tuple[list[str], list[tuple[int, int]]]:
    """Split a text at white space, for texts whose tokens are separated already.

    Examples
    --------
    >>> space_tokens("It 's  here .")
    (['It', "'s", 'here', '.'], [(0, 2), (3, 5), (7, 11), (12, 13)])
    """
    return _found(re.compile(r"\S+"), text)


def character_tokens(text: str) -> tuple[list[str], list[tuple[int, int]]]:
    """Split a text into its characters: for scripts without spaces, and where spelling decides.

    Examples
    --------
    >>> character_tokens("你好 O")
    (['你', '好', 'O'], [(0, 1), (1, 2), (3, 4)])
    """
    return _found(re.compile(r"\S"), text)


def _found(pattern: re.Pattern[str], text: str) -> tuple[list[str], list[tuple[int, int]]]:
    matches = list(pattern.finditer(text))
    return [match.group() for match in matches], [match.span() for match in matches]


#: By the names that recipes have.
TOKENIZERS: dict[str, Callable[[str], tuple[list[str], list[tuple[int, int]]]]] = {
    "words": tokenize,
    "penn": penn_tokens,
    "spaces": space_tokens,
    "characters": character_tokens,
}

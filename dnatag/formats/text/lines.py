"""Raw text: lines in any encoding, one sentence each, and where the tokens are in them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache

from dnatag.errors import InputError
from dnatag.formats.io.limits import limits
from dnatag.formats.io.reading import (
    NAME_ENCODING,
    BoundedText,
    Source,
    display_name,
    open_bytes,
)
from dnatag.formats.text.tokens import Sentence

__all__ = ["INVISIBLE", "joined", "numbered_lines", "read_lines", "symbol", "tokenize"]

#: What undecodable bytes become on reading.
UNDECODABLE = re.compile("[\udc80-\udcff]")
_ASCII_TOKEN = re.compile(r"[^\W_]+|\S")
#: Where Unicode has nearly all its combining marks; a walk through all of it takes long.
MARKS = range(0x300, 0x1F000)
#: Invisible characters inside words: soft hyphen, and those that join or part letters.
INVISIBLE = "\u00ad\u200c\u200d\u2060"
#: Skin tones of emoji, and what flags of regions and variants of characters end with.
_TONES, _TAGS = "\U0001f3fb-\U0001f3ff", "\U000e0020-\U000e007f\U000e0100-\U000e01ef"


def read_lines(
    path: Source,
    encoding: str = "utf-8",
    split: Callable[[str], tuple[list[str], list[tuple[int, int]]]] | None = None,
) -> Iterator[Sentence]:
    """Read a text with one sentence in a line.

    Parameters
    ----------
    path
        The file, plain or compressed, or "-" for standard input.
    encoding
        Name of its character encoding.
    split
        Finds the tokens of a text and their places; None: :func:`tokenize`.

    Yields
    ------
    Sentence
        With text and offsets; one for every line, without tokens for a blank one.

    Raises
    ------
    InputError
        See :func:`numbered_lines`.
    """
    for number, text in numbered_lines(path, encoding):
        tokens, offsets = (split or tokenize)(text)
        yield Sentence(tuple(tokens), text=text, offsets=tuple(offsets), line=number)


def tokenize(text: str) -> tuple[list[str], list[tuple[int, int]]]:
    """Split a text into runs of letters and digits, and single other characters.

    So are the biomedical corpora split: ``low-dose`` into three tokens, ``5.2`` too, ``(AT)``
    and ``patient's`` likewise, ``5mg`` not at all. Combining marks and soft hyphens stay in their
    word, and emoji that are made of several characters stay together.

    Returns
    -------
    tokens : list of str
        All of the text but white space.
    offsets : list of (int, int)
        Place of each token in the text, in characters, 0-based and half-open.
    """
    matches = list((_ASCII_TOKEN if text.isascii() else _token()).finditer(text))
    return [match.group() for match in matches], [match.span() for match in matches]


@cache
def _token() -> re.Pattern[str]:
    return re.compile(rf"(?:[^\W_]+{joined()}*)+|{symbol()}")


@cache
def joined() -> str:
    """Return a regular expression of a character that belongs with the one before it.

    To the module re a combining mark is no part of a word, and one is an iota if case is ignored.
    """
    marks = "".join(c for c in map(chr, MARKS) if unicodedata.category(c).startswith("M"))
    return f"(?-i:[{marks}{INVISIBLE}{_TAGS}])"


@cache
def symbol() -> str:
    """Return a regular expression of a character that is no letter, or of an emoji of several."""
    one = rf"(?:[^\w\s]|_)(?:{joined()}|[{_TONES}])*"
    # A joiner binds the next character too; two regional indicators make a flag.
    return rf"[\U0001f1e6-\U0001f1ff]{{2}}|{one}(?:(?<=\u200d){one})*"


def numbered_lines(path: Source, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    r"""Read a text line by line.

    Parameters
    ----------
    path
        The file, plain or compressed, or "-" for standard input. A byte order mark is dropped.
    encoding
        Name of its character encoding.

    Yields
    ------
    number : int
        Counted from 1.
    line : str
        Without its end (``\n``, ``\r\n`` or ``\r``).

    Raises
    ------
    InputError
        If the file cannot be read, there is no such encoding, or a line is not in it.
    """
    name = display_name(path)
    with open_bytes(path) as stream:
        try:
            # Strict decoding would fail for a whole block, without a line number.
            handle = BoundedText(stream, limits().text, encoding=encoding, errors="surrogateescape")
        except LookupError:
            raise InputError(f"{name}: cannot read: no encoding '{encoding}' is known") from None
        number = 0
        try:
            for number, line in enumerate(handle, 1):
                if not line.isascii() and (match := UNDECODABLE.search(line)):
                    byte = f"byte 0x{ord(match.group()) - 0xDC00:02X}"
                    raise InputError(_undecodable(name, number, f"{byte} is", encoding))
                yield number, line.removesuffix("\n")
        except UnicodeError:  # UTF-16 and others have errors that no byte can stand for
            raise InputError(_undecodable(name, number + 1, "it is", encoding)) from None


def _undecodable(name: str, line: int, what: str, encoding: str) -> str:
    return f"{name}: line {line}: {what} not {encoding}; {NAME_ENCODING}"

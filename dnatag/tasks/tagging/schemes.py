"""Tag schemes: how the tags of single tokens stand for spans.

A tag is ``O``, outside, or a letter and the type of the span, ``B-PER``; a corpus of one type may
leave it out: the tags ``B`` and ``I`` are of type "", and are written so again.

Schemes
-------
BIO (also IOB2)
    The first token of a span has B, all others I.
IOBES (also BIOES)
    The first has B, the last E, those between I; a span of one token has S.
BILOU
    The same with L for E and U for S.
IOB1
    All have I, but the first has B right after a span of the same type.
plain
    No spans, such as parts of speech: each token is one by itself, and its tag is the type.

Tags that a scheme would not write are read as conlleval and seqeval (in its default mode) read
them: a tag that continues nothing begins a span, and a span ends wherever it is not continued.
This reading is the same for all schemes but plain.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from dnatag.formats.text.tokens import Span

__all__ = [
    "OUTSIDE",
    "PLAIN",
    "SCHEMES",
    "UNNAMED",
    "Span",
    "alike",
    "convert",
    "detect",
    "faults",
    "only",
    "renamed",
    "runs",
    "spans",
    "stray",
    "tags",
]


class _Letters(NamedTuple):
    first: str
    inside: str
    last: str
    only: str


OUTSIDE = "O"
PLAIN = "plain"
#: What people are shown for the type "".
UNNAMED = "(no type)"
#: In the order in which :func:`detect` prefers them.
LETTERS = {
    "BIO": _Letters("B", "I", "I", "B"),
    "IOBES": _Letters("B", "I", "E", "S"),
    "BILOU": _Letters("B", "I", "L", "U"),
    "IOB1": _Letters("I", "I", "I", "I"),
}
SCHEMES = (*LETTERS, PLAIN)
ROLES = _Letters("begins a span", "continues a span", "ends a span", "is a span of one token")
TAG = re.compile(r"O|([BIESLU])(?:-(.*))?")


def spans(tags: Sequence[str], scheme: str) -> list[Span]:
    """Read the spans of a sentence, whether or not its tags are legal.

    Parameters
    ----------
    tags
        One for each token.
    scheme
        One of ``SCHEMES``.

    Returns
    -------
    list of Span
        In order; they do not overlap.

    Raises
    ------
    ValueError
        If a tag is no tag of any scheme but plain, or the scheme is unknown.
    """
    if scheme == PLAIN:
        return [Span(i, i + 1, tag) for i, tag in enumerate(tags)]
    _letters(scheme)
    found: list[Span] = []
    start, before, open_type = 0, OUTSIDE, ""
    for i, tag in enumerate([*tags, OUTSIDE]):
        letter, type_ = _split(tag)
        if before in "BI" and letter in "IE" and type_ == open_type:
            before = letter
            continue
        if before != OUTSIDE:
            found.append(Span(start, i, open_type))
        start, before, open_type = i, letter, type_
    return found


def tags(spans: Iterable[Span], length: int, scheme: str) -> list[str]:
    """Write spans as tags.

    Parameters
    ----------
    spans
        In any order.
    length
        Tokens of the sentence.
    scheme
        One of ``SCHEMES``. Plain tags have no letters: all tokens of a span have its type.

    Returns
    -------
    list of str, length ``length``

    Raises
    ------
    ValueError
        If spans overlap, are empty or reach out of the sentence, or the scheme is unknown.
    """
    letters = None if scheme == PLAIN else _letters(scheme)
    written = [OUTSIDE] * length
    before = Span(0, 0, "")
    for span in sorted(spans):
        start, end, type_ = span
        if not before.end <= start < end <= length:
            raise ValueError(f"{span} overlaps {before} or is no part of {length} tokens")
        if letters is None:
            written[start:end] = [type_] * (end - start)
        else:
            written[start:end] = [_join(x, type_) for x in _parts(letters, end - start)]
            if scheme == "IOB1" and start > 0 and before[1:] == (start, type_):
                written[start] = _join("B", type_)
        before = span
    return written


def faults(tags: Sequence[str], scheme: str) -> list[tuple[int, str]]:
    """Find tags that a strict reading forbids: those that their spans are not written with.

    Parameters
    ----------
    tags
        One for each token.
    scheme
        One of ``SCHEMES``; plain tags are all legal.

    Returns
    -------
    list of tuple of int and str
        Token and reason, in order.

    Raises
    ------
    ValueError
        See :func:`spans`.
    """
    if scheme == PLAIN:
        return []
    read = spans(tags, scheme)
    legal = _write(read, len(tags), scheme)
    return [
        (i, f"{tags[i]} {role}, for which {scheme} has {legal[i]}")
        for span in read
        for i, role in enumerate(_parts(ROLES, span.end - span.start), span.start)
        if tags[i] != legal[i]
    ]


def detect(sentences: Collection[Sequence[str]]) -> str:
    """Find the scheme of a corpus.

    Parameters
    ----------
    sentences
        The tags of each sentence.

    Returns
    -------
    str
        Plain if a tag is of no other scheme; else the first of BIO, IOBES, BILOU and IOB1 in
        which all tags are legal, or the one with the fewest faults.
    """
    distinct = Counter(map(tuple, sentences))
    if not all(TAG.fullmatch(tag) for tag in {tag for of in distinct for tag in of}):
        return PLAIN
    return min(
        LETTERS, key=lambda scheme: sum(n * len(faults(of, scheme)) for of, n in distinct.items())
    )


def stray(counts: Mapping[str, int]) -> dict[str, int]:
    """Find tags that are none of spans among many that are.

    Parameters
    ----------
    counts
        How often each tag is there.

    Returns
    -------
    dict of str to int
        The tags that are none of spans, if there are fewer of them than of the others, and some
        of the others name a type; else nothing, as the tags may be plain. The commonest does not
        count, as it may stand in the place of O.

    Examples
    --------
    >>> stray({"O": 90, "B-PER": 5, "I-PER": 3, "B_PER": 1, "o": 1})
    {'B_PER': 1, 'o': 1}
    >>> stray({"_": 90, "B-PER": 5, "I-PER": 3})
    {'_': 90}
    >>> stray({"NN": 50, "VB": 40, "O": 1})
    {}
    """
    found = {tag: count for tag, count in counts.items() if not TAG.fullmatch(tag)}
    typed = any("-" in tag for tag in counts.keys() - found.keys())
    outside = max(found.values(), default=0)
    few = 2 * (sum(found.values()) - outside) < sum(counts.values()) - outside
    return found if typed and few else {}


def alike(counts: Mapping[str, int]) -> list[dict[str, int]]:
    """Find names that differ in capitals alone.

    Parameters
    ----------
    counts
        How often each name is there.

    Returns
    -------
    list of dict of str to int
        Those that may be meant to be one, together, in the order of their first.

    Examples
    --------
    >>> alike({"PER": 8, "LOC": 3, "Per": 1})
    [{'PER': 8, 'Per': 1}]
    """
    groups: dict[str, dict[str, int]] = {}
    for name, count in counts.items():
        groups.setdefault(name.lower(), {})[name] = count
    return [group for group in groups.values() if len(group) > 1]


def only(tags: Sequence[str], scheme: str, types: Iterable[str]) -> list[str]:
    """Return the tags of a sentence without the spans of other types.

    Parameters
    ----------
    tags
        Those of a scheme of spans.
    scheme
        The scheme.
    types
        The types of spans that stay.

    Examples
    --------
    >>> only(["B-PER", "I-PER", "O", "B-LOC"], "BIO", {"LOC"})
    ['O', 'O', 'O', 'B-LOC']
    """
    return renamed(tags, scheme, {name: name for name in types})


def renamed(tags: Sequence[str], scheme: str, names: Mapping[str, str]) -> list[str]:
    """Return the tags of a sentence with other names of types, and without types that have none.

    Parameters
    ----------
    tags
        Those of a scheme of spans.
    scheme
        The scheme.
    names
        By the types of spans that stay, what they are called then.

    Examples
    --------
    >>> renamed(["B-PER", "I-PER", "O", "B-LOC"], "BIO", {"PER": "person"})
    ['B-person', 'I-person', 'O', 'O']
    """
    kept = [s._replace(type=names[s.type]) for s in spans(tags, scheme) if s.type in names]
    return _write(kept, len(tags), scheme)


def convert(tags: Sequence[str], source: str, target: str) -> list[str]:
    """Write the tags of a sentence in another scheme.

    Parameters
    ----------
    tags
        One for each token.
    source, target
        Schemes; both or neither plain.

    Raises
    ------
    ValueError
        If one of them is plain, as plain tags stand for no spans; see also :func:`spans`.
    """
    if (source == PLAIN) != (target == PLAIN):
        raise ValueError(f"{source} tags have no equal in {target}: plain tags stand for no spans")
    return _write(spans(tags, source), len(tags), target)


def runs(labels: Iterable[str]) -> list[Span]:
    """Return the stretches of equal labels, which together are the whole sequence."""
    found: list[Span] = []
    end = 0
    for label, run in groupby(labels):
        start, end = end, end + len(list(run))
        found.append(Span(start, end, label))
    return found


#: For functions with a parameter of that name.
_write = tags


def _letters(scheme: str) -> _Letters:
    if scheme not in LETTERS:
        raise ValueError(f"no scheme is called {scheme!r}; there are {', '.join(SCHEMES)}")
    return LETTERS[scheme]


def _parts(of: _Letters, length: int) -> list[str]:
    """Return the letter of each token of a span."""
    return [of.only] if length == 1 else [of.first, *[of.inside] * (length - 2), of.last]


@lru_cache(maxsize=1 << 16)
def _split(tag: str) -> tuple[str, str]:
    """Letter and type; L and U become E and S, which mean the same."""
    match = TAG.fullmatch(tag)
    if match is None:
        raise ValueError(f"'{tag}' is no tag of spans, such as B-PER or O")
    letter, type_ = match.groups(default="")
    return {"": OUTSIDE, "L": "E", "U": "S"}.get(letter, letter), type_


def _join(letter: str, type_: str) -> str:
    return f"{letter}-{type_}" if type_ else letter

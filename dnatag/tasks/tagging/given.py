"""What callers of Python give to a tagger, as tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from dnatag.errors import InputError

__all__ = ["Given", "given_tokens"]


class Given(NamedTuple):
    """A sequence as it was given.

    Attributes
    ----------
    tokens : sequence
        What is tagged.
    offsets : tuple of (int, int) or None
        Place of each token in the text that was given, in characters, 0-based and half-open; None
        if tokens were given.
    text : str or None
        The text.
    """

    tokens: Sequence[Any]
    offsets: tuple[tuple[int, int], ...] | None = None
    text: str | None = None


def given_tokens(given: Any, what: str) -> tuple[str, ...]:
    """Take a list of tokens.

    Parameters
    ----------
    given
        What should be one.
    what
        What can be given, for messages.

    Raises
    ------
    InputError
        If it is no list of strings.

    Examples
    --------
    >>> given_tokens(["Ada", "runs"], "a string")
    ('Ada', 'runs')
    """
    listed = isinstance(given, (Sequence, Iterator)) or hasattr(given, "tolist")
    if isinstance(given, bytes) or not listed:
        raise InputError(f"cannot tag a {type(given).__name__}: give {what}")
    tokens = tuple(given)
    for number, token in enumerate(tokens, 1):
        if not isinstance(token, str):
            raise InputError(
                f"cannot tag a {type(given).__name__} whose item {number} is a "
                f"{type(token).__name__}: give {what}; tag_all takes many of them"
            )
    return tokens

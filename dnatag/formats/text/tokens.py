"""What token files are read into and written from: sentences and the entities in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["ConllLines", "Entity", "Sentence", "Span"]


class ConllLines(NamedTuple):
    """The lines of a CoNLL file that a sentence was read from.

    Parameters
    ----------
    lines
        Without line ends: those of the tokens, and the comments and document marks before and
        among them; "" is a blank line.
    rows
        Index in ``lines`` of each token's line.
    """

    lines: tuple[str, ...]
    rows: tuple[int, ...]


class Span(NamedTuple):
    """Consecutive tokens that share a type.

    Parameters
    ----------
    start, end
        Indices of tokens, 0-based and half-open.
    type
        Type of the tokens; "" if the tags have none.
    """

    start: int
    end: int
    type: str


class Entity(NamedTuple):
    """A span with its probability.

    Parameters
    ----------
    type
        What it is, such as "Disease".
    start, end
        Indices of tokens, 0-based and half-open.
    score
        Posterior probability.
    """

    type: str
    start: int
    end: int
    score: float

    @property
    def span(self) -> Span:
        """The span alone."""
        return Span(self.start, self.end, self.type)


@dataclass(frozen=True, slots=True)
class Sentence:
    """Tokens in a row, labelled or not: words of a text or residues of a protein.

    Parameters
    ----------
    tokens
        May be empty.
    tags
        One for each token, None if the file has none or they were not asked for.
    id
        The name in the file, "" if it has none.
    text
        The raw text, None if the file has only tokens.
    offsets : tuple of (int, int)
        Place of each token in ``text``, in characters, 0-based and half-open; None without
        text.
    source
        What else the same format needs to write the sentence back: the lines of a CoNLL file,
        the object of a JSON Lines file, or the header line of a FASTA record.
    line
        1-based line of the file where the sentence begins, 0 if it is from no file.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...] | None = None
    id: str = ""
    text: str | None = None
    offsets: tuple[tuple[int, int], ...] | None = None
    source: ConllLines | dict[str, Any] | str | None = field(
        default=None, repr=False, compare=False
    )
    line: int = 0

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.tokens)

    def located(self) -> tuple[str, tuple[tuple[int, int], ...]]:
        """Return a text and where the tokens are in it.

        Returns
        -------
        text : str
            The raw text or, without one, the tokens joined by single spaces.
        offsets : tuple of (int, int)
            Place of each token, in characters, 0-based and half-open.
        """
        if self.text is not None and self.offsets is not None:
            return self.text, self.offsets
        offsets = []
        start = 0
        for token in self.tokens:
            offsets.append((start, start + len(token)))
            start += len(token) + 1
        return " ".join(self.tokens), tuple(offsets)

"""The corpora of a recipe: sequences to train on, to validate on, and to test a model with."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from dnatag.errors import InputError
from dnatag.report import Observer

__all__ = [
    "SPLITS",
    "Corpus",
    "file_names",
    "note_seen",
    "read_corpora",
    "sequences_of",
    "summary",
]

#: The splits of a corpus, and what their sequences are for.
SPLITS = {"train": "to train on", "validate": "to validate on", "test": "to test on"}

#: A greater share than this of what is trained on and measured with is warned of.
SEEN = 0.1

S = TypeVar("S")
C = TypeVar("C", bound="Corpus[Any]")


@dataclass(frozen=True)
class Corpus(Generic[S]):
    """Sequences that were read, with what a model shall make of them.

    Attributes
    ----------
    splits : mapping of str to sequence
        Those to ``train`` on, to ``validate`` on during training, and to ``test`` the model with.
    files : dict of str to list of str
        The names of the files of each split.
    weight : float
        How often each sequence takes part in an epoch, on average.
    """

    splits: Mapping[str, Sequence[S]]
    files: dict[str, list[str]]
    weight: float = 1.0


def read_corpora(
    tables: Iterable[Any],
    read: Callable[[Path, Any, str], Iterable[Any]],
    kind: Callable[..., C],
) -> list[C]:
    """Read the corpora of a recipe, file by file.

    Parameters
    ----------
    tables
        What the recipe says of each: paths by ``train``, ``validate`` and ``test``, and ``weight``.
    read
        Reads the sequences of a file, given its path, what the recipe says, and the split.
    kind
        What becomes of them: :class:`Corpus` or a kind of it.

    Raises
    ------
    InputError
        If there is nothing in a file to validate or to test on, or one cannot be read.
    """
    empty: list[str] = []

    def sequences(table: Any, split: str) -> Iterator[Any]:
        for path in getattr(table, split):
            found = list(read(path, table, split))
            if not found and split != "train":
                empty.append(f"{path}: has nothing {SPLITS[split]}; name another file, or none")
            yield from found

    corpora = [
        kind(
            {split: list(sequences(table, split)) for split in SPLITS},
            file_names(table),
            table.weight,
        )
        for table in tables
    ]
    # Where there is nothing to train on either, the task says why.
    if empty and any(corpus.splits["train"] for corpus in corpora):
        raise InputError(empty[0])
    return corpora


def file_names(table: Any) -> dict[str, list[str]]:
    """Return the names of the files of each split."""
    return {split: [path.name for path in getattr(table, split)] for split in SPLITS}


def sequences_of(corpora: Iterable[Corpus[S]], split: str) -> list[S]:
    """Return the sequences of a split of all corpora."""
    return [one for corpus in corpora for one in corpus.splits[split]]


def summary(corpora: Sequence[Corpus[S]], amount: Callable[[list[S]], str]) -> str:
    """Return a line on how much there is of each split.

    Examples
    --------
    >>> corpus = Corpus({"train": ["ab", "c"], "validate": [], "test": ["d"]}, {})
    >>> summary([corpus], lambda texts: f"{len(texts)} texts")
    '2 texts to train on; 1 texts to test on'
    """
    found = {what: sequences_of(corpora, split) for split, what in SPLITS.items()}
    return "; ".join(f"{amount(some)} {what}" for what, some in found.items() if some)


def note_seen(
    corpora: Iterable[Corpus[S]],
    key: Callable[[S], Hashable | None],
    named: str,
    observer: Observer,
) -> None:
    """Warn of sequences that are trained on and validated or tested with, if there are many.

    Parameters
    ----------
    corpora
        The corpora.
    key
        What two sequences have in common that are the same; None for those that do not count.
    named
        What they are called, with ``{}`` for what they are for.
    observer
        Is warned.

    Examples
    --------
    >>> class Shown(Observer):
    ...     def note(self, message):
    ...         print(message)
    >>> corpus = Corpus({"train": ["MKV", "MAA"], "validate": [], "test": ["MKV", "MLL"]}, {})
    >>> note_seen([corpus], str, "proteins {}", Shown())
    warning: 1 of 2 proteins to test on are also trained on, so that scores say little
    """
    known = {key(one) for one in sequences_of(corpora, "train")}
    for name in ("validate", "test"):
        keys = [found for one in sequences_of(corpora, name) if (found := key(one)) is not None]
        seen = sum(found in known for found in keys)
        if seen > SEEN * len(keys):
            what = named.format(SPLITS[name])
            observer.note(
                f"warning: {seen} of {len(keys)} {what} are also trained on, so that scores say "
                "little"
            )

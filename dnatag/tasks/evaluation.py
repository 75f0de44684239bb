"""Evaluation: predictions in files against the truth in a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, TypeVar

import click

from dnatag.errors import InputError
from dnatag.formats.io.reading import display_name
from dnatag.formats.pictures import PICTURES
from dnatag.report import SILENT, Observer, counted

__all__ = [
    "EncodedEvaluator",
    "Evaluation",
    "Evaluator",
    "Rows",
    "check_picture",
    "flatten",
    "in_order",
    "read_alike",
]

T = TypeVar("T")

#: Rows of a printed table: a label, and a key of the flat scores or None for a heading.
Rows = list[tuple[str, str | None]]


class Evaluation(NamedTuple):
    """The scores of predictions against a reference.

    Parameters
    ----------
    reference
        What of the reference counts, in words.
    rows
        Rows of the printed table.
    scores
        Plain JSON types by prediction, None or NaN for what is not defined; some keys may be in
        only some of them.
    files
        Contents of the files that options ask for, by path.
    """

    reference: str
    rows: Rows
    scores: dict[str, dict[str, Any]]
    files: Mapping[str, bytes] = MappingProxyType({})


class Evaluator(ABC):
    """Compares files of predictions with a file of the truth.

    Attributes
    ----------
    files : str
        What it compares, in the plural: "annotations of genes".
    formats : tuple of str
        The names of formats that it reads, see :mod:`dnatag.formats.registry`.
    options : sequence of click.Option
        What can be said about the files. Several evaluators may have the same option. Those that
        name files are of the type ``click.Path``, and ``writable`` if they are to be written.
    """

    files: ClassVar[str]
    formats: ClassVar[tuple[str, ...]]

    @property
    def options(self) -> Sequence[click.Option]:
        """What can be said about the files."""
        return ()

    def encoding(self, options: Mapping[str, Any]) -> str | None:
        """Return the character encoding of the files by the options; None if none names it."""
        return None

    @abstractmethod
    def evaluate(
        self, reference: str, predictions: Mapping[str, str], observer: Observer, **options: Any
    ) -> Evaluation:
        """Score files.

        Parameters
        ----------
        reference
            The path of the truth.
        predictions
            Paths by a name for each.
        observer
            Receives notes.
        options
            The values of the options, by the names of their parameters.

        Raises
        ------
        InputError
            If a file cannot be read, or the files do not fit together.
        """


class EncodedEvaluator(Evaluator):
    """Compares files of text, of which an option names the character encoding."""

    @property
    def options(self) -> Sequence[click.Option]:
        """See :class:`Evaluator`."""
        return (
            click.Option(
                ["--encoding"],
                metavar="NAME",
                default="utf-8",
                show_default=True,
                help="The character encoding of the files.",
            ),
        )

    def encoding(self, options: Mapping[str, Any]) -> str | None:
        """See :class:`Evaluator`."""
        return str(options["encoding"])


def read_alike(
    read: Callable[[str], list[T]],
    reference: str,
    predictions: Mapping[str, str],
    things: str,
    owners: str,
    named: Callable[[T], str | None] = lambda one: None,
    observer: Observer = SILENT,
) -> tuple[list[T], dict[str, list[T]]]:
    """Read files that have one thing each for the same owners, in the order of the reference.

    Parameters
    ----------
    read
        Reads a file.
    reference, predictions
        The paths, as evaluators get them.
    things, owners
        What they are called, such as labels of sequences.
    named
        The name of the owner of a thing, None where a file does not say it: then they are in the
        same order. Of predictions that have more, those whose owners the reference names count.
    observer
        Receives a note where that is so.

    Returns
    -------
    truth : list
    found : dict of str to list
        By prediction, as many as in the reference.

    Raises
    ------
    InputError
        If the reference has none, or a prediction has more or fewer.
    """
    truth, name = read(reference), display_name(reference)
    if not truth:
        raise InputError(f"{name}: is empty")
    found = {}
    for prediction, path in predictions.items():
        found[prediction] = own = read(path)
        wanted, there = ([named(one) for one in side] for side in (truth, own))
        if len(own) >= len(truth) and None not in (*wanted, *there):
            ordered = in_order(wanted, zip(there, own, strict=True))
            if len(ordered) == len(truth):
                found[prediction] = ordered
        if len(own) == len(truth):
            continue
        what = f"{display_name(path)}: has {counted(len(own), things)}, {name} {len(truth)}"
        if len(found[prediction]) != len(truth):
            raise InputError(f"{what}; compare files of the same {owners}")
        observer.note(f"{what}; compared are those of the {owners} that {name} has")
    return truth, found


def in_order(wanted: Sequence[Hashable], items: Iterable[tuple[Hashable, T]]) -> list[T]:
    """Bring items into the order of the keys that are wanted.

    Parameters
    ----------
    wanted
        Keys, some of them perhaps several times.
    items
        Items by their keys; those of the same key keep their order.

    Returns
    -------
    list
        As long as what is wanted; or as many as come before the first key that has no item left.

    Examples
    --------
    >>> in_order("aba", [("b", 1), ("a", 2), ("a", 3)]), in_order("ac", [("a", 1), ("b", 2)])
    ([2, 1, 3], [1])
    """
    there: dict[Hashable, list[T]] = {}
    for key, item in items:
        there.setdefault(key, []).append(item)
    ordered = {key: iter(own) for key, own in there.items()}
    found: list[T] = []
    for key in wanted:
        try:
            found.append(next(ordered[key]))
        except (KeyError, StopIteration):
            break
    return found


def check_picture(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """Refuse a picture whose name has the ending of no format that is drawn."""
    if value is not None and not value.endswith(PICTURES):
        raise click.UsageError(f"the name of the picture must end in {', '.join(PICTURES)}")
    return value


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values by dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat

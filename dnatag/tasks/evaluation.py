"""Evaluation: predictions in files against the truth in a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from dnatag.report import Observer

if TYPE_CHECKING:
    import click

__all__ = ["Evaluation", "Evaluator", "Rows", "flatten"]

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
        Plain JSON types by prediction; some keys may be in only some of them.
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


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values by dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat

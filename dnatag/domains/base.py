"""What a domain is: a kind of sequences, and what tasks need to know of it."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dnatag.tasks.evaluation import Evaluation, Evaluator, Rows, flatten

if TYPE_CHECKING:
    import click

__all__ = ["Domain", "Evaluation", "Evaluator", "Rows", "flatten"]


class Domain(ABC):
    """A kind of sequences.

    What else it has depends on its tasks: each finds it through a protocol of its own (for tagging
    it is :class:`dnatag.tasks.tagging.domain.TaggingDomain`, with the featurizer). Optional
    capabilities, such as homologs, are protocols that only some domains have.

    Attributes
    ----------
    name : str
        What model files and recipes call it.
    tasks : tuple of str
        Names of the tasks that it can be trained for; the first is the default.
    network : type
        A dataclass of the settings of its networks, see :mod:`dnatag.settings`.
    corpus : type
        A dataclass of what a ``[[corpus]]`` of a recipe can say.
    readers : mapping of str to str
        By the name of each format that its inputs can have, that of the format of its results.
    writers : tuple of str
        Names of the formats that its results can have.
    corpus_options : sequence of click.Option
        Options of ``dnatag train`` that name data without a recipe.
    """

    name: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]]
    network: ClassVar[type]
    corpus: ClassVar[type]
    readers: Mapping[str, str]
    writers: tuple[str, ...]

    def for_task(self, task: str) -> Any:
        """Return the domain as one of its tasks sees it: what it reads and how it encodes that.

        A domain whose tasks have different data gives an object for each, which has all that
        the task wants of a domain, and `corpus` and `network` of its own.
        """
        return self

    @property
    def corpus_options(self) -> Sequence[click.Option]:
        """Options of ``dnatag train`` that name data without a recipe."""
        return ()

    def corpora_of_options(self, options: Mapping[str, Any]) -> tuple[Any, ...]:
        """Make corpora of the values of these options.

        Raises
        ------
        InputError
            If they do not fit together.
        """
        return ()

    @property
    def evaluator(self) -> Evaluator | None:
        """What compares files of this domain for ``dnatag evaluate``."""
        return None

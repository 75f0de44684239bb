"""What a task is: how the output of a model is structured, trained, used and saved.

A task knows no domain. It describes what it needs of one in a protocol, such as
:class:`dnatag.tasks.tagging.domain.TaggingDomain`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dnatag.report import Observer

if TYPE_CHECKING:
    import torch
    from torch import nn

    from dnatag.engine.batch import BatchSource
    from dnatag.engine.networks.base import Network
    from dnatag.engine.objective import Metric, Objective
    from dnatag.engine.training.config import TrainingConfig
    from dnatag.engine.training.loop import Outcome
    from dnatag.tasks.evaluation import Evaluator

__all__ = ["Experiment", "NetworkRun", "Recipe", "Task"]


@dataclass(frozen=True)
class Recipe:
    """What to train a model on, and how.

    Attributes
    ----------
    domain : dnatag.domains.base.Domain
        What the sequences are.
    task : Task
        How the output is structured.
    corpora : tuple
        The data, each a dataclass that the domain names.
    training : object
        The schedule, a dataclass that the task names.
    network : object or None
        The size of the network, a dataclass that the domain names; None: its defaults, or those
        of the model to start from.
    licence, card : str
        Those of the model; the card is Markdown that begins with a title.
    home : Path
        The folder of the recipe.
    folder : Path or None
        Where files are that the recipe names; None: beside the recipe.
    outside : tuple of str
        What the recipe names that is in none of these folders.
    """

    domain: Any
    task: Any
    corpora: tuple[Any, ...]
    training: Any
    network: Any = None
    licence: str = "not stated"
    card: str = ""
    home: Path = Path()
    folder: Path | None = None
    outside: tuple[str, ...] = ()

    @property
    def files(self) -> Path:
        """The folder of files that the recipe names."""
        return self.home if self.folder is None else self.folder


@dataclass(frozen=True)
class NetworkRun:
    """The training of one network.

    Attributes
    ----------
    build : callable
        Returns the network; called once, after torch has been given the seed of the schedule.
    source : BatchSource
        What it is trained and validated on; its targets are those of the task's objective.
    schedule : TrainingConfig
        Length and learning rate.
    metric : Metric or None
        What chooses the best weights; None: the loss in validation.
    """

    build: Callable[[], Network]
    source: BatchSource
    schedule: TrainingConfig
    metric: Metric | None = None


class Experiment(ABC):
    """What is to be trained; a task makes it of a recipe.

    Attributes
    ----------
    recipe : Recipe
        What it was made of; the objective is that of its task.
    summary : str
        A line on the data.
    about : dict
        Metadata of the model file that are known before training: JSON types. A run resumes only
        if ``about["training"]`` is the same.
    runs : sequence of NetworkRun
        The networks of the model, one or more, trained one after the other.
    inputs : sequence of Path
        Files that were read or will be, which the model file must not replace.
    """

    recipe: Recipe
    summary: str
    about: dict[str, Any]
    runs: Sequence[NetworkRun]
    inputs: Sequence[Path] = ()

    def finish(self, networks: Sequence[nn.Module]) -> None:  # noqa: B027
        """Change networks that have been trained, in place, before they are saved."""

    @abstractmethod
    def save(self, path: Path, networks: Sequence[nn.Module], about: Mapping[str, Any]) -> None:
        """Write the model file.

        Parameters
        ----------
        path
            The file.
        networks
            Those of the runs, on the CPU.
        about
            Metadata: those of the experiment, and scores and card once they are known.
        """

    @abstractmethod
    def score(
        self,
        path: Path,
        outcomes: Sequence[Outcome],
        device: torch.device,
        threads: int,
    ) -> dict[str, Any]:
        """Measure a model file, as it ships, on data that it was not trained on.

        Parameters
        ----------
        path
            The file.
        outcomes
            What :func:`dnatag.engine.training.loop.fit` returned for each network.
        device
            Where to predict.
        threads
            CPU threads.

        Returns
        -------
        dict
            JSON types, for the model file.
        """

    @abstractmethod
    def card(self, name: str, about: Mapping[str, Any]) -> str:
        """Describe a model in Markdown: what it is, what it was trained on, its scores."""


class Task(ABC):
    """A kind of output, such as tags of all positions.

    It has targets, an objective, a decoder and metrics. An object of it is quick to make: what
    needs large libraries is imported when it is asked for.

    Attributes
    ----------
    name : str
        What model files and recipes call it.
    verb : str
        The command that applies its models, ``dnatag VERB``.
    summary : str
        A line on the command.
    command : str
        The click command, as ``module:attribute``; imported on demand.
    training : type
        A dataclass of the settings of training, see :mod:`dnatag.settings`.
    fine_tunes : bool
        Whether training can start from a model.
    """

    name: ClassVar[str]
    verb: ClassVar[str]
    summary: ClassVar[str]
    command: ClassVar[str]
    training: ClassVar[type]
    fine_tunes: ClassVar[bool] = False

    @property
    @abstractmethod
    def objective(self) -> Objective:
        """The loss that training minimises."""

    @property
    @abstractmethod
    def decoder(self) -> Callable[..., Any]:
        """What makes outputs of the scores of a network: the predictor of a model.

        It is called with the model file and the predictor's own options, such as ``device``, and
        raises an InputError if the file cannot be read or is of another task.
        """

    def targets(self, metadata: Mapping[str, Any]) -> Sequence[str]:
        """Return the names of what a model can find, such as its labels; here there are none.

        Parameters
        ----------
        metadata
            That of a model file of this task, see :mod:`dnatag.models.file`.

        Raises
        ------
        InputError
            If its targets cannot be used.
        """
        return ()

    def metrics(self, scores: Mapping[str, Any]) -> Mapping[str, Mapping[str, float | None]]:
        """Return how good a model is.

        Parameters
        ----------
        scores
            What :meth:`Experiment.score` returned.

        Returns
        -------
        mapping of str to mapping of str to float or None
            By the name of each set of data, and of each measure: shares from 0 to 1, or nats by
            names that end so, the most important first; None where there was nothing to measure.
            Here the scores are these already.
        """
        return scores

    @property
    def evaluator(self) -> Evaluator | None:
        """What compares files of outputs for ``dnatag evaluate``, where it needs no domain."""
        return None

    @abstractmethod
    def experiment(self, recipe: Recipe, start: Path | None, observer: Observer) -> Experiment:
        """Read the data of a recipe and plan the training.

        Parameters
        ----------
        recipe
            The recipe, of this task.
        start
            The model file to start from; None: from random weights.
        observer
            Receives reports.

        Raises
        ------
        InputError
            If the data cannot be read, or there is nothing to train on.
        """

"""Training on the corpora of a recipe: what the tasks whose networks read tokens have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property, partial
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from dnatag.engine.training.config import TrainingConfig
from dnatag.errors import InputError
from dnatag.models.card import make_card, markdown_table
from dnatag.report import counted
from dnatag.tasks.base import Experiment, NetworkRun, Recipe
from dnatag.tasks.batches import SequenceBatches
from dnatag.tasks.corpora import SPLITS, Corpus, sequences_of, summary

if TYPE_CHECKING:
    import torch

    from dnatag.engine.networks.base import Network
    from dnatag.engine.objective import Metric
    from dnatag.engine.training.loop import Outcome

__all__ = ["CorpusExperiment"]

#: Between the seeds of a model's networks, so that models of nearby seeds share none.
SEEDS = 1000

S = TypeVar("S")
C = TypeVar("C", bound=Corpus[Any])
B = TypeVar("B", bound=SequenceBatches[Any])


class CorpusExperiment(Experiment, Generic[S, C, B]):
    """A model to be trained on corpora; see :class:`dnatag.tasks.base.Experiment`.

    A task says how sequences become batches of examples, what its networks are, and how a model
    file is written and measured. Its settings of training have ``epochs``, ``learning_rate``,
    ``weight_decay``, ``clip`` and ``seed``, and may have ``networks``, ``average``, ``validations``
    (in an epoch) and ``patience``.

    Parameters
    ----------
    recipe : Recipe
        A recipe of the task.
    corpora : sequence of Corpus
        What its domain has read.

    Attributes
    ----------
    kind : str
        What a model is: "A classifier".
    counted : str
        What sequences are called in the metadata, in the plural.
    unusable : str
        Why none of the sequences may be one to train on.
    warmup : float
        Epochs until the learning rate is at its highest.
    scored : str
        What a card says of the table of scores.
    titles : mapping of str to str
        What a card calls measures, where that is not their name.
    """

    kind: ClassVar[str]
    counted: ClassVar[str]
    unusable: ClassVar[str] = "all sequences to train on are empty"
    scored: ClassVar[str] = "In percent."
    titles: ClassVar[Mapping[str, str]] = {}
    warmup: ClassVar[float] = 1

    def __init__(self, recipe: Recipe, corpora: Sequence[C]) -> None:
        self.recipe = recipe
        self.corpora = corpora
        self.network = recipe.network or recipe.domain.network()
        self.summary = summary(corpora, self.amount)
        self.about = {
            "licence": recipe.licence,
            "training": {
                "corpora": [self.describe(corpus) for corpus in corpora],
                "network": asdict(self.network),
                "loop": asdict(recipe.training),
            },
        }

    def split(self, name: str) -> list[S]:
        """Return all sequences of a split."""
        return sequences_of(self.corpora, name)

    def amount(self, sequences: Sequence[S]) -> str:
        """Return in words how many sequences there are."""
        return counted(len(sequences), self.counted)

    def describe(self, corpus: C) -> dict[str, Any]:
        """Return what there is of a corpus, for a model file."""
        numbers = {f"{name}_{self.counted}": len(corpus.splits[name]) for name in SPLITS}
        return corpus.files | numbers | {"weight": corpus.weight}

    @abstractmethod
    def examples(self, split: str) -> list[Any]:
        """Return the examples of a split."""

    @abstractmethod
    def batches(self, train: Sequence[Any], validate: Sequence[Any], seed: int) -> B:
        """Return the batches of a network."""

    @abstractmethod
    def build(self, number: int) -> Network:
        """Return a network of the model, which are counted from 0."""

    def metric(self, batches: B) -> Metric | None:
        """Return what chooses the best weights; None: the loss in validation."""
        return None

    @cached_property
    def runs(self) -> Sequence[NetworkRun]:  # type: ignore[override]
        """One for each network of the model."""
        train, validate = (self.examples(split) for split in ("train", "validate"))
        if not train:
            raise InputError(self.unusable)
        runs = []
        loop = self.recipe.training
        for number in range(getattr(loop, "networks", 1)):
            source = self.batches(train, validate, loop.seed + number * SEEDS)
            build = partial(self.build, number)
            runs.append(NetworkRun(build, source, self._schedule(source), self.metric(source)))
        return runs

    def _schedule(self, batches: B) -> TrainingConfig:
        """Return the schedule of a network."""
        loop = self.recipe.training
        steps = batches.steps(loop.epochs)
        epoch = max(steps // loop.epochs, 1)
        return TrainingConfig(
            steps=steps,
            learning_rate=loop.learning_rate,
            weight_decay=loop.weight_decay,
            warmup=int(self.warmup * epoch),
            clip=loop.clip,
            validate_every=max(epoch // getattr(loop, "validations", 1), 1),
            patience=getattr(loop, "patience", steps),
            average=getattr(loop, "average", 0.0),
            seed=batches.seed,
        )

    @abstractmethod
    def load(self, path: Path, device: str, threads: int) -> Any:
        """Return the predictor of a model file."""

    @abstractmethod
    def measure(self, predictor: Any, corpus: C, split: str) -> dict[str, float]:
        """Measure what :meth:`load` returned on a split of a corpus, which is not empty.

        What is not defined there is NaN, and left out of the scores.
        """

    def score(
        self,
        path: Path,
        outcomes: Sequence[Outcome],
        device: torch.device,
        threads: int,
    ) -> dict[str, Any]:
        """See :class:`dnatag.tasks.base.Experiment`; several corpora are scored one by one."""
        predictor = self.load(path, str(device), threads)
        result = {}
        for split in ("validate", "test"):
            for number, corpus in enumerate(self.corpora, 1):
                if corpus.splits[split]:
                    name = split if len(self.corpora) == 1 else f"{split} {number}"
                    found = self.measure(predictor, corpus, split)
                    result[name] = {
                        key: round(value, 5) for key, value in found.items() if not isnan(value)
                    }
        return result

    def shown(self, value: float) -> str:
        """Write a measure for the card: a share in percent."""
        return f"{100 * value:.2f}"

    def notes(self) -> list[str]:
        """Return lines on the data, for the card."""
        return [f"{self.summary}."]

    def origin(self) -> str:
        """Return what the card's first line on the training adds."""
        return ""

    def card(self, name: str, about: Mapping[str, Any]) -> str:
        """See :class:`dnatag.tasks.base.Experiment`."""
        scores = about["scores"]
        keys = list(dict.fromkeys(key for row in scores.values() for key in row))
        head = ["", *(self.titles.get(key, key) for key in keys)]
        rows = [
            [split, *(self.shown(row[key]) if key in row else "" for key in keys)]
            for split, row in scores.items()
        ]
        return make_card(
            about,
            self.recipe.card or f"# {name}\n\n{self.kind} of {self.recipe.domain.name}.",
            self.notes(),
            [self.scored, "", *markdown_table(head, rows)] if scores else [],
            self.origin(),
        )

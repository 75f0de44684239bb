"""The training of generators: the pieces of a recipe, and the model that is trained on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from dnatag.engine.networks.generator import TokenGenerator
from dnatag.engine.networks.weights import weights_of
from dnatag.errors import InputError
from dnatag.report import counted
from dnatag.tasks.base import Recipe
from dnatag.tasks.corpora import Corpus
from dnatag.tasks.experiment import CorpusExperiment
from dnatag.tasks.generation.domain import GeneratingDomain
from dnatag.tasks.generation.evaluation import measures
from dnatag.tasks.generation.generator import PieceGenerator
from dnatag.tasks.generation.model import GeneratorModel, load_generator, save_generator
from dnatag.tasks.generation.settings import GenerationTraining
from dnatag.tasks.generation.training.batches import PieceBatches, StretchExample

__all__ = ["GenerationExperiment"]

Piece = Sequence[Any]


class GenerationExperiment(CorpusExperiment[Piece, Corpus[Piece], PieceBatches]):
    """A generator to be trained; see :class:`dnatag.tasks.experiment.CorpusExperiment`.

    Parameters
    ----------
    recipe : Recipe
        A recipe of the generation task.

    Raises
    ------
    InputError
        If a file cannot be read or there is nothing to train on.
    """

    kind = "A generator"
    counted = "pieces"
    scored = "Negative log likelihood in nats, per step and per note."
    titles = {"step_nats": "per step", "note_nats": "per note"}  # noqa: RUF012

    def __init__(self, recipe: Recipe) -> None:
        self.domain: GeneratingDomain = recipe.domain
        self.settings: GenerationTraining = recipe.training
        network = recipe.network or self.domain.network()
        super().__init__(recipe, self.domain.read(recipe.corpora, network))
        self.writer = self.domain.writer(network)
        self.config = self.domain.generator_config(self.writer, network)
        if not self.split("train"):
            raise InputError(f"no [[corpus]] names {self.domain.counted[0]} to train on ('train')")

    def amount(self, sequences: Sequence[Piece]) -> str:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        steps = counted(sum(map(len, sequences)), "steps")
        return f"{counted(len(sequences), self.domain.counted[0])} of {steps}"

    def examples(self, split: str) -> list[StretchExample]:
        """Cut the pieces of a split into stretches of nearly equal length."""
        found = []
        for corpus in self.corpora:
            for piece in corpus.splits[split]:
                count = -(-len(piece) // self.settings.stretch)
                bounds = [round(i * len(piece) / max(count, 1)) for i in range(count + 1)]
                for first, last in pairwise(bounds):
                    steps = piece[first:last]
                    length = len(self.writer.encode(steps))
                    found.append(StretchExample(steps, length, self.writer, corpus.weight))
        return found

    def batches(
        self, train: Sequence[StretchExample], validate: Sequence[StretchExample], seed: int
    ) -> PieceBatches:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        return PieceBatches(train, validate, self.writer, self.settings.batch, seed)

    def build(self, number: int) -> TokenGenerator:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        return TokenGenerator(self.config, self.writer.tokens)

    def save(
        self, path: Path, networks: Sequence[torch.nn.Module], about: Mapping[str, Any]
    ) -> None:
        """See :class:`dnatag.tasks.base.Experiment`."""
        (network,) = networks
        model = GeneratorModel(self.domain, self.writer, self.config, weights_of(network))
        save_generator(path, model, dict(about))

    def load(self, path: Path, device: str, threads: int) -> PieceGenerator:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        return PieceGenerator(*load_generator(path), device)

    def measure(
        self, predictor: PieceGenerator, corpus: Corpus[Piece], split: str
    ) -> dict[str, float]:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        return measures(*predictor.likelihood(corpus.splits[split]))

    def shown(self, value: float) -> str:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`: nats."""
        return f"{value:.4f}"

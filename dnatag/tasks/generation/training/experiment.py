"""The training of generators: the pieces of a recipe, and the model that is trained on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from dnatag.engine.networks.generator import TokenGenerator
from dnatag.engine.networks.weights import weights_of
from dnatag.engine.training.config import TrainingConfig
from dnatag.engine.training.loop import Outcome
from dnatag.errors import InputError
from dnatag.models.card import make_card, markdown_table
from dnatag.report import counted
from dnatag.tasks.base import Experiment, NetworkRun, Recipe
from dnatag.tasks.generation.domain import GeneratingDomain
from dnatag.tasks.generation.evaluation import measures
from dnatag.tasks.generation.generator import PieceGenerator
from dnatag.tasks.generation.model import GeneratorModel, load_generator, save_generator
from dnatag.tasks.generation.settings import GenerationTraining
from dnatag.tasks.generation.training.batches import PieceBatches, StretchExample

__all__ = ["GenerationExperiment"]

_SPLITS = {"train": "to train on", "validate": "to validate on", "test": "to test on"}


class GenerationExperiment(Experiment):
    """A generator to be trained; see :class:`dnatag.tasks.base.Experiment`.

    Parameters
    ----------
    recipe : Recipe
        A recipe of the generation task.

    Raises
    ------
    InputError
        If a file cannot be read or there is nothing to train on.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.domain: GeneratingDomain = recipe.domain
        self.settings: GenerationTraining = recipe.training
        self.network = recipe.network or self.domain.network()
        self.corpora = self.domain.read(recipe.corpora, self.network)
        self.writer = self.domain.writer(self.network)
        self.config = self.domain.generator_config(self.writer, self.network)
        if not any(corpus.splits["train"] for corpus in self.corpora):
            raise InputError(f"no [[corpus]] names {self.domain.counted[0]} to train on ('train')")
        self.summary = "; ".join(
            f"{counted(len(pieces), self.domain.counted[0])} of "
            f"{counted(sum(map(len, pieces)), 'steps')} {what}"
            for name, what in _SPLITS.items()
            if (pieces := [p for corpus in self.corpora for p in corpus.splits[name]])
        )
        self.about = {
            "licence": recipe.licence,
            "training": {
                "corpora": [
                    corpus.files
                    | {f"{name}_pieces": len(corpus.splits[name]) for name in _SPLITS}
                    | {"weight": corpus.weight}
                    for corpus in self.corpora
                ],
                "network": asdict(self.network),
                "loop": asdict(self.settings),
            },
        }

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

    @cached_property
    def runs(self) -> Sequence[NetworkRun]:  # type: ignore[override]
        """One network."""
        settings = self.settings
        batches = PieceBatches(
            self.examples("train"),
            self.examples("validate"),
            self.writer,
            settings.batch,
            settings.seed,
        )
        steps = batches.steps(settings.epochs)
        epoch = max(steps // settings.epochs, 1)
        schedule = TrainingConfig(
            steps=steps,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            warmup=epoch,
            clip=settings.clip,
            validate_every=epoch,
            patience=steps,
            seed=settings.seed,
        )
        return [NetworkRun(self._build, batches, schedule)]

    def _build(self) -> TokenGenerator:
        return TokenGenerator(self.config, self.writer.tokens)

    def save(
        self, path: Path, networks: Sequence[torch.nn.Module], about: Mapping[str, Any]
    ) -> None:
        """See :class:`dnatag.tasks.base.Experiment`."""
        (network,) = networks
        model = GeneratorModel(self.domain, self.writer, self.config, weights_of(network))
        save_generator(path, model, dict(about))

    def score(
        self,
        path: Path,
        outcomes: Sequence[Outcome],
        device: torch.device,
        threads: int,
    ) -> dict[str, Any]:
        """See :class:`dnatag.tasks.base.Experiment`; several corpora are scored one by one."""
        generator = PieceGenerator(*load_generator(path), str(device))
        result = {}
        for split in ("validate", "test"):
            for number, corpus in enumerate(self.corpora, 1):
                if pieces := corpus.splits[split]:
                    name = split if len(self.corpora) == 1 else f"{split} {number}"
                    found = measures(*generator.likelihood(pieces))
                    result[name] = {key: round(value, 5) for key, value in found.items()}
        return result

    def card(self, name: str, about: Mapping[str, Any]) -> str:
        """See :class:`dnatag.tasks.base.Experiment`."""
        rows = [[split, *(f"{value:.4f}" for value in row.values())]
                for split, row in about["scores"].items()]  # fmt: skip
        lines = [
            "Negative log likelihood in nats, per step and per note.",
            "",
            *markdown_table(["", "per step", "per note"], rows),
        ]
        return make_card(
            about,
            self.recipe.card or f"# {name}\n\nA generator of {self.domain.name}.",
            [f"{self.summary}."],
            lines if rows else [],
        )

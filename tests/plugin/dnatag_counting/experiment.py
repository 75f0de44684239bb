"""The training of counters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dnatag.engine.batch import Batch
from dnatag.engine.networks.base import Network
from dnatag.engine.objective import Metric
from dnatag.engine.training.config import TrainingConfig
from dnatag.engine.training.loop import Outcome
from dnatag.errors import InputError
from dnatag.models.card import make_card
from dnatag.tasks.base import Experiment, NetworkRun, Recipe
from dnatag_counting.counter import Counter, save
from dnatag_counting.domain import BitsNetwork, Row
from dnatag_counting.network import LABELS, CountingNetwork, encode
from dnatag_counting.task import CountingTraining


@dataclass(frozen=True)
class Rows:
    """Batches of 32 rows."""

    train: list[Row]
    validate: list[Row]
    symbols: str
    seed: int

    def batch_at(self, step: int, rank: int, world: int) -> Batch:
        rng = np.random.default_rng((self.seed, step))
        chosen = rng.integers(len(self.train), size=32)[rank::world]
        return self.batch([self.train[i] for i in chosen])

    def validation(self, rank: int, world: int) -> Iterator[Batch]:
        yield self.batch(self.validate[rank::world])

    def batch(self, rows: Sequence[Row]) -> Batch:
        symbols, lengths = encode([row.bits for row in rows], self.symbols)
        labels = torch.tensor([LABELS.index(row.label) for row in rows], dtype=torch.int64)
        return Batch((symbols,), lengths, {"label": labels})


class CountingExperiment(Experiment):
    """A counter to be trained."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        domain, schedule = recipe.domain, recipe.training
        assert isinstance(schedule, CountingTraining)
        self.network: BitsNetwork = recipe.network or BitsNetwork()
        train, self.validate = (
            [row for c in recipe.corpora for path in getattr(c, split) for row in domain.read(path)]
            for split in ("train", "validate")
        )
        if not train:
            raise InputError("there are no rows to train on")
        self.summary = f"{len(train)} rows to train on"
        self.about: dict[str, Any] = {
            "licence": recipe.licence,
            "training": {"rows": len(train), "loop": asdict(schedule)},
        }
        config = TrainingConfig(
            steps=schedule.steps,
            learning_rate=schedule.learning_rate,
            warmup=10,
            validate_every=25,
            seed=schedule.seed,
        )
        rows = Rows(train, self.validate, domain.symbols, schedule.seed)
        self.runs = [NetworkRun(self.build, rows, config, Metric("accuracy", self.accuracy))]

    def build(self) -> CountingNetwork:
        return CountingNetwork(len(self.recipe.domain.symbols), self.network.hidden)

    def accuracy(self, network: Network) -> float:
        symbols, lengths = encode([r.bits for r in self.validate], self.recipe.domain.symbols)
        with torch.no_grad():
            found = network(symbols, lengths).argmax(1).tolist()
        right = [LABELS[i] == r.label for i, r in zip(found, self.validate, strict=True)]
        return sum(right) / len(right)

    def save(
        self, path: Path, networks: Sequence[torch.nn.Module], about: Mapping[str, Any]
    ) -> None:
        (network,) = networks
        save(path, network, asdict(self.network), self.recipe.domain.name, about)

    def score(
        self, path: Path, outcomes: Sequence[Outcome], device: torch.device, threads: int
    ) -> dict[str, Any]:
        counter = Counter(path, device=device.type)
        found = counter.count([row.bits for row in self.validate])
        right = [f == row.label for f, row in zip(found, self.validate, strict=True)]
        return {"accuracy": sum(right) / len(right), "watched": outcomes[0].metric}

    def card(self, name: str, about: Mapping[str, Any]) -> str:
        scores = [f"Accuracy: {about['scores']['accuracy']:.2f}."]
        return make_card(about, f"# {name}", [f"{self.summary}."], scores)

"""Counting: one label for a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag.report import Observer
from dnatag.settings import setting
from dnatag.tasks.base import Recipe, Task

if TYPE_CHECKING:
    from dnatag.engine.objective import Objective
    from dnatag_counting.counter import Counter
    from dnatag_counting.experiment import CountingExperiment


@dataclass(frozen=True)
class CountingTraining:
    """The schedule."""

    steps: int = setting(150)
    learning_rate: float = setting(0.03)
    seed: int = setting(1, least=0)


class Counting(Task):
    """How many symbols are ones: "0", "1", "2" or "many"."""

    name = "counting"
    verb = "count"
    summary = "Count the ones in rows of bits."
    command = "dnatag_counting.cli:command"
    training = CountingTraining

    @property
    def objective(self) -> Objective:
        from dnatag_counting.network import cross_entropy

        return cross_entropy

    @property
    def decoder(self) -> type[Counter]:
        from dnatag_counting.counter import Counter

        return Counter

    def targets(self, metadata: Mapping[str, Any]) -> list[str]:
        return list(metadata["targets"])

    def metrics(self, scores: Mapping[str, Any]) -> Mapping[str, Mapping[str, float]]:
        return {"validate": {"accuracy": scores["accuracy"]}}

    def experiment(
        self, recipe: Recipe, start: Path | None, observer: Observer
    ) -> CountingExperiment:
        from dnatag_counting.experiment import CountingExperiment

        return CountingExperiment(recipe)


TASK = Counting()

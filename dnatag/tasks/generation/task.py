"""Generation: a sequence, from nothing or from its beginning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dnatag.report import Observer
from dnatag.tasks.base import Recipe, Task
from dnatag.tasks.generation.settings import GenerationTraining

if TYPE_CHECKING:
    from dnatag.engine.objective import Objective
    from dnatag.tasks.generation.evaluation import GeneratorEvaluator
    from dnatag.tasks.generation.generator import PieceGenerator
    from dnatag.tasks.generation.training.experiment import GenerationExperiment

__all__ = ["TASK", "Generation"]


class Generation(Task):
    """Sequences token by token, by an LSTM; see :class:`dnatag.tasks.base.Task`."""

    name = "generation"
    verb = "generate"
    summary = "Compose music."
    command = "dnatag.cli.generate:command"
    training = GenerationTraining

    @property
    def objective(self) -> Objective:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.tasks.generation.objective import token_likelihood

        return token_likelihood

    @property
    def decoder(self) -> Callable[..., PieceGenerator]:
        """See :class:`dnatag.tasks.base.Task`; options are those of :meth:`PieceGenerator.load`."""
        from dnatag.tasks.generation.generator import PieceGenerator

        return PieceGenerator.load

    @property
    def evaluator(self) -> GeneratorEvaluator:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.tasks.generation.evaluation import GeneratorEvaluator

        return GeneratorEvaluator()

    def experiment(
        self, recipe: Recipe, start: Path | None, observer: Observer
    ) -> GenerationExperiment:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.tasks.generation.training.experiment import GenerationExperiment

        return GenerationExperiment(recipe)


TASK = Generation()

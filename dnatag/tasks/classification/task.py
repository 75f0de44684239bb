"""Classification: a whole sequence has one label."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag.errors import InputError
from dnatag.report import Observer
from dnatag.tasks.base import Recipe, Task
from dnatag.tasks.classification.settings import ClassificationTraining

if TYPE_CHECKING:
    from dnatag.engine.objective import Objective
    from dnatag.tasks.classification.classifier import SequenceClassifier
    from dnatag.tasks.classification.evaluation import LabelEvaluator
    from dnatag.tasks.classification.training.experiment import ClassificationExperiment

__all__ = ["TASK", "Classification"]


class Classification(Task):
    """Labels of sequences, by a BiLSTM; see :class:`dnatag.tasks.base.Task`."""

    name = "classification"
    verb = "classify"
    summary = "Give each text or other sequence one label."
    command = "dnatag.cli.classify:command"
    training = ClassificationTraining

    @property
    def objective(self) -> Objective:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.tasks.classification.objective import label_entropy

        return label_entropy

    @property
    def decoder(self) -> Callable[..., SequenceClassifier]:
        """See :class:`dnatag.tasks.base.Task`; options: :meth:`SequenceClassifier.load`."""
        from dnatag.tasks.classification.classifier import SequenceClassifier

        return SequenceClassifier.load

    def targets(self, metadata: Mapping[str, Any]) -> tuple[str, ...]:
        """See :class:`dnatag.tasks.base.Task`: the labels."""
        try:
            return tuple(map(str, metadata["targets"]["labels"]))
        except (LookupError, TypeError) as error:
            raise InputError(f"its targets are not those of a classifier: {error}") from error

    @property
    def evaluator(self) -> LabelEvaluator:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.tasks.classification.evaluation import LabelEvaluator

        return LabelEvaluator()

    def experiment(
        self, recipe: Recipe, start: Path | None, observer: Observer
    ) -> ClassificationExperiment:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.tasks.classification.training.experiment import ClassificationExperiment

        return ClassificationExperiment(recipe, observer)


TASK = Classification()

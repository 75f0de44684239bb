"""Annotation: the genes of a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag.domains.genes.training.settings import GeneTraining
from dnatag.report import Observer
from dnatag.tasks.base import Recipe, Task

if TYPE_CHECKING:
    from dnatag.domains.genes.finder import GeneFinder
    from dnatag.domains.genes.training.experiment import GeneExperiment
    from dnatag.engine.objective import Objective

__all__ = ["TASK", "GeneAnnotation"]


class GeneAnnotation(Task):
    """Genes, by a BiLSTM-CRF with a grammar of genes; see :class:`dnatag.tasks.base.Task`."""

    name = "annotation"
    verb = "predict"
    summary = "Find the genes of a genome."
    command = "dnatag.cli.predict:command"
    training = GeneTraining
    fine_tunes = True

    @property
    def objective(self) -> Objective:
        """See :class:`dnatag.tasks.base.Task`: that of all labels under a grammar."""
        from dnatag.tasks.tagging.objective import label_likelihood

        return label_likelihood

    @property
    def decoder(self) -> type[GeneFinder]:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.domains.genes.finder import GeneFinder

        return GeneFinder

    def targets(self, metadata: Mapping[str, Any]) -> tuple[str, ...]:
        """See :class:`dnatag.tasks.base.Task`: the features of an annotation."""
        return ("CDS",)

    def metrics(self, scores: Mapping[str, Any]) -> Mapping[str, Mapping[str, float | None]]:
        """See :class:`dnatag.tasks.base.Task`: genes by stop, and by stop and start."""
        measures = {"stop F1": scores["stop_f1"], "exact F1": scores["exact_f1"]}
        return {"held out": measures}

    def experiment(self, recipe: Recipe, start: Path | None, observer: Observer) -> GeneExperiment:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.domains.genes.training.experiment import GeneExperiment

        return GeneExperiment(recipe, start, observer)


TASK = GeneAnnotation()

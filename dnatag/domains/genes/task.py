"""Annotation: the genes of a sequence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag.domains.genes.training.settings import GeneTraining
from dnatag.report import Observer
from dnatag.tasks.base import Recipe, Task

if TYPE_CHECKING:
    from dnatag.domains.genes.finder import GeneFinder
    from dnatag.domains.genes.training.experiment import GeneExperiment

__all__ = ["TASK", "Annotation"]


class Annotation(Task):
    """Genes, by a BiLSTM-CRF with a grammar of genes; see :class:`dnatag.tasks.base.Task`."""

    name = "annotation"
    verb = "predict"
    summary = "Find the genes of a genome."
    command = "dnatag.cli.predict:command"
    training = GeneTraining
    fine_tunes = True

    def experiment(self, recipe: Recipe, start: Path | None, observer: Observer) -> GeneExperiment:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.domains.genes.training.experiment import GeneExperiment

        return GeneExperiment(recipe, start, observer)

    def load(self, path: Path, **options: Any) -> GeneFinder:
        """See :class:`dnatag.tasks.base.Task`; options are those of :class:`GeneFinder`."""
        from dnatag.domains.genes.finder import GeneFinder

        return GeneFinder(path, **options)


TASK = Annotation()

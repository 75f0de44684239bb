"""Tagging: every token of a sequence has a label, and runs of them are spans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag.report import Observer
from dnatag.tasks.base import Recipe, Task
from dnatag.tasks.tagging.settings import TaggingTraining

if TYPE_CHECKING:
    from dnatag.tasks.tagging.tagger import Tagger
    from dnatag.tasks.tagging.training.experiment import TaggingExperiment

__all__ = ["TASK", "Tagging"]


class Tagging(Task):
    """Tags of tokens, by a BiLSTM-CRF; see :class:`dnatag.tasks.base.Task`."""

    name = "tagging"
    verb = "tag"
    summary = "Label the words of sentences or the residues of proteins."
    command = "dnatag.cli.tag:command"
    training = TaggingTraining

    def experiment(
        self, recipe: Recipe, start: Path | None, observer: Observer
    ) -> TaggingExperiment:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.tasks.tagging.training.experiment import TaggingExperiment

        return TaggingExperiment(recipe)

    def load(self, path: Path, **options: Any) -> Tagger:
        """See :class:`dnatag.tasks.base.Task`; options are those of :meth:`Tagger.load`."""
        from dnatag.tasks.tagging.tagger import Tagger

        return Tagger.load(path, **options)


TASK = Tagging()

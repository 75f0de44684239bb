"""Tagging: every token of a sequence has a label, and runs of them are spans."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag.errors import InputError
from dnatag.registry import find_domain
from dnatag.report import Observer
from dnatag.tasks.base import Recipe, Task
from dnatag.tasks.tagging.settings import TaggingTraining

if TYPE_CHECKING:
    from dnatag.engine.objective import Objective
    from dnatag.tasks.tagging.tagger import Tagger
    from dnatag.tasks.tagging.training.experiment import TaggingExperiment

__all__ = ["TASK", "Tagging"]


class Tagging(Task):
    """Tags of tokens, by a BiLSTM-CRF; see :class:`dnatag.tasks.base.Task`."""

    name = "tagging"
    verb = "tag"
    summary = "Label the words of sentences, residues of proteins, frames of other sequences."
    command = "dnatag.cli.tag:command"
    training = TaggingTraining
    fine_tunes = True

    @property
    def objective(self) -> Objective:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.tasks.tagging.objective import label_likelihood

        return label_likelihood

    @property
    def decoder(self) -> Callable[..., Tagger]:
        """See :class:`dnatag.tasks.base.Task`; options are those of :meth:`Tagger.load`."""
        from dnatag.tasks.tagging.tagger import Tagger

        return Tagger.load

    def targets(self, metadata: Mapping[str, Any]) -> tuple[str, ...]:
        """See :class:`dnatag.tasks.base.Task`: types of spans, or tags."""
        from dnatag.tasks.tagging.schemes import OUTSIDE

        domain = find_domain(metadata["domain"]).for_task(self.name)
        try:
            labels = domain.load_labelling(metadata["targets"]).labels
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise InputError(f"its targets are not those of a tagger: {error}") from error
        return tuple(label for label in labels if label != OUTSIDE)

    def experiment(
        self, recipe: Recipe, start: Path | None, observer: Observer
    ) -> TaggingExperiment:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.tasks.tagging.model import load_token_model
        from dnatag.tasks.tagging.training.experiment import TaggedData, TaggingExperiment

        if start is None:
            return TaggingExperiment(recipe, TaggedData(recipe, observer))
        if recipe.network is not None:
            raise InputError(
                "the network has the size of the model to start from: leave [network] out of the "
                "recipe"
            )
        data = TaggedData(recipe, observer, load_token_model(start)[0])
        return TaggingExperiment(recipe, data, f", from the weights of {start.stem}")


TASK = Tagging()

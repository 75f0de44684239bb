"""Transcription: a sequence says a text, in its order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag.errors import InputError
from dnatag.report import Observer
from dnatag.tasks.base import Recipe, Task
from dnatag.tasks.ctc.settings import CtcTraining

if TYPE_CHECKING:
    from dnatag.engine.objective import Objective
    from dnatag.tasks.ctc.evaluation import TranscriptEvaluator
    from dnatag.tasks.ctc.training.experiment import CtcExperiment
    from dnatag.tasks.ctc.transcriber import Transcriber

__all__ = ["TASK", "Transcription"]


class Transcription(Task):
    """Texts of sequences, by a BiLSTM with CTC; see :class:`dnatag.tasks.base.Task`."""

    name = "ctc"
    verb = "transcribe"
    summary = "Write down what recordings say."
    command = "dnatag.cli.transcribe:command"
    training = CtcTraining

    @property
    def objective(self) -> Objective:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.tasks.ctc.objective import ctc_likelihood

        return ctc_likelihood

    @property
    def decoder(self) -> Callable[..., Transcriber]:
        """See :class:`dnatag.tasks.base.Task`; options are those of :meth:`Transcriber.load`."""
        from dnatag.tasks.ctc.transcriber import Transcriber

        return Transcriber.load

    @property
    def evaluator(self) -> TranscriptEvaluator:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.tasks.ctc.evaluation import TranscriptEvaluator

        return TranscriptEvaluator()

    def targets(self, metadata: Mapping[str, Any]) -> tuple[str, ...]:
        """See :class:`dnatag.tasks.base.Task`: the characters of texts."""
        try:
            return tuple("".join(str(metadata["targets"]["alphabet"]).split()))
        except (LookupError, TypeError) as error:
            raise InputError(f"its targets are not those of a transcriber: {error}") from error

    def experiment(self, recipe: Recipe, start: Path | None, observer: Observer) -> CtcExperiment:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.tasks.ctc.training.experiment import CtcExperiment

        return CtcExperiment(recipe, observer)


TASK = Transcription()

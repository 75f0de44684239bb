"""Translation: a text of another length and order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dnatag.report import Observer
from dnatag.tasks.base import Recipe, Task
from dnatag.tasks.seq2seq.settings import Seq2seqTraining

if TYPE_CHECKING:
    from dnatag.engine.objective import Objective
    from dnatag.tasks.seq2seq.evaluation import TranslationEvaluator
    from dnatag.tasks.seq2seq.training.experiment import Seq2seqExperiment
    from dnatag.tasks.seq2seq.translator import TextTranslator

__all__ = ["TASK", "SequenceTranslation"]


class SequenceTranslation(Task):
    """Translations by LSTMs with attention; see :class:`dnatag.tasks.base.Task`."""

    name = "seq2seq"
    verb = "translate"
    summary = "Translate texts, a line each."
    command = "dnatag.cli.translate:command"
    training = Seq2seqTraining

    @property
    def objective(self) -> Objective:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.tasks.seq2seq.objective import translation_likelihood

        return translation_likelihood

    @property
    def decoder(self) -> Callable[..., TextTranslator]:
        """See :class:`dnatag.tasks.base.Task`; options are those of :meth:`TextTranslator.load`."""
        from dnatag.tasks.seq2seq.translator import TextTranslator

        return TextTranslator.load

    @property
    def evaluator(self) -> TranslationEvaluator:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.tasks.seq2seq.evaluation import TranslationEvaluator

        return TranslationEvaluator()

    def experiment(
        self, recipe: Recipe, start: Path | None, observer: Observer
    ) -> Seq2seqExperiment:
        """See :class:`dnatag.tasks.base.Task`."""
        from dnatag.tasks.seq2seq.training.experiment import Seq2seqExperiment

        return Seq2seqExperiment(recipe, observer)


TASK = SequenceTranslation()

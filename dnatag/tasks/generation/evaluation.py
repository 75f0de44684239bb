"""Evaluation of generators: how probable pieces are to models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dnatag.errors import InputError
from dnatag.report import Observer, counted
from dnatag.tasks.evaluation import Evaluation, Evaluator, Rows

if TYPE_CHECKING:
    from dnatag.tasks.generation.generator import Likelihood

__all__ = ["GeneratorEvaluator", "measures"]


class GeneratorEvaluator(Evaluator):
    """Measures models by the likelihood of pieces: what is compared are model files."""

    files = "pieces and models that generate"
    formats = ("midi", "npy", "npz")

    def evaluate(
        self, reference: str, predictions: Mapping[str, str], observer: Observer, **options: Any
    ) -> Evaluation:
        """See :class:`dnatag.tasks.evaluation.Evaluator`; predictions are models."""
        from dnatag.formats.io.reading import display_name
        from dnatag.tasks.generation.generator import PieceGenerator

        scores: dict[str, dict[str, float]] = {}
        first: Likelihood | None = None
        for name, path in predictions.items():
            generator = PieceGenerator.load(path, "cpu")
            found = generator.likelihood(generator.pieces(reference))
            if not found.steps:
                raise InputError(f"{display_name(reference)}: is empty")
            first = first or found
            if found[1:] != first[1:]:
                raise InputError(
                    f"{name} has {found.steps} steps of these pieces, {next(iter(scores))} "
                    f"{first.steps}; evaluate models of different steps apart"
                )
            notes = generator.model.domain.counted[1]
            about = f"{counted(found.steps, 'steps')}, {counted(found.tokens, notes)}"
            scores[name] = measures(*found)
        rows: Rows = [("nats per step", "step_nats"), ("nats per note", "note_nats")]
        return Evaluation(about, rows, scores)


def measures(nats: float, steps: int, tokens: int) -> dict[str, float]:
    """Return the means over steps and over notes; NaN where there are none.

    Examples
    --------
    >>> measures(60.0, 10, 40)
    {'step_nats': 6.0, 'note_nats': 1.5}
    """
    nan = float("nan")
    return {
        "step_nats": nats / steps if steps else nan,
        "note_nats": nats / tokens if tokens else nan,
    }

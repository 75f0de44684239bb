"""The classifier: sequences to labels, each with its probability."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from dnatag.engine.batching import batches
from dnatag.engine.inference.classifier import ClassifierRunner
from dnatag.tasks.classification.model import ClassifierModel, load_classifier
from dnatag.tasks.features import join
from dnatag.tasks.predictor import Predictor, check_many

__all__ = ["CHUNK", "Classified", "SequenceClassifier"]

#: Tokens of a batch, padding included, and sequences that are sorted by length together.
BATCH_TOKENS = 2048
CHUNK = 1024


@dataclass(frozen=True)
class Classified:
    """A sequence with its label.

    Attributes
    ----------
    label : str
        The most probable label.
    score : float
        Its probability.
    scores : dict of str to float
        The probabilities of all labels, the most probable first.
    """

    label: str
    score: float
    scores: dict[str, float]


class SequenceClassifier(Predictor[ClassifierModel]):
    """Classifies sequences with a model; see :class:`dnatag.tasks.predictor.Predictor`."""

    read = staticmethod(load_classifier)

    def __init__(
        self, model: ClassifierModel, metadata: dict[str, Any], device: str, threads: int = 1
    ) -> None:
        super().__init__(model, metadata, device, threads)
        self._network = ClassifierRunner(model.networks, device)

    def classify(self, sequence: Any) -> Classified:
        """Classify one sequence: of text a string, of features an array (T, F)."""
        return next(self.classify_all([sequence], ahead=1))

    def classify_all(self, sequences: Iterable[Any], ahead: int = CHUNK) -> Iterator[Classified]:
        """Classify sequences, in their order.

        Parameters
        ----------
        sequences
            Each as for one; they are read as they are needed.
        ahead
            How many are read before the first of them is classified: with 1 each result comes as
            soon as it can, more are faster.

        Raises
        ------
        InputError
            If it is one sequence, or one of them is none that the model reads.
        """
        check_many(sequences, "classify", ahead)
        return map(self._classified, self.probabilities(sequences, ahead))

    def _classified(self, shares: np.ndarray) -> Classified:
        labels = self.model.labels
        order = np.argsort(-shares, kind="stable").tolist()
        scores = {labels[i]: float(shares[i]) for i in order}
        return Classified(labels[order[0]], float(shares[order[0]]), scores)

    def probabilities(self, sequences: Iterable[Any], ahead: int = CHUNK) -> Iterator[np.ndarray]:
        """Yield the probabilities of the labels of each sequence.

        Parameters
        ----------
        sequences, ahead
            As for their labels.

        Yields
        ------
        numpy.ndarray
            float64 (labels,), in the order of ``model.labels``.
        """
        rest = iter(sequences)
        # One sequence at a time has no work for a second thread.
        with self._network.pool(1 if ahead == 1 else self.threads) as pool:
            while chunk := list(islice(rest, ahead)):
                encoded = [self.model.featurizer.encode(sequence) for sequence in chunk]
                groups = list(batches([len(e) for e in encoded], BATCH_TOKENS))
                found = np.zeros((len(chunk), len(self.model.labels)))
                parts = pool.map(lambda group: self._of_group([encoded[i] for i in group]), groups)  # noqa: B023
                for group, part in zip(groups, parts, strict=True):
                    found[group] = part
                yield from found

    def _of_group(self, encoded: Sequence[Any]) -> np.ndarray:
        tokens = join(encoded)
        prepared = self._network.prepare(tokens.categories, tokens.features, tokens.parts)
        lengths = np.array([len(e) for e in encoded])
        logits = self._network.logits(prepared, np.arange(len(tokens)), lengths)
        powers = np.exp(_below_zero(logits.astype(float) / self.model.temperature))
        shares: np.ndarray = powers / powers.sum(1, keepdims=True)
        return shares


def _below_zero(logits: np.ndarray) -> np.ndarray:
    """Subtract the highest logit of each row, so that no power overflows."""
    shifted: np.ndarray = logits - logits.max(1, keepdims=True)
    return shifted

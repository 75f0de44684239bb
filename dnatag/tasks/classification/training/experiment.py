"""The training of classifiers: the sequences of a recipe, and the model that is trained on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from dnatag.engine.networks.classifier import Classifier
from dnatag.engine.networks.configs import ClassifierConfig
from dnatag.engine.networks.weights import ClassifierWeights
from dnatag.engine.objective import Metric
from dnatag.errors import InputError
from dnatag.report import Observer, counted
from dnatag.tasks.base import Recipe
from dnatag.tasks.classification.classifier import SequenceClassifier
from dnatag.tasks.classification.domain import ClassifyingDomain, LabelledSequence
from dnatag.tasks.classification.metrics import evaluate_labels
from dnatag.tasks.classification.model import ClassifierModel, load_classifier, save_classifier
from dnatag.tasks.classification.settings import ClassificationTraining
from dnatag.tasks.classification.training.batches import LabelledBatches, LabelledExample
from dnatag.tasks.corpora import SPLITS, Corpus
from dnatag.tasks.experiment import CorpusExperiment
from dnatag.tasks.temperature import best_temperature

__all__ = ["ClassificationExperiment"]

#: Sequences of which fewer than half may have a label of their own, and labels that are listed.
MANY, LISTED = 10, 9


class ClassificationExperiment(
    CorpusExperiment[LabelledSequence, Corpus[LabelledSequence], LabelledBatches]
):
    """A classifier to be trained; see :class:`dnatag.tasks.experiment.CorpusExperiment`.

    Parameters
    ----------
    recipe : Recipe
        A recipe of the classification task.
    observer : Observer
        Receives warnings.

    Raises
    ------
    InputError
        If a file cannot be read, no sequence can be trained on, there is only one label, or most
        sequences have a label of their own.
    """

    kind = "A classifier"
    warmup = 0.5
    counted = "sequences"

    def __init__(self, recipe: Recipe, observer: Observer) -> None:
        self.observer = observer
        self.domain: ClassifyingDomain = recipe.domain
        self.settings: ClassificationTraining = recipe.training
        super().__init__(recipe, self.domain.read(recipe.corpora))
        train = self.split("train")
        if not train:
            raise InputError("no [[corpus]] names sequences to train on ('train')")
        counts = Counter(one.label for one in train)
        self.labels = tuple(sorted(counts))
        if len(self.labels) < 2:
            raise InputError(f"all sequences to train on have one label, {self.labels[0]!r}")
        if len(train) >= MANY and 2 * len(counts) > len(train):
            raise InputError(
                f"{len(train)} sequences to train on have {len(counts)} different labels, such as "
                f"{self.labels[0]!r}: perhaps labels and texts have changed places"
            )
        self.summary += f"; {_listed(counts)}"
        for split in ("validate", "test"):
            self._check_labels(split)
        self.featurizer = self.domain.featurizer(
            [one.sequence for one in train], self.network, recipe.files
        )
        self.config = ClassifierConfig(
            self.domain.encoder_config(self.featurizer, self.network),
            len(self.labels),
            self.network.units,
            self.network.pooling,
        )

    def _check_labels(self, split: str) -> None:
        """Report labels that are not trained on; refuse data to validate on that have no others."""
        labels = [one.label for one in self.split(split)]
        unknown = sorted(set(labels).difference(self.labels))
        if not unknown:
            return
        number = sum(label in unknown for label in labels)
        what = f"{number} of {len(labels)} sequences {SPLITS[split]} have labels that are not"
        message = f"{what} trained on, such as {unknown[0]!r}"
        if split == "validate" and number == len(labels):
            raise InputError(message)
        self.observer.note(f"warning: {message}")

    def amount(self, sequences: Sequence[LabelledSequence]) -> str:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        return counted(len(sequences), self.domain.counted)

    def examples(self, split: str) -> list[LabelledExample]:
        """Return the sequences of a split but the empty ones and those of labels never seen."""
        number = {label: i for i, label in enumerate(self.labels)}
        return [
            LabelledExample(one.sequence, length, number[one.label], self.featurizer, corpus.weight)
            for corpus in self.corpora
            for one in corpus.splits[split]
            if one.label in number and (length := len(self.featurizer.encode(one.sequence)))
        ]

    def batches(
        self, train: Sequence[LabelledExample], validate: Sequence[LabelledExample], seed: int
    ) -> LabelledBatches:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        return LabelledBatches(train, validate, self.featurizer, self.settings.batch, seed)

    def metric(self, batches: LabelledBatches) -> Metric | None:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        number = len(self.split("validate"))
        return Metric("accuracy", _Accuracy(batches, number)) if batches.validate else None

    def build(self, number: int) -> Classifier:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        network = Classifier(self.config)
        first = self.domain.first_weights(self.featurizer, self.network)
        weights = network.tokens.state_dict()
        for name, array in first.items():
            weights[name].copy_(torch.from_numpy(array))
        return network

    def save(
        self, path: Path, networks: Sequence[torch.nn.Module], about: Mapping[str, Any]
    ) -> None:
        """See :class:`dnatag.tasks.base.Experiment`."""
        own = [network for network in networks if isinstance(network, Classifier)]
        model = ClassifierModel(
            self.domain,
            self.featurizer,
            tuple(map(ClassifierWeights.of, own)),
            self.labels,
            self._temperature(own),
        )
        save_classifier(path, model, dict(about))

    def _temperature(self, networks: Sequence[Classifier]) -> float:
        """Choose the temperature of the networks together on the sequences to validate on."""
        source = self.runs[0].source
        assert isinstance(source, LabelledBatches)
        if not source.validate:
            return 1.0
        found = [_logits(network, source) for network in networks]
        logits = torch.stack([logits for logits, _ in found]).mean(0).double()
        labels = found[0][1]
        return best_temperature(
            lambda inverse: float(torch.nn.functional.cross_entropy(inverse * logits, labels))
        )

    def load(self, path: Path, device: str, threads: int) -> SequenceClassifier:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        return SequenceClassifier(*load_classifier(path), device, threads)

    def measure(
        self, predictor: SequenceClassifier, corpus: Corpus[LabelledSequence], split: str
    ) -> dict[str, float]:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        sequences = corpus.splits[split]
        found = list(predictor.classify_all(one.sequence for one in sequences))
        scores = evaluate_labels(
            [one.label for one in sequences],
            [one.label for one in found],
            [one.score for one in found],
        )
        return {
            "accuracy": scores.accuracy,
            "macro_f1": scores.macro_f1,
            "calibration_error": scores.calibration_error or 0.0,
        }

    def notes(self) -> list[str]:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        calibrated = (
            "Probabilities are calibrated on the sequences to validate on."
            if self.split("validate")
            else "Probabilities are not calibrated: there was nothing to validate on."
        )
        return [*super().notes(), f"Labels: {', '.join(self.labels)}.", calibrated]


def _listed(counts: Counter[str]) -> str:
    """Write the labels and how often they occur; of many the most and the least common.

    Examples
    --------
    >>> _listed(Counter(good=3, bad=1))
    '2 labels: good 3, bad 1'
    >>> _listed(Counter({str(i): i for i in range(1, 30)}))
    '29 labels: 29 29, 28 28, 27 27, 26 26, 25 25, 24 24, ..., 3 3, 2 2, 1 1'
    """
    common = [f"{label} {number}" for label, number in counts.most_common()]
    if len(common) > LISTED:
        common[LISTED - 3 : -3] = ["..."]
    return f"{len(counts)} labels: {', '.join(common)}"


class _Accuracy:
    """Measures a network on the sequences to validate on; those of unknown labels are wrong."""

    def __init__(self, batches: LabelledBatches, number: int) -> None:
        self._batches = batches
        self._number = number

    def __call__(self, network: Classifier) -> float:
        logits, labels = _logits(network, self._batches)
        return float((logits.argmax(1) == labels).sum()) / self._number


@torch.no_grad()
def _logits(network: Classifier, source: LabelledBatches) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits and labels of the sequences to validate on."""
    device = next(network.parameters()).device
    found = [
        (network(*(x.to(device) for x in batch.inputs), batch.lengths.to(device)).float().cpu(),
         batch.targets["label"])
        for batch in source.validation()
    ]  # fmt: skip
    logits, labels = zip(*found, strict=True)
    return torch.cat(logits), torch.cat(labels)

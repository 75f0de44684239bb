"""The training of classifiers: the sequences of a recipe, and the model that is trained on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from dnatag.engine.networks.classifier import Classifier
from dnatag.engine.networks.configs import ClassifierConfig
from dnatag.engine.networks.weights import ClassifierWeights
from dnatag.engine.objective import Metric
from dnatag.engine.training.config import TrainingConfig
from dnatag.engine.training.loop import Outcome
from dnatag.errors import InputError
from dnatag.models.card import make_card, markdown_table
from dnatag.report import counted
from dnatag.tasks.base import Experiment, NetworkRun, Recipe
from dnatag.tasks.classification.classifier import SequenceClassifier
from dnatag.tasks.classification.domain import ClassifyingDomain, LabelledSequence
from dnatag.tasks.classification.metrics import evaluate_labels
from dnatag.tasks.classification.model import ClassifierModel, load_classifier, save_classifier
from dnatag.tasks.classification.objective import best_temperature
from dnatag.tasks.classification.settings import ClassificationTraining
from dnatag.tasks.classification.training.batches import LabelledBatches, LabelledExample

__all__ = ["ClassificationExperiment"]

#: Between the seeds of a model's networks, so that models of nearby seeds share none.
SEEDS = 1000
_SPLITS = {"train": "to train on", "validate": "to validate on", "test": "to test on"}


class ClassificationExperiment(Experiment):
    """A classifier to be trained; see :class:`dnatag.tasks.base.Experiment`.

    Parameters
    ----------
    recipe : Recipe
        A recipe of the classification task.

    Raises
    ------
    InputError
        If a file cannot be read, no sequence can be trained on, or there is only one label.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.domain: ClassifyingDomain = recipe.domain
        self.settings: ClassificationTraining = recipe.training
        self.network = recipe.network or self.domain.network()
        self.corpora = self.domain.read(recipe.corpora)
        train = self.split("train")
        if not train:
            raise InputError("no [[corpus]] names sequences to train on ('train')")
        self.labels = tuple(sorted({one.label for one in train}))
        if len(self.labels) < 2:
            raise InputError(f"all sequences to train on have one label, {self.labels[0]!r}")
        self.featurizer = self.domain.featurizer(
            [one.sequence for one in train], self.network, recipe.files
        )
        self.config = ClassifierConfig(
            self.domain.encoder_config(self.featurizer, self.network),
            len(self.labels),
            self.network.units,
            self.network.pooling,
        )
        self.summary = "; ".join(
            f"{counted(len(sequences), self.domain.counted)} {what}"
            for name, what in _SPLITS.items()
            if (sequences := self.split(name))
        )
        self.about = {
            "licence": recipe.licence,
            "training": {
                "corpora": [
                    corpus.files
                    | {f"{name}_sequences": len(corpus.splits[name]) for name in _SPLITS}
                    | {"weight": corpus.weight}
                    for corpus in self.corpora
                ],
                "network": asdict(self.network),
                "loop": asdict(self.settings),
            },
        }

    def split(self, name: str) -> list[LabelledSequence]:
        """Return all sequences of a split."""
        return [one for corpus in self.corpora for one in corpus.splits[name]]

    def examples(self, split: str) -> list[LabelledExample]:
        """Return the sequences of a split but the empty ones and those of labels never seen."""
        number = {label: i for i, label in enumerate(self.labels)}
        return [
            LabelledExample(one.sequence, length, number[one.label], self.featurizer, corpus.weight)
            for corpus in self.corpora
            for one in corpus.splits[split]
            if one.label in number and (length := len(self.featurizer.encode(one.sequence)))
        ]

    @cached_property
    def runs(self) -> Sequence[NetworkRun]:  # type: ignore[override]
        """One for each network of the model."""
        train, validate = self.examples("train"), self.examples("validate")
        if not train:
            raise InputError(f"all {self.domain.counted} to train on are empty")
        runs = []
        for number in range(self.settings.networks):
            seed = self.settings.seed + number * SEEDS
            batches = LabelledBatches(train, validate, self.featurizer, self.settings.batch, seed)
            metric = Metric("accuracy", _Accuracy(batches)) if validate else None
            schedule = _schedule(self.settings, batches)
            runs.append(NetworkRun(self._build, batches, schedule, metric))
        return runs

    def _build(self) -> Classifier:
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
        logits = torch.stack([logits for logits, _ in found]).mean(0)
        return best_temperature(logits, found[0][1])

    def score(
        self,
        path: Path,
        outcomes: Sequence[Outcome],
        device: torch.device,
        threads: int,
    ) -> dict[str, Any]:
        """See :class:`dnatag.tasks.base.Experiment`; several corpora are scored one by one."""
        model, about = load_classifier(path)
        classifier = SequenceClassifier(model, about, str(device), threads)
        result = {}
        for split in ("validate", "test"):
            for number, corpus in enumerate(self.corpora, 1):
                if sequences := corpus.splits[split]:
                    name = split if len(self.corpora) == 1 else f"{split} {number}"
                    result[name] = _score(classifier, sequences)
        return result

    def card(self, name: str, about: Mapping[str, Any]) -> str:
        """See :class:`dnatag.tasks.base.Experiment`."""
        scores = about["scores"]
        rows = [[split, *(f"{100 * value:.2f}" for value in row.values())]
                for split, row in scores.items()]  # fmt: skip
        measures = ["", *next(iter(scores.values()), {})]
        return make_card(
            about,
            self.recipe.card or f"# {name}\n\nA classifier of {self.domain.name}.",
            [f"{self.summary}.", f"Labels: {', '.join(self.labels)}."],
            ["In percent.", "", *markdown_table(measures, rows)] if scores else [],
        )


class _Accuracy:
    """Measures a network on the sequences to validate on."""

    def __init__(self, batches: LabelledBatches) -> None:
        self._batches = batches

    def __call__(self, network: Classifier) -> float:
        logits, labels = _logits(network, self._batches)
        return float((logits.argmax(1) == labels).double().mean())


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


def _score(
    classifier: SequenceClassifier, sequences: Sequence[LabelledSequence]
) -> dict[str, float]:
    found = list(classifier.classify_all(one.sequence for one in sequences))
    scores = evaluate_labels(
        [one.label for one in sequences],
        [one.label for one in found],
        [one.score for one in found],
    )
    measures = {
        "accuracy": scores.accuracy,
        "macro_f1": scores.macro_f1,
        "calibration_error": scores.calibration_error or 0.0,
    }
    return {name: round(value, 5) for name, value in measures.items()}


def _schedule(settings: ClassificationTraining, batches: LabelledBatches) -> TrainingConfig:
    """Return the schedule of a network."""
    steps = batches.steps(settings.epochs)
    epoch = max(steps // settings.epochs, 1)
    return TrainingConfig(
        steps=steps,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        warmup=epoch // 2,
        clip=settings.clip,
        validate_every=max(epoch // settings.validations, 1),
        patience=steps,
        average=settings.average,
        seed=batches.seed,
    )

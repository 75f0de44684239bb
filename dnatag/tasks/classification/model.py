"""A classifier's file: networks, the featurizer of a domain, and labels with their temperature."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dnatag.engine.networks.configs import ClassifierConfig
from dnatag.engine.networks.weights import ClassifierWeights
from dnatag.tasks.classification.domain import ClassifyingDomain
from dnatag.tasks.features import Featurizer
from dnatag.tasks.network_file import Contents, NetworkFile

__all__ = ["ClassifierModel", "load_classifier", "save_classifier"]

_FILE = NetworkFile("classification", "classifier", ClassifierConfig)


@dataclass(frozen=True)
class ClassifierModel:
    """All that classifies the sequences of a domain.

    Parameters
    ----------
    domain : ClassifyingDomain
        Where the sequences are from.
    featurizer : Featurizer
        Sequences to numbers.
    networks : tuple of ClassifierWeights
        Numbers to logits; what counts is the mean of theirs. All of one configuration.
    labels : tuple of str
        What the logits are for.
    temperature : float
        Divisor of the logits.
    """

    domain: ClassifyingDomain
    featurizer: Featurizer
    networks: tuple[ClassifierWeights, ...]
    labels: tuple[str, ...]
    temperature: float


def save_classifier(path: Path, model: ClassifierModel, metadata: dict[str, Any]) -> None:
    """Write a model file; see :meth:`dnatag.tasks.network_file.NetworkFile.save`."""
    targets = {"labels": list(model.labels), "temperature": model.temperature}
    members = [member.arrays for member in model.networks]
    known = model.featurizer.to_arrays()
    contents = Contents(model.domain, model.networks[0].config, members, known, targets)
    _FILE.save(path, contents, metadata)


def load_classifier(path: Path) -> tuple[ClassifierModel, dict[str, Any]]:
    """Read a model file; see :meth:`dnatag.tasks.network_file.NetworkFile.load`."""
    with _FILE.load(path) as (stored, metadata):
        domain, config, targets = stored.domain, stored.config, stored.targets
        featurizer = domain.load_featurizer(stored.featurizer)
        config.tokens.check_inputs(domain.encoder_config(featurizer, domain.network()))
        labels, temperature = tuple(map(str, targets["labels"])), float(targets["temperature"])
        if len(labels) != config.labels or not temperature > 0:
            raise ValueError(f"there are no such labels: {targets}")
        networks = tuple(ClassifierWeights(config, weights) for weights in stored.members)
        model = ClassifierModel(domain, featurizer, networks, labels, temperature)
    return model, metadata

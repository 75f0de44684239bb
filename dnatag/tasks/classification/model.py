"""A classifier's file: networks, the featurizer of a domain, and labels with their temperature."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dnatag.engine.networks.configs import ClassifierConfig
from dnatag.engine.networks.weights import ClassifierWeights
from dnatag.models.file import check_task, load_model, save_model
from dnatag.registry import find_domain
from dnatag.tasks.classification.domain import ClassifyingDomain
from dnatag.tasks.features import Featurizer
from dnatag.tasks.members import pack_members, refuse_damaged, unpack_members

__all__ = ["TASK", "ClassifierModel", "load_classifier", "save_classifier"]

#: What model files of classifiers name as their task and network.
TASK, _NETWORK = "classification", "classifier"


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
    """Write a model file; weights are rounded to half precision.

    Parameters
    ----------
    path : Path
        The file to write.
    model : ClassifierModel
        The model.
    metadata : dict
        Training data, date, scores, licence, card.
    """
    described = {
        "domain": model.domain.name,
        "task": TASK,
        "network": {
            "type": _NETWORK,
            "config": model.networks[0].config.to_dict(),
            "members": len(model.networks),
        },
        "featurizer": {},
        "targets": {"labels": list(model.labels), "temperature": model.temperature},
    }
    members = [member.arrays for member in model.networks]
    save_model(path, pack_members(members, model.featurizer.to_arrays()), described | metadata)


def load_classifier(path: Path) -> tuple[ClassifierModel, dict[str, Any]]:
    """Read a model file.

    Parameters
    ----------
    path : Path
        A file that :func:`save_classifier` wrote.

    Returns
    -------
    model : ClassifierModel
    metadata : dict

    Raises
    ------
    InputError
        If it is no model file, or not of a classifier.
    """
    arrays, metadata = load_model(path)
    check_task(path, metadata, TASK)
    domain: ClassifyingDomain = find_domain(metadata["domain"]).for_task(TASK)
    with refuse_damaged(path, domain.name):
        about, targets = metadata["network"], metadata["targets"]
        # Each layer of each network has arrays of its own.
        if about["type"] != _NETWORK or about["config"]["tokens"]["layers"] > len(arrays):
            raise ValueError(f"there is no such network: {about}")
        members, known = unpack_members(arrays, about["members"])
        config = ClassifierConfig.from_dict(about["config"])
        featurizer = domain.load_featurizer(known)
        config.tokens.check_inputs(domain.encoder_config(featurizer, domain.network()))
        labels, temperature = tuple(map(str, targets["labels"])), float(targets["temperature"])
        if len(labels) != config.labels or not temperature > 0:
            raise ValueError(f"there are no such labels: {targets}")
        model = ClassifierModel(
            domain,
            featurizer,
            tuple(ClassifierWeights(config, weights) for weights in members),
            labels,
            temperature,
        )
    return model, metadata

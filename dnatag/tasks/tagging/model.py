"""A tagger's file: the networks, the featurizer and the labelling of a domain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dnatag.engine.networks.token_tagger import TokenTagger, TokenTaggerConfig
from dnatag.errors import InputError
from dnatag.models.file import load_model, save_model
from dnatag.tasks.tagging.domain import DOMAINS, Domain, Featurizer, Labelling, find_domain

__all__ = ["TokenModel", "load", "save"]

_ENCODER = "encoder_of_tokens."


@dataclass(frozen=True)
class TokenModel:
    """All that tags the tokens of a domain.

    Parameters
    ----------
    domain : Domain
        Where the tokens are from.
    featurizer : Featurizer
        Tokens to numbers.
    networks : tuple of TokenTagger
        Numbers to scores; what counts is the mean of theirs. All of one configuration.
    labelling : Labelling
        What the states of its grammar mean.
    """

    domain: Domain
    featurizer: Featurizer
    networks: tuple[TokenTagger, ...]
    labelling: Labelling


def save(path: Path, model: TokenModel, metadata: dict[str, Any]) -> None:
    """Write a model file; weights are rounded to half precision.

    Parameters
    ----------
    path : Path
        Where to.
    model : TokenModel
        The model.
    metadata : dict
        Training data, date, scores, licence, card.
    """
    described = {
        "domain": model.domain.name,
        "configuration": model.networks[0].config.to_dict(),
        "networks": len(model.networks),
        "labels": model.labelling.to_dict(),
    }
    tensors = {
        f"{number}.{key}": weights.half()
        for number, network in enumerate(model.networks)
        for key, weights in network.state_dict().items()
    }
    for key, array in model.featurizer.to_arrays().items():
        tensors[_ENCODER + key] = torch.tensor(array)
    save_model(path, tensors, described | metadata)


def load(path: Path) -> tuple[TokenModel, dict[str, Any]]:
    """Read a model file.

    Parameters
    ----------
    path : Path
        A file that :func:`save` wrote.

    Returns
    -------
    model : TokenModel
        Its networks in evaluation mode.
    metadata : dict

    Raises
    ------
    InputError
        If it is no model file, or not of tokens.
    """
    tensors, metadata = load_model(path)
    name = metadata.get("domain")
    if name not in DOMAINS:
        hint = "that is for 'dnatag predict'" if name == "genes" else "choose another"
        raise InputError(f"{path} is a model of {name!r}, not of {' or '.join(DOMAINS)}; {hint}")
    domain = find_domain(name)
    try:
        arrays = {k: tensors.pop(k).numpy() for k in list(tensors) if k.startswith(_ENCODER)}
        featurizer = domain.load_featurizer(
            {k.removeprefix(_ENCODER): v for k, v in arrays.items()}
        )
        labelling = domain.load_labelling(metadata["labels"])
        config = TokenTaggerConfig.from_dict(metadata["configuration"])
        networks = [TokenTagger(config, labelling.grammar) for _ in range(metadata["networks"])]
        weights = {k: v.float() for k, v in tensors.items()}
        torch.nn.ModuleList(networks).eval().load_state_dict(weights)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} does not hold a whole model of {name}: {reason}") from error
    return TokenModel(domain, featurizer, tuple(networks), labelling), metadata

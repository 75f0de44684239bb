"""A tagger's file: the networks, the featurizer and the labelling of a domain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dnatag.engine.networks.configs import TokenTaggerConfig
from dnatag.engine.networks.weights import TokenWeights
from dnatag.models.file import check_task, load_model, save_model
from dnatag.registry import find_domain
from dnatag.tasks.features import Featurizer
from dnatag.tasks.members import pack_members, refuse_damaged, unpack_members
from dnatag.tasks.tagging.domain import Labelling, TaggingDomain

__all__ = ["TokenModel", "load_token_model", "save_token_model"]

#: What model files of taggers name as their task and network.
_TASK, _NETWORK = "tagging", "token_tagger"


@dataclass(frozen=True)
class TokenModel:
    """All that tags the tokens of a domain.

    Parameters
    ----------
    domain : TaggingDomain
        Where the tokens are from.
    featurizer : Featurizer
        Tokens to numbers.
    networks : tuple of TokenWeights
        Numbers to scores; what counts is the mean of theirs. All of one configuration.
    labelling : Labelling
        What the states of its grammar mean.
    """

    domain: TaggingDomain
    featurizer: Featurizer
    networks: tuple[TokenWeights, ...]
    labelling: Labelling


def save_token_model(path: Path, model: TokenModel, metadata: dict[str, Any]) -> None:
    """Write a model file; weights are rounded to half precision.

    Parameters
    ----------
    path : Path
        The file to write.
    model : TokenModel
        The model.
    metadata : dict
        Training data, date, scores, licence, card.
    """
    network = {
        "type": _NETWORK,
        "config": model.networks[0].config.to_dict(),
        "members": len(model.networks),
    }
    described = {
        "domain": model.domain.name,
        "task": _TASK,
        "network": network,
        "featurizer": {},
        "targets": model.labelling.to_dict(),
    }
    members = [member.arrays for member in model.networks]
    arrays = pack_members(members, model.featurizer.to_arrays())
    save_model(path, arrays, described | metadata)


def load_token_model(path: Path) -> tuple[TokenModel, dict[str, Any]]:
    """Read a model file.

    Parameters
    ----------
    path : Path
        A file that :func:`save_token_model` wrote.

    Returns
    -------
    model : TokenModel
    metadata : dict

    Raises
    ------
    InputError
        If it is no model file, or not of tokens.
    """
    arrays, metadata = load_model(path)
    check_task(path, metadata, _TASK)
    domain: TaggingDomain = find_domain(metadata["domain"]).for_task(_TASK)
    with refuse_damaged(path, domain.name):
        about = metadata["network"]
        # Each layer of each network has arrays of its own.
        if about["type"] != _NETWORK or about["config"]["layers"] > len(arrays):
            raise ValueError(f"there is no such network: {about}")
        members, known = unpack_members(arrays, about["members"])
        featurizer = domain.load_featurizer(known)
        labelling = domain.load_labelling(metadata["targets"])
        config = TokenTaggerConfig.from_dict(about["config"])
        config.check_inputs(domain.tagger_config(featurizer, domain.network()))
        networks = [TokenWeights(config, labelling.grammar, weights) for weights in members]
    return TokenModel(domain, featurizer, tuple(networks), labelling), metadata

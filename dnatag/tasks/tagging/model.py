"""A tagger's file: the networks, the featurizer and the labelling of a domain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dnatag.engine.networks.configs import TokenTaggerConfig
from dnatag.engine.networks.weights import TokenWeights
from dnatag.tasks.features import Featurizer
from dnatag.tasks.network_file import Contents, NetworkFile
from dnatag.tasks.tagging.domain import Labelling, TaggingDomain

__all__ = ["TokenModel", "load_token_model", "save_token_model"]

_FILE = NetworkFile("tagging", "token_tagger", TokenTaggerConfig)


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
    """Write a model file; see :meth:`dnatag.tasks.network_file.NetworkFile.save`."""
    members = [member.arrays for member in model.networks]
    known, targets = model.featurizer.to_arrays(), model.labelling.to_dict()
    contents = Contents(model.domain, model.networks[0].config, members, known, targets)
    _FILE.save(path, contents, metadata)


def load_token_model(path: Path) -> tuple[TokenModel, dict[str, Any]]:
    """Read a model file; see :meth:`dnatag.tasks.network_file.NetworkFile.load`."""
    with _FILE.load(path) as (stored, metadata):
        domain, config = stored.domain, stored.config
        featurizer = domain.load_featurizer(stored.featurizer)
        labelling = domain.load_labelling(stored.targets)
        config.check_inputs(domain.tagger_config(featurizer, domain.network()))
        networks = [TokenWeights(config, labelling.grammar, weights) for weights in stored.members]
        model = TokenModel(domain, featurizer, tuple(networks), labelling)
    return model, metadata

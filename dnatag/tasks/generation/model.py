"""A generator's file: the network and what writes pieces as tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dnatag.engine.networks.configs import TokenTaggerConfig
from dnatag.models.file import check_task, load_model, save_model
from dnatag.registry import find_domain
from dnatag.tasks.generation.domain import GeneratingDomain, TokenWriter
from dnatag.tasks.members import pack_members, refuse_damaged, unpack_members

__all__ = ["TASK", "GeneratorModel", "load_generator", "save_generator"]

#: What model files of generators name as their task and network.
TASK, _NETWORK = "generation", "token_generator"


@dataclass(frozen=True)
class GeneratorModel:
    """All that generates the pieces of a domain.

    Parameters
    ----------
    domain : GeneratingDomain
        Where the pieces are from.
    writer : TokenWriter
        Pieces to tokens and back.
    config : TokenTaggerConfig
        Size of the network.
    arrays : mapping of str to numpy.ndarray
        Its weights.
    """

    domain: GeneratingDomain
    writer: TokenWriter
    config: TokenTaggerConfig
    arrays: Mapping[str, np.ndarray]


def save_generator(path: Path, model: GeneratorModel, metadata: dict[str, Any]) -> None:
    """Write a model file; weights are rounded to half precision.

    Parameters
    ----------
    path : Path
        The file to write.
    model : GeneratorModel
        The model.
    metadata : dict
        Training data, date, scores, licence, card.
    """
    described = {
        "domain": model.domain.name,
        "task": TASK,
        "network": {"type": _NETWORK, "config": model.config.to_dict(), "members": 1},
        "featurizer": {},
        "targets": {"tokens": model.writer.tokens},
    }
    arrays = pack_members([model.arrays], model.writer.to_arrays())
    save_model(path, arrays, described | metadata)


def load_generator(path: Path) -> tuple[GeneratorModel, dict[str, Any]]:
    """Read a model file.

    Parameters
    ----------
    path : Path
        A file that :func:`save_generator` wrote.

    Returns
    -------
    model : GeneratorModel
    metadata : dict

    Raises
    ------
    InputError
        If it is no model file, or not of a generator.
    """
    arrays, metadata = load_model(path)
    check_task(path, metadata, TASK)
    domain: GeneratingDomain = find_domain(metadata["domain"]).for_task(TASK)
    with refuse_damaged(path, domain.name):
        about = metadata["network"]
        # Each layer of the network has arrays of its own.
        if about["type"] != _NETWORK or about["config"]["layers"] > len(arrays):
            raise ValueError(f"there is no such network: {about}")
        (weights,), known = unpack_members(arrays, about["members"])
        writer = domain.load_writer(known)
        config = TokenTaggerConfig.from_dict(about["config"])
    return GeneratorModel(domain, writer, config, weights), metadata

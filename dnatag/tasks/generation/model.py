"""A generator's file: the network and what writes pieces as tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dnatag.engine.networks.configs import TokenTaggerConfig
from dnatag.tasks.generation.domain import GeneratingDomain, TokenWriter
from dnatag.tasks.network_file import Contents, NetworkFile

__all__ = ["GeneratorModel", "load_generator", "save_generator"]

_FILE = NetworkFile("generation", "token_generator", TokenTaggerConfig)


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
    """Write a model file; see :meth:`dnatag.tasks.network_file.NetworkFile.save`."""
    targets = {"tokens": model.writer.tokens}
    known = model.writer.to_arrays()
    contents = Contents(model.domain, model.config, [model.arrays], known, targets)
    _FILE.save(path, contents, metadata)


def load_generator(path: Path) -> tuple[GeneratorModel, dict[str, Any]]:
    """Read a model file; see :meth:`dnatag.tasks.network_file.NetworkFile.load`."""
    with _FILE.load(path) as (stored, metadata):
        (weights,) = stored.members
        writer = stored.domain.load_writer(stored.featurizer)
        model = GeneratorModel(stored.domain, writer, stored.config, weights)
    return model, metadata

"""A translator's file: the network and what knows its tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dnatag.engine.networks.configs import TranslatorConfig
from dnatag.models.file import check_task, load_model, save_model
from dnatag.registry import find_domain
from dnatag.tasks.members import pack_members, refuse_damaged, unpack_members
from dnatag.tasks.seq2seq.domain import TokenCoder, TranslatingDomain

__all__ = ["TASK", "TranslatorModel", "load_translator", "save_translator"]

#: What model files of translators name as their task and network.
TASK, _NETWORK = "seq2seq", "translator"


@dataclass(frozen=True)
class TranslatorModel:
    """All that translates the texts of a domain.

    Parameters
    ----------
    domain : TranslatingDomain
        Where the texts are from.
    coder : TokenCoder
        Texts to tokens and back.
    config : TranslatorConfig
        Size of the network.
    arrays : mapping of str to numpy.ndarray
        Its weights.
    beam : int
        Hypotheses that the search keeps.
    """

    domain: TranslatingDomain
    coder: TokenCoder
    config: TranslatorConfig
    arrays: Mapping[str, np.ndarray]
    beam: int


def save_translator(path: Path, model: TranslatorModel, metadata: dict[str, Any]) -> None:
    """Write a model file; weights are rounded to half precision.

    Parameters
    ----------
    path : Path
        The file to write.
    model : TranslatorModel
        The model.
    metadata : dict
        Training data, date, scores, licence, card.
    """
    described = {
        "domain": model.domain.name,
        "task": TASK,
        "network": {"type": _NETWORK, "config": model.config.to_dict(), "members": 1},
        "featurizer": {},
        "targets": {"tokens": model.coder.tokens, "beam": model.beam},
    }
    arrays = pack_members([model.arrays], model.coder.to_arrays())
    save_model(path, arrays, described | metadata)


def load_translator(path: Path) -> tuple[TranslatorModel, dict[str, Any]]:
    """Read a model file.

    Parameters
    ----------
    path : Path
        A file that :func:`save_translator` wrote.

    Returns
    -------
    model : TranslatorModel
    metadata : dict

    Raises
    ------
    InputError
        If it is no model file, or not of a translator.
    DnatagError
        If a library that its domain needs is not installed.
    """
    arrays, metadata = load_model(path)
    check_task(path, metadata, TASK)
    domain: TranslatingDomain = find_domain(metadata["domain"]).for_task(TASK)
    with refuse_damaged(path, domain.name):
        about = metadata["network"]
        # Each layer of the network has arrays of its own.
        if about["type"] != _NETWORK or about["config"]["layers"] > len(arrays):
            raise ValueError(f"there is no such network: {about}")
        (weights,), known = unpack_members(arrays, about["members"])
        coder, beam = domain.load_coder(known), int(metadata["targets"]["beam"])
        config = TranslatorConfig.from_dict(about["config"])
        if config.tokens != coder.tokens or beam < 1:
            raise ValueError(f"there are {coder.tokens} tokens, not {config.tokens}")
    return TranslatorModel(domain, coder, config, weights, beam), metadata

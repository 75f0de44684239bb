"""A translator's file: the network and what knows its tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dnatag.engine.networks.configs import TranslatorConfig
from dnatag.tasks.network_file import Contents, NetworkFile
from dnatag.tasks.seq2seq.domain import TokenCoder, TranslatingDomain

__all__ = ["TranslatorModel", "load_translator", "save_translator"]

_FILE = NetworkFile("seq2seq", "translator", TranslatorConfig)


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
    """Write a model file; see :meth:`dnatag.tasks.network_file.NetworkFile.save`."""
    targets = {"tokens": model.coder.tokens, "beam": model.beam}
    known = model.coder.to_arrays()
    contents = Contents(model.domain, model.config, [model.arrays], known, targets)
    _FILE.save(path, contents, metadata)


def load_translator(path: Path) -> tuple[TranslatorModel, dict[str, Any]]:
    """Read a model file; see :meth:`dnatag.tasks.network_file.NetworkFile.load`."""
    with _FILE.load(path) as (stored, metadata):
        (weights,) = stored.members
        coder, beam = stored.domain.load_coder(stored.featurizer), int(stored.targets["beam"])
        if stored.config.tokens != coder.tokens or beam < 1:
            raise ValueError(f"there are {coder.tokens} tokens, not {stored.config.tokens}")
        model = TranslatorModel(stored.domain, coder, stored.config, weights, beam)
    return model, metadata

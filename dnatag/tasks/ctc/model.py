"""A transcriber's file: network, featurizer, alphabet, and n-gram model of the texts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dnatag.engine.networks.configs import TokenTaggerConfig
from dnatag.engine.networks.weights import EncoderWeights
from dnatag.models.file import check_task, load_model, save_model
from dnatag.registry import find_domain
from dnatag.tasks.ctc.domain import SoundFeaturizer, TranscribingDomain
from dnatag.tasks.ctc.ngrams import NgramModel
from dnatag.tasks.ctc.search import SearchSettings
from dnatag.tasks.members import pack_members, refuse_damaged, unpack_members

__all__ = ["TASK", "TranscriberModel", "load_transcriber", "save_transcriber"]

#: What model files of transcribers name as their task and network.
TASK, _NETWORK = "ctc", "token_encoder"
_GRAMS, _COUNTS = "featurizer.ngram.grams", "featurizer.ngram.counts"
#: Symbols are bytes, and 0 is the blank.
MOST_SYMBOLS = 254


@dataclass(frozen=True)
class TranscriberModel:
    """All that transcribes the sequences of a domain.

    Parameters
    ----------
    domain : TranscribingDomain
        Where the sequences are from.
    featurizer : SoundFeaturizer
        Sequences to numbers.
    network : EncoderWeights
        Numbers to scores of the blank and of the symbols.
    alphabet : str
        The symbols.
    language : NgramModel or None
        Of the symbols, numbered from 1.
    search : SearchSettings
        How the scores and the n-gram model are weighed.
    """

    domain: TranscribingDomain
    featurizer: SoundFeaturizer
    network: EncoderWeights
    alphabet: str
    language: NgramModel | None
    search: SearchSettings


def save_transcriber(path: Path, model: TranscriberModel, metadata: dict[str, Any]) -> None:
    """Write a model file; weights are rounded to half precision.

    Parameters
    ----------
    path : Path
        The file to write.
    model : TranscriberModel
        The model.
    metadata : dict
        Training data, date, scores, licence, card.
    """
    described = {
        "domain": model.domain.name,
        "task": TASK,
        "network": {"type": _NETWORK, "config": model.network.config.to_dict(), "members": 1},
        "featurizer": {},
        "targets": {"alphabet": model.alphabet, "search": model.search._asdict()},
    }
    arrays = pack_members([model.network.arrays], model.featurizer.to_arrays())
    if model.language is not None:
        arrays |= {_GRAMS: model.language.grams, _COUNTS: model.language.counts}
    save_model(path, arrays, described | metadata)


def load_transcriber(path: Path) -> tuple[TranscriberModel, dict[str, Any]]:
    """Read a model file.

    Parameters
    ----------
    path : Path
        A file that :func:`save_transcriber` wrote.

    Returns
    -------
    model : TranscriberModel
    metadata : dict

    Raises
    ------
    InputError
        If it is no model file, or not of a transcriber.
    """
    arrays, metadata = load_model(path)
    check_task(path, metadata, TASK)
    domain: TranscribingDomain = find_domain(metadata["domain"]).for_task(TASK)
    with refuse_damaged(path, domain.name):
        about, targets = metadata["network"], metadata["targets"]
        # Each layer of the network has arrays of its own.
        if about["type"] != _NETWORK or about["config"]["layers"] > len(arrays):
            raise ValueError(f"there is no such network: {about}")
        alphabet = str(targets["alphabet"])
        search = SearchSettings(**targets["search"])
        if not 0 < len(alphabet) <= MOST_SYMBOLS or search.beam < 1:
            raise ValueError(f"there are no such targets: {targets}")
        grams, counts = arrays.pop(_GRAMS, None), arrays.pop(_COUNTS, None)
        language = None
        if grams is not None and counts is not None:
            language = _language(grams, counts, len(alphabet) + 1)
        (weights,), known = unpack_members(arrays, about["members"])
        config = TokenTaggerConfig.from_dict(about["config"])
        model = TranscriberModel(
            domain,
            domain.load_featurizer(known),
            EncoderWeights(config, len(alphabet) + 1, weights),
            alphabet,
            language,
            search,
        )
    return model, metadata


def _language(grams: np.ndarray, counts: np.ndarray, symbols: int) -> NgramModel:
    if grams.ndim != 2 or counts.shape != grams.shape[:1] or not grams.shape[1]:
        raise ValueError("n-grams and their counts do not fit")
    if grams.max(initial=0) >= symbols or counts.min(initial=1) < 1:
        raise ValueError("n-grams have symbols or counts that cannot be")
    return NgramModel(grams.astype(np.uint8), counts, symbols)

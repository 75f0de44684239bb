"""A transcriber's file: network, featurizer, alphabet, and n-gram model of the texts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dnatag.engine.networks.configs import TokenTaggerConfig
from dnatag.engine.networks.weights import EncoderWeights
from dnatag.tasks.ctc.domain import SoundFeaturizer, TranscribingDomain
from dnatag.tasks.ctc.ngrams import NgramModel
from dnatag.tasks.ctc.search import SearchSettings
from dnatag.tasks.network_file import Contents, NetworkFile

__all__ = ["TranscriberModel", "load_transcriber", "save_transcriber"]

_FILE = NetworkFile("ctc", "token_encoder", TokenTaggerConfig)
#: What else is kept beside what the featurizer knows.
_GRAMS, _COUNTS = "ngram.grams", "ngram.counts"
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
    """Write a model file; see :meth:`dnatag.tasks.network_file.NetworkFile.save`."""
    known = model.featurizer.to_arrays()
    if model.language is not None:
        known |= {_GRAMS: model.language.grams, _COUNTS: model.language.counts}
    targets = {"alphabet": model.alphabet, "search": model.search._asdict()}
    contents = Contents(model.domain, model.network.config, [model.network.arrays], known, targets)
    _FILE.save(path, contents, metadata)


def load_transcriber(path: Path) -> tuple[TranscriberModel, dict[str, Any]]:
    """Read a model file; see :meth:`dnatag.tasks.network_file.NetworkFile.load`."""
    with _FILE.load(path) as (stored, metadata):
        targets, known = stored.targets, stored.featurizer
        alphabet, own = str(targets["alphabet"]), targets["search"]
        search = SearchSettings(int(own["beam"]), float(own["weight"]), float(own["bonus"]))
        if not 0 < len(alphabet) <= MOST_SYMBOLS or search.beam < 1:
            raise ValueError(f"there are no such targets: {targets}")
        language = None
        if _GRAMS in known:
            language = _language(known[_GRAMS], known[_COUNTS], len(alphabet) + 1)
        (weights,) = stored.members
        model = TranscriberModel(
            stored.domain,
            stored.domain.load_featurizer(known),
            EncoderWeights(stored.config, len(alphabet) + 1, weights),
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

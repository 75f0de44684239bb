"""The gene model: a tagger with the gene grammar, and its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from dnatag.domains.genes.codes import START
from dnatag.domains.genes.nucleotides import COMPLEMENT, SPREAD
from dnatag.domains.genes.selftraining.reference_panel import ReferencePanel
from dnatag.domains.genes.signals.codon_usage import FEATURES, MIRROR_FEATURES, mirror_flags
from dnatag.domains.genes.structures.grammar import gene_grammar
from dnatag.engine.crf.grammar import Grammar
from dnatag.engine.networks.kmer_tagger import KmerTagger, KmerTaggerConfig, Mirror, SiteConfig
from dnatag.errors import InputError
from dnatag.models.file import load_model, save_model

__all__ = ["DOMAIN", "build", "load", "save"]

#: What model files of this domain are marked with.
DOMAIN = "genes"
_PANEL = "panel."

_MIRROR = Mirror(
    symbols=tuple(int(s) for s in COMPLEMENT),
    flags=tuple(int(b) for word in range(16) for b in mirror_flags(np.array([word]))),
    features=MIRROR_FEATURES,
)


def build(
    hidden: int = 96, embedding: int = 24, layers: int = 1, dropout: float = 0.0
) -> KmerTagger:
    """Return an untrained gene model.

    Parameters
    ----------
    hidden, layers : int
        Of the BiLSTM.
    embedding : int
        Length of the hexamer vectors.
    dropout : float
        Variational dropout while training.
    """
    config = KmerTaggerConfig(
        kmer=6,
        embedding=embedding,
        features=len(FEATURES),
        stride=3,
        hidden=hidden,
        layers=layers,
        dropout=dropout,
        site=SiteConfig(flag=START),
    )
    return KmerTagger(config, gene_grammar(), SPREAD, _MIRROR)


def save(path: Path, tagger: KmerTagger, metadata: dict[str, Any], panel: ReferencePanel) -> None:
    """Write a model file.

    Parameters
    ----------
    path : Path
        Where to.
    tagger : KmerTagger
        The model.
    metadata : dict
        Training data, date, scores, licence, card.
    panel : ReferencePanel
        Genomes to lend their adaptation, if any.
    """
    described = {
        "domain": DOMAIN,
        "configuration": tagger.config.to_dict(),
        "grammar": tagger.grammar.to_dict(),
        "panel": list(panel.names),
    }
    tensors = dict(tagger.state_dict())
    if panel.names:
        arrays = panel.to_arrays()
        tensors |= {_PANEL + key: torch.from_numpy(array) for key, array in arrays.items()}
    save_model(path, tensors, described | metadata)


def load(path: Path) -> tuple[KmerTagger, ReferencePanel, dict[str, Any]]:
    """Read a model file.

    Parameters
    ----------
    path : Path
        A file that :func:`save` wrote.

    Returns
    -------
    tagger : KmerTagger
        In evaluation mode.
    panel : ReferencePanel
        Genomes to lend their adaptation, if any.
    metadata : dict

    Raises
    ------
    InputError
        If it is no model file, or not of genes.
    """
    tensors, metadata = load_model(path)
    if metadata.get("domain") != DOMAIN:
        raise InputError(
            f"{path} is a model of {metadata.get('domain')!r}, not of genes; text and proteins are "
            "for 'dnatag tag'"
        )
    try:
        config = KmerTaggerConfig.from_dict(metadata["configuration"])
        grammar = Grammar.from_dict(metadata["grammar"])
        tagger = KmerTagger(config, grammar, SPREAD, _MIRROR)
        names, arrays = metadata.get("panel", []), {}
        for key in [key for key in tensors if key.startswith(_PANEL)]:
            arrays[key.removeprefix(_PANEL)] = tensors.pop(key).numpy()
        panel = ReferencePanel.from_arrays(names, arrays) if names else ReferencePanel.none()
        tagger.load_state_dict({k: torch.as_tensor(v).float() for k, v in tensors.items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} does not hold a whole gene model: {reason}") from error
    return tagger.eval(), panel, metadata

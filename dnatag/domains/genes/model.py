"""The gene model: a tagger with the gene grammar, and its file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dnatag.domains.genes.codes import START
from dnatag.domains.genes.nucleotides import COMPLEMENT, SPREAD
from dnatag.domains.genes.selftraining.reference_panel import ReferencePanel
from dnatag.domains.genes.signals.gene_signals import FEATURES, MIRROR_FEATURES, mirror_flags
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.engine.crf.grammar import Grammar
from dnatag.engine.networks.configs import KmerTaggerConfig, Mirror, SiteConfig
from dnatag.engine.networks.weights import KmerWeights, weights_of
from dnatag.errors import InputError
from dnatag.models.file import check_task, load_model, save_model

if TYPE_CHECKING:
    from dnatag.engine.networks.kmer_tagger import KmerTagger

__all__ = ["build", "load_gene_model", "make_config", "save_gene_model"]

#: What model files of genes name as their domain, task and network.
_DOMAIN, _TASK, _NETWORK = "genes", "annotation", "kmer_tagger"
_PANEL = "panel."

_MIRROR = Mirror(
    symbols=tuple(int(s) for s in COMPLEMENT),
    flags=tuple(int(b) for word in range(16) for b in mirror_flags(np.array([word]))),
    features=MIRROR_FEATURES,
)


def make_config(
    hidden: int = 96, embedding: int = 24, layers: int = 1, dropout: float = 0.0
) -> KmerTaggerConfig:
    """Return the sizes of a gene model.

    Parameters
    ----------
    hidden, layers : int
        Units and layers of each direction of the LSTM.
    embedding : int
        Length of the hexamer vectors.
    dropout : float
        Variational dropout while training.
    """
    return KmerTaggerConfig(
        kmer=6,
        embedding=embedding,
        features=len(FEATURES),
        stride=3,
        hidden=hidden,
        layers=layers,
        dropout=dropout,
        site=SiteConfig(flag=START),
    )


def build(
    hidden: int = 96, embedding: int = 24, layers: int = 1, dropout: float = 0.0
) -> KmerTagger:
    """Return an untrained gene model; its sizes are those of :func:`make_config`."""
    from dnatag.engine.networks.kmer_tagger import KmerTagger

    config = make_config(hidden, embedding, layers, dropout)
    return KmerTagger(config, prokaryotic().grammar, SPREAD, _MIRROR)


def save_gene_model(
    path: Path, tagger: KmerTagger, metadata: dict[str, Any], panel: ReferencePanel
) -> None:
    """Write a model file.

    Parameters
    ----------
    path : Path
        The file to write.
    tagger : KmerTagger
        The model.
    metadata : dict
        Training data, date, scores, licence, card.
    panel : ReferencePanel
        Composition and signals of the training genomes.
    """
    described = {
        "domain": _DOMAIN,
        "task": _TASK,
        "network": {"type": _NETWORK, "config": tagger.config.to_dict()},
        "featurizer": {"panel": list(panel.names)},
        "targets": tagger.grammar.to_dict(),
    }
    arrays = weights_of(tagger)
    if panel.names:
        arrays |= {_PANEL + key: array for key, array in panel.to_arrays().items()}
    save_model(path, arrays, described | metadata)


def load_gene_model(path: Path) -> tuple[KmerWeights, ReferencePanel, dict[str, Any]]:
    """Read a model file.

    Parameters
    ----------
    path : Path
        A file that :func:`save_gene_model` wrote.

    Returns
    -------
    weights : KmerWeights
        The network, with the gene grammar.
    panel : ReferencePanel
        Composition and signals of the training genomes.
    metadata : dict

    Raises
    ------
    InputError
        If it is no model file, or not of genes.
    """
    arrays, metadata = load_model(path)
    check_task(path, metadata, _TASK)
    try:
        network = metadata["network"]
        # Each layer has arrays of its own.
        if network["type"] != _NETWORK or network["config"]["layers"] > len(arrays):
            raise ValueError(f"there is no such network: {network}")
        config = KmerTaggerConfig.from_dict(network["config"])
        grammar = Grammar.from_dict(metadata["targets"])
        if grammar != prokaryotic().grammar:
            raise ValueError("its grammar is not that of genes without introns")
        names, tables = metadata["featurizer"].get("panel", []), {}
        for key in [key for key in arrays if key.startswith(_PANEL)]:
            tables[key.removeprefix(_PANEL)] = arrays.pop(key)
        panel = (
            ReferencePanel.from_arrays(names, tables) if names or tables else ReferencePanel.none()
        )
        weights = KmerWeights(config, grammar, SPREAD, _MIRROR, arrays)
    except (AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} does not hold a whole gene model: {reason}") from error
    return weights, panel, metadata

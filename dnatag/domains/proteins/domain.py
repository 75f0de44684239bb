"""Proteins as a domain of tokens: residues, and the topology of membrane proteins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dnatag.domains.proteins.homologs import ProteinHomologs
from dnatag.domains.proteins.metrics import evaluate_topology
from dnatag.domains.proteins.residues import FEATURES, LETTERS, ResidueFeaturizer
from dnatag.domains.proteins.topology import Topology, load_labelling
from dnatag.engine.networks.token_tagger import TokenTaggerConfig
from dnatag.errors import InputError
from dnatag.formats.sequences.residues import read_residues
from dnatag.tasks.tagging.domain import Corpora, CorpusFiles, Homologs, Labelling

__all__ = ["DOMAIN", "Settings"]


@dataclass(frozen=True)
class Settings:
    """The size of the network.

    Parameters
    ----------
    residues : int
        Length of the vectors of residues.
    mutate : float
        Share of residues that are exchanged in training.
    hidden, layers : int
        Of the BiLSTM.
    dropout : float
        Variational dropout while training.
    """

    residues: int = 24
    mutate: float = 0.1
    hidden: int = 64
    layers: int = 1
    dropout: float = 0.2


class Proteins:
    """See :class:`dnatag.tasks.tagging.domain.Domain`."""

    name = "proteins"
    settings = Settings
    limits: Mapping[str, tuple[Any, ...]] = {"mutate": (0, 1), "dropout": (0, 0.95)}

    def read(
        self, corpora: Sequence[CorpusFiles], settings: Settings
    ) -> tuple[list[Corpora], Labelling]:
        """See :class:`dnatag.tasks.tagging.domain.Domain`; files are 3-line FASTA."""
        result: list[Corpora] = []
        for number, files in enumerate(corpora, 1):
            plain = CorpusFiles(files.train, files.validate, files.test, encoding=files.encoding,
                                weight=files.weight)  # fmt: skip
            if files != plain:
                raise InputError(
                    f"[[corpus]] {number}: files of proteins are 3-line FASTA: leave out columns, "
                    "scheme and types"
                )
            read: Corpora = {}
            for split in ("train", "validate", "test"):
                read[split] = []
                for path in getattr(files, split):
                    for protein in read_residues(path, True, files.encoding):
                        Topology.check(protein.tags or (), f"{path}: {protein.id}")
                        if protein.tokens:
                            read[split].append(protein)
            result.append(read)
        return result, Topology()

    def featurizer(
        self, sequences: Sequence[Sequence[str]], settings: Settings, folder: Path
    ) -> ResidueFeaturizer:
        """See :class:`dnatag.tasks.tagging.domain.Domain`."""
        return ResidueFeaturizer(settings.mutate)

    def network(self, featurizer: ResidueFeaturizer, settings: Settings) -> TokenTaggerConfig:
        """See :class:`dnatag.tasks.tagging.domain.Domain`."""
        return TokenTaggerConfig(
            categories=((len(LETTERS) + 1, settings.residues),),
            features=FEATURES,
            hidden=settings.hidden,
            layers=settings.layers,
            dropout=settings.dropout,
        )

    def load_featurizer(self, arrays: Mapping[str, np.ndarray]) -> ResidueFeaturizer:
        """See :class:`dnatag.tasks.tagging.domain.Domain`."""
        return ResidueFeaturizer.from_arrays(arrays)

    def load_labelling(self, data: Mapping[str, Any]) -> Labelling:
        """See :class:`dnatag.tasks.tagging.domain.Domain`."""
        return load_labelling(data)

    def homologs(self, path: Path) -> Homologs:
        """See :class:`dnatag.tasks.tagging.domain.Domain`; the file is FASTA."""
        return ProteinHomologs(path)

    def scores(
        self, truth: Sequence[Sequence[str]], found: Sequence[Sequence[str]], labelling: Any
    ) -> dict[str, float]:
        """See :class:`dnatag.tasks.tagging.domain.Domain`."""
        return evaluate_topology(truth, found).summary()


DOMAIN = Proteins()

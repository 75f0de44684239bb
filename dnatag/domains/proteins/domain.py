"""Proteins: residues, and the topology of membrane proteins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag.domains.base import Domain
from dnatag.domains.proteins.settings import ProteinCorpus, ProteinNetwork
from dnatag.report import SILENT, Observer

if TYPE_CHECKING:
    import numpy as np

    from dnatag.domains.proteins.evaluation import ProteinEvaluator
    from dnatag.domains.proteins.residues import ResidueFeaturizer
    from dnatag.engine.networks.configs import TokenTaggerConfig
    from dnatag.formats.text.tokens import Sentence
    from dnatag.tasks.tagging.domain import Homologs, Labelling, TaggedCorpus
    from dnatag.tasks.tagging.given import Given

__all__ = ["DOMAIN", "Proteins"]


class Proteins(Domain):
    """Proteins, with homologs; see :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""

    name = "proteins"
    tasks = ("tagging",)
    network = ProteinNetwork
    corpus = ProteinCorpus
    readers: Mapping[str, str] = {"fasta": "residues"}
    writers = ("residues", "jsonl")
    wanted = "a model of proteins reads FASTA"
    counted = ("proteins", "residues", "segments")

    @property
    def evaluator(self) -> ProteinEvaluator:
        """See :class:`dnatag.domains.base.Domain`."""
        from dnatag.domains.proteins.evaluation import ProteinEvaluator

        return ProteinEvaluator()

    def read(
        self, corpora: Sequence[ProteinCorpus], network: ProteinNetwork, observer: Observer = SILENT
    ) -> tuple[list[TaggedCorpus], Labelling]:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`; files are 3-line FASTA."""
        from dnatag.domains.proteins.topology import Topology
        from dnatag.tasks.tagging.domain import TaggedCorpus

        result = []
        for files in corpora:
            paths = {"train": files.train, "validate": files.validate, "test": files.test}
            splits = {
                split: [protein for path in of_split for protein in _proteins(path, files.encoding)]
                for split, of_split in paths.items()
            }
            names = {split: [path.name for path in of_split] for split, of_split in paths.items()}
            result.append(TaggedCorpus(splits, names, weight=files.weight))
        return result, Topology()

    def given(self, sequence: Any) -> Given:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`.

        It is a str, Seq or SeqRecord of residues, or a list of them.
        """
        from dnatag.formats.sequences.residues import residues_of
        from dnatag.tasks.tagging.given import Given, given_tokens

        wanted = "a protein (str, Seq or SeqRecord) or a list of its residues"
        letters = getattr(sequence, "seq", sequence)
        if type(letters).__name__ in ("Seq", "MutableSeq"):
            letters = str(letters)
        if isinstance(letters, str):
            return Given(residues_of(letters))
        return Given(given_tokens(letters, wanted))

    def featurizer(
        self, sequences: Sequence[Sequence[str]], network: ProteinNetwork, folder: Path
    ) -> ResidueFeaturizer:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.proteins.residues import ResidueFeaturizer

        return ResidueFeaturizer(network.mutate)

    def tagger_config(
        self, featurizer: ResidueFeaturizer, network: ProteinNetwork
    ) -> TokenTaggerConfig:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.proteins.residues import FEATURES, LETTERS
        from dnatag.engine.networks.configs import TokenTaggerConfig

        return TokenTaggerConfig(
            categories=((len(LETTERS) + 1, network.residues),),
            features=FEATURES,
            hidden=network.hidden,
            layers=network.layers,
            dropout=network.dropout,
        )

    def load_featurizer(self, arrays: Mapping[str, np.ndarray]) -> ResidueFeaturizer:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.proteins.residues import ResidueFeaturizer

        return ResidueFeaturizer.from_arrays(arrays)

    def load_labelling(self, data: Mapping[str, Any]) -> Labelling:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.proteins.topology import load_labelling

        return load_labelling(data)

    def homologs(self, path: Path) -> Homologs:
        """See :class:`dnatag.tasks.tagging.domain.HasHomologs`; the file is FASTA."""
        from dnatag.domains.proteins.homologs import ProteinHomologs

        return ProteinHomologs(path)

    def scores(
        self, truth: Sequence[Sequence[str]], found: Sequence[Sequence[str]], labelling: Any
    ) -> dict[str, float]:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.proteins.metrics import evaluate_topology

        return evaluate_topology(truth, found).summary()


def _proteins(path: Path, encoding: str) -> list[Sentence]:
    """Read labelled proteins; labels that are none of a topology are refused."""
    from dnatag.domains.proteins.topology import Topology
    from dnatag.formats.sequences.residues import read_residues

    proteins = []
    for protein in read_residues(path, True, encoding):
        Topology.check(protein.tags or (), f"{path}: {protein.id}")
        proteins.append(protein)
    return proteins


DOMAIN = Proteins()

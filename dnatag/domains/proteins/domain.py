"""Proteins: residues with labels, such as the topology of membrane proteins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag.domains.base import Domain
from dnatag.domains.proteins.settings import ProteinCorpus, ProteinNetwork
from dnatag.errors import InputError
from dnatag.report import SILENT, Observer
from dnatag.tasks.corpora import SPLITS, note_seen, read_corpora, sequences_of

if TYPE_CHECKING:
    import numpy as np

    from dnatag.domains.proteins.evaluation import ProteinEvaluator
    from dnatag.domains.proteins.residues import ResidueFeaturizer
    from dnatag.engine.networks.configs import TokenTaggerConfig
    from dnatag.formats.text.tokens import Entity, Sentence
    from dnatag.tasks.tagging.domain import Homologs, Labelling, TaggedCorpus
    from dnatag.tasks.tagging.given import Given
    from dnatag.tasks.tagging.model import TokenModel

__all__ = ["DOMAIN", "Proteins"]

#: Labels that in many files stand for what is not known.
_OFTEN_UNKNOWN = frozenset("XU?-._*")


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
        self,
        corpora: Sequence[ProteinCorpus],
        network: ProteinNetwork,
        observer: Observer = SILENT,
        start: TokenModel | None = None,
    ) -> tuple[list[TaggedCorpus], Labelling]:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`; files are 3-line FASTA."""
        from dnatag.domains.proteins.labels import ResidueLabels, labelling_of_residues
        from dnatag.formats.sequences.residues import read_residues
        from dnatag.tasks.tagging.domain import TaggedCorpus

        labelled: list[tuple[str, Sequence[str]]] = []

        def read(path: Path, files: ProteinCorpus, split: str) -> list[Sentence]:
            proteins = list(read_residues(path, True, files.encoding))
            if split == "train":
                labelled.extend((f"{path}: {one.id}", one.tags or ()) for one in proteins)
            return proteins

        result = read_corpora(corpora, read, TaggedCorpus)
        unknown = network.unknown
        if start is not None:
            unknown = start.labelling.to_dict().get("unknown", unknown)
        labelling = labelling_of_residues(labelled, network.labels, unknown)
        observer.note(f"labels are those of {labelling.to_dict()['kind']}")
        if isinstance(labelling, ResidueLabels):
            _note_doubtful(result, unknown, observer)
        _note_untrained(result, labelling, unknown, observer)
        note_seen(result, lambda one: one.tokens, "proteins {}", observer)
        return result, labelling

    def given(self, sequence: Any, featurizer: Any) -> Given:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`.

        It is a str, Seq or SeqRecord of residues, or a list of them.
        """
        from dnatag.formats.sequences.residues import residues_of
        from dnatag.tasks.tagging.given import Given, given_tokens

        wanted = "a protein (str, Seq or SeqRecord) or a list of its residues"
        letters = getattr(sequence, "seq", sequence)
        if type(letters).__name__ in ("Seq", "MutableSeq"):
            if not getattr(letters, "defined", True):
                raise InputError("a protein has no known residues: its Seq is undefined")
            letters = str(letters)
        if not isinstance(letters, str):
            residues = given_tokens(letters, wanted)
            long = next((one for one in residues if len(one) != 1), None)
            if long is not None:
                raise InputError(
                    f"a list is taken for residues, one letter each, and has {long[:20]!r}; "
                    "tag_all takes many proteins"
                )
            letters = "".join(residues)
        return Given(residues_of(letters))

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
        from dnatag.domains.proteins.labels import load_labelling

        return load_labelling(data)

    def homologs(self, path: Path) -> Homologs:
        """See :class:`dnatag.tasks.tagging.domain.HasHomologs`; the file is FASTA."""
        from dnatag.domains.proteins.homologs import ProteinHomologs

        return ProteinHomologs(path)

    def picture(
        self,
        title: str,
        labelling: Any,
        posteriors: np.ndarray,
        entities: Sequence[Entity],
        format: str,
    ) -> bytes:
        """See :class:`dnatag.tasks.tagging.domain.HasPicture`."""
        from dnatag.domains.proteins.picture import draw_labels
        from dnatag.domains.proteins.topology import Topology

        topology = isinstance(labelling, Topology)
        return draw_labels(title, labelling.labels, posteriors, entities, format, topology=topology)

    def scores(
        self, truth: Sequence[Sequence[str]], found: Sequence[Sequence[str]], labelling: Any
    ) -> dict[str, float]:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.proteins.labels import ResidueLabels
        from dnatag.domains.proteins.metrics import evaluate_topology
        from dnatag.domains.proteins.residue_metrics import evaluate_residues

        if isinstance(labelling, ResidueLabels):
            return evaluate_residues(truth, found, labelling.unknown)
        return evaluate_topology(truth, found).summary()


def _note_doubtful(corpora: Sequence[TaggedCorpus], unknown: str, observer: Observer) -> None:
    """Warn of labels that may be meant to be one, or unknown, and of an unknown that never occurs.

    The unknown label that no recipe names may be missing.
    """
    from dnatag.tasks.tagging.schemes import alike

    proteins = chain.from_iterable(sequences_of(corpora, split) for split in SPLITS)
    written = ["".join(one.tags or ()) for one in proteins]
    counts = Counter(chain.from_iterable(written))
    if unknown not in counts and unknown != ProteinNetwork.unknown:
        observer.note(f"warning: 'unknown' in [network] is {unknown!r}, which labels no residue")
    labels = {label: counts[label] for label in sorted(counts.keys() - {unknown})}
    for several in alike(labels):
        named = ", ".join(f"{label} ({count})" for label, count in several.items())
        observer.note(f"warning: labels differ in capitals alone, are they one? {named}")
    # Of spans each B is the first of one; those of barrels are long.
    if {"B", "I"} <= labels.keys() <= set("BIOESLU") and not any("BB" in one for one in written):
        observer.note(
            "warning: labels look like tags of spans (B, I, O), but each letter is taken as a "
            "label of its own; to mark spans, give all their residues one letter, such as S in "
            "binding sites and N elsewhere, or see 'Proteins' in docs/howto/train.md"
        )
    for label in labels:
        if label.upper() in _OFTEN_UNKNOWN:
            observer.note(
                f"warning: {label} ({counts[label]}) is taken for a label; if it stands for what "
                f'is not known, set unknown = "{label}" in [network]'
            )


def _note_untrained(
    corpora: Sequence[TaggedCorpus], labelling: Labelling, unknown: str, observer: Observer
) -> None:
    """Warn of labels to validate on or to test that there are none of to train on."""
    later = {
        tag
        for corpus in corpora
        for split in ("validate", "test")
        for one in corpus.splits[split]
        for tag in one.tags or ()
    }
    topology = labelling.to_dict()["kind"] == "topology"
    known = {*labelling.labels, unknown}
    if new := sorted(tag for tag in later if (tag.upper() if topology else tag) not in known):
        observer.note(
            "warning: labels only of proteins to validate on or to test with, which the model "
            f"cannot find: {', '.join(new)}"
        )


DOMAIN = Proteins()

"""Sequences of features; a sequence has one label, or each of its frames has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dnatag.domains.base import Domain
from dnatag.domains.features.settings import ClipNetwork, FeaturesCorpus
from dnatag.errors import InputError
from dnatag.tasks.corpora import Corpus, read_corpora

if TYPE_CHECKING:
    import numpy as np

    from dnatag.domains.features.evaluation import FrameEvaluator
    from dnatag.domains.features.frames import FrameFeaturizer
    from dnatag.engine.networks.configs import TokenTaggerConfig
    from dnatag.formats.arrays import Frames
    from dnatag.formats.io.reading import Source
    from dnatag.tasks.classification.domain import Item, LabelledSequence

__all__ = ["DOMAIN", "Features"]


class Features(Domain):
    """Features; see :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""

    name = "features"
    tasks = ("classification", "tagging")
    network = ClipNetwork
    corpus = FeaturesCorpus
    readers: Mapping[str, str] = dict.fromkeys(("npy", "npz", "sequences"), "jsonl")
    writers = ("jsonl", "fasttext")
    wanted = (
        "a model of features reads NumPy arrays (.npy, .npz), or a table with the column 'name'"
    )
    counted = "sequences"

    def for_task(self, task: str) -> Domain:
        """See :class:`dnatag.domains.base.Domain`."""
        if task == "tagging":
            from dnatag.domains.features.tagging import FrameTagging

            return FrameTagging()
        return self

    @property
    def evaluator(self) -> FrameEvaluator:
        """See :class:`dnatag.domains.base.Domain`."""
        from dnatag.domains.features.evaluation import FrameEvaluator

        return FrameEvaluator()

    def read(self, corpora: Sequence[FeaturesCorpus]) -> list[Corpus[LabelledSequence]]:
        """See :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""
        return read_corpora(corpora, lambda path, files, _: _labelled(path, files.archive), Corpus)

    def items(self, source: Source, kind: str, encoding: str) -> Iterator[Item]:
        """See :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""
        from dnatag.formats.registry import find_format
        from dnatag.tasks.classification.domain import Item

        for frames in find_format(kind).read(source, encoding=encoding):
            yield Item(frames, {"id": frames.name})

    def featurizer(
        self, sequences: Sequence[Frames], network: ClipNetwork, folder: Path
    ) -> FrameFeaturizer:
        """See :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""
        from dnatag.domains.features.frames import FrameFeaturizer

        return FrameFeaturizer.fit(
            sequences, network.motion, network.around, network.noise, network.speed
        )

    def encoder_config(
        self, featurizer: FrameFeaturizer, network: ClipNetwork
    ) -> TokenTaggerConfig:
        """See :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""
        from dnatag.engine.networks.configs import TokenTaggerConfig

        return TokenTaggerConfig(
            categories=(),
            features=len(featurizer.mean),
            hidden=network.hidden,
            layers=network.layers,
            dropout=network.dropout,
        )

    def first_weights(
        self, featurizer: FrameFeaturizer, network: ClipNetwork
    ) -> dict[str, np.ndarray]:
        """See :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""
        return {}

    def load_featurizer(self, arrays: Mapping[str, np.ndarray]) -> FrameFeaturizer:
        """See :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""
        from dnatag.domains.features.frames import FrameFeaturizer

        return FrameFeaturizer.from_arrays(arrays)


def _labelled(path: Path, archive: Path | None) -> Iterator[LabelledSequence]:
    from dnatag.formats.arrays import read_list
    from dnatag.tasks.classification.domain import LabelledSequence

    for frames in read_list(path, archive):
        if not frames.label:
            raise InputError(f"{frames.where}: {frames.name} has no label (column 'label')")
        yield LabelledSequence(frames, frames.label)


DOMAIN = Features()

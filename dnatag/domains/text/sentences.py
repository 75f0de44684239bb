"""Text with one label each, as the classification task sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag.domains.base import Domain
from dnatag.domains.text.settings import LabelledTextCorpus, LabelledTextNetwork
from dnatag.errors import InputError
from dnatag.formats.text import labelled
from dnatag.tasks.corpora import Corpus, read_corpora

if TYPE_CHECKING:
    import numpy as np

    from dnatag.domains.text.texts import TextFeaturizer
    from dnatag.engine.networks.configs import TokenTaggerConfig
    from dnatag.formats.io.reading import Source
    from dnatag.formats.text.labelled import LabelledText
    from dnatag.tasks.classification.domain import Item, LabelledSequence

__all__ = ["LabelledTexts"]

_READERS: dict[str, Callable[[Any, str], Iterator[LabelledText]]] = {
    "fasttext": labelled.read_fasttext,
    "table": labelled.read_texts,
    "jsonl": labelled.read_labelled_jsonl,
    "trees": labelled.read_trees,
    "lines": labelled.read_plain,
}


class LabelledTexts(Domain):
    """Texts with labels; see :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""

    name = "text"
    tasks = ("classification",)
    network = LabelledTextNetwork
    corpus = LabelledTextCorpus
    readers: Mapping[str, str] = dict.fromkeys(
        ("lines", "fasttext", "table", "jsonl", "trees"), "jsonl"
    )
    writers = ("jsonl", "fasttext")
    wanted = (
        "a model of text reads a text in each line (say so with --format lines), a table with tabs "
        "(with --format table), fastText's lines, JSON Lines, or trees"
    )
    counted = "texts"

    def read(self, corpora: Sequence[LabelledTextCorpus]) -> list[Corpus[LabelledSequence]]:
        """See :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""
        met: dict[LabelledTextCorpus, set[str]] = {files: set() for files in corpora}
        found = read_corpora(corpora, partial(_read, met=met), Corpus)
        for files, labels in met.items():
            if files.train and (never := sorted(set(files.names or ()) - labels)):
                raise InputError(
                    f"'labels' in [[corpus]] names {never[0]!r}, and no text to train on has that "
                    f"label; there are {', '.join(sorted(labels)[:9])}"
                )
        return found

    def items(self, source: Source, kind: str, encoding: str) -> Iterator[Item]:
        """See :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""
        from dnatag.tasks.classification.domain import Item

        for one in _READERS[kind](source, encoding):
            yield Item(one.text, one.source or {"text": one.text})

    def featurizer(
        self, sequences: Sequence[str], network: LabelledTextNetwork, folder: Path
    ) -> TextFeaturizer:
        """See :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""
        from dnatag.domains.text.texts import TextFeaturizer
        from dnatag.domains.text.words import WordFeaturizer
        from dnatag.formats.text.tokenizers import TOKENIZERS
        from dnatag.formats.text.vectors import read_vectors

        split = TOKENIZERS[network.tokens]
        words, vectors = read_vectors(folder / network.vectors) if network.vectors else ((), None)
        known = WordFeaturizer.fit(
            (split(text)[0] for text in sequences), words, vectors, network.most_vectors,
            network.tokens,
        )  # fmt: skip
        return TextFeaturizer(known)

    def encoder_config(
        self, featurizer: TextFeaturizer, network: LabelledTextNetwork
    ) -> TokenTaggerConfig:
        """See :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""
        from dnatag.engine.networks.configs import TokenTaggerConfig

        words, shapes = featurizer.words.categories
        dimensions = featurizer.words.vectors.shape[1]
        if network.tuned and not dimensions:
            raise InputError("[network]: 'tuned' is for 'vectors', and none are named")
        return TokenTaggerConfig(
            categories=(
                (words, dimensions if network.tuned else network.words),
                (shapes, network.shapes),
            ),
            features=dimensions,
            hidden=network.hidden,
            layers=network.layers,
            dropout=network.dropout,
        )

    def first_weights(
        self, featurizer: TextFeaturizer, network: LabelledTextNetwork
    ) -> dict[str, np.ndarray]:
        """See :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""
        return {"embeddings.0.weight": featurizer.first_vectors()} if network.tuned else {}

    def load_featurizer(self, arrays: Mapping[str, np.ndarray]) -> TextFeaturizer:
        """See :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""
        from dnatag.domains.text.texts import TextFeaturizer

        return TextFeaturizer.from_arrays(arrays)


def _read(
    path: Path, files: LabelledTextCorpus, split: str, met: Mapping[LabelledTextCorpus, set[str]]
) -> list[LabelledSequence]:
    """Read the texts of a file; of those to train on phrases too, each once with each label.

    Labels that texts to train on have, of whatever name, are added to those met.
    """
    from dnatag.formats.registry import recognise
    from dnatag.tasks.classification.domain import LabelledSequence

    # Labels and short texts in two columns look like tokens and tags.
    among = (*(name for name in _READERS if name != "lines"), "conll")
    wanted = "wanted are fastText's lines, a table with tabs, JSON Lines, or trees"
    stream, format = recognise(path, among, wanted, encoding=files.encoding)
    read = _READERS["table" if format.name == "conll" else format.name]
    phrases = files.phrases and split == "train"
    if phrases and format.name != "trees":
        raise InputError(f"{path}: {format.found}, and 'phrases' in [[corpus]] is for trees")
    if phrases:
        read = partial(labelled.read_trees, phrases=True)
    names = files.names
    found = []
    for one in read(stream, files.encoding):
        label = one.only_label(path)
        if split == "train":
            met[files].add(label)
        if names is None or label in names:
            found.append(LabelledSequence(one.text, label if names is None else names[label]))
    return list(dict.fromkeys(found)) if phrases else found

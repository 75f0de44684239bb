"""Text with one label each, as the classification task sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dnatag.domains.base import Domain
from dnatag.domains.text.settings import LabelledTextCorpus, LabelledTextNetwork
from dnatag.domains.text.words import WordFeaturizer
from dnatag.errors import InputError
from dnatag.formats.text import labelled
from dnatag.formats.text.lines import tokenize
from dnatag.formats.text.vectors import read_vectors
from dnatag.tasks.classification.domain import Item, LabelledCorpus, LabelledSequence
from dnatag.tasks.features import TokenFeatures

if TYPE_CHECKING:
    from dnatag.engine.networks.configs import TokenTaggerConfig
    from dnatag.formats.io.reading import Source
    from dnatag.formats.text.labelled import LabelledText

__all__ = ["LabelledTexts", "TextFeaturizer"]

_READERS: dict[str, Callable[[Any, str], Iterator[LabelledText]]] = {
    "fasttext": labelled.read_fasttext,
    "table": labelled.read_texts,
    "jsonl": labelled.read_labelled_jsonl,
    "trees": labelled.read_trees,
    "lines": labelled.read_plain,
}
_SPLITS = ("train", "validate", "test")


class TextFeaturizer:
    """Encodes texts by their words, see :class:`dnatag.tasks.features.Featurizer`.

    Parameters
    ----------
    words : WordFeaturizer
        What encodes words.
    spaces : bool
        Whether tokens are what stands between spaces, and not as :func:`tokenize` finds them.
    """

    in_context = False

    def __init__(self, words: WordFeaturizer, spaces: bool) -> None:
        self.words = words
        self.spaces = spaces
        # The last row is for words without a vector.
        none = np.zeros((1, words.vectors.shape[1]), words.vectors.dtype)
        self._vectors = np.concatenate([words.vectors, none])
        self._known: dict[str, tuple[int, int, int]] = {}

    def encode(self, tokens: Sequence[Any]) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`; `tokens` is a text."""
        numbers = np.array(list(map(self._number, self.split(str(tokens)))), np.int32)
        numbers = numbers.reshape(-1, 3)
        features = self._vectors[numbers[:, 2]].astype(np.float32)
        return TokenFeatures(numbers[:, :2], features, np.zeros((len(numbers), 1), np.int32))

    def split(self, text: str) -> list[str]:
        """Return the tokens of a text."""
        return text.split() if self.spaces else tokenize(text)[0]

    def _number(self, token: str) -> tuple[int, int, int]:
        found = self._known.get(token)
        if found is None:
            word, shape, row = self.words.look_up(token)
            found = (word, shape, -1 if row is None else row)
            # Those that are trained on come again and again.
            if word:
                self._known[token] = found
        return found

    def vary(self, encoded: TokenFeatures, rng: np.random.Generator) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`: rare words may be unknown."""
        return self.words.vary(encoded, rng)

    def first_vectors(self) -> np.ndarray:
        """Return the vectors of known words, float32 (words, D); small random ones for others."""
        found = [self.words.look_up(word)[2] for word in self.words.words]
        rows = np.array([-1, *(-1 if row is None else row for row in found)])
        vectors: np.ndarray = self._vectors[rows].astype(np.float32)
        missing = rows < 0
        missing[0] = False  # the unknown word
        size = (int(missing.sum()), vectors.shape[1])
        vectors[missing] = np.random.default_rng(0).normal(0, 0.3, size)
        return vectors

    def to_arrays(self) -> dict[str, np.ndarray]:
        """See :class:`dnatag.tasks.features.Featurizer`."""
        return self.words.to_arrays() | {"spaces": np.array([self.spaces], np.uint8)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> TextFeaturizer:
        """Inverse of :meth:`to_arrays`."""
        return cls(WordFeaturizer.from_arrays(arrays), bool(arrays["spaces"][0]))


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
        "a model of text reads a text in each line, fastText's lines, a table with tabs, JSON "
        "Lines, or trees"
    )
    counted = "texts"

    def read(self, corpora: Sequence[LabelledTextCorpus]) -> list[LabelledCorpus]:
        """See :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""
        return [
            LabelledCorpus(
                {
                    split: [
                        one for path in getattr(files, split) for one in _read(path, files, split)
                    ]
                    for split in _SPLITS
                },
                {split: [path.name for path in getattr(files, split)] for split in _SPLITS},
                files.weight,
            )
            for files in corpora
        ]

    def items(self, source: Source, kind: str, encoding: str) -> Iterator[Item]:
        """See :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""
        for one in _READERS[kind](source, encoding):
            yield Item(one.text, one.source or {"text": one.text})

    def featurizer(
        self, sequences: Sequence[str], network: LabelledTextNetwork, folder: Path
    ) -> TextFeaturizer:
        """See :class:`dnatag.tasks.classification.domain.ClassifyingDomain`."""
        spaces = network.tokens == "spaces"
        split = str.split if spaces else lambda text: tokenize(text)[0]
        words, vectors = read_vectors(folder / network.vectors) if network.vectors else ((), None)
        known = WordFeaturizer.fit(map(split, sequences), words, vectors, network.most_vectors)
        return TextFeaturizer(known, spaces)

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
        return TextFeaturizer.from_arrays(arrays)


def _read(path: Path, files: LabelledTextCorpus, split: str) -> list[LabelledSequence]:
    """Read the texts of a file; of those to train on phrases too, each once with each label."""
    from dnatag.formats.registry import recognise

    among = tuple(name for name in _READERS if name != "lines")
    wanted = "wanted are fastText's lines, a table with tabs, JSON Lines, or trees"
    stream, format = recognise(path, among, wanted, encoding=files.encoding)
    read = _READERS[format.name]
    phrases = files.phrases and split == "train" and format.name == "trees"
    if phrases:
        read = partial(labelled.read_trees, phrases=True)
    names = files.names
    found = []
    for one in read(stream, files.encoding):
        if one.label is None:
            raise InputError(f"{path}: line {one.line}: has no label")
        if names is None or one.label in names:
            label = one.label if names is None else names[one.label]
            found.append(LabelledSequence(one.text, label))
    return list(dict.fromkeys(found)) if phrases else found

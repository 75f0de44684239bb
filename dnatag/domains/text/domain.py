"""Text as a domain of tokens: words of sentences, entities or one tag for each word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dnatag.domains.text.labels import LEAST, THRESHOLD, Entities, Plain, labelling_of
from dnatag.domains.text.words import WordFeaturizer
from dnatag.engine.networks.token_tagger import PartsConfig, TokenTaggerConfig
from dnatag.errors import InputError
from dnatag.formats.text.conll import read_conll
from dnatag.formats.text.tokens import Sentence
from dnatag.formats.text.vectors import read_vectors
from dnatag.tasks.tagging import metrics, schemes
from dnatag.tasks.tagging.domain import Corpora, CorpusFiles, Homologs, Labelling

__all__ = ["DOMAIN", "Settings"]


@dataclass(frozen=True)
class Settings:
    """The features of words and the size of the network.

    Parameters
    ----------
    vectors : str
        File of word vectors to use beside the trained ones, see
        :func:`dnatag.formats.text.vectors.read_vectors`; "" for none.
    most_vectors : int
        Of these vectors only so many are kept, the first of the file, beside those of words that
        are learnt from; 0: all. Fewer make a smaller model.
    words, shapes : int
        Length of the trained vectors of words and of shapes.
    characters : str
        How words are spelled: ``cnn`` or ``lstm``.
    spelling : int
        Length of the vector of a spelling.
    hidden, layers : int
        Of the BiLSTM.
    dropout : float
        Variational dropout while training.
    threshold : float
        The posterior that entities must have to be found: half of the F1 that can be reached.
    """

    vectors: str = ""
    most_vectors: int = 0
    words: int = 50
    shapes: int = 8
    characters: str = "lstm"
    spelling: int = 50
    hidden: int = 128
    layers: int = 1
    dropout: float = 0.5
    threshold: float = THRESHOLD


class Text:
    """See :class:`dnatag.tasks.tagging.domain.Domain`."""

    name = "text"
    settings = Settings
    limits: Mapping[str, tuple[Any, ...]] = {
        "characters": ("cnn", "lstm"),
        "dropout": (0, 0.95),
        "most_vectors": (0, 1e9),
        "threshold": (LEAST, 0.99),
    }

    def read(
        self, corpora: Sequence[CorpusFiles], settings: Settings
    ) -> tuple[list[Corpora], Labelling]:
        """See :class:`dnatag.tasks.tagging.domain.Domain`."""
        result: list[Corpora] = []
        scheme = ""
        for number, files in enumerate(corpora, 1):
            read = {
                split: [s for path in getattr(files, split) for s in _sentences(path, files)]
                for split in ("train", "validate", "test")
            }
            tags = [s.tags or () for part in read.values() for s in part]
            own = files.scheme or schemes.detect(tags)
            scheme = scheme or own
            if (own == schemes.PLAIN) != (scheme == schemes.PLAIN):
                raise InputError(
                    f"[[corpus]] {number} has tags of scheme {own}, the one before of {scheme}; "
                    "one model cannot learn from both"
                )
            for part in read.values():
                part[:] = [
                    replace(s, tags=tuple(schemes.convert(s.tags or (), own, scheme))) for s in part
                ]
            result.append(read)
        tags = [s.tags or () for read in result for s in read["train"]]
        if not tags:
            path = next(path for files in corpora for path in files.train)
            raise InputError(f"{path}: has no sentence to learn from")
        return result, labelling_of(tags, scheme, settings.threshold)

    def featurizer(
        self, sequences: Sequence[Sequence[str]], settings: Settings, folder: Path
    ) -> WordFeaturizer:
        """See :class:`dnatag.tasks.tagging.domain.Domain`."""
        words, vectors = read_vectors(folder / settings.vectors) if settings.vectors else ((), None)
        return WordFeaturizer.fit(sequences, words, vectors, settings.most_vectors)

    def network(self, featurizer: WordFeaturizer, settings: Settings) -> TokenTaggerConfig:
        """See :class:`dnatag.tasks.tagging.domain.Domain`."""
        if settings.characters == "lstm" and settings.spelling % 2:
            raise InputError(f"'spelling' must be even with an LSTM, not {settings.spelling}")
        words, shapes = featurizer.categories
        return TokenTaggerConfig(
            categories=((words, settings.words), (shapes, settings.shapes)),
            features=featurizer.vectors.shape[1],
            parts=PartsConfig(
                symbols=len(featurizer.characters) + 2,
                encoder=settings.characters,
                hidden=settings.spelling,
            ),
            hidden=settings.hidden,
            layers=settings.layers,
            dropout=settings.dropout,
        )

    def load_featurizer(self, arrays: Mapping[str, np.ndarray]) -> WordFeaturizer:
        """See :class:`dnatag.tasks.tagging.domain.Domain`."""
        return WordFeaturizer.from_arrays(arrays)

    def load_labelling(self, data: Mapping[str, Any]) -> Labelling:
        """See :class:`dnatag.tasks.tagging.domain.Domain`."""
        if data["kind"] == "plain":
            return Plain(data["names"])
        return Entities(data["types"], data["scheme"], data["threshold"])

    def homologs(self, path: Path) -> Homologs:
        """See :class:`dnatag.tasks.tagging.domain.Domain`; sentences have none."""
        raise InputError(f"{path}: only proteins have homologs; leave them out for a model of text")

    def scores(
        self, truth: Sequence[Sequence[str]], found: Sequence[Sequence[str]], labelling: Any
    ) -> dict[str, float]:
        """See :class:`dnatag.tasks.tagging.domain.Domain`."""
        scheme = schemes.PLAIN if isinstance(labelling, Plain) else labelling.scheme
        result = metrics.evaluate(truth, found, scheme, scheme)
        if scheme == schemes.PLAIN:
            return {"accuracy": result.accuracy}
        return {"f1": result.all.f1, "precision": result.all.precision,
                "recall": result.all.recall} | {
            f"f1 {name}": counts.f1 for name, counts in result.by_type.items()
        }  # fmt: skip


def _sentences(path: Path, files: CorpusFiles) -> Iterator[Sentence]:
    """Read the sentences of a file; tags that are none of a given scheme are refused."""
    for sentence in read_conll(path, files.token_column, files.tag_column, files.encoding):
        if files.scheme is not None:
            try:
                schemes.spans(sentence.tags or (), files.scheme)
            except ValueError as error:
                raise InputError(
                    f"{path}: in the sentence at line {sentence.line}: {error}; leave 'scheme' out "
                    "of the recipe, or name another 'tag_column'"
                ) from None
        if sentence.tokens:
            yield sentence


DOMAIN = Text()

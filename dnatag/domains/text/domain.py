"""Text: words of sentences, with entities or one tag for each word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag.domains.base import Domain
from dnatag.domains.text.settings import TextCorpus, TextNetwork
from dnatag.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from dnatag.domains.text.evaluation import TextEvaluator
    from dnatag.domains.text.words import WordFeaturizer
    from dnatag.engine.networks.configs import TokenTaggerConfig
    from dnatag.formats.text.tokens import Sentence
    from dnatag.tasks.tagging.domain import Labelling, TaggedCorpus

__all__ = ["DOMAIN", "Text"]

_SPLITS = ("train", "validate", "test")


class Text(Domain):
    """Sentences; see :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""

    name = "text"
    tasks = ("tagging", "classification")
    network = TextNetwork
    corpus = TextCorpus
    readers: Mapping[str, str] = {"conll": "conll", "lines": "jsonl", "jsonl": "jsonl"}
    writers = ("conll", "jsonl")
    wanted = "a model of text reads a sentence in each line, columns as in CoNLL, or JSON Lines"
    counted = ("sentences", "tokens", "entities")

    def for_task(self, task: str) -> Domain:
        """See :class:`dnatag.domains.base.Domain`."""
        if task == "classification":
            from dnatag.domains.text.sentences import LabelledTexts

            return LabelledTexts()
        return self

    @property
    def evaluator(self) -> TextEvaluator:
        """See :class:`dnatag.domains.base.Domain`."""
        from dnatag.domains.text.evaluation import TextEvaluator

        return TextEvaluator()

    def read(
        self, corpora: Sequence[TextCorpus], network: TextNetwork
    ) -> tuple[list[TaggedCorpus], Labelling]:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.text.labels import labelling_of
        from dnatag.tasks.tagging import schemes
        from dnatag.tasks.tagging.domain import TaggedCorpus

        result: list[TaggedCorpus] = []
        scheme = ""
        for number, files in enumerate(corpora, 1):
            splits = {
                split: [s for path in getattr(files, split) for s in _sentences(path, files)]
                for split in _SPLITS
            }
            tags = [s.tags or () for part in splits.values() for s in part]
            own = files.scheme or schemes.detect(tags)
            scheme = scheme or own
            if (own == schemes.PLAIN) != (scheme == schemes.PLAIN):
                raise InputError(
                    f"[[corpus]] {number} has tags of scheme {own}, the one before of {scheme}; "
                    "one model cannot be trained on both"
                )
            for part in splits.values():
                part[:] = [
                    replace(s, tags=tuple(schemes.convert(s.tags or (), own, scheme))) for s in part
                ]
            names = {split: [path.name for path in getattr(files, split)] for split in _SPLITS}
            result.append(TaggedCorpus(splits, names, files.types, files.weight))
        tags = [s.tags or () for corpus in result for s in corpus.splits["train"]]
        if not tags:
            path = next(path for files in corpora for path in files.train)
            raise InputError(f"{path}: has no sentence to train on")
        return result, labelling_of(tags, scheme, network.threshold)

    def featurizer(
        self, sequences: Sequence[Sequence[str]], network: TextNetwork, folder: Path
    ) -> WordFeaturizer:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.text.words import WordFeaturizer
        from dnatag.formats.text.vectors import read_vectors

        words, vectors = read_vectors(folder / network.vectors) if network.vectors else ((), None)
        return WordFeaturizer.fit(sequences, words, vectors, network.most_vectors)

    def tagger_config(self, featurizer: WordFeaturizer, network: TextNetwork) -> TokenTaggerConfig:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.engine.networks.configs import PartsConfig, TokenTaggerConfig

        words, shapes = featurizer.categories
        return TokenTaggerConfig(
            categories=((words, network.words), (shapes, network.shapes)),
            features=featurizer.vectors.shape[1],
            parts=PartsConfig(
                symbols=len(featurizer.characters) + 2,
                encoder=network.characters,
                hidden=network.spelling,
            ),
            hidden=network.hidden,
            layers=network.layers,
            dropout=network.dropout,
        )

    def load_featurizer(self, arrays: Mapping[str, np.ndarray]) -> WordFeaturizer:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.text.words import WordFeaturizer

        return WordFeaturizer.from_arrays(arrays)

    def load_labelling(self, data: Mapping[str, Any]) -> Labelling:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.text.labels import Entities, Plain

        if data["kind"] == "plain":
            return Plain(data["names"])
        return Entities(data["types"], data["scheme"], data["threshold"])

    def scores(
        self, truth: Sequence[Sequence[str]], found: Sequence[Sequence[str]], labelling: Any
    ) -> dict[str, float]:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.text.labels import Plain
        from dnatag.tasks.tagging.metrics import evaluate_tags
        from dnatag.tasks.tagging.schemes import PLAIN

        scheme = PLAIN if isinstance(labelling, Plain) else labelling.scheme
        result = evaluate_tags(truth, found, scheme, scheme)
        if scheme == PLAIN:
            return {"accuracy": result.accuracy}
        return {"f1": result.all.f1, "precision": result.all.precision,
                "recall": result.all.recall} | {
            f"f1 {name}": counts.f1 for name, counts in result.by_type.items()
        }  # fmt: skip


def _sentences(path: Path, files: TextCorpus) -> Iterator[Sentence]:
    """Read the sentences of a file; tags that are none of a given scheme are refused."""
    from dnatag.formats.text.conll import read_conll
    from dnatag.tasks.tagging import schemes

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

"""Text: words of sentences, with entities or one tag for each word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag.domains.base import Domain
from dnatag.domains.text.settings import TextCorpus, TextNetwork
from dnatag.errors import InputError
from dnatag.formats.registry import DOCUMENTS
from dnatag.report import SILENT, Observer

if TYPE_CHECKING:
    import numpy as np

    from dnatag.domains.text.contextual import ContextualFeaturizer
    from dnatag.domains.text.evaluation import TextEvaluator
    from dnatag.domains.text.words import WordFeaturizer
    from dnatag.engine.networks.configs import TokenTaggerConfig
    from dnatag.tasks.tagging.domain import Labelling, TaggedCorpus
    from dnatag.tasks.tagging.given import Given
    from dnatag.tasks.tagging.model import TokenModel

__all__ = ["DOMAIN", "Text"]


class Text(Domain):
    """Sentences; see :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""

    name = "text"
    tasks = ("tagging", "classification")
    network = TextNetwork
    corpus = TextCorpus
    readers: Mapping[str, str] = {"conll": "conll", "lines": "jsonl", "jsonl": "jsonl"} | {
        name: name for name in DOCUMENTS
    }
    writers = ("conll", "jsonl", *DOCUMENTS)
    wanted = (
        "a model of text reads a sentence in each line, columns as in CoNLL, JSON Lines, or what "
        "the annotation tools brat, Doccano and Label Studio export"
    )
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
        self,
        corpora: Sequence[TextCorpus],
        network: TextNetwork,
        observer: Observer = SILENT,
        start: TokenModel | None = None,
    ) -> tuple[list[TaggedCorpus], Labelling]:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.text.corpora import read_corpora
        from dnatag.domains.text.labels import labelling_of
        from dnatag.formats.text.tokenizers import TOKENIZERS

        split, vectors = TOKENIZERS[network.tokens], bool(network.vectors or network.encoder)
        if start is not None:
            known: Any = start.featurizer
            split, vectors = known.split, known.features > 0
        result, scheme = read_corpora(corpora, split, observer)
        tags = [s.tags or () for corpus in result for s in corpus.splits["train"]]
        if not vectors:
            observer.note(
                "warning: no word vectors ('vectors' in [network]), which costs up to 16 points of "
                "F1 on small corpora; docs/howto/train.md says where to get some"
            )
        return result, labelling_of(tags, scheme, network.threshold)

    def given(self, sequence: Any, featurizer: Any) -> Given:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`: a text, or its tokens."""
        from dnatag.tasks.tagging.given import Given, given_tokens

        if isinstance(sequence, str):
            tokens, offsets = featurizer.split(sequence)
            return Given(tokens, tuple(offsets), sequence)
        tokens = given_tokens(sequence, "a text (str) or a list of its tokens")
        if "" in tokens:
            raise InputError(f"token {tokens.index('') + 1} of the list is empty; leave it out")
        spaced = [token for token in tokens if len(token.split()) > 1]
        # A few tokens may have spaces, such as 1 000.
        if spaced and 2 * len(spaced) >= len(tokens):
            raise InputError(
                f"a list is taken for tokens, and has {spaced[0][:40]!r}; tag_all takes many texts"
            )
        return Given(tokens)

    def featurizer(
        self, sequences: Sequence[Sequence[str]], network: TextNetwork, folder: Path
    ) -> WordFeaturizer | ContextualFeaturizer:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.text.contextual import ContextualFeaturizer
        from dnatag.domains.text.words import WordFeaturizer
        from dnatag.formats.text.vectors import read_vectors

        words, vectors = read_vectors(folder / network.vectors) if network.vectors else ((), None)
        own = WordFeaturizer.fit(
            sequences,
            words,
            vectors,
            network.most_vectors,
            network.tokens,
            network.least_seen,
        )
        return ContextualFeaturizer.fit(own, folder / network.encoder) if network.encoder else own

    def tagger_config(
        self, featurizer: WordFeaturizer | ContextualFeaturizer, network: TextNetwork
    ) -> TokenTaggerConfig:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.engine.networks.configs import PartsConfig, TokenTaggerConfig

        words, shapes = featurizer.categories
        return TokenTaggerConfig(
            categories=((words, network.words), (shapes, network.shapes)),
            features=featurizer.features,
            parts=PartsConfig(
                symbols=len(featurizer.characters) + 2,
                encoder=network.characters,
                hidden=network.spelling,
            ),
            hidden=network.hidden,
            layers=network.layers,
            dropout=network.dropout,
        )

    def load_featurizer(
        self, arrays: Mapping[str, np.ndarray]
    ) -> WordFeaturizer | ContextualFeaturizer:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.text.contextual import ContextualFeaturizer
        from dnatag.domains.text.words import WordFeaturizer

        if "encoder" in arrays:
            return ContextualFeaturizer.from_arrays(arrays)
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


DOMAIN = Text()

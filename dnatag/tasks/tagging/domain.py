"""What a domain of tokens brings: how tokens are encoded and what its labels mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from dnatag.engine.crf.grammar import Grammar
from dnatag.engine.networks.token_tagger import TokenTaggerConfig
from dnatag.formats.text.tokens import Entity, Sentence, Span
from dnatag.tasks.tagging.posterior import Posterior, Stretch

__all__ = [
    "DOMAINS",
    "CorpusFiles",
    "Domain",
    "Featurizer",
    "Homolog",
    "Homologs",
    "Labelling",
    "TokenFeatures",
    "find_domain",
]


@dataclass(frozen=True)
class TokenFeatures:
    """L tokens as :class:`dnatag.engine.networks.token_tagger.TokenTagger` sees them.

    Attributes
    ----------
    categories : numpy.ndarray
        int32 (L, number of categories).
    features : numpy.ndarray
        float32 (L, F).
    parts : numpy.ndarray
        int32 (L, W).
    """

    categories: np.ndarray
    features: np.ndarray
    parts: np.ndarray

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.categories)


class Featurizer(Protocol):
    """Turns tokens into numbers."""

    def encode(self, tokens: Sequence[str]) -> TokenFeatures:
        """Encode the tokens of a sequence."""
        ...

    def vary(self, encoded: TokenFeatures, rng: np.random.Generator) -> TokenFeatures:
        """Return what a sequence might also look like, for training."""
        ...

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return all that the featurizer knows, for a model file."""
        ...


class Labelling(Protocol):
    """What the tags of a task are, and the grammar of their sequences.

    Attributes
    ----------
    grammar : Grammar
        States for the tags; those that a tag may have are told by `allowed`.
    labels : tuple of str
        What a token can be: a type, a tag, or ``O`` for nothing.
    label_of : numpy.ndarray
        int (S,), the label of each state.
    """

    grammar: Grammar
    labels: tuple[str, ...]
    label_of: np.ndarray

    def allowed(self, tags: Sequence[str], types: Sequence[str] | None) -> np.ndarray:
        """States that tags allow, bool (L, S).

        Where a corpus knows only some of the `types`, all else is left open.
        """
        ...

    def spans(self, path: np.ndarray) -> list[Span]:
        """Spans of a path, int (L,)."""
        ...

    def best(self, posterior: Posterior, min_score: float | None) -> list[list[Entity]]:
        """Return the spans of the best labelling of each sequence, in order.

        Which labelling is best depends on what it is measured by: it may be the most probable
        one, or one that has much in common with all that are probable. Spans of a posterior below
        `min_score` are left out later; if it is low, more may be found.
        """
        ...

    def tags(self, spans: Sequence[Span], length: int) -> list[str]:
        """Tags that say what spans say."""
        ...

    def stretch(self, span: Span, length: int) -> Stretch:
        """Return the paths that have a span, of a sequence of so many tokens."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, for a model file."""
        ...


class Homolog(NamedTuple):
    """A sequence whose tokens stand for those of another, K of them.

    Attributes
    ----------
    tokens : tuple of str
        The sequence.
    own : numpy.ndarray
        int (K,), indices of tokens of the other sequence, each once.
    its : numpy.ndarray
        int (K,), the tokens of this sequence that stand for them.
    """

    tokens: tuple[str, ...]
    own: np.ndarray
    its: np.ndarray


class Homologs(Protocol):
    """Knows sequences that have the labels of others."""

    def find(self, tokens: Sequence[str], spans: Sequence[Span]) -> list[Homolog]:
        """Return homologs of a sequence, in which these spans were found without them.

        May be called from several threads at once.
        """
        ...


@dataclass(frozen=True)
class CorpusFiles:
    """Files of tagged sequences.

    Parameters
    ----------
    train, validate, test : tuple of Path
        What to learn from, to watch while learning, and to measure the model with.
    token_column, tag_column : int
        Of files of columns, from 1, or from the end for negative numbers.
    scheme : str or None
        Of the tags, see :mod:`dnatag.tasks.tagging.schemes`; None: what fits.
    encoding : str
        Of the files.
    types : tuple of str or None
        The only types that are tagged; where the files tag nothing, there may be others.
    weight : float
        How often each sequence takes part in an epoch, on average.
    """

    train: tuple[Path, ...] = ()
    validate: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()
    token_column: int = 1
    tag_column: int = -1
    scheme: str | None = None
    encoding: str = "utf-8"
    types: tuple[str, ...] | None = None
    weight: float = 1.0


#: Tagged sequences of a corpus, by split.
Corpora = dict[str, list[Sentence]]


class Domain(Protocol):
    """A domain of tokens.

    Attributes
    ----------
    name : str
        What its model files are marked with.
    settings : type
        A dataclass of the settings of its networks, for recipes.
    limits : mapping
        What they can be, see :func:`dnatag.formats.toml.settings`.
    """

    name: str
    settings: type
    limits: Mapping[str, tuple[Any, ...]]

    def read(
        self, corpora: Sequence[CorpusFiles], settings: Any
    ) -> tuple[list[Corpora], Labelling]:
        """Read all files, and tell what their tags are; they have one scheme then."""
        ...

    def featurizer(
        self, sequences: Sequence[Sequence[str]], settings: Any, folder: Path
    ) -> Featurizer:
        """Return a featurizer that knows the tokens of sequences."""
        ...

    def network(self, featurizer: Any, settings: Any) -> TokenTaggerConfig:
        """Return the size of the network."""
        ...

    def load_featurizer(self, arrays: Mapping[str, np.ndarray]) -> Featurizer:
        """Inverse of the featurizer's ``to_arrays``."""
        ...

    def load_labelling(self, data: Mapping[str, Any]) -> Labelling:
        """Inverse of the labelling's ``to_dict``."""
        ...

    def homologs(self, path: Path) -> Homologs:
        """Return what finds homologs in a file of sequences, or refuse if there are none."""
        ...

    def scores(
        self, truth: Sequence[Sequence[str]], found: Sequence[Sequence[str]], labelling: Any
    ) -> dict[str, float]:
        """Measure tags, for a model's card: names and numbers, the most important first."""
        ...


#: The domains of tokens: ``dnatag.domains.NAME.domain.DOMAIN``.
DOMAINS = ("text", "proteins")


def find_domain(name: str) -> Domain:
    """Return a domain by its name, one of ``DOMAINS``."""
    domain: Domain = import_module(f"dnatag.domains.{name}.domain").DOMAIN
    return domain

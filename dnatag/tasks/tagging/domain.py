"""What the tagging task needs of a domain: how tokens are encoded, and what labels mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TextIO, runtime_checkable

import numpy as np

from dnatag.formats.text.tokens import Entity, Span
from dnatag.report import SILENT, Observer
from dnatag.tasks.corpora import Corpus
from dnatag.tasks.features import Featurizer

if TYPE_CHECKING:
    from dnatag.engine.crf.grammar import Grammar
    from dnatag.engine.networks.configs import TokenTaggerConfig
    from dnatag.formats.io.reading import Source
    from dnatag.tasks.tagging.given import Given
    from dnatag.tasks.tagging.model import TokenModel
    from dnatag.tasks.tagging.posterior import Posterior, Stretch
    from dnatag.tasks.tagging.tagger import Tagged

__all__ = [
    "HasEncoder",
    "HasHomologs",
    "HasNames",
    "HasPicture",
    "HasRecords",
    "Homolog",
    "Homologs",
    "Labelling",
    "LeavesOpen",
    "SplitsText",
    "TaggedCorpus",
    "TaggedSequence",
    "TaggingDomain",
]


class Labelling(Protocol):
    """What the tags of a task are, and the grammar of their sequences.

    Attributes
    ----------
    grammar : Grammar
        States for the tags; `allowed` gives those that a tag may have.
    labels : tuple of str
        What a token can be: a type, a tag, or ``O`` for nothing.
    label_of : numpy.ndarray
        int (S,), the label of each state.
    """

    grammar: Grammar
    labels: tuple[str, ...]
    label_of: np.ndarray

    def allowed(self, tags: Sequence[str], types: Sequence[str] | None) -> np.ndarray:
        """Return the states that tags allow, bool (L, S).

        Where a corpus knows only some of the `types`, all else is left open.
        """
        ...

    def spans(self, path: np.ndarray) -> list[Span]:
        """Return the spans of a path, int (L,)."""
        ...

    def best(self, posterior: Posterior, min_score: float | None) -> list[list[Entity]]:
        """Return the spans of the best labelling of each sequence, in order.

        Which labelling is best depends on what it is measured by: it may be the most probable
        one, or one that has much in common with all that are probable. Spans of a posterior below
        `min_score` are left out later; if it is low, more may be found.
        """
        ...

    def tags(self, spans: Sequence[Span], length: int) -> list[str]:
        """Return the tags of spans, of a sequence of so many tokens."""
        ...

    def stretch(self, span: Span, length: int) -> Stretch:
        """Return the paths that have a span, of a sequence of so many tokens."""
        ...

    def counts(self, tags: Sequence[str]) -> Mapping[str, int]:
        """Return how often there is each label in tags: as a span or, of plain tags, a token."""
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


class TaggedSequence(Protocol):
    """A sequence of a corpus, such as a :class:`dnatag.formats.text.tokens.Sentence`.

    Attributes
    ----------
    tokens : sequence
        What the domain's featurizer encodes.
    tags : tuple of str or None
        One for each token.
    """

    @property
    def tokens(self) -> Sequence[Any]:
        """See above."""
        ...

    @property
    def tags(self) -> tuple[str, ...] | None:
        """See above."""
        ...

    def __len__(self) -> int:
        """Return the number of tokens."""
        ...


@dataclass(frozen=True)
class TaggedCorpus(Corpus[TaggedSequence]):
    """Tagged sequences that were read; see :class:`dnatag.tasks.corpora.Corpus`.

    Attributes
    ----------
    types : tuple of str or None
        The only types that are tagged: where there is no tag, there may be spans of others.
        None: whatever is there is tagged.
    """

    types: tuple[str, ...] | None = None


class TaggingDomain(Protocol):
    """What the task needs of a domain, beside what every domain has.

    Attributes
    ----------
    name : str
        What its model files are marked with.
    network : type
        A dataclass of the settings of its networks.
    readers : mapping of str to str
        By the name of each format that can be read, that of the format of its result.
    writers : tuple of str
        Names of the formats that can be written.
    wanted : str
        What its models read, for files that are of no such format.
    counted : tuple of (str, str, str)
        What sequences, tokens and spans are called, in the plural.
    """

    name: str
    network: type
    readers: Mapping[str, str]
    writers: tuple[str, ...]
    wanted: str
    counted: tuple[str, str, str]

    def read(
        self,
        corpora: Sequence[Any],
        network: Any,
        observer: Observer = SILENT,
        start: TokenModel | None = None,
    ) -> tuple[list[TaggedCorpus], Labelling]:
        """Read the corpora of a recipe, and find out what their tags are.

        All have one scheme then. The observer receives a warning of whatever may not be meant.
        A model of the domain to start from takes the place of settings of the network.

        Raises
        ------
        InputError
            If a file cannot be read, has tags that do not fit, or there is nothing to train on.
        """
        ...

    def given(self, sequence: Any, featurizer: Any) -> Given:
        """Take what a caller of Python gives to be tagged, by the featurizer of the model.

        Raises
        ------
        InputError
            If it is of another type than the domain's sequences, or cannot be one of them.
        """
        ...

    def featurizer(self, sequences: Sequence[Any], network: Any, folder: Path) -> Featurizer:
        """Return a featurizer that knows the tokens of sequences."""
        ...

    def tagger_config(self, featurizer: Any, network: Any) -> TokenTaggerConfig:
        """Return the size of the network."""
        ...

    def load_featurizer(self, arrays: Mapping[str, np.ndarray]) -> Featurizer:
        """Inverse of the featurizer's ``to_arrays``."""
        ...

    def load_labelling(self, data: Mapping[str, Any]) -> Labelling:
        """Inverse of the labelling's ``to_dict``."""
        ...

    def scores(
        self, truth: Sequence[Sequence[str]], found: Sequence[Sequence[str]], labelling: Any
    ) -> dict[str, float]:
        """Measure tags, for a model's card: names and numbers, the most important first."""
        ...


@runtime_checkable
class HasHomologs(Protocol):
    """An optional capability of a domain: its sequences have homologs."""

    def homologs(self, path: Path) -> Homologs:
        """Return what finds homologs in a file of sequences.

        Raises
        ------
        InputError
            If the file cannot be read.
        DnatagError
            If a library that is needed is not installed.
        """
        ...


@runtime_checkable
class SplitsText(Protocol):
    """An optional capability of a featurizer: it knows how text is split into its tokens."""

    split: Callable[[str], tuple[list[str], list[tuple[int, int]]]]


@runtime_checkable
class HasEncoder(Protocol):
    """An optional capability of a featurizer: a language model, which its file does not hold."""

    @property
    def needs(self) -> str:
        """The name of the language model and the checksum of its weights, for people."""
        ...

    def open_encoder(self, folder: Path | None = None, *, remember: bool = False) -> None:
        """Read the language model, from where it was in training if no folder is named.

        With `remember` the vectors of a sentence that comes again are not computed again.

        Raises
        ------
        InputError
            If it is not there, or another one.
        DnatagError
            If a library that is needed is not installed.
        """
        ...


@runtime_checkable
class HasNames(Protocol):
    """An optional capability of a labelling: its labels are letters, which have meanings."""

    names: Mapping[str, str]


@runtime_checkable
class LeavesOpen(Protocol):
    """An optional capability of a labelling: a tag of tokens whose label is not known."""

    unknown: str


@runtime_checkable
class HasPicture(Protocol):
    """An optional capability of a domain: the labels of a sequence can be drawn."""

    def picture(
        self,
        title: str,
        labelling: Any,
        posteriors: np.ndarray,
        entities: Sequence[Entity],
        format: str,
    ) -> bytes:
        """Draw a sequence, see :meth:`dnatag.tasks.tagging.tagger.Tagger.posteriors`.

        The format is png, svg or pdf.

        Raises
        ------
        DnatagError
            If a library that is needed is not installed.
        """
        ...


@runtime_checkable
class HasRecords(Protocol):
    """An optional capability of a domain: its files have other things than tokens of text."""

    def records(self, source: Source, kind: str, encoding: str) -> Iterator[TaggedSequence]:
        """Read the sequences of a file in one of the domain's formats.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        ...

    def write(self, handle: TextIO, target: str, record: Any, tagged: Tagged) -> None:
        """Write a sequence that was read, with its labels, in one of the domain's formats."""
        ...

"""What the classification task needs of a domain: how sequences are read and encoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from dnatag.tasks.classification.settings import ClassifierNetwork
from dnatag.tasks.features import Featurizer

if TYPE_CHECKING:
    from dnatag.engine.networks.configs import TokenTaggerConfig
    from dnatag.formats.io.reading import Source
    from dnatag.tasks.corpora import Corpus

__all__ = ["ClassifyingDomain", "Item", "LabelledSequence"]


class LabelledSequence(NamedTuple):
    """A sequence of a corpus.

    Attributes
    ----------
    sequence : object
        What the domain's featurizer encodes, such as a text.
    label : str
        Its label.
    """

    sequence: Any
    label: str


class Item(NamedTuple):
    """A sequence of a file to classify.

    Attributes
    ----------
    sequence : object
        What the domain's featurizer encodes.
    about : dict
        JSON types: what the result repeats of it, such as its id or text.
    """

    sequence: Any
    about: dict[str, Any]


class ClassifyingDomain(Protocol):
    """What the task needs of a domain, beside what every domain has.

    Attributes
    ----------
    name : str
        What its model files are marked with.
    network : type
        A dataclass of the settings of its networks, made of :class:`ClassifierNetwork`.
    readers : mapping of str to str
        By the name of each format that can be read, that of the format of its result.
    wanted : str
        What its models read, for files that are of no such format.
    counted : str
        What sequences are called, in the plural.
    """

    name: str
    network: type[ClassifierNetwork]
    readers: Mapping[str, str]
    wanted: str
    counted: str

    def read(self, corpora: Sequence[Any]) -> list[Corpus[LabelledSequence]]:
        """Read the corpora of a recipe.

        Raises
        ------
        InputError
            If a file cannot be read, or a sequence has no label.
        """
        ...

    def items(self, source: Source, kind: str, encoding: str) -> Iterator[Item]:
        """Read the sequences of a file in one of the formats.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        ...

    def featurizer(self, sequences: Sequence[Any], network: Any, folder: Path) -> Featurizer:
        """Return a featurizer that knows the sequences to train on."""
        ...

    def encoder_config(self, featurizer: Any, network: Any) -> TokenTaggerConfig:
        """Return the size of the encoder of tokens."""
        ...

    def first_weights(self, featurizer: Any, network: Any) -> Mapping[str, np.ndarray]:
        """Return weights of the encoder, by name, that training shall not start at random."""
        ...

    def load_featurizer(self, arrays: Mapping[str, np.ndarray]) -> Featurizer:
        """Inverse of the featurizer's ``to_arrays``."""
        ...

"""What the transcription task needs of a domain: how recordings are read and encoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from dnatag.tasks.features import Featurizer, TokenFeatures

if TYPE_CHECKING:
    from dnatag.engine.networks.configs import TokenTaggerConfig
    from dnatag.formats.io.reading import Source
    from dnatag.tasks.corpora import Corpus

__all__ = ["SoundFeaturizer", "TranscribedSequence", "TranscribingDomain"]


class TranscribedSequence(NamedTuple):
    """A sequence of a corpus.

    Attributes
    ----------
    sequence : object
        What the domain's featurizer encodes, such as a recording.
    text : str
        What it says.
    """

    sequence: Any
    text: str


class SoundFeaturizer(Featurizer, Protocol):
    """A featurizer in two steps.

    ``encode`` and ``vary`` give frames, and what the network reads are some frames at a time.

    Attributes
    ----------
    seconds : float
        Duration of what the network reads at a time.
    frames : float
        Frames of a second.
    """

    seconds: float
    frames: float

    def join(self, encoded: Sequence[TokenFeatures], rng: np.random.Generator) -> TokenFeatures:
        """Put the frames of sequences one behind the other, with pauses between, for training."""
        ...

    def stack(self, encoded: TokenFeatures, first: int = 0) -> TokenFeatures:
        """Join frames to what the network reads, from a first frame on."""
        ...


class TranscribingDomain(Protocol):
    """What the task needs of a domain, beside what every domain has.

    Attributes
    ----------
    name : str
        What its model files are marked with.
    network : type
        A dataclass of the settings of its networks.
    readers : mapping of str to str
        By the name of each format that can be read, that of the format of its result.
    wanted : str
        What its models read, for files that are of no such format.
    """

    name: str
    network: type
    readers: Mapping[str, str]
    wanted: str

    def read(self, corpora: Sequence[Any]) -> list[Corpus[TranscribedSequence]]:
        """Read the corpora of a recipe.

        Raises
        ------
        InputError
            If a file cannot be read, or a sequence has no text.
        """
        ...

    def items(self, source: Source, kind: str, encoding: str) -> Iterator[Any]:
        """Read the sequences of a file in one of the formats.

        Each has the attributes of a :class:`dnatag.formats.audio.Recording` that results name.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        ...

    def featurizer(self, sequences: Sequence[Any], network: Any) -> SoundFeaturizer:
        """Return a featurizer that knows the sequences to train on."""
        ...

    def encoder_config(self, featurizer: Any, network: Any) -> TokenTaggerConfig:
        """Return the size of the network."""
        ...

    def load_featurizer(self, arrays: Mapping[str, np.ndarray]) -> SoundFeaturizer:
        """Inverse of the featurizer's ``to_arrays``."""
        ...

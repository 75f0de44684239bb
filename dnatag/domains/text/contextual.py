"""Words as numbers that depend on the words around them, by a language model on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from dnatag.domains.text.words import WordFeaturizer
from dnatag.errors import InputError
from dnatag.tasks.features import TokenFeatures

if TYPE_CHECKING:
    from dnatag.domains.text.encoder import Encoder

__all__ = ["ContextualFeaturizer"]

#: Words that are encoded together, at least.
TOGETHER = 256


class ContextualFeaturizer:
    """Encodes words by themselves and in context, see :class:`dnatag.tasks.features.Featurizer`.

    The model file has the checksum of the language model, not its weights.

    Parameters
    ----------
    words : WordFeaturizer
        What encodes words by themselves.
    folder : Path
        Where the language model is.
    checksum : str
        SHA-256 of its weights.
    width : int
        Length of its vectors.
    averaged : int
        How many of its layers count, see :func:`dnatag.domains.text.encoder.open_encoder`.
    """

    in_context = True

    def __init__(
        self, words: WordFeaturizer, folder: Path, checksum: str, width: int, averaged: int
    ) -> None:
        self.words = words
        self.folder = folder
        self.checksum = checksum
        self.width = width
        self.averaged = averaged
        self.split = words.split
        self._encoder: Encoder | None = None
        self._lock = Lock()
        self._known: dict[tuple[str, ...], np.ndarray] | None = None

    @classmethod
    def fit(cls, words: WordFeaturizer, folder: Path) -> ContextualFeaturizer:
        """Read a language model to train with; vectors of the same sentence are made once.

        Raises
        ------
        InputError
            If it cannot be read.
        DnatagError
            If a library that is needed is not installed.
        """
        from dnatag.domains.text.encoder import checksum, open_encoder

        encoder = open_encoder(folder)
        made = cls(words, folder.resolve(), checksum(folder), encoder.width, encoder.averaged)
        made._encoder, made._known = encoder, {}
        return made

    @property
    def needs(self) -> str:
        """See :class:`dnatag.tasks.tagging.domain.HasEncoder`."""
        return f"{self.folder.name} (SHA-256 of its weights: {self.checksum})"

    @property
    def categories(self) -> tuple[int, int]:
        """Numbers of words and of shapes, see :class:`WordFeaturizer`."""
        return self.words.categories

    @property
    def characters(self) -> tuple[str, ...]:
        """Known characters."""
        return self.words.characters

    @property
    def features(self) -> int:
        """Length of the vector of a word, static and contextual parts together."""
        return self.words.features + self.width

    def open_encoder(self, folder: Path | None = None, *, remember: bool = False) -> None:
        """See :class:`dnatag.tasks.tagging.domain.HasEncoder`."""
        from dnatag.domains.text.encoder import checksum, open_encoder

        place = self.folder if folder is None else folder
        if not place.is_dir():
            raise InputError(
                f"{place}: is no folder; the model needs the language model {self.needs}; name its "
                "folder with 'dnatag tag --encoder'"
            )
        found = checksum(place)
        if found != self.checksum:
            raise InputError(
                f"{place}: is another language model (its weights: {found}) than the one that this "
                f"model was trained with, {self.needs}"
            )
        self._encoder = open_encoder(place, self.averaged)
        self._known = {} if remember else None

    def encode(self, tokens: Sequence[str]) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`."""
        return self.encode_all([tokens])[0]

    def encode_all(self, sequences: Sequence[Sequence[str]]) -> list[TokenFeatures]:
        """See :class:`dnatag.tasks.features.EncodesTogether`."""
        vectors = self._vectors([tuple(tokens) for tokens in sequences])
        alone = [self.words.encode(tokens) for tokens in sequences]
        return [
            replace(one, features=np.concatenate([one.features, vector], 1))
            for one, vector in zip(alone, vectors, strict=True)
        ]

    def _vectors(self, sentences: Sequence[tuple[str, ...]]) -> list[np.ndarray]:
        if self._encoder is None:
            with self._lock:
                if self._encoder is None:
                    self.open_encoder()
        assert self._encoder is not None
        known = {} if self._known is None else self._known
        group: list[tuple[str, ...]] = []
        missing = [one for one in dict.fromkeys(sentences) if one not in known]
        for number, sentence in enumerate(missing, 1):
            group.append(sentence)
            if number == len(missing) or sum(map(len, group)) >= TOGETHER:
                known.update(zip(group, self._encoder(group), strict=True))
                group = []
        return [known[sentence] for sentence in sentences]

    def vary(self, encoded: TokenFeatures, rng: np.random.Generator) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`: rare words may be unknown."""
        return self.words.vary(encoded, rng)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """See :class:`dnatag.tasks.features.Featurizer`."""
        about = {
            "folder": str(self.folder),
            "sha256": self.checksum,
            "width": self.width,
            "averaged": self.averaged,
        }
        packed = np.frombuffer(json.dumps(about).encode(), np.uint8)
        return self.words.to_arrays() | {"encoder": packed}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> ContextualFeaturizer:
        """Inverse of :meth:`to_arrays`."""
        about = json.loads(arrays["encoder"].tobytes())
        words = WordFeaturizer.from_arrays(arrays)
        # Files without this key are from when only the last layer was used.
        averaged = int(about.get("averaged", 1))
        folder, checksum = Path(about["folder"]), str(about["sha256"])
        return cls(words, folder, checksum, int(about["width"]), averaged)

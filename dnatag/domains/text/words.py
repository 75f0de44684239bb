"""Words as numbers: known words, vectors, shapes and characters."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from dnatag.formats.text.lines import INVISIBLE
from dnatag.formats.text.tokenizers import TOKENIZERS
from dnatag.tasks.features import TokenFeatures

__all__ = ["WordFeaturizer", "composed", "normalise", "shape"]

#: Of longer words the middle is left out.
LONGEST = 32
#: A word seen n times in training is taken for an unknown one with probability r / (r + n).
RARITY = 3
SHAPES = ("lower", "upper", "title", "mixed", "digits", "with digit", "other")
_DIGIT = re.compile(r"\d")
_INVISIBLE = dict.fromkeys(map(ord, INVISIBLE))


def composed(token: str) -> str:
    """Return a token with accents in one with their letters, and without invisible characters."""
    return unicodedata.normalize("NFC", token.translate(_INVISIBLE)) or token


def normalise(word: str) -> str:
    """Return a word as it is looked up: lower case, with 0 for every digit."""
    return _DIGIT.sub("0", word.lower())


def shape(word: str) -> int:
    """Return the index of a word's shape in ``SHAPES``."""
    if word.isascii() and word.isalpha():  # most words, and quick
        if word.islower():
            return 0
        if word.isupper():
            return 1 if len(word) > 1 else 2
        return 2 if word[0].isupper() and word[1:].islower() else 3
    if any(c.isdigit() for c in word):
        return 4 if all(c.isdigit() or not c.isalnum() for c in word) else 5
    letters = [c for c in word if c.isalpha()]
    if not letters:
        return 6
    if all(c.islower() for c in letters):
        return 0
    if all(c.isupper() for c in letters):
        return 1 if len(letters) > 1 else 2
    return 2 if letters[0].isupper() and all(c.islower() for c in letters[1:]) else 3


class WordFeaturizer:
    """Encodes words, see :class:`dnatag.tasks.features.Featurizer`.

    Parameters
    ----------
    words : mapping of str to int
        Known words, normalised, and how often they occur in the sentences to train on.
    characters : sequence of str
        Known characters.
    vector_words : sequence of str
        Words that have a vector, as the source of the vectors writes them.
    vectors : numpy.ndarray
        float16 (number of these, D); D may be 0.
    tokens : str
        How raw text is split, see :mod:`dnatag.formats.text.tokenizers`.
    """

    in_context = False

    def __init__(
        self,
        words: Mapping[str, int],
        characters: Sequence[str],
        vector_words: Sequence[str] = (),
        vectors: np.ndarray | None = None,
        tokens: str = "words",
    ) -> None:
        self.split = TOKENIZERS[tokens]
        self.tokens = tokens
        self.words = dict(words)
        self.characters = tuple(characters)
        self.vector_words = tuple(vector_words)
        self.vectors = np.zeros((0, 0), np.float16) if vectors is None else vectors
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.vector_words):
            raise ValueError("not every word that should have a vector has one")
        # 0 is unknown; of characters, 0 is none and 1 unknown.
        self._word = {w: i for i, w in enumerate(self.words, 1)}
        self._character = {c: i for i, c in enumerate(self.characters, 2)}
        self._vector = {w: i for i, w in enumerate(self.vector_words)}
        counts = np.array([0, *self.words.values()], float)
        self._forget = RARITY / (RARITY + counts)

    @classmethod
    def fit(
        cls,
        sentences: Iterable[Sequence[str]],
        vector_words: Sequence[str] = (),
        vectors: np.ndarray | None = None,
        most_vectors: int = 0,
        tokens: str = "words",
        least_seen: int = 1,
    ) -> WordFeaturizer:
        """Collect the words and characters of sentences, and some vectors.

        Parameters
        ----------
        sentences : iterable of sequence of str
            Those to train on.
        vector_words, vectors
            As for the class.
        most_vectors : int
            Keep the vectors of the first so many words and of the known ones; 0: all.
        tokens : str
            As for the class.
        least_seen : int
            A word that the sentences have less often stays unknown.
        """
        seen, words, characters = set[str](), Counter[str](), Counter[str]()
        for sentence in sentences:
            words.update(map(normalise, sentence))
            seen.update(sentence)
            for token in sentence:
                characters.update(token)
        # In a model file a zero ends a word, so what has one stays unknown.
        known = {w: n for w, n in words.items() if n >= least_seen and "\0" not in w}
        known = dict(sorted(known.items(), key=lambda item: (-item[1], item[0])))
        if vectors is not None and most_vectors:
            pairs = ((token, normalise(token)) for token in seen)
            forms = {form for pair in pairs if pair[1] in known for form in _forms(*pair)}
            kept = [i for i, w in enumerate(vector_words) if i < most_vectors or w in forms]
            vector_words, vectors = [vector_words[i] for i in kept], vectors[kept]
        return cls(known, sorted(characters.keys() - {"\0"}), vector_words, vectors, tokens)

    @property
    def categories(self) -> tuple[int, int]:
        """Numbers of words and of shapes, with the unknown word and no shape."""
        return len(self.words) + 1, len(SHAPES) + 1

    @property
    def features(self) -> int:
        """Length of the vector of a word."""
        return int(self.vectors.shape[1])

    def encode(self, tokens: Sequence[str]) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`."""
        categories = np.zeros((len(tokens), 2), np.int32)
        features = np.zeros((len(tokens), self.vectors.shape[1]), np.float32)
        parts = np.zeros((len(tokens), max([1, *(min(len(t), LONGEST) for t in tokens)])), np.int32)
        for i, token in enumerate(tokens):
            *categories[i], row = self.look_up(token)
            if row is not None:
                features[i] = self.vectors[row]
            if len(token) > LONGEST:
                token = token[: LONGEST // 2] + token[-LONGEST // 2 :]
            parts[i, : len(token)] = [self._character.get(c, 1) for c in token]
        return TokenFeatures(categories, features, parts)

    def look_up(self, token: str) -> tuple[int, int, int | None]:
        """Return the categories of a token, and the row of its vector, None if it has none.

        It is looked up as it is written and, if it is not known so, composed.
        """
        written = (token,) if token.isascii() else (token, composed(token))
        numbers = (self._word.get(normalise(form), 0) for form in written)
        rows = (self._vector_row(form, normalise(form)) for form in written)
        return (
            next(filter(None, numbers), 0),
            shape(token) + 1,
            next((row for row in rows if row is not None), None),
        )

    def _vector_row(self, token: str, word: str) -> int | None:
        for form in _forms(token, word):
            if (row := self._vector.get(form)) is not None:
                return row
        return None

    def vary(self, encoded: TokenFeatures, rng: np.random.Generator) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`: rare words may be unknown."""
        categories = encoded.categories.copy()
        words = categories[:, 0]
        words[rng.random(len(words)) < self._forget[words]] = 0
        return replace(encoded, categories=categories)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """See :class:`dnatag.tasks.features.Featurizer`."""
        arrays = {
            "words": _pack(self.words),
            "counts": np.array(list(self.words.values()), np.int32),
            "characters": _pack(self.characters),
            "vector_words": _pack(self.vector_words),
            "vectors": self.vectors.astype(np.float16),
        }
        return arrays | ({} if self.tokens == "words" else {"tokens": _pack([self.tokens])})

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> WordFeaturizer:
        """Inverse of :meth:`to_arrays`."""
        words = dict(zip(_unpack(arrays["words"]), arrays["counts"].tolist(), strict=True))
        return cls(
            words,
            _unpack(arrays["characters"]),
            _unpack(arrays["vector_words"]),
            arrays["vectors"],
            _unpack(arrays["tokens"])[0] if "tokens" in arrays else "words",
        )


def _forms(token: str, word: str) -> tuple[str, str, str]:
    """Return the forms under which a vector of a token is looked for; `word` is the normal one."""
    return token, token.lower(), word


def _pack(words: Iterable[str]) -> np.ndarray:
    """Strings as bytes, uint8, each ended by a zero."""
    return np.frombuffer("".join(f"{w}\0" for w in words).encode(), np.uint8)


def _unpack(array: np.ndarray) -> list[str]:
    return array.tobytes().decode().split("\0")[:-1]

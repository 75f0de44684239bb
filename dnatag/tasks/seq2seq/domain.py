"""What the translation task needs of a domain: pairs of texts, and their tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from dnatag.tasks.features import Featurizer

if TYPE_CHECKING:
    from dnatag.engine.networks.configs import TranslatorConfig
    from dnatag.formats.io.reading import Source
    from dnatag.tasks.corpora import Corpus

__all__ = ["BEGIN", "END", "Pair", "TokenCoder", "TranslatingDomain"]

#: Tokens that stand before and behind every translation.
BEGIN, END = 1, 2


class Pair(NamedTuple):
    """A text and its translation."""

    source: str
    target: str


class TokenCoder(Featurizer, Protocol):
    """A featurizer whose only category is a token, and that writes tokens as text.

    Attributes
    ----------
    tokens : int
        Number of tokens; 0 is unknown, 1 the beginning and 2 the end of a translation.
    """

    tokens: int

    def numbers(self, text: str) -> list[int]:
        """Return the tokens of a text."""
        ...

    def pieces(self, numbers: Sequence[int]) -> list[str]:
        """Return what each token is, as it stands in texts."""
        ...

    def write(self, numbers: Sequence[int]) -> str:
        """Return the text of tokens."""
        ...


class TranslatingDomain(Protocol):
    """What the task needs of a domain, beside what every domain has.

    Attributes
    ----------
    name : str
        What its model files are marked with.
    network : type
        A dataclass of the settings of its networks.
    """

    name: str
    network: type

    def read(self, corpora: Sequence[Any], network: Any) -> list[Corpus[Pair]]:
        """Read the corpora of a recipe.

        Raises
        ------
        InputError
            If a file cannot be read, or texts and translations do not fit.
        """
        ...

    def texts(self, source: Source, encoding: str, coder: Any) -> Iterator[str]:
        """Read the texts of a file, a line each.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        ...

    def coder(self, pairs: Sequence[Pair], network: Any) -> TokenCoder:
        """Return what knows the tokens of texts and translations."""
        ...

    def translator_config(self, coder: Any, network: Any) -> TranslatorConfig:
        """Return the size of the network."""
        ...

    def load_coder(self, arrays: Mapping[str, np.ndarray]) -> TokenCoder:
        """Inverse of the coder's ``to_arrays``."""
        ...

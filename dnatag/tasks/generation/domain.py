"""What the generation task needs of a domain: how its pieces are written as tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from dnatag.tasks.features import Featurizer, TokenFeatures

if TYPE_CHECKING:
    from dnatag.engine.networks.configs import TokenTaggerConfig
    from dnatag.tasks.corpora import Corpus

__all__ = ["GeneratingDomain", "TokenWriter"]


class TokenWriter(Featurizer, Protocol):
    """A featurizer that writes steps as tokens, and tokens as steps.

    A step is some tokens and the token 0. Of each token there is a row: the first category is one
    more than the token before, 0 at the beginning, and the first part is the bound: tokens from 1
    to it cannot come.

    Attributes
    ----------
    tokens : int
        Number of tokens that there are.
    """

    tokens: int

    def write(self, tokens: Sequence[int]) -> list[Any]:
        """Return the steps of tokens."""
        ...

    def next_row(self, steps: Sequence[Any], now: Sequence[Any]) -> TokenFeatures:
        """Return the row of the token after whole steps and what there is of the next one."""
        ...


class GeneratingDomain(Protocol):
    """What the task needs of a domain, beside what every domain has.

    Attributes
    ----------
    name : str
        What its model files are marked with.
    network : type
        A dataclass of the settings of its networks.
    counted : (str, str)
        What pieces are called, and what the tokens but 0 are, in the plural.
    """

    name: str
    network: type
    counted: tuple[str, str]

    def read(self, corpora: Sequence[Any], network: Any) -> list[Corpus[Sequence[Any]]]:
        """Read the corpora of a recipe; each piece is a sequence of steps.

        Raises
        ------
        InputError
            If a file cannot be read.
        """
        ...

    def pieces(self, path: Path | str, writer: Any) -> list[Sequence[Any]]:
        """Read the pieces of a file, in steps of a writer.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        ...

    def content(self, steps: Sequence[Any], writer: Any, tempo: float) -> bytes:
        """Return the content of a file with a piece, so many beats in a minute."""
        ...

    def picture(self, steps: Sequence[Any], writer: Any, format: str) -> bytes:
        """Return the content of a picture of a piece: "png", "svg" or "pdf".

        Raises
        ------
        DnatagError
            If matplotlib is not installed.
        """
        ...

    def writer(self, network: Any) -> TokenWriter:
        """Return what writes pieces as tokens."""
        ...

    def generator_config(self, writer: Any, network: Any) -> TokenTaggerConfig:
        """Return the size of the network."""
        ...

    def load_writer(self, arrays: Mapping[str, np.ndarray]) -> TokenWriter:
        """Inverse of the writer's ``to_arrays``."""
        ...

"""Settings in recipes of translation: the tables ``[[corpus]]`` and ``[network]``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dnatag.settings import setting

__all__ = ["TranslationCorpus", "TranslationNetwork"]


@dataclass(frozen=True)
class TranslationCorpus:
    """Texts and their translations, in two files each: line by line.

    Parameters
    ----------
    train : tuple of Path
        To train on: a file of texts and one of their translations.
    validate : tuple of Path
        To validate on: they choose the best weights.
    test : tuple of Path
        To measure the model with at the end.
    encoding : str
        Character encoding of the files.
    weight : float
        How often each pair takes part in an epoch, on average.
    """

    train: tuple[Path, ...] = ()
    validate: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()
    encoding: str = "utf-8"
    weight: float = setting(1.0, most=1000)

    def __post_init__(self) -> None:
        """Check the numbers of files."""
        for name in ("train", "validate", "test"):
            if len(getattr(self, name)) not in (0, 2):
                raise ValueError(f"'{name}' must be two files: of texts and of their translations")


@dataclass(frozen=True)
class TranslationNetwork:
    """How texts are split, and the size of the network.

    Parameters
    ----------
    subwords : int
        Number of parts that words are made of, of both languages together (byte-pair encoding).
    lower : bool
        Whether texts are lower-cased.
    embedding : int
        Length of the vectors of subwords, the same for reading and writing.
    hidden : int
        Units of each LSTM.
    layers : int
        Layers of the encoder.
    dropout : float
        Variational dropout on all sides while training.
    smoothing : float
        Label smoothing: share of the probability that is spread over all subwords while training.
    """

    subwords: int = setting(6000, least=10, most=100_000)
    lower: bool = False
    embedding: int = setting(256)
    hidden: int = setting(256)
    layers: int = setting(1)
    dropout: float = setting(0.4, least=0, most=0.95)
    smoothing: float = setting(0.1, least=0, most=0.9)

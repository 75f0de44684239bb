"""Settings in recipes of proteins: the tables ``[[corpus]]`` and ``[network]``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dnatag.settings import setting

__all__ = ["ProteinCorpus", "ProteinNetwork"]


@dataclass(frozen=True)
class ProteinCorpus:
    """Files of labelled proteins: FASTA with a line of labels below each sequence.

    Parameters
    ----------
    train : tuple of Path
        Files to train on.
    validate : tuple of Path
        Files to validate on: they choose the best weights.
    test : tuple of Path
        Files to measure the model with at the end.
    encoding : str
        Character encoding of the files.
    weight : float
        How often each protein takes part in an epoch, on average.
    """

    train: tuple[Path, ...] = ()
    validate: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()
    encoding: str = "utf-8"
    weight: float = setting(1.0, most=1000)


@dataclass(frozen=True)
class ProteinNetwork:
    """The labels, and the size of the network.

    Parameters
    ----------
    labels : str
        What the labels are: ``topology`` of membrane proteins, with its grammar, or of
        ``residues``, any letters. ``auto`` is a topology if membrane and both sides of it
        occur.
    unknown : str
        Letter of residues whose label is not known: they are left open in training and not counted.
    residues : int
        Length of the vectors of residues.
    mutate : float
        Share of residues that are replaced by similar ones (BLOSUM62) in training.
    hidden : int
        Units of each direction of the LSTM.
    layers : int
        Layers of the LSTM.
    dropout : float
        Variational dropout while training.
    """

    labels: str = setting("auto", choices=("auto", "topology", "residues"))
    unknown: str = "U"
    residues: int = setting(24)
    mutate: float = setting(0.1, least=0, most=1)
    hidden: int = setting(64)
    layers: int = setting(1)
    dropout: float = setting(0.2, least=0, most=0.95)

    def __post_init__(self) -> None:
        """Check the letter."""
        if len(self.unknown) != 1:
            raise ValueError(f"'unknown' must be one letter, not {self.unknown!r}")
        if self.labels == "topology" and self.unknown != "U":
            raise ValueError("the unknown label of a topology is U")

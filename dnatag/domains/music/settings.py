"""Settings in recipes of music: the tables ``[[corpus]]`` and ``[network]``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dnatag.settings import setting

__all__ = ["MOST_STEPS", "MusicCorpus", "MusicNetwork"]

#: Steps of a quarter note.
MOST_STEPS = 48


@dataclass(frozen=True)
class MusicCorpus:
    """Pieces of music: MIDI files and piano rolls.

    Parameters
    ----------
    train : tuple of Path
        Files to train on: MIDI, or piano rolls (``.npy``, ``.npz``) of shape (steps, 88 or 128).
    validate : tuple of Path
        Files to validate on: they choose the best weights.
    test : tuple of Path
        Files to measure the model with at the end.
    weight : float
        How often each piece takes part in an epoch, on average.
    """

    train: tuple[Path, ...] = ()
    validate: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()
    weight: float = setting(1.0, most=1000)


@dataclass(frozen=True)
class MusicNetwork:
    """What the network sees, and its size.

    Parameters
    ----------
    steps : int
        Steps of a quarter note, for MIDI files that are read and written.
    transpose : int
        In training pieces are moved to other keys, by up to so many semitones.
    notes : int
        Length of the vectors of notes.
    hidden : int
        Units of the LSTM.
    layers : int
        Layers of the LSTM.
    dropout : float
        Variational dropout while training.
    """

    steps: int = setting(4, most=MOST_STEPS)
    transpose: int = setting(6, least=0, most=12)
    notes: int = setting(48)
    hidden: int = setting(256)
    layers: int = setting(1)
    dropout: float = setting(0.3, least=0, most=0.95)

"""Settings in recipes of features: the tables ``[[corpus]]`` and ``[network]``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dnatag.settings import setting
from dnatag.tasks.classification.settings import ClassifierNetwork

__all__ = ["ClipNetwork", "FeaturesCorpus", "FrameNetwork"]


@dataclass(frozen=True)
class FeaturesCorpus:
    """Lists of labelled sequences of features: tables with the columns ``name`` and ``label``.

    For labels of frames the column is called ``labels``, and names a file for each sequence,
    relative to the table, with a label in each line.

    Parameters
    ----------
    train : tuple of Path
        Lists of sequences to train on.
    validate : tuple of Path
        Lists to validate on: they choose the best weights and the temperature.
    test : tuple of Path
        Lists to measure the model with at the end.
    archive : Path or None
        An ``.npz`` archive with the sequences by name. By default a name is a ``.npy`` file,
        relative to the list.
    weight : float
        How often each sequence takes part in an epoch, on average.
    """

    train: tuple[Path, ...] = ()
    validate: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()
    archive: Path | None = None
    weight: float = setting(1.0, most=1000)


@dataclass(frozen=True)
class ClipNetwork(ClassifierNetwork):
    """How features enter, and the size of the network.

    Parameters
    ----------
    hidden : int
        Units of each direction of the LSTM.
    layers : int
        Layers of the LSTM.
    dropout : float
        Dropout while training: variational around the LSTM, and of the vector of the sequence.
    units : int
        Length of the vector of a sequence.
    pooling : str
        How the vectors of all frames become that of the sequence: the largest number of each
        unit, their mean, or their mean weighted by attention.
    motion : int
        For each number of frames up to this one, the change of the features over so many frames
        enters as well; 0 for none.
    around : int
        The means of the features over so many frames on either side enter as well; 0 for none.
    noise : float
        Standard deviation of the noise that is added to features in training, in units of their
        own standard deviation.
    speed : float
        In training a sequence is played faster or slower, by up to this share.
    """

    motion: int = setting(1, least=0, most=100)
    around: int = setting(0, least=0, most=10_000)
    noise: float = setting(0.0, least=0, most=10)
    speed: float = setting(0.0, least=0, most=0.9)


@dataclass(frozen=True)
class FrameNetwork:
    """How features enter, and the size of the network that labels frames.

    Parameters
    ----------
    hidden : int
        Units of each direction of the LSTM.
    layers : int
        Layers of the LSTM.
    dropout : float
        Variational dropout while training.
    motion : int
        For each number of frames up to this one, the change of the features over so many frames
        enters as well; 0 for none.
    around : int
        The means of the features over so many frames on either side enter as well; 0 for none.
    noise : float
        Standard deviation of the noise that is added to features in training, in units of their
        own standard deviation.
    softmax : float
        The features are scores that another classifier gives the frame for each class, and what
        enters is the softmax of them, multiplied by this number: classes compete within a frame,
        and classifiers whose scores lie differently agree. 0 for features as they are.
    shortest : float
        The shortest duration of a segment, as a share of the shortest one of its label that is
        trained on, but 50 frames at most; 0 for none.
    """

    hidden: int = setting(64)
    layers: int = setting(1)
    dropout: float = setting(0.5, least=0, most=0.95)
    motion: int = setting(1, least=0, most=100)
    around: int = setting(0, least=0, most=10_000)
    noise: float = setting(0.0, least=0, most=10)
    softmax: float = setting(0.0, least=0, most=1000)
    shortest: float = setting(0.5, least=0, most=1)

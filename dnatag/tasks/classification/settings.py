"""Settings of classifiers: what their ``[network]`` has in all domains, and ``[training]``."""

from __future__ import annotations

from dataclasses import dataclass

from dnatag.engine.networks.configs import POOLINGS
from dnatag.settings import setting

__all__ = ["ClassificationTraining", "ClassifierNetwork"]


@dataclass(frozen=True)
class ClassifierNetwork:
    """The size of the network.

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
        How the vectors of all positions become that of the sequence: the largest number of each
        unit, their mean, or their mean weighted by attention.
    """

    hidden: int = setting(128)
    layers: int = setting(1)
    dropout: float = setting(0.5, least=0, most=0.95)
    units: int = setting(100)
    pooling: str = setting("max", choices=POOLINGS)


@dataclass(frozen=True)
class ClassificationTraining:
    """How to train a classifier.

    Parameters
    ----------
    epochs : int
        Passes over the sequences.
    batch : int
        Tokens of a step, padding included.
    learning_rate : float
        Highest learning rate: it rises for half an epoch and falls to zero in a half cosine.
    weight_decay : float
        Weight decay of AdamW.
    clip : float
        Largest norm of the gradient.
    average : float
        Decay of the moving average of the weights, which is what is validated and kept; 0 for none.
    validations : int
        Validations in an epoch. The weights of the one with the best accuracy are kept.
    networks : int
        Number of networks that are trained, one after the other, each from random weights of its
        own. The model is the mean of their scores: better, and as many times as large and slow.
    seed : int
        Seed of all random choices.
    """

    epochs: int = setting(10)
    batch: int = setting(800)
    learning_rate: float = setting(1.5e-3)
    weight_decay: float = setting(0.01, least=0)
    clip: float = setting(1.0)
    average: float = setting(0.0, least=0, most=0.99999)
    validations: int = setting(1)
    networks: int = setting(1)
    seed: int = setting(1, least=0)

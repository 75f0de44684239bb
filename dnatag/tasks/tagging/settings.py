"""How taggers are trained: the table ``[training]`` of their recipes."""

from __future__ import annotations

from dataclasses import dataclass

from dnatag.settings import setting

__all__ = ["TaggingTraining"]


@dataclass(frozen=True)
class TaggingTraining:
    """How to train a tagger.

    Parameters
    ----------
    epochs : int
        Passes over the sequences.
    patience : int
        Epochs that are no better on the files to validate on than an earlier one until training
        ends. The best epoch is kept; without such files, the last one.
    batch : int
        Tokens of a step, padding included.
    learning_rate : float
        Highest learning rate: it rises for half an epoch and falls to zero in a half cosine.
    weight_decay : float
        Weight decay of AdamW.
    clip : float
        Largest norm of the gradient.
    temperature : float or None
        Divisor of all scores after training, since a model is too certain of sequences that are
        new to it. The most probable labelling stays the same. By default that with which the
        posteriors of what is found in the files to validate on fit what is right there best, if it
        is above 1; 1 without such files.
    networks : int
        Number of networks that are trained, one after the other, each from random weights of its
        own. The model is the mean of their scores: better, and as many times as large and slow.
    seed : int
        Seed of all random choices.
    join : str
        Model file whose networks become a part of this model, beside those that are trained. It
        must have the same features, sizes and labels. Good for a model that is trained on the
        predictions of an earlier one, since they differ in their errors.
    """

    epochs: int = setting(15)
    patience: int = setting(10)
    batch: int = setting(150)
    learning_rate: float = setting(1.5e-3)
    weight_decay: float = setting(0.01, least=0)
    clip: float = setting(1.0)
    temperature: float | None = setting(None, least=0.1, most=10)
    networks: int = setting(1)
    seed: int = setting(1, least=0)
    join: str = setting("")

"""How transcribers are trained: the table ``[training]`` of their recipes."""

from __future__ import annotations

from dataclasses import dataclass

from dnatag.settings import setting

__all__ = ["CtcTraining"]


@dataclass(frozen=True)
class CtcTraining:
    """How to train a transcriber.

    Parameters
    ----------
    epochs : int
        Passes over the recordings.
    batch : int
        Seconds of sound of a step, padding included.
    learning_rate : float
        Highest learning rate: it rises for two epochs and falls to zero in a half cosine.
    weight_decay : float
        Weight decay of AdamW.
    clip : float
        Largest norm of the gradient.
    average : float
        Decay of the moving average of the weights, which is what is validated and kept; 0 for none.
    joined : float
        The share of steps whose recordings are joined in pairs, with pauses between: for models
        that are to transcribe more than one utterance at a time.
    order : int
        Length of the n-grams of characters of the texts to train on; 0 for no n-gram model.
    beam : int
        Hypotheses that the search keeps.
    seed : int
        Seed of all random choices.
    """

    epochs: int = setting(60)
    batch: int = setting(60)
    learning_rate: float = setting(2e-3)
    weight_decay: float = setting(0.01, least=0)
    clip: float = setting(1.0)
    average: float = setting(0.99, least=0, most=0.99999)
    joined: float = setting(0.0, least=0, most=1)
    order: int = setting(8, least=0, most=20)
    beam: int = setting(16, most=1000)
    seed: int = setting(1, least=0)

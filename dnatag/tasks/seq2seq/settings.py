"""How translators are trained: the table ``[training]`` of their recipes."""

from __future__ import annotations

from dataclasses import dataclass

from dnatag.settings import setting

__all__ = ["Seq2seqTraining"]


@dataclass(frozen=True)
class Seq2seqTraining:
    """How to train a translator.

    Parameters
    ----------
    epochs : int
        Passes over the sentences.
    batch : int
        Tokens of a step that are read, padding included.
    learning_rate : float
        Highest learning rate: it rises for an epoch and falls to zero in a half cosine.
    weight_decay : float
        Weight decay of AdamW.
    clip : float
        Largest norm of the gradient.
    average : float
        Decay of the moving average of the weights, which the model is; 0 for none.
    beam : int
        Hypotheses that the search keeps.
    seed : int
        Seed of all random choices.
    """

    epochs: int = setting(30)
    batch: int = setting(1000)
    learning_rate: float = setting(2e-3)
    weight_decay: float = setting(0.01, least=0)
    clip: float = setting(1.0)
    average: float = setting(0.998, least=0, most=0.99999)
    beam: int = setting(6, most=100)
    seed: int = setting(1, least=0)

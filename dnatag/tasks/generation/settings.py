"""How generators are trained: the table ``[training]`` of their recipes."""

from __future__ import annotations

from dataclasses import dataclass

from dnatag.settings import setting

__all__ = ["GenerationTraining"]


@dataclass(frozen=True)
class GenerationTraining:
    """How to train a generator.

    Parameters
    ----------
    epochs : int
        Passes over the pieces.
    batch : int
        Tokens of a batch, padding included.
    stretch : int
        Steps of a piece that are trained on at a time; longer pieces are cut.
    learning_rate : float
        Highest learning rate: it rises for an epoch and falls to zero in a half cosine.
    weight_decay : float
        Weight decay of AdamW.
    clip : float
        Largest norm of the gradient.
    seed : int
        Seed of all random choices.
    """

    epochs: int = setting(100)
    batch: int = setting(3000)
    stretch: int = setting(100)
    learning_rate: float = setting(3e-3)
    weight_decay: float = setting(0.01, least=0)
    clip: float = setting(1.0)
    seed: int = setting(1, least=0)

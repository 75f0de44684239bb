"""Settings of the training loop."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["TrainingConfig"]


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of the loop.

    Parameters
    ----------
    steps : int
        Length of the schedule: linear warm-up, then a cosine down to zero.
    learning_rate, weight_decay : float
        Settings of AdamW.
    warmup : int
        Steps of the warm-up.
    clip : float
        Largest norm of the gradient.
    validate_every : int
        Steps between validations, each followed by a checkpoint.
    patience : int
        Validations that are no better than an earlier one until training stops early.
    average : float
        Decay of the moving average of the weights, which is what is validated and kept; 0 for none.
    seed : int
        Seed of dropout.
    """

    steps: int = 6000
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warmup: int = 200
    clip: float = 1.0
    validate_every: int = 250
    patience: int = 12
    average: float = 0.0
    seed: int = 1

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(self.steps - self.warmup, 1)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

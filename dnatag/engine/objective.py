"""What training minimises, and the metric that it may watch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from dnatag.engine.batch import Batch

__all__ = ["Metric", "Objective"]


class Objective(Protocol):
    """The loss of a network on a batch."""

    def __call__(self, network: Any, batch: Batch) -> tuple[Tensor, Tensor]:
        """Compute the loss.

        Parameters
        ----------
        network : torch.nn.Module
            The network that is trained, called with the inputs of the batch and their lengths.
        batch : Batch
            At least one example, on the network's device.

        Returns
        -------
        loss : Tensor
            The sum of the losses, differentiable, without dimensions.
        weight : Tensor
            What the sum is to be divided by, for instance the number of positions that count; 0 if
            none does. Loss and weight are added up over all batches of a step before.
        """
        ...


@dataclass(frozen=True)
class Metric:
    """A measure of a task that is watched while a network is trained, and chooses its weights.

    Attributes
    ----------
    name : str
        Its column in the log.
    function : callable
        Measures a network, which is in evaluation mode.
    higher_is_better : bool
        Whether of two values the higher one is better.
    """

    name: str
    function: Callable[[Any], float]
    higher_is_better: bool = True

    def better(self, value: float, other: float) -> bool:
        """Whether a value is better than another one."""
        return value > other if self.higher_is_better else value < other

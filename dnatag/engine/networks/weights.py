"""The weights of torch networks as the arrays of a model file, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

__all__ = ["network_with_weights", "weights_of"]

N = TypeVar("N", bound=nn.Module)


def weights_of(network: nn.Module) -> dict[str, np.ndarray]:
    """Return the weights of a network by name."""
    return {name: weights.numpy(force=True) for name, weights in network.state_dict().items()}


def network_with_weights(build: Callable[[], N], arrays: Mapping[str, np.ndarray]) -> N:
    """Build a network and give it the weights of a file, in single precision.

    Parameters
    ----------
    build
        Returns the network, with any weights.
    arrays
        All its weights by name, and nothing else.

    Returns
    -------
    nn.Module
        In evaluation mode, on the CPU.

    Raises
    ------
    ValueError
        If weights are missing, left over or of another shape. This is found before the network
        takes memory, so a file may claim any size.
    """
    with torch.device("meta"), _Uninitialised():
        wanted = {name: tuple(w.shape) for name, w in build().state_dict().items()}
    for name in [*wanted, *arrays]:
        if name not in wanted or name not in arrays:
            raise ValueError(f"weights {name!r} are {'left over' if name in arrays else 'missing'}")
        if arrays[name].shape != wanted[name]:
            raise ValueError(
                f"weights {name!r} have the shape {arrays[name].shape}, not {wanted[name]}"
            )
    network = build()
    network.load_state_dict({name: torch.tensor(a).float() for name, a in arrays.items()})
    return network.eval()


class _Uninitialised(TorchFunctionMode):
    """Leaves weights as they are; to draw them on "meta" imports torch's compiler, for seconds."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func.__name__ in ("normal_", "uniform_"):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)

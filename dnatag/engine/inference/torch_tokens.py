"""Networks of torch over tokens, on any device."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor

from dnatag.engine.devices import one_core_threads
from dnatag.engine.networks.token_tagger import TokenEncoder

__all__ = ["TorchTokens"]


class TorchTokens:
    """A :class:`dnatag.engine.inference.networks.TokenRunner` of torch.

    Parameters
    ----------
    networks : sequence of TokenEncoder
        In evaluation mode; moved to the device.
    device : str
        Where they run.
    """

    def __init__(self, networks: Sequence[TokenEncoder], device: str) -> None:
        self.device = torch.device(device)
        self.networks = [network.to(self.device) for network in networks]

    def pool(self, threads: int) -> AbstractContextManager[Executor]:
        """See :class:`dnatag.engine.inference.networks.TokenRunner`."""
        return one_core_threads(threads if self.device.type == "cpu" else 1)

    def prepare(
        self, categories: np.ndarray, features: np.ndarray, parts: np.ndarray
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See :class:`dnatag.engine.inference.networks.TokenRunner`."""
        first, second, third = (torch.from_numpy(x) for x in (categories, features, parts))
        return first.long(), second, third.long()

    def scores(
        self, prepared: tuple[Tensor, Tensor, Tensor], rows: np.ndarray, lengths: np.ndarray
    ) -> np.ndarray:
        """See :class:`dnatag.engine.inference.networks.TokenRunner`."""
        there = torch.arange(int(lengths.max(initial=0))) < torch.from_numpy(lengths)[:, None]
        which = torch.from_numpy(rows)

        def pad(of_tokens: Tensor) -> Tensor:
            padded = of_tokens.new_zeros(*there.shape, of_tokens.shape[1])
            padded[there] = of_tokens[which]
            return padded.to(self.device)

        inputs = [pad(x) for x in prepared]
        ends = torch.from_numpy(lengths).to(self.device)
        with torch.inference_mode():
            # The mean of scores: the geometric mean of what the networks find probable.
            scores = torch.stack([f(*inputs, ends).float() for f in self.networks]).mean(0)
        found: np.ndarray = scores.cpu()[there].numpy()
        return found

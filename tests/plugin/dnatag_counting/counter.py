"""The predictor, and its model files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from dnatag.engine.devices import choose_device
from dnatag.engine.networks.weights import network_with_weights, weights_of
from dnatag.errors import InputError
from dnatag.models.file import check_task, load_model, save_model
from dnatag.registry import find_domain
from dnatag_counting.network import LABELS, CountingNetwork, encode


def save(
    path: Path,
    network: torch.nn.Module,
    config: Mapping[str, Any],
    domain: str,
    about: Mapping[str, Any],
) -> None:
    """Write a model file."""
    described = {
        "domain": domain,
        "task": "counting",
        "network": {"type": "counting", "config": dict(config)},
        "targets": list(LABELS),
    }
    save_model(path, weights_of(network), described | dict(about))


class Counter:
    """Counts ones."""

    def __init__(self, path: Path, device: str = "auto") -> None:
        arrays, self.metadata = load_model(path)
        check_task(path, self.metadata, "counting")
        self.device = choose_device(device)
        self.symbols: str = find_domain(self.metadata["domain"]).symbols
        hidden = self.metadata["network"]["config"]["hidden"]
        try:
            network = network_with_weights(
                lambda: CountingNetwork(len(self.symbols), hidden), arrays
            )
        except ValueError as error:
            raise InputError(f"{path} does not hold a whole model: {error}") from error
        self.network = network.to(self.device)

    def count(self, rows: Iterable[str]) -> list[str]:
        """Return the label of each row."""
        symbols, lengths = encode(list(rows), self.symbols)
        with torch.inference_mode():
            scores = self.network(symbols.to(self.device), lengths.to(self.device))
        return [LABELS[i] for i in scores.argmax(1).tolist()]

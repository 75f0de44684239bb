"""Weights of networks as arrays, there and back; what does not fit is found before it is built."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from dnatag.engine.networks.weights import network_with_weights, weights_of


def build(inputs: int = 3) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 2), nn.Dropout())


def test_there_and_back() -> None:
    one = build()
    arrays = {name: array.astype(np.float16) for name, array in weights_of(one).items()}
    other = network_with_weights(build, arrays)
    assert not other.training
    for name, weights in one.state_dict().items():
        assert torch.equal(other.state_dict()[name], weights.half().float())
    # What is loaded is a copy.
    before = arrays["0.bias"].copy()
    with torch.no_grad():
        other.state_dict()["0.bias"].add_(1)
    assert np.array_equal(arrays["0.bias"], before)


def test_what_does_not_fit() -> None:
    arrays = weights_of(build())
    for changed, message in (
        ({k: v for k, v in arrays.items() if k != "0.bias"}, "'0.bias' are missing"),
        (arrays | {"1.bias": np.zeros(1)}, "'1.bias' are left over"),
        (arrays | {"0.bias": np.zeros(3)}, r"'0.bias' have the shape \(3,\), not \(2,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            network_with_weights(build, changed)
    with pytest.raises(ValueError, match="have the shape"):
        network_with_weights(lambda: build(10**12), arrays)

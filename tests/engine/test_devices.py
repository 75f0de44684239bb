"""The choice of a device, and torch's threads."""

from __future__ import annotations

import pytest
import torch

from dnatag.engine.devices import choose_device, has_double_precision, torch_threads
from dnatag.errors import InputError

CPU = torch.device("cpu")


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device() == choose_device("cpu") == CPU
    for name in ("cuda", "mps"):
        with pytest.raises(InputError, match=f"no {name} device here; use --device cpu"):
            choose_device(name)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device().type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device().type == "cuda"
    assert choose_device("cpu") == CPU


def test_threads_are_set_back() -> None:
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with pytest.raises(KeyError), torch_threads(before + 1):
        raise KeyError
    assert torch.get_num_threads() == before


def test_precision() -> None:
    assert has_double_precision(CPU)
    assert not has_double_precision(torch.device("mps"))

"""The choice of a device, and torch's threads."""

from __future__ import annotations

import pytest
import torch

from dnatag.engine.devices import (
    Halving,
    choose_device,
    has_double_precision,
    mixed_precision,
    torch_threads,
)
from dnatag.errors import DnatagError, InputError

CPU = torch.device("cpu")


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device() == choose_device("cpu") == "cpu"
    for name in ("cuda", "mps"):
        with pytest.raises(InputError, match=f"no {name} device here; use the device cpu"):
            choose_device(name)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device() == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device() == "cuda"
    assert choose_device("cpu") == "cpu"


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


def test_mixed_precision_is_for_gpus() -> None:
    with mixed_precision(CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


@pytest.mark.parametrize("rows", [1, 2, 5, 20])
def test_halving(rows: int) -> None:
    """What has fitted once is the most that is tried from then on."""
    tried = []

    def work(first: int, last: int) -> list[int]:
        tried.append(last - first)
        if last - first > rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return list(range(first, last))

    halving = Halving(CPU, "row", "buy more")
    for count in (13, 0, 9):
        assert [i for part in halving.run(work, count) for i in part] == list(range(count))
    failed = [n for n in tried if n > rows]
    assert tried[: len(failed)] == failed
    assert len(failed) <= 4


def test_nothing_fits() -> None:
    def work(first: int, last: int) -> None:
        raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(DnatagError, match=r"device \(cpu\) is too small for one row; buy more"):
        list(Halving(CPU, "row", "buy more").run(work, 3))


def test_other_errors_are_not_hidden() -> None:
    def work(first: int, last: int) -> None:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        list(Halving(CPU, "row", "buy more").run(work, 3))

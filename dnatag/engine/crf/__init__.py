"""Exact inference in linear-chain CRFs under a grammar."""

from __future__ import annotations

from types import ModuleType

__all__ = ["implementation"]


def implementation(device_type: str) -> ModuleType:
    """Module that computes on a kind of device: compiled loops for ``"cpu"``."""
    from dnatag.engine.crf import compiled

    return compiled

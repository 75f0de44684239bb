"""Files of format 1, those of dnatag 0.1: what they call by other names than format 2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

__all__ = ["metadata", "tensors"]

T = TypeVar("T")


def metadata(old: dict[str, Any]) -> dict[str, Any]:
    """Give the metadata of a file the names of format 2, in place.

    Parameters
    ----------
    old : dict
        As the file has them.
    """
    if "grammar" in old:
        grammar = old["grammar"]
        grammar["scores"], grammar["flags"] = grammar.pop("channels"), grammar.pop("bits")
    site = old.get("configuration", {}).get("site")
    if site is not None:
        site["flag"] = site.pop("bit")
    if "relatives" in old:
        old["panel"] = old.pop("relatives")
    return old


def tensors(old: Mapping[str, T]) -> dict[str, T]:
    """Give the tensors of a file the names of format 2.

    Parameters
    ----------
    old : mapping of str to array
        By the names in the file.
    """
    return {
        re.sub(r"(^|\.)theta$", r"\1transition_weights", re.sub(r"^relatives\.", "panel.", name)): x
        for name, x in old.items()
    }

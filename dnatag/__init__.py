"""dnatag: find the genes of a genome, and label any other sequence, with a BiLSTM-CRF."""

from __future__ import annotations

from typing import Any

__version__ = "0.2.0.dev0"

__all__ = ["GeneFinder", "Tagger", "__version__"]


def __getattr__(name: str) -> Any:
    """Import the API when it is asked for: the command line's help must not wait for torch."""
    if name == "GeneFinder":
        from dnatag.domains.genes.finder import GeneFinder

        return GeneFinder
    if name == "Tagger":
        from dnatag.tasks.tagging.tagger import Tagger

        return Tagger
    raise AttributeError(f"module 'dnatag' has no attribute {name!r}")

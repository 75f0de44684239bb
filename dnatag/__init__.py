"""dnatag: find the genes of a genome, and label any other sequence, with a BiLSTM-CRF."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dnatag.domains.genes.conversion import annotate
    from dnatag.domains.genes.finder import GeneFinder
    from dnatag.loading import load
    from dnatag.tasks.tagging.tagger import Tagger
    from dnatag.training import train

__version__ = "0.2.0.dev0"

__all__ = ["GeneFinder", "Tagger", "__version__", "annotate", "load", "train"]

#: Where each name of the API is; imported on demand, so that help does not wait for torch.
_PLACES = {
    "annotate": "dnatag.domains.genes.conversion",
    "GeneFinder": "dnatag.domains.genes.finder",
    "Tagger": "dnatag.tasks.tagging.tagger",
    "load": "dnatag.loading",
    "train": "dnatag.training",
}


def __getattr__(name: str) -> Any:
    """Import a name of the API."""
    if name not in _PLACES:
        raise AttributeError(f"module 'dnatag' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)

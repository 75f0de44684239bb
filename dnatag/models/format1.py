"""Model files of format 1, those of dnatag 0.1: their contents by the names of format 2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

__all__ = ["arrays", "metadata"]

T = TypeVar("T")

#: By domain: task and type of the network, which format 1 does not name.
_KINDS = {
    "genes": ("annotation", "kmer_tagger"),
    "text": ("tagging", "token_tagger"),
    "proteins": ("tagging", "token_tagger"),
}
_TARGETS = {"channels": "scores", "bits": "flags"}
_RENAMED = (
    (re.compile(r"(^|\.)theta$"), r"\1transition_weights"),
    (re.compile(r"^relatives\."), "panel."),
    (re.compile(r"^adaptation\."), "signals."),
    (re.compile(r"^starts\."), "start_signals."),
    (re.compile(r"^motif\."), "rbs."),
    (re.compile(r"^(panel|signals|start_signals)\.codons$"), r"\1.start_codons"),
    (re.compile(r"^(panel|signals|start_signals)\.motifs$"), r"\1.pentamers"),
    (re.compile(r"^encoder_of_tokens\."), "featurizer."),
)


def metadata(old: Mapping[str, Any]) -> dict[str, Any]:
    """Give the metadata of a file the keys of format 2.

    Parameters
    ----------
    old : mapping
        As the file has them.

    Returns
    -------
    dict
        The same in new keys; files of neither a gene model, a tagger nor the parameters of a
        genome keep theirs.
    """
    new = dict(old)
    if new.get("domain") == "genome":
        new["domain"] = "genes"
        new["parameters"] = {"genetic_code": new.pop("genetic_code", None)}
        return new
    if new.get("domain") not in _KINDS:
        return new
    new["task"], kind = _KINDS[new["domain"]]
    config = dict(new.pop("configuration", {}))
    if config.get("site") is not None:
        config["site"] = {"flag" if k == "bit" else k: v for k, v in config["site"].items()}
    new["network"] = {"type": kind, "config": config}
    if "networks" in new:
        new["network"]["members"] = new.pop("networks")
    new["featurizer"] = {"panel": new.pop("relatives")} if "relatives" in new else {}
    new["targets"] = new.pop("grammar", None) or new.pop("labels", {})
    new["targets"] = {_TARGETS.get(key, key): value for key, value in new["targets"].items()}
    return new


def arrays(old: Mapping[str, T]) -> dict[str, T]:
    """Give the arrays of a file the names of format 2.

    Parameters
    ----------
    old : mapping of str to array
        By the names in the file.
    """
    new = {}
    for name, array in old.items():
        for pattern, replacement in _RENAMED:
            name = pattern.sub(replacement, name)
        new[name] = array
    return new

"""Recipes of taggers of tokens: which files to learn from, and how.

A recipe is a TOML file::

    domain = "text"                 # or "proteins"
    licence = "MIT"                 # of the model
    card = "# My model"             # Markdown; what it is and what it is good for

    [[corpus]]                      # one or more, see CorpusFiles
    train = ["train.tsv", "more.tsv"]
    validate = "devel.tsv"
    test = "test.tsv"

    [model]                         # the settings of the domain
    hidden = 100

    [training]                      # see Training
    epochs = 20

Only ``domain`` and the ``train`` of a corpus are needed. Files are beside the recipe unless
another folder is named on the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dnatag.errors import InputError
from dnatag.formats.toml import check_keys, read_toml, settings
from dnatag.tasks.tagging.domain import DOMAINS, CorpusFiles, find_domain
from dnatag.tasks.tagging.schemes import PLAIN, SCHEMES

__all__ = ["Recipe", "Training", "read_recipe"]

_LIMITS: dict[str, tuple[Any, ...]] = {
    "seed": (0, 1e9),
    "weight_decay": (0, 1e9),
    "temperature": (0.1, 10),
}


@dataclass(frozen=True)
class Training:
    """How to train.

    Parameters
    ----------
    epochs : int
        Passes over the sequences.
    batch : int
        Tokens of a step, padding included.
    learning_rate : float
        The highest; it rises in half an epoch and falls to zero in a half cosine.
    weight_decay, clip : float
        Of AdamW, and the largest norm of the gradient.
    temperature : float
        What all scores are divided by when training has ended: what was learnt by heart is too
        sure of what is new. The most probable labelling stays the same.
    networks : int
        So many are trained, one after the other, each from random numbers of its own; the model
        is the mean of their scores. It is better, and as many times as large and as slow.
    seed : int
        Of all random choices.
    join : str
        Model file whose networks become a part of this model, beside those that are trained; ""
        for none. It must have the same features, sizes and labels. Good for a model that learns
        from what an earlier one tells: they differ in their errors.
    """

    epochs: int = 15
    batch: int = 150
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.01
    clip: float = 1.0
    temperature: float = 1.0
    networks: int = 1
    seed: int = 1
    join: str = ""


@dataclass(frozen=True)
class Recipe:
    """What to learn from, and how.

    Parameters
    ----------
    domain : str
        One of ``DOMAINS``.
    corpora : tuple of CorpusFiles
        At least one with files to train on.
    folder : Path
        Where files that the settings name are.
    model : object
        The settings of the domain.
    training : Training
        The schedule.
    licence, card : str
        Of the model.
    """

    domain: str
    corpora: tuple[CorpusFiles, ...]
    folder: Path
    model: Any
    training: Training = field(default_factory=Training)
    licence: str = "not stated"
    card: str = ""


def read_recipe(path: Path, folder: Path | None = None) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    path
        A TOML file.
    folder
        Where its files are, in place of the folder of the recipe.

    Raises
    ------
    InputError
        Naming file and key, or line and column, if something is unknown, missing or of a wrong
        type, or a file does not exist.
    """
    content = read_toml(path)
    known = {
        "domain": str,
        "corpus": list,
        "model": dict,
        "training": dict,
        "licence": str,
        "card": str,
    }
    check_keys(content, known, str(path))
    if content.get("domain") not in DOMAINS:
        raise InputError(f"{path}: 'domain' must be {' or '.join(DOMAINS)}")
    domain = find_domain(content["domain"])
    folder = path.parent if folder is None else folder
    corpora = tuple(
        _corpus(table, folder, f"{path}: [[corpus]] {number}")
        for number, table in enumerate(content.get("corpus", []), 1)
    )
    if not any(corpus.train for corpus in corpora):
        raise InputError(f"{path}: no [[corpus]] names files to train on ('train')")
    return Recipe(
        domain=domain.name,
        corpora=corpora,
        folder=folder,
        model=settings(domain.settings, content.get("model", {}), f"{path}: [model]",
                       domain.limits),
        training=settings(Training, content.get("training", {}), f"{path}: [training]", _LIMITS),
        licence=content.get("licence", "not stated"),
        card=content.get("card", ""),
    )  # fmt: skip


def _corpus(table: Any, folder: Path, where: str) -> CorpusFiles:
    if not isinstance(table, Mapping):
        raise InputError(f"{where}: must be a table, headed [[corpus]]")
    values = dict(table)
    for key in ("train", "validate", "test", "types"):
        if isinstance(values.get(key), str):
            values[key] = [values[key]]
    known = {
        "train": list,
        "validate": list,
        "test": list,
        "token_column": int,
        "tag_column": int,
        "scheme": str,
        "encoding": str,
        "types": list,
        "weight": float,
    }
    check_keys(values, known, where)
    for key in ("train", "validate", "test", "types"):
        items = values.get(key, [])
        if not all(isinstance(item, str) for item in items):
            raise InputError(f"{where}: '{key}' must be a string or a list of strings")
        if key != "types":
            values[key] = tuple(folder / item for item in items)
            for file in values[key]:
                if not file.is_file():
                    raise InputError(
                        f"{where}: there is no file {file}; name the folder of the files "
                        "with --folder"
                    )
    if values.get("scheme", PLAIN) not in SCHEMES:
        raise InputError(f"{where}: 'scheme' can be {', '.join(SCHEMES)}")
    for key in ("token_column", "tag_column"):
        if values.get(key) == 0:
            raise InputError(f"{where}: '{key}' is counted from 1 or, from the end, from -1")
    if "types" in values:
        values["types"] = tuple(values["types"])
    if not 0 < values.get("weight", 1) <= 1000:
        raise InputError(f"{where}: 'weight' must be above 0 and at most 1000")
    return CorpusFiles(**values)

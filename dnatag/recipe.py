"""Recipes: TOML files that describe what to train a model on, and how.

All domains and tasks have one schema::

    domain = "text"                 # what the sequences are
    task = "tagging"                # may be left out where the domain has one
    licence = "MIT"                 # of the model
    card = "# My model"             # Markdown; what it is and what it is good for

    [[corpus]]                      # one or more; its keys are those of the domain
    train = ["train.tsv", "more.tsv"]

    [network]                       # the settings of the domain's network
    hidden = 100

    [training]                      # the settings of the task's training
    epochs = 20

``licence``, ``card``, ``[network]`` and ``[training]`` may be left out. Files are beside the
recipe unless another folder is named.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dnatag.errors import InputError
from dnatag.formats.toml import read_toml
from dnatag.registry import domain_names, find_domain, find_task
from dnatag.settings import check_keys, read_settings
from dnatag.tasks.base import Recipe

__all__ = ["Recipe", "read_recipe"]

_KEYS: dict[str, type] = {
    "domain": str,
    "task": str,
    "licence": str,
    "card": str,
    "corpus": list,
    "network": dict,
    "training": dict,
}


def read_recipe(
    path: str | os.PathLike[str], folder: str | os.PathLike[str] | None = None
) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    path
        A TOML file.
    folder
        Where its files are; None: beside it.

    Raises
    ------
    InputError
        Naming file and key, or line and column, if something is unknown, missing, of a wrong type
        or out of range, or a file does not exist.
    """
    path = Path(path)
    content = read_toml(path)
    if "model" in content:
        raise InputError(f"{path}: the table [model] is called [network] now")
    check_keys(content, _KEYS, str(path))
    if "domain" not in content:
        raise InputError(f"{path}: the key 'domain' is missing: {_either(domain_names())}")
    domain, task = _find(path, content)
    home = path.parent
    files = home if folder is None else Path(folder)
    corpora = tuple(
        _corpus(domain.corpus, table, files, f"{path}: [[corpus]] {number}")
        for number, table in enumerate(content.get("corpus", []), 1)
    )
    if not corpora:
        raise InputError(f"{path}: there is no [[corpus]] to train on")
    network = None
    if "network" in content:
        network = read_settings(domain.network, content["network"], f"{path}: [network]")
    return Recipe(
        domain,
        task,
        corpora,
        read_settings(task.training, content.get("training", {}), f"{path}: [training]"),
        network,
        licence=content.get("licence", Recipe.licence),
        card=content.get("card", Recipe.card),
        home=home,
        folder=None if folder is None else Path(folder),
        outside=tuple(_outside(content, files, {home.resolve(), files.resolve()})),
    )


def _find(path: Path, content: Mapping[str, Any]) -> tuple[Any, Any]:
    try:
        domain = find_domain(content["domain"])
        name = content.get("task", domain.tasks[0])
        task = find_task(name)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if name not in domain.tasks:
        raise InputError(f"{path}: the task of {domain.name} can be {_either(domain.tasks)}")
    return domain.for_task(name), task


def _corpus(kind: type, table: Any, folder: Path, where: str) -> Any:
    if not isinstance(table, Mapping):
        raise InputError(f"{where}: must be a table, headed [[corpus]]")
    return read_settings(kind, table, where, folder)


def _outside(content: Any, files: Path, known: set[Path]) -> Iterator[str]:
    """Yield what a recipe names that exists outside of its folders."""
    if isinstance(content, Mapping):
        content = list(content.values())
    if isinstance(content, list):
        for value in content:
            yield from _outside(value, files, known)
    elif isinstance(content, str):
        # What is no name of a file, such as a card, may be no legal one.
        with suppress(OSError, ValueError):
            place = (files / content).resolve()
            if place.exists() and known.isdisjoint((place, *place.parents)):
                yield content


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(names)

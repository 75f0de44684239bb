"""Models of any task: which task a file is for, and its predictor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dnatag.errors import InputError
from dnatag.models.file import read_metadata
from dnatag.models.names import find_model
from dnatag.registry import find_task

__all__ = ["load", "task_of"]


def load(model: str | os.PathLike[str], **options: Any) -> Any:
    """Load a model of any task.

    Parameters
    ----------
    model : str or path
        Name of a model (see ``dnatag models list``) or a model file.
    **options
        Those of the predictor, such as ``device`` and ``threads``.

    Returns
    -------
    object
        The predictor of the model's task: of genes a :class:`dnatag.GeneFinder`, of tags a
        :class:`dnatag.Tagger`, of others one that the documentation lists.

    Raises
    ------
    InputError
        If there is no such model, it cannot be read, or its task is not installed.

    Examples
    --------
    >>> import dnatag
    >>> tagger = dnatag.load("biomedical")
    >>> [entity.type for entity in tagger.tag(["Aspirin", "can", "cause", "ulcers"]).entities]
    ['Chemical', 'Disease']
    """
    path, task = task_of(model)
    return task.decoder(path, **options)


def task_of(model: str | os.PathLike[str]) -> tuple[Path, Any]:
    """Find the file of a model and the task that it is for.

    Parameters
    ----------
    model : str or path
        As for :func:`load`.

    Raises
    ------
    InputError
        As for :func:`load`.
    """
    path = find_model(model)
    metadata = read_metadata(path)
    if "task" not in metadata:
        raise InputError(f"{path}: holds no model of a network")
    try:
        return path, find_task(metadata["task"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None

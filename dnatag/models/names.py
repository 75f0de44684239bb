"""Models by name: those that ship with dnatag and those in the directory DNATAG_MODELS."""

from __future__ import annotations

import os
from pathlib import Path

from dnatag.errors import InputError

__all__ = ["DEFAULT_MODEL", "find_model", "list_models"]

DEFAULT_MODEL = "prokaryotes"
SUFFIX = ".dnatag"


def list_models() -> dict[str, Path]:
    """Return the model files at hand, by name.

    A model in the directory that the environment variable DNATAG_MODELS names takes the place
    of a shipped one of the same name.

    Returns
    -------
    dict of str to Path
        Sorted by name.

    Raises
    ------
    InputError
        If DNATAG_MODELS is set but is no directory.
    """
    directories = [Path(__file__).parent]
    if extra := os.environ.get("DNATAG_MODELS"):
        directories.append(Path(extra))
        if not directories[-1].is_dir():
            raise InputError(f"DNATAG_MODELS is set to {extra}, which is not a directory")
    models = {path.stem: path for d in directories for path in d.glob(f"*{SUFFIX}")}
    return dict(sorted(models.items()))


def find_model(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the file of a model.

    Parameters
    ----------
    name_or_path
        Name of a model of :func:`list_models`, or else the path of a model file.

    Raises
    ------
    InputError
        If there is neither.
    """
    if not isinstance(name_or_path, str | os.PathLike):
        raise InputError(f"a model has a name or is a file, and this is {name_or_path!r}")
    models = list_models()
    if (name := os.fspath(name_or_path)) in models:
        return models[name]
    if (path := Path(name)).is_file():
        return path
    known = ", ".join(models) or "none"
    raise InputError(f"there is no model and no file named {name} (models at hand: {known})")

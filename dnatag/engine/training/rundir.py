"""The device of a training run, and its folder, which it can resume from."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch

from dnatag.engine.devices import choose_device
from dnatag.engine.training.checkpoint import CHECKPOINT, has_checkpoint
from dnatag.engine.training.workers import processes
from dnatag.errors import InputError

__all__ = ["CURVE", "LOG", "UNSCORED", "enter", "leave", "training_device"]

#: The model of a run that has not been measured yet.
UNSCORED = "unscored.dnatag"
#: What stays of a run: its course as a table and as a picture.
LOG = "log.csv"
CURVE = "curve.svg"
_SETTINGS = "run.json"


def training_device(name: str) -> torch.device:
    """Choose the device; of several GPUs each process of a machine takes its own.

    Parameters
    ----------
    name : str
        auto, cpu, cuda or mps.

    Raises
    ------
    InputError
        If the device is not there.
    """
    device = torch.device(choose_device(name))
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    return device


def enter(output: Path, settings: dict[str, Any], resume: bool) -> Path:
    """Make the folder of a run, or check that it holds the run to resume.

    Parameters
    ----------
    output : Path
        The model file to be written; the folder is beside it.
    settings : dict
        JSON types; all that the run depends on.
    resume : bool
        Whether to continue a run that was interrupted.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If there is nothing to resume, something else to resume, something damaged, or a run that
        would be lost.
    """
    folder = output.with_name(output.name + ".run")
    written = json.dumps(settings, indent=1)
    about = folder / _SETTINGS
    if resume:
        if not has_checkpoint(folder):
            raise InputError(f"nothing to resume: {folder} has no checkpoint; leave out --resume")
        before = _read(about)
        other = [key for key, value in json.loads(written).items() if before.get(key) != value]
        if other:
            raise InputError(
                f"cannot resume: the run in {folder} has other settings ({', '.join(other)})"
            )
    elif has_checkpoint(folder):
        raise InputError(
            f"{folder} holds a run that has not ended; continue it with --resume, or remove "
            "the folder"
        )
    elif processes()[0] == 0:
        folder.mkdir(exist_ok=True)
        about.write_text(written)
    return folder


def _read(path: Path) -> dict[str, Any]:
    """Read the settings of a run."""
    try:
        settings = json.loads(path.read_bytes())
        if isinstance(settings, dict):
            return settings
    except (OSError, ValueError, RecursionError):
        pass
    raise InputError(f"{path}: cannot resume: this is no run's settings; begin anew") from None


def leave(folder: Path) -> None:
    """Remove all but log and picture of a run that has ended."""
    for name in (UNSCORED, CHECKPOINT, _SETTINGS):
        for path in folder.rglob(name):
            path.unlink()

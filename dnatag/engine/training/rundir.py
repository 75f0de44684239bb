"""The device of a training run, and its folder, which it can resume from.

The library filelock comes with torch, which needs it too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from dnatag.engine.devices import choose_device
from dnatag.engine.training.checkpoint import CHECKPOINT, has_checkpoint
from dnatag.engine.training.workers import processes
from dnatag.errors import InputError

__all__ = ["CURVE", "LOG", "UNSCORED", "leave", "run_folder", "training_device"]

#: The model of a run that has not been measured yet.
UNSCORED = "unscored.dnatag"
#: What stays of a run: its course as a table and as a picture.
LOG = "log.csv"
CURVE = "curve.svg"
_SETTINGS = "run.json"
_LOCK = "lock"


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


@contextmanager
def run_folder(output: Path, settings: dict[str, Any], resume: bool) -> Iterator[Path]:
    """Make the folder of a run, or check that it holds the run to resume; nobody else may enter.

    Parameters
    ----------
    output : Path
        The model file to be written; the folder is beside it.
    settings : dict
        JSON types; all that the run depends on.
    resume : bool
        Whether to continue a run that was interrupted.

    Yields
    ------
    Path
        The folder.

    Raises
    ------
    InputError
        If another training is in the folder, if there is nothing to resume, something else to
        resume, something damaged, or a run that would be lost.
    """
    folder = output.with_name(output.name + ".run")
    if resume and not has_checkpoint(folder):
        raise InputError(f"nothing to resume: {folder} has no checkpoint; leave out --resume")
    first = processes()[0] == 0
    if first:
        folder.mkdir(exist_ok=True)
    with _alone(folder) if first else nullcontext():
        written = json.dumps(settings, indent=1)
        about = folder / _SETTINGS
        if resume:
            before = _read(about)
            if other := list(_differing(before, json.loads(written))):
                raise InputError(
                    f"cannot resume: the run in {folder} has other settings ({', '.join(other)})"
                )
        elif has_checkpoint(folder):
            raise InputError(
                f"{folder} holds a run that has not ended; continue it with --resume, or remove "
                "the folder"
            )
        elif first:
            about.write_text(written)
        yield folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a folder for a block; the system lets go where one is killed."""
    path = folder / _LOCK
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"another training is writing into {folder}; wait until it has ended, or write another "
            "model file"
        ) from None
    try:
        yield
    finally:
        lock.release()
        path.unlink(missing_ok=True)


def _differing(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Yield the names of settings that are not the same, of those in tables with the table's."""
    for key in now | before:
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from (f"{key}.{name}" for name in _differing(old, new))
        elif old != new:
            yield key


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

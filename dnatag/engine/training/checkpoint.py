"""The state of a training run in a file, from which it resumes exactly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from dnatag.errors import InputError

__all__ = ["CHECKPOINT", "Checkpoint", "RunState", "has_checkpoint"]

#: File, in the folder of a run, of what it can resume from.
CHECKPOINT = "checkpoint.safetensors"


@dataclass
class RunState:
    """The progress of a run.

    Attributes
    ----------
    settings : dict
        All that the run depends on, as JSON types.
    step : int
        Steps done.
    validation_loss, metric : float or None
        Results of the best validation; None if there are none.
    best : int
        Steps done at the best validation; 0 before the first.
    stale : int
        Validations since the best one.
    seconds : float
        Time used.
    """

    settings: dict[str, Any]
    step: int = 0
    validation_loss: float | None = None
    metric: float | None = None
    best: int = 0
    stale: int = 0
    seconds: float = 0.0


def has_checkpoint(folder: Path) -> bool:
    """Whether a run that can be resumed is in a folder, or in a folder of it."""
    return any(folder.rglob(CHECKPOINT))


class Checkpoint:
    """The file that a run is saved to: tensors, and the rest as JSON in their metadata.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / CHECKPOINT

    def save(
        self,
        network: nn.Module,
        best: dict[str, Tensor],
        optimizer: torch.optim.Optimizer,
        state: RunState,
    ) -> None:
        """Save a run; a kill leaves either the former state or this one.

        Parameters
        ----------
        network : nn.Module
            The network with its present weights.
        best : dict of str to Tensor
            The weights that training would end with.
        optimizer : torch.optim.Optimizer
            The optimizer of its parameters.
        state : RunState
            All else.
        """
        tensors = {f"model.{k}": v for k, v in network.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in best.items()}
        for i, slots in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{k}": v for k, v in slots.items()}
        aside = self.path.with_suffix(".tmp")
        # Copies, because the weights of an LSTM on a GPU are views of one block of memory.
        plain = {k: v.detach().cpu().clone() for k, v in tensors.items()}
        about = {"state": json.dumps(asdict(state)), "crc32": _crc32(plain)}
        save_file(plain, aside, about)
        aside.replace(self.path)

    def load(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, settings: dict[str, Any]
    ) -> tuple[RunState, dict[str, Tensor]]:
        """Restore a run.

        Parameters
        ----------
        network, optimizer
            Changed in place.
        settings : dict
            Those of the run to continue.

        Returns
        -------
        state : RunState
            Its progress.
        best : dict of str to Tensor
            The weights that training would end with.

        Raises
        ------
        InputError
            If there is no checkpoint, a damaged one, or one of a run with other settings.
        """
        if not self.path.exists():
            raise InputError(f"nothing to resume: {self.path.parent} has no checkpoint")
        try:
            about, tensors = self._read()
        except (SafetensorError, OSError, ValueError, TypeError, LookupError) as error:
            raise self._damaged(error) from error
        if about.get("settings") != settings:
            raise InputError(
                f"the checkpoint in {self.path.parent} is of a run with other settings"
            )

        def part(prefix: str) -> dict[str, Tensor]:
            n = len(prefix)
            return {k[n:]: v for k, v in tensors.items() if k.startswith(prefix)}

        try:
            network.load_state_dict(part("model."))
            slots: dict[int, dict[str, Tensor]] = {}
            for name, value in part("optimizer.").items():
                i, _, key = name.partition(".")
                slots.setdefault(int(i), {})[key] = value
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": slots, "param_groups": groups})
            return RunState(**about), part("best.")
        except (RuntimeError, ValueError, TypeError, LookupError) as error:
            raise self._damaged(error) from error

    def _read(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the state as JSON types, and the tensors."""
        with safe_open(self.path, "pt") as file:
            metadata = file.metadata()
        about, tensors = json.loads(metadata["state"]), load_file(self.path)
        found = _crc32(tensors)
        # A run that an older dnatag began has none.
        if not isinstance(about, dict) or metadata.get("crc32", found) != found:
            raise ValueError("its checksum is wrong")
        return about, tensors

    def _damaged(self, error: Exception) -> InputError:
        reason = str(error).partition("\n")[0]
        return InputError(
            f"{self.path}: damaged checkpoint: {reason}; remove the folder and begin anew"
        )


def _crc32(tensors: Mapping[str, Tensor]) -> str:
    """Return a checksum of tensors by the order of their names."""
    value = 0
    for name in sorted(tensors):
        value = crc32(tensors[name].contiguous().view(-1).view(torch.uint8).numpy().data, value)
    return f"{value:08x}"

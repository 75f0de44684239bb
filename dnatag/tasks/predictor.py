"""What predictors have in common: they are made of a model, or loaded from its file."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dnatag.engine.devices import choose_device
from dnatag.errors import InputError
from dnatag.models.names import find_model

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Predictor"]

M = TypeVar("M")


class Predictor(ABC, Generic[M]):
    """Applies a model.

    Parameters
    ----------
    model : object
        The model.
    metadata : dict
        The metadata of its file.
    device : str
        Where the network runs.
    threads : int
        CPU threads.
    """

    def __init__(self, model: M, metadata: dict[str, Any], device: str, threads: int = 1) -> None:
        self.model = model
        self.metadata = metadata
        self.device = device
        self.threads = threads

    @staticmethod
    @abstractmethod
    def read(path: Path) -> tuple[M, dict[str, Any]]:
        """Read a model file and its metadata."""

    @classmethod
    def load(
        cls,
        model: str | os.PathLike[str],
        device: str = "auto",
        threads: int = 1,
    ) -> Self:
        """Load a model.

        Parameters
        ----------
        model
            Name of a model (see ``dnatag models list``) or a model file.
        device
            auto, cpu, cuda or mps.
        threads
            CPU threads.

        Raises
        ------
        InputError
            If there is no such model or device, threads is no whole number above 0, or the model is
            of another task.
        DnatagError
            If a library that the model needs is not installed.
        """
        place = choose_device(device)
        if not isinstance(threads, int) or threads < 1:
            raise InputError(f"threads must be a whole number above 0, not {threads!r}")
        path = find_model(model)
        found, metadata = cls.read(path)
        try:
            return cls(found, metadata, place, threads)
        except ValueError as error:
            raise InputError(f"{path} does not hold a whole model: {error}") from error

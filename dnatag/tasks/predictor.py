"""What predictors have in common: they are made of a model, or loaded from its file."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from dnatag.engine.devices import choose_device
from dnatag.errors import InputError
from dnatag.models.names import find_model

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Predictor", "check_many"]

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


def check_many(sequences: Any, one: str, ahead: int = 1) -> None:
    """Refuse what is not many sequences, such as one that can be iterated over.

    Parameters
    ----------
    sequences
        What should be a list, an iterator or the like.
    one
        The method that takes one sequence; with "_all" behind it, that which takes many.
    ahead
        How many to read ahead.

    Raises
    ------
    InputError
        If it is no such thing, or not one is to be read.

    Examples
    --------
    >>> check_many(["Ada runs"], "tag")
    >>> check_many("Ada runs", "tag")
    Traceback (most recent call last):
        ...
    dnatag.errors.InputError: tag_all takes many sequences, not one str; call tag, or give a list
    """
    # By name, as Biopython and pandas may not be loaded.
    biopython = type(sequences).__name__ in ("Seq", "MutableSeq", "SeqRecord")
    if biopython or isinstance(sequences, str | bytes) or not hasattr(sequences, "__iter__"):
        raise InputError(
            f"{one}_all takes many sequences, not one {type(sequences).__name__}; call {one}, "
            "or give a list"
        )
    if isinstance(sequences, Mapping) or type(sequences).__name__ == "DataFrame":
        raise InputError(
            f"{one}_all takes many sequences, and of a {type(sequences).__name__} it would take "
            "the names; give its values, or a column"
        )
    if not isinstance(ahead, int | np.integer) or ahead < 1:
        raise InputError(f"ahead must be a whole number above 0, not {ahead!r}")

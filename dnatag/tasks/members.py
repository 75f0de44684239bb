"""The files of models that are a featurizer and some networks of one configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dnatag.errors import InputError

__all__ = ["pack_members", "refuse_damaged", "unpack_members"]

_FEATURIZER = "featurizer."


def pack_members(
    networks: Sequence[Mapping[str, np.ndarray]], featurizer: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Name the arrays of a model file; weights are rounded to half precision.

    Parameters
    ----------
    networks
        The weights of each network by name.
    featurizer
        All that the featurizer knows, by name.
    """
    arrays = {
        f"{number}.{key}": weights.astype(np.float16)
        for number, member in enumerate(networks)
        for key, weights in member.items()
    }
    return arrays | {_FEATURIZER + key: array for key, array in featurizer.items()}


def unpack_members(
    arrays: Mapping[str, np.ndarray], members: int
) -> tuple[list[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """Inverse of :func:`pack_members`.

    Parameters
    ----------
    arrays
        Those of a model file.
    members
        The number of networks that there should be.

    Raises
    ------
    ValueError
        If there are others.
    """
    weights: dict[str, dict[str, np.ndarray]] = {}
    featurizer: dict[str, np.ndarray] = {}
    for key, array in arrays.items():
        if key.startswith(_FEATURIZER):
            featurizer[key.removeprefix(_FEATURIZER)] = array
            continue
        number, _, name = key.partition(".")
        weights.setdefault(number, {})[name] = array
    if not members or len(weights) != members or set(weights) != set(map(str, range(members))):
        raise ValueError(f"there are {len(weights)} networks, not {members}")
    return [weights[str(number)] for number in range(members)], featurizer


@contextmanager
def refuse_damaged(path: Path, domain: str) -> Iterator[None]:
    """Say that a file holds no whole model, whatever fails in the block that makes one of it.

    Parameters
    ----------
    path
        The file.
    domain
        The domain of the model.

    Raises
    ------
    InputError
        In the place of what failed.
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} does not hold a whole model of {domain}: {reason}") from error

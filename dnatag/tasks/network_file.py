"""The files of models that are a featurizer and some networks of one configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np

from dnatag.errors import InputError
from dnatag.models.file import check_task, load_model, save_model
from dnatag.registry import find_domain

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Contents", "NetworkFile"]

_FEATURIZER = "featurizer."


class Config(Protocol):
    """The size of a network."""

    @property
    def layers(self) -> int:
        """Layers, each of which has arrays of its own."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        ...

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`."""
        ...


C = TypeVar("C", bound=Config)


@dataclass(frozen=True)
class Contents(Generic[C]):
    """What is in a file.

    Attributes
    ----------
    domain : object
        The domain, as the task sees it.
    config : Config
        The size of the networks.
    members : sequence of mapping of str to numpy.ndarray
        The weights of each network by name.
    featurizer : mapping of str to numpy.ndarray
        All that the featurizer knows, by name.
    targets : mapping of str to object
        JSON types: what the numbers of the networks mean.
    """

    domain: Any
    config: C
    members: Sequence[Mapping[str, np.ndarray]]
    featurizer: Mapping[str, np.ndarray]
    targets: Mapping[str, Any]


@dataclass(frozen=True)
class NetworkFile(Generic[C]):
    """A kind of model files.

    Parameters
    ----------
    task : str
        The task that they name.
    network : str
        What they call their network.
    config : type
        Of the size of the network.
    """

    task: str
    network: str
    config: type[C]

    def save(self, path: Path, contents: Contents[C], metadata: Mapping[str, Any]) -> None:
        """Write a file; weights are rounded to half precision.

        Parameters
        ----------
        path
            The file to write.
        contents
            What is in it.
        metadata
            Training data, date, scores, licence, card.
        """
        described = {
            "domain": contents.domain.name,
            "task": self.task,
            "network": {
                "type": self.network,
                "config": contents.config.to_dict(),
                "members": len(contents.members),
            },
            "featurizer": {},
            "targets": contents.targets,
        }
        arrays = {
            f"{number}.{key}": weights.astype(np.float16)
            for number, member in enumerate(contents.members)
            for key, weights in member.items()
        }
        arrays |= {_FEATURIZER + key: array for key, array in contents.featurizer.items()}
        save_model(path, arrays, described | dict(metadata))

    @contextmanager
    def load(self, path: Path) -> Iterator[tuple[Contents[C], dict[str, Any]]]:
        """Give what is in a file, and its metadata, to a block that makes a model of them.

        Raises
        ------
        InputError
            If it is no model file or of another task, or holds no whole model: whatever fails in
            the block says so.
        """
        arrays, metadata = load_model(path)
        check_task(path, metadata, self.task)
        domain = find_domain(metadata["domain"]).for_task(self.task)
        try:
            about = metadata["network"]
            config = self.config.from_dict(about["config"])
            if about["type"] != self.network or config.layers > len(arrays):
                raise ValueError(f"there is no such network: {about}")
            members, featurizer = _unpack(arrays, about["members"])
            yield Contents(domain, config, members, featurizer, metadata["targets"]), metadata
        except (AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(
                f"{path} does not hold a whole model of {domain.name}: {reason}"
            ) from error


def _unpack(
    arrays: Mapping[str, np.ndarray], members: int
) -> tuple[list[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """Return the weights of each network, and what the featurizer knows."""
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

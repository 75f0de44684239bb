"""Domains and tasks by name: the built-in ones and those of other packages.

A package registers its domains and tasks through the entry point groups ``dnatag.domains`` and
``dnatag.tasks``; each entry names an object, which must be quick to import: no torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from dnatag.errors import DnatagError, InputError

__all__ = ["domain_names", "domains", "find_domain", "find_task", "task_names", "tasks"]

DOMAINS, TASKS = "dnatag.domains", "dnatag.tasks"


def find_domain(name: str) -> Any:
    """Return a domain, see :class:`dnatag.domains.base.Domain`.

    Raises
    ------
    InputError
        If none of this name is installed.
    DnatagError
        If its package cannot be imported.
    """
    return _find(DOMAINS, name, "domain")


def find_task(name: str) -> Any:
    """Return a task, see :class:`dnatag.tasks.base.Task`.

    Raises
    ------
    InputError, DnatagError
        As for domains.
    """
    return _find(TASKS, name, "task")


def domains() -> Iterator[Any]:
    """Yield all domains, the built-in ones first."""
    return map(find_domain, _points(DOMAINS))


def tasks() -> Iterator[Any]:
    """Yield all tasks, the built-in ones first."""
    return map(find_task, _points(TASKS))


def domain_names() -> tuple[str, ...]:
    """Return the names of all domains, the built-in ones first; none is imported."""
    return tuple(_points(DOMAINS))


def task_names() -> tuple[str, ...]:
    """Return the names of all tasks, the built-in ones first; none is imported."""
    return tuple(_points(TASKS))


@cache
def _points(group: str) -> dict[str, EntryPoint]:
    points = entry_points(group=group)
    # By their modules: whose they are is in files that take long to read.
    own = [p for p in points if p.module.partition(".")[0] == "dnatag"]
    result: dict[str, EntryPoint] = {}
    # No other package replaces what dnatag has.
    for point in (*own, *points):
        result.setdefault(point.name, point)
    return result


def _find(group: str, name: str, kind: str) -> Any:
    points = _points(group)
    # In a forged model file the name may be of any type.
    if not isinstance(name, str) or name not in points:
        raise InputError(
            f"there is no {kind} {name!r}; installed are {', '.join(sorted(points)) or 'none'}"
        )
    return _load(points[name], kind)


@cache
def _load(point: EntryPoint, kind: str) -> Any:
    try:
        return point.load()
    except Exception as error:
        package = point.dist.name if point.dist is not None else point.module
        raise DnatagError(
            f"the {kind} {point.name!r} cannot be loaded ({type(error).__name__}: {error}); update "
            f"or remove the package {package}"
        ) from error

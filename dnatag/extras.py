"""Libraries that only an extra installs, such as ``dnatag[speech]``."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from dnatag.errors import DnatagError

__all__ = ["require"]


def require(module: str, extra: str, purpose: str) -> Any:
    """Import a library, or say how to get it.

    Parameters
    ----------
    module
        What is imported, ``package`` or ``package.module``.
    extra
        The extra of dnatag that installs it.
    purpose
        What needs it, in the singular: "a table", "training".

    Returns
    -------
    module

    Raises
    ------
    DnatagError
        If it is not installed.
    """
    package = module.partition(".")[0]
    try:
        import_module(package)
        return import_module(module)
    except ImportError as error:
        why = "" if error.name == package else f" rightly ({error})"
        raise DnatagError(
            f"{purpose} needs {package.replace('_', '-')}, which is not installed{why}; "
            f"get it with: pip install 'dnatag[{extra}]'"
        ) from None

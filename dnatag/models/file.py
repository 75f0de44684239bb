"""Model files: safetensors whose metadata is one JSON object.

The object is stored under the key ``dnatag`` of the safetensors metadata, so that equal models
make equal files. Format 2 has these keys, of which a model has those that it needs:

``domain``, ``task``
    What the sequences are and how their output is structured; they name the code that can use
    the file.
``network``
    ``type`` and ``config`` of the network, and ``members``, the number of networks, where the
    model is a mean of several.
``featurizer``, ``targets``
    How sequences become numbers, and what the scores of the network stand for.
``training``, ``scores``, ``licence``, ``card``
    What the model was trained on and how, how good it is, and its description as Markdown.
``format_version``, ``dnatag_version``, ``sha256``
    Set by :func:`save_model`. The checksum is that of all arrays and of all other metadata.

Reading and writing need neither torch nor the code of a domain.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag import __version__
from dnatag.errors import DnatagError, InputError
from dnatag.formats.io.writing import write_whole
from dnatag.models import format1

if TYPE_CHECKING:
    import numpy as np

__all__ = ["FORMAT_VERSION", "check_task", "load_model", "read_metadata", "save_model"]

#: One more for each change that keeps an older dnatag from reading the file.
FORMAT_VERSION = 2

KEY = "dnatag"
#: The longest header that safetensors allows, in bytes.
MAX_HEADER = 100_000_000


def save_model(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]
) -> None:
    """Write a model file, whole or not at all.

    Parameters
    ----------
    path
        The file to write or replace.
    arrays
        The weights and tables by name; stored in the type they have (float16 stays float16).
    metadata
        JSON types. ``format_version``, ``dnatag_version`` and ``sha256`` are set here.

    Raises
    ------
    DnatagError
        If a number is not finite.
    OSError
        If the file cannot be written.
    """
    import numpy as np
    from safetensors.numpy import save

    # Contiguous, because safetensors writes the memory as it is.
    plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    if name := _not_finite(plain):
        raise DnatagError(
            f"{os.fspath(path)}: not written: {name!r} has values that are not finite"
        )
    about = {**metadata, "format_version": FORMAT_VERSION, "dnatag_version": __version__}
    about["sha256"] = _checksum(plain, about)
    write_whole(path, save(plain, {KEY: json.dumps(about, allow_nan=False)}))


def load_model(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a model file.

    Parameters
    ----------
    path
        A file written by :func:`save_model`, of format 1 or 2.

    Returns
    -------
    arrays : dict of str to numpy.ndarray
        The weights and tables, read-only, in the type in which they are stored.
    metadata : dict
        By the names of format 2.

    Raises
    ------
    InputError
        If the file cannot be read, is not a dnatag model, is truncated or damaged, has numbers
        that are not finite, or was made by a newer dnatag.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    name, metadata = os.fspath(path), read_metadata(path)
    try:
        arrays = load(Path(path).read_bytes())
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{name}: damaged model file: {error}") from error
    if metadata["format_version"] < 2:
        arrays = format1.arrays(arrays)
    elif _checksum(arrays, metadata) != metadata.get("sha256"):
        raise InputError(f"{name}: damaged model file: its checksum is wrong, copy it again")
    if bad := _not_finite(arrays):
        raise InputError(f"{name}: damaged model file: {bad!r} has values that are not finite")
    return arrays, metadata


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the metadata of a model file, without numpy and without the weights.

    The checksum is not verified.

    Parameters
    ----------
    path
        A file written by :func:`save_model`, of format 1 or 2.

    Returns
    -------
    dict
        By the names of format 2.

    Raises
    ------
    InputError
        If the file cannot be read, is not a dnatag model, is truncated, or was made by a newer
        dnatag.
    """
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            text = file.read(size) if size <= MAX_HEADER else b""
            found = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise InputError(f"{name}: cannot read the model file: {error.strerror}") from error
    if text.startswith(b'{"') and len(text) < size:
        raise _truncated(name)
    try:
        header = json.loads(text)
        metadata: dict[str, Any] = json.loads(header.pop("__metadata__")[KEY])
        version = int(metadata["format_version"])
        end = 8 + size + max((t["data_offsets"][1] for t in header.values()), default=0)
        if version < 2:
            metadata = format1.metadata(metadata)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise InputError(f"{name}: not a dnatag model file") from error
    if version > FORMAT_VERSION:
        raise InputError(
            f"{name}: made by a newer dnatag: format {version} > supported {FORMAT_VERSION}, "
            "update dnatag"
        )
    if found < end:
        raise _truncated(name)
    return metadata


def check_task(path: str | os.PathLike[str], metadata: Mapping[str, Any], task: str) -> None:
    """Refuse a file that holds no model for a task.

    Parameters
    ----------
    path
        The file, for the message.
    metadata
        Its metadata, by the names of format 2.
    task
        The name of the task.

    Raises
    ------
    InputError
        Naming the task that it is for.
    """
    found, name = metadata.get("task"), os.fspath(path)
    if found is None:
        raise InputError(f"{name}: holds no model of a network")
    if found != task:
        raise InputError(
            f"{name}: is a model of {metadata.get('domain')} for the task {found}, not for {task}"
        )


def _truncated(name: str) -> InputError:
    return InputError(f"{name}: truncated model file, copy it again")


def _checksum(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> str:
    """SHA-256 of arrays, with their names, types and shapes, and of all metadata but itself."""
    about = {key: value for key, value in metadata.items() if key != "sha256"}
    # As JSON reads it back: a tuple is a list there, and every key a string.
    about = json.loads(json.dumps(about, allow_nan=False))
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _not_finite(arrays: Mapping[str, np.ndarray]) -> str | None:
    """Return the name of the first array with a number that is not finite."""
    import numpy as np

    return next(
        (n for n, a in arrays.items() if a.dtype.kind == "f" and not np.isfinite(a).all()), None
    )

"""Model files: a safetensors file whose metadata is one JSON object.

The JSON object sits under the key ``dnatag`` of the safetensors metadata, so that equal models
make equal files. :func:`save_model` adds ``format_version`` and ``dnatag_version``; the rest is
the caller's: the domain, configuration, grammar, training data and date, scores, licence, card.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dnatag import __version__
from dnatag.errors import InputError
from dnatag.formats.io.writing import write_whole
from dnatag.models import format1

if TYPE_CHECKING:
    import torch

__all__ = ["FORMAT_VERSION", "load_model", "read_metadata", "save_model"]

#: One more for each change that keeps an older dnatag from reading the file.
FORMAT_VERSION = 2

KEY = "dnatag"
#: The longest header that safetensors allows, in bytes.
MAX_HEADER = 100_000_000


def save_model(
    path: str | os.PathLike[str],
    tensors: Mapping[str, torch.Tensor],
    metadata: Mapping[str, Any],
) -> None:
    """Write a model file, whole or not at all.

    Parameters
    ----------
    path
        The file to write or replace.
    tensors
        The weights by name; stored in the type they have (float16 stays float16).
    metadata
        JSON types. ``format_version`` and ``dnatag_version`` are set here.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    import torch
    from safetensors.torch import save

    about = {**metadata, "format_version": FORMAT_VERSION, "dnatag_version": __version__}
    # Copies, because safetensors takes no views and no two names for the same memory.
    plain = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    write_whole(path, save(plain, {KEY: json.dumps(about, allow_nan=False)}))


def load_model(path: str | os.PathLike[str]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read a model file.

    Parameters
    ----------
    path
        A file written by :func:`save_model`.

    Returns
    -------
    tensors : dict of str to torch.Tensor
        The weights on the CPU, in the type in which they are stored.
    metadata : dict
        What was saved, with ``format_version`` and ``dnatag_version``.

    Raises
    ------
    InputError
        If the file cannot be read, is not a dnatag model, is truncated or damaged, or was made by
        a newer dnatag.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    metadata = read_metadata(path)
    try:
        tensors = load_file(path)
        return format1.tensors(tensors) if metadata["format_version"] < 2 else tensors, metadata
    except (SafetensorError, OSError) as error:
        raise InputError(f"{os.fspath(path)}: damaged model file: {error}") from error


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the metadata of a model file, without torch and without the weights.

    Parameters
    ----------
    path
        A file written by :func:`save_model`.

    Returns
    -------
    dict
        What was saved, with ``format_version`` and ``dnatag_version``.

    Raises
    ------
    InputError
        As :func:`load_model`.
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
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise InputError(f"{name}: not a dnatag model file") from error
    if version > FORMAT_VERSION:
        raise InputError(
            f"{name}: made by a newer dnatag: format {version} > supported {FORMAT_VERSION}, "
            "update dnatag"
        )
    if found < end:
        raise _truncated(name)
    return format1.metadata(metadata) if version < 2 else metadata


def _truncated(name: str) -> InputError:
    return InputError(f"{name}: truncated model file, copy it again")

"""NumPy's files, ``.npy`` and ``.npz``, read without belief in what their headers promise."""

from __future__ import annotations

import io
import lzma
import math
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from dnatag.errors import InputError
from dnatag.formats.io.limits import limits

__all__ = ["ArrayArchive", "array_of"]

_ENDING = ".npy"
#: What damaged archives raise; RuntimeError if one is encrypted, NotImplementedError if there is no
#: such compression.
_FAILURES = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError,
    RuntimeError, NotImplementedError,
)  # fmt: skip


def array_of(data: bytes, where: str) -> np.ndarray:
    """Return the array that the content of a ``.npy`` file is.

    Parameters
    ----------
    data
        All of the file. No memory is taken but that of the array, which is part of it.
    where
        The file, for messages.

    Raises
    ------
    InputError
        If it is no array, one of objects, or shorter than its header promises.
    """
    content = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(content)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version} of the format is not read")
        first = version == (1, 0)
        read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(content)
        if dtype.hasobject:
            raise ValueError("Object arrays are not read")
        count, begin = math.prod(shape), content.tell()
        if min(shape, default=0) < 0:
            raise ValueError(f"its shape is {shape}")
        if count * dtype.itemsize > len(data) - begin:
            raise ValueError("it is shorter than its header promises")
        flat = np.frombuffer(data, dtype, count, begin) if count else np.empty(0, dtype)
        return flat.reshape(shape, order="F" if fortran else "C")
    except Exception as error:  # a damaged header makes its parsers fail in any way
        reason = str(error).partition("\n")[0]
        raise InputError(f"{where}: is no NumPy array that can be read: {reason}") from None


class ArrayArchive:
    """A ``.npz`` archive, whose arrays are read when they are asked for.

    Parameters
    ----------
    source : Path or io.BytesIO
        The file, or its content.
    name : str
        The file, for messages.

    Attributes
    ----------
    names : list of str
        Of the arrays, in their order.

    Raises
    ------
    InputError
        If it is no archive of arrays, or has none.
    """

    def __init__(self, source: Path | io.BytesIO, name: str) -> None:
        self._name = name
        try:
            self._zip = zipfile.ZipFile(source)
        except (*_FAILURES, OSError) as error:
            raise InputError(f"{name}: is no archive of NumPy arrays: {error}") from None
        members = self._zip.infolist()
        self._members = {member.filename.removesuffix(_ENDING): member for member in members}
        self.names = list(self._members)
        if not self.names:
            raise InputError(f"{name}: has no arrays")

    def read(self, name: str) -> np.ndarray:
        """Return the array of a name that the archive has.

        Raises
        ------
        InputError
            If it cannot be read, or grows more in unpacking than the limits allow.
        """
        member, where = self._members[name], f"{self._name}: {name}"
        bounds = limits()
        if member.file_size > max(bounds.unpacked, bounds.expansion * member.compress_size):
            raise bounds.error(where, f"the array grows more than {bounds.expansion}-fold")
        try:
            data = self._zip.read(member)
        except (*_FAILURES, OSError) as error:
            raise InputError(f"{where}: is no NumPy array that can be read: {error}") from None
        return array_of(data, where)

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def __enter__(self) -> ArrayArchive:
        """Return the archive; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

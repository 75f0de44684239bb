"""Sequences of features: NumPy arrays of shape (T, F), in files, archives, and lists of these."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dnatag.errors import InputError
from dnatag.formats.io.npy import ArrayArchive, array_of
from dnatag.formats.io.reading import Source, display_name, folder_of, open_bytes, stem
from dnatag.formats.text.labelled import read_rows

__all__ = ["Frames", "checked", "read_archive", "read_array", "read_list"]

#: What the columns of a list of sequences may be called.
TITLES = {"name": "name", "label": "label", "labels": "labels"}
#: Numbers from this size on, such as times since 1970, are looked at for differences that 32 bits
#: do not hold; those of so small a share are rounding.
_LARGE, _NOISE = 1e5, 1e-12


@dataclass(frozen=True, eq=False, slots=True)
class Frames:
    """A sequence of features.

    Parameters
    ----------
    name : str
        Its name: that of its file, or in its archive.
    features : numpy.ndarray
        float32 (T, F), of T frames.
    label : str or None
        What a list says of it: its label, or the file of the labels of its frames.
    where : str
        File and record, for messages.
    """

    name: str
    features: np.ndarray
    label: str | None = None
    where: str = "a sequence"

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.features)


def read_array(path: Source, encoding: str = "utf-8") -> Iterator[Frames]:
    """Read the sequence of a ``.npy`` file.

    Parameters
    ----------
    path
        The file, plain or compressed, or "-" for standard input.
    encoding
        Arrays have none.

    Raises
    ------
    InputError
        If it cannot be read, or is no matrix of finite numbers.
    """
    name = display_name(path)
    with open_bytes(path) as stream:
        array = array_of(stream.read(), name)
    yield Frames(stem(path), checked(array, name), where=name)


def read_archive(path: Source, encoding: str = "utf-8") -> Iterator[Frames]:
    """Read the sequences of an ``.npz`` archive, in its order.

    Parameters, errors
        As for one sequence, naming file and array.
    """
    name = display_name(path)
    with open_bytes(path) as stream, ArrayArchive(io.BytesIO(stream.read()), name) as archive:
        for key in archive.names:
            yield _of_archive(archive, key, name)


def read_list(
    path: Source, archive: Path | None = None, encoding: str = "utf-8"
) -> Iterator[Frames]:
    """Read the sequences that a table lists: the columns ``name`` and perhaps ``label``.

    Parameters
    ----------
    path
        The table, with tabs between columns. The first line names them.
    archive
        An ``.npz`` archive that has the sequences; None: names are ``.npy`` files, relative to the
        folder of the table.
    encoding
        Its character encoding.

    Raises
    ------
    InputError
        Naming file and line, if the table or a sequence cannot be read, or one is named twice.
    """
    table, folder = display_name(path), folder_of(path)
    rows = read_rows(path, ("name",), TITLES, encoding, titled=True)
    lines: dict[str, int] = {}  # of the names
    opened = None if archive is None else ArrayArchive(archive, str(archive))
    try:
        for number, row in rows:
            where, name = f"{table}: line {number}", row.get("name", "")
            if not name:
                raise InputError(f"{where}: names no sequence (column 'name')")
            if (first := lines.setdefault(name, number)) != number:
                raise InputError(f"{where}: names {name} again, which line {first} has")
            label = row.get("label", row.get("labels", ""))
            if opened is None:
                if not (folder / name).is_file():
                    raise InputError(
                        f"{where}: there is no file {folder / name}; names are .npy files beside "
                        "the table: of an archive (.npz), give the archive in place of the table, "
                        "of whose results 'dnatag evaluate' takes those that the table names"
                    )
                try:
                    (found,) = read_array(folder / name)
                except InputError as error:
                    raise InputError(f"{where}: {error}") from None
            elif name not in opened.names:
                raise InputError(f"{where}: there is no array {name!r} in {archive}")
            else:
                found = _of_archive(opened, name, str(archive))
            yield replace(found, name=name, label=label if label.strip() else None, where=where)
    finally:
        if opened is not None:
            opened.close()


def _of_archive(archive: ArrayArchive, key: str, name: str) -> Frames:
    where = f"{name}: {key}"
    return Frames(key, checked(archive.read(key), where), where=where)


def checked(array: np.ndarray, where: str) -> np.ndarray:
    """Return the features of an array, float32 (T, F).

    Parameters
    ----------
    array
        What should be a matrix of numbers.
    where
        File and record, for messages.

    Raises
    ------
    InputError
        Beginning with `where`, if it is no matrix of finite numbers, has no frames, or has numbers
        whose differences 32 bits do not hold.
    """
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise InputError(
            f"{where}: must be a matrix of numbers, frames by features, and is an array of "
            f"{array.dtype} of shape {array.shape}"
        )
    if not len(array):
        raise InputError(f"{where}: has no frames")
    if np.any(getattr(array, "mask", False)):
        raise InputError(f"{where}: has numbers that are masked; fill them")
    with np.errstate(over="ignore"):
        plain = array.astype(np.float32)
    if not np.isfinite(plain).all():
        raise InputError(f"{where}: has numbers that are not finite, or too large for 32 bits")
    if array.dtype != plain.dtype:
        _check_differences(array.astype(float), plain, where)
    return plain


def _check_differences(exact: np.ndarray, plain: np.ndarray, where: str) -> None:
    """Refuse numbers whose differences 32 bits do not hold."""
    size, spread = np.abs(exact).max(0), np.ptp(exact, 0)
    rounded = np.abs(exact - plain).max(0)
    lost = (size > _LARGE) & (spread > _NOISE * size) & (rounded > spread / 100)
    if lost.any():
        column = int(np.argmax(lost))
        raise InputError(
            f"{where}: feature {column} (the first is 0) has numbers such as "
            f"{exact[0, column]:.12g}, whose differences are lost in 32 bits; subtract what they "
            "have in common"
        )

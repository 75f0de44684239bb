"""Sequences of features: arrays, archives, lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnatag.errors import InputError
from dnatag.formats.arrays import read_archive, read_array, read_list
from dnatag.formats.registry import recognise

ONE = np.arange(6.0).reshape(3, 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "one.npy", ONE)
    np.savez(tmp_path / "all.npz", b=ONE, a=ONE.astype(np.int8)[:1])
    return tmp_path


def test_array(folder: Path) -> None:
    (frames,) = read_array(folder / "one.npy")
    assert (frames.name, len(frames), frames.features.dtype) == ("one", 3, np.float32)
    assert np.array_equal(frames.features, ONE)


def test_archive(folder: Path) -> None:
    assert [(f.name, len(f)) for f in read_archive(folder / "all.npz")] == [("b", 3), ("a", 1)]


@pytest.mark.parametrize(("archive", "name"), [(None, "one.npy"), ("all.npz", "b")])
def test_list(folder: Path, archive: str | None, name: str) -> None:
    (folder / "list.tsv").write_text(f"label\tname\nx\t{name}\n")
    (frames,) = read_list(folder / "list.tsv", archive and folder / archive)  # type: ignore[arg-type]
    assert (frames.name, frames.label) == (name, "x")
    assert np.array_equal(frames.features, ONE)
    assert frames.where == f"{folder}/list.tsv: line 2"


@pytest.mark.parametrize(
    ("array", "message"),
    [(np.zeros(3), "must be a matrix of numbers, frames by features, and is an array of float64"),
     (np.array([["a"]]), "must be a matrix of numbers"),
     (np.array([[np.nan]]), "has numbers that are not finite"),
     (np.array([[1e300]]), "has numbers that are not finite"),
     (np.array([[None]], object), "is no NumPy array that can be read: Object arrays")],
)  # fmt: skip
def test_what_is_no_sequence(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(InputError, match=rf"x\.npy: {message}"):
        list(read_array(tmp_path / "x.npy"))
    np.savez(tmp_path / "x.npz", k=array)
    with pytest.raises(InputError, match=rf"x\.npz: k: {message}"):
        list(read_archive(tmp_path / "x.npz"))


@pytest.mark.parametrize(
    ("table", "message"),
    [("one.npy\tx\n", "line 1: must name the columns"),
     ("name\nnone.npy\n", "line 2: .*none.npy: cannot"),
     ("name\tlabel\n\tx\n", "line 2: names no sequence"), ("label\nx\n", "line 2: names no")],
)  # fmt: skip
def test_lists_that_cannot_be_read(folder: Path, table: str, message: str) -> None:
    (folder / "list.tsv").write_text(table)
    with pytest.raises(InputError, match=rf"list\.tsv: {message}"):
        list(read_list(folder / "list.tsv"))


def test_damaged_files(folder: Path) -> None:
    for name in ("one.npy", "all.npz"):
        (folder / name).write_bytes((folder / name).read_bytes()[:-100])
    with pytest.raises(InputError, match=r"one\.npy: is no NumPy array"):
        list(read_array(folder / "one.npy"))
    with pytest.raises(InputError, match=r"all\.npz: is no archive of NumPy arrays"):
        list(read_archive(folder / "all.npz"))
    (folder / "list.tsv").write_text("name\nb\n")
    with pytest.raises(InputError, match=r"all\.npz: is no archive of NumPy arrays"):
        list(read_list(folder / "list.tsv", folder / "all.npz"))


def test_they_are_recognised(folder: Path) -> None:
    (folder / "list.tsv").write_text("name\tlabel\none.npy\tx\n")
    for name, expected in (("one.npy", "npy"), ("all.npz", "npz"), ("list.tsv", "sequences")):
        stream, format = recognise(folder / name, ("npy", "npz", "sequences"), "arrays")
        stream.close()
        assert format.name == expected
    with pytest.raises(InputError, match=r"one\.npy: is a NumPy array; only models of features"):
        recognise(folder / "one.npy", ("lines",), "text")

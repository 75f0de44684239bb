"""Sequences of features: arrays, archives, lists."""

from __future__ import annotations

import gzip
import io
import zipfile
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


def test_a_compressed_array_has_the_same_name(folder: Path) -> None:
    packed = folder / "one.npy.gz"
    packed.write_bytes(gzip.compress((folder / "one.npy").read_bytes()))
    assert [frames.name for frames in read_array(packed)] == ["one"]


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
     (np.array([[0.1, 1.7e9 + 0.1 * i] for i in range(9)]), "feature 1 .* such as 1700000000, "),
     (np.array([[2**40 + i] for i in range(9)]), "feature 0 .* subtract what they have in common"),
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
    "array",
    [
        np.arange(0, 1.7e9, 1e8)[:, None],
        np.full((3, 1), 1.7e9),
        np.full((3, 1), 1.7e9) * (1 + 1e-15 * np.arange(3)[:, None]),
        np.float32(1.7e9) + np.arange(9, dtype=np.float32)[:, None],
        np.arange(1e6, 1e6 + 9)[:, None],
    ],
)
def test_large_numbers(tmp_path: Path, array: np.ndarray) -> None:
    """They are good if their differences stay, or are none but rounding."""
    np.save(tmp_path / "a.npy", array)
    (found,) = read_array(tmp_path / "a.npy")
    assert np.array_equal(found.features, array.astype(np.float32))


def test_an_archive_without_arrays(tmp_path: Path) -> None:
    zipfile.ZipFile(tmp_path / "x.npz", "w").close()
    stream, format = recognise(tmp_path / "x.npz", ("npz",), "arrays")
    assert format.name == "npz"
    with pytest.raises(InputError, match=r"x\.npz: has no arrays"):
        list(read_archive(stream))


@pytest.mark.parametrize(
    ("table", "message"),
    [("one.npy\tx\n", "line 1: must name the columns"),
     ("name\nnone.npy\n", "line 2: there is no file .*none.npy; .* give the archive in place"),
     ("name\none.npy\none.npy\n", "line 3: names one.npy again, which line 2 has"),
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


def damaged(old: bytes, new: bytes) -> bytes:
    """Return the file of an array with a header of the same length that says something else."""
    stream = io.BytesIO()
    np.save(stream, ONE)
    data = stream.getvalue()
    assert old in data
    return data.replace(old.ljust(len(new)), new.ljust(len(old)), 1)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"(3, 2), }", b"(9, 2), }"), (b"(3, 2), }", b"(3, 1), ]"), (b"(3, 2), }", b"(3, 2"),
     (b"(3, 2), }                 ", b"(99999999999, 9999999999)}"), (b"'<f8'", b"'<x8'"),
     (b"'descr'", b"'d\x00scr'"), (b"{'descr'", b"[[[[[[[["), (b"(3, 2)", b"(-3,2)")],
)  # fmt: skip
def test_lying_headers(tmp_path: Path, old: bytes, new: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(damaged(old, new))
    with pytest.raises(InputError, match=r"x\.npy: is no NumPy array that can be read"):
        list(read_array(tmp_path / "x.npy"))
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", damaged(old, new))
        archive.writestr("none", b"")
    with pytest.raises(InputError, match=r"x\.npz: x: is no NumPy array that can be read"):
        list(read_archive(tmp_path / "x.npz"))


def test_orders_of_memory(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.asfortranarray(ONE))
    (frames,) = read_array(tmp_path / "x.npy")
    assert np.array_equal(frames.features, ONE)
    np.save(tmp_path / "x.npy", np.zeros((0, 2), ">i4"))
    with pytest.raises(InputError, match=r"x\.npy: has no frames"):
        list(read_array(tmp_path / "x.npy"))


def test_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "x.npz", zeros=np.zeros((1_000_000, 1)))
    assert len(next(read_archive(tmp_path / "x.npz"))) == 1_000_000
    monkeypatch.setenv("DNATAG_LIMITS", "0.01")
    with pytest.raises(InputError, match=r"x\.npz: zeros: the array grows more than 2-fold; set"):
        list(read_archive(tmp_path / "x.npz"))

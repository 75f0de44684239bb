"""Word vectors as GloVe, word2vec and NumPy write them, and files that are none."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from dnatag.errors import InputError
from dnatag.formats.text.vectors import read_vectors

GLOVE = "the 0.5 -1 2e-1\ncat 1 2 3\n"


def read(tmp_path: Path, data: str | bytes) -> tuple[list[str], np.ndarray]:
    path = tmp_path / "v.txt"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_vectors(path)


def archive(tmp_path: Path, **arrays: np.ndarray) -> Path:
    np.savez(tmp_path / "v.npz", **arrays)  # type: ignore[arg-type]
    return tmp_path / "v.npz"


@pytest.mark.parametrize(
    "data",
    [GLOVE, "2 3\n" + GLOVE, GLOVE.replace("\n", " \n"), GLOVE.replace("\n", "\r\n"),
     gzip.compress(GLOVE.encode(), mtime=0)],
    ids=["GloVe", "word2vec", "trailing space", "Windows", "gzip"],
)  # fmt: skip
def test_text(tmp_path: Path, data: str | bytes) -> None:
    words, vectors = read(tmp_path, data)
    assert words == ["the", "cat"]
    assert vectors.dtype == np.float16
    assert vectors == pytest.approx(np.array([[0.5, -1, 0.2], [1, 2, 3]]), abs=1e-3)


def test_odd_words(tmp_path: Path) -> None:
    """Words with spaces in them, a no-break space, and one that is a number."""
    words, vectors = read(tmp_path, "the 1 2\nat name@x.com 3 4\n\u00a0 5 6\n7 7 8\n. . . 9 10\n")
    assert words == ["the", "at name@x.com", "\u00a0", "7", ". . ."]
    assert vectors[:, 0].tolist() == [1, 3, 5, 7, 9]


def test_the_first_vector_of_a_word_counts(tmp_path: Path) -> None:
    words, vectors = read(tmp_path, "a 1 1\nb 2 2\na 3 3\nc 4 4\nb 5 5\n")
    assert words == ["a", "b", "c"]
    assert vectors[:, 0].tolist() == [1, 2, 4]


@pytest.mark.parametrize("kind", ["strings", "bytes"])
def test_archives(tmp_path: Path, kind: str) -> None:
    words = ["the", "naïve", "x y"]
    array = np.array(words)
    if kind == "bytes":
        array = np.frombuffer(("\n".join(words) + "\n").encode(), np.uint8)
    found, vectors = read_vectors(
        archive(tmp_path, words=array, vectors=np.arange(6.0).reshape(3, 2))
    )
    assert found == words
    assert (vectors.dtype, vectors.tolist()) == (np.float16, [[0, 1], [2, 3], [4, 5]])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "has no vectors"),
        ("2 3\n", "has no vectors"),
        (GLOVE + "dog 1 2\n", "line 3: expected a word and 3 numbers"),
        (GLOVE + "dog 1 2 x\n", "line 3: expected a word and 3 numbers"),
        (GLOVE + "\n", "line 3: expected a word and 3 numbers"),
        (GLOVE + "dog\n", "line 3: expected a word and 3 numbers"),
        ("dog\t1\t2\n", "line 1: expected a word and 0 numbers"),
        (GLOVE + "dog 1 2 70000\n", "not finite in half precision"),
        (GLOVE + "dog 1 2 nan\n", "not finite in half precision"),
        (b"the 1 2\nna\xefve 3 4\n", "line 2: byte 0xEF is not utf-8"),
        (gzip.compress(GLOVE.encode() * 50, mtime=0)[:-9], "gzip data is truncated"),
    ],
)
def test_no_vectors(tmp_path: Path, data: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as refusal:
        read(tmp_path, data)
    assert str(refusal.value).startswith(f"{tmp_path / 'v.txt'}: ")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"words": np.array(["a"])}, "not an archive of word vectors"),
        ({"words": np.array(["a"]), "vectors": np.zeros(3)}, "must be a matrix"),
        ({"words": np.array(["a"]), "vectors": np.zeros((2, 3))}, "has 1 words but 2 vectors"),
        ({"words": np.array(["a"], object), "vectors": np.zeros((1, 3))}, "words: is no NumPy"),
        ({"words": np.array(["a"]), "vectors": np.array([["x"]])}, "must be a matrix"),
        ({"words": np.zeros(0, str), "vectors": np.zeros((0, 2))}, "has no vectors"),
    ],
)
def test_no_archive(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_vectors(archive(tmp_path, **arrays))


def test_a_damaged_archive(tmp_path: Path) -> None:
    path = archive(tmp_path, words=np.array(["a"]), vectors=np.zeros((1, 3)))
    data = bytearray(path.read_bytes())
    data[len(data) // 4] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"v\.npz: words: is no NumPy array"):
        read_vectors(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: cannot read: No such file"):
        read_vectors(tmp_path / "none.txt")

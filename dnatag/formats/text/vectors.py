"""Word vectors: GloVe and word2vec text, and NumPy archives."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from dnatag.errors import InputError
from dnatag.formats.io.npy import ArrayArchive
from dnatag.formats.text.lines import numbered_lines

__all__ = ["read_vectors"]


def read_vectors(path: Path) -> tuple[list[str], np.ndarray]:
    """Read word vectors.

    Parameters
    ----------
    path
        Text, compressed or not: a word and its numbers in each line, separated by single spaces (as
        GloVe writes it), after a line with the numbers of words and of dimensions where word2vec
        has written it. Or a NumPy archive (``.npz``): ``vectors`` of shape (words, dimensions),
        and ``words``, strings, or the bytes (uint8) of UTF-8 text with one word a line.

    Returns
    -------
    words : list of str
        In the order of the file; of a repeated word the first vector counts.
    vectors : numpy.ndarray
        float16 (words, dimensions).

    Raises
    ------
    InputError
        If the file is none of these, naming the line.
    """
    words, vectors = _read_archive(path) if zipfile.is_zipfile(path) else _read_text(path)
    if len(words) != len(vectors):
        raise InputError(f"{path}: has {len(words)} words but {len(vectors)} vectors")
    if not len(vectors):
        raise InputError(f"{path}: has no vectors")
    if not np.isfinite(vectors).all():
        raise InputError(f"{path}: has numbers that are not finite in half precision")
    first: dict[str, int] = {}
    for i, word in enumerate(words):
        first.setdefault(word, i)
    return list(first), vectors[list(first.values())]


def _read_archive(path: Path) -> tuple[list[str], np.ndarray]:
    with ArrayArchive(path, str(path)) as archive:
        if not {"words", "vectors"} <= set(archive.names):
            raise InputError(
                f"{path}: is not an archive of word vectors, which has 'words' and 'vectors'"
            )
        words, vectors = archive.read("words"), archive.read("vectors")
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
        raise InputError(f"{path}: 'vectors' must be a matrix, of words and dimensions")
    vectors = _half(vectors)
    if words.dtype == np.uint8:
        return words.tobytes().decode("utf-8", "replace").rstrip("\n").split("\n"), vectors
    return [str(word) for word in words], vectors


def _read_text(path: Path) -> tuple[list[str], np.ndarray]:
    words: list[str] = []
    rows: list[np.ndarray] = []
    dimensions = 0
    for number, line in numbered_lines(path):
        cells = line.rstrip().split(" ")
        if number == 1 and len(cells) == 2:
            continue  # word2vec's numbers of words and dimensions
        dimensions = dimensions or len(cells) - 1
        # Some words of the largest GloVe files have spaces in them.
        word, numbers = " ".join(cells[:-dimensions]), cells[-dimensions:]
        try:
            if not word:
                raise ValueError
            rows.append(_half(np.array(numbers, np.float32)))
        except ValueError:
            raise InputError(
                f"{path}: line {number}: expected a word and {dimensions} numbers, separated "
                "by spaces"
            ) from None
        words.append(word)
    return words, np.array(rows, np.float16).reshape(len(rows), dimensions)


def _half(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return values.astype(np.float16)

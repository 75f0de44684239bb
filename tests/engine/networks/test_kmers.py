"""K-mer look-up against the product of a matrix with the one-hot encoding of the sequence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.engine.networks.kmers import KmerEmbedding, KmerIndex

#: Symbols 0 to 2 are letters, 3 and 4 stand for two and three of them, 5 is outside.
SPREAD = np.array(
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0, 0.5], [1 / 3] * 3, [0, 0, 0]], dtype=np.float32
)
OUTSIDE = 5


def one_hot(symbols: np.ndarray, k: int) -> torch.Tensor:
    """Encode the k-mers that begin at each position as outer products, (B, L, A**k)."""
    rows = []
    for row in symbols:
        letters = np.concatenate([SPREAD[row], np.zeros((k, 3))])
        codes = []
        for t in range(len(row)):
            product = np.ones(1)
            for letter in letters[t : t + k]:
                product = np.outer(product, letter).ravel()
            codes.append(product)
        rows.append(codes)
    return torch.tensor(np.array(rows), dtype=torch.float32)


def spread_with_outside_first() -> np.ndarray:
    """Return the symbols in the order that padding with 0 expects."""
    return SPREAD[[OUTSIDE, 0, 1, 2, 3, 4]]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_look_up_is_the_product(k: int, batch: int, length: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    share = rng.choice([0.0, 0.3, 1.0])
    symbols = np.where(
        rng.random((batch, length)) < share,
        rng.integers(0, 6, (batch, length)),
        rng.integers(0, 3, (batch, length)),
    )
    index = KmerIndex(spread_with_outside_first(), k)
    torch.manual_seed(seed % 1000)
    embedding = KmerEmbedding(index.size, 5)
    places, mixed = index(torch.from_numpy((symbols + 1) % 6).to(torch.uint8))
    assert index.size == 3**k
    vectors = torch.nn.functional.embedding(places, embedding.table(mixed))
    product = one_hot(symbols, k) @ embedding.weight
    torch.testing.assert_close(vectors, product, rtol=1e-5, atol=1e-6)

    # The gradient is that of the product, too.
    pull = torch.from_numpy(rng.normal(size=vectors.shape)).float()
    (looked_up,) = torch.autograd.grad((vectors * pull).sum(), embedding.weight)
    (multiplied,) = torch.autograd.grad((product * pull).sum(), embedding.weight)
    torch.testing.assert_close(looked_up, multiplied, rtol=1e-4, atol=1e-5)


def test_words_of_letters_need_no_product() -> None:
    index = KmerIndex(spread_with_outside_first(), 2)
    places, mixed = index(torch.tensor([[1, 2, 3, 1]], dtype=torch.uint8))
    # ab, bc, ca; the last word is half outside.
    assert places.tolist() == [[1, 5, 6, 9]]
    assert mixed.tolist() == [[0.0] * 9]
    embedding = KmerEmbedding(index.size, 4)
    assert torch.equal(embedding.table(mixed)[:9], embedding.weight)
    assert not embedding.table(mixed)[9].any()


def test_equal_words_share_a_row() -> None:
    index = KmerIndex(spread_with_outside_first(), 1)
    places, mixed = index(torch.tensor([[4, 5, 4], [0, 1, 5]]))
    assert places.max() < 3 + 3
    assert places[0, 0] == places[0, 2]
    assert places[0, 1] == places[1, 2]
    assert len(mixed) == 3


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_only_letters(dtype: torch.dtype) -> None:
    index = KmerIndex(np.eye(4, dtype=np.float32), 1)
    places, mixed = index(torch.tensor([[3, 0, 2]], dtype=dtype))
    assert places.tolist() == [[3, 0, 2]]
    assert mixed.shape == (0, 4)
    embedding = KmerEmbedding(4, 2)
    assert embedding.table(mixed) is embedding.weight

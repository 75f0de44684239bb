"""BERT over arrays gives what torch's encoder gives with the same weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dnatag.engine.networks.bert import Bert, BertConfig

WORDS, PLACES, WIDTH, INNER, HEADS = 20, 12, 8, 16, 2


def weights(layers: int = 2, offset: int = 0) -> tuple[dict[str, np.ndarray], torch.nn.Module]:
    """Random weights by the names of Hugging Face, and torch's encoder with the same."""
    torch.manual_seed(1)
    layer = torch.nn.TransformerEncoderLayer(
        WIDTH, HEADS, INNER, dropout=0, activation="gelu", layer_norm_eps=1e-12, batch_first=True
    )
    encoder = torch.nn.TransformerEncoder(layer, layers, enable_nested_tensor=False).eval()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, 0, 0.5)
    found = {
        "embeddings.word_embeddings.weight": torch.randn(WORDS, WIDTH),
        "embeddings.position_embeddings.weight": torch.randn(PLACES + offset, WIDTH),
        "embeddings.token_type_embeddings.weight": torch.randn(2, WIDTH),
        "embeddings.LayerNorm.weight": torch.randn(WIDTH),
        "embeddings.LayerNorm.bias": torch.randn(WIDTH),
    }
    names = {
        "self_attn.out_proj": "attention.output.dense", "linear1": "intermediate.dense",
        "linear2": "output.dense", "norm1": "attention.output.LayerNorm",
        "norm2": "output.LayerNorm",
    }  # fmt: skip
    for number, part in enumerate(encoder.layers):
        prefix = f"encoder.layer.{number}."
        for kind in ("weight", "bias"):
            for theirs, ours in names.items():
                found[f"{prefix}{ours}.{kind}"] = part.get_parameter(f"{theirs}.{kind}")
            joined = part.get_parameter(f"self_attn.in_proj_{kind}")
            for name, piece in zip(("query", "key", "value"), joined.chunk(3), strict=True):
                found[f"{prefix}attention.self.{name}.{kind}"] = piece
    return {name: value.detach().numpy() for name, value in found.items()}, encoder


@pytest.mark.parametrize("averaged", [1, 2])
@pytest.mark.parametrize("offset", [0, 2])
def test_it_is_torchs_encoder(offset: int, averaged: int) -> None:
    arrays, encoder = weights(offset=offset)
    bert = Bert(BertConfig(HEADS, offset=offset), arrays)
    assert (bert.layers, bert.width, bert.longest) == (2, WIDTH, PLACES)
    sequences = [np.array([3, 7, 7, 19, 0]), np.array([5]), np.arange(PLACES)]
    table = {name.split(".")[1]: torch.from_numpy(a) for name, a in arrays.items()}
    norm = [torch.from_numpy(arrays[f"embeddings.LayerNorm.{kind}"]) for kind in ("weight", "bias")]
    for ids, found in zip(sequences, bert(sequences, averaged), strict=True):
        hidden = table["word_embeddings"][ids] + table["token_type_embeddings"][0]
        hidden = hidden + table["position_embeddings"][offset : offset + len(ids)]
        hidden = torch.nn.functional.layer_norm(hidden, (WIDTH,), *norm, eps=1e-12)
        states = [hidden[None]]
        with torch.no_grad():
            for layer in encoder.layers:
                states.append(layer(states[-1]))
            expected = torch.stack(states[-averaged:]).mean(0)[0].numpy()
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_half_precision_is_read() -> None:
    arrays, _ = weights()
    ids = [np.array([1, 2, 3])]
    full = Bert(BertConfig(HEADS), arrays)(ids)[0]
    half = Bert(BertConfig(HEADS), {k: a.astype(np.float16) for k, a in arrays.items()})(ids)[0]
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, full, atol=0.05)


def test_weights_that_do_not_fit() -> None:
    arrays, _ = weights()
    with pytest.raises(ValueError, match="3 heads do not fit 8 units"):
        Bert(BertConfig(3), arrays)
    del arrays["encoder.layer.1.attention.self.key.bias"]
    with pytest.raises(KeyError, match=r"encoder\.layer\.1\.attention\.self\.key\.bias"):
        Bert(BertConfig(HEADS), arrays)

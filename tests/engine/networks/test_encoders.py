"""The BiLSTM against torch's own, and its indifference to padding."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dnatag.engine.networks.encoders import BiLSTM, reverse

LENGTHS = torch.tensor([7, 4, 1, 0, 7])


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 2, 2)])
def test_reverse(shape: tuple[int, ...]) -> None:
    x = torch.arange(torch.Size(shape).numel()).reshape(shape)
    turned = reverse(x, LENGTHS)
    for row, result, n in zip(x, turned, LENGTHS.tolist(), strict=True):
        assert torch.equal(result[:n], row[:n].flip(0))
        assert torch.equal(result[n:], row[n:])
    assert torch.equal(reverse(turned, LENGTHS), x)
    whole = torch.full((5,), 7)
    assert torch.equal(reverse(x, whole), x.flip(1))


def torch_lstm(encoder: BiLSTM, inputs: int, hidden: int, layers: int) -> nn.LSTM:
    """Return torch's bidirectional LSTM with the same weights."""
    lstm = nn.LSTM(inputs, hidden, layers, batch_first=True, bidirectional=True)
    for layer in range(layers):
        for parts, suffix in ((encoder.ahead, ""), (encoder.back, "_reverse")):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                source = getattr(parts[layer], f"{name}_l0")
                getattr(lstm, f"{name}_l{layer}{suffix}").data.copy_(source.data)
    return lstm


@pytest.mark.parametrize("layers", [1, 2])
def test_two_directions_are_those_of_torch(layers: int) -> None:
    torch.manual_seed(1)
    encoder = BiLSTM(3, 4, layers).eval()
    reference = torch_lstm(encoder, 3, 4, layers)
    x = torch.randn(5, 7, 3)
    found = encoder(x, LENGTHS)
    assert found.shape == (5, 7, 8)
    for row, result, n in zip(x, found, LENGTHS.tolist(), strict=True):
        if n:
            torch.testing.assert_close(result[:n], reference(row[None, :n])[0][0])


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
def test_rows_and_padding_do_not_matter(shared: bool, layers: int) -> None:
    torch.manual_seed(2)
    encoder = BiLSTM(3, 4, layers, shared).eval()
    x = torch.randn(6, 9, 3)
    lengths = torch.tensor([9, 4, 2]).repeat(2)
    together = encoder(x, lengths)
    for i, n in enumerate([9, 4, 2]):
        pair = x[[i, i + 3], :n]
        alone = encoder(pair, torch.tensor([n, n]))
        torch.testing.assert_close(together[[i, i + 3], :n], alone, rtol=1e-5, atol=1e-6)
        for rest in (0.0, 1e4, float("nan")):
            padded = torch.full((2, n + 5, 3), rest)
            padded[:, :n] = pair
            result = encoder(padded, torch.tensor([n, n]))[:, :n]
            torch.testing.assert_close(result, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layers", [1, 2])
def test_shared_weights_treat_mirror_images_alike(layers: int) -> None:
    """What a sequence is to its mirror image, the mirror image is to the sequence."""
    torch.manual_seed(3)
    encoder = BiLSTM(3, 4, layers, shared=True).eval()
    assert len(encoder.back) == 0
    lengths = torch.tensor([6, 4, 6, 4])
    x = torch.randn(2, 6, 3)
    # An encoder knows nothing of mirrors of the inputs: the caller's are anything.
    image = torch.randn(2, 6, 3)
    ahead, back = encoder(torch.cat([x, image]), lengths).chunk(2)
    swapped_back, swapped_ahead = encoder(torch.cat([image, x]), lengths).chunk(2)
    assert torch.equal(ahead, swapped_ahead)
    assert torch.equal(back, swapped_back)
    # The second half of the first layer's vector is the image, read to the end and turned round.
    if layers == 1:
        own = encoder.ahead[0](image[:1])[0]
        torch.testing.assert_close(ahead[0, :, 4:], own[0].flip(0))


def test_dropout_is_of_whole_features() -> None:
    torch.manual_seed(4)
    encoder = BiLSTM(3, 50, dropout=0.5)
    x, lengths = torch.randn(4, 6, 3), torch.full((4,), 6)
    kept = encoder(x, lengths) != 0
    assert (kept == kept[:, :1]).all()
    assert 0.3 < kept.float().mean() < 0.7
    assert not torch.equal(kept[0], kept[1])
    still = encoder.eval()
    assert torch.equal(still(x, lengths), still(x, lengths))
    assert (still(x, lengths) != 0).all()


def test_forget_gates_start_open() -> None:
    for lstm in BiLSTM(3, 4, 2).ahead:
        assert lstm.bias_ih_l0.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8
        assert not lstm.bias_hh_l0.any()

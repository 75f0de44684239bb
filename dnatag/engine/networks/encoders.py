"""The BiLSTM that encodes sequences in both directions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["BiLSTM", "reverse"]

#: Up to so many different lengths, rows are reversed length by length.
FEW_LENGTHS = 4


def reverse(x: Tensor, lengths: Tensor) -> Tensor:
    """Reverse each row within its length; its padding stays behind it.

    Parameters
    ----------
    x : Tensor
        (B, L, ...).
    lengths : Tensor
        int64 (B,).

    Returns
    -------
    Tensor
        The same shape; position t of a row of length n is position n - 1 - t of the input.
    """
    n = x.shape[1]
    distinct = set(lengths.tolist()) - {n}
    if len(distinct) > FEW_LENGTHS:
        place = torch.arange(n, device=x.device).expand(len(x), n)
        end = lengths.to(x.device)[:, None]
        place = torch.where(place < end, end - 1 - place, place)
        return x.gather(1, place.view(len(x), n, *[1] * (x.dim() - 2)).expand_as(x))
    turned = x.flip(1)
    # Rows of equal length are shifted together, each before its own padding: gathering is slow for
    # long sequences.
    for length in distinct:
        rows = lengths == length
        turned[rows] = torch.cat([turned[rows][:, n - length :], x[rows][:, length:]], 1)
    return turned


class BiLSTM(nn.Module):
    """Layers of LSTMs over steps, in both directions.

    With `shared` weights one LSTM runs over a sequence and over its mirror image (the caller passes
    both, as two halves of the batch), so that the network treats both alike; without, a second LSTM
    runs backwards.

    Parameters
    ----------
    inputs : int
        Length of an input vector.
    hidden : int
        Length of the hidden vector of each direction.
    layers : int
        Number of layers.
    shared : bool
        Whether mirror images share their weights.
    dropout : float
        Dropout of whole features, the same at every step of a sequence (variational).
    drop_inputs : bool
        Whether that concerns the features that go in, too.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int = 1,
        shared: bool = False,
        dropout: float = 0.0,
        drop_inputs: bool = True,
    ) -> None:
        super().__init__()
        self.shared = shared
        self.dropout = dropout
        self.drop_inputs = drop_inputs
        sizes = [inputs] + [2 * hidden] * (layers - 1)
        self.ahead = nn.ModuleList(nn.LSTM(n, hidden, batch_first=True) for n in sizes)
        self.back = nn.ModuleList(
            [] if shared else (nn.LSTM(n, hidden, batch_first=True) for n in sizes)
        )
        for lstm in (*self.ahead, *self.back):
            # A forget gate that starts open carries gradients over long genes and sentences.
            lstm.bias_hh_l0.data.zero_()
            lstm.bias_ih_l0.data.zero_()
            lstm.bias_ih_l0.data[hidden : 2 * hidden] = 1.0

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Encode.

        Parameters
        ----------
        x : Tensor
            (B, T, inputs); with shared weights, sequences and then their mirror images.
        lengths : Tensor
            int64 (B,), steps of each row.

        Returns
        -------
        Tensor
            (B, T, 2 * hidden): own direction, other direction.
        """
        for layer, ahead in enumerate(self.ahead):
            if layer or self.drop_inputs:
                x = self.drop(x)
            own = ahead(x)[0]
            if self.shared:
                half = len(own) // 2
                other = reverse(torch.cat([own[half:], own[:half]]), lengths)
            else:
                other = reverse(self.back[layer](reverse(x, lengths))[0], lengths)
            x = torch.cat([own, other], -1)
        return self.drop(x)

    def drop(self, x: Tensor) -> Tensor:
        """Drop features of (B, T, inputs) in training."""
        if not self.training or not self.dropout:
            return x
        keep = x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(1 - self.dropout)
        return x * keep / (1 - self.dropout)

"""The native recurrence and its gradients against torch in double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dnatag.native.kernels import instruction_sets
from dnatag.native.library import why_missing
from dnatag.native.training import Recurrence, spread_rows, sum_rows

pytestmark = pytest.mark.skipif(why_missing() is not None, reason=str(why_missing()))

SETS = list(instruction_sets()) if why_missing() is None else []


class Recur(torch.autograd.Function):
    """What enters the gates to hidden vectors."""

    @staticmethod
    def forward(ctx, inputs: Tensor, weight: Tensor, recurrence: Recurrence) -> Tensor:
        ctx.recurrence = recurrence
        ctx.kept = recurrence.forward(inputs.detach().clone().numpy())
        return torch.from_numpy(ctx.kept.hidden)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        inputs, weight = ctx.recurrence.backward(ctx.kept, grad.numpy())
        return torch.from_numpy(inputs), torch.from_numpy(weight), None


def native(lstm: nn.LSTM, x: Tensor, instructions: str) -> Tensor:
    recurrence = Recurrence(lstm.weight_hh_l0.detach().numpy(), instructions)
    columns = torch.from_numpy(recurrence.columns)
    weight = nn.functional.pad(lstm.weight_ih_l0, (0, 0, 0, 1))[columns]
    bias = nn.functional.pad(lstm.bias_ih_l0 + lstm.bias_hh_l0, (0, 1))[columns]
    inputs = nn.functional.linear(x, weight, bias)
    return Recur.apply(inputs, lstm.weight_hh_l0, recurrence)[..., : lstm.hidden_size]


@pytest.mark.parametrize("instructions", SETS)
@pytest.mark.parametrize(
    ("rows", "steps", "hidden"), [(7, 60, 24), (1, 1, 8), (12, 200, 13), (2, 0, 16)]
)
def test_like_torch(instructions, rows, steps, hidden):
    torch.manual_seed(rows)
    lstm = nn.LSTM(5, hidden, batch_first=True)
    x, weights = torch.randn(rows, steps, 5), torch.randn(rows, steps, hidden)
    precise = nn.LSTM(5, hidden, batch_first=True).double()
    precise.load_state_dict(lstm.state_dict())
    found = native(lstm, x.requires_grad_(), instructions)
    (found * weights).sum().backward()
    if not steps:
        assert found.shape == (rows, 0, hidden)
        return
    exact = x.detach().double().requires_grad_()
    expected = precise(exact)[0]
    (expected * weights).sum().backward()
    np.testing.assert_allclose(found.detach(), expected.detach(), atol=2e-6)
    np.testing.assert_allclose(x.grad, exact.grad, atol=2e-5)
    for own, other in zip(lstm.parameters(), precise.parameters(), strict=True):
        scale = other.grad.abs().max()
        np.testing.assert_allclose(own.grad / scale, other.grad / scale, atol=5e-6)


@pytest.mark.parametrize("instructions", SETS)
def test_rows_do_not_depend_on_each_other(instructions):
    rng = np.random.default_rng(0)
    recurrence = Recurrence(rng.normal(size=(64, 16)).astype(np.float32), instructions)
    inputs, grad = (rng.normal(size=(8, 30, n)).astype(np.float32) for n in (64, 16))
    kept = recurrence.forward(inputs.copy())
    hidden, (grad_inputs, _) = kept.hidden, recurrence.backward(kept, grad)
    for row in range(8):
        alone = recurrence.forward(inputs[row : row + 1].copy())
        assert alone.hidden.tobytes() == hidden[row].tobytes()
        found, _ = recurrence.backward(alone, grad[row : row + 1])
        assert found.tobytes() == grad_inputs[row].tobytes()


@pytest.mark.parametrize("shape", [(7, 3), (1, 1), (0, 2)])
def test_sums_of_rows_are_products_with_one_hot_vectors(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    table, index = rng.normal(size=(5, 11)).astype(np.float32), rng.integers(0, 5, shape)
    one_hot = np.eye(5)[index].sum(1)
    np.testing.assert_allclose(sum_rows(table, index), one_hot @ table, atol=1e-6)
    grad = rng.normal(size=(shape[0], 11)).astype(np.float32)
    np.testing.assert_allclose(spread_rows(grad, index, 5), one_hot.T @ grad, atol=1e-6)


@pytest.mark.parametrize("wrong", [-1, 5])
def test_rows_that_a_table_does_not_have(wrong: int) -> None:
    index = np.array([[0, wrong]])
    with pytest.raises(IndexError, match=f"5 rows .* {wrong}"):
        sum_rows(np.zeros((5, 2), np.float32), index)
    with pytest.raises(IndexError):
        spread_rows(np.zeros((1, 2), np.float32), index, 5)

"""The workers that share a batch: threads of this process, and other processes.

Each batch is shared among the processes that ``torchrun`` starts (on GPUs or machines of their
own), and among threads on the CPU, where one core runs an LSTM as fast as two. Every worker adds
up losses and gradients over its examples, the sums of all are added up, and every process takes
the same step; so the losses do not depend on the number of workers, but for rounding.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import reduce
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from dnatag.engine.batch import Batch, BatchSource
from dnatag.engine.devices import Halving, torch_threads
from dnatag.engine.memory import keep_freed_memory
from dnatag.engine.objective import Objective
from dnatag.errors import DnatagError

__all__ = ["Workers", "processes"]


def processes() -> tuple[int, int]:
    """Rank of this process and their number, as torchrun set them."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


class Workers:
    """The threads of this process, and sums over all threads of all processes.

    Gradients are added up here and not by DistributedDataParallel, whose own way would hang when
    one process runs out of memory and has to repeat a part of its batch.

    Parameters
    ----------
    network : nn.Module
        The network that is trained, on its device.
    objective : Objective
        Its loss.
    device : torch.device
        The device.
    threads : int
        CPU threads of this process.
    dropout : bool
        Whether the network draws random numbers. Threads would draw from the one generator in
        any order, so that there is only one worker then.
    """

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        device: torch.device,
        threads: int,
        *,
        dropout: bool,
    ) -> None:
        self.rank, self.world = processes()
        count = threads if device.type == "cpu" and not dropout else 1
        self.ranks = range(self.rank * count, (self.rank + 1) * count)
        self.network = network
        self.objective = objective
        self.device = device
        self.parameters = list(network.parameters())
        self._halving = Halving(
            device, "window", "train with smaller windows, a smaller model or on the CPU"
        )
        self._pool = ThreadPoolExecutor(
            count, initializer=torch.set_num_threads, initargs=(threads // count,)
        )
        self._threads = threads

    @contextmanager
    def running(self) -> Iterator[None]:
        """Join the other processes for a block, and end the threads after it."""
        if self.world > 1:
            # The optimizer imports this module, whose default arguments keep the group that there
            # is at that moment. Destroyed or not, its threads would then outlive the interpreter
            # and abort.
            importlib.import_module("torch.distributed.nn.functional")
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
        keep_freed_memory(largest=1 << 30, most=(1 << 31) - 1)
        try:
            with torch_threads(self._threads), self._pool:
                yield
        finally:
            if self.world > 1:
                dist.destroy_process_group()

    def share_weights(self) -> None:
        """Broadcast the weights of the first process."""
        if self.world > 1:
            for tensor in self.network.state_dict().values():
                dist.broadcast(tensor, 0)

    def train(self, source: BatchSource, step: int) -> float:
        """Return the loss of a step, and leave its gradient in the parameters.

        Raises
        ------
        DnatagError
            If nothing in the batch counts, or memory is too small for a single example.
        """

        def work(rank: int) -> list[Tensor]:
            return self._add_up([source.batch_at(step, rank, self._all)], self.parameters)

        (loss, weight), *gradients = self._everywhere(work)
        if not weight:
            raise DnatagError(f"nothing to train on: no label of step {step} counts")
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient / weight
        return float(loss / weight)

    def validate(self, source: BatchSource) -> float | None:
        """Return the loss of the validation batches, None if there is nothing to validate on."""

        def work(rank: int) -> list[Tensor]:
            with torch.no_grad():
                return self._add_up(source.validation(rank, self._all))

        ((loss, weight),) = self._everywhere(work)
        return float(loss / weight) if weight else None

    def measure(self, function: Callable[[Any], float]) -> float:
        """Measure the network, in one process for all."""
        value = torch.zeros(1, dtype=torch.float32, device=self.device)
        if self.rank == 0:
            with torch.no_grad():
                value += function(self.network)
        if self.world > 1:
            dist.broadcast(value, 0)
        return float(value)

    @property
    def _all(self) -> int:
        return len(self.ranks) * self.world

    def _everywhere(self, work: Callable[[int], list[Tensor]]) -> list[Tensor]:
        # In the order of the ranks, so that the sum is the same in every run.
        total = reduce(_added, self._pool.map(work, self.ranks))
        if self.world > 1:
            for tensor in total:
                dist.all_reduce(tensor)
        return total

    def _add_up(self, batches: Iterable[Batch], parameters: Sequence[Tensor] = ()) -> list[Tensor]:
        """Return summed losses and weights, (2,), and the gradients of the summed losses."""
        total = [torch.zeros(2, device=self.device), *map(torch.zeros_like, parameters)]
        for batch in batches:

            def work(first: int, last: int, batch: Batch = batch) -> list[Tensor]:
                return self._sums(batch.rows(first, last, self.device), parameters)

            for part in self._halving.run(work, len(batch)):
                total = _added(total, part)
        return total

    def _sums(self, batch: Batch, parameters: Sequence[Tensor]) -> list[Tensor]:
        loss, weight = self.objective(self.network, batch)
        sums = torch.stack([x.detach().float().to(self.device) for x in (loss, weight)])
        if not parameters:
            return [sums]
        return [sums, *torch.autograd.grad(loss, parameters, materialize_grads=True)]


def _added(one: Sequence[Tensor], other: Sequence[Tensor]) -> list[Tensor]:
    return [a + b for a, b in zip(one, other, strict=True)]

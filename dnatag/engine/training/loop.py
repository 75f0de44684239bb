"""The training loop: masked CRF likelihood, AdamW, checkpoints that resume exactly.

Each batch is shared: among the processes that ``torchrun`` starts (on GPUs or machines of their
own), and among threads on the CPU, where one core runs an LSTM as fast as two. Every worker adds
up losses and gradients over its windows, the sums of all are added up, and every process takes
the same step; so the losses do not depend on the number of workers, but for rounding.
"""

from __future__ import annotations

import csv
import importlib
import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
import torch.distributed as dist
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from dnatag.engine.crf.chain import Chain
from dnatag.engine.networks.kmer_tagger import Network
from dnatag.errors import DnatagError, InputError
from dnatag.formats.io.writing import write_whole

__all__ = [
    "CHECKPOINT",
    "Batch",
    "BatchSource",
    "Progress",
    "TrainingConfig",
    "fit",
    "has_checkpoint",
    "processes",
]

#: File, in the folder of a run, of what it can resume from.
CHECKPOINT = "checkpoint.safetensors"
#: Steps between rows of the log.
LOG_EVERY = 10


@dataclass(frozen=True)
class Batch:
    """B sequences padded to L positions.

    Attributes
    ----------
    inputs : tuple of Tensor
        (B, L, ...) each, what the tagger is called with, before the lengths.
    flags : Tensor
        uint8 (B, L), property words.
    lengths : Tensor
        int64 (B,).
    allowed : Tensor
        bool (B, L, S), the states that the labels allow.
    """

    inputs: tuple[Tensor, ...]
    flags: Tensor
    lengths: Tensor
    allowed: Tensor

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self.lengths)

    def rows(self, first: int, last: int, device: torch.device) -> Batch:
        """Sequences ``first`` to ``last`` (exclusive), on a device."""

        def part(x: Tensor) -> Tensor:
            return x[first:last].to(device)

        inputs = tuple(map(part, self.inputs))
        return Batch(inputs, part(self.flags), part(self.lengths), part(self.allowed))


class BatchSource(Protocol):
    """Where batches come from; each is a function of its number alone, so runs can resume."""

    def batch_at(self, step: int, rank: int, world: int) -> Batch:
        """Return a worker's share of the batch of a step, possibly empty."""
        ...

    def validation(self, rank: int, world: int) -> Iterator[Batch]:
        """Yield a worker's share of the validation batches, the same at every call."""
        ...


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of the loop.

    Parameters
    ----------
    steps : int
        Length of the schedule: linear warm-up, then a cosine down to zero.
    learning_rate, weight_decay : float
        Of AdamW.
    warmup : int
        Steps of the warm-up.
    clip : float
        Largest norm of the gradient.
    validate_every : int
        Steps between validations, each followed by a checkpoint.
    patience : int
        Validations without a better loss until training stops early.
    keep_last : bool
        Whether to end with the last weights, not with those of the best validation. Labels of
        spans are still learnt when the likelihood of what is rare has begun to fall.
    seed : int
        Of dropout.
    """

    steps: int = 6000
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warmup: int = 200
    clip: float = 1.0
    validate_every: int = 250
    patience: int = 12
    keep_last: bool = False
    seed: int = 1

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(self.steps - self.warmup, 1)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


class Progress(NamedTuple):
    """How far a run is: steps done, steps in all, loss of the last step, of its validation."""

    step: int
    steps: int
    loss: float
    validation_loss: float | None


def processes() -> tuple[int, int]:
    """Rank of this process and their number, as torchrun set them."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def has_checkpoint(folder: Path) -> bool:
    """Whether a run that can be resumed is in a folder, or in a folder of it."""
    return any(folder.rglob(CHECKPOINT))


class _Workers:
    """The threads of this process, and sums over all threads of all processes.

    Gradients are added up here and not by DistributedDataParallel, whose own way would hang when
    one process runs out of memory and has to repeat a part of its batch.
    """

    def __init__(self, tagger: Network, device: torch.device, threads: int) -> None:
        rank, self.world = processes()
        # Threads would draw from the one generator of dropout in any order.
        count = threads if device.type == "cpu" and not tagger.dropout else 1
        self.ranks = range(rank * count, (rank + 1) * count)
        self.tagger = tagger
        self.device = device
        self.parameters = list(tagger.parameters())
        self.most_rows = 1 << 30  # of sequences at once; less when memory has run out
        self.pool = ThreadPoolExecutor(
            count, initializer=torch.set_num_threads, initargs=(threads // count,)
        )

    def train(self, source: BatchSource, step: int) -> float:
        """Return the loss of a step, and leave its gradient in the parameters."""

        def work(rank: int) -> list[Tensor]:
            return self._add_up([source.batch_at(step, rank, self._all)], self.parameters)

        (loss, positions), *gradients = self._everywhere(work)
        if not positions:
            raise DnatagError("no window has labels that the grammar allows: nothing to learn from")
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient / positions
        return float(loss / positions)

    def validate(self, source: BatchSource) -> float | None:
        """Return the loss of the validation batches, None if there is nothing to validate on."""

        def work(rank: int) -> list[Tensor]:
            with torch.no_grad():
                return self._add_up(source.validation(rank, self._all))

        ((loss, positions),) = self._everywhere(work)
        return float(loss / positions) if positions else None

    @property
    def _all(self) -> int:
        return len(self.ranks) * self.world

    def _everywhere(self, work: Callable[[int], list[Tensor]]) -> list[Tensor]:
        # In the order of the ranks, so that the sum is the same in every run.
        total = reduce(_added, self.pool.map(work, self.ranks))
        if self.world > 1:
            for tensor in total:
                dist.all_reduce(tensor)
        return total

    def _add_up(self, batches: Iterable[Batch], parameters: Sequence[Tensor] = ()) -> list[Tensor]:
        """Sum of the losses and number of positions, (2,), and the gradients of the sum."""
        total = [torch.zeros(2, device=self.device), *map(torch.zeros_like, parameters)]
        for batch in batches:
            first = 0
            while first < len(batch):
                last = min(first + self.most_rows, len(batch))
                part = self._fitting(batch, first, last, parameters)
                if part is not None:
                    total = _added(total, part)
                    first = last
        return total

    def _fitting(
        self, batch: Batch, first: int, last: int, parameters: Sequence[Tensor]
    ) -> list[Tensor] | None:
        """Return sums over some sequences, or None if only fewer may fit into memory."""
        try:
            return self._sums(batch.rows(first, last, self.device), parameters)
        except RuntimeError as error:
            if "out of memory" not in str(error).lower():
                raise
            if last - first == 1:
                raise DnatagError(
                    f"the memory of the device ({self.device}) is too small for one window; "
                    "train with smaller windows, a smaller model or on the CPU"
                ) from None
        # Out here nothing holds the tensors of the failure any more.
        self.most_rows = (last - first) // 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def _sums(self, batch: Batch, parameters: Sequence[Tensor]) -> list[Tensor]:
        tagger = self.tagger
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            scores = tagger(*batch.inputs, batch.lengths)
        losses, legal = Chain(
            tagger.grammar,
            scores.float(),
            tagger.transition_weights,
            batch.flags,
            batch.lengths,
            batch.allowed,
        ).likelihood_loss()
        loss = losses.sum()
        positions = batch.lengths[legal.to(self.device)].sum()
        sums = torch.stack([loss.detach().float().to(self.device), positions.float()])
        if not parameters:
            return [sums]
        return [sums, *torch.autograd.grad(loss, parameters, materialize_grads=True)]


def _added(one: Sequence[Tensor], other: Sequence[Tensor]) -> list[Tensor]:
    return [a + b for a, b in zip(one, other, strict=True)]


@dataclass
class _State:
    """Where a run is: steps done, best validation loss, validations since, time used."""

    config: dict
    step: int = 0
    best: float = math.inf
    stale: int = 0
    seconds: float = 0.0


class _Checkpoint:
    """The state of a run: tensors, and the rest as JSON in their metadata."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / CHECKPOINT

    def save(
        self, tagger: nn.Module, best: dict, optimizer: torch.optim.Optimizer, state: _State
    ) -> None:
        tensors = {f"model.{k}": v for k, v in tagger.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in best.items()}
        for i, slots in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{k}": v for k, v in slots.items()}
        # Copies, because the weights of an LSTM on a GPU are views of one block of memory.
        plain = {k: v.detach().cpu().clone() for k, v in tensors.items()}
        # One file holds all, so a kill leaves either the old state or the new one.
        write_whole(self.path, save(plain, {"state": json.dumps(asdict(state))}))

    def load(self, tagger: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[_State, dict]:
        with safe_open(self.path, "pt") as file:
            state = _State(**json.loads(file.metadata()["state"]))
        tensors = load_file(self.path)

        def part(prefix: str) -> dict[str, Tensor]:
            n = len(prefix)
            return {k[n:]: v for k, v in tensors.items() if k.startswith(prefix)}

        tagger.load_state_dict(part("model."))
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in part("optimizer.").items():
            i, _, key = name.partition(".")
            slots.setdefault(int(i), {})[key] = value
        optimizer.load_state_dict(
            {"state": slots, "param_groups": optimizer.state_dict()["param_groups"]}
        )
        return state, part("best.")


def fit(
    tagger: Network,
    source: BatchSource,
    config: TrainingConfig,
    folder: Path,
    *,
    device: torch.device,
    threads: int = 1,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
) -> dict:
    """Train, and leave the tagger with the weights of the best validation.

    Writes ``log.csv`` (step, seconds, learning_rate, loss, validation_loss) and a checkpoint into
    the folder. A run resumed from its checkpoint has the same losses as one that was not
    interrupted.

    Parameters
    ----------
    tagger : Network
        Changed in place.
    source : BatchSource
        Batches; used by several threads at once.
    config : TrainingConfig
        Settings.
    folder : Path
        Existing folder of the run, the same for all processes.
    device : torch.device
        Where to train; on CUDA with bfloat16 autocast.
    threads : int
        Number of threads of this process on the CPU.
    resume : bool
        Go on from the folder's checkpoint.
    report : callable
        Called after each step.

    Returns
    -------
    dict
        ``steps`` done and the best ``validation_loss``, None if there is nothing to validate on;
        then the last weights are the best.

    Raises
    ------
    InputError
        If there is no checkpoint to resume, or it is of another configuration.
    DnatagError
        If the loss is no number any more, or memory is too small for a single sequence.
    """
    rank, world = processes()
    if world > 1:
        # The optimizer imports this module, whose default arguments keep the group that there is at
        # that moment. Destroyed or not, its threads would then outlive the interpreter and abort.
        importlib.import_module("torch.distributed.nn.functional")
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    threads_before = torch.get_num_threads()
    torch.set_num_threads(threads)
    tagger.to(device)
    workers = _Workers(tagger, device, threads)
    try:
        return _fit(tagger, source, config, folder, workers, resume, report, first=rank == 0)
    finally:
        workers.pool.shutdown()
        torch.set_num_threads(threads_before)
        if world > 1:
            dist.destroy_process_group()


def _fit(
    tagger: Network,
    source: BatchSource,
    config: TrainingConfig,
    folder: Path,
    workers: _Workers,
    resume: bool,
    report: Callable[[Progress], None],
    first: bool,
) -> dict:
    checkpoint = _Checkpoint(folder)
    optimizer = torch.optim.AdamW(
        tagger.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    state = _State(asdict(config))
    best = {k: v.detach().clone() for k, v in tagger.state_dict().items()}
    if resume:
        if not checkpoint.path.exists():
            raise InputError(f"nothing to resume: {folder} has no checkpoint")
        state, best = checkpoint.load(tagger, optimizer)
        if state.config != asdict(config):
            raise InputError(f"the checkpoint in {folder} is of a run with other settings")
    if workers.world > 1:
        for tensor in tagger.state_dict().values():
            dist.broadcast(tensor, 0)
    log = _Log(folder / "log.csv", state.step) if first else None
    began = time.monotonic() - state.seconds
    running: list[float] = []
    tagger.train()
    while state.step < config.steps and state.stale < config.patience:
        step = state.step
        # Dropout is a function of the step too, so a resumed run repeats it.
        torch.manual_seed(config.seed * 1_000_003 + step * workers.world + workers.ranks.start)
        for group in optimizer.param_groups:
            group["lr"] = config.rate(step)
        loss = workers.train(source, step)
        if not math.isfinite(loss):
            raise DnatagError(
                f"training failed: the loss at step {step} is {loss}; try a lower learning rate"
            )
        nn.utils.clip_grad_norm_(tagger.parameters(), config.clip)
        optimizer.step()
        state.step = step + 1
        running.append(loss)
        validation, validated = None, False
        if (step + 1) % config.validate_every == 0 or step + 1 == config.steps:
            tagger.eval()
            validation = workers.validate(source)
            tagger.train()
            better = validation is None or validation < state.best
            state.stale = 0 if better else state.stale + 1
            if better and validation is not None:
                state.best = validation
            if better or config.keep_last:
                best = {k: v.detach().clone() for k, v in tagger.state_dict().items()}
            validated = True
        if log is not None and (validated or (step + 1) % LOG_EVERY == 0):
            state.seconds = time.monotonic() - began
            mean = sum(running) / len(running)
            running.clear()
            log.write(step + 1, state.seconds, config.rate(step), mean, validation)
        if log is not None and validated:
            checkpoint.save(tagger, best, optimizer, state)
        report(Progress(step + 1, config.steps, loss, validation))
    tagger.load_state_dict(best)
    tagger.eval()
    loss_ = state.best if math.isfinite(state.best) else None
    return {"steps": state.step, "validation_loss": loss_}


class _Log:
    """A CSV of the run; on resuming, rows after the checkpoint are dropped."""

    _COLUMNS = ("step", "seconds", "learning_rate", "loss", "validation_loss")

    def __init__(self, path: Path, step: int) -> None:
        rows = []
        if step and path.exists():
            with path.open(newline="") as file:
                rows = [r for r in csv.reader(file) if r and r[0].isdigit() and int(r[0]) <= step]
        self.path = path
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([self._COLUMNS, *rows])

    def write(
        self, step: int, seconds: float, rate: float, loss: float, validation: float | None
    ) -> None:
        last = "" if validation is None else f"{validation:.6f}"
        row = [step, f"{seconds:.1f}", f"{rate:.3g}", f"{loss:.6f}", last]
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerow(row)

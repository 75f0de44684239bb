"""The training loop: masked CRF likelihood, AdamW, checkpoints that resume exactly.

Several processes (``torchrun --nproc-per-node N -m dnatag train ...``) share each batch through
torch's DistributedDataParallel.
"""

from __future__ import annotations

import csv
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Protocol

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from dnatag.engine import crf
from dnatag.engine.model import SequenceTagger
from dnatag.errors import DnatagError, InputError

__all__ = ["Batch", "BatchSource", "TrainingConfig", "fit", "processes"]


@dataclass(frozen=True)
class Batch:
    """B sequences padded to L positions.

    Attributes
    ----------
    symbols, bits : Tensor
        uint8 (B, L).
    features : Tensor
        float32 (B, L, F).
    lengths : Tensor
        int64 (B,).
    allowed : Tensor
        bool (B, L, S), the states that the labels allow.
    """

    symbols: Tensor
    bits: Tensor
    features: Tensor
    lengths: Tensor
    allowed: Tensor

    def to(self, device: torch.device) -> Batch:
        """Move to a device."""
        return Batch(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


class BatchSource(Protocol):
    """Where batches come from; each is a function of its number alone, so runs can resume."""

    def batch_at(self, step: int, rank: int, world: int) -> Batch:
        """Return a process's share of the batch of a step."""
        ...

    def validation(self, rank: int, world: int) -> Iterator[Batch]:
        """Yield a process's share of the validation batches, the same at every call."""
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
    seed : int
        Of the initial weights and of dropout.
    """

    steps: int = 6000
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warmup: int = 200
    clip: float = 1.0
    validate_every: int = 250
    patience: int = 12
    seed: int = 1

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(self.steps - self.warmup, 1)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def processes() -> tuple[int, int]:
    """Rank of this process and their number, as torchrun set them."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def _loss(tagger: SequenceTagger, channels: Tensor, batch: Batch) -> Tensor:
    """Mean negative log likelihood per position of the batch."""
    functions = crf.implementation(channels.device.type)
    loss, _ = functions.likelihood_loss(
        tagger.grammar, channels.float(), tagger.theta, batch.bits, batch.lengths, batch.allowed
    )
    return loss.sum() / batch.lengths.sum()


class _Trained(nn.Module):
    """The tagger with its loss, so that DDP sees one forward pass."""

    def __init__(self, tagger: SequenceTagger, mixed: bool) -> None:
        super().__init__()
        self.tagger = tagger
        self.mixed = mixed

    def forward(self, batch: Batch) -> Tensor:
        with torch.autocast(batch.symbols.device.type, torch.bfloat16, enabled=self.mixed):
            channels = self.tagger(batch.symbols, batch.bits, batch.features, batch.lengths)
        return _loss(self.tagger, channels, batch)


def _validate(model: _Trained, source: BatchSource, device: torch.device) -> float:
    rank, world = processes()
    model.eval()
    with torch.no_grad():
        losses = [model(batch.to(device)).double() for batch in source.validation(rank, world)]
    model.train()
    total = torch.stack([torch.stack(losses).sum(), torch.tensor(float(len(losses)))]).to(device)
    if world > 1:
        dist.all_reduce(total)
    return float(total[0] / total[1])


class _Checkpoint:
    """The state of a run in a folder: tensors in safetensors, the rest in JSON."""

    def __init__(self, folder: Path) -> None:
        self.tensors = folder / "checkpoint.safetensors"
        self.state = folder / "checkpoint.json"

    def save(self, tagger: nn.Module, best: dict, optimizer: torch.optim.Optimizer,
             state: dict) -> None:  # fmt: skip
        tensors = {f"model.{k}": v for k, v in tagger.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in best.items()}
        for i, slots in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{k}": v for k, v in slots.items()}
        # One file holds all, so a kill leaves either the old state or the new one.
        aside = self.tensors.with_suffix(".tmp")
        save_file(
            {k: v.contiguous() for k, v in tensors.items()}, aside, {"state": json.dumps(state)}
        )
        aside.replace(self.tensors)

    def load(self, tagger: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[dict, dict]:
        from safetensors import safe_open

        with safe_open(self.tensors, "pt") as file:
            state = json.loads(file.metadata()["state"])
        tensors = load_file(self.tensors)

        def part(prefix: str) -> dict[str, Tensor]:
            n = len(prefix)
            return {k[n:]: v for k, v in tensors.items() if k.startswith(prefix)}

        tagger.load_state_dict(part("model."))
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in part("optimizer.").items():
            number, name = key.split(".", 1)
            slots.setdefault(int(number), {})[name] = value
        loaded = optimizer.state_dict()
        optimizer.load_state_dict({"state": slots, "param_groups": loaded["param_groups"]})
        return state, part("best.")


def fit(
    tagger: SequenceTagger,
    source: BatchSource,
    config: TrainingConfig,
    folder: Path,
    *,
    device: torch.device,
    resume: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> dict:
    """Train, and leave the tagger with the weights of the best validation.

    Writes ``log.csv`` (step, seconds, learning_rate, loss, validation_loss) and a checkpoint into
    the folder. A run resumed from its checkpoint has the same losses as one that was not
    interrupted.

    Parameters
    ----------
    tagger : SequenceTagger
        Changed in place.
    source : BatchSource
        Batches.
    config : TrainingConfig
        Settings.
    folder : Path
        Existing folder of the run.
    device : torch.device
        Where to train; on CUDA with bfloat16 autocast.
    resume : bool
        Go on from the folder's checkpoint.
    report : callable
        Gets a line of progress now and then.

    Returns
    -------
    dict
        ``steps`` done and the best ``validation_loss``.

    Raises
    ------
    InputError
        If there is no checkpoint to resume, or it is of another configuration.
    DnatagError
        If the loss is no number any more.
    """
    rank, world = processes()
    if world > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    checkpoint = _Checkpoint(folder)
    tagger.to(device).train()
    optimizer = torch.optim.AdamW(
        tagger.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    state = {"step": 0, "best": math.inf, "stale": 0, "seconds": 0.0, "config": asdict(config)}
    best = {k: v.detach().clone() for k, v in tagger.state_dict().items()}
    if resume:
        if not checkpoint.tensors.exists():
            raise InputError(f"nothing to resume: {folder} has no checkpoint")
        state, best = checkpoint.load(tagger, optimizer)
        if state["config"] != asdict(config):
            raise InputError(f"the checkpoint in {folder} is of a run with other settings")
    model = _Trained(tagger, mixed=device.type == "cuda")
    parallel = DistributedDataParallel(model) if world > 1 else model
    log = _Log(folder / "log.csv", state["step"]) if rank == 0 else None
    began = time.monotonic() - state["seconds"]
    running: list[float] = []
    while state["step"] < config.steps and state["stale"] < config.patience:
        step = state["step"]
        # Dropout is a function of the step too, so a resumed run repeats it.
        torch.manual_seed(config.seed * 1_000_003 + step * world + rank)
        for group in optimizer.param_groups:
            group["lr"] = config.rate(step)
        loss = parallel(source.batch_at(step, rank, world).to(device))
        if not torch.isfinite(loss):
            raise DnatagError(f"training failed: the loss at step {step} is {loss.item()}")
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(tagger.parameters(), config.clip)
        optimizer.step()
        state["step"] = step + 1
        running.append(loss.item())
        if (step + 1) % config.validate_every and step + 1 < config.steps:
            validation = None
        else:
            validation = _validate(model, source, device)
            state["stale"] = 0 if validation < state["best"] else state["stale"] + 1
            if validation < state["best"]:
                state["best"] = validation
                best = {k: v.detach().clone() for k, v in tagger.state_dict().items()}
        if log is not None and (validation is not None or (step + 1) % 50 == 0):
            state["seconds"] = time.monotonic() - began
            mean = sum(running) / len(running)
            running.clear()
            log.write(step + 1, state["seconds"], config.rate(step), mean, validation)
            report(
                f"step {step + 1}/{config.steps}, loss {mean:.5f}"
                + (f", validation {validation:.5f}" if validation is not None else "")
            )
            if validation is not None:
                checkpoint.save(tagger, best, optimizer, state)
    tagger.load_state_dict(best)
    tagger.eval()
    return {"steps": state["step"], "validation_loss": state["best"]}


class _Log:
    """A CSV of the run; on resuming, rows after the checkpoint are dropped."""

    _COLUMNS = ("step", "seconds", "learning_rate", "loss", "validation_loss")

    def __init__(self, path: Path, step: int) -> None:
        rows = []
        if step and path.exists():
            with path.open(newline="") as file:
                rows = [r for r in csv.reader(file) if r[0].isdigit() and int(r[0]) <= step]
        self.path = path
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([self._COLUMNS, *rows])

    def write(self, step: int, seconds: float, rate: float, loss: float,
              validation: float | None) -> None:  # fmt: skip
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerow(
                [step, f"{seconds:.1f}", f"{rate:.3g}", f"{loss:.6f}",
                 "" if validation is None else f"{validation:.6f}"]
            )  # fmt: skip

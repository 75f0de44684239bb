"""The training loop: AdamW, validation, checkpoints that resume exactly."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dnatag.engine.batch import BatchSource
from dnatag.engine.networks.base import Network
from dnatag.engine.objective import Metric, Objective
from dnatag.engine.training.checkpoint import Checkpoint, RunState
from dnatag.engine.training.config import TrainingConfig
from dnatag.engine.training.rundir import LOG
from dnatag.engine.training.workers import Workers
from dnatag.errors import DnatagError
from dnatag.report import Observer, Progress

__all__ = ["Outcome", "fit"]

#: Steps between rows of the log.
LOG_EVERY = 10


class Outcome(NamedTuple):
    """The outcome of a run.

    Attributes
    ----------
    steps : int
        Steps done.
    validation_loss : float or None
        Loss of the best validation; None if there was nothing to validate on.
    metric : float or None
        Value of the watched metric in the best validation; None if none was watched.
    best : int
        Steps done at the best validation, whose weights are kept.
    """

    steps: int
    validation_loss: float | None
    metric: float | None
    best: int


def fit(
    network: Network,
    source: BatchSource,
    objective: Objective,
    config: TrainingConfig,
    folder: Path,
    *,
    device: torch.device,
    metric: Metric | None = None,
    threads: int = 1,
    resume: bool = False,
    observer: Observer | None = None,
) -> Outcome:
    """Train, and leave the network with the weights of the best validation.

    The best validation has the lowest loss or, if a metric is watched, its best value, and the
    lowest loss among those; where
    there is nothing to validate on, it is the last one. Writes ``log.csv`` (step, seconds,
    learning_rate, loss, validation_loss, and the metric by its name) and a checkpoint into the
    folder. A run resumed from its checkpoint has the same losses as one that was not interrupted.

    Parameters
    ----------
    network : Network
        Changed in place.
    source : BatchSource
        Batches; used by several threads at once.
    objective : Objective
        The loss to minimise.
    config : TrainingConfig
        Settings.
    folder : Path
        Existing folder of the run, the same for all processes.
    device : torch.device
        Where to train.
    metric : Metric or None
        Watched at each validation; it is measured by the first process.
    threads : int
        Number of threads of this process on the CPU.
    resume : bool
        Go on from the folder's checkpoint.
    observer : Observer or None
        Receives each step.

    Returns
    -------
    Outcome
        The number of steps, and results of the best validation.

    Raises
    ------
    InputError
        If there is no checkpoint to resume, or it is of another configuration.
    DnatagError
        If the loss is not finite, nothing in a batch counts, or memory is too small for a single
        example.
    """
    network.to(device)
    workers = Workers(network, objective, device, threads, dropout=network.dropout > 0)
    with workers.running():
        run = _Run(network, source, config, folder, workers, metric, observer or Observer())
        return run.go(resume)


class _Run:
    """A run of the loop; the parameters are those of :func:`fit`."""

    def __init__(
        self,
        network: Network,
        source: BatchSource,
        config: TrainingConfig,
        folder: Path,
        workers: Workers,
        metric: Metric | None,
        observer: Observer,
    ) -> None:
        self.network = network
        self.source = source
        self.config = config
        self.workers = workers
        self.metric = metric
        self.observer = observer
        self.folder = folder
        self.optimizer = torch.optim.AdamW(
            network.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.checkpoint = Checkpoint(folder)
        self.state = RunState(asdict(config) | {"metric": None if metric is None else metric.name})
        self.best = self._weights()

    def go(self, resume: bool) -> Outcome:
        """Take all steps that are left."""
        if resume:
            self.state, self.best = self.checkpoint.load(
                self.network, self.optimizer, self.state.settings
            )
        self.workers.share_weights()
        config, state = self.config, self.state
        log = None
        if self.workers.rank == 0:
            log = _Log(self.folder / LOG, state.step, self.metric)
        began = time.monotonic() - state.seconds
        running: list[float] = []
        self.network.train()
        while state.step < config.steps and state.stale < config.patience:
            loss = self._step()
            running.append(loss)
            step = state.step
            validated = step % config.validate_every == 0 or step == config.steps
            progress = Progress(step, config.steps, loss, None)
            if validated:
                progress = self._validate(progress)
            if log is not None and (validated or step % LOG_EVERY == 0):
                state.seconds = time.monotonic() - began
                mean = sum(running) / len(running)
                running.clear()
                log.write(progress._replace(loss=mean), state.seconds, config.rate(step - 1))
            if log is not None and validated:
                self.checkpoint.save(self.network, self.best, self.optimizer, state)
            self.observer.step(progress)
        self.network.load_state_dict(self.best)
        self.network.eval()
        return Outcome(state.step, state.validation_loss, state.metric, state.best)

    def _step(self) -> float:
        """Take a step and return its loss."""
        step, workers = self.state.step, self.workers
        # Dropout is a function of the step too, so a resumed run repeats it.
        torch.manual_seed(self.config.seed * 1_000_003 + step * workers.world + workers.ranks.start)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate(step)
        loss = workers.train(self.source, step)
        if not math.isfinite(loss):
            raise DnatagError(
                f"training failed: the loss at step {step} is {loss}; try a lower learning rate"
            )
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self.optimizer.step()
        self.state.step = step + 1
        if self.config.average:
            self._average()
        return loss

    @torch.no_grad()
    def _average(self) -> None:
        """Move the averages of the weights, which are kept with the optimizer's own."""
        # While there have been few steps, the first weights do not count for long.
        step = self.state.step
        decay = min(self.config.average, (1 + step) / (10 + step))
        for weights in self.network.parameters():
            slots = self.optimizer.state[weights]
            slots.setdefault("average", weights.detach().clone()).lerp_(weights, 1 - decay)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Give the network the averages of its weights for a block, if there are any."""
        if not self.config.average:
            yield
            return
        present = [weights.detach().clone() for weights in self.network.parameters()]
        pairs = list(zip(self.network.parameters(), present, strict=True))
        for weights, _ in pairs:
            weights.data.copy_(self.optimizer.state[weights]["average"])
        yield
        for weights, own in pairs:
            weights.data.copy_(own)

    def _validate(self, progress: Progress) -> Progress:
        """Validate, keep the weights if they are the best, and return the progress with results."""
        self.network.eval()
        with self._averaged():
            progress = self._measured(progress)
        self.network.train()
        return progress

    def _measured(self, progress: Progress) -> Progress:
        state = self.state
        loss = self.workers.validate(self.source)
        value = None if self.metric is None else self.workers.measure(self.metric.function)
        better = self._is_better(loss, value)
        state.stale = 0 if better else state.stale + 1
        if better:
            state.validation_loss, state.metric, state.best = loss, value, state.step
            self.best = self._weights()
        measure = "" if self.metric is None else self.metric.name
        return progress._replace(validation_loss=loss, metric=value, measure=measure)

    def _is_better(self, loss: float | None, value: float | None) -> bool:
        """Whether a validation is better than the best one so far."""
        state = self.state
        if self.metric is not None and value is not None:
            if state.metric is None:
                return not math.isnan(value)
            if value == state.metric and loss is not None and state.validation_loss is not None:
                return loss < state.validation_loss
            return self.metric.better(value, state.metric)
        if loss is None:
            return True
        return loss < (math.inf if state.validation_loss is None else state.validation_loss)

    def _weights(self) -> dict[str, Tensor]:
        return {k: v.detach().clone() for k, v in self.network.state_dict().items()}


class _Log:
    """A CSV of the run; on resuming, rows after the checkpoint are dropped."""

    def __init__(self, path: Path, step: int, metric: Metric | None) -> None:
        columns = ["step", "seconds", "learning_rate", "loss", "validation_loss"]
        if metric is not None:
            columns.append(metric.name)
        rows = []
        if step and path.exists():
            with path.open(newline="") as file:
                rows = [r for r in csv.reader(file) if r and r[0].isdigit() and int(r[0]) <= step]
        self.path = path
        self.metric = metric
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([columns, *rows])

    def write(self, progress: Progress, seconds: float, rate: float) -> None:
        """Add a row; its loss is the mean since the last one."""
        numbers = [progress.loss, progress.validation_loss]
        if self.metric is not None:
            numbers.append(progress.metric)
        cells = ["" if x is None else f"{x:.6f}" for x in numbers]
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerow([progress.step, f"{seconds:.1f}", f"{rate:.3g}", *cells])

"""The training loop on sequences of two tags: it learns, resumes exactly, and shares its work.

Run as a script, the file trains in a process of its own: ``test_training.py FOLDER [KILL]``.
"""

from __future__ import annotations

import csv
import gc
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from dnatag.engine.batch import Batch
from dnatag.engine.crf.chain import Chain
from dnatag.engine.crf.grammar import Grammar, Transition
from dnatag.engine.networks.configs import KmerTaggerConfig
from dnatag.engine.networks.kmer_tagger import KmerTagger
from dnatag.engine.objective import Metric
from dnatag.engine.training.checkpoint import CHECKPOINT, has_checkpoint
from dnatag.engine.training.config import TrainingConfig
from dnatag.engine.training.loop import Outcome, fit
from dnatag.errors import DnatagError, InputError
from dnatag.report import Observer, Progress

CPU = torch.device("cpu")
#: For processes of their own, which find the package here even if it is not installed.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])}
GRAMMAR = Grammar(
    states=("a", "b"),
    scores=("x", "y"),
    emission={"a": ("x",), "b": ("y",)},
    transitions=tuple(Transition(s, t, s + t) for s, t in product("ab", repeat=2)),
)
SPREAD = np.vstack([np.zeros(3), np.eye(3)]).astype(np.float32)
CONFIG = TrainingConfig(
    steps=24, learning_rate=0.05, warmup=3, validate_every=6, patience=10, seed=3
)


class Steps(Observer):
    """Hands each step of a run to a function."""

    def __init__(self, function: Callable[[Progress], object]) -> None:
        self.function = function

    def step(self, progress: Progress) -> None:
        self.function(progress)


@dataclass(frozen=True)
class Words:
    """Random symbols; the tag is b from a symbol 2 on until a symbol 3. One in ten is unknown."""

    batch: int = 6
    length: int = 40
    unknown: float = 0.1

    def batch_at(self, step: int, rank: int, world: int) -> Batch:
        return self._batch(range(1000 * step + rank, 1000 * step + self.batch, world))

    def validation(self, rank: int, world: int) -> Iterator[Batch]:
        for number in range(rank, 5, world):
            yield self._batch(range(10**6 + 7 * number, 10**6 + 7 * number + 4 + number))

    def _batch(self, seeds: range) -> Batch:
        symbols = np.zeros((len(seeds), self.length), np.uint8)
        allowed = np.zeros((len(seeds), self.length, 2), bool)
        lengths = np.zeros(len(seeds), np.int64)
        for i, seed in enumerate(seeds):
            rng = np.random.default_rng(seed)
            n = lengths[i] = rng.integers(self.length // 2, self.length + 1)
            symbols[i, :n] = rng.integers(1, 4, n)
            tag = 0
            for t in range(n):
                tag = {1: tag, 2: 1, 3: 0}[int(symbols[i, t])]
                allowed[i, t, tag] = True
            allowed[i, :n] |= rng.random((n, 1)) < self.unknown
        flags = torch.zeros(symbols.shape, dtype=torch.uint8)
        return Batch(
            inputs=(torch.from_numpy(symbols), flags, torch.zeros(*symbols.shape, 0)),
            lengths=torch.from_numpy(lengths),
            targets={"flags": flags, "allowed": torch.from_numpy(allowed)},
        )


def likelihood(network: KmerTagger, batch: Batch) -> tuple[Tensor, Tensor]:
    """Negative log posterior of the allowed tags, and the number of positions."""
    scores = network(*batch.inputs, batch.lengths)
    losses, legal = Chain(
        network.grammar,
        scores,
        network.transition_weights,
        batch.targets["flags"],
        batch.lengths,
        batch.targets["allowed"],
    ).likelihood_loss()
    return losses.sum(), batch.lengths[legal].sum()


def tagger(dropout: float = 0.0) -> KmerTagger:
    torch.manual_seed(5)
    config = KmerTaggerConfig(kmer=2, embedding=3, stride=1, hidden=4, dropout=dropout)
    return KmerTagger(config, GRAMMAR, SPREAD, None)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def losses(folder: Path) -> list[float]:
    return [float(row["loss"]) for row in rows(folder)]


def same_weights(one: KmerTagger, other: KmerTagger) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[KmerTagger, Outcome, Path]:
    """An uninterrupted run: the trained model, its outcome and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    model = tagger()
    return model, fit(model, Words(), likelihood, CONFIG, folder, device=CPU), folder


def test_learns(run: tuple[KmerTagger, Outcome, Path]) -> None:
    model, outcome, folder = run
    log = rows(folder)
    assert [int(row["step"]) for row in log] == [6, 10, 12, 18, 20, 24]
    assert [row["step"] for row in log if row["validation_loss"]] == ["6", "12", "18", "24"]
    assert losses(folder)[-1] < 0.5 * losses(folder)[0]
    assert outcome.steps == 24
    assert outcome.validation_loss == pytest.approx(
        min(float(row["validation_loss"]) for row in log if row["validation_loss"]), abs=1e-6
    )
    # The loss by its definition, with the weights that the model was left with.
    total = positions = 0.0
    for batch in Words().validation(0, 1):
        with torch.no_grad():
            scores = model(*batch.inputs, batch.lengths)
        for i, n in enumerate(batch.lengths.tolist()):
            every = Chain(
                GRAMMAR,
                scores[i : i + 1, :n],
                model.transition_weights,
                batch.targets["flags"][i : i + 1, :n],
                torch.tensor([n]),
            )
            right = replace(every, allowed=batch.targets["allowed"][i : i + 1, :n])
            total += float((every.log_partition() - right.log_partition()).detach())
            positions += n
    assert outcome.validation_loss == pytest.approx(total / positions, rel=1e-4)


def test_schedule() -> None:
    config = TrainingConfig(steps=100, learning_rate=0.1, warmup=10)
    rates = [config.rate(step) for step in range(101)]
    assert rates[:10] == pytest.approx([0.01 * (i + 1) for i in range(10)])
    assert rates[55] == pytest.approx(0.05)
    assert rates[100] == pytest.approx(0)
    assert all(a > b for a, b in pairwise(rates[10:]))


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("stop", [13, 17])
def test_interrupted_and_resumed(dropout: float, stop: int, tmp_path: Path) -> None:
    class InterruptError(Exception):
        pass

    def interrupt(now: Progress) -> None:
        if now.step == stop:
            raise InterruptError

    whole, parts = tagger(dropout), tagger(dropout)
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    expected = fit(whole, Words(), likelihood, CONFIG, tmp_path / "whole", device=CPU)
    with pytest.raises(InterruptError):
        fit(
            parts,
            Words(),
            likelihood,
            CONFIG,
            tmp_path / "parts",
            device=CPU,
            observer=Steps(interrupt),
        )
    assert has_checkpoint(tmp_path / "parts")
    fresh = tagger(dropout)
    got = fit(fresh, Words(), likelihood, CONFIG, tmp_path / "parts", device=CPU, resume=True)
    assert got == expected
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")
    assert same_weights(fresh, whole)


def test_killed_and_resumed(run: tuple[KmerTagger, Outcome, Path], tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, __file__, tmp_path, "16"], check=False, env=ENVIRONMENT)
    assert done.returncode == -signal.SIGKILL
    assert [row["step"] for row in rows(tmp_path)] == ["6", "10", "12"]
    fresh = tagger()
    outcome = fit(fresh, Words(), likelihood, CONFIG, tmp_path, device=CPU, resume=True)
    assert outcome == run[1]
    assert rows(tmp_path) == rows(run[2])
    assert same_weights(fresh, run[0])


def test_two_processes(run: tuple[KmerTagger, Outcome, Path], tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run([*launch, __file__, tmp_path], check=True, env=ENVIRONMENT)
    assert [row["step"] for row in rows(tmp_path)] == [row["step"] for row in rows(run[2])]
    assert losses(tmp_path) == pytest.approx(losses(run[2]), abs=2e-5)
    validations = [
        [float(row["validation_loss"] or 0) for row in rows(folder)]
        for folder in (tmp_path, run[2])
    ]
    assert validations[0] == pytest.approx(validations[1], abs=2e-5)


def test_threads(run: tuple[KmerTagger, Outcome, Path], tmp_path: Path) -> None:
    models = []
    before = torch.get_num_threads()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        models.append(tagger())
        # Eight threads for batches of six: some have nothing to do.
        fit(models[-1], Words(), likelihood, CONFIG, tmp_path / name, device=CPU, threads=8)
        assert losses(tmp_path / name) == pytest.approx(losses(run[2]), abs=2e-5)
    assert rows(tmp_path / "one") == rows(tmp_path / "two")
    assert same_weights(*models)
    assert torch.get_num_threads() == before


def test_seeds(tmp_path: Path) -> None:
    """Without dropout the loop itself draws nothing; with it, its seed counts."""
    found = {}
    runs = (("a", 3, 0.4), ("b", 3, 0.4), ("c", 4, 0.4), ("d", 3, 0.0), ("e", 4, 0.0))
    for name, seed, dropout in runs:
        (tmp_path / name).mkdir()
        config = replace(CONFIG, seed=seed, steps=6)
        fit(tagger(dropout), Words(), likelihood, config, tmp_path / name, device=CPU)
        found[name] = losses(tmp_path / name)
    assert found["a"] == found["b"] != found["c"]
    assert found["d"] == found["e"] != found["a"]


def test_stops_early(tmp_path: Path) -> None:
    config = replace(CONFIG, steps=100, learning_rate=0.0, validate_every=2, patience=3)
    seen: list[Progress] = []
    model = tagger()
    outcome = fit(
        model, Words(), likelihood, config, tmp_path, device=CPU, observer=Steps(seen.append)
    )
    # The first validation is the best; three more bring nothing better.
    assert outcome.steps == 8
    assert [now.step for now in seen] == list(range(1, 9))
    assert {now.steps for now in seen} == {100}
    assert same_weights(model, tagger())


def test_keeps_the_best_weights(tmp_path: Path) -> None:
    """A learning rate that explodes: later weights are worse than the first ones."""
    config = replace(CONFIG, steps=9, learning_rate=30.0, warmup=300, validate_every=1)
    model = tagger()
    outcome = fit(model, Words(), likelihood, config, tmp_path, device=CPU)
    seen = [float(row["validation_loss"]) for row in rows(tmp_path)]
    assert seen.index(min(seen)) < len(seen) - 1
    assert outcome.validation_loss == pytest.approx(min(seen), abs=1e-6)
    still = replace(CONFIG, steps=1, learning_rate=0.0)
    again = fit(model, Words(), likelihood, still, tmp_path, device=CPU)
    assert again.validation_loss == outcome.validation_loss


def test_nothing_to_validate_on(tmp_path: Path) -> None:
    """The last weights are kept."""

    class Unvalidated(Words):
        def validation(self, rank: int, world: int) -> Iterator[Batch]:
            return iter(())

    # The warm-up ends behind the last step, so a shorter run is the beginning of a longer one.
    config = replace(CONFIG, steps=9, learning_rate=30.0, warmup=300, validate_every=1)
    models = {name: tagger() for name in ("best", "unvalidated")}
    fit(models["best"], Words(), likelihood, config, tmp_path, device=CPU)
    other = fit(models["unvalidated"], Unvalidated(), likelihood, config, tmp_path, device=CPU)
    assert other == Outcome(9, None, None, 9)
    assert [row["validation_loss"] for row in rows(tmp_path)] == [""] * 9
    assert not same_weights(models["best"], models["unvalidated"])


@pytest.mark.parametrize("rows_that_fit", [1, 4])
def test_out_of_memory(
    rows_that_fit: int,
    run: tuple[KmerTagger, Outcome, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = []

    def forward(self: KmerTagger, symbols: Tensor, *others: Tensor) -> Tensor:
        if len(symbols) > rows_that_fit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        sizes.append(len(symbols))
        return whole_forward(self, symbols, *others)

    whole_forward = KmerTagger.forward
    monkeypatch.setattr(KmerTagger, "forward", forward)
    fit(tagger(), Words(), likelihood, CONFIG, tmp_path, device=CPU)
    assert max(sizes) <= rows_that_fit
    assert losses(tmp_path) == pytest.approx(losses(run[2]), abs=2e-5)


def test_averages_of_the_weights(tmp_path: Path) -> None:
    """They are what is left, and a run that is resumed goes on with them."""
    config = replace(CONFIG, average=0.8)
    whole, seen = tagger(), []

    def keep(progress: Progress) -> None:
        seen.append([p.detach().clone() for p in whole.parameters()])

    (tmp_path / "whole").mkdir()
    outcome = fit(
        whole, Words(), likelihood, config, tmp_path / "whole", device=CPU, observer=Steps(keep)
    )
    expected = seen[0]
    for step, weights in enumerate(seen[1 : outcome.best], 2):
        decay = min(0.8, (1 + step) / (10 + step))
        pairs = zip(expected, weights, strict=True)
        expected = [decay * old + (1 - decay) * new for old, new in pairs]
    for left, mean in zip(whole.parameters(), expected, strict=True):
        torch.testing.assert_close(left.detach(), mean)
    assert not torch.equal(next(whole.parameters()), seen[outcome.best - 1][0])

    def stop(progress: Progress) -> None:
        if progress.step == 14:
            raise KeyboardInterrupt

    (tmp_path / "parts").mkdir()
    with pytest.raises(KeyboardInterrupt):
        fit(tagger(), Words(), likelihood, config, tmp_path / "parts", device=CPU,
            observer=Steps(stop))  # fmt: skip
    again = tagger()
    fit(again, Words(), likelihood, config, tmp_path / "parts", device=CPU, resume=True)
    assert same_weights(again, whole)


def test_no_memory_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(*_: object) -> Tensor:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(KmerTagger, "forward", forward)
    with pytest.raises(DnatagError, match="too small for one window"):
        fit(tagger(), Words(), likelihood, CONFIG, tmp_path, device=CPU)


def test_unknown_labels_teach_nothing(tmp_path: Path) -> None:
    model = tagger()
    fit(
        model,
        Words(unknown=1.0),
        likelihood,
        replace(CONFIG, weight_decay=0.0),
        tmp_path,
        device=CPU,
    )
    assert losses(tmp_path) == pytest.approx([0.0] * len(losses(tmp_path)), abs=1e-6)


def test_refusals(run: tuple[KmerTagger, Outcome, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to resume"):
        fit(tagger(), Words(), likelihood, CONFIG, tmp_path, device=CPU, resume=True)
    other = replace(CONFIG, steps=25)
    with pytest.raises(InputError, match="other settings"):
        fit(tagger(), Words(), likelihood, other, run[2], device=CPU, resume=True)
    whole = (run[2] / CHECKPOINT).read_bytes()
    for damaged in (whole[:-100], whole[:9] + b"?" + whole[10:], whole[:-9] + b"?" + whole[-8:]):
        (tmp_path / CHECKPOINT).write_bytes(damaged)
        with pytest.raises(InputError, match=r"damaged checkpoint: .*begin anew"):
            fit(tagger(), Words(), likelihood, CONFIG, tmp_path, device=CPU, resume=True)
    broken = tagger()
    broken.head.weight.data.fill_(float("nan"))
    with pytest.raises(DnatagError, match="loss at step 0 is nan"):
        fit(broken, Words(), likelihood, CONFIG, tmp_path, device=CPU)


def test_illegal_labels(tmp_path: Path) -> None:
    class Illegal(Words):
        def batch_at(self, step: int, rank: int, world: int) -> Batch:
            batch = super().batch_at(step, rank, world)
            none = torch.zeros_like(batch.targets["allowed"])
            return replace(batch, targets={**batch.targets, "allowed": none})

    with pytest.raises(DnatagError, match="nothing to train on: no label of step 0 counts"):
        fit(tagger(), Illegal(), likelihood, CONFIG, tmp_path, device=CPU)


@pytest.mark.parametrize("higher", [True, False])
def test_a_watched_metric_chooses_the_weights(higher: bool, tmp_path: Path) -> None:
    values = iter([0.2, 0.9, 0.5, 0.1, 0.5, 0.3])
    weights, seen = [], []

    def measure(network: KmerTagger) -> float:
        assert not network.training
        assert not torch.is_grad_enabled()
        weights.append({k: v.clone() for k, v in network.state_dict().items()})
        return next(values)

    config = replace(CONFIG, steps=36, patience=4)
    metric = Metric("right", measure, higher)
    model = tagger()
    outcome = fit(
        model, Words(), likelihood, config, tmp_path, device=CPU, metric=metric,
        observer=Steps(seen.append),
    )  # fmt: skip
    best = 1 if higher else 3
    # The highest is the second one, four others after it are no better.
    assert outcome.steps == 36
    assert outcome.metric == pytest.approx([0.9, 0.1][not higher])
    validated = [row for row in rows(tmp_path) if row["validation_loss"]]
    assert [float(row["right"]) for row in validated] == [0.2, 0.9, 0.5, 0.1, 0.5, 0.3]
    assert outcome.validation_loss == pytest.approx(
        float(validated[best]["validation_loss"]), abs=1e-6
    )
    assert [now.metric for now in seen if now.metric is not None] == pytest.approx(
        [0.2, 0.9, 0.5, 0.1, 0.5, 0.3]
    )
    assert all(torch.equal(v, weights[best][k]) for k, v in model.state_dict().items())


def test_a_metric_that_gets_no_better_ends_training(tmp_path: Path) -> None:
    """On resuming too, where the best value is that of the checkpoint."""
    config = replace(CONFIG, steps=36, patience=3)
    values = iter([float("nan"), 0.5, 0.4, 0.45, 0.3, 0.6])
    metric = Metric("right", lambda network: next(values))

    def interrupt(now: Progress) -> None:
        if now.step == 19:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(tagger(), Words(), likelihood, config, tmp_path, device=CPU, metric=metric,
            observer=Steps(interrupt))  # fmt: skip
    other = Metric("wrong", lambda network: 0.0, higher_is_better=False)
    with pytest.raises(InputError, match="other settings"):
        fit(tagger(), Words(), likelihood, config, tmp_path, device=CPU, metric=other, resume=True)
    outcome = fit(
        tagger(), Words(), likelihood, config, tmp_path, device=CPU, metric=metric, resume=True
    )
    assert outcome.steps == 30
    assert outcome.metric == 0.5
    assert [row["right"] for row in rows(tmp_path) if row["validation_loss"]] == [
        "nan", "0.500000", "0.400000", "0.450000", "0.300000"
    ]  # fmt: skip


def main(folder: str, kill_at: str = "0") -> None:
    groups: list[weakref.ref] = []

    def report(now: Progress) -> None:
        if now.step == int(kill_at):
            os.kill(os.getpid(), signal.SIGKILL)
        if dist.is_initialized():
            groups.append(weakref.ref(dist.group.WORLD))

    fit(tagger(), Words(), likelihood, CONFIG, Path(folder), device=CPU, observer=Steps(report))
    # The threads of a group that is still there can abort the process at its exit.
    gc.collect()
    assert not any(group() for group in groups)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Training: a recipe, or any experiment, to a trained, scored model file."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import chain, starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag.errors import InputError
from dnatag.extras import require
from dnatag.models.names import find_model
from dnatag.recipe import read_recipe
from dnatag.report import Observer, Progress
from dnatag.tasks.base import Experiment, NetworkRun, Recipe

if TYPE_CHECKING:
    import torch

    from dnatag.engine.networks.base import Network
    from dnatag.engine.objective import Objective
    from dnatag.engine.training.loop import Outcome

__all__ = ["paths_among", "run_experiment", "train"]

#: Bytes that are read at once.
_BLOCK = 1 << 20


def train(
    recipe: str | os.PathLike[str] | Recipe,
    output: str | os.PathLike[str],
    *,
    folder: str | os.PathLike[str] | None = None,
    start: str | os.PathLike[str] | None = None,
    resume: bool = False,
    device: str = "auto",
    threads: int = 1,
    observer: Observer | None = None,
) -> dict[str, Any]:
    """Train a model and write its file.

    Beside the file, in the folder named like it with ``.run`` added, a run keeps its log, a picture
    of it, and its checkpoint; the checkpoint is removed when the model is written.

    Parameters
    ----------
    recipe : path or Recipe
        What to train on, and how; see :mod:`dnatag.recipe`.
    output : path
        The model file to write.
    folder : path or None
        Where the files are that the recipe names; None: beside the recipe.
    start : str, path or None
        Name or file of the model to start from (fine-tuning); None: from random weights.
    resume : bool
        Go on with the run that was interrupted.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to train.
    threads : int
        CPU threads of this process.
    observer : Observer or None
        Receives a note on the data, each step, and notes on the scores.

    Returns
    -------
    dict
        The model's metadata. Of several processes only the first one writes the file and has
        ``scores`` and ``card``.

    Raises
    ------
    InputError
        If the recipe or its data cannot be used, the model to start from is none for its task,
        there is nothing to resume, something else to resume, or a run that would be lost.
    DnatagError
        If training fails, or torch is not installed.
    """
    require("torch", "train", "training")
    observer = observer or Observer()
    if not isinstance(recipe, Recipe):
        recipe = read_recipe(recipe, folder)
    if start is not None and not recipe.task.fine_tunes:
        raise InputError(f"models for the task {recipe.task.name} cannot start from another model")
    if recipe.outside:
        observer.note(f"the recipe reads outside its folder: {', '.join(recipe.outside)}")
    experiment = recipe.task.experiment(
        recipe, None if start is None else find_model(start), observer
    )
    return run_experiment(
        experiment,
        Path(output),
        resume=resume,
        device=device,
        threads=threads,
        observer=observer,
    )


def run_experiment(
    experiment: Experiment,
    output: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    threads: int = 1,
    observer: Observer | None = None,
) -> dict[str, Any]:
    """Train the networks of an experiment, measure the model and write its file.

    Parameters, results and errors are those of :func:`train`.
    """
    from dnatag.engine.training.rundir import UNSCORED, leave, run_folder, training_device
    from dnatag.engine.training.workers import processes
    from dnatag.formats.io.writing import refuse_overwriting

    observer = observer or Observer()
    refuse_overwriting([output], experiment.inputs)
    place = training_device(device)
    task, runs = experiment.recipe.task, experiment.runs
    about = {**experiment.about, "training": dict(experiment.about["training"])}
    contents = {"contents of files": _checksum(experiment.recipe)}
    with run_folder(output, about["training"] | contents, resume) as folder:
        observer.note(experiment.summary)
        trained = []
        for number, run in enumerate(runs, 1):
            own = folder if len(runs) == 1 else folder / str(number)
            part = _Part(observer, runs, number)
            trained.append(_fit(run, task.objective, own, place, threads, resume, part))
        outcomes = [outcome for _, outcome in trained]
        steps = sum(outcome.steps for outcome in outcomes)
        about["training"] |= {"steps": steps, "date": date.today().isoformat()}
        if processes()[0] > 0:
            return about
        epochs = getattr(experiment.recipe.training, "epochs", None)
        for number, (run, outcome) in enumerate(zip(runs, outcomes, strict=True), 1):
            own = folder if len(runs) == 1 else folder / str(number)
            observer.note(_draw(own, outcome, run, epochs))
        networks = [network.cpu() for network, _ in trained]
        experiment.finish(networks)
        # What is measured is what ships, with its weights rounded as in the file.
        unscored = folder / UNSCORED
        experiment.save(unscored, networks, about)
        about["scores"] = experiment.score(unscored, outcomes, place, threads)
        about["card"] = experiment.card(output.stem, about)
        experiment.save(output, networks, about)
        leave(folder)
        observer.note(f"{output}: written, {output.stat().st_size / 1e6:.2f} MB")
        found = task.metrics(about["scores"])
        for name, measures in found.items():
            observer.note(f"{output}: {name}: {', '.join(starmap(_measure, measures.items()))}")
        if not found:
            observer.note(
                f"{output}: its quality was not measured: there is nothing to validate on or to "
                "test with"
            )
        return about


def paths_among(values: Iterable[Any]) -> Iterator[Path]:
    """Yield the paths among values, such as those of options or of a corpus.

    Examples
    --------
    >>> [str(path) for path in paths_among([Path("a"), 1.0, (Path("b"), Path("c")), None])]
    ['a', 'b', 'c']
    """
    for value in values:
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Path):
                yield one


def _checksum(recipe: Recipe) -> str:
    """Return a checksum of the files that the corpora of a recipe name, so that none may change."""
    digest = hashlib.sha256()
    named = (path for corpus in recipe.corpora for path in paths_among(vars(corpus).values()))
    every = (sorted(path.rglob("*")) if path.is_dir() else [path] for path in named)
    for file in filter(Path.is_file, chain.from_iterable(every)):
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def _measure(name: str, value: float | None) -> str:
    """Write a share in percent, and nats as they are."""
    if value is None:
        return f"{name} unknown"
    return f"{name} {value:.4f}" if name.endswith("nats") else f"{name} {100 * value:.2f}"


def _draw(folder: Path, outcome: Outcome, run: NetworkRun, epochs: int | None) -> str:
    """Draw the log of a run; return which weights were kept, and where the picture is."""
    from dnatag.engine.training.rundir import CURVE, LOG
    from dnatag.formats.html.learning import draw_learning

    log = (folder / LOG).read_text()
    (folder / CURVE).write_text(draw_learning(log, outcome.best))
    kept = f"kept are the weights of step {outcome.best} of {outcome.steps}"
    if epochs is not None:
        kept += f" (epoch {math.ceil(outcome.best * epochs / run.schedule.steps)})"
    if outcome.validation_loss is not None:
        kept += f", validation loss {outcome.validation_loss:.5f}"
    if outcome.metric is not None and run.metric is not None:
        kept += f", {run.metric.name} {outcome.metric:.5f}"
    return f"{kept}; the course is drawn in {folder / CURVE}"


def _fit(
    run: NetworkRun,
    objective: Objective,
    folder: Path,
    device: torch.device,
    threads: int,
    resume: bool,
    observer: Observer,
) -> tuple[Network, Outcome]:
    """Train a network; return it with what the loop returned."""
    import torch

    from dnatag.engine.training.checkpoint import has_checkpoint
    from dnatag.engine.training.loop import fit

    torch.manual_seed(run.schedule.seed)
    network = run.build()
    folder.mkdir(exist_ok=True)
    outcome = fit(
        network,
        run.source,
        objective,
        run.schedule,
        folder,
        device=device,
        metric=run.metric,
        threads=threads,
        resume=resume and has_checkpoint(folder),
        observer=observer,
    )
    return network, outcome


class _Part(Observer):
    """Reports the training of one of several networks as a part of the whole."""

    def __init__(self, observer: Observer, runs: Sequence[NetworkRun], number: int) -> None:
        self._observer = observer
        self._before = sum(run.schedule.steps for run in runs[: number - 1])
        self._total = sum(run.schedule.steps for run in runs)

    def step(self, progress: Progress) -> None:
        self._observer.step(progress._replace(step=self._before + progress.step, steps=self._total))

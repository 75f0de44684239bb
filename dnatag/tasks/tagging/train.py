"""Learning to tag: files to a trained, scored model file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dnatag import __version__
from dnatag.engine.crf.chain import Chain
from dnatag.engine.crf.grammar import Grammar
from dnatag.engine.networks.token_tagger import TokenTagger, TokenTaggerConfig
from dnatag.engine.training.checkpoint import has_checkpoint
from dnatag.engine.training.config import TrainingConfig
from dnatag.engine.training.loop import fit
from dnatag.engine.training.rundir import enter, leave, training_device
from dnatag.engine.training.workers import processes
from dnatag.errors import InputError
from dnatag.formats.text.tokens import Sentence
from dnatag.report import Observer, Progress
from dnatag.tasks.tagging.corpus import Corpus, Example
from dnatag.tasks.tagging.domain import find_domain
from dnatag.tasks.tagging.model import TokenModel, load, save
from dnatag.tasks.tagging.objective import label_likelihood
from dnatag.tasks.tagging.recipe import Recipe, Training
from dnatag.tasks.tagging.tagger import Tagger

__all__ = ["Data", "train"]

#: Between the seeds of a model's networks, so that models of nearby seeds share none.
SEEDS = 1000


class Data:
    """The sequences of a recipe, and what learns from them.

    Parameters
    ----------
    recipe : Recipe
        The settings.

    Raises
    ------
    InputError
        If a file cannot be read, or has tags that do not fit.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.domain = find_domain(recipe.domain)
        self.corpora, self.labelling = self.domain.read(recipe.corpora, recipe.model)
        self.featurizer = self.domain.featurizer(
            [s.tokens for corpus in self.corpora for s in corpus["train"]],
            recipe.model,
            recipe.folder,
        )

    def split(self, name: str) -> list[Sentence]:
        """All sequences of a split."""
        return [s for corpus in self.corpora for s in corpus[name]]

    def summary(self) -> str:
        """Return a line on what there is to learn from."""
        parts = []
        for name, what in (("train", "to train on"), ("validate", "to validate on"),
                           ("test", "to test on")):  # fmt: skip
            sequences = self.split(name)
            if sequences:
                n = sum(len(s.tokens) for s in sequences)
                parts.append(f"{len(sequences)} sequences of {n} tokens {what}")
        return "; ".join(parts)


def train(
    recipe: Recipe,
    data: Data,
    output: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    threads: int = 1,
    observer: Observer | None = None,
) -> dict[str, Any]:
    """Train a model and write its file.

    Beside the file, in the folder named like it with ``.run`` added, a run keeps its log and its
    checkpoint; the checkpoint goes when the model is written.

    Parameters
    ----------
    recipe : Recipe
        The settings.
    data : Data
        Its sequences.
    output : Path
        The model file to write.
    resume : bool
        Go on with the run that was interrupted.
    device : str
        auto, cpu, cuda or mps.
    threads : int
        CPU threads of this process.
    observer : Observer or None
        Receives each step.

    Returns
    -------
    dict
        The model's metadata. Of several processes the first one's has ``scores``, and only that
        one writes the file.

    Raises
    ------
    InputError
        If there is nothing to resume, something else to resume, a run that would be lost, or the
        model to join cannot be joined.
    DnatagError
        If training fails.
    """
    place = training_device(device)
    settings = recipe.training
    train, validate = (_examples(recipe, data, split) for split in ("train", "validate"))
    if not train:
        raise InputError("no sequence to train on has labels that the grammar allows")
    about = _describe(recipe, data)
    size = data.domain.network(data.featurizer, recipe.model)
    joined = _joined(recipe, data, size)
    folder = enter(output, about["training"], resume)
    seeds = [settings.seed + number * SEEDS for number in range(settings.networks)]
    corpora = [Corpus(train, validate, data.featurizer, settings.batch, seed) for seed in seeds]
    plans = [_plan(settings, corpus) for corpus in corpora]
    networks = []
    for number, (corpus, plan) in enumerate(zip(corpora, plans, strict=True), 1):
        torch.manual_seed(plan.seed)
        network = TokenTagger(size, data.labelling.grammar)
        own = folder if len(plans) == 1 else folder / str(number)
        own.mkdir(exist_ok=True)
        fit(
            network,
            corpus,
            label_likelihood,
            plan,
            own,
            device=place,
            threads=threads,
            resume=resume and has_checkpoint(own),
            observer=_Part(observer or Observer(), plans, number - 1),
        )
        network.temper(settings.temperature)
        networks.append(network.cpu())
    steps = sum(plan.steps for plan in plans)
    about["training"] |= {"steps": steps, "date": date.today().isoformat()}
    if processes()[0] > 0:
        return about
    unscored = folder / "unscored.dnatag"
    whole = TokenModel(data.domain, data.featurizer, (*joined, *networks), data.labelling)
    save(unscored, whole, about)
    # What is scored is what is shipped: weights in half precision.
    model = load(unscored)[0]
    about["scores"] = _score(recipe, data, Tagger(model, about, place, threads))
    about["card"] = _card(output.stem, recipe, data, about)
    save(output, model, about)
    leave(folder)
    return about


def _joined(recipe: Recipe, data: Data, size: TokenTaggerConfig) -> tuple[TokenTagger, ...]:
    """Return the networks of the model that the recipe joins."""
    if not recipe.training.join:
        return ()
    path = recipe.folder / recipe.training.join
    model = load(path)[0]
    own, other = data.featurizer.to_arrays(), model.featurizer.to_arrays()
    if not (
        model.domain is data.domain
        and model.networks[0].config == size
        and model.labelling.to_dict() == data.labelling.to_dict()
        and all(np.array_equal(own[key], other[key]) for key in own)
    ):
        raise InputError(
            f"{path}: has other features, sizes or labels than this model, so it cannot be joined; "
            "train it with the same [model], and on text with the same words"
        )
    return model.networks


def _plan(settings: Training, corpus: Corpus) -> TrainingConfig:
    """Return the schedule of a network."""
    steps = corpus.steps(settings.epochs)
    epoch = max(steps // settings.epochs, 1)
    return TrainingConfig(
        steps=steps,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        warmup=epoch // 2,
        clip=settings.clip,
        validate_every=epoch,
        patience=steps,
        keep_last=True,
        seed=corpus.seed,
    )


class _Part(Observer):
    """Reports the steps of one network as a part of those of all."""

    def __init__(self, whole: Observer, plans: Sequence[TrainingConfig], number: int) -> None:
        self.whole = whole
        self.before = sum(plan.steps for plan in plans[:number])
        self.total = sum(plan.steps for plan in plans)

    def step(self, progress: Progress) -> None:
        """Pass a step on."""
        step = self.before + progress.step
        self.whole.step(progress._replace(step=step, steps=self.total))


def _examples(recipe: Recipe, data: Data, split: str) -> list[Example]:
    """Encode what is learnt from; what has no legal labelling is left out."""
    return [
        Example(data.featurizer.encode(sentence.tokens), allowed, files.weight)
        for files, corpus in zip(recipe.corpora, data.corpora, strict=True)
        for sentence in corpus[split]
        for allowed in [data.labelling.allowed(sentence.tags or (), files.types)]
        if _is_legal(data.labelling.grammar, allowed)
    ]


def _is_legal(grammar: Grammar, allowed: np.ndarray) -> bool:
    """Whether the grammar has a path through the states allowed."""
    chain = Chain[np.ndarray](
        grammar,
        np.zeros((1, len(allowed), len(grammar.scores)), np.float32),
        np.zeros(len(grammar.weights)),
        np.zeros((1, len(allowed)), np.uint8),
        np.array([len(allowed)]),
        allowed[None],
    )
    return bool(np.isfinite(chain.log_partition()[0]))


def _describe(recipe: Recipe, data: Data) -> dict[str, Any]:
    """Metadata of a model that is yet to be trained."""
    corpora: list[dict[str, Any]] = [
        {split: [path.name for path in getattr(files, split)] for split in corpus}
        | {f"{split}_tokens": sum(len(s.tokens) for s in corpus[split]) for split in corpus}
        | {"types": None if files.types is None else list(files.types), "weight": files.weight}
        for files, corpus in zip(recipe.corpora, data.corpora, strict=True)
    ]
    return {
        "licence": recipe.licence,
        "training": {
            "corpora": corpora,
            "model": asdict(recipe.model),
            "loop": asdict(recipe.training),
        },
    }


def _score(recipe: Recipe, data: Data, tagger: Tagger) -> dict[str, dict[str, float]]:
    """Scores that are defined, on what was not learnt from; by corpus where there are several."""
    result = {}
    for split in ("validate", "test"):
        for number, (files, corpus) in enumerate(zip(recipe.corpora, data.corpora, strict=True), 1):
            if not corpus[split]:
                continue
            found = []
            for tagged in tagger.tag_all(s.tokens for s in corpus[split]):
                # Of what the corpus does not tag, nothing is right or wrong.
                known = [e for e in tagged.entities if files.types is None or e.type in files.types]
                spans = [entity.span for entity in known]
                found.append(data.labelling.tags(spans, len(tagged.tags)))
            scores = data.domain.scores(
                [s.tags or () for s in corpus[split]], found, data.labelling
            )
            name = split if len(data.corpora) == 1 else f"{split} {number}"
            result[name] = {
                key: round(value, 5) for key, value in scores.items() if not math.isnan(value)
            }
    return result


def _card(name: str, recipe: Recipe, data: Data, about: dict[str, Any]) -> str:
    """Markdown: what the recipe says of the model, then what it was trained on and its scores."""
    loop = about["training"]
    join = recipe.training.join
    beside = f", beside the networks of {join}" if join else ""
    lines = [
        recipe.card.strip() or f"# {name}\n\nA model of {recipe.domain}.",
        "",
        "## Training",
        f"Trained by dnatag {__version__} on {loop['date']}: {loop['steps']} steps{beside}.",
        f"{data.summary()}.",
    ]
    if about["scores"]:
        measures = list(dict.fromkeys(key for row in about["scores"].values() for key in row))
        lines += ["", "## Scores", "In percent.", "", f"| | {' | '.join(measures)} |",
                  "|---" * (len(measures) + 1) + "|"]  # fmt: skip
        for split, row in about["scores"].items():
            cells = [f"{100 * row[key]:.2f}" if key in row else "" for key in measures]
            lines.append(f"| {split} | {' | '.join(cells)} |")
    lines += ["", "## Licence", f"{recipe.licence}."]
    return "\n".join(lines) + "\n"

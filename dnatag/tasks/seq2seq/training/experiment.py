"""The training of translators: the pairs of a recipe, and the model that is trained on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from dnatag.engine.networks.translator import Translator
from dnatag.engine.networks.weights import weights_of
from dnatag.engine.training.config import TrainingConfig
from dnatag.engine.training.loop import Outcome
from dnatag.errors import InputError
from dnatag.models.card import make_card, markdown_table
from dnatag.report import counted
from dnatag.tasks.base import Experiment, NetworkRun, Recipe
from dnatag.tasks.seq2seq.domain import Pair, TranslatingDomain
from dnatag.tasks.seq2seq.metrics import evaluate_translations
from dnatag.tasks.seq2seq.model import TranslatorModel, load_translator, save_translator
from dnatag.tasks.seq2seq.settings import Seq2seqTraining
from dnatag.tasks.seq2seq.training.batches import PairBatches, PairExample
from dnatag.tasks.seq2seq.translator import TextTranslator

__all__ = ["Seq2seqExperiment"]

_SPLITS = {"train": "to train on", "validate": "to validate on", "test": "to test on"}


class Seq2seqExperiment(Experiment):
    """A translator to be trained; see :class:`dnatag.tasks.base.Experiment`.

    Parameters
    ----------
    recipe : Recipe
        A recipe of the translation task.

    Raises
    ------
    InputError
        If a file cannot be read, or there is nothing to train on.
    DnatagError
        If a library is not installed.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.domain: TranslatingDomain = recipe.domain
        self.settings: Seq2seqTraining = recipe.training
        self.network = recipe.network or self.domain.network()
        self.corpora = self.domain.read(recipe.corpora, self.network)
        train = self.split("train")
        if not any(pair.source.strip() and pair.target.strip() for pair in train):
            raise InputError("no [[corpus]] names texts and translations to train on ('train')")
        self.coder = self.domain.coder(train, self.network)
        self.config = self.domain.translator_config(self.coder, self.network)
        self.summary = "; ".join(
            f"{counted(len(pairs), 'pairs')} {what}"
            for name, what in _SPLITS.items()
            if (pairs := self.split(name))
        )
        self.about = {
            "licence": recipe.licence,
            "training": {
                "corpora": [
                    corpus.files
                    | {f"{name}_pairs": len(corpus.splits[name]) for name in _SPLITS}
                    | {"weight": corpus.weight}
                    for corpus in self.corpora
                ],
                "network": asdict(self.network),
                "loop": asdict(self.settings),
            },
        }

    def split(self, name: str) -> list[Pair]:
        """Return all pairs of a split."""
        return [one for corpus in self.corpora for one in corpus.splits[name]]

    def examples(self, split: str) -> list[PairExample]:
        """Encode the pairs of a split, but those with an empty side."""
        found = []
        for corpus in self.corpora:
            for pair in corpus.splits[split]:
                encoded = self.coder.encode(pair.source)
                target = tuple(self.coder.numbers(pair.target))
                if len(encoded) and target:
                    found.append(PairExample(encoded, target, corpus.weight))
        return found

    @cached_property
    def runs(self) -> Sequence[NetworkRun]:  # type: ignore[override]
        """One network."""
        settings = self.settings
        batches = PairBatches(
            self.examples("train"),
            self.examples("validate"),
            self.coder,
            settings.batch,
            settings.seed,
        )
        steps = batches.steps(settings.epochs)
        epoch = max(steps // settings.epochs, 1)
        schedule = TrainingConfig(
            steps=steps,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            warmup=epoch,
            clip=settings.clip,
            validate_every=epoch,
            patience=steps,
            average=settings.average,
            seed=settings.seed,
        )
        return [NetworkRun(lambda: Translator(self.config), batches, schedule)]

    def save(
        self, path: Path, networks: Sequence[torch.nn.Module], about: Mapping[str, Any]
    ) -> None:
        """See :class:`dnatag.tasks.base.Experiment`."""
        (network,) = networks
        weights = weights_of(network)
        model = TranslatorModel(self.domain, self.coder, self.config, weights, self.settings.beam)
        save_translator(path, model, dict(about))

    def score(
        self,
        path: Path,
        outcomes: Sequence[Outcome],
        device: torch.device,
        threads: int,
    ) -> dict[str, Any]:
        """See :class:`dnatag.tasks.base.Experiment`; several corpora are scored one by one."""
        model, about = load_translator(path)
        translator = TextTranslator(model, about, str(device), threads)
        result = {}
        for split in ("validate", "test"):
            for number, corpus in enumerate(self.corpora, 1):
                if not (pairs := corpus.splits[split]):
                    continue
                found = translator.translate_all(pair.source for pair in pairs)
                scores = evaluate_translations(
                    [pair.target for pair in pairs], [one[0].text for one in found]
                )
                name = split if len(self.corpora) == 1 else f"{split} {number}"
                result[name] = {"bleu": round(scores.bleu, 5), "chrf": round(scores.chrf, 5)}
        return result

    def card(self, name: str, about: Mapping[str, Any]) -> str:
        """See :class:`dnatag.tasks.base.Experiment`."""
        rows = [[split, *(f"{100 * value:.2f}" for value in row.values())]
                for split, row in about["scores"].items()]  # fmt: skip
        return make_card(
            about,
            self.recipe.card or f"# {name}\n\nA translator of {self.domain.name}.",
            [f"{self.summary}."],
            markdown_table(["", "BLEU", "chrF"], rows) if rows else [],
        )

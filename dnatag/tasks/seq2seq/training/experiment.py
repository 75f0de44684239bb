"""The training of translators: the pairs of a recipe, and the model that is trained on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from dnatag.engine.networks.translator import Translator
from dnatag.engine.networks.weights import weights_of
from dnatag.errors import InputError
from dnatag.report import Observer, counted
from dnatag.tasks.base import Recipe
from dnatag.tasks.corpora import Corpus, sequences_of
from dnatag.tasks.experiment import CorpusExperiment
from dnatag.tasks.seq2seq.domain import Pair, TranslatingDomain
from dnatag.tasks.seq2seq.metrics import evaluate_translations, require_sacrebleu
from dnatag.tasks.seq2seq.model import TranslatorModel, load_translator, save_translator
from dnatag.tasks.seq2seq.settings import Seq2seqTraining
from dnatag.tasks.seq2seq.training.batches import PairBatches, PairExample
from dnatag.tasks.seq2seq.translator import TextTranslator, numbers_of

__all__ = ["Seq2seqExperiment"]


class Seq2seqExperiment(CorpusExperiment[Pair, Corpus[Pair], PairBatches]):
    """A translator to be trained; see :class:`dnatag.tasks.experiment.CorpusExperiment`.

    Parameters
    ----------
    recipe : Recipe
        A recipe of the translation task.
    observer : Observer
        Receives a warning of pairs that cannot be trained on.

    Raises
    ------
    InputError
        If a file cannot be read, or there is nothing to train on.
    DnatagError
        If a library is not installed.
    """

    kind = "A translator"
    counted = "pairs"
    scored = "From 0 to 100."
    titles = {"bleu": "BLEU", "chrf": "chrF"}  # noqa: RUF012

    def __init__(self, recipe: Recipe, observer: Observer) -> None:
        self.domain: TranslatingDomain = recipe.domain
        self.settings: Seq2seqTraining = recipe.training
        network = recipe.network or self.domain.network()
        corpora = self.domain.read(recipe.corpora, network)
        super().__init__(recipe, [*map(_without_blank, corpora)])
        if self.split("validate") or self.split("test"):
            # Not only after hours of training.
            require_sacrebleu()
        train = self.split("train")
        blank = len(sequences_of(corpora, "train")) - len(train)
        if not train:
            raise InputError(
                "all pairs to train on have a blank text or a blank translation"
                if blank
                else "no [[corpus]] names texts and translations to train on ('train'), or all are "
                "empty"
            )
        if blank:
            observer.note(
                f"warning: left out of training: {counted(blank, 'pairs')} with a blank text or a "
                "blank translation"
            )
        self.coder = self.domain.coder(train, network)
        observer.note(f"texts are written with {counted(self.coder.tokens, 'tokens')}")
        for split in ("validate", "test"):
            for pair in self.split(split):
                # Not only when the model is measured.
                numbers_of(pair.source, self.coder, f"[[corpus]] '{split}'")
        self.config = self.domain.translator_config(self.coder, network)

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

    def batches(
        self, train: Sequence[PairExample], validate: Sequence[PairExample], seed: int
    ) -> PairBatches:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        return PairBatches(train, validate, self.coder, self.settings.batch, seed)

    def build(self, number: int) -> Translator:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        return Translator(self.config)

    def save(
        self, path: Path, networks: Sequence[torch.nn.Module], about: Mapping[str, Any]
    ) -> None:
        """See :class:`dnatag.tasks.base.Experiment`."""
        (network,) = networks
        weights = weights_of(network)
        model = TranslatorModel(self.domain, self.coder, self.config, weights, self.settings.beam)
        save_translator(path, model, dict(about))

    def load(self, path: Path, device: str, threads: int) -> TextTranslator:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        return TextTranslator(*load_translator(path), device, threads)

    def measure(
        self, predictor: TextTranslator, corpus: Corpus[Pair], split: str
    ) -> dict[str, float]:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        pairs = corpus.splits[split]
        found = [one[0].text for one in predictor.translate_all(pair.source for pair in pairs)]
        scores = evaluate_translations([pair.target for pair in pairs], found)
        return {"bleu": scores.bleu, "chrf": scores.chrf}


def _without_blank(corpus: Corpus[Pair]) -> Corpus[Pair]:
    """Leave pairs to train on out of which a side is blank."""
    whole = [one for one in corpus.splits["train"] if one.source.strip() and one.target.strip()]
    return replace(corpus, splits={**corpus.splits, "train": whole})

"""The training of taggers: the sequences of a recipe, and the model that is trained on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dnatag.engine.crf.chain import Chain
from dnatag.engine.crf.grammar import Grammar
from dnatag.engine.networks.configs import TokenTaggerConfig
from dnatag.engine.networks.token_tagger import TokenTagger
from dnatag.engine.networks.weights import TokenWeights
from dnatag.engine.objective import Metric
from dnatag.errors import InputError
from dnatag.report import SILENT, Observer, counted
from dnatag.tasks.base import Recipe
from dnatag.tasks.corpora import SPLITS, sequences_of, summary
from dnatag.tasks.experiment import CorpusExperiment
from dnatag.tasks.features import encode_all
from dnatag.tasks.tagging.domain import (
    HasEncoder,
    LeavesOpen,
    TaggedCorpus,
    TaggedSequence,
    TaggingDomain,
)
from dnatag.tasks.tagging.given import Given
from dnatag.tasks.tagging.model import TokenModel, load_token_model, save_token_model
from dnatag.tasks.tagging.schemes import UNNAMED
from dnatag.tasks.tagging.settings import TaggingTraining
from dnatag.tasks.tagging.tagger import Tagger
from dnatag.tasks.tagging.training.batches import TaggedBatches, TaggedExample
from dnatag.tasks.tagging.training.start import check_start, note_labels, take_over
from dnatag.tasks.tagging.training.validation import calibrated, known_tags, validation_metric

__all__ = ["TaggedData", "TaggingExperiment"]


class TaggedData:
    """The sequences of a recipe, and what turns them into numbers.

    Parameters
    ----------
    recipe : Recipe
        A recipe of the tagging task.
    observer : Observer
        Receives notes on what there is in each corpus, and warnings.
    start : TokenModel or None
        The model to start from, whose featurizer is kept.

    Raises
    ------
    InputError
        If a file cannot be read, or has tags that do not fit, or the model to start from is of
        another domain.
    """

    def __init__(
        self, recipe: Recipe, observer: Observer = SILENT, start: TokenModel | None = None
    ) -> None:
        self.domain: TaggingDomain = recipe.domain
        self.observer = observer
        if not any(corpus.train for corpus in recipe.corpora):
            raise InputError("no [[corpus]] names files to train on ('train')")
        if start is not None:
            check_start(start, self.domain)
        validates = any(corpus.validate for corpus in recipe.corpora)
        if recipe.training.patience != TaggingTraining.patience and not validates:
            observer.note(
                "warning: 'patience' in [training] means nothing without files to 'validate' on: "
                "all epochs are trained, and the last one is kept"
            )
        network = recipe.network or self.domain.network()
        self.corpora, self.labelling = self.domain.read(recipe.corpora, network, observer, start)
        for line in self.contents():
            observer.note(line)
        self.start = start
        if start is None:
            tokens = [s.tokens for s in self.split("train")]
            self.featurizer = self.domain.featurizer(tokens, network, recipe.files)
        else:
            note_labels(start, self.labelling, observer)
            self.featurizer = start.featurizer
            if isinstance(self.featurizer, HasEncoder):
                self.featurizer.open_encoder(remember=True)

    def split(self, name: str) -> list[TaggedSequence]:
        """Return all sequences of a split."""
        return sequences_of(self.corpora, name)

    def summary(self) -> str:
        """Return a line on how much data there is."""
        return summary(self.corpora, _amount)

    def contents(self) -> Iterator[str]:
        """Yield a line on each split of each corpus: files, numbers of what there is, labels."""
        sequences, tokens, _ = self.domain.counted
        for number, corpus in enumerate(self.corpora, 1):
            for split in SPLITS:
                if not corpus.files[split]:
                    continue
                there = corpus.splits[split]
                yield (
                    f"[[corpus]] {number}, {split}: {', '.join(corpus.files[split])}: "
                    f"{counted(len(there), sequences)}, {counted(sum(map(len, there)), tokens)}; "
                    f"{self._labels(there)}"
                )

    def _labels(self, sequences: Sequence[TaggedSequence]) -> str:
        """Name the labels of sequences, with their numbers, and how many tokens are left open."""
        unknown = self.labelling.unknown if isinstance(self.labelling, LeavesOpen) else None
        labels, left_open = Counter[str](), 0
        for tags in (sequence.tags or () for sequence in sequences):
            labels.update(self.labelling.counts(tags))
            left_open += sum(tag == unknown for tag in tags)
        named = [f"{name or UNNAMED} {n}" for name, n in labels.most_common() if name != unknown]
        if left_open:
            named.append(f"{left_open} {unknown} left open")
        return ", ".join(named) or "no labels"

    def examples(self, split: str) -> list[TaggedExample]:
        """Encode the sequences of a split; those without a legal labelling are left out."""
        legal: list[tuple[TaggedSequence, np.ndarray, float]] = []
        left_out = 0
        for corpus in self.corpora:
            for sequence in corpus.splits[split]:
                allowed = self.labelling.allowed(sequence.tags or (), corpus.types)
                if _is_legal(self.labelling.grammar, allowed):
                    legal.append((sequence, allowed, corpus.weight))
                else:
                    left_out += 1
        if left_out:
            self.observer.note(
                f"warning: {left_out} {self.domain.counted[0]} {SPLITS[split]} are left out: no "
                "labels that the model can give fit theirs"
            )
        if isinstance(self.featurizer, HasEncoder):
            self.observer.note(
                f"encoding {sum(len(one) for one, _, _ in legal)} {self.domain.counted[1]} "
                f"{SPLITS[split]} in their context"
            )
        encoded = encode_all(self.featurizer, [sequence.tokens for sequence, _, _ in legal])
        return [
            TaggedExample(one, allowed, weight)
            for one, (_, allowed, weight) in zip(encoded, legal, strict=True)
        ]


class TaggingExperiment(CorpusExperiment[TaggedSequence, TaggedCorpus, TaggedBatches]):
    """A tagger to be trained; see :class:`dnatag.tasks.experiment.CorpusExperiment`.

    Parameters
    ----------
    recipe : Recipe
        A recipe of the tagging task.
    data : TaggedData or None
        Its sequences, if they have been read already.
    origin : str
        Where the first weights are from, for the card.

    Raises
    ------
    InputError
        If a file cannot be read or has tags that do not fit, no sequence can be trained on, or
        the model to join does not fit.
    """

    kind = "A model"
    warmup = 0.5
    unusable = "no sequence to train on has labels that the grammar allows"

    def __init__(self, recipe: Recipe, data: TaggedData | None = None, origin: str = "") -> None:
        self.data = data = TaggedData(recipe) if data is None else data
        self.settings: TaggingTraining = recipe.training
        super().__init__(recipe, data.corpora)
        training = self.about["training"]
        training["start"] = self._start = origin
        self.temperature = self.settings.temperature or 1.0
        if data.start is None:
            self.config = data.domain.tagger_config(data.featurizer, self.network)
        else:
            self.config = data.start.networks[0].config
            training["network"] = self.config.to_dict()
        join = self.settings.join
        self.inputs = [recipe.files / join] if join else []
        self.joined = _joined(recipe, data, self.config)

    def amount(self, sequences: Sequence[TaggedSequence]) -> str:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        return _amount(sequences)

    def describe(self, corpus: TaggedCorpus) -> dict[str, Any]:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        tokens = {f"{split}_tokens": sum(map(len, corpus.splits[split])) for split in SPLITS}
        types = None if corpus.types is None else list(corpus.types)
        return corpus.files | tokens | {"types": types, "weight": corpus.weight}

    def examples(self, split: str) -> list[TaggedExample]:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        return self.data.examples(split)

    def batches(
        self, train: Sequence[TaggedExample], validate: Sequence[TaggedExample], seed: int
    ) -> TaggedBatches:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        return TaggedBatches(train, validate, self.data.featurizer, self.settings.batch, seed)

    def metric(self, batches: TaggedBatches) -> Metric | None:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        own, temperature = self.data, self.settings.temperature or 1.0
        return validation_metric(
            own.domain, own.labelling, own.featurizer, own.corpora, temperature
        )

    def build(self, number: int) -> TokenTagger:
        """Make a network, with what it can take over from the model to start from."""
        network = TokenTagger(self.config, self.data.labelling.grammar)
        start = self.data.start
        if start is not None:
            take_over(network, start.networks[number % len(start.networks)])
        return network

    def finish(self, networks: Sequence[torch.nn.Module]) -> None:
        """Divide the scores by the temperature, which may be chosen now."""
        own = [network for network in networks if isinstance(network, TokenTagger)]
        if self.settings.temperature is None:
            source = self.runs[0].source
            assert isinstance(source, TaggedBatches)
            if source.validate:
                self.temperature = calibrated(own, self.data.labelling, source.validate)
        for network in own:
            network.temper(self.temperature)

    def save(
        self, path: Path, networks: Sequence[torch.nn.Module], about: Mapping[str, Any]
    ) -> None:
        """See :class:`dnatag.tasks.base.Experiment`."""
        own = [TokenWeights.of(n) for n in networks if isinstance(n, TokenTagger)]
        data = self.data
        model = TokenModel(data.domain, data.featurizer, (*self.joined, *own), data.labelling)
        training = {**about["training"], "temperature": self.temperature}
        save_token_model(path, model, {**about, "training": training})

    def load(self, path: Path, device: str, threads: int) -> Tagger:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        return Tagger(*load_token_model(path), device, threads)

    def measure(self, predictor: Tagger, corpus: TaggedCorpus, split: str) -> dict[str, float]:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        labelling, sequences, found = self.data.labelling, corpus.splits[split], []
        for tagged in predictor.tag_all(Given(s.tokens) for s in sequences):
            n = len(tagged.tags)
            found.append(known_tags(labelling, tagged.entities, corpus.types, n))
        truth = [s.tags or () for s in sequences]
        return self.data.domain.scores(truth, found, labelling)

    def notes(self) -> list[str]:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`: also what else is needed."""
        featurizer, lines = self.data.featurizer, super().notes()
        if isinstance(featurizer, HasEncoder):
            lines += ["", f"It needs the language model {featurizer.needs}."]
        return lines

    def origin(self) -> str:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        join = self.settings.join
        return self._start + (f", beside the networks of {join}" if join else "")


def _joined(
    recipe: Recipe, data: TaggedData, config: TokenTaggerConfig
) -> tuple[TokenWeights, ...]:
    """Return the networks of the model that the recipe joins."""
    if not recipe.training.join:
        return ()
    path = recipe.files / recipe.training.join
    model = load_token_model(path)[0]
    own, other = data.featurizer.to_arrays(), model.featurizer.to_arrays()
    if not (
        model.domain is data.domain
        and model.networks[0].config == config
        and model.labelling.to_dict() == data.labelling.to_dict()
        and all(np.array_equal(own[key], other[key]) for key in own)
    ):
        raise InputError(
            f"{path}: has other features, sizes or labels than this model, so it cannot be joined; "
            "train it with the same [network], and on text with the same words"
        )
    return model.networks


def _amount(sequences: Sequence[TaggedSequence]) -> str:
    """Return in words how much there is."""
    tokens = counted(sum(map(len, sequences)), "tokens")
    return f"{counted(len(sequences), 'sequences')} of {tokens}"


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

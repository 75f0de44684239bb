"""The training of transcribers: the recordings of a recipe, and the model trained on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import torch

from dnatag.engine.networks.token_tagger import TokenEncoder
from dnatag.engine.networks.weights import EncoderWeights, weights_of
from dnatag.engine.objective import Metric
from dnatag.engine.training.config import TrainingConfig
from dnatag.engine.training.loop import Outcome
from dnatag.errors import InputError
from dnatag.models.card import make_card, markdown_table
from dnatag.report import Observer, counted
from dnatag.tasks.base import Experiment, NetworkRun, Recipe
from dnatag.tasks.ctc.domain import TranscribedSequence, TranscribingDomain
from dnatag.tasks.ctc.metrics import evaluate_transcripts
from dnatag.tasks.ctc.model import (
    MOST_SYMBOLS,
    TranscriberModel,
    load_transcriber,
    save_transcriber,
)
from dnatag.tasks.ctc.ngrams import NgramModel
from dnatag.tasks.ctc.search import SearchSettings, beam_search, greedy_search
from dnatag.tasks.ctc.settings import CtcTraining
from dnatag.tasks.ctc.training.batches import TranscribedBatches, TranscribedExample
from dnatag.tasks.ctc.transcriber import Transcriber, texts_of

__all__ = ["CtcExperiment"]

_SPLITS = {"train": "to train on", "validate": "to validate on", "test": "to test on"}
#: Weights of the n-gram model and bonuses of symbols that are tried, and hypotheses kept then.
WEIGHTS, BONUSES, FEW = (0.1, 0.2, 0.3, 0.5, 0.8), (0.0, 0.5, 1.0, 1.5, 2.0, 2.5), 6


class CtcExperiment(Experiment):
    """A transcriber to be trained; see :class:`dnatag.tasks.base.Experiment`.

    Parameters
    ----------
    recipe : Recipe
        A recipe of the transcription task.
    observer : Observer
        Receives how many recordings have been read.

    Raises
    ------
    InputError
        If a file cannot be read, there is nothing to train on, or too many symbols.
    """

    def __init__(self, recipe: Recipe, observer: Observer) -> None:
        self.recipe = recipe
        self.observer = observer
        self._chosen: SearchSettings | None = None
        self.domain: TranscribingDomain = recipe.domain
        self.settings: CtcTraining = recipe.training
        self.network = recipe.network or self.domain.network()
        self.corpora = self.domain.read(recipe.corpora)
        train = self.split("train")
        self.alphabet = "".join(sorted({c for one in train for c in one.text}))
        if not self.alphabet:
            raise InputError("no [[corpus]] names recordings with texts to train on ('train')")
        if len(self.alphabet) > MOST_SYMBOLS:
            raise InputError(f"the texts have {len(self.alphabet)} characters; give simpler ones")
        self.featurizer = self.domain.featurizer([one.sequence for one in train], self.network)
        self.config = self.domain.encoder_config(self.featurizer, self.network)
        self.summary = "; ".join(
            f"{counted(len(sequences), 'recordings')} {what}"
            for name, what in _SPLITS.items()
            if (sequences := self.split(name))
        )
        self.about = {
            "licence": recipe.licence,
            "training": {
                "corpora": [
                    corpus.files
                    | {f"{name}_recordings": len(corpus.splits[name]) for name in _SPLITS}
                    | {"weight": corpus.weight}
                    for corpus in self.corpora
                ],
                "network": asdict(self.network),
                "loop": asdict(self.settings),
            },
        }

    def split(self, name: str) -> list[TranscribedSequence]:
        """Return all sequences of a split."""
        return [one for corpus in self.corpora for one in corpus.splits[name]]

    def symbols(self, text: str) -> tuple[int, ...]:
        """Return the numbers of characters, without those that are not trained on."""
        number = {c: i for i, c in enumerate(self.alphabet, 1)}
        return tuple(number[c] for c in text if c in number)

    def examples(self, split: str) -> list[TranscribedExample]:
        """Read the sequences of a split, but those without a text."""
        found = []
        for corpus in self.corpora:
            for one in corpus.splits[split]:
                if symbols := self.symbols(one.text):
                    encoded = self.featurizer.encode(one.sequence)
                    found.append(TranscribedExample(encoded, symbols, corpus.weight))
                self.observer.advance(1)
        return found

    @cached_property
    def batches(self) -> TranscribedBatches:
        """What the network is trained on."""
        size = round(self.settings.batch * self.featurizer.frames)
        return TranscribedBatches(
            self.examples("train"),
            self.examples("validate"),
            self.featurizer,
            size,
            self.settings.seed,
        )

    @cached_property
    def runs(self) -> Sequence[NetworkRun]:  # type: ignore[override]
        """One network."""
        batches = self.batches
        metric = None
        if batches.validate:
            metric = Metric("character_error_rate", self._error_rate, higher_is_better=False)
        return [NetworkRun(self._build, batches, _schedule(self.settings, batches), metric)]

    def _build(self) -> TokenEncoder:
        return TokenEncoder(self.config, len(self.alphabet) + 1)

    def _error_rate(self, network: TokenEncoder) -> float:
        """Return the error rate of the sequences to validate on, without search."""
        truth, found = [], []
        for logs, text in _log_probabilities(network, self.batches):
            truth.append(text)
            found.append([e.symbol for e in greedy_search(logs)])
        right, other = (texts_of(side, self.alphabet) for side in (truth, found))
        return float(evaluate_transcripts(right, other)["cer"])

    @cached_property
    def language(self) -> NgramModel | None:
        """The n-gram model of the texts to train on."""
        if not self.settings.order:
            return None
        texts = [bytes(self.symbols(one.text)) for one in self.split("train")]
        return NgramModel.fit(filter(None, texts), self.settings.order, len(self.alphabet) + 1)

    def _search(self, network: TokenEncoder) -> SearchSettings:
        """Choose how much the n-gram model counts, on the sequences to validate on."""
        chosen = SearchSettings(self.settings.beam)
        if self.language is None:
            return chosen._replace(weight=0.0, bonus=0.0)
        known = list(_log_probabilities(network, self.batches))
        if not known:
            return chosen
        truth = texts_of([text for _, text in known], self.alphabet)
        errors = {}
        for weight, bonus in product(WEIGHTS, BONUSES):
            few = SearchSettings(min(FEW, self.settings.beam), weight, bonus)
            found = [[e.symbol for e in beam_search(logs, self.language, few)] for logs, _ in known]
            scores = evaluate_transcripts(truth, texts_of(found, self.alphabet))
            errors[few] = (scores["wer"], scores["cer"])
        return min(errors, key=lambda s: errors[s])._replace(beam=self.settings.beam)

    def save(
        self, path: Path, networks: Sequence[torch.nn.Module], about: Mapping[str, Any]
    ) -> None:
        """See :class:`dnatag.tasks.base.Experiment`."""
        (network,) = networks
        assert isinstance(network, TokenEncoder)
        # The file is written before and after its model has been measured.
        self._chosen = self._chosen or self._search(network)
        weights = EncoderWeights(self.config, len(self.alphabet) + 1, weights_of(network))
        model = TranscriberModel(
            self.domain, self.featurizer, weights, self.alphabet, self.language, self._chosen
        )
        save_transcriber(path, model, dict(about))

    def score(
        self,
        path: Path,
        outcomes: Sequence[Outcome],
        device: torch.device,
        threads: int,
    ) -> dict[str, Any]:
        """See :class:`dnatag.tasks.base.Experiment`; with and without search and n-grams."""
        model, about = load_transcriber(path)
        result = {}
        for split in ("validate", "test"):
            for number, corpus in enumerate(self.corpora, 1):
                if not (sequences := corpus.splits[split]):
                    continue
                name = split if len(self.corpora) == 1 else f"{split} {number}"
                row: dict[str, float] = {}
                for way, greedy in (("", False), ("greedy ", True)):
                    own = Transcriber(model, about, str(device), threads, greedy)
                    found = [t.text for t in own.transcribe_all(s.sequence for s in sequences)]
                    scores = evaluate_transcripts([s.text for s in sequences], found)
                    row |= {f"{way}{key}": round(scores[key], 5) for key in ("wer", "cer")}
                result[name] = row
        return result

    def card(self, name: str, about: Mapping[str, Any]) -> str:
        """See :class:`dnatag.tasks.base.Experiment`."""
        scores = about["scores"]
        rows = [[split, *(f"{100 * value:.2f}" for value in row.values())]
                for split, row in scores.items()]  # fmt: skip
        measures = ["", *next(iter(scores.values()), {})]
        lines = [
            "Errors of words (wer) and characters (cer) in percent, with the n-gram model and "
            "without (greedy).",
            "",
            *markdown_table(measures, rows),
        ]
        return make_card(
            about,
            self.recipe.card or f"# {name}\n\nA transcriber of {self.domain.name}.",
            [f"{self.summary}."],
            lines if scores else [],
        )


@torch.no_grad()
def _log_probabilities(
    network: TokenEncoder, source: TranscribedBatches
) -> list[tuple[Any, list[int]]]:
    """Return the log probabilities of the sequences to validate on, and their symbols."""
    device = next(network.parameters()).device
    found = []
    for batch in source.validation():
        scores = network(*(x.to(device) for x in batch.inputs), batch.lengths.to(device))
        logs = scores.double().log_softmax(-1).cpu().numpy()
        rows = zip(logs, batch.lengths.tolist(), batch.targets["text"].tolist(), strict=True)
        found += [(row[:length], [s for s in text if s]) for row, length, text in rows]
    return found


def _schedule(settings: CtcTraining, batches: TranscribedBatches) -> TrainingConfig:
    """Return the schedule of the network."""
    steps = batches.steps(settings.epochs)
    epoch = max(steps // settings.epochs, 1)
    return TrainingConfig(
        steps=steps,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        warmup=2 * epoch,
        clip=settings.clip,
        validate_every=epoch,
        patience=steps,
        average=settings.average,
        seed=batches.seed,
    )

"""The training of transcribers: the recordings of a recipe, and the model trained on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dnatag.engine.networks.token_tagger import TokenEncoder
from dnatag.engine.networks.weights import EncoderWeights, weights_of
from dnatag.engine.objective import Metric
from dnatag.errors import InputError
from dnatag.report import Observer, counted
from dnatag.tasks.base import Recipe
from dnatag.tasks.corpora import SPLITS, Corpus
from dnatag.tasks.ctc.domain import TranscribedSequence, TranscribingDomain
from dnatag.tasks.ctc.metrics import evaluate_transcripts, require_jiwer
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
from dnatag.tasks.experiment import CorpusExperiment

__all__ = ["CtcExperiment"]

#: Weights of the n-gram model and bonuses of symbols that are tried, and hypotheses kept then.
WEIGHTS, BONUSES, FEW = (0.1, 0.2, 0.3, 0.5, 0.8), (0.0, 0.5, 1.0, 1.5, 2.0, 2.5), 6
#: The share of the steps before recordings are joined in pairs.
ALONE = 0.25


class CtcExperiment(
    CorpusExperiment[TranscribedSequence, Corpus[TranscribedSequence], TranscribedBatches]
):
    """A transcriber to be trained; see :class:`dnatag.tasks.experiment.CorpusExperiment`.

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

    kind = "A transcriber"
    warmup = 2
    counted = "recordings"
    scored = (
        "Errors of words (wer) and characters (cer) in percent, with the n-gram model and without "
        "(greedy)."
    )

    def __init__(self, recipe: Recipe, observer: Observer) -> None:
        self.observer = observer
        self._chosen: SearchSettings | None = None
        self.domain: TranscribingDomain = recipe.domain
        self.settings: CtcTraining = recipe.training
        super().__init__(recipe, self.domain.read(recipe.corpora))
        if self.split("validate") or self.split("test"):
            # Not only after hours of training.
            require_jiwer()
        train = self.split("train")
        self.alphabet = "".join(sorted({c for one in train for c in one.text}))
        if not self.alphabet:
            raise InputError(
                "no [[corpus]] names recordings with texts to train on ('train'), or all texts are "
                "empty"
            )
        if self.settings.joined:
            self.alphabet = "".join(sorted({*self.alphabet, " "}))
        if len(self.alphabet) > MOST_SYMBOLS:
            raise InputError(f"the texts have {len(self.alphabet)} characters; give simpler ones")
        self._check_texts()
        self.featurizer = self.domain.featurizer([one.sequence for one in train], self.network)
        self.config = self.domain.encoder_config(self.featurizer, self.network)

    def _check_texts(self) -> None:
        """Report recordings without a text, and characters that are not trained on."""
        for split, purpose in SPLITS.items():
            texts = [one.text for one in self.split(split)]
            if blank := texts.count(""):
                what = f"{counted(blank, self.counted)} {purpose}"
                self.observer.note(
                    f"warning: left out: {what} whose texts are empty"
                    if split == "train"
                    else f"warning: empty texts of {what}: all that is heard there counts as errors"
                )
            if unknown := "".join(sorted(set().union(*texts).difference(self.alphabet))):
                self.observer.note(
                    f"warning: texts {purpose} have characters that are not trained on, and do not "
                    f"count: {unknown[:20]!r}"
                )

    def symbols(self, text: str) -> tuple[int, ...]:
        """Return the numbers of characters, without those that are not trained on."""
        number = {c: i for i, c in enumerate(self.alphabet, 1)}
        return tuple(number[c] for c in text if c in number)

    def examples(self, split: str) -> list[TranscribedExample]:
        """Read the sequences of a split, but those without a text; see :meth:`_leave_out`."""
        found, too_long = [], []
        for corpus in self.corpora:
            for one in corpus.splits[split]:
                if symbols := self.symbols(one.text):
                    encoded = self.featurizer.encode(one.sequence)
                    steps = len(self.featurizer.stack(encoded))
                    least = _least_steps(symbols)
                    if split == "train" and steps < least:
                        too_long.append(
                            f"{one.sequence.where}: its text of {len(symbols)} characters takes "
                            f"{least} steps of the network, and there are {steps}"
                        )
                    else:
                        found.append(TranscribedExample(encoded, symbols, corpus.weight))
                self.observer.advance(1)
        self._leave_out(too_long, not found)
        return found

    def _leave_out(self, too_long: Sequence[str], all_: bool) -> None:
        """Report sequences to train on that CTC cannot say their texts in.

        Raises
        ------
        InputError
            If these are all.
        """
        if not too_long:
            return
        if all_:
            raise InputError(f"{too_long[0]}; so it is with all {self.counted} to train on")
        what = counted(len(too_long), self.counted)
        self.observer.note(f"warning: {too_long[0]}; left out: {what} whose texts are too long")
        self.summary += f"; {what} of those to train on left out, whose texts are too long"

    def batches(
        self, train: Sequence[TranscribedExample], validate: Sequence[TranscribedExample], seed: int
    ) -> TranscribedBatches:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        size = round(self.settings.batch * self.featurizer.frames)
        (space,) = self.symbols(" ") or (0,)
        source = TranscribedBatches(
            train, validate, self.featurizer, size, seed, joined=self.settings.joined, space=space
        )
        source.first_joined = round(ALONE * source.steps(self.settings.epochs))
        return source

    def metric(self, batches: TranscribedBatches) -> Metric | None:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`: errors without search."""
        if not batches.validate:
            return None

        def error_rate(network: TokenEncoder) -> float:
            truth, found = [], []
            for logs, text in _log_probabilities(network, batches):
                truth.append(text)
                found.append([e.symbol for e in greedy_search(logs)])
            right, other = (texts_of(side, self.alphabet) for side in (truth, found))
            return float(evaluate_transcripts(right, other)["cer"])

        return Metric("character_error_rate", error_rate, higher_is_better=False)

    def build(self, number: int) -> TokenEncoder:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        return TokenEncoder(self.config, len(self.alphabet) + 1)

    @cached_property
    def language(self) -> NgramModel | None:
        """The n-gram model of the texts to train on."""
        if not self.settings.order:
            return None
        texts = [bytes(self.symbols(one.text)) for one in self.split("train")]
        if self.settings.joined:
            # What follows a text, if it is not the end: any other one.
            other = np.random.default_rng(self.settings.seed).permutation(len(texts)).tolist()
            space = bytes(self.symbols(" "))
            texts += [a + space + texts[b] for a, b in zip(texts, other, strict=True)]
        return NgramModel.fit(filter(None, texts), self.settings.order, len(self.alphabet) + 1)

    def _search(self, network: TokenEncoder) -> SearchSettings:
        """Choose how much the n-gram model counts, on the sequences to validate on."""
        chosen = SearchSettings(self.settings.beam)
        if self.language is None:
            return chosen._replace(weight=0.0, bonus=0.0)
        batches = self.runs[0].source
        assert isinstance(batches, TranscribedBatches)
        known = _log_probabilities(network, batches)
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

    def load(self, path: Path, device: str, threads: int) -> tuple[Transcriber, Transcriber]:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`: with and without search."""
        model, about = load_transcriber(path)
        searching, greedy = (
            Transcriber(model, about, device, threads, greedy) for greedy in (False, True)
        )
        return searching, greedy

    def measure(
        self,
        predictor: tuple[Transcriber, Transcriber],
        corpus: Corpus[TranscribedSequence],
        split: str,
    ) -> dict[str, float]:
        """See :class:`dnatag.tasks.experiment.CorpusExperiment`."""
        sequences = corpus.splits[split]
        result: dict[str, float] = {}
        for way, transcriber in zip(("", "greedy "), predictor, strict=True):
            found = [t.text for t in transcriber.transcribe_all(s.sequence for s in sequences)]
            scores = evaluate_transcripts([s.text for s in sequences], found)
            result |= {f"{way}{key}": float(scores[key]) for key in ("wer", "cer")}
        return result


def _least_steps(symbols: Sequence[int]) -> int:
    """Return of how many steps a path of CTC is at least: a blank is between the same symbols.

    Examples
    --------
    >>> _least_steps([1, 2, 2, 1]), _least_steps([])
    (5, 0)
    """
    return len(symbols) + sum(one == other for one, other in pairwise(symbols))


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

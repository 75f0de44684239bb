"""The transcriber: recordings to texts, each word with its time and probability."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import numpy as np

from dnatag.engine.inference.networks import token_runner
from dnatag.formats.transcripts import Transcript
from dnatag.tasks.ctc.model import TranscriberModel, load_transcriber
from dnatag.tasks.ctc.search import Emitted, beam_search, greedy_search
from dnatag.tasks.ctc.words import apart, spoken_words, widened
from dnatag.tasks.features import TokenFeatures, join
from dnatag.tasks.predictor import Predictor, check_many

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Transcriber", "texts_of"]

#: Seconds of what is read at once, and of what is read beside it on either side: sequences to
#: train on are short, and of longer ones the network would know nothing.
WINDOW, BESIDE = 16.0, 2.0


class Transcriber(Predictor[TranscriberModel]):
    """Transcribes sequences with a model; see :class:`dnatag.tasks.predictor.Predictor`.

    Parameters
    ----------
    greedy : bool
        Whether to take the most probable symbol of each step, without search and n-gram model.
    """

    read = staticmethod(load_transcriber)

    def __init__(
        self,
        model: TranscriberModel,
        metadata: dict[str, Any],
        device: str,
        threads: int = 1,
        greedy: bool = False,
    ) -> None:
        super().__init__(model, metadata, device, threads)
        self.greedy = greedy
        self._network = token_runner([model.network], device)

    @classmethod
    def load(
        cls,
        model: str | os.PathLike[str],
        device: str = "auto",
        threads: int = 1,
        greedy: bool = False,
    ) -> Self:
        """Load a model; parameters are those of the class and of its base."""
        transcriber = super().load(model, device, threads)
        transcriber.greedy = greedy
        return transcriber

    def transcribe(self, sequence: Any) -> Transcript:
        """Transcribe one sequence.

        Parameters
        ----------
        sequence
            Of speech the path of an audio file, a :class:`dnatag.formats.audio.Recording`, or its
            samples from -1 to 1 at the rate of the model.

        Raises
        ------
        InputError
            If a recording cannot be read, or is too short.
        """
        return next(self.transcribe_all([sequence]))

    def transcribe_all(self, sequences: Iterable[Any]) -> Iterator[Transcript]:
        """Transcribe sequences, in their order; each is read when its turn comes.

        Raises
        ------
        InputError
            As for one; also if it is one.
        """
        check_many(sequences, "transcribe")
        return self._transcribe_all(sequences)

    def _transcribe_all(self, sequences: Iterable[Any]) -> Iterator[Transcript]:
        with self._network.pool(self.threads) as pool:
            for sequence in sequences:
                encoded = self.model.featurizer.encode(sequence)
                logs = self._logs(encoded, pool)
                emitted = self._decode(logs)
                duration = len(encoded) / self.model.featurizer.frames
                text = texts_of([[e.symbol for e in emitted]], self.model.alphabet)[0]
                words = spoken_words(
                    logs,
                    emitted,
                    self.model.alphabet,
                    self.model.featurizer.seconds,
                    None if self.greedy else self.model.language,
                    self.model.search,
                )
                yield Transcript(text, widened(words, duration), duration)

    def log_probabilities(self, sequence: Any) -> np.ndarray:
        """Return the log probabilities of blank and symbols at each step, float64 (T, symbols)."""
        with self._network.pool(self.threads) as pool:
            return self._logs(self.model.featurizer.encode(sequence), pool)

    def _decode(self, logs: np.ndarray) -> list[Emitted]:
        model = self.model
        found = (
            greedy_search(logs) if self.greedy else beam_search(logs, model.language, model.search)
        )
        return apart(found, model.alphabet, model.featurizer.seconds)

    def _logs(self, encoded: TokenFeatures, pool: Executor) -> np.ndarray:
        """Run the network on windows; of each the middle counts."""
        tokens = self.model.featurizer.stack(encoded)
        window, beside = (round(s / self.model.featurizer.seconds) for s in (WINDOW, BESIDE))
        count = max(math.ceil((len(tokens) - 2 * beside) / window), 1)
        bounds = [round(i * len(tokens) / count) for i in range(count + 1)]
        parts = list(
            pool.map(lambda i: self._window(tokens, bounds[i], bounds[i + 1], beside), range(count))
        )
        return np.concatenate(parts)

    def _window(self, tokens: TokenFeatures, first: int, last: int, beside: int) -> np.ndarray:
        low, high = max(first - beside, 0), min(last + beside, len(tokens))
        part = join([_slice(tokens, low, high)])
        prepared = self._network.prepare(part.categories, part.features, part.parts)
        lengths = np.array([high - low])
        scores = self._network.scores(prepared, np.arange(high - low), lengths).astype(float)
        scores -= scores.max(1, keepdims=True)
        logs: np.ndarray = scores - np.log(np.exp(scores).sum(1, keepdims=True))
        return logs[first - low : last - low]


def texts_of(symbols: Iterable[Sequence[int]], alphabet: str) -> list[str]:
    """Return the texts of symbols, numbered from 1, with single spaces between words."""
    return [" ".join("".join(alphabet[s - 1] for s in one).split()) for one in symbols]


def _slice(tokens: TokenFeatures, first: int, last: int) -> TokenFeatures:
    return TokenFeatures(
        tokens.categories[first:last], tokens.features[first:last], tokens.parts[first:last]
    )

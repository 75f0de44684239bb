"""The translator: texts to translations, by beam search."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from dnatag.engine.batching import batches
from dnatag.engine.devices import torch_threads
from dnatag.errors import InputError
from dnatag.extras import require
from dnatag.formats.io.limits import limits
from dnatag.tasks.predictor import Predictor, check_many
from dnatag.tasks.seq2seq.domain import BEGIN, END, TokenCoder
from dnatag.tasks.seq2seq.model import TranslatorModel, load_translator

__all__ = ["CHUNK", "MOST", "TextTranslator", "Translation", "numbers_of"]

#: Tokens of a batch, padding and hypotheses included, and texts that are sorted together.
BATCH_TOKENS, CHUNK = 6000, 512
#: A translation has at most so many tokens for each token of its text, and so many more.
RATIO, MORE = 2, 20
#: How many translations of a text there can be.
MOST = 100
#: Of pairs that stand for one character in UTF-16.
HALVES = re.compile("[\ud800-\udfff]")
#: The score of a hypothesis is its log probability divided by its length to this power.
NORMALISATION = 1.0


@dataclass(frozen=True)
class Translation:
    """A translation of a text.

    Attributes
    ----------
    text : str
        The translation.
    score : float
        Its log probability, divided by its number of tokens.
    alignment : tuple of (int, int)
        Pairs of a word of the text and a word of the translation, from 0, of whose subwords one
        looked at the former most.
    """

    text: str
    score: float
    alignment: tuple[tuple[int, int], ...]


class TextTranslator(Predictor[TranslatorModel]):
    """Translates texts with a model; see :class:`dnatag.tasks.predictor.Predictor`.

    Raises
    ------
    DnatagError
        If torch is not installed.
    ValueError
        If the weights are not those of such a network.
    """

    read = staticmethod(load_translator)

    def __init__(
        self, model: TranslatorModel, metadata: dict[str, Any], device: str, threads: int = 1
    ) -> None:
        require("torch", "translation", "a model that translates")
        from dnatag.engine.networks.translator import Translator
        from dnatag.engine.networks.weights import network_with_weights

        super().__init__(model, metadata, device, threads)
        network = network_with_weights(lambda: Translator(model.config), model.arrays)
        self._network = network.to(device)

    def translate(self, text: str) -> str:
        """Translate one text.

        Raises
        ------
        InputError
            If it is no text, or too long.
        """
        return next(self.translate_all([text], ahead=1))[0].text

    def translate_all(
        self, texts: Iterable[str], n_best: int = 1, ahead: int = CHUNK
    ) -> Iterator[list[Translation]]:
        """Translate texts, in their order.

        Parameters
        ----------
        texts
            Read as they are needed. A blank one has an empty translation.
        n_best
            How many different translations to give of each, 100 at most, the best first; fewer
            where the search finds no more.
        ahead
            How many are read before the first of them is translated: with 1 each result comes as
            soon as it can, more are faster.

        Raises
        ------
        InputError
            If it is one text, one of them is none or too long, or a number is out of its range.
        """
        check_many(texts, "translate", ahead)
        if not isinstance(n_best, int | np.integer) or not 1 <= n_best <= MOST:
            raise InputError(f"n_best must be a whole number from 1 to {MOST}, not {n_best!r}")
        return self._translate_all(texts, n_best, ahead)

    def _translate_all(
        self, texts: Iterable[str], n_best: int, ahead: int
    ) -> Iterator[list[Translation]]:
        rest = iter(texts)
        beam = max(self.model.beam, n_best)
        with torch_threads(self.threads):
            while chunk := list(islice(rest, ahead)):
                numbers = [numbers_of(text, self.model.coder, "the text") for text in chunk]
                results = [[Translation("", 0.0, ())] for _ in chunk]
                full = [i for i, tokens in enumerate(numbers) if tokens]
                lengths = [len(numbers[i]) for i in full]
                for group in batches(lengths, max(BATCH_TOKENS // beam, 1)):
                    chosen = [full[i] for i in group]
                    found = self._search([numbers[i] for i in chosen], beam)
                    for i, translations in zip(chosen, found, strict=True):
                        results[i] = translations[:n_best]
                yield from results

    def _search(self, texts: Sequence[Sequence[int]], beam: int) -> list[list[Translation]]:
        """Find translations of texts of at least one token."""
        import torch

        from dnatag.tasks.seq2seq.search import beam_translate

        longest = max(map(len, texts))
        tokens = torch.zeros(len(texts), longest, dtype=torch.int64)
        for row, text in zip(tokens, texts, strict=True):
            row[: len(text)] = torch.tensor(text)
        lengths = torch.tensor([len(text) for text in texts])
        with torch.inference_mode():
            found = beam_translate(
                self._network,
                tokens.to(self.device),
                lengths.to(self.device),
                beam,
                (BEGIN, END),
                RATIO * lengths.to(self.device) + MORE,
                NORMALISATION,
            )
        results = []
        for text, of_text in zip(texts, found, strict=True):
            # Other subwords may make the same translation: the best one counts.
            distinct: dict[str, Translation] = {}
            for one in of_text:
                written = self.model.coder.write(one.tokens)
                alignment = self._alignment(text, one.tokens, one.looked_at)
                distinct.setdefault(written, Translation(written, one.score, alignment))
            results.append(list(distinct.values()))
        return results

    def _alignment(
        self, text: Sequence[int], written: Sequence[int], looked_at: Sequence[int]
    ) -> tuple[tuple[int, int], ...]:
        """Return the words that belong together by what each token looked at."""
        one, two = (self._words(numbers) for numbers in (text, written))
        pairs = {(one[place], two[i]) for i, place in enumerate(looked_at)}
        return tuple(sorted(pairs, key=lambda pair: (pair[1], pair[0])))

    def _words(self, numbers: Sequence[int]) -> list[int]:
        """Return the number of the word that each token is in."""
        found, word = [], -1
        for i, piece in enumerate(self.model.coder.pieces(numbers)):
            word += i == 0 or piece.startswith(" ")
            found.append(max(word, 0))
        return found


def numbers_of(text: Any, coder: TokenCoder, where: str) -> list[int]:
    """Return the tokens of a text to be translated.

    Raises
    ------
    InputError
        Saying where, if it is no text, has what is no character, or more tokens than the limits
        allow.
    """
    if not isinstance(text, str):
        raise InputError(f"cannot translate a {type(text).__name__}: give a text (str)")
    if HALVES.search(text):
        raise InputError(f"{where}: has half of a surrogate pair, which is no character")
    numbers, bounds = coder.numbers(text), limits()
    if len(numbers) > bounds.subwords:
        raise bounds.error(
            where, f"a text of {len(numbers):,} subwords is too long to translate; split it up"
        )
    return numbers

"""Texts as subwords, by sentencepiece."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dnatag.errors import InputError
from dnatag.extras import require
from dnatag.tasks.features import TokenFeatures
from dnatag.tasks.seq2seq.domain import BEGIN, END

__all__ = ["SubwordCoder"]

#: What stands for a space before a subword.
SPACE = "\u2581"
#: Texts of so many bytes and more are not learnt from; no line of a file is as long.
_LONGEST = 1 << 30
#: What sentencepiece says of too few subwords.
_LEAST = re.compile(r"smaller than required_chars. \d+ vs (\d+)")


class SubwordCoder:
    """Encodes texts, see :class:`dnatag.tasks.seq2seq.domain.TokenCoder`.

    Parameters
    ----------
    model : bytes
        A model of sentencepiece.
    lower : bool
        Whether texts are lower-cased.

    Raises
    ------
    ValueError
        If it is no such model.
    DnatagError
        If sentencepiece is not installed.
    """

    in_context = True

    def __init__(self, model: bytes, lower: bool) -> None:
        self.model = model
        self.lower = lower
        try:
            self._processor = _sentencepiece().SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise ValueError(f"there is no model of subwords: {error}") from None
        self.tokens = int(self._processor.get_piece_size())

    @classmethod
    def fit(cls, texts: Iterable[str], subwords: int, lower: bool) -> SubwordCoder:
        """Make subwords of texts.

        Raises
        ------
        InputError
            If the texts have more characters than there shall be subwords, or there are none.
        """
        library, content = _sentencepiece(), io.BytesIO()
        lines = (_plain(text, lower) for text in texts)
        try:
            library.SentencePieceTrainer.train(
                sentence_iterator=(line for line in lines if line.strip()),
                model_writer=content,
                vocab_size=subwords,
                model_type="bpe",
                character_coverage=1.0,
                max_sentence_length=_LONGEST,
                hard_vocab_limit=False,
                unk_id=0,
                bos_id=BEGIN,
                eos_id=END,
                normalization_rule_name="identity",
                num_threads=1,
                minloglevel=2,
            )
        except RuntimeError as error:
            if least := _LEAST.search(str(error)):
                raise InputError(
                    f"[network]: 'subwords' is {subwords}, and must be {least[1]} at least: each "
                    "character of the texts is one"
                ) from None
            raise InputError(f"the texts cannot be split into subwords: {error}") from None
        return cls(content.getvalue(), lower)

    def numbers(self, text: str) -> list[int]:
        """See :class:`dnatag.tasks.seq2seq.domain.TokenCoder`."""
        found: list[int] = self._processor.encode(_plain(text, self.lower))
        return found

    def encode(self, tokens: Any) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`; `tokens` is a text."""
        numbers = np.array(self.numbers(tokens), np.int32)
        n = len(numbers)
        return TokenFeatures(
            numbers[:, None], np.zeros((n, 0), np.float32), np.zeros((n, 1), np.int32)
        )

    def vary(self, encoded: TokenFeatures, rng: np.random.Generator) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`: as it is."""
        return encoded

    def pieces(self, numbers: Sequence[int]) -> list[str]:
        """See :class:`dnatag.tasks.seq2seq.domain.TokenCoder`."""
        return [self._processor.id_to_piece(int(i)).replace(SPACE, " ") for i in numbers]

    def write(self, numbers: Sequence[int]) -> str:
        """See :class:`dnatag.tasks.seq2seq.domain.TokenCoder`."""
        text: str = self._processor.decode([int(i) for i in numbers])
        return " ".join(text.split())

    def to_arrays(self) -> dict[str, np.ndarray]:
        """See :class:`dnatag.tasks.features.Featurizer`."""
        model = np.frombuffer(self.model, np.uint8)
        return {"subwords": model, "lower": np.array([self.lower], np.uint8)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> SubwordCoder:
        """Inverse of :meth:`to_arrays`."""
        return cls(arrays["subwords"].tobytes(), bool(arrays["lower"][0]))


def _plain(text: str, lower: bool) -> str:
    """Return a text with single spaces between its words, whatever is between them."""
    spaced = " ".join(text.split())
    return spaced.lower() if lower else spaced


def _sentencepiece() -> Any:
    return require("sentencepiece", "translation", "a model of subwords")

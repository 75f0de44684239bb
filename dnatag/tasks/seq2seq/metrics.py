"""How good translations are: BLEU and chrF, by sacrebleu."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from dnatag.extras import require

__all__ = ["TranslationScores", "evaluate_translations", "require_sacrebleu"]


class TranslationScores(NamedTuple):
    """The scores of translations.

    Attributes
    ----------
    bleu, chrf : float
        From 0 to 1.
    signature : str
        How sacrebleu computed BLEU.
    """

    bleu: float
    chrf: float
    signature: str


def require_sacrebleu() -> Any:
    """Return the metrics of sacrebleu.

    Raises
    ------
    DnatagError
        If it is not installed.
    """
    return require("sacrebleu.metrics", "translation", "BLEU")


def evaluate_translations(
    truth: Sequence[str], found: Sequence[str], tokenize: str = "13a", lowercase: bool = False
) -> TranslationScores:
    """Score translations against one reference each.

    Parameters
    ----------
    truth, found
        References and translations.
    tokenize
        How sacrebleu splits them: "13a", "intl", "char", "zh", or "none" for texts that are split.
    lowercase
        Whether upper and lower case are the same.

    Raises
    ------
    DnatagError
        If sacrebleu is not installed.
    """
    metrics = require_sacrebleu()
    bleu = metrics.BLEU(tokenize=tokenize, lowercase=lowercase, force=True)
    score = bleu.corpus_score(list(found), [list(truth)]).score
    chrf = metrics.CHRF(lowercase=lowercase).corpus_score(list(found), [list(truth)]).score
    return TranslationScores(score / 100, chrf / 100, str(bleu.get_signature()))

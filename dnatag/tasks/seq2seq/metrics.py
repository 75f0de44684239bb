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
    signature, chrf_signature : str
        How sacrebleu computed BLEU and chrF.
    """

    bleu: float
    chrf: float
    signature: str
    chrf_signature: str


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
    chrf = metrics.CHRF(lowercase=lowercase)
    shares = (
        measure.corpus_score(list(found), [list(truth)]).score / 100 for measure in (bleu, chrf)
    )
    return TranslationScores(*shares, *(str(one.get_signature()) for one in (bleu, chrf)))

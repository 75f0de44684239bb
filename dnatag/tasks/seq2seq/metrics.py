"""How good translations are: BLEU and chrF, by sacrebleu."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dnatag.errors import DnatagError

__all__ = ["TranslationScores", "evaluate_translations"]


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
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        raise DnatagError(
            "BLEU needs sacrebleu; get it with: pip install 'dnatag[translation]'"
        ) from error
    bleu = BLEU(tokenize=tokenize, lowercase=lowercase, force=True)
    score = bleu.corpus_score(list(found), [list(truth)]).score
    chrf = CHRF(lowercase=lowercase).corpus_score(list(found), [list(truth)]).score
    return TranslationScores(score / 100, chrf / 100, str(bleu.get_signature()))

"""Errors of transcripts: words and characters, by jiwer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dnatag.extras import require

__all__ = ["evaluate_transcripts", "require_jiwer"]


def require_jiwer() -> Any:
    """Return jiwer.

    Raises
    ------
    DnatagError
        If it is not installed.
    """
    return require("jiwer", "speech", "a word error rate")


def evaluate_transcripts(truth: Sequence[str], found: Sequence[str]) -> dict[str, Any]:
    """Score texts.

    Parameters
    ----------
    truth, found
        The texts of the same recordings, words separated by white space. Recordings whose true
        text is empty count by what is found in them.

    Returns
    -------
    dict of str to float or int
        ``wer`` and ``cer``, the errors (substitutions, deletions, insertions) divided by the true
        words and characters; ``sentences``, the share of texts that are right; and the numbers of
        ``recordings``, ``words``, ``substitutions``, ``deletions`` and ``insertions`` of words.

    Raises
    ------
    DnatagError
        If jiwer is not installed.
    """
    jiwer = require_jiwer()
    one, two = ([" ".join(text.split()) for text in side] for side in (truth, found))
    pairs = [(a, b) for a, b in zip(one, two, strict=True) if a]
    # jiwer refuses empty references.
    extra = [b for a, b in zip(one, two, strict=True) if not a]
    extra_words, extra_characters = sum(len(b.split()) for b in extra), sum(map(len, extra))
    counts = {"hits": 0, "substitutions": 0, "deletions": 0, "insertions": extra_words}
    errors = extra_characters
    characters = 0
    if pairs:
        left, right = map(list, zip(*pairs, strict=True))
        words = jiwer.process_words(left, right)
        letters = jiwer.process_characters(left, right)
        counts = {name: getattr(words, name) for name in counts}
        counts["insertions"] += extra_words
        errors += letters.substitutions + letters.deletions + letters.insertions
        characters = letters.hits + letters.substitutions + letters.deletions
    total = counts["hits"] + counts["substitutions"] + counts["deletions"]
    wrong = counts["substitutions"] + counts["deletions"] + counts["insertions"]
    return {
        "wer": wrong / max(total, 1),
        "cer": errors / max(characters, 1),
        "sentences": sum(a == b for a, b in zip(one, two, strict=True)) / max(len(one), 1),
        "recordings": len(one),
        "words": total,
        **{name: count for name, count in counts.items() if name != "hits"},
    }

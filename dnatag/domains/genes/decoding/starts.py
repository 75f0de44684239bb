"""Evidence for one start of a gene against its others, which leaves the gene as probable as it was.

A start determines the stop, so a number of each stop can be taken off the scores of its starts, and
decoding stays exact.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["against_rivals"]


def against_rivals(
    evidence: np.ndarray,
    places: np.ndarray,
    start_scores: np.ndarray,
    frame_scores: Sequence[np.ndarray],
    stops: np.ndarray,
    scale: float = 1.0,
) -> np.ndarray:
    """Centre evidence for starts, so that a gene is as probable with it as without.

    Parameters
    ----------
    evidence : numpy.ndarray
        float32 (M,), for each start, in nats.
    places : numpy.ndarray
        Integers (M,), first bases of their codons, in any order.
    start_scores : numpy.ndarray
        float32 (M,), their scores without the evidence.
    frame_scores : sequence of numpy.ndarray
        Three of float32 (L,): scores of the bases of a gene if first, second, third in a codon.
    stops : numpy.ndarray
        Integers (K,), last bases of stop codons, ascending.
    scale : float
        What all scores, and the evidence, will be multiplied by.

    Returns
    -------
    numpy.ndarray
        float32 (M,), the evidence less the logarithm of what it multiplies the odds of the gene by,
        which ends at the next stop codon in frame.

    Examples
    --------
    Two starts of a gene, equally probable without the evidence, and the only start of another:

    >>> frame_scores = np.zeros((3, 30), np.float32)
    >>> evidence = np.log(np.array([3, 1, 5], np.float32))
    >>> places, scores = np.array([0, 6, 16]), np.zeros(3, np.float32)
    >>> centred = against_rivals(evidence, places, scores, frame_scores, np.array([14, 27]))
    >>> np.exp(centred).round(3)
    array([1.5, 0.5, 1. ], dtype=float32)
    """
    centred = evidence.copy()
    for frame in range(3):
        own = np.flatnonzero(places % 3 == frame)
        if not len(own):
            continue
        own = own[np.argsort(places[own])]
        stop = np.searchsorted(stops[(stops - 2) % 3 == frame], places[own])
        first = np.flatnonzero(np.diff(stop, prepend=-1))
        of_gene = np.repeat(np.arange(len(first)), np.diff(first, append=len(own)))
        # Up to what all starts of a gene share: the score from a start on is what lies before it.
        score = scale * (start_scores[own] - _before(frame_scores, frame)[places[own] // 3])
        odds = np.exp(score - np.maximum.reduceat(score, first)[of_gene])
        more = odds * np.exp(scale * evidence[own])
        gain = np.log(np.add.reduceat(more, first) / np.add.reduceat(odds, first)) / scale
        centred[own] -= gain[of_gene]
    return centred


def _before(frame_scores: Sequence[np.ndarray], frame: int) -> np.ndarray:
    """Scores of all that comes before each codon of a frame, float64."""
    end = frame + (len(frame_scores[0]) - frame) // 3 * 3
    first, second, third = (own[frame + i : end : 3] for i, own in enumerate(frame_scores))
    return np.concatenate([[0.0], np.cumsum(first + second + third, dtype=np.float64)])

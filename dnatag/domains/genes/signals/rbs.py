"""The RBS motif: what precedes the starts of a genome, where ribosomes bind, and at what distance.

A position weight matrix with a distribution of spacers and a share of starts without the motif,
estimated by expectation maximization (as in Lawrence and Reilly 1990) from the sequences before
starts, as in GeneMarkS-2 and others. The tables of 5-mers in
:class:`~dnatag.domains.genes.signals.gene_signals.GeneSignals` cover the same signal, but a whole
motif of six bases at the usual distance is stronger evidence than the best of its 5-mers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dnatag.domains.genes.loops import rbs_log_odds
from dnatag.domains.genes.nucleotides import base_numbers, reverse_complement
from dnatag.domains.genes.signals.gene_signals import GeneExamples
from dnatag.formats.sequences.records import CodingSequence

__all__ = ["RbsMotif"]

#: Bases of the motif, and the numbers of bases between it and the start codon.
WIDTH, SPACERS = 6, np.arange(2, 17)
#: Where to start from: the complement of the tail of 16S rRNA.
_CONSENSUS = "AGGAGG"
_ROUNDS, _ABSENT = 40, 0.3
#: Bases before a start that are looked at.
_REACH = WIDTH + int(SPACERS[-1])


@dataclass(frozen=True)
class RbsMotif:
    """An RBS motif.

    Attributes
    ----------
    weights : numpy.ndarray
        float32 (6, 4), log-odds of the bases A, C, G, T at each place of the motif against those
        around it.
    spacers : numpy.ndarray
        float32 (16,), share of starts with a motif 2, ..., 16 bases before the start codon, and
        last the share of those without.
    """

    weights: np.ndarray
    spacers: np.ndarray

    @classmethod
    def none(cls) -> RbsMotif:
        """Return a motif that favours no start."""
        spacers = np.zeros(len(SPACERS) + 1, np.float32)
        spacers[-1] = 1
        return cls(np.zeros((WIDTH, 4), np.float32), spacers)

    @classmethod
    def estimate(cls, examples: Iterable[GeneExamples]) -> RbsMotif:
        """Estimate the motif from genes of one genome.

        Parameters
        ----------
        examples : iterable of GeneExamples
            Its sequences.

        Returns
        -------
        RbsMotif
            One that favours no start, if no gene has a complete start.
        """
        before = [
            _before(symbols if strand > 0 else reverse_complement(symbols), starts)
            for symbols, _, genes in examples
            for strand in (1, -1)
            if len(starts := _starts(genes, strand, len(symbols)))
        ]
        return cls._maximize(np.concatenate(before)) if before else cls.none()

    @classmethod
    def _maximize(cls, before: np.ndarray) -> RbsMotif:
        """Maximize the expectation, from the bases before starts, int8 (n, 22)."""
        bases = np.arange(4)
        around = np.array([(before == b).sum() for b in bases]) + 1.0
        around /= around.sum()
        # The words that may be the motif, (n, spacers), as numbers to the base 5, which has a digit
        # for ambiguous bases; and which bases each of all words has, (words, 24).
        powers = 5 ** np.arange(WIDTH)
        places = (_REACH - WIDTH - SPACERS)[:, None] + np.arange(WIDTH)
        words = (before.astype(np.int64) + 1)[:, places] @ powers
        digits = np.arange(5**WIDTH)[:, None] // powers % 5
        has = (digits[..., None] == bases + 1).reshape(len(digits), -1).astype(float)
        matrix = np.full((WIDTH, 4), 0.1)
        matrix[np.arange(WIDTH), ["ACGT".index(b) for b in _CONSENSUS]] = 0.7
        spacers = np.full(len(SPACERS) + 1, (1 - _ABSENT) / len(SPACERS))
        spacers[-1] = _ABSENT
        for _ in range(_ROUNDS):
            odds = np.ones((len(before), len(spacers)))
            odds[:, :-1] = np.exp(has @ np.log(matrix / around).ravel())[words]
            shares = odds * spacers
            shares /= shares.sum(1, keepdims=True)
            found = np.bincount(words.ravel(), shares[:, :-1].ravel(), len(has))
            counts = (found @ has).reshape(WIDTH, 4) + 2 * around
            matrix = counts / counts.sum(1, keepdims=True)
            spacers = shares.sum(0) + 1
            spacers /= spacers.sum()
        return cls(np.log(matrix / around).astype(np.float32), spacers.astype(np.float32))

    def log_odds(self, symbols: np.ndarray, places: np.ndarray, strand: int) -> np.ndarray:
        """How much more probable the bases before start codons are with the motif than without.

        Parameters
        ----------
        symbols : numpy.ndarray
            uint8 (L,).
        places : numpy.ndarray
            Integers (M,), first base of each start codon, in the direction of the strand.
        strand : int
            1 or -1.

        Returns
        -------
        numpy.ndarray
            float32 (M,), nats. Ambiguous bases and those beyond the end do not count.
        """
        return rbs_log_odds(
            symbols, places, strand < 0, self.weights, self.spacers, int(SPACERS[0])
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the tables by name, for a file."""
        return {"weights": self.weights, "spacers": self.spacers}


def _starts(genes: Sequence[CodingSequence], strand: int, length: int) -> np.ndarray:
    """Places of complete starts on a strand, in its direction."""
    own = (g for g in genes if g.strand == strand and not g.partial5 and len(g.parts) == 1)
    places = [g.five_prime if strand > 0 else length - 1 - g.five_prime for g in own]
    return np.array(places, dtype=np.int64)


def _before(symbols: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Bases before starts, int8 (n, 22), -1 for ambiguous ones and beyond the end."""
    padded = np.concatenate([np.full(_REACH, -1, np.int8), base_numbers(symbols)])
    return padded[starts[:, None] + np.arange(_REACH)]

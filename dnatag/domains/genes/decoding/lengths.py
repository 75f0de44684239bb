"""The length of a gene as evidence for it.

The network adds up evidence base by base and is too sure of each base, so it misses long genes of
genomes unlike those that it was trained on. A start determines the stop, so any function of a
gene's length is a score of its start, and decoding stays exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dnatag.domains.genes.loops import score_lengths
from dnatag.domains.genes.structures.base import GeneStructure

__all__ = ["LengthScores", "LengthSettings"]


@dataclass(frozen=True)
class LengthSettings:
    """The score of a gene's length, and how much the network's scores count beside it.

    They were fitted on genera that the network was not trained on: a logistic regression of
    annotated among all open frames on the scores of the network and the logarithm of the length.
    Further terms (the open frame's length, GC content, products of them) gained nothing.

    Attributes
    ----------
    scale : float
        Factor of the network's scores.
    offset, slope : float
        Score of a gene of 500 bases, and what is added if it is e times as long; in nats.
    longest : int
        Genes count as no longer than so many bases.
    """

    scale: float = 0.7
    offset: float = 2.5
    slope: float = 1.8
    longest: int = 10_000

    def score(self, lengths: np.ndarray) -> np.ndarray:
        """Return the score of genes of some lengths in bases, float32 (n,)."""
        times = np.minimum(lengths, self.longest) / 500
        scores: np.ndarray = self.offset + self.slope * np.log(times)
        return scores.astype(np.float32)

    @cached_property
    def by_length(self) -> np.ndarray:
        """The scores of genes of 0, 1, ... bases, float32 (longest + 1,); the first is no gene."""
        return np.append(np.float32(0), self.score(np.arange(1, self.longest + 1)))


@dataclass(frozen=True)
class LengthScores:
    """Puts scores of lengths into the scores of a grammar.

    Parameters
    ----------
    structure : GeneStructure
        Names the scores of frames and starts.
    settings : LengthSettings
        The numbers.
    """

    structure: GeneStructure
    settings: LengthSettings

    def apply(
        self,
        scores: np.ndarray,
        flags: np.ndarray,
        rows: np.ndarray,
        lengths: np.ndarray,
        begins: np.ndarray,
        ends: np.ndarray,
    ) -> None:
        """Scale the scores of stretches, and add those of lengths to their starts.

        A gene that runs off an end of its segment is as long as what is seen of it. Without a
        start it has its score at the first base in its direction.

        Parameters
        ----------
        scores : numpy.ndarray
            float32 (B, L, C), changed in place.
        flags : numpy.ndarray
            uint8 (B, L), property words.
        rows : numpy.ndarray
            Integers (R,), the rows that this is done with.
        lengths : numpy.ndarray
            Integers (B,), bases of the stretches.
        begins, ends : numpy.ndarray
            bool (B,), whether a segment begins and ends with the stretch.
        """
        settings = self.settings
        score_lengths(
            scores, flags, rows, lengths, begins, ends, self._columns, settings.scale,
            settings.by_length,
        )  # fmt: skip

    @cached_property
    def _columns(self) -> np.ndarray:
        """Columns of the frames and starts of either strand."""
        frames, starts = self.structure.frames, self.structure.start_scores
        names = (*frames[:3], starts[0], *frames[3:], starts[1])
        return np.array([self.structure.grammar.scores.index(name) for name in names])

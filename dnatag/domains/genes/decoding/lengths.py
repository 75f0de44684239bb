"""The length of a gene as evidence for it.

The network adds up evidence base by base and is too sure of each base, so it misses long genes of
genomes unlike those that it was trained on. A start determines the stop, so any function of a
gene's length is a score of its start, and decoding stays exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dnatag.domains.genes.codes import START, START_REVERSE, STOP, STOP_REVERSE
from dnatag.domains.genes.loops import add_by_length
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
    offset: float = 2.2
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

    def apply(self, scores: np.ndarray, flags: np.ndarray, *, begins: bool, ends: bool) -> None:
        """Scale the scores of a stretch, and add those of lengths to its starts.

        A gene that runs off an end of its segment is as long as what is seen of it. Without a
        start it has its score at the first base in its direction.

        Parameters
        ----------
        scores : numpy.ndarray
            float32 (n, C), changed in place.
        flags : numpy.ndarray
            uint8 (n,), property words.
        begins, ends : bool
            Whether a segment begins and ends with the stretch.
        """
        names = self.structure.grammar.scores
        scores *= self.settings.scale
        half = len(self.structure.frames) // 2
        forward = START, STOP, len(flags) - 1, 1
        reverse = START_REVERSE, STOP_REVERSE, 0, -1
        for start, frames, strand, edge, is_open in zip(
            self.structure.start_scores,
            (self.structure.frames[:half], self.structure.frames[half:]),
            (forward, reverse),
            (0, -1),
            (begins, ends),
            strict=True,
        ):
            table = self.settings.by_length
            first = add_by_length(scores, names.index(start), flags, *strand, table)
            if is_open:
                columns = [names.index(frames[-phase % 3]) for phase in range(3)]
                scores[edge, columns] += self.settings.score(first)

"""The length of a gene as evidence for it.

The network adds up evidence base by base and is too sure of each base, so it misses long genes of
genomes unlike those that it was trained on. A start determines the stop, so any function of a
gene's length is a score of its start, and decoding stays exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dnatag.domains.genes.codes import START, START_REVERSE, STOP, STOP_REVERSE
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
        frames = [names.index(frame) for frame in self.structure.frames]
        plus, minus = (names.index(start) for start in self.structure.start_scores)
        scores[:, [*frames, plus, minus]] *= self.settings.scale
        self._add(scores, plus, frames[:3], flags & START, flags & STOP, begins)
        self._add(
            scores[::-1],
            minus,
            frames[3:],
            flags[::-1] & START_REVERSE,
            flags[::-1] & STOP_REVERSE,
            ends,
        )

    def _add(
        self,
        scores: np.ndarray,
        column: int,
        frames: list[int],
        is_start: np.ndarray,
        is_stop: np.ndarray,
        begins: bool,
    ) -> None:
        """Add the scores of one strand, all in its direction."""
        starts, stops = np.flatnonzero(is_start), np.flatnonzero(is_stop)
        for frame in range(3):
            own = starts[starts % 3 == frame]
            # Where the stop codons end; what has none is open to the last base.
            last = np.append(stops[(stops - 2) % 3 == frame], len(scores) - 1)
            stop = last[np.searchsorted(last[:-1], own + 2)]
            scores[own, column] += self.settings.score(stop - own + 1)
            if begins:
                scores[0, frames[-frame % 3]] += self.settings.score(last[:1] + 1)[0]

"""The posterior distribution of the labellings of some sequences."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from dnatag.engine.crf.chain import Chain, Segment
from dnatag.formats.text.tokens import Entity, Span

__all__ = ["Posterior", "Stretch"]


class Stretch(NamedTuple):
    """What a span means to the CRF: at each token from `start` on, the states a path may be in.

    Attributes
    ----------
    start : int
        First token.
    states : numpy.ndarray
        bool (tokens, S).
    """

    start: int
    states: np.ndarray


@dataclass(frozen=True)
class Posterior:
    """All labellings of B sequences and how probable each is, by the scores of a network.

    Parameters
    ----------
    chain : Chain
        The CRF over the sequences, none of them empty, for S states.
    stretch : callable
        Returns what a span means to the CRF, for the span and the number of tokens of its sequence.
    """

    chain: Chain[np.ndarray]
    stretch: Callable[[Span, int], Stretch]

    def most_probable(self) -> list[np.ndarray]:
        """Return the most probable path of each sequence, int (tokens,)."""
        return self._trim(self.chain.viterbi()[0])

    def k_best(self, k: int) -> list[list[tuple[float, np.ndarray]]]:
        """Return the `k` most probable paths of each sequence, best first, with probabilities."""
        total = self.chain.log_partition().tolist()
        return [
            [(math.exp(s - all_), p) for s, p in zip(totals.tolist(), paths, strict=True)]
            for all_, (paths, totals) in zip(total, self.chain.k_best(k), strict=True)
        ]

    def draw(self, number: int, never: Collection[str] = ()) -> list[np.ndarray]:
        """Draw paths of each sequence, int (`number`, tokens), as often as they are probable.

        The weights of the grammar that are named by `never` are not in any of them.
        """
        excluded = np.array([weight in never for weight in self.chain.grammar.weights], bool)
        # A score that all others together cannot make up for.
        weights = np.where(excluded, np.float32(-1e9), self.chain.weights)
        drawn = replace(self.chain, weights=weights).sample(number)
        return [paths.T for paths in self._trim(drawn.transpose(0, 2, 1))]

    def marginals(self, project: np.ndarray | None = None) -> list[np.ndarray]:
        """Return the probability of each state at each token of each sequence.

        Parameters
        ----------
        project
            float32 (S, P): give the marginals times this matrix.

        Returns
        -------
        list of numpy.ndarray
            float32 (tokens, S) or (tokens, P).
        """
        return self._trim(self.chain.marginals(project))

    def entities(self, spans: Sequence[Sequence[Span]]) -> list[list[Entity]]:
        """Give spans of each sequence the probability that they are part of its labelling."""
        lengths = self.chain.lengths.tolist()
        numbers: dict[bytes, int] = {}
        sets: list[np.ndarray] = []
        segments: dict[tuple[int, Span], Segment] = {}
        for i, span in dict.fromkeys((i, span) for i, row in enumerate(spans) for span in row):
            stretch = self.stretch(span, lengths[i])
            indices = []
            for row in stretch.states:
                if (number := numbers.setdefault(row.tobytes(), len(sets))) == len(sets):
                    sets.append(row)
                indices.append(number)
            segments[i, span] = Segment(i, stretch.start, np.array(indices, np.int64))
        if not segments:
            return [[] for _ in spans]
        logs = self.chain.segment_log_posterior(list(segments.values()), np.stack(sets))
        probabilities = dict(zip(segments, np.exp(logs).clip(0, 1).tolist(), strict=True))
        return [
            [Entity(span.type, span.start, span.end, probabilities[i, span]) for span in row]
            for i, row in enumerate(spans)
        ]

    def _trim(self, padded: np.ndarray) -> list[np.ndarray]:
        """Return the rows of the sequences without what stands past their ends."""
        return [row[:n] for row, n in zip(padded, self.chain.lengths, strict=True)]

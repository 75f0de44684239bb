"""The posterior distribution of the labellings of some sequences."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dnatag.engine import crf
from dnatag.engine.crf.grammar import Grammar
from dnatag.formats.text.tokens import Entity, Span

__all__ = ["Posterior", "Stretch"]


class Stretch(NamedTuple):
    """What a span is to the CRF: at each token from `start` on, the states a path may be in.

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
    grammar : Grammar
        Of S states.
    scores : Tensor
        float32 (B, L, C).
    weights : Tensor
        float32, the weights of the grammar's transitions.
    lengths : Tensor
        int64 (B,), none of them 0.
    stretch : callable
        What a span of a sequence of so many tokens is to the CRF.
    """

    grammar: Grammar
    scores: Tensor
    weights: Tensor
    lengths: Tensor
    stretch: Callable[[Span, int], Stretch]

    def most_probable(self) -> list[np.ndarray]:
        """Return the most probable path of each sequence, int (tokens,)."""
        return self._trim(self._crf.viterbi(*self._inputs)[0])

    def k_best(self, k: int) -> list[list[tuple[float, np.ndarray]]]:
        """Return the `k` most probable paths of each sequence, best first, with probabilities."""
        total = self._crf.log_partition(*self._inputs).tolist()
        found = self._crf.k_best(*self._inputs, k)
        return [
            [(math.exp(s - all_), p) for s, p in zip(totals.tolist(), paths.numpy(), strict=True)]
            for all_, (paths, totals) in zip(total, found, strict=True)
        ]

    def draw(self, number: int, never: Collection[str] = ()) -> list[np.ndarray]:
        """Draw paths of each sequence, int (`number`, tokens), as often as they are probable.

        The weights of the grammar that are named by `never` are not in any of them.
        """
        excluded = [weight in never for weight in self.grammar.weights]
        # A score that all others together cannot make up for.
        weights = self.weights.masked_fill(torch.tensor(excluded, device=self.weights.device), -1e9)
        drawn = self._crf.sample(*replace(self, weights=weights)._inputs, number)
        return [paths.T for paths in self._trim(drawn.transpose(1, 2))]

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
        table = None if project is None else torch.from_numpy(project).to(self.scores.device)
        return self._trim(self._crf.marginals(*self._inputs, project=table))

    def entities(self, spans: Sequence[Sequence[Span]]) -> list[list[Entity]]:
        """Give spans of each sequence the probability that they are part of its labelling."""
        lengths = self.lengths.tolist()
        numbers: dict[bytes, int] = {}
        sets: list[np.ndarray] = []
        segments: dict[tuple[int, Span], crf.Segment] = {}
        for i, span in dict.fromkeys((i, span) for i, row in enumerate(spans) for span in row):
            stretch = self.stretch(span, lengths[i])
            indices = []
            for row in stretch.states:
                if (number := numbers.setdefault(row.tobytes(), len(sets))) == len(sets):
                    sets.append(row)
                indices.append(number)
            segments[i, span] = crf.Segment(i, stretch.start, np.array(indices, np.int64))
        if not segments:
            return [[] for _ in spans]
        table = torch.from_numpy(np.stack(sets)).to(self.scores.device)
        logs: Tensor = self._crf.segment_log_posterior(
            *self._inputs, list(segments.values()), table
        )
        probabilities = dict(zip(segments, logs.exp().clamp(0, 1).tolist(), strict=True))
        return [
            [Entity(span.type, span.start, span.end, probabilities[i, span]) for span in row]
            for i, row in enumerate(spans)
        ]

    @property
    def _crf(self) -> crf.CRF:
        return crf.implementation(self.scores.device.type)

    @property
    def _inputs(self) -> tuple[Grammar, Tensor, Tensor, Tensor, Tensor]:
        """What the functions of the CRF are called with."""
        flags = self.scores.new_zeros(self.scores.shape[:2], dtype=torch.uint8)
        return self.grammar, self.scores, self.weights, flags, self.lengths

    def _trim(self, padded: Tensor) -> list[np.ndarray]:
        """Arrays of the sequences without what stands behind their ends."""
        rows = padded.cpu().numpy()
        return [row[:n] for row, n in zip(rows, self.lengths.tolist(), strict=True)]

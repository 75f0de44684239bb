"""The scores of starts: what the network says of them, and what the signals of the genome say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dnatag.domains.genes.decoding.chunks import PaddedContig
from dnatag.domains.genes.decoding.joined import JoinedSequences, by_parameters
from dnatag.domains.genes.decoding.settings import DecodingSettings
from dnatag.domains.genes.loops import centre_starts
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.domains.genes.signals.gene_signals import start_evidence
from dnatag.domains.genes.structures.base import GeneStructure
from dnatag.engine.inference.tiles import TileEncoder
from dnatag.engine.inference.windows import EncodedWindow

__all__ = ["StartScorer"]


class StartScorer:
    """Scores the starts of windows that the network has encoded.

    Parameters
    ----------
    structure : GeneStructure
        Names the scores of frames and starts.
    encoder : TileEncoder
        The network.
    settings : DecodingSettings
        What signals count beside it.
    """

    def __init__(
        self, structure: GeneStructure, encoder: TileEncoder, settings: DecodingSettings
    ) -> None:
        names = structure.grammar.scores
        self._frames = np.array([names.index(frame) for frame in structure.frames])
        self._reverse_start = names.index(structure.start_scores[1])
        self._encoder = encoder
        self._settings = settings

    def score(self, windows: Sequence[EncodedWindow], sequences: Sequence[PaddedContig]) -> None:
        """Score starts, in place.

        Parameters
        ----------
        windows : sequence of EncodedWindow
            Whose starts have no scores yet, or others.
        sequences : sequence of PaddedContig
            The contig of each.
        """
        for group in by_parameters(sequences):
            self._score(
                [windows[i] for i in group],
                [sequences[i] for i in group],
                sequences[group[0]].parameters,
            )

    def _score(
        self,
        windows: Sequence[EncodedWindow],
        sequences: Sequence[PaddedContig],
        parameters: GenomeParameters,
    ) -> None:
        """Score the starts of contigs that have the same parameters."""
        stretches = (
            (sequence, w.window.start, w.window.end)
            for sequence, w in zip(sequences, windows, strict=True)
        )
        joined = JoinedSequences.of(stretches, parameters.code)
        numbers = [len(w.position) for w in windows]
        position, column, hidden = (
            np.concatenate([getattr(w, name) for w in windows])
            for name in ("position", "column", "hidden")
        )
        firsts = [w.window.start + at for w, at in zip(windows, joined.offsets, strict=True)]
        places = position + np.repeat(firsts, numbers)
        features = parameters.start_signals.features(joined.symbols, joined.flags, places)
        scores = self._encoder.score(column, hidden, features)
        reverse = column == self._reverse_start
        evidence = np.zeros_like(scores)
        for strand, own in ((1, ~reverse), (-1, reverse)):
            log_odds = parameters.rbs.log_odds(joined.symbols, places[own], strand)
            scores[own] += self._settings.rbs_weight * log_odds
            evidence[own] = start_evidence(
                features[own], strand, self._settings.codon_weight, self._settings.profile_weight
            )
        if parameters.estimated:
            scores += self._centred(windows, position, reverse, scores, evidence)
        bounds = np.cumsum([0, *numbers]).tolist()
        for window, low, high in zip(windows, bounds, bounds[1:], strict=False):
            window.scores[position[low:high], column[low:high]] = scores[low:high]

    def _centred(
        self,
        windows: Sequence[EncodedWindow],
        position: np.ndarray,
        reverse: np.ndarray,
        scores: np.ndarray,
        evidence: np.ndarray,
    ) -> np.ndarray:
        """Centre evidence, so that a gene is as probable with it as without.

        A start determines the stop, so a number of each stop can be taken off the scores of its
        starts, and decoding stays exact.
        """
        bounds = np.cumsum([0, *(len(w.scores) for w in windows)])
        numbers = [len(w.position) for w in windows]
        return centre_starts(
            np.concatenate([w.scores for w in windows]) if len(windows) > 1 else windows[0].scores,
            np.concatenate([w.window.flags[w.window.start : w.window.end] for w in windows]),
            bounds,
            self._frames,
            position + np.repeat(bounds[:-1], numbers),
            reverse,
            scores,
            evidence,
            self._settings.lengths.scale,
        )

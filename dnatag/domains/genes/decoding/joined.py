"""Sequences joined to one, so that what is short is looked at in one go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.decoding.chunks import PaddedContig
from dnatag.engine.inference.windows import FeatureFunction

__all__ = ["JoinedSequences", "by_parameters", "feature_functions"]

#: Bases of a sequence whose features are computed at once.
_SHORT = 50_000
#: No signal of a base reaches so many bases further.
_REACH = 64


class JoinedSequences(NamedTuple):
    """Stretches of contigs of a genome, as far apart from each other as no signal reaches.

    What is between them is like what is beyond the ends of a contig, so that the signals of each
    base are those that it has on its contig.

    Attributes
    ----------
    symbols, flags : numpy.ndarray
        uint8 (L,), flags as the genetic code gives them.
    offsets : list of int
        For each stretch, what is added to a place in its contig.
    """

    symbols: np.ndarray
    flags: np.ndarray
    offsets: list[int]

    @classmethod
    def of(
        cls, stretches: Iterable[tuple[PaddedContig, int, int]], code: GeneticCode
    ) -> JoinedSequences:
        """Join stretches, and what their signals depend on.

        Parameters
        ----------
        stretches : iterable of (PaddedContig, int, int)
            Contigs, and what to take of each, 0-based and half-open, the padding counted.
        code : GeneticCode
            That of all.
        """
        gap = np.zeros(_REACH, np.uint8)
        parts: list[np.ndarray] = []
        offsets: list[int] = []
        size = 0
        for sequence, low, high in stretches:
            here = slice(max(low - _REACH, 0), high + _REACH)
            parts += sequence.symbols[here], gap
            offsets.append(size - here.start)
            size += len(parts[-2]) + _REACH
        symbols = np.concatenate(parts)
        return cls(symbols, code.properties(symbols), offsets)


def by_parameters(sequences: Sequence[PaddedContig]) -> list[list[int]]:
    """Group sequences, by their indices, that have the same object for parameters."""
    groups: dict[int, list[int]] = {}
    for i, sequence in enumerate(sequences):
        groups.setdefault(id(sequence.parameters), []).append(i)
    return list(groups.values())


def feature_functions(sequences: Sequence[PaddedContig]) -> list[FeatureFunction]:
    """Give for each sequence what gives its features, for the runner.

    Those of short sequences are computed at once. They are those of all starts, also of short
    genes, which the network was trained with.
    """
    functions: list[FeatureFunction] = [partial(_features, s) for s in sequences]
    short = [i for i, s in enumerate(sequences) if len(s.symbols) <= _SHORT]
    for group in by_parameters([sequences[i] for i in short]):
        chosen = [short[i] for i in group]
        parameters = sequences[chosen[0]].parameters
        joined = JoinedSequences.of(
            ((sequences[i], 0, len(sequences[i].symbols)) for i in chosen), parameters.code
        )
        table = parameters.signals.features(joined.symbols, joined.flags)
        for i, offset in zip(chosen, joined.offsets, strict=True):
            functions[i] = partial(_rows, table, offset)
    return functions


def _features(sequence: PaddedContig, places: np.ndarray) -> np.ndarray:
    """Give the features of places of a sequence."""
    low, high = (int(places.min()), int(places.max()) + 1) if len(places) else (0, 0)
    parameters = sequence.parameters
    around = JoinedSequences.of([(sequence, low, high)], parameters.code)
    places = places + around.offsets[0]
    return parameters.signals.features(around.symbols, around.flags, places)


def _rows(table: np.ndarray, offset: int, places: np.ndarray) -> np.ndarray:
    """Take the features of places of a sequence from those of all."""
    rows: np.ndarray = table[places + offset]
    return rows

"""Sequences joined to one, so that what is short is looked at in one go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from dnatag.domains.genes.decoding.chunks import PaddedContig
from dnatag.engine.inference.windows import FeatureFunction

__all__ = ["JoinedSequences", "by_parameters", "feature_functions"]

#: Bases of a sequence whose features are computed at once.
_SHORT = 50_000
#: No signal of a base reaches so many bases further.
_REACH = 64


class JoinedSequences(NamedTuple):
    """Stretches of contigs, as far apart from each other as no signal reaches.

    What is between them is like what is beyond the ends of a contig, so that the signals of each
    base are those that it has on its contig.

    Attributes
    ----------
    symbols, codons : numpy.ndarray
        uint8 (L,), as of :class:`dnatag.domains.genes.decoding.chunks.PaddedContig`.
    offsets : list of int
        For each stretch, what is added to a place in its contig.
    """

    symbols: np.ndarray
    codons: np.ndarray
    offsets: list[int]

    @classmethod
    def of(cls, stretches: Iterable[tuple[PaddedContig, int, int]]) -> JoinedSequences:
        """Join stretches, and what their signals depend on.

        Parameters
        ----------
        stretches : iterable of (PaddedContig, int, int)
            Contigs, and what to take of each, 0-based and half-open, the padding counted.
        """
        gap = np.zeros(_REACH, np.uint8)
        symbols: list[np.ndarray] = []
        codons: list[np.ndarray] = []
        offsets: list[int] = []
        size = 0
        for sequence, low, high in stretches:
            here = slice(max(low - _REACH, 0), high + _REACH)
            symbols += sequence.symbols[here], gap
            codons += sequence.codons[here], gap
            offsets.append(size - here.start)
            size += len(symbols[-2]) + _REACH
        return cls(np.concatenate(symbols), np.concatenate(codons), offsets)


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
    functions: list[FeatureFunction] = [
        partial(s.parameters.signals.features, s.symbols, s.codons) for s in sequences
    ]
    short = [i for i, s in enumerate(sequences) if len(s.symbols) <= _SHORT]
    for group in by_parameters([sequences[i] for i in short]):
        chosen = [short[i] for i in group]
        own = [sequences[i] for i in chosen]
        joined = JoinedSequences.of((s, 0, len(s.symbols)) for s in own)
        table = own[0].parameters.signals.features(joined.symbols, joined.codons)
        for i, offset in zip(chosen, joined.offsets, strict=True):
            functions[i] = partial(_rows, table, offset)
    return functions


def _rows(table: np.ndarray, offset: int, places: np.ndarray) -> np.ndarray:
    """Take the features of places of a sequence from those of all."""
    rows: np.ndarray = table[places + offset]
    return rows

"""Contigs as the network and the decoder get them: padded, unrolled, cut into chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from dnatag.domains.genes.codes import START, START_REVERSE, STOP, STOP_REVERSE
from dnatag.domains.genes.decoding.settings import DecodingSettings
from dnatag.domains.genes.loops import drop_starts, least_rotation, mark_repeats
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.engine.batching import split
from dnatag.formats.sequences.records import Contig

__all__ = ["Chunk", "PaddedContig", "chunks_of", "groups"]

Item = TypeVar("Item")


@dataclass(frozen=True)
class PaddedContig:
    """A contig as the network reads it: padded at both ends alike to whole steps.

    A circle is unrolled: from its least rotation, with the ends repeated on the other side. Base i
    of the unrolled circle is base i + shift of the contig, modulo its length.

    Attributes
    ----------
    contig : Contig
        The contig.
    parameters : GenomeParameters
        Those of its genome.
    symbols, flags : numpy.ndarray
        uint8 (L,), of the unrolled sequence with its padding: its flags without those of starts
        that genes may not have.
    pad : int
        Bases of padding at each end.
    shift : int
        0 if the contig is no circle.
    mask : numpy.ndarray or None
        bool (L - 2 * pad,), where no gene may be.
    repeats : numpy.ndarray
        Integers (R, 2), where short tandem repeats are, without the padding, 0-based and half-open.
    """

    contig: Contig
    parameters: GenomeParameters
    symbols: np.ndarray
    flags: np.ndarray
    pad: int
    repeats: np.ndarray
    shift: int = 0
    mask: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        contig: Contig,
        parameters: GenomeParameters,
        min_length: int,
        settings: DecodingSettings,
        regions: Sequence[tuple[int, int]] = (),
    ) -> PaddedContig:
        """Pad a contig, and unroll it if it is a circle.

        Parameters
        ----------
        contig, parameters
            See above.
        min_length : int
            Shortest gene, in bases.
        settings : DecodingSettings
            How much of a circle is repeated, which genes are very short, what tandem repeats are.
        regions : sequence of (int, int)
            Where no gene may be, 0-based and half-open.
        """
        symbols, shift = encode(contig.sequence), 0
        if contig.circular:
            rotation, repeat = least_rotation(symbols), min(settings.overlap, len(symbols))
            symbols = np.roll(symbols, -rotation)
            symbols = np.concatenate([symbols[-repeat:], symbols, symbols[:repeat]])
            shift = rotation - repeat
        length = len(symbols)
        pad = (0, 1, 2)[length % 3]
        padded = np.zeros(length + 2 * pad, np.uint8)
        padded[pad : pad + length] = symbols
        symbols = padded[pad : pad + length]
        mask = None
        if regions:
            mask = np.zeros(len(contig), dtype=bool)
            for start, end in regions:
                mask[start:end] = True
            if contig.circular:
                mask = mask[(np.arange(length) + shift) % len(contig)]
        flags = parameters.code.usual.properties(padded)
        # Very short genes are not even begun, which saves looking at half of the starts; of the
        # others a short one is dropped in the end, rather than stretched to a start further up.
        shortest = min(min_length, settings.very_short)
        # A gene goes round a circle once at most.
        longest = len(contig) if contig.circular else len(flags)
        drop_starts(flags, START, STOP, len(flags) - 1, 1, shortest, longest)
        drop_starts(flags, START_REVERSE, STOP_REVERSE, 0, -1, shortest, longest)
        repeats = _repeats(symbols, settings.repeat_period, settings.repeat_length)
        return cls(contig, parameters, padded, flags, pad, repeats, shift, mask)

    def __len__(self) -> int:
        """Bases, of a circle as it is unrolled."""
        return len(self.symbols) - 2 * self.pad

    def segments(self, gap: int) -> list[tuple[int, int]]:
        """Return the stretches between gaps, 0-based and half-open, without the padding.

        Parameters
        ----------
        gap : int
            Fewest N of a gap.
        """
        unknown = self.symbols[self.pad :][: len(self)] == 15
        if not unknown.any():
            return [(0, len(self))]
        edges = np.flatnonzero(np.diff(unknown, prepend=False, append=False))
        gaps = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= gap]
        bounds = [0, *(int(x) for ends in gaps for x in ends), len(self)]
        return [(a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=True) if b > a]


def _repeats(symbols: np.ndarray, period: int, shortest: int) -> np.ndarray:
    """Find tandem repeats, integers (R, 2), see :func:`dnatag.native.loops.mark_repeats`."""
    marked = np.zeros(len(symbols), dtype=bool)
    if not mark_repeats(symbols, period, shortest, marked):
        return np.zeros((0, 2), np.int64)
    edges = np.flatnonzero(marked[1:] != marked[:-1]) + 1
    if marked[0]:
        edges = np.append(0, edges)
    if marked[-1]:
        edges = np.append(edges, len(marked))
    return edges.reshape(-1, 2)


@dataclass(frozen=True)
class Chunk:
    """A stretch of a contig that is decoded at once.

    Attributes
    ----------
    sequence : int
        Number of the contig.
    low, high : int
        0-based and half-open, without the padding.
    begins, ends : bool
        Whether a segment does so there.
    """

    sequence: int
    low: int
    high: int
    begins: bool
    ends: bool

    def __len__(self) -> int:
        """Bases."""
        return self.high - self.low

    def owns(self, place: int, overlap: int) -> bool:
        """Whether a base is in this chunk but not in what it shares with its neighbours."""
        low = self.low + (0 if self.begins else overlap)
        high = self.high - (0 if self.ends else overlap)
        return low <= place < high


def chunks_of(number: int, sequence: PaddedContig, settings: DecodingSettings) -> Iterator[Chunk]:
    """Cut the segments of a contig into chunks that overlap.

    Parameters
    ----------
    number : int
        Number of the contig.
    sequence : PaddedContig
        The contig.
    settings : DecodingSettings
        Sizes of gaps, chunks and overlaps.
    """
    for start, end in sequence.segments(settings.gap):
        for low, high in pairwise(start + bound for bound in split(end - start, settings.chunk)):
            yield Chunk(
                number,
                max(low - settings.overlap, start),
                min(high + settings.overlap, end),
                low == start,
                high == end,
            )


def groups(
    items: Iterable[Item], limit: int, size: Callable[[Any], int] = len
) -> Iterator[list[Item]]:
    """Cut a stream into lists of at most `limit` bases, or one item.

    Parameters
    ----------
    items : iterable
        Contigs, chunks and the like.
    limit : int
        Most bases of a list.
    size : callable
        Returns the bases of an item.
    """
    group: list[Item] = []
    total = 0
    for item in items:
        if group and total + size(item) > limit:
            yield group
            group, total = [], 0
        group.append(item)
        total += size(item)
    if group:
        yield group

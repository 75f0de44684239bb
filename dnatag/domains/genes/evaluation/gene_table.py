"""Genes as arrays, and as intervals on a line, to match and to count them by the million."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dnatag.errors import InputError
from dnatag.formats.sequences.records import CodingSequence

__all__ = ["Axis", "Cover", "GeneTable"]


class Axis:
    """All contigs one after the other, six times: once for each strand and frame.

    The coordinates of a gene's interval then give strand, frame and contig, and any
    question about overlaps is one about intervals on a line.
    """

    def __init__(self, lengths: Mapping[str, int]) -> None:
        self.lengths = lengths
        ends = np.cumsum([0, *lengths.values()]).tolist()
        self.offset = dict(zip(lengths, ends[:-1], strict=True))
        self.total: int = ends[-1]

    def offset_of(self, cds: CodingSequence) -> int:
        """Position of the first base of the contig of a CDS."""
        if cds.contig not in self.offset:
            raise InputError(
                f"CDS {cds.id or '?'} is on contig {cds.contig}, which the genome does not have; "
                "give the genome of the annotation"
            )
        if max(end for _, end in cds.parts) > self.lengths[cds.contig]:
            raise InputError(
                f"CDS {cds.id or '?'} ({cds.start + 1}..{cds.end}) ends past the end of contig "
                f"{cds.contig} ({self.lengths[cds.contig]} bp)"
            )
        return int(self.offset[cds.contig])


@dataclass(frozen=True)
class GeneTable:
    """Genes as arrays.

    Attributes
    ----------
    stop, start : int64, shape (n,)
        Strand and position of the last and the first base, as one number.
    open5 : bool, shape (n,)
        Whether the start is missing.
    length : int64, shape (n,)
        Bases.
    owner, left, right : int64, shape (m,)
        The intervals of the genes on the axis.
    """

    stop: np.ndarray
    start: np.ndarray
    open5: np.ndarray
    length: np.ndarray
    owner: np.ndarray
    left: np.ndarray
    right: np.ndarray

    @classmethod
    def of(
        cls, genes: Sequence[CodingSequence], axis: Axis, both_frames: bool = False
    ) -> GeneTable:
        """Lay genes on the axis, in the frame of their stop, or also in that of their start."""
        ends, intervals = [], []
        for i, cds in enumerate(genes):
            offset, reverse = axis.offset_of(cds), cds.strand < 0
            ends.append(
                (
                    2 * (offset + cds.three_prime) + reverse,
                    2 * (offset + cds.five_prime) + reverse,
                    cds.partial5,
                    len(cds),
                )
            )
            frames = {tuple(_frames(cds, from_start=cds.partial3))}
            if both_frames:
                frames.add(tuple(_frames(cds, from_start=not cds.partial3)))
            intervals += [
                (i, frame * axis.total + offset + start, frame * axis.total + offset + end)
                for of_parts in frames
                for frame, (start, end) in zip(of_parts, cds.parts, strict=True)
            ]
        stop, start, open5, length = np.array(ends, dtype=np.int64).reshape(-1, 4).T
        owner, left, right = np.array(intervals, dtype=np.int64).reshape(-1, 3).T
        return cls(stop, start, open5.astype(bool), length, owner, left, right)

    def __len__(self) -> int:
        """Genes."""
        return len(self.stop)

    def keep(self, mask: np.ndarray) -> GeneTable:
        """Return the genes of a boolean mask of shape (n,), in order."""
        new = np.cumsum(mask) - 1
        of_kept = mask[self.owner]
        return GeneTable(
            self.stop[mask],
            self.start[mask],
            self.open5[mask],
            self.length[mask],
            new[self.owner[of_kept]],
            self.left[of_kept],
            self.right[of_kept],
        )

    def longest_by_stop(self) -> GeneTable:
        """Return one gene for each stop, the longest."""
        order = np.lexsort((-self.length, self.stop))
        mask = np.zeros(len(self), dtype=bool)
        mask[order[np.unique(self.stop[order], return_index=True)[1]]] = True
        return self.keep(mask)

    def match(self, other: GeneTable) -> np.ndarray:
        """Return the gene of ``other`` with the same stop for each gene here, or -1.

        ``other`` has one gene for each stop.
        """
        if not len(other):
            return np.full(len(self), -1)
        order = np.argsort(other.stop)
        at = np.searchsorted(other.stop[order], self.stop)
        candidate = order[np.minimum(at, len(other) - 1)]
        return np.where(other.stop[candidate] == self.stop, candidate, -1)

    def has_stop_of(self, other: GeneTable) -> np.ndarray:
        """Whether each gene ends where one of the others does."""
        return np.isin(self.stop, other.stop)

    def start_agrees(self, other: GeneTable, partner: np.ndarray) -> np.ndarray:
        """Whether each gene has a partner, and its start; ``partner`` is from :meth:`match`."""
        agrees = np.zeros(len(self), dtype=bool)
        here = np.flatnonzero(partner >= 0)
        there = partner[here]
        agrees[here] = (self.start[here] == other.start[there]) | (
            self.open5[here] & other.open5[there]
        )
        return agrees

    def overlaps(self, other: GeneTable) -> np.ndarray:
        """Whether each gene shares a base, strand and frame with one of the others."""
        shared = Cover.of(other).shared(self.left, self.right)
        return np.bincount(self.owner, weights=shared, minlength=len(self)) > 0


@dataclass(frozen=True)
class Cover:
    """A union of intervals: disjoint, sorted, each int64 of shape (k,)."""

    left: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, *tables: GeneTable) -> Cover:
        """Merge the intervals of all genes."""
        left = np.concatenate([t.left for t in tables])
        right = np.concatenate([t.right for t in tables])
        order = np.argsort(left)
        left, right = left[order], np.maximum.accumulate(right[order])
        first = np.ones(len(left), dtype=bool)
        first[1:] = left[1:] > right[:-1]
        last = np.append(first[1:], True)[: len(left)]
        return cls(left[first], right[last])

    def __len__(self) -> int:
        """Bases covered."""
        return int((self.right - self.left).sum())

    def shared(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Bases of each of some intervals that are covered."""
        total = np.concatenate(([0], np.cumsum(self.right - self.left)))

        def before(position: np.ndarray) -> np.ndarray:
            whole = np.searchsorted(self.right, position)
            begun = np.searchsorted(self.left, position) > whole
            into = position - np.append(self.left, 0)[whole]
            return total[whole] + np.where(begun, into, 0)

        covered: np.ndarray = before(right) - before(left)
        return covered

    def __and__(self, other: Cover) -> int:
        """Bases that both cover."""
        return int(self.shared(other.left, other.right).sum())


def _frames(cds: CodingSequence, from_start: bool) -> Iterable[int]:
    """Frame of each part: 0 to 2 on the forward, 3 to 5 on the reverse strand.

    It is the coordinate of the leftmost base of a codon modulo 3, counted from the start of the
    gene or from its stop.
    """
    sizes = [end - start for start, end in cds.parts]
    from_left = from_start == (cds.strand > 0)
    skipped = cds.strand * cds.phase if from_start else 0
    for i, (start, end) in enumerate(cds.parts):
        edge = start - sum(sizes[:i]) if from_left else end + sum(sizes[i + 1 :])
        yield 3 * (cds.strand < 0) + (edge + skipped) % 3

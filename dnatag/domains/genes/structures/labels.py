"""Genes to labels and back.

Labels are sets of allowed states: for each base a set of states of the gene structure. A base whose
genes are certain allows one state; where the annotation cannot be expressed or trusted all states
are allowed, and training marginalizes over them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from dnatag.domains.genes.codes import START, STOP, STOP_REVERSE, GeneticCode
from dnatag.domains.genes.loops import open_frames
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.structures.base import GeneStructure
from dnatag.formats.sequences.records import CodingSequence

__all__ = ["Labels", "OpenFrames", "genes_of_path", "label_genes", "leave_start_open"]


@dataclass
class Labels:
    """Labels of a contig.

    Attributes
    ----------
    allowed : numpy.ndarray
        Unsigned integers (L,), the set of allowed states of each base, see
        :attr:`dnatag.domains.genes.structures.base.GeneStructure.set_type`.
    genes : list of CodingSequence
        The genes that the labels express, the trustworthy ones.
    masked : collections.Counter
        Why the others are masked, and how many.
    """

    allowed: np.ndarray
    genes: list[CodingSequence] = field(default_factory=list)
    masked: Counter[str] = field(default_factory=Counter)


def _open_ends(cds: CodingSequence) -> tuple[bool, bool]:
    """Whether the left and the right end of a CDS are missing."""
    ends = (cds.partial5, cds.partial3)
    return ends if cds.strand > 0 else ends[::-1]


def _to_the_ends(cds: CodingSequence, length: int) -> CodingSequence:
    """Extend a partial CDS that stops one or two bases short of the contig's end to that end.

    Annotations often give only the whole codons of a partial gene.
    """
    left_open, right_open = _open_ends(cds)
    if len(cds.parts) > 1:
        return cds
    left = cds.start if left_open and 0 < cds.start < 3 else 0
    right = length - cds.end if right_open and 0 < length - cds.end < 3 else 0
    if not left and not right:
        return cds
    added5 = left if cds.strand > 0 else right
    return replace(
        cds,
        parts=((cds.start - left, cds.end + right),),
        phase=(cds.phase + added5) % 3 if cds.partial5 else cds.phase,
    )


def _fault(cds: CodingSequence, length: int, flags: np.ndarray) -> str | None:
    """Why a CDS can't be a label, or None."""
    if cds.pseudo:
        return "pseudogene"
    if cds.exception:
        return "translation exception"
    crosses_origin = len(cds.parts) == 2 and cds.parts[0][1] == length and cds.parts[1][0] == 0
    if len(cds.parts) > 1 and not crosses_origin:
        return "spliced or frameshifted"
    if cds.start < 0 or any(end > length for _, end in cds.parts):
        return "outside the contig"
    left_open, right_open = _open_ends(cds)
    if (left_open and cds.start > 0) or (right_open and cds.end < length):
        return "partial inside the contig"
    if not (left_open or right_open) and len(cds) % 3:
        return "length no multiple of three"
    positions = np.fromiter(cds, dtype=np.int64, count=len(cds))
    own = flags[positions] >> (0 if cds.strand > 0 else 2)
    offset = cds.phase if cds.partial5 else 0
    stops = own[offset + 2 :: 3] & STOP
    whole_codons = (len(cds) - offset) % 3 == 0
    if not cds.partial3 and not (len(stops) and stops[-1] and whole_codons):
        return "no stop codon at its end"
    if stops[: len(stops) - whole_codons].any():
        return "stop codon inside"
    if not cds.partial5 and not (own[:1] & START).any():
        return "no start codon at its beginning"
    return None


def _frames(cds: CodingSequence) -> list[tuple[int, int, np.ndarray]]:
    """Intervals of a CDS with the index of its open frame (0 to 5) at each base."""
    position = (np.arange(len(cds)) - (cds.phase if cds.partial5 else 0)) % 3
    if cds.strand < 0:
        position = position[::-1] + 3
    intervals, done = [], 0
    for start, end in cds.parts:
        intervals.append((start, end, position[done : done + end - start]))
        done += end - start
    return intervals


def _upstream_limit(cds: CodingSequence, flags: np.ndarray) -> int:
    """First base, in reading direction, of the longest gene with this stop codon."""
    step = 3 * cds.strand
    is_stop = STOP if cds.strand > 0 else STOP_REVERSE
    here = cds.five_prime
    while True:
        last = here - cds.strand  # of the codon before
        if not 0 <= last - 2 * cds.strand < len(flags):
            return 0 if cds.strand > 0 else len(flags) - 1
        if flags[last] & is_stop:
            return here
        here -= step


def leave_start_open(
    allowed: np.ndarray, cds: CodingSequence, flags: np.ndarray, structure: GeneStructure
) -> None:
    """Allow any start of a gene, up to its middle; other genes stay as they are.

    Parameters
    ----------
    allowed : numpy.ndarray
        The sets of allowed states of the contig's bases, see :class:`Labels`; is changed.
    cds : CodingSequence
        The gene, in one piece and with a start.
    flags : numpy.ndarray
        uint8 (L,), the properties of the bases.
    structure : GeneStructure
        Whose states the labels are.
    """
    middle = cds.five_prime + len(cds) // 2 * cds.strand
    low, high = sorted((_upstream_limit(cds, flags), middle))
    frame = (np.arange(low, high + 1) - cds.five_prime) * cds.strand % 3
    frame += 0 if cds.strand > 0 else len(structure.frames) // 2
    widened = np.zeros(len(frame), dtype=structure.set_type)
    for state, here in enumerate(structure.members(allowed[low : high + 1]).T):
        widened |= here * structure.with_and_without[frame, state]
    allowed[low : high + 1] |= widened


def _open(open_at: np.ndarray, cds: CodingSequence, structure: GeneStructure) -> str | None:
    """Open the frames of a CDS; or, where the structure has no state for that, return why."""
    opened = [(s, e, (1 << f).astype(np.uint8)) for s, e, f in _frames(cds)]
    widened = [(s, e, open_at[s:e] | frames) for s, e, frames in opened]
    # No gene passes a stop in frame: two that share a frame share their stop.
    if any((open_at[s:e] & frames).any() for s, e, frames in opened):
        return "second gene with the same stop"
    if any((structure.state_of_frames[frames] < 0).any() for _, _, frames in widened):
        return "more than two genes at a base"
    for start, end, frames in widened:
        open_at[start:end] = frames
    return None


def _mask(masked: np.ndarray, cds: CodingSequence) -> None:
    """Mask the whole extent of a CDS."""
    for start, end in cds.parts:
        masked[max(start, 0) : end] = True
    # Between the parts of one gene lie introns or frameshifts, but never the whole contig.
    for (_, left), (right, _) in pairwise(cds.parts):
        if right - left < 2 * len(cds) + 1000:
            masked[left:right] = True


def label_genes(
    sequence: bytes | np.ndarray,
    genes: Iterable[CodingSequence],
    code: GeneticCode,
    structure: GeneStructure,
    *,
    open_starts: bool = False,
    open_regions: Iterable[tuple[int, int]] = (),
) -> Labels:
    """Label a contig with its annotated genes.

    What the grammar cannot express (pseudogenes, spliced and frameshifted genes, partial genes
    away from the contig's ends, genes that break the genetic code, more than two genes at a base)
    is masked over its whole extent and counted. A gene across the origin is labelled on both
    sides, as a gene that runs off either end. A partial gene that stops one or two bases short of
    the contig's end is extended to it.

    Parameters
    ----------
    sequence : bytes or numpy.ndarray
        The contig's letters, or its symbols (uint8).
    genes : iterable of CodingSequence
        Its annotation, in any order.
    code : GeneticCode
        The genetic code.
    structure : GeneStructure
        Whose states the labels are.
    open_starts : bool
        Whether the annotated starts are not to be trusted: a gene may then begin at any start
        codon from the first one of its reading frame to the middle of the gene.
    open_regions : iterable of (int, int)
        Regions, 0-based and half-open, whose silence is not to be trusted: bases outside of genes
        are masked there.

    Returns
    -------
    Labels
        With the genes sorted by their start.
    """
    symbols = encode(sequence) if isinstance(sequence, bytes) else sequence
    length, flags = len(symbols), code.properties(symbols)
    labels = Labels(np.zeros(length, dtype=structure.set_type))
    open_at = np.zeros(length, dtype=np.uint8)
    masked = np.zeros(length, dtype=bool)

    # Longest first: where too many genes overlap, the shorter ones are masked.
    placed = (_to_the_ends(g, length) for g in genes)
    for cds in sorted(placed, key=lambda g: (-len(g), g.parts, g.strand)):
        fault = _fault(cds, length, flags) or _open(open_at, cds, structure)
        if fault is None:
            labels.genes.append(cds)
        else:
            labels.masked[fault] += 1
            _mask(masked, cds)
    for start, end in open_regions:
        masked[start:end] |= open_at[start:end] == 0
    labels.allowed[:] = structure.set_of(structure.state_of_frames[open_at])
    labels.allowed[masked] = structure.any_state
    if open_starts:
        for cds in labels.genes:
            if len(cds.parts) == 1 and not cds.partial5:
                leave_start_open(labels.allowed, cds, flags, structure)
    labels.genes.sort(key=lambda g: (g.parts, g.strand))
    return labels


class OpenFrames(NamedTuple):
    """The N stretches of a path in which a frame is open, sorted by start, then end.

    Attributes
    ----------
    left, right : numpy.ndarray
        int64 (N,), 0-based and half-open.
    strand : numpy.ndarray
        int64 (N,), 1 or -1.
    phase : numpy.ndarray
        int64 (N,), bases to skip at the 5' end to reach the first whole codon.
    partial5, partial3 : numpy.ndarray
        bool (N,), whether the start and the stop are missing.
    """

    left: np.ndarray
    right: np.ndarray
    strand: np.ndarray
    phase: np.ndarray
    partial5: np.ndarray
    partial3: np.ndarray

    @classmethod
    def of_path(cls, path: np.ndarray, flags: np.ndarray, structure: GeneStructure) -> OpenFrames:
        """Read the stretches off a path; see :func:`genes_of_path`."""
        left, right, strand, phase, *partial = open_frames(path, flags, structure.frame_of_state).T
        return cls(left, right, strand, phase, *(missing.astype(bool) for missing in partial))


def genes_of_path(
    path: np.ndarray,
    flags: np.ndarray,
    structure: GeneStructure,
    contig: str = "",
    offset: int = 0,
) -> list[CodingSequence]:
    """Read the genes off a path of states.

    Parameters
    ----------
    path : numpy.ndarray
        Integers (L,), a legal path of the structure's grammar.
    flags : numpy.ndarray
        uint8 (L,), the flags of the same bases.
    structure : GeneStructure
        Whose states the path has.
    contig : str
        Id that the genes get.
    offset : int
        Position of the first base on the contig.

    Returns
    -------
    list of CodingSequence
        Sorted by start, then end. Genes that run off an end of the path are partial, except where
        the path's first (last) codon is a start (stop) codon in frame: these count as whole.
    """
    found = OpenFrames.of_path(path, flags, structure)
    return [
        CodingSequence(contig, ((left + offset, right + offset),), *rest)
        for left, right, *rest in zip(*(column.tolist() for column in found), strict=True)
    ]

"""What is found on a contig: genes with their posteriors, put together from chunks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dnatag.domains.genes.codes import START, START_REVERSE, STOP, STOP_REVERSE, GeneticCode
from dnatag.domains.genes.decoding.chunks import Chunk, PaddedContig
from dnatag.domains.genes.decoding.circular import choose_cut, place
from dnatag.domains.genes.structures.labels import genes_of_path
from dnatag.formats.sequences.records import CodingSequence, Contig

__all__ = ["Assembler", "Prediction"]

#: Alternative starts are given down to this posterior, and up to this many.
ALTERNATIVE_POSTERIOR, ALTERNATIVES = 0.01, 5
#: Posteriors of bases are stored in steps of 1 / _STEPS.
_STEPS = 65_535


@dataclass(frozen=True)
class Prediction:
    """What is found on a contig.

    Attributes
    ----------
    contig : Contig
        The contig.
    genes : list of CodingSequence
        Sorted by start.
    code : GeneticCode
        The genetic code they were found with.
    labels : numpy.ndarray or None
        int8 (L,), the state of each base in the grammar of genes, -1 in gaps; on request.
    steps : numpy.ndarray or None
        uint16 (L, 6), what :meth:`posteriors` gives in steps of 1/65535, which takes half the
        memory; on request.
    """

    contig: Contig
    genes: list[CodingSequence]
    code: GeneticCode
    labels: np.ndarray | None = None
    steps: np.ndarray | None = None

    def posteriors(self, start: int = 0, end: int | None = None) -> np.ndarray:
        """Give the probability that each frame is open.

        Parameters
        ----------
        start, end : int
            A stretch of the contig, 0-based and half-open; the whole by default.

        Returns
        -------
        numpy.ndarray
            float32 (end - start, 6), in the order of
            :data:`dnatag.domains.genes.structures.grammar.FRAMES`; 0 in gaps.

        Raises
        ------
        ValueError
            If they were not asked for.
        """
        if self.steps is None:
            raise ValueError("posteriors are only there if asked for, with per_base=True")
        return self.steps[start:end] / np.float32(_STEPS)


class Assembler:
    """Collects what is found on a contig, chunk by chunk.

    Parameters
    ----------
    sequence : PaddedContig
        The contig.
    min_length : int
        Shortest gene, in bases.
    alternatives : bool
        Whether to give genes their alternative starts.
    per_base : bool
        Whether to give labels and posteriors of each base.
    """

    def __init__(
        self, sequence: PaddedContig, min_length: int, alternatives: bool, *, per_base: bool
    ) -> None:
        self.sequence = sequence
        self.min_length = min_length
        self.alternatives = alternatives
        self.code = sequence.genome.code
        length = len(sequence)
        self.flags = sequence.flags[sequence.pad : sequence.pad + length]
        self.genes: list[CodingSequence] = []
        # A circle is cut where its labels say that there is no gene.
        labelled = per_base or sequence.contig.circular
        self.labels = np.full(length, -1, np.int8) if labelled else None
        self.steps = np.zeros((length, 6), np.uint16) if per_base else None
        # A chunk that waits for the next one, and from where on it counts.
        self.waiting: tuple[Chunk, np.ndarray, np.ndarray] | None = None
        self.low = 0

    def add(self, chunk: Chunk, path: np.ndarray, frames: np.ndarray) -> None:
        """Take the next chunk.

        Neighbouring chunks are joined where both have the same state, between genes if possible,
        as near as possible to the middle of their overlap.

        Parameters
        ----------
        chunk : Chunk
            The one that follows the last one.
        path : numpy.ndarray
            int8 (n,), the state of each of its bases.
        frames : numpy.ndarray
            float32 (n, 6), posteriors of the frames.
        """
        if chunk.begins:
            self.low = chunk.low
        if self.waiting is not None:
            before, earlier, posteriors = self.waiting
            shared = earlier[chunk.low - before.low :]
            same = shared == path[: len(shared)]
            places = np.flatnonzero(same & (shared == 0))
            between = len(places) > 0
            if not between:
                places = np.flatnonzero(same)
            middle = len(shared) // 2
            cut = int(places[np.argmin(np.abs(places - middle))]) if len(places) else middle
            if between:
                self._take(chunk.low + cut)
            else:
                # A gene as long as the overlap: go on as if both chunks were one.
                n = chunk.low + cut - before.low
                path = np.concatenate([earlier[:n], path[cut:]])
                frames = np.concatenate([posteriors[:n], frames[cut:]])
                chunk = replace(chunk, low=before.low)
        self.waiting = (chunk, path, frames)
        if chunk.ends:
            self._take(chunk.high)
            self.waiting = None

    def _take(self, high: int) -> None:
        """Read off the genes up to a base between genes, or the end of a segment."""
        assert self.waiting is not None
        chunk, path, frames = self.waiting
        low, self.low = self.low, high
        taken = slice(low - chunk.low, high - chunk.low)
        flags = self.flags[chunk.low : chunk.high]
        for gene in genes_of_path(path[taken], flags[taken], self.sequence.contig.id, taken.start):
            left_open, right_open = (gene.partial5, gene.partial3)[:: gene.strand]
            torn = (left_open and gene.start > taken.start) or (
                right_open and gene.end < taken.stop
            )
            # Torn are genes where two chunks agree nowhere.
            if torn or len(gene) < self.min_length:
                continue
            posterior, start_posterior, others = _posteriors(gene, frames, flags, self.alternatives)
            self.genes.append(
                replace(
                    gene,
                    parts=((gene.start + chunk.low, gene.end + chunk.low),),
                    genetic_code=self.code.table,
                    posterior=posterior,
                    start_posterior=start_posterior,
                    alternative_starts=tuple((at + chunk.low, p) for at, p in others),
                )
            )
        if self.labels is not None:
            self.labels[low:high] = path[taken]
        if self.steps is not None:
            self.steps[low:high] = np.rint(np.minimum(frames[taken], 1) * _STEPS)

    def prediction(self) -> Prediction:
        """Return the result, after the last chunk."""
        contig = self.sequence.contig
        if not contig.circular:
            return Prediction(contig, self.genes, self.code, self.labels, self.steps)
        assert self.labels is not None
        length, shift = len(contig), self.sequence.shift
        cut = choose_cut(self.labels, length)
        genes = [
            replace(
                gene,
                parts=place(gene, shift, length),
                alternative_starts=tuple(
                    ((at + shift) % length, p) for at, p in gene.alternative_starts
                ),
            )
            for gene in self.genes
            if cut <= gene.start < cut + length and gene.end < len(self.labels)
        ]
        genes.sort(key=lambda g: (g.start, g.end, -g.strand))
        if self.steps is None:
            return Prediction(contig, genes, self.code)
        labels, steps = (
            np.roll(values[cut : cut + length], cut + shift, axis=0)
            for values in (self.labels, self.steps)
        )
        return Prediction(contig, genes, self.code, labels, steps)


def _posteriors(
    gene: CodingSequence, frames: np.ndarray, flags: np.ndarray, alternatives: bool
) -> tuple[float, float | None, list[tuple[int, float]]]:
    """Posteriors of a gene, of its start and of other starts, from those of the frames.

    A gene that is open at its stop codon is that gene, whatever its start; and the frame's
    posterior rises at a start codon by the probability that the gene starts there.
    """
    columns = frames[:, :3] if gene.strand > 0 else frames[:, 3:]
    is_start, is_stop = (START, STOP) if gene.strand > 0 else (START_REVERSE, STOP_REVERSE)
    last = (len(gene) - gene.phase - 1) % 3
    posterior = min(float(columns[gene.three_prime, last]), 1.0)

    def starts_at(first: int) -> float:
        before = first - gene.strand
        opened = float(columns[first, 0])
        if 0 <= before < len(frames) and not flags[before] & is_stop:
            opened -= float(columns[before, 2])
        return min(max(opened / max(posterior, 1e-9), 0.0), 1.0)

    start_posterior = None if gene.partial5 else starts_at(gene.five_prime)
    others: list[tuple[int, float]] = []
    if alternatives:
        codon = 3 * gene.strand
        own = gene.five_prime + gene.phase * gene.strand
        downstream = np.arange(own + (0 if gene.partial5 else codon), gene.three_prime, codon)
        upstream = []
        at = own - codon
        while 0 <= at < len(frames) and not flags[at + codon - gene.strand] & is_stop:
            upstream.append(at)
            at -= codon
        places = np.concatenate([np.array(upstream, dtype=np.int64), downstream.astype(np.int64)])
        for at in places[(flags[places] & is_start) > 0]:
            if (p := starts_at(int(at))) >= ALTERNATIVE_POSTERIOR:
                others.append((int(at), p))
        others.sort(key=lambda x: -x[1])
    return posterior, start_posterior, others[:ALTERNATIVES]

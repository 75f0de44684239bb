"""Genes and their posteriors, assembled from the chunks of a contig."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dnatag.domains.genes.codes import START, START_REVERSE, STOP, STOP_REVERSE, GeneticCode
from dnatag.domains.genes.decoding.chunks import Chunk, PaddedContig
from dnatag.domains.genes.decoding.circular import choose_cut, place
from dnatag.domains.genes.decoding.settings import DecodingSettings
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.domains.genes.structures.base import GeneStructure
from dnatag.domains.genes.structures.labels import OpenFrames
from dnatag.formats.sequences.records import CodingSequence, Contig

if TYPE_CHECKING:
    import pandas

__all__ = ["Assembler", "Prediction", "start_posteriors"]

#: Posteriors of bases are stored in steps of 1 / _STEPS.
_STEPS = 65_535


@dataclass(frozen=True)
class Prediction:
    """The genes of a contig.

    Attributes
    ----------
    contig : Contig
        The contig.
    genes : list of CodingSequence
        Sorted by start.
    parameters : GenomeParameters
        Those of the contig's genome.
    labels : numpy.ndarray or None
        int8 (L,), the state of each base in the structure's grammar, -1 in gaps; on request.
    steps : numpy.ndarray or None
        uint16 (L, F), what :meth:`posteriors` gives for the F frames in steps of 1/65535, which
        takes half the memory; on request.
    """

    contig: Contig
    genes: list[CodingSequence]
    parameters: GenomeParameters
    labels: np.ndarray | None = None
    steps: np.ndarray | None = None

    @property
    def code(self) -> GeneticCode:
        """The genetic code of the contig."""
        return self.parameters.code

    def posteriors(self, start: int = 0, end: int | None = None) -> np.ndarray:
        """Return the probability that each frame is open.

        Parameters
        ----------
        start, end : int
            A stretch of the contig, 0-based and half-open; the whole by default.

        Returns
        -------
        numpy.ndarray
            float32 (end - start, F), in the order of the structure's frames; 0 in gaps.

        Raises
        ------
        ValueError
            If they were not asked for.
        """
        if self.steps is None:
            raise ValueError("posteriors are only there if asked for, with per_base=True")
        return self.steps[start:end] / np.float32(_STEPS)

    def to_gff3(self) -> str:
        r"""Return the genes as GFF3.

        Examples
        --------
        >>> from dnatag import GeneFinder
        >>> from dnatag.formats.sequences.fasta import read_fasta
        >>> (found,) = GeneFinder().predict(read_fasta("examples/lambda.fna.gz"))
        >>> print(*found.to_gff3().splitlines()[3].split("\t")[2:8])
        CDS 191 736 1.0000 + 0
        """
        return self._written("gff")

    def to_genbank(self) -> str:
        """Return the contig with its genes as a GenBank record."""
        return self._written("gbk")

    def to_dataframe(self) -> pandas.DataFrame:
        """Return the genes as a table, one in each row; it needs pandas (extra ``dataframes``).

        Returns
        -------
        pandas.DataFrame
            With the columns id, contig, start and end (0-based and half-open), strand (1 or -1),
            length, partial5, partial3, genetic_code, posterior, start_posterior and protein.

        Raises
        ------
        DnatagError
            If pandas is not installed.
        """
        from dnatag.domains.genes.conversion import to_dataframe

        return to_dataframe(self)

    def _written(self, kind: str) -> str:
        from dnatag.domains.genes.output import GeneWriter

        text = io.StringIO()
        GeneWriter({kind: text}, model="").write(self)
        return text.getvalue()


class Assembler:
    """Assembles the genes of a contig, chunk by chunk.

    Parameters
    ----------
    sequence : PaddedContig
        The contig.
    min_length : int
        Shortest gene, in bases.
    structure : GeneStructure
        Whose states and frames the contig is decoded with.
    alternatives : bool
        Whether to give genes their alternative starts.
    per_base : bool
        Whether to give labels and posteriors of each base.
    settings : DecodingSettings
        Which alternative starts are given.
    """

    def __init__(
        self,
        sequence: PaddedContig,
        min_length: int,
        structure: GeneStructure,
        *,
        alternatives: bool,
        per_base: bool,
        settings: DecodingSettings,
    ) -> None:
        self.sequence = sequence
        self.min_length = min_length
        self.structure = structure
        self.alternatives = alternatives
        self.settings = settings
        self.code = sequence.parameters.code
        length = len(sequence)
        self.flags = sequence.flags[sequence.pad : sequence.pad + length]
        self.genes: list[CodingSequence] = []
        # A circle is cut where its labels say that there is no gene.
        labelled = per_base or sequence.contig.circular
        self.labels = np.full(length, -1, np.int8) if labelled else None
        self.steps = np.zeros((length, len(structure.frames)), np.uint16) if per_base else None
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
            float32 (n, F), posteriors of the frames.
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
        found = OpenFrames.of_path(path[taken], flags[taken], self.structure)
        ends_open = found.partial5, found.partial3
        left_open, right_open = np.where(found.strand > 0, ends_open, ends_open[::-1])
        # Torn are genes where two chunks agree nowhere.
        torn = (left_open & (found.left > 0)) | (right_open & (found.right < high - low))
        kept = ~torn & (found.right - found.left >= self.min_length)
        found = OpenFrames(*(column[kept] for column in found))
        found = found._replace(left=found.left + taken.start, right=found.right + taken.start)
        self.genes += self._genes(found, frames, flags, chunk.low)
        if self.labels is not None:
            self.labels[low:high] = path[taken]
        if self.steps is not None:
            self.steps[low:high] = np.rint(np.minimum(frames[taken], 1) * _STEPS)

    def _genes(
        self, found: OpenFrames, frames: np.ndarray, flags: np.ndarray, offset: int
    ) -> Iterator[CodingSequence]:
        """Make genes of open frames of a chunk, which begins at base `offset`."""
        first, last = np.where(
            found.strand > 0, (found.left, found.right - 1), (found.right - 1, found.left)
        )
        position = (found.right - found.left - found.phase - 1) % 3
        column = position + np.where(found.strand > 0, 0, frames.shape[1] // 2)
        # A gene that is open at its stop codon is that gene, whatever its start.
        posterior = np.minimum(frames[last, column].astype(float), 1)
        of_start = start_posteriors(frames, flags, found.strand, first, posterior)
        columns = *found, posterior, of_start
        for left, right, strand, phase, partial5, partial3, p, p_start in zip(
            *(c.tolist() for c in columns), strict=True
        ):
            gene = CodingSequence(
                contig=self.sequence.contig.id,
                parts=((left + offset, right + offset),),
                strand=strand,
                phase=phase,
                partial5=partial5,
                partial3=partial3,
                genetic_code=self.code.table,
                posterior=p,
                start_posterior=None if partial5 else p_start,
            )
            if self.alternatives:
                others = self._alternatives(gene, frames, flags, offset)
                gene = replace(gene, alternative_starts=others)
            yield gene

    def _alternatives(
        self, gene: CodingSequence, frames: np.ndarray, flags: np.ndarray, offset: int
    ) -> tuple[tuple[int, float], ...]:
        """Other starts of a gene, the most probable first."""
        strand, codon = gene.strand, 3 * gene.strand
        start, stop = (START, STOP) if strand > 0 else (START_REVERSE, STOP_REVERSE)
        own = gene.five_prime - offset + gene.phase * strand
        three_prime = gene.three_prime - offset
        downstream = np.arange(own + (0 if gene.partial5 else codon), three_prime, codon)
        upstream = []
        at = own - codon
        while 0 <= at < len(flags) and not flags[at + codon - strand] & stop:
            upstream.append(at)
            at -= codon
        places = np.concatenate([np.array(upstream, dtype=np.int64), downstream.astype(np.int64)])
        places = places[(flags[places] & start) > 0]
        each = start_posteriors(
            frames, flags, np.array(strand), places, np.array(gene.posterior)
        ).tolist()
        likely = [
            (at + offset, p)
            for at, p in zip(places.tolist(), each, strict=True)
            if p >= self.settings.min_alternative
        ]
        likely.sort(key=lambda x: -x[1])
        return tuple(likely[: self.settings.max_alternatives])

    def prediction(self) -> Prediction:
        """Return the result, after the last chunk."""
        contig = self.sequence.contig
        if not contig.circular:
            return Prediction(contig, self.genes, self.sequence.parameters, self.labels, self.steps)
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
            if cut <= gene.start < cut + length
            and gene.end < len(self.labels)
            and len(gene) <= length
        ]
        genes.sort(key=lambda g: (g.start, g.end, -g.strand))
        if self.steps is None:
            return Prediction(contig, genes, self.sequence.parameters)
        labels, steps = (
            np.roll(values[cut : cut + length], cut + shift, axis=0)
            for values in (self.labels, self.steps)
        )
        return Prediction(contig, genes, self.sequence.parameters, labels, steps)


def start_posteriors(
    frames: np.ndarray,
    flags: np.ndarray,
    strand: np.ndarray,
    first: np.ndarray,
    of_genes: np.ndarray,
) -> np.ndarray:
    """Compute posteriors that genes start at some bases, given that the genes are there.

    The posterior of a frame rises at a start codon by the probability that the gene starts there.

    Parameters
    ----------
    frames : numpy.ndarray
        float32 (n, F), posteriors of the frames of a chunk.
    flags : numpy.ndarray
        uint8 (n,), flags of the chunk.
    strand, first : numpy.ndarray
        Integers, 1 or -1, and the places in the direction of translation.
    of_genes : numpy.ndarray
        Floats, the posteriors of the genes; the three have shapes that broadcast.

    Returns
    -------
    numpy.ndarray
        float64.
    """
    before = first - strand
    inside = (before >= 0) & (before < len(flags))
    before = np.where(inside, before, 0)
    column = np.where(strand > 0, 0, frames.shape[1] // 2)
    # Behind a stop codon no gene goes on.
    goes_on = inside & (flags[before] & np.where(strand > 0, STOP, STOP_REVERSE) == 0)
    opened = frames[first, column] - np.where(goes_on, frames[before, column + 2].astype(float), 0)
    shares: np.ndarray = np.clip(opened / np.maximum(of_genes, 1e-9), 0, 1)
    return shares

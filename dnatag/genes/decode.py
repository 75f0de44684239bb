"""Contigs to genes: run the network, decode its channels, read off genes and posteriors.

Long contigs are cut into pieces that overlap, so that memory stays bounded and both the network
and the decoder have work for every thread; pieces are joined where they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Any

import numpy as np
import torch

from dnatag.engine.crf import implementation
from dnatag.engine.model import SequenceTagger
from dnatag.engine.windows import (
    Features,
    Reading,
    Runner,
    Span,
    batches,
    split,
    torch_threads,
)
from dnatag.formats.records import CodingSequence, Contig
from dnatag.genes.adapt import Adaptation
from dnatag.genes.alphabet import encode
from dnatag.genes.circular import choose_cut, least_rotation, place
from dnatag.genes.codes import START, START_REVERSE, STOP, STOP_REVERSE, GeneticCode
from dnatag.genes.genome import Genome, choose_parts
from dnatag.genes.grammar import FRAME_OF_STATE, FRAMES, START_CHANNELS
from dnatag.genes.kernels import drop_short
from dnatag.genes.labels import genes_of_path
from dnatag.genes.motif import Motif

__all__ = ["Decoder", "Prediction", "Readings", "groups"]

#: Runs of this many N are gaps: no gene crosses them.
GAP = 10
#: Bases decoded at once (about), and how far beyond them neighbouring pieces look. From 2,000 on
#: no gene of the examples changes with it, and no posterior by 1e-4.
PIECE, OVERLAP = 400_000, 10_000
#: Bases that are worked on together.
GROUP = 8_000_000
#: What it costs a gene to have a base in a masked region: more than any evidence can outweigh.
MASKED = -1e4
#: Weight of the motif's log-odds in the score of a start, of which the network knows most: the
#: best of 0, 0.3, 0.6 and 1 on genera that were not trained on.
MOTIF_WEIGHT = 0.3
#: Alternative starts are given down to this posterior, and up to this many.
ALTERNATIVE_POSTERIOR, ALTERNATIVES = 0.01, 5
#: Posteriors of bases are stored in steps of 1 / _STEPS.
_STEPS = 65_535
#: Genes shorter than this are not considered unless asked for.
VERY_SHORT = 60
_FLANK = 64
_CRF = implementation("cpu")


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
            float32 (end - start, 6), see :data:`dnatag.genes.grammar.FRAMES`; 0 in gaps.

        Raises
        ------
        ValueError
            If they were not asked for.
        """
        if self.steps is None:
            raise ValueError("posteriors are only there if asked for, with per_base=True")
        return self.steps[start:end] / np.float32(_STEPS)


@dataclass(frozen=True)
class _Sequence:
    """A contig as the network reads it: padded at both ends alike to whole steps.

    The genome is what is known of the contig's. A circle is unrolled: from its least rotation, with
    the ends repeated on the other side. Base i of the unrolled circle is base i + shift of the
    contig, modulo its length. The mask (bool, as long as the unrolled sequence) tells where no
    gene may be.
    """

    contig: Contig
    genome: Genome
    symbols: np.ndarray
    bits: np.ndarray
    pad: int
    shift: int = 0
    mask: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        contig: Contig,
        genome: Genome,
        min_length: int,
        regions: Sequence[tuple[int, int]] = (),
    ) -> _Sequence:
        symbols, shift = encode(contig.sequence), 0
        if contig.circular:
            rotation, repeat = least_rotation(symbols), min(OVERLAP, len(symbols))
            symbols = np.roll(symbols, -rotation)
            symbols = np.concatenate([symbols[-repeat:], symbols, symbols[:repeat]])
            shift = rotation - repeat
        length = len(symbols)
        pad = (0, 1, 2)[length % 3]
        padded = np.zeros(length + 2 * pad, np.uint8)
        padded[pad : pad + length] = symbols
        mask = None
        if regions:
            mask = np.zeros(len(contig), dtype=bool)
            for start, end in regions:
                mask[start:end] = True
            if contig.circular:
                mask = mask[(np.arange(length) + shift) % len(contig)]
        bits = genome.code.properties(padded)
        # Very short genes are not even begun, which saves looking at half of the starts; of the
        # others a short one is dropped in the end, rather than stretched to a start further up.
        shortest = min(min_length, VERY_SHORT)
        drop_short(bits, START, STOP, len(bits) - 1, 1, shortest)
        drop_short(bits, START_REVERSE, STOP_REVERSE, 0, -1, shortest)
        return cls(contig, genome, padded, bits, pad, shift, mask)

    def __len__(self) -> int:
        """Bases, of a circle as it is unrolled."""
        return len(self.symbols) - 2 * self.pad

    def segments(self) -> list[tuple[int, int]]:
        """Stretches between gaps, 0-based half-open on the contig."""
        unknown = self.symbols[self.pad :][: len(self)] == 15
        if not unknown.any():
            return [(0, len(self))]
        edges = np.flatnonzero(np.diff(unknown, prepend=False, append=False))
        gaps = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= GAP]
        bounds = [0, *(int(x) for gap in gaps for x in gap), len(self)]
        return [(a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=True) if b > a]


@dataclass(frozen=True)
class _Piece:
    """A stretch of a segment that is decoded at once, [low, high) on the contig."""

    sequence: int
    low: int
    high: int
    begins: bool
    ends: bool

    def counts(self, place: int) -> bool:
        """Whether a base is nobody else's, but for the edges of what neighbours look at."""
        low = self.low + (0 if self.begins else OVERLAP)
        high = self.high - (0 if self.ends else OVERLAP)
        return low <= place < high


@dataclass(frozen=True)
class Readings:
    """Contigs of a genome as the network read them, to be decoded with some starts or others."""

    sequences: list[_Sequence]
    pieces: list[_Piece]
    read: list[Reading]

    def part(self, size: int) -> Readings:
        """Take about so many bases, in pieces spread evenly."""
        of_contig: list[list[int]] = [[] for _ in self.sequences]
        for i, piece in enumerate(self.pieces):
            of_contig[piece.sequence].append(i)
        contigs = [sequence.contig for sequence in self.sequences]
        chosen = [
            of_contig[contig][part]
            for contig, parts in choose_parts(contigs, [len(x) for x in of_contig], size)
            for part in parts
        ]
        return Readings(
            self.sequences, [self.pieces[i] for i in chosen], [self.read[i] for i in chosen]
        )

    def of(self, genome: Genome) -> Readings:
        """Return the same of a genome that other starts have been learnt of."""
        return replace(self, sequences=[replace(s, genome=genome) for s in self.sequences])


class Decoder:
    """Finds the genes of contigs of which it is known what their genome is like.

    Parameters
    ----------
    tagger : SequenceTagger
        The gene model.
    device : torch.device
        Where the network runs; decoding is done on the CPU.
    threads : int
        Number of CPU threads.
    closed_ends : bool
        Whether genes may not run off the ends of contigs and the edges of gaps.
    min_length : int
        Shortest gene, in bases.
    alternatives : bool
        Whether to give genes their alternative starts.
    masks : mapping of str to sequence of (int, int)
        Regions of contigs without genes, 0-based and half-open.
    """

    def __init__(
        self,
        tagger: SequenceTagger,
        device: torch.device,
        threads: int,
        *,
        closed_ends: bool = False,
        min_length: int = 60,
        alternatives: bool = False,
        masks: Mapping[str, Sequence[tuple[int, int]]] | None = None,
    ) -> None:
        self.grammar = tagger.grammar
        self.threads = threads
        self.closed_ends = closed_ends
        self.min_length = min_length
        self.alternatives = alternatives
        self.masks = masks or {}
        self.runner = Runner(tagger, device, threads)
        self._theta = tagger.theta.detach().cpu()
        self._project = torch.from_numpy(FRAME_OF_STATE.astype(np.float32))
        self._frames = [self.grammar.channels.index(frame) for frame in FRAMES]
        self._starts = [self.grammar.channels.index(start) for start in START_CHANNELS]

    def predict(
        self,
        contigs: Sequence[Contig],
        genomes: Sequence[Genome],
        *,
        per_base: bool = False,
        done: Callable[[int], None] | None = None,
    ) -> Iterator[Prediction]:
        """Find the genes of contigs.

        Parameters
        ----------
        contigs : sequence of Contig
            All are held in memory.
        genomes : sequence of Genome
            What is known of the genome of each.
        per_base : bool
            Whether to give labels and posteriors of each base.
        done : callable or None
            Told of the number of bases that the network has read, now and then.

        Yields
        ------
        Prediction
            In the order of the contigs.
        """
        sequences, pieces = self._cut(contigs, genomes)
        yield from self._call(
            sequences, pieces, lambda group: self._read(group, sequences, done), per_base
        )

    def call(self, readings: Readings, per_base: bool = False) -> Iterator[Prediction]:
        """Find the genes of contigs that have been read; else as :meth:`predict`."""
        rest = iter(readings.read)
        yield from self._call(
            readings.sequences,
            readings.pieces,
            lambda group: list(islice(rest, len(group))),
            per_base,
        )

    def _call(
        self,
        sequences: Sequence[_Sequence],
        pieces: Sequence[_Piece],
        read: Callable[[list[_Piece]], list[Reading]],
        per_base: bool,
    ) -> Iterator[Prediction]:
        """Find genes; the pieces are read group by group, in order."""
        found = [_Found(s, self, per_base) for s in sequences]
        finished = position = 0
        # Group by group, so that a long contig takes no more memory than its sequence.
        for group in groups(pieces, size=lambda p: p.high - p.low):
            for piece, path, frames in self._decode(group, sequences, read(group)):
                found[piece.sequence].add(piece, path, frames)
            position += len(group)
            following = pieces[position].sequence if position < len(pieces) else len(found)
            for number in range(finished, following):
                yield found[number].prediction()
            finished = following
        for rest in found[finished:]:
            yield rest.prediction()

    def read(
        self,
        contigs: Sequence[Contig],
        genome: Genome,
        done: Callable[[int], None] | None = None,
    ) -> Readings:
        """Run the network over the contigs of a genome.

        Parameters
        ----------
        contigs, genome, done
            As for :meth:`predict`.
        """
        sequences, pieces = self._cut(contigs, [genome] * len(contigs))
        return Readings(sequences, pieces, self._read(pieces, sequences, done))

    def sketch(
        self, readings: Readings
    ) -> list[tuple[np.ndarray, np.ndarray, list[CodingSequence]]]:
        """Find genes without their posteriors, to learn from.

        Parameters
        ----------
        readings : Readings
            The contigs.

        Returns
        -------
        list of (symbols, bits, genes)
            For each piece that the contigs are cut into, see :meth:`Adaptation.learn`; a gene is
            given once.
        """
        out: list[tuple[np.ndarray, np.ndarray, list[CodingSequence]]] = []
        pieces, sequences = readings.pieces, readings.sequences
        first = 0
        for group in groups(pieces, size=lambda p: p.high - p.low):
            read = readings.read[first : first + len(group)]
            first += len(group)
            paths: dict[int, np.ndarray] = {}
            for batch, arguments, ends in self._batches(group, sequences, read):
                with torch_threads(self.threads):
                    best, _ = _CRF.viterbi(*arguments, **ends)
                paths |= {i: best[row].numpy() for row, i in enumerate(batch)}
            for i, piece in enumerate(group):
                sequence = sequences[piece.sequence]
                here = slice(piece.low + sequence.pad, piece.high + sequence.pad)
                path, bits = paths[i][: piece.high - piece.low], sequence.bits[here]
                genes = [
                    g for g in genes_of_path(path, bits) if piece.counts(piece.low + g.three_prime)
                ]
                symbols = sequence.symbols[here]
                out.append((symbols, sequence.genome.code.properties(symbols), genes))
        return out

    def _cut(
        self, contigs: Sequence[Contig], genomes: Sequence[Genome]
    ) -> tuple[list[_Sequence], list[_Piece]]:
        sequences = [
            _Sequence.of(contig, genome, self.min_length, self.masks.get(contig.id, ()))
            for contig, genome in zip(contigs, genomes, strict=True)
        ]
        return sequences, [p for i, s in enumerate(sequences) for p in _pieces(i, s)]

    def log_partitions(self, contigs: Sequence[Contig], codes: Sequence[GeneticCode]) -> np.ndarray:
        """How much better contigs read with genes of each code than without genes.

        Parameters
        ----------
        contigs : sequence of Contig
            Short enough to be decoded whole.
        codes : sequence of GeneticCode
            Genetic codes.

        Returns
        -------
        numpy.ndarray
            float64 (number of codes, number of contigs), logarithm of the partition function, in
            nats.
        """
        read = [
            [_Sequence.of(replace(c, circular=None), genome, self.min_length) for c in contigs]
            for genome in map(Genome, codes)
        ]
        # One run of the network serves all: a code only tells it which starts to look at.
        starts = [np.bitwise_or.reduce([s.bits for s in same]) for same in zip(*read, strict=True)]
        seen = [replace(s, bits=bits) for s, bits in zip(read[0], starts, strict=True)]
        pieces = [_Piece(i, 0, len(s), True, True) for i, s in enumerate(seen)]
        result = np.zeros((len(codes), len(contigs)))
        for batch, arguments, ends in self._batches(pieces, seen, self._read(pieces, seen)):
            grammar, channels, theta, bits, lengths = arguments
            for row, sequences in zip(result, read, strict=True):
                for at, i in enumerate(batch):
                    own = sequences[i].bits[sequences[i].pad :][: len(contigs[i])]
                    bits[at, : len(own)] = torch.from_numpy(own)
                with torch_threads(self.threads), torch.no_grad():
                    row[batch] = _CRF.log_partition(
                        grammar, channels, theta, bits, lengths, **ends
                    ).numpy()
        return result

    def _decode(
        self,
        pieces: Sequence[_Piece],
        sequences: Sequence[_Sequence],
        read: Sequence[Reading],
    ) -> Iterator[tuple[_Piece, np.ndarray, np.ndarray]]:
        """Best path, int8 (n,), and frame posteriors, float32 (n, 6), of each piece."""
        out: dict[int, tuple[_Piece, np.ndarray, np.ndarray]] = {}
        for batch, arguments, ends in self._batches(pieces, sequences, read):
            with torch_threads(self.threads):
                paths, _ = _CRF.viterbi(*arguments, **ends)
                frames = _CRF.marginals(*arguments, **ends, project=self._project)
            for row, i in enumerate(batch):
                n = pieces[i].high - pieces[i].low
                out[i] = (
                    pieces[i],
                    paths[row, :n].numpy().astype(np.int8),
                    frames[row, :n].numpy(),
                )
        for i in range(len(pieces)):
            yield out[i]

    def _read(
        self,
        pieces: Sequence[_Piece],
        sequences: Sequence[_Sequence],
        done: Callable[[int], None] | None = None,
    ) -> list[Reading]:
        """Run the network."""
        spans, features = [], []
        for piece in pieces:
            sequence = sequences[piece.sequence]
            low = (piece.low + sequence.pad) // 3 * 3
            high = -(-(piece.high + sequence.pad) // 3) * 3
            spans.append(Span(sequence.symbols, sequence.bits, low, high))
            features.append(_features(sequence.genome.adaptation, sequence.genome.code))
        return self.runner.read(spans, features, done)

    def _add_motif(self, reading: Reading, motif: Motif) -> None:
        """Let the motif before starts count beside what the network makes of them."""
        span = reading.span
        low = max(span.start - _FLANK, 0)
        around = span.symbols[low : span.end + _FLANK]
        for strand, channel in zip((1, -1), self._starts, strict=True):
            place = reading.place[reading.channel == channel]
            log_odds = motif.log_odds(around, place + (span.start - low), strand)
            reading.channels[place, channel] += MOTIF_WEIGHT * log_odds

    def _batches(
        self,
        pieces: Sequence[_Piece],
        sequences: Sequence[_Sequence],
        read: Sequence[Reading],
    ) -> Iterator[tuple[list[int], Any, Any]]:
        """Score starts; yield indices of pieces with the arguments of the CRF's functions."""
        genomes = [sequences[piece.sequence].genome for piece in pieces]
        self.runner.score(read, [_features(g.starts, g.code) for g in genomes])
        for reading, genome in zip(read, genomes, strict=True):
            self._add_motif(reading, genome.motif)
        lengths = [piece.high - piece.low for piece in pieces]
        for batch in batches(lengths, GROUP // 2):
            longest = lengths[batch[0]]
            channels = np.zeros((len(batch), longest, len(self.grammar.channels)), np.float32)
            bits = np.zeros((len(batch), longest), np.uint8)
            begin = np.ones((len(batch), len(self.grammar.states)), bool)
            end = begin.copy()
            for row, i in enumerate(batch):
                piece, sequence = pieces[i], sequences[pieces[i].sequence]
                n = lengths[i]
                offset = piece.low + sequence.pad - read[i].span.start
                channels[row, :n] = read[i].channels[offset : offset + n]
                bits[row, :n] = sequence.bits[piece.low + sequence.pad :][:n]
                if sequence.mask is not None:
                    masked = np.flatnonzero(sequence.mask[piece.low : piece.high])
                    channels[row, masked[:, None], self._frames] = MASKED
                if self.closed_ends:
                    # Where a circle is unrolled is no end.
                    circular = bool(sequence.contig.circular)
                    begin[row, 1:] = not piece.begins or (circular and piece.low == 0)
                    end[row, 1:] = not piece.ends or (circular and piece.high == len(sequence))
            arguments = (
                self.grammar, torch.from_numpy(channels), self._theta, torch.from_numpy(bits),
                torch.tensor([lengths[i] for i in batch]),
            )  # fmt: skip
            yield batch, arguments, {"begin": torch.from_numpy(begin), "end": torch.from_numpy(end)}


def _features(adaptation: Adaptation, code: GeneticCode) -> Features:
    """Channels of an adaptation, for the runner."""

    def features(symbols: np.ndarray, bits: np.ndarray, start: int, end: int) -> np.ndarray:
        # The network has learnt with the features of all starts, those of short genes too.
        low = max(start - _FLANK, 0)
        around = symbols[low : end + _FLANK]
        return adaptation.features(around, code.properties(around))[start - low : end - low]

    return features


class _Found:
    """Collects what is found on a contig, piece by piece."""

    def __init__(self, sequence: _Sequence, decoder: Decoder, per_base: bool) -> None:
        self.sequence = sequence
        self.decoder = decoder
        self.code = sequence.genome.code
        length = len(sequence)
        self.bits = sequence.bits[sequence.pad : sequence.pad + length]
        self.genes: list[CodingSequence] = []
        # A circle is cut where its labels say that there is no gene.
        labelled = per_base or sequence.contig.circular
        self.labels = np.full(length, -1, np.int8) if labelled else None
        self.steps = np.zeros((length, 6), np.uint16) if per_base else None
        # A piece that waits for the next one, and from where on it counts.
        self.waiting: tuple[_Piece, np.ndarray, np.ndarray] | None = None
        self.low = 0

    def add(self, piece: _Piece, path: np.ndarray, frames: np.ndarray) -> None:
        """Take the next piece.

        Neighbouring pieces are joined where both have the same state, between genes if possible,
        as near as possible to the middle of their overlap.
        """
        if piece.begins:
            self.low = piece.low
        if self.waiting is not None:
            before, earlier, posteriors = self.waiting
            shared = earlier[piece.low - before.low :]
            same = shared == path[: len(shared)]
            places = np.flatnonzero(same & (shared == 0))
            between = len(places) > 0
            if not between:
                places = np.flatnonzero(same)
            middle = len(shared) // 2
            cut = int(places[np.argmin(np.abs(places - middle))]) if len(places) else middle
            if between:
                self._take(piece.low + cut)
            else:
                # A gene as long as the overlap: go on as if both pieces were one.
                n = piece.low + cut - before.low
                path = np.concatenate([earlier[:n], path[cut:]])
                frames = np.concatenate([posteriors[:n], frames[cut:]])
                piece = replace(piece, low=before.low)
        self.waiting = (piece, path, frames)
        if piece.ends:
            self._take(piece.high)
            self.waiting = None

    def _take(self, high: int) -> None:
        """Read off the genes up to a base between genes, or the end of a segment."""
        assert self.waiting is not None
        piece, path, frames = self.waiting
        low, self.low = self.low, high
        taken = slice(low - piece.low, high - piece.low)
        bits = self.bits[piece.low : piece.high]
        for gene in genes_of_path(path[taken], bits[taken], self.sequence.contig.id, taken.start):
            left_open, right_open = (gene.partial5, gene.partial3)[:: gene.strand]
            torn = (left_open and gene.start > taken.start) or (
                right_open and gene.end < taken.stop
            )
            # Torn are genes where two pieces agree nowhere.
            if torn or len(gene) < self.decoder.min_length:
                continue
            posterior, start_posterior, others = _posteriors(
                gene, frames, bits, self.decoder.alternatives
            )
            self.genes.append(
                replace(
                    gene,
                    parts=((gene.start + piece.low, gene.end + piece.low),),
                    genetic_code=self.code.table,
                    posterior=posterior,
                    start_posterior=start_posterior,
                    alternative_starts=tuple((at + piece.low, p) for at, p in others),
                )
            )
        if self.labels is not None:
            self.labels[low:high] = path[taken]
        if self.steps is not None:
            self.steps[low:high] = np.rint(np.minimum(frames[taken], 1) * _STEPS)

    def prediction(self) -> Prediction:
        """Return the result, after the last piece."""
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
    gene: CodingSequence, frames: np.ndarray, bits: np.ndarray, alternatives: bool
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
        if 0 <= before < len(frames) and not bits[before] & is_stop:
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
        while 0 <= at < len(frames) and not bits[at + codon - gene.strand] & is_stop:
            upstream.append(at)
            at -= codon
        places = np.concatenate([np.array(upstream, dtype=np.int64), downstream.astype(np.int64)])
        for at in places[(bits[places] & is_start) > 0]:
            if (p := starts_at(int(at))) >= ALTERNATIVE_POSTERIOR:
                others.append((int(at), p))
        others.sort(key=lambda x: -x[1])
    return posterior, start_posterior, others[:ALTERNATIVES]


def groups(
    items: Iterable[Any], size: Callable[[Any], int] = len, limit: int = GROUP
) -> Iterator[list[Any]]:
    """Cut a stream into lists of at most `limit` bases, or one item."""
    group: list[Any] = []
    total = 0
    for item in items:
        if group and total + size(item) > limit:
            yield group
            group, total = [], 0
        group.append(item)
        total += size(item)
    if group:
        yield group


def _pieces(number: int, sequence: _Sequence) -> Iterator[_Piece]:
    """Cut the segments of a contig into pieces that overlap."""
    for start, end in sequence.segments():
        for low, high in pairwise(start + bound for bound in split(end - start, PIECE)):
            yield _Piece(
                number,
                max(low - OVERLAP, start),
                min(high + OVERLAP, end),
                low == start,
                high == end,
            )

"""Contigs to genes: run the network, decode its channels, read off genes and posteriors.

Long contigs are cut into pieces that overlap, so that memory stays bounded and both the network
and the decoder have work for every thread; pieces are joined where they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.decoding.assemble import Collector, Prediction
from dnatag.domains.genes.decoding.chunks import PaddedContig, Piece, pieces_of
from dnatag.domains.genes.selftraining.parameters import Genome, choose_parts
from dnatag.domains.genes.signals.codon_usage import Adaptation
from dnatag.domains.genes.signals.rbs import Motif
from dnatag.domains.genes.structures.grammar import FRAME_OF_STATE, FRAMES, START_CHANNELS
from dnatag.domains.genes.structures.labels import genes_of_path
from dnatag.engine.crf import implementation
from dnatag.engine.inference.windows import (
    Features,
    Reading,
    Runner,
    Span,
    batches,
    torch_threads,
)
from dnatag.engine.networks.kmer_tagger import SequenceTagger
from dnatag.formats.sequences.records import CodingSequence, Contig

__all__ = ["Decoder", "Readings", "groups"]

#: Bases that are worked on together.
GROUP = 8_000_000
#: What it costs a gene to have a base in a masked region: more than any evidence can outweigh.
MASKED = -1e4
#: Weight of the motif's log-odds in the score of a start, of which the network knows most: the
#: best of 0, 0.3, 0.6 and 1 on genera that were not trained on.
MOTIF_WEIGHT = 0.3
_FLANK = 64
_CRF = implementation("cpu")


@dataclass(frozen=True)
class Readings:
    """Contigs of a genome as the network read them, to be decoded with some starts or others."""

    sequences: list[PaddedContig]
    pieces: list[Piece]
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
        sequences: Sequence[PaddedContig],
        pieces: Sequence[Piece],
        read: Callable[[list[Piece]], list[Reading]],
        per_base: bool,
    ) -> Iterator[Prediction]:
        """Find genes; the pieces are read group by group, in order."""
        found = [
            Collector(s, self.min_length, self.alternatives, per_base=per_base) for s in sequences
        ]
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
    ) -> tuple[list[PaddedContig], list[Piece]]:
        sequences = [
            PaddedContig.of(contig, genome, self.min_length, self.masks.get(contig.id, ()))
            for contig, genome in zip(contigs, genomes, strict=True)
        ]
        return sequences, [p for i, s in enumerate(sequences) for p in pieces_of(i, s)]

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
            [PaddedContig.of(replace(c, circular=None), genome, self.min_length) for c in contigs]
            for genome in map(Genome, codes)
        ]
        # One run of the network serves all: a code only tells it which starts to look at.
        starts = [np.bitwise_or.reduce([s.bits for s in same]) for same in zip(*read, strict=True)]
        seen = [replace(s, bits=bits) for s, bits in zip(read[0], starts, strict=True)]
        pieces = [Piece(i, 0, len(s), True, True) for i, s in enumerate(seen)]
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
        pieces: Sequence[Piece],
        sequences: Sequence[PaddedContig],
        read: Sequence[Reading],
    ) -> Iterator[tuple[Piece, np.ndarray, np.ndarray]]:
        """Best path, int8 (n,), and frame posteriors, float32 (n, 6), of each piece."""
        out: dict[int, tuple[Piece, np.ndarray, np.ndarray]] = {}
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
        pieces: Sequence[Piece],
        sequences: Sequence[PaddedContig],
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
        pieces: Sequence[Piece],
        sequences: Sequence[PaddedContig],
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

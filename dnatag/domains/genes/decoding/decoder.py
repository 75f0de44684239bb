"""Contigs to genes: run the network, decode its scores, read off genes and posteriors.

Long contigs are cut into chunks that overlap, so that memory stays bounded and both the network
and the decoder have work for every thread; chunks are joined where they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.decoding.assemble import Assembler, Prediction
from dnatag.domains.genes.decoding.chunks import Chunk, PaddedContig, chunks_of
from dnatag.domains.genes.selftraining.parameters import GenomeParameters, choose_parts
from dnatag.domains.genes.signals.codon_usage import Adaptation
from dnatag.domains.genes.signals.rbs import RbsMotif
from dnatag.domains.genes.structures.grammar import FRAME_OF_STATE, FRAMES, START_SCORES
from dnatag.domains.genes.structures.labels import genes_of_path
from dnatag.engine.crf.chain import Chain
from dnatag.engine.inference.windows import (
    EncodedChunk,
    Features,
    Runner,
    Span,
    batches,
)
from dnatag.engine.networks.kmer_tagger import KmerTagger
from dnatag.formats.sequences.records import CodingSequence, Contig

__all__ = ["Decoder", "EncodedContigs", "groups"]

#: Bases that are worked on together.
GROUP = 8_000_000
#: What it costs a gene to have a base in a masked region: more than any evidence can outweigh.
MASKED = -1e4
#: Weight of the motif's log-odds in the score of a start, of which the network knows most: the
#: best of 0, 0.3, 0.6 and 1 on genera that were not trained on.
MOTIF_WEIGHT = 0.3
_FLANK = 64


@dataclass(frozen=True)
class EncodedContigs:
    """Contigs of a genome as the network read them, to be decoded with some starts or others."""

    sequences: list[PaddedContig]
    chunks: list[Chunk]
    encoded: list[EncodedChunk]

    def part(self, size: int) -> EncodedContigs:
        """Take about so many bases, in chunks spread evenly."""
        of_contig: list[list[int]] = [[] for _ in self.sequences]
        for i, chunk in enumerate(self.chunks):
            of_contig[chunk.sequence].append(i)
        contigs = [sequence.contig for sequence in self.sequences]
        chosen = [
            of_contig[contig][part]
            for contig, parts in choose_parts(contigs, [len(x) for x in of_contig], size)
            for part in parts
        ]
        return EncodedContigs(
            self.sequences, [self.chunks[i] for i in chosen], [self.encoded[i] for i in chosen]
        )

    def of(self, genome: GenomeParameters) -> EncodedContigs:
        """Return the same of a genome that other starts have been learnt of."""
        return replace(self, sequences=[replace(s, genome=genome) for s in self.sequences])


class Decoder:
    """Finds the genes of contigs of which it is known what their genome is like.

    Parameters
    ----------
    tagger : KmerTagger
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
        tagger: KmerTagger,
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
        self._transition_weights = tagger.transition_weights.detach().cpu().numpy()
        self._frame_of_state = FRAME_OF_STATE.astype(np.float32)
        self._frames = [self.grammar.scores.index(frame) for frame in FRAMES]
        self._starts = [self.grammar.scores.index(start) for start in START_SCORES]

    def predict(
        self,
        contigs: Sequence[Contig],
        genomes: Sequence[GenomeParameters],
        *,
        per_base: bool = False,
        done: Callable[[int], None] | None = None,
    ) -> Iterator[Prediction]:
        """Find the genes of contigs.

        Parameters
        ----------
        contigs : sequence of Contig
            All are held in memory.
        genomes : sequence of GenomeParameters
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
        sequences, chunks = self._cut(contigs, genomes)
        yield from self._call(
            sequences, chunks, lambda group: self._encode(group, sequences, done), per_base
        )

    def call(self, encoded: EncodedContigs, per_base: bool = False) -> Iterator[Prediction]:
        """Find the genes of contigs that have been read; else as :meth:`predict`."""
        rest = iter(encoded.encoded)
        yield from self._call(
            encoded.sequences,
            encoded.chunks,
            lambda group: list(islice(rest, len(group))),
            per_base,
        )

    def _call(
        self,
        sequences: Sequence[PaddedContig],
        chunks: Sequence[Chunk],
        encode: Callable[[list[Chunk]], list[EncodedChunk]],
        per_base: bool,
    ) -> Iterator[Prediction]:
        """Find genes; the chunks are read group by group, in order."""
        found = [
            Assembler(s, self.min_length, self.alternatives, per_base=per_base) for s in sequences
        ]
        finished = position = 0
        # Group by group, so that a long contig takes no more memory than its sequence.
        for group in groups(chunks, size=lambda p: p.high - p.low):
            for chunk, path, frames in self._decode(group, sequences, encode(group)):
                found[chunk.sequence].add(chunk, path, frames)
            position += len(group)
            following = chunks[position].sequence if position < len(chunks) else len(found)
            for number in range(finished, following):
                yield found[number].prediction()
            finished = following
        for rest in found[finished:]:
            yield rest.prediction()

    def encode(
        self,
        contigs: Sequence[Contig],
        genome: GenomeParameters,
        done: Callable[[int], None] | None = None,
    ) -> EncodedContigs:
        """Run the network over the contigs of a genome.

        Parameters
        ----------
        contigs, genome, done
            As for :meth:`predict`.
        """
        sequences, chunks = self._cut(contigs, [genome] * len(contigs))
        return EncodedContigs(sequences, chunks, self._encode(chunks, sequences, done))

    def viterbi_genes(
        self, encoded: EncodedContigs
    ) -> list[tuple[np.ndarray, np.ndarray, list[CodingSequence]]]:
        """Find genes without their posteriors, to learn from.

        Parameters
        ----------
        encoded : EncodedContigs
            The contigs.

        Returns
        -------
        list of (symbols, flags, genes)
            For each chunk that the contigs are cut into, see :meth:`Adaptation.estimate`; a gene is
            given once.
        """
        out: list[tuple[np.ndarray, np.ndarray, list[CodingSequence]]] = []
        chunks, sequences = encoded.chunks, encoded.sequences
        first = 0
        for group in groups(chunks, size=lambda p: p.high - p.low):
            own = encoded.encoded[first : first + len(group)]
            first += len(group)
            paths: dict[int, np.ndarray] = {}
            for batch, chain in self._batches(group, sequences, own):
                best, _ = chain.viterbi()
                paths |= {i: best[row] for row, i in enumerate(batch)}
            for i, chunk in enumerate(group):
                sequence = sequences[chunk.sequence]
                here = slice(chunk.low + sequence.pad, chunk.high + sequence.pad)
                path, flags = paths[i][: chunk.high - chunk.low], sequence.flags[here]
                genes = [
                    g for g in genes_of_path(path, flags) if chunk.counts(chunk.low + g.three_prime)
                ]
                symbols = sequence.symbols[here]
                out.append((symbols, sequence.genome.code.properties(symbols), genes))
        return out

    def _cut(
        self, contigs: Sequence[Contig], genomes: Sequence[GenomeParameters]
    ) -> tuple[list[PaddedContig], list[Chunk]]:
        sequences = [
            PaddedContig.of(contig, genome, self.min_length, self.masks.get(contig.id, ()))
            for contig, genome in zip(contigs, genomes, strict=True)
        ]
        return sequences, [p for i, s in enumerate(sequences) for p in chunks_of(i, s)]

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
            for genome in map(GenomeParameters, codes)
        ]
        # One run of the network serves all: a code only tells it which starts to look at.
        starts = [np.bitwise_or.reduce([s.flags for s in same]) for same in zip(*read, strict=True)]
        seen = [replace(s, flags=flags) for s, flags in zip(read[0], starts, strict=True)]
        chunks = [Chunk(i, 0, len(s), True, True) for i, s in enumerate(seen)]
        result = np.zeros((len(codes), len(contigs)))
        for batch, chain in self._batches(chunks, seen, self._encode(chunks, seen)):
            for row, sequences in zip(result, read, strict=True):
                flags = np.zeros_like(chain.flags)
                for at, i in enumerate(batch):
                    own = sequences[i].flags[sequences[i].pad :][: len(contigs[i])]
                    flags[at, : len(own)] = own
                row[batch] = replace(chain, flags=flags).log_partition()
        return result

    def _decode(
        self,
        chunks: Sequence[Chunk],
        sequences: Sequence[PaddedContig],
        encoded: Sequence[EncodedChunk],
    ) -> Iterator[tuple[Chunk, np.ndarray, np.ndarray]]:
        """Best path, int8 (n,), and frame posteriors, float32 (n, 6), of each chunk."""
        out: dict[int, tuple[Chunk, np.ndarray, np.ndarray]] = {}
        for batch, chain in self._batches(chunks, sequences, encoded):
            paths, _ = chain.viterbi()
            frames = chain.marginals(self._frame_of_state)
            for row, i in enumerate(batch):
                n = chunks[i].high - chunks[i].low
                out[i] = chunks[i], paths[row, :n].astype(np.int8), frames[row, :n]
        for i in range(len(chunks)):
            yield out[i]

    def _encode(
        self,
        chunks: Sequence[Chunk],
        sequences: Sequence[PaddedContig],
        done: Callable[[int], None] | None = None,
    ) -> list[EncodedChunk]:
        """Run the network."""
        spans, features = [], []
        for chunk in chunks:
            sequence = sequences[chunk.sequence]
            low = (chunk.low + sequence.pad) // 3 * 3
            high = -(-(chunk.high + sequence.pad) // 3) * 3
            spans.append(Span(sequence.symbols, sequence.flags, low, high))
            features.append(_features(sequence.genome.adaptation, sequence.genome.code))
        return self.runner.encode(spans, features, done)

    def _add_motif(self, chunk: EncodedChunk, motif: RbsMotif) -> None:
        """Let the motif before starts count beside what the network makes of them."""
        span = chunk.span
        low = max(span.start - _FLANK, 0)
        around = span.symbols[low : span.end + _FLANK]
        for strand, column in zip((1, -1), self._starts, strict=True):
            place = chunk.place[chunk.column == column]
            log_odds = motif.log_odds(around, place + (span.start - low), strand)
            chunk.scores[place, column] += MOTIF_WEIGHT * log_odds

    def _batches(
        self,
        chunks: Sequence[Chunk],
        sequences: Sequence[PaddedContig],
        encoded: Sequence[EncodedChunk],
    ) -> Iterator[tuple[list[int], Chain[np.ndarray]]]:
        """Score starts; yield indices of chunks with the CRF over them."""
        genomes = [sequences[chunk.sequence].genome for chunk in chunks]
        self.runner.score(encoded, [_features(g.starts, g.code) for g in genomes])
        for one, genome in zip(encoded, genomes, strict=True):
            self._add_motif(one, genome.motif)
        lengths = [chunk.high - chunk.low for chunk in chunks]
        for batch in batches(lengths, GROUP // 2):
            longest = lengths[batch[0]]
            scores = np.zeros((len(batch), longest, len(self.grammar.scores)), np.float32)
            flags = np.zeros((len(batch), longest), np.uint8)
            begin = np.ones((len(batch), len(self.grammar.states)), bool)
            end = begin.copy()
            for row, i in enumerate(batch):
                chunk, sequence = chunks[i], sequences[chunks[i].sequence]
                n = lengths[i]
                offset = chunk.low + sequence.pad - encoded[i].span.start
                scores[row, :n] = encoded[i].scores[offset : offset + n]
                flags[row, :n] = sequence.flags[chunk.low + sequence.pad :][:n]
                if sequence.mask is not None:
                    masked = np.flatnonzero(sequence.mask[chunk.low : chunk.high])
                    scores[row, masked[:, None], self._frames] = MASKED
                if self.closed_ends:
                    # Where a circle is unrolled is no end.
                    circular = bool(sequence.contig.circular)
                    begin[row, 1:] = not chunk.begins or (circular and chunk.low == 0)
                    end[row, 1:] = not chunk.ends or (circular and chunk.high == len(sequence))
            yield (
                batch,
                Chain(
                    self.grammar,
                    scores,
                    self._transition_weights,
                    flags,
                    np.array([lengths[i] for i in batch]),
                    begin=begin,
                    end=end,
                    threads=self.threads,
                ),
            )


def _features(adaptation: Adaptation, code: GeneticCode) -> Features:
    """Channels of an adaptation, for the runner."""

    def features(symbols: np.ndarray, flags: np.ndarray, start: int, end: int) -> np.ndarray:
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

"""Contigs to genes: run the network, decode its scores, read off genes and posteriors.

Long contigs are cut into chunks that overlap, so that memory stays bounded and both the network
and the decoder have work for every thread; chunks are joined where they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.decoding.assemble import Assembler, Prediction
from dnatag.domains.genes.decoding.chunks import Chunk, PaddedContig, chunks_of, groups
from dnatag.domains.genes.decoding.settings import DecodingSettings
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.domains.genes.signals.gene_signals import GeneExamples, GeneSignals
from dnatag.domains.genes.signals.rbs import RbsMotif
from dnatag.domains.genes.structures.base import GeneStructure
from dnatag.domains.genes.structures.labels import genes_of_path
from dnatag.engine.batching import batches
from dnatag.engine.crf.chain import Chain
from dnatag.engine.inference.networks import tile_encoder
from dnatag.engine.inference.windows import EncodedWindow, FeatureFunction, Runner, Window
from dnatag.engine.networks.weights import KmerWeights
from dnatag.formats.sequences.records import Contig
from dnatag.report import Observer

__all__ = ["Decoder", "EncodedContigs"]

#: Bases on either side of a stretch that its signals depend on.
_FLANK = 64


@dataclass(frozen=True)
class EncodedContigs:
    """Contigs as the network encoded them, to be decoded with one set of start signals or another.

    Attributes
    ----------
    sequences : list of PaddedContig
        The contigs.
    chunks : list of Chunk
        What they are cut into.
    encoded : list of EncodedWindow
        What the network made of each chunk.
    """

    sequences: list[PaddedContig]
    chunks: list[Chunk]
    encoded: list[EncodedWindow]

    def chunks_of_contigs(self) -> list[list[int]]:
        """Return the indices of the chunks of each contig."""
        indices: list[list[int]] = [[] for _ in self.sequences]
        for i, chunk in enumerate(self.chunks):
            indices[chunk.sequence].append(i)
        return indices

    def part(self, chunks: Sequence[int]) -> EncodedContigs:
        """Return some of the chunks, by their indices."""
        return replace(
            self,
            chunks=[self.chunks[i] for i in chunks],
            encoded=[self.encoded[i] for i in chunks],
        )

    def of(self, parameters: GenomeParameters) -> EncodedContigs:
        """Return the same contigs with other parameters of their genome.

        Only the start signals and the RBS motif may differ.
        """
        return replace(self, sequences=[replace(s, parameters=parameters) for s in self.sequences])


class Decoder:
    """Finds the genes of contigs, given the parameters of their genomes.

    Parameters
    ----------
    weights : KmerWeights
        The gene model.
    structure : GeneStructure
        Which genes are legal; the model gives the scores of its grammar.
    device : str
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
    settings : DecodingSettings
        Sizes and weights.
    """

    def __init__(
        self,
        weights: KmerWeights,
        structure: GeneStructure,
        device: str,
        threads: int,
        *,
        closed_ends: bool = False,
        min_length: int = 60,
        alternatives: bool = False,
        masks: Mapping[str, Sequence[tuple[int, int]]] | None = None,
        settings: DecodingSettings,
    ) -> None:
        self.grammar = weights.grammar
        self.structure = structure
        self.device = device
        self.threads = threads
        self.closed_ends = closed_ends
        self.min_length = min_length
        self.alternatives = alternatives
        self.masks = masks or {}
        self.settings = settings
        self.runner = Runner(tile_encoder(weights, device), threads, settings.tiling)
        self._transition_weights = weights.transition_weights
        self._frame_of_state = structure.frame_of_state.astype(np.float32)
        self._frames = [self.grammar.scores.index(frame) for frame in structure.frames]
        self._starts = [self.grammar.scores.index(start) for start in structure.start_scores]

    def predict(
        self,
        contigs: Sequence[Contig],
        parameters: Sequence[GenomeParameters],
        *,
        per_base: bool = False,
        observer: Observer | None = None,
    ) -> Iterator[Prediction]:
        """Find the genes of contigs.

        Parameters
        ----------
        contigs : sequence of Contig
            All are held in memory.
        parameters : sequence of GenomeParameters
            Those of the genome of each.
        per_base : bool
            Whether to give labels and posteriors of each base.
        observer : Observer or None
            Receives the number of bases that the network has encoded, now and then.

        Yields
        ------
        Prediction
            In the order of the contigs.
        """
        sequences, chunks = self._cut(contigs, parameters)
        yield from self._call(
            sequences, chunks, lambda group: self._encode(group, sequences, observer), per_base
        )

    def call(self, encoded: EncodedContigs, per_base: bool = False) -> Iterator[Prediction]:
        """Find the genes of contigs that have been encoded; else as :meth:`predict`."""
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
        encode: Callable[[list[Chunk]], list[EncodedWindow]],
        per_base: bool,
    ) -> Iterator[Prediction]:
        """Find genes; the chunks are encoded group by group, in order."""
        found = [
            Assembler(
                s,
                self.min_length,
                self.structure,
                alternatives=self.alternatives,
                per_base=per_base,
                settings=self.settings,
            )
            for s in sequences
        ]
        finished = position = 0
        # Group by group, so that a long contig takes no more memory than its sequence.
        for group in groups(chunks, self.settings.group, _size):
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
        parameters: GenomeParameters,
        observer: Observer | None = None,
    ) -> EncodedContigs:
        """Run the network over the contigs of a genome.

        Parameters
        ----------
        contigs, observer
            As for :meth:`predict`.
        parameters : GenomeParameters
            Those of the genome.
        """
        sequences, chunks = self._cut(contigs, [parameters] * len(contigs))
        return EncodedContigs(sequences, chunks, self._encode(chunks, sequences, observer))

    def viterbi_genes(self, encoded: EncodedContigs) -> list[GeneExamples]:
        """Find genes without their posteriors, to estimate signals from.

        Parameters
        ----------
        encoded : EncodedContigs
            The contigs.

        Returns
        -------
        list of GeneExamples
            One for each chunk that the contigs are cut into; a gene is given once.
        """
        out: list[GeneExamples] = []
        chunks, sequences = encoded.chunks, encoded.sequences
        first = 0
        for group in groups(chunks, self.settings.group, _size):
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
                    g
                    for g in genes_of_path(path, flags, self.structure)
                    if chunk.owns(chunk.low + g.three_prime, self.settings.overlap)
                ]
                symbols = sequence.symbols[here]
                all_flags = sequence.parameters.code.properties(symbols)
                out.append(GeneExamples(symbols, all_flags, genes))
        return out

    def _cut(
        self, contigs: Sequence[Contig], parameters: Sequence[GenomeParameters]
    ) -> tuple[list[PaddedContig], list[Chunk]]:
        sequences = [
            self._pad(contig, own, self.masks.get(contig.id, ()))
            for contig, own in zip(contigs, parameters, strict=True)
        ]
        chunks = [c for i, s in enumerate(sequences) for c in chunks_of(i, s, self.settings)]
        return sequences, chunks

    def _pad(
        self,
        contig: Contig,
        parameters: GenomeParameters,
        regions: Sequence[tuple[int, int]] = (),
    ) -> PaddedContig:
        return PaddedContig.of(contig, parameters, self.min_length, self.settings, regions)

    def log_partitions(self, contigs: Sequence[Contig], codes: Sequence[GeneticCode]) -> np.ndarray:
        """Log-odds that contigs have genes under each genetic code, against no genes at all.

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
        padded = [
            [self._pad(replace(contig, circular=None), parameters) for contig in contigs]
            for parameters in map(GenomeParameters, codes)
        ]
        # One run of the network serves all: the code only decides which starts it looks at.
        starts = [
            np.bitwise_or.reduce([s.flags for s in same]) for same in zip(*padded, strict=True)
        ]
        seen = [replace(s, flags=flags) for s, flags in zip(padded[0], starts, strict=True)]
        chunks = [Chunk(i, 0, len(s), True, True) for i, s in enumerate(seen)]
        result = np.zeros((len(codes), len(contigs)))
        for batch, chain in self._batches(chunks, seen, self._encode(chunks, seen)):
            for row, sequences in zip(result, padded, strict=True):
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
        encoded: Sequence[EncodedWindow],
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
        observer: Observer | None = None,
    ) -> list[EncodedWindow]:
        """Run the network."""
        windows, features = [], []
        for chunk in chunks:
            sequence = sequences[chunk.sequence]
            low = (chunk.low + sequence.pad) // 3 * 3
            high = -(-(chunk.high + sequence.pad) // 3) * 3
            windows.append(Window(sequence.symbols, sequence.flags, low, high))
            features.append(_features(sequence.parameters.signals, sequence.parameters.code))
        return self.runner.encode(windows, features, observer)

    def _add_rbs(self, encoded: EncodedWindow, rbs: RbsMotif) -> None:
        """Add the RBS motif to the network's scores of starts."""
        window = encoded.window
        low = max(window.start - _FLANK, 0)
        around = window.symbols[low : window.end + _FLANK]
        for strand, column in zip((1, -1), self._starts, strict=True):
            position = encoded.position[encoded.column == column]
            log_odds = rbs.log_odds(around, position + (window.start - low), strand)
            encoded.scores[position, column] += self.settings.rbs_weight * log_odds

    def _batches(
        self,
        chunks: Sequence[Chunk],
        sequences: Sequence[PaddedContig],
        encoded: Sequence[EncodedWindow],
    ) -> Iterator[tuple[list[int], Chain[np.ndarray]]]:
        """Score starts; yield indices of chunks with the CRF over them."""
        parameters = [sequences[chunk.sequence].parameters for chunk in chunks]
        self.runner.score(encoded, [_features(p.start_signals, p.code) for p in parameters])
        for one, own in zip(encoded, parameters, strict=True):
            self._add_rbs(one, own.rbs)
        lengths = [chunk.high - chunk.low for chunk in chunks]
        for batch in batches(lengths, self.settings.group // 2):
            longest = lengths[batch[0]]
            scores = np.zeros((len(batch), longest, len(self.grammar.scores)), np.float32)
            flags = np.zeros((len(batch), longest), np.uint8)
            begin = np.ones((len(batch), len(self.grammar.states)), bool)
            end = begin.copy()
            for row, i in enumerate(batch):
                chunk, sequence = chunks[i], sequences[chunks[i].sequence]
                n = lengths[i]
                offset = chunk.low + sequence.pad - encoded[i].window.start
                scores[row, :n] = encoded[i].scores[offset : offset + n]
                flags[row, :n] = sequence.flags[chunk.low + sequence.pad :][:n]
                if sequence.repeats is not None:
                    repeats = np.flatnonzero(sequence.repeats[chunk.low : chunk.high])
                    scores[row, repeats[:, None], self._frames] = 0
                if sequence.mask is not None:
                    masked = np.flatnonzero(sequence.mask[chunk.low : chunk.high])
                    scores[row, masked[:, None], self._frames] = self.settings.masked
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


def _size(chunk: Chunk) -> int:
    return chunk.high - chunk.low


def _features(signals: GeneSignals, code: GeneticCode) -> FeatureFunction:
    """Features that signals give, for the runner."""

    def features(symbols: np.ndarray, flags: np.ndarray, start: int, end: int) -> np.ndarray:
        # The network was trained with the features of all starts, those of short genes too.
        low = max(start - _FLANK, 0)
        around = symbols[low : end + _FLANK]
        return signals.features(around, code.properties(around))[start - low : end - low]

    return features

"""Contigs to genes: run the network, decode its scores, read off genes and posteriors.

Long contigs are cut into chunks that overlap, so that memory stays bounded and there is work for
every thread; chunks are joined where they agree.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TypeVar

import numpy as np

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.decoding.assemble import Assembler, Prediction
from dnatag.domains.genes.decoding.chunks import Chunk, PaddedContig, chunks_of
from dnatag.domains.genes.decoding.encoded import CutContigs
from dnatag.domains.genes.decoding.joined import feature_functions
from dnatag.domains.genes.decoding.lengths import LengthScores
from dnatag.domains.genes.decoding.settings import DecodingSettings
from dnatag.domains.genes.decoding.starts import StartScorer
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.domains.genes.signals.gene_signals import GeneExamples
from dnatag.domains.genes.structures.base import GeneStructure
from dnatag.domains.genes.structures.labels import genes_of_path
from dnatag.engine.batching import batches
from dnatag.engine.crf.chain import Chain
from dnatag.engine.inference.networks import tile_encoder
from dnatag.engine.inference.windows import EncodedWindow, Runner, Window
from dnatag.engine.networks.weights import KmerWeights
from dnatag.formats.sequences.records import Contig
from dnatag.report import Observer

__all__ = ["Decoder"]

Item = TypeVar("Item")
Result = TypeVar("Result")


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
        encoder = tile_encoder(weights, device)
        self.runner = Runner(encoder, settings.tiling)
        # Bases that a thread works on at a time, about.
        self._at_once = encoder.batch_steps * encoder.stride
        self._transition_weights = weights.transition_weights
        self._frame_of_state = structure.frame_of_state.astype(np.float32)
        self._lengths = LengthScores(structure, settings.lengths)
        self._frames = [self.grammar.scores.index(frame) for frame in structure.frames]
        names = (*structure.frames, *structure.start_scores)
        self._scored = [self.grammar.scores.index(name) for name in names]
        self._starts = StartScorer(structure, encoder, settings)

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
        yield from self.call(self.cut(contigs, parameters), per_base=per_base, observer=observer)

    def cut(self, contigs: Sequence[Contig], parameters: Sequence[GenomeParameters]) -> CutContigs:
        """Cut contigs into chunks; parameters are those of the genome of each."""
        sequences = [
            self._pad(contig, own, self.masks.get(contig.id, ()))
            for contig, own in zip(contigs, parameters, strict=True)
        ]
        chunks = [c for i, s in enumerate(sequences) for c in chunks_of(i, s, self.settings)]
        return CutContigs(sequences, chunks)

    def call(
        self, contigs: CutContigs, *, per_base: bool = False, observer: Observer | None = None
    ) -> Iterator[Prediction]:
        """Find the genes of contigs that have been cut, of which some chunks may be encoded.

        These are forgotten on the way. Else as :meth:`predict`.
        """
        found = [
            Assembler(
                s,
                self.min_length,
                self.structure,
                alternatives=self.alternatives,
                per_base=per_base,
                settings=self.settings,
            )
            for s in contigs.sequences
        ]
        finished, chunks = 0, contigs.chunks

        def work(group: list[int]) -> list[tuple[int, np.ndarray, np.ndarray]]:
            return list(self._decode(contigs, group, self._encode(contigs, group, observer)))

        for decoded in self._in_order(work, self._groups(contigs, range(len(chunks)))):
            for i, path, frames in decoded:
                found[chunks[i].sequence].add(chunks[i], path, frames)
                following = chunks[i + 1].sequence if i + 1 < len(chunks) else len(found)
                for number in range(finished, following):
                    yield found[number].prediction()
                finished = following
        for rest in found[finished:]:
            yield rest.prediction()

    def encode(
        self, contigs: CutContigs, chunks: Sequence[int], observer: Observer | None = None
    ) -> CutContigs:
        """Run the network over some chunks.

        Parameters
        ----------
        contigs : CutContigs
            Contigs of a genome.
        chunks : sequence of int
            Indices of the chunks.
        observer : Observer or None
            As for :meth:`predict`.

        Returns
        -------
        CutContigs
            The same, with these chunks encoded.
        """
        groups = list(self._groups(contigs, chunks))
        each = self._in_order(lambda group: self._encode(contigs, group, observer), groups)
        encoded: dict[int, EncodedWindow] = {}
        for group, windows in zip(groups, each, strict=True):
            encoded |= zip(group, windows, strict=True)
        return replace(contigs, encoded=encoded)

    def viterbi_genes(self, contigs: CutContigs) -> list[GeneExamples]:
        """Find genes without their posteriors, to estimate signals from.

        Parameters
        ----------
        contigs : CutContigs
            The contigs, with some chunks encoded.

        Returns
        -------
        list of GeneExamples
            One for each encoded chunk; a gene is given once.
        """

        def work(group: list[int]) -> dict[int, np.ndarray]:
            paths: dict[int, np.ndarray] = {}
            for batch, chain in self._batches(contigs, group, [contigs.encoded[i] for i in group]):
                best, _ = chain.viterbi()
                paths |= {i: best[row] for row, i in enumerate(batch)}
            return paths

        groups = self._groups(contigs, list(contigs.encoded))
        found = [item for paths in self._in_order(work, groups) for item in sorted(paths.items())]
        return [self._examples(contigs, i, path) for i, path in found]

    def _examples(self, contigs: CutContigs, i: int, path: np.ndarray) -> GeneExamples:
        chunk, sequence = contigs.chunks[i], contigs.sequence_of(i)
        low, high = chunk.low + sequence.pad, chunk.high + sequence.pad
        genes = [
            g
            for g in genes_of_path(path[: len(chunk)], sequence.flags[low:high], self.structure)
            if chunk.owns(chunk.low + g.three_prime, self.settings.overlap)
        ]
        # With the rest of codons across the edges.
        first = max(low - 2, 0)
        codons = sequence.parameters.code.properties(sequence.symbols[first : high + 2])
        return GeneExamples(sequence.symbols[low:high], codons[low - first :][: high - low], genes)

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
        whole = CutContigs(seen, [Chunk(i, 0, len(s), True, True) for i, s in enumerate(seen)])
        result = np.zeros((len(codes), len(contigs)))

        def work(group: list[int]) -> None:
            encoded = self._encode(whole, group)
            for batch, chain in self._batches(whole, group, encoded):
                for row, sequences in zip(result, padded, strict=True):
                    flags = np.zeros_like(chain.flags)
                    for at, i in enumerate(batch):
                        own = sequences[i].flags[sequences[i].pad :][: len(contigs[i])]
                        flags[at, : len(own)] = own
                    row[batch] = replace(chain, flags=flags).log_partition()

        for _ in self._in_order(work, self._groups(whole, range(len(contigs)))):
            pass
        return result

    def _groups(self, contigs: CutContigs, chunks: Sequence[int]) -> Iterator[list[int]]:
        """Group chunks into what a thread works on at a time, so that there is some for each."""
        sizes = [len(contigs.chunks[i]) for i in chunks]
        share = -(-sum(sizes) // self.threads) + max(sizes, default=0) // 2
        return contigs.groups(chunks, min(self._at_once, share))

    def _in_order(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Work on items in threads, a few ahead of what is taken; yield results in order."""
        ahead = self.threads if self.threads > 1 else 0
        waiting: deque[Future[Result]] = deque()
        with self.runner.encoder.pool(self.threads) as pool:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _decode(
        self, contigs: CutContigs, group: Sequence[int], encoded: Sequence[EncodedWindow]
    ) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """Best path, int8 (n,), and frame posteriors, float32 (n, 6), of each chunk."""
        out: list[tuple[int, np.ndarray, np.ndarray]] = []
        for batch, chain in self._batches(contigs, group, encoded):
            paths, _ = chain.viterbi()
            frames = chain.marginals(self._frame_of_state)
            for row, i in enumerate(batch):
                n = len(contigs.chunks[i])
                out.append((i, paths[row, :n].astype(np.int8), frames[row, :n]))
        return sorted(out, key=lambda found: found[0])

    def _encode(
        self, contigs: CutContigs, group: Sequence[int], observer: Observer | None = None
    ) -> list[EncodedWindow]:
        """Return what the network makes of chunks, and forget what was kept of it."""
        rest = [i for i in group if i not in contigs.encoded]
        windows = []
        for i in rest:
            chunk, sequence = contigs.chunks[i], contigs.sequence_of(i)
            low = (chunk.low + sequence.pad) // 3 * 3
            high = -(-(chunk.high + sequence.pad) // 3) * 3
            windows.append(Window(sequence.symbols, sequence.flags, low, high))
        features = feature_functions([contigs.sequence_of(i) for i in rest])
        read = dict(zip(rest, self.runner.encode(windows, features, observer), strict=True))
        return [read[i] if i in read else contigs.encoded.pop(i) for i in group]

    def _batches(
        self, contigs: CutContigs, group: Sequence[int], encoded: Sequence[EncodedWindow]
    ) -> Iterator[tuple[list[int], Chain[np.ndarray]]]:
        """Score starts; yield indices of chunks with the CRF over them."""
        self._starts.score(encoded, [contigs.sequence_of(i) for i in group])
        for batch in batches([len(contigs.chunks[i]) for i in group], self._at_once):
            chosen = [group[at] for at in batch]
            chunks = [contigs.chunks[i] for i in chosen]
            lengths = np.array([len(chunk) for chunk in chunks])
            scores, flags = _join(contigs, chosen, [encoded[at] for at in batch])
            estimated = [contigs.sequence_of(i).parameters.estimated for i in chosen]
            self._lengths.apply(
                scores, flags, np.flatnonzero(estimated), lengths,
                np.array([chunk.begins for chunk in chunks]),
                np.array([chunk.ends for chunk in chunks]),
            )  # fmt: skip
            begin = np.ones((len(batch), len(self.grammar.states)), bool)
            end = begin.copy()
            for row, (i, chunk) in enumerate(zip(chosen, chunks, strict=True)):
                sequence = contigs.sequence_of(i)
                repeats = sequence.repeats - chunk.low
                repeats = repeats[(repeats[:, 1] > 0) & (repeats[:, 0] < len(chunk))]
                for low, high in repeats.clip(0, len(chunk)).tolist():
                    scores[row, low:high, self._scored] = 0
                if sequence.mask is not None:
                    masked = np.flatnonzero(sequence.mask[chunk.low : chunk.high])
                    scores[row, masked[:, None], self._frames] = self.settings.masked
                if self.closed_ends:
                    # Where a circle is unrolled is no end.
                    circular = bool(sequence.contig.circular)
                    begin[row, 1:] = not chunk.begins or (circular and chunk.low == 0)
                    end[row, 1:] = not chunk.ends or (circular and chunk.high == len(sequence))
            yield (
                chosen,
                Chain(
                    self.grammar,
                    scores,
                    self._transition_weights,
                    flags,
                    lengths,
                    begin=begin,
                    end=end,
                    threads=1,
                ),
            )


def _join(
    contigs: CutContigs, batch: Sequence[int], encoded: Sequence[EncodedWindow]
) -> tuple[np.ndarray, np.ndarray]:
    """Copy scores, float32 (B, L, C), and flags, uint8 (B, L), of chunks, longest first."""
    each = []
    for i, one in zip(batch, encoded, strict=True):
        chunk, sequence = contigs.chunks[i], contigs.sequence_of(i)
        low, high = chunk.low + sequence.pad, chunk.high + sequence.pad
        start = one.window.start
        each.append((one.scores[low - start : high - start], sequence.flags[low:high]))
    longest, n_scores = each[0][0].shape
    scores = np.zeros((len(each), longest, n_scores), np.float32)
    flags = np.zeros((len(each), longest), np.uint8)
    for row, (of_chunk, own) in enumerate(each):
        scores[row, : len(own)], flags[row, : len(own)] = of_chunk, own
    return scores, flags

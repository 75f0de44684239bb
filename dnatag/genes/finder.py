"""The gene finder: sequences in, genes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dnatag.engine.crf import implementation
from dnatag.engine.windows import Runner, Span, batches, choose_device, split, torch_threads
from dnatag.errors import InputError
from dnatag.formats.fasta import check_dna
from dnatag.formats.records import CodingSequence, Contig
from dnatag.genes.adapt import Adaptation
from dnatag.genes.alphabet import encode
from dnatag.genes.circular import choose_cut, least_rotation, place
from dnatag.genes.codes import STOP, STOP_REVERSE, GeneticCode
from dnatag.genes.grammar import FRAME_OF_STATE
from dnatag.genes.labels import genes_of_path
from dnatag.genes.model import load
from dnatag.models import DEFAULT_MODEL, find_model

if TYPE_CHECKING:
    from Bio.SeqRecord import SeqRecord

__all__ = ["GeneFinder", "Prediction"]

#: Runs of this many N are gaps: no gene crosses them.
GAP = 10
#: Bases decoded at once, and how far beyond them neighbouring pieces look.
PIECE, OVERLAP = 400_000, 30_000
#: Bases that are worked on together; contigs are read ahead up to this many.
GROUP = 8_000_000
#: A genome up to this many bases is held in memory for adaptation.
GENOME = 32_000_000
#: Bases looked at to adapt, cut into stretches spread over the genome.
SAMPLE, STRETCH = 2_000_000, 100_000
#: Genes to learn from: at least so many, so long, so sure.
LEARN_GENES, LEARN_LENGTH, LEARN_POSTERIOR = 60, 300, 0.9
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
    labels : numpy.ndarray or None
        int8 (L,), the state of each base in the grammar of genes, -1 in gaps; on request.
    posteriors : numpy.ndarray or None
        float32 (L, 6), the probability that each frame is open (see
        :data:`dnatag.genes.grammar.FRAMES`); on request.
    """

    contig: Contig
    genes: list[CodingSequence]
    labels: np.ndarray | None = None
    posteriors: np.ndarray | None = None


@dataclass(frozen=True)
class _Sequence:
    """A contig as the network reads it: padded at both ends alike to whole steps.

    A circle is unrolled: from its least rotation, with the ends repeated on the other side.
    Base i of the unrolled circle is base i + shift of the contig, modulo its length.
    """

    contig: Contig
    symbols: np.ndarray
    bits: np.ndarray
    pad: int
    shift: int = 0

    @classmethod
    def of(cls, contig: Contig, code: GeneticCode) -> _Sequence:
        symbols, shift = encode(contig.sequence), 0
        if contig.circular:
            rotation, repeat = least_rotation(symbols), min(OVERLAP, len(symbols))
            symbols = np.roll(symbols, -rotation)
            symbols = np.concatenate([symbols[-repeat:], symbols, symbols[:repeat]])
            shift = rotation - repeat
        pad = (0, 1, 2)[len(symbols) % 3]
        padded = np.zeros(len(symbols) + 2 * pad, np.uint8)
        padded[pad : pad + len(symbols)] = symbols
        return cls(contig, padded, code.properties(padded), pad, shift)

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


class GeneFinder:
    """Finds the genes of bacteria, archaea, their phages and plasmids.

    An object may be used by several threads at once.

    Parameters
    ----------
    model : str or Path
        A model by name or file.
    genetic_code : int, str or GeneticCode
        NCBI's number or a custom code (see :meth:`GeneticCode.parse`).
    closed_ends : bool
        Whether genes may not run off the ends of contigs and the edges of gaps.
    min_length : int
        Shortest gene, in bases.
    adapt : bool
        Whether to adapt to genomes that are large enough.
    device : str
        auto, cpu, cuda or mps.
    threads : int
        Number of CPU threads.

    Examples
    --------
    >>> from dnatag import GeneFinder
    >>> finder = GeneFinder()
    >>> genes = finder.find(open("genome.txt").read())  # doctest: +SKIP
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        *,
        genetic_code: int | str | GeneticCode = 11,
        closed_ends: bool = False,
        min_length: int = 60,
        adapt: bool = True,
        device: str = "auto",
        threads: int = 1,
    ) -> None:
        self.path = find_model(model)
        tagger, self.metadata = load(self.path)
        if not isinstance(genetic_code, GeneticCode):
            genetic_code = GeneticCode.parse(str(genetic_code))
        self.code = genetic_code
        self.closed_ends = closed_ends
        self.min_length = min_length
        self.adapt = adapt
        self.threads = threads
        self.grammar = tagger.grammar
        self._theta = tagger.theta.detach().cpu()
        self._project = torch.from_numpy(FRAME_OF_STATE.astype(np.float32))
        try:
            self._runner = Runner(tagger, choose_device(device), threads)
        except ValueError as error:
            raise InputError(str(error)) from None

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return self._runner.device

    def find(self, sequence: str | bytes | SeqRecord | Contig) -> list[CodingSequence]:
        """Find the genes of one sequence.

        Parameters
        ----------
        sequence : str, bytes, Bio.Seq, Bio.SeqRecord or Contig
            IUPAC letters, either case.

        Returns
        -------
        list of CodingSequence
            Sorted by start; 0-based half-open coordinates.

        Raises
        ------
        InputError
            If it is not DNA.
        """
        return next(self.predict([as_contig(sequence)])).genes

    def predict(
        self,
        contigs: Iterable[Contig],
        *,
        per_base: bool = False,
        notify: Callable[[str], None] = lambda message: None,
        done: Callable[[int], None] | None = None,
    ) -> Iterator[Prediction]:
        """Find the genes of the contigs of one genome.

        Contigs are taken from the iterable as they are needed: at first a genome's worth, to
        adapt to it.

        Parameters
        ----------
        contigs : iterable of Contig
            Of one genome, in any order.
        per_base : bool
            Whether to give labels and posteriors of each base.
        notify : callable
            Gets a line when something is worth knowing.
        done : callable or None
            Told of the number of bases finished, now and then.

        Yields
        ------
        Prediction
            In the order of the contigs.
        """
        source = iter(contigs)
        held: list[Contig] = []
        adaptation = Adaptation.none()
        if self.adapt:
            total = 0
            for contig in source:
                held.append(contig)
                total += len(contig)
                if total > GENOME:
                    notify("no adaptation: this is more than one genome's worth of sequence")
                    break
            else:
                adaptation = self.learn(held, notify)
        for group in _groups(_chain(held, source)):
            yield from self._predict(group, adaptation, per_base, done)

    def learn(
        self, contigs: Sequence[Contig], notify: Callable[[str], None] = lambda message: None
    ) -> Adaptation:
        """Adapt to a genome: learn from the sure genes of a sample of it.

        Parameters
        ----------
        contigs : sequence of Contig
            The genome; their order does not matter.
        notify : callable
            Gets a line on what was learnt.

        Returns
        -------
        Adaptation
            Tables of zeros if there are too few genes to learn from.
        """
        sample = _sample(contigs)
        adaptation = Adaptation.none()
        for _ in range(2):
            learn_from, number = [], 0
            for prediction in self._predict(sample, adaptation, False, None):
                genes = [
                    g if (g.start_posterior or 0) > 0.5 else replace(g, partial5=True)
                    for g in prediction.genes
                    if len(g) >= LEARN_LENGTH and (g.posterior or 0) >= LEARN_POSTERIOR
                ]
                number += len(genes)
                symbols = encode(prediction.contig.sequence)
                learn_from.append((symbols, self.code.properties(symbols), genes))
            if number < LEARN_GENES:
                notify(f"no adaptation: {number} sure genes, {LEARN_GENES} are needed")
                return Adaptation.none()
            adaptation = Adaptation.learn(learn_from)
        notify(f"adapted to the genome: learnt from {number} genes")
        return adaptation

    def _predict(
        self,
        contigs: Sequence[Contig],
        adaptation: Adaptation,
        per_base: bool,
        done: Callable[[int], None] | None,
    ) -> Iterator[Prediction]:
        sequences = [_Sequence.of(c, self.code) for c in contigs]
        pieces = [p for i, s in enumerate(sequences) for p in _pieces(i, s)]

        def features(symbols: np.ndarray, bits: np.ndarray, start: int, end: int) -> np.ndarray:
            low = max(start - _FLANK, 0)
            channels = adaptation.features(symbols[low : end + _FLANK], bits[low : end + _FLANK])
            return channels[start - low : end - low]

        found = [_Found(s, self, per_base) for s in sequences]
        finished = position = 0
        # Group by group, so that a long contig takes no more memory than its sequence.
        for group in _groups(pieces, size=lambda p: p.high - p.low):
            for piece, path, frames in self._decode(group, sequences, features, done):
                found[piece.sequence].add(piece, path, frames)
            position += len(group)
            following = pieces[position].sequence if position < len(pieces) else len(found)
            for number in range(finished, following):
                yield found[number].prediction()
            finished = following
        for rest in found[finished:]:
            yield rest.prediction()

    def _decode(
        self,
        pieces: Sequence[_Piece],
        sequences: Sequence[_Sequence],
        features: Any,
        done: Callable[[int], None] | None,
    ) -> Iterator[tuple[_Piece, np.ndarray, np.ndarray]]:
        """Best path, int8 (n,), and frame posteriors, float32 (n, 6), of each piece."""
        spans = []
        for piece in pieces:
            sequence = sequences[piece.sequence]
            low = (piece.low + sequence.pad) // 3 * 3
            high = -(-(piece.high + sequence.pad) // 3) * 3
            spans.append(Span(sequence.symbols, sequence.bits, low, high))
        results = self._runner.channels(spans, features, done)
        lengths = [piece.high - piece.low for piece in pieces]
        out: dict[int, tuple[_Piece, np.ndarray, np.ndarray]] = {}
        for batch in batches(lengths, GROUP // 2):
            longest = lengths[batch[0]]
            channels = np.zeros((len(batch), longest, len(self.grammar.channels)), np.float32)
            bits = np.zeros((len(batch), longest), np.uint8)
            begin = np.ones((len(batch), len(self.grammar.states)), bool)
            end = begin.copy()
            for row, i in enumerate(batch):
                piece, sequence = pieces[i], sequences[pieces[i].sequence]
                n = lengths[i]
                offset = piece.low + sequence.pad - spans[i].start
                channels[row, :n] = results[i][offset : offset + n]
                bits[row, :n] = sequence.bits[piece.low + sequence.pad :][:n]
                if self.closed_ends:
                    # Where a circle is unrolled is no end.
                    circular = bool(sequence.contig.circular)
                    begin[row, 1:] = not piece.begins or (circular and piece.low == 0)
                    end[row, 1:] = not piece.ends or (circular and piece.high == len(sequence))
            arguments = (
                self.grammar, torch.from_numpy(channels), self._theta, torch.from_numpy(bits),
                torch.tensor([lengths[i] for i in batch]),
            )  # fmt: skip
            ends = {"begin": torch.from_numpy(begin), "end": torch.from_numpy(end)}
            with torch_threads(self.threads):
                paths, _ = _CRF.viterbi(*arguments, **ends)
                frames = _CRF.marginals(*arguments, **ends, project=self._project)
            for row, i in enumerate(batch):
                path = paths[row, : lengths[i]].numpy().astype(np.int8)
                out[i] = (pieces[i], path, frames[row, : lengths[i]].numpy())
        for i in range(len(pieces)):
            yield out[i]


class _Found:
    """Collects what is found on a contig, piece by piece."""

    def __init__(self, sequence: _Sequence, finder: GeneFinder, per_base: bool) -> None:
        self.sequence = sequence
        self.finder = finder
        length = len(sequence)
        self.bits = sequence.bits[sequence.pad : sequence.pad + length]
        self.genes: list[CodingSequence] = []
        # A circle is cut where its labels say that there is no gene.
        labelled = per_base or sequence.contig.circular
        self.labels = np.full(length, -1, np.int8) if labelled else None
        self.posteriors = np.zeros((length, 6), np.float32) if per_base else None
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
            if torn or len(gene) < self.finder.min_length:
                continue
            posterior, start_posterior = _posteriors(gene, frames, bits)
            self.genes.append(
                replace(
                    gene,
                    parts=((gene.start + piece.low, gene.end + piece.low),),
                    genetic_code=self.finder.code.table,
                    posterior=posterior,
                    start_posterior=start_posterior,
                )
            )
        if self.labels is not None:
            self.labels[low:high] = path[taken]
        if self.posteriors is not None:
            self.posteriors[low:high] = frames[taken]

    def prediction(self) -> Prediction:
        """Return the result, after the last piece."""
        contig = self.sequence.contig
        if not contig.circular:
            return Prediction(contig, self.genes, self.labels, self.posteriors)
        assert self.labels is not None
        length, shift = len(contig), self.sequence.shift
        cut = choose_cut(self.labels, length)
        genes = [
            replace(gene, parts=place(gene, shift, length))
            for gene in self.genes
            if cut <= gene.start < cut + length and gene.end < len(self.labels)
        ]
        genes.sort(key=lambda g: (g.start, g.end, -g.strand))
        if self.posteriors is None:
            return Prediction(contig, genes)
        labels, posteriors = (
            np.roll(values[cut : cut + length], cut + shift, axis=0)
            for values in (self.labels, self.posteriors)
        )
        return Prediction(contig, genes, labels, posteriors)


def _posteriors(
    gene: CodingSequence, frames: np.ndarray, bits: np.ndarray
) -> tuple[float, float | None]:
    """Posteriors of a gene and of its start, which follow from those of the frames.

    A gene that is open at its stop codon is that gene, whatever its start; and the frame's
    posterior rises at a start codon by the probability that the gene starts there.
    """
    columns = frames[:, :3] if gene.strand > 0 else frames[:, 3:]
    last = (len(gene) - gene.phase - 1) % 3
    posterior = min(float(columns[gene.three_prime, last]), 1.0)
    if gene.partial5:
        return posterior, None
    first, before = gene.five_prime, gene.five_prime - gene.strand
    opened = float(columns[first, 0])
    stop = STOP if gene.strand > 0 else STOP_REVERSE
    if 0 <= before < len(frames) and not bits[before] & stop:
        opened -= float(columns[before, 2])
    return posterior, min(max(opened / max(posterior, 1e-9), 0.0), 1.0)


def as_contig(sequence: Any) -> Contig:
    """Turn what users have into a contig: str, bytes, Bio.Seq, Bio.SeqRecord, Contig.

    Raises
    ------
    InputError
        If it is empty or has letters that DNA has not.
    """
    if isinstance(sequence, Contig):
        contig = sequence
    else:
        name, description = "sequence", ""
        if hasattr(sequence, "seq"):
            name, description, sequence = sequence.id, sequence.description, sequence.seq
        text = isinstance(sequence, str)
        letters = bytes(sequence, "ascii", "replace") if text else bytes(sequence)
        contig = Contig(name, b"".join(letters.split()), description)
    if not contig.sequence:
        raise InputError(f"{contig.id}: has no sequence")
    check_dna(contig.sequence, contig.id)
    return contig


def _chain(held: list[Contig], rest: Iterator[Contig]) -> Iterator[Contig]:
    """Contigs that were held, which are let go of on the way, and the rest."""
    held.reverse()
    while held:
        yield held.pop()
    yield from rest


def _groups(
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


def _sample(contigs: Sequence[Contig]) -> list[Contig]:
    """Stretches spread over a genome, the same for any order and strand of its contigs."""
    total = sum(map(len, contigs))
    sample: list[Contig] = []
    seen = taken = 0
    for contig in sorted(contigs, key=lambda c: (-len(c), c.id)):
        stretches = list(pairwise(split(len(contig), STRETCH)))
        seen += len(contig)
        due = min(SAMPLE / total, 1) * seen - taken
        n = min(round(due * len(stretches) / len(contig)), len(stretches))
        for i in range(n):
            # Evenly spaced; their number is odd, so that no place is half-way between two.
            low, high = stretches[(2 * i + 1) * len(stretches) // (2 * n)]
            sample.append(Contig(f"{contig.id}:{low}", contig.sequence[low:high]))
            taken += high - low
    return sample

"""Annotated genomes as training batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from dnatag.domains.genes.codes import START, START_REVERSE, STOP, STOP_REVERSE, GeneticCode
from dnatag.domains.genes.signals.gene_signals import FEATURES, GeneExamples, GeneSignals
from dnatag.domains.genes.structures.base import GeneStructure
from dnatag.domains.genes.structures.labels import Labels
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.engine.batch import Batch
from dnatag.errors import InputError
from dnatag.formats.sequences.records import CodingSequence

__all__ = ["MIN_CUT", "VALIDATION_WINDOWS", "GenomeWindows", "LabelledContig", "LabelledGenome"]

#: Contigs of at least so many bases can be cut into a part to train and one to validate on.
MIN_CUT = 3000
#: Windows of a batch of validation.
VALIDATION_WINDOWS = 64
#: Genes of fewer bases are not used to estimate signals.
MIN_GENE_LENGTH = 300
#: Bases on either side of a window that its features depend on.
_FLANK = 64


@dataclass(frozen=True)
class LabelledContig:
    """A contig ready for training: uint8 (L,) symbols and flags, and its labels."""

    symbols: np.ndarray
    flags: np.ndarray
    labels: Labels

    def part(self, start: int, end: int) -> LabelledContig:
        """Cut out a stretch (0-based, half-open) with the genes that lie in it as a whole."""
        genes = [
            replace(g, parts=tuple((a - start, b - start) for a, b in g.parts))
            for g in self.labels.genes
            if all(start <= a and b <= end for a, b in g.parts)
        ]
        labels = Labels(self.labels.allowed[start:end], genes)
        return LabelledContig(self.symbols[start:end], self.flags[start:end], labels)


@dataclass(frozen=True)
class LabelledGenome:
    """A genome for training.

    Parameters
    ----------
    name : str
        For messages and the model's card.
    contigs : tuple of LabelledContig
        All at least one codon long.
    code : GeneticCode
        Its genetic code.
    weight : float
        How often windows are drawn from it, relative to others.
    signals : list of GeneSignals
        Codon usage and start signals that its windows are given, one set at random.
    """

    name: str
    contigs: tuple[LabelledContig, ...]
    code: GeneticCode
    weight: float = 1.0
    signals: list[GeneSignals] = field(default_factory=list)

    def examples(self) -> list[GeneExamples]:
        """Return its contigs with the genes that are long enough to estimate signals from."""
        return [
            GeneExamples(
                c.symbols, c.flags, [g for g in c.labels.genes if len(g) >= MIN_GENE_LENGTH]
            )
            for c in self.contigs
        ]

    def estimate_signals(self, seed: int, variants: int = 4) -> None:
        """Estimate signals as a first pass might: from part of the genes, some starts being wrong.

        Parameters
        ----------
        seed : int
            Seed of the random choices.
        variants : int
            Number of estimates.
        """
        rng = np.random.default_rng(seed)
        for variant in range(variants):
            keep = rng.uniform(0.4, 1.0)
            wrong = 0.3 * variant / max(variants - 1, 1)
            drawn = []
            for example in self.examples():
                genes = [
                    _wrong_start(g, example.flags, rng) if rng.random() < wrong else g
                    for g in example.genes
                    if rng.random() < keep
                ]
                drawn.append(example._replace(genes=genes))
            self.signals.append(GeneSignals.estimate(drawn))

    def hold_out(self, share: float) -> tuple[LabelledGenome, LabelledGenome]:
        """Cut the last part off every contig, to validate on.

        Contigs of fewer than ``MIN_CUT`` bases stay whole.

        Parameters
        ----------
        share : float
            Size of the part that is cut off, from 0 to 1.

        Returns
        -------
        rest : LabelledGenome
            What is left to train on; its signals are yet to be estimated, from its genes only.
        held_out : LabelledGenome
            The parts cut off; with too few genes for signals, so it needs those of the rest.

        Raises
        ------
        InputError
            If all contigs are short.
        """
        rest, held_out = [], []
        for contig in self.contigs:
            length = len(contig.symbols)
            if length < MIN_CUT:
                rest.append(contig)
            else:
                cut = round(length * (1 - share))
                rest.append(contig.part(0, cut))
                held_out.append(contig.part(cut, length))
        if not held_out:
            raise InputError(
                f"{self.name}: no contig has {MIN_CUT} bp, so no part can be held out to validate "
                "on; name genomes to validate on in a recipe"
            )
        return (
            replace(self, contigs=tuple(rest), signals=[]),
            replace(self, contigs=tuple(held_out), signals=[]),
        )


def _wrong_start(
    gene: CodingSequence, flags: np.ndarray, rng: np.random.Generator
) -> CodingSequence:
    """Move a gene's start to another start codon of its frame, within 100 codons."""
    if gene.partial5 or len(gene.parts) > 1:
        return gene
    start, end = gene.parts[0]
    here = start if gene.strand > 0 else end - 1
    away = -3 * gene.strand  # one codon upstream
    is_start, is_stop = (START, STOP) if gene.strand > 0 else (START_REVERSE, STOP_REVERSE)
    rivals = []
    for sign in (1, -1):
        place = here + sign * away
        limit = 100 if sign > 0 else min(100, len(gene) // 6)
        for _ in range(limit):
            if not (0 <= place < len(flags) and 0 <= place - away < len(flags)):
                break
            if sign > 0 and flags[place - away - gene.strand] & is_stop:
                break
            if flags[place] & is_start:
                rivals.append(place)
            place += sign * away
    if not rivals:
        return gene
    # Near ones are the usual mistakes.
    place = int(rng.choice(rivals[:2] + rivals[-2:]))
    return replace(gene, parts=((place, end) if gene.strand > 0 else (start, place + 1),))


@dataclass(frozen=True)
class GenomeWindows:
    """Random windows of genomes, each a function of the seed and its number alone.

    Parameters
    ----------
    train, validate : sequence of LabelledGenome
        Genomes to draw from.
    window : int
        Bases of a window, a multiple of the stride.
    batch : int
        Windows per step, over all workers.
    seed : int
        Seed of all random choices.
    unadapted : float
        Share of windows without the features of signals, as in a first pass.
    validation_batches : int
        Number of batches of ``VALIDATION_WINDOWS`` windows to validate on.
    structure : GeneStructure
        Whose states the labels of the genomes are.
    """

    train: Sequence[LabelledGenome]
    validate: Sequence[LabelledGenome]
    window: int = 2304
    batch: int = 128
    seed: int = 1
    unadapted: float = 0.33
    validation_batches: int = 24
    structure: GeneStructure = field(default_factory=prokaryotic)

    def batch_at(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        """Return a worker's share of the batch of a step."""
        share = range(rank, self.batch, world)
        return self._collate(self.train, [(self.seed, 0, step, i) for i in share])

    def validation(self, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        """Yield a worker's share of the batches to validate on, the same at every call."""
        for number in range(rank, self.validation_batches, world):
            yield self._collate(
                self.validate, [(self.seed, 1, number, i) for i in range(VALIDATION_WINDOWS)]
            )

    def _collate(self, genomes: Sequence[LabelledGenome], keys: list[tuple[int, ...]]) -> Batch:
        n, width = len(keys), self.window
        weights = np.array([g.weight for g in genomes])
        symbols = np.zeros((n, width), np.uint8)
        flags = np.zeros((n, width), np.uint8)
        allowed = np.zeros((n, width), self.structure.set_type)
        features = np.zeros((n, width, len(FEATURES)), np.float32)
        lengths = np.zeros(n, np.int64)
        for i, key in enumerate(keys):
            rng = np.random.default_rng(key)
            genome = genomes[rng.choice(len(genomes), p=weights / weights.sum())]
            sizes = np.array([len(c.symbols) for c in genome.contigs], dtype=float)
            contig = genome.contigs[rng.choice(len(sizes), p=sizes / sizes.sum())]
            size = len(contig.symbols)
            length = min(width, size // 3 * 3)
            # Ends of contigs are seen as often as other places.
            start = int(np.clip(rng.integers(-width // 4, size - length + width // 4 + 1), 0,
                                size - length))  # fmt: skip
            end = start + length
            symbols[i, :length] = contig.symbols[start:end]
            flags[i, :length] = contig.flags[start:end]
            allowed[i, :length] = contig.labels.allowed[start:end]
            lengths[i] = length
            if rng.random() >= self.unadapted and genome.signals:
                signals = genome.signals[rng.integers(len(genome.signals))]
                low, high = max(start - _FLANK, 0), min(end + _FLANK, size)
                around = signals.features(contig.symbols[low:high], contig.flags[low:high])
                features[i, :length] = around[start - low : end - low]
        states = self.structure.members(allowed)
        words = torch.from_numpy(flags)
        return Batch(
            inputs=(torch.from_numpy(symbols), words, torch.from_numpy(features)),
            lengths=torch.from_numpy(lengths),
            targets={"flags": words, "allowed": torch.from_numpy(states)},
        )

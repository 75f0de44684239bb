"""Recoded genomes: the same proteins in the same places, with the codon usage of other genomes.

What a network knows of compositions that no genome to train on has, it can only know from such
genomes. Starts and what stands around them stay as they are, so that a genome keeps its signals;
but where recoding begins gives starts away, so labels leave them open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.nucleotides import base_numbers, reverse_complement
from dnatag.domains.genes.structures.labels import Labels, leave_start_open
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.domains.genes.training.corpus import LabelledContig, LabelledGenome
from dnatag.errors import InputError
from dnatag.formats.sequences.records import CodingSequence

__all__ = ["Usage", "recode", "recoded_genomes"]

#: Shorter genes stay as they are.
MIN_GENE_LENGTH = 150
#: Longest part of a genome that is recoded, in bases.
MAX_BASES = 1_000_000
#: The GC content of the genome whose codon usage is taken differs by so much.
DISTANCE = (0.02, 0.24)
#: Bases before and behind a start that stay as they are.
AROUND_START = (60, 45)
#: In so many first codons of a gene no start codon appears or goes, so that none competes less.
NEAR_START = 120
#: How much of the other usage a gene takes, from and to; above 1 it is exaggerated.
STRENGTH = (0.5, 1.2)
#: Standard deviation of noise on the logarithm of the shares of codons.
NOISE = 0.35
#: Largest share of the bases between genes that change, for the GC content.
BETWEEN_GENES = 0.2

_CODONS = ["".join(codon) for codon in product("ACGT", repeat=3)]


@dataclass(frozen=True)
class Usage:
    """How a genome writes its proteins.

    Attributes
    ----------
    shares : numpy.ndarray
        float64 (64,), the share of each codon (AAA, AAC, AAG, …) among those of its amino acid.
    gc : float
        GC content of the genome, from 0 to 1.
    """

    shares: np.ndarray
    gc: float

    @classmethod
    def of(cls, genome: LabelledGenome) -> Usage:
        """Count the codons of a genome's genes."""
        counts = np.ones(64)
        gc = at = 0
        for contig in genome.contigs:
            gc += int(np.isin(contig.symbols, (2, 4)).sum())
            at += int(np.isin(contig.symbols, (1, 8)).sum())
            for gene in filter(_is_plain, contig.labels.genes):
                codons = _codons(_in_direction(contig.symbols, gene))[1:-1]
                counts += np.bincount(codons[codons >= 0], minlength=64)
        shares = counts / (_synonyms(genome.code) @ counts)
        return cls(shares, gc / max(gc + at, 1))


def recoded_genomes(
    genomes: Sequence[LabelledGenome], share: float, seed: int
) -> list[LabelledGenome]:
    """Recode genomes, each with the codon usage of another one.

    Parameters
    ----------
    genomes : sequence of LabelledGenome
        Genomes to train on.
    share : float
        Share of the windows that are to be of recoded genomes, if these are added, below 1.
    seed : int
        Seed of all random choices.

    Returns
    -------
    list of LabelledGenome
        One for each genome for which there is another one at the right distance.

    Raises
    ------
    InputError
        If there is no such pair of genomes.
    """
    rng = np.random.default_rng(seed)
    usages = [Usage.of(genome) for genome in genomes]
    result = []
    for genome, own in zip(genomes, usages, strict=True):
        low, high = DISTANCE
        others = [one for one in usages if low < abs(one.gc - own.gc) < high]
        if others:
            other = others[rng.integers(len(others))]
            result.append(recode(_part(genome, rng), own, other, rng))
    if not result:
        raise InputError(
            f"'recoded' is {share}, but no two genomes have GC contents that differ by "
            f"{DISTANCE[0]:.0%} to {DISTANCE[1]:.0%}, so none can be recoded: leave it out"
        )
    weight = sum(genome.weight for genome in result)
    factor = share / (1 - share) * sum(genome.weight for genome in genomes) / weight
    return [replace(genome, weight=genome.weight * factor) for genome in result]


def recode(
    genome: LabelledGenome, own: Usage, other: Usage, rng: np.random.Generator
) -> LabelledGenome:
    """Write the proteins of a genome with the codon usage of another one.

    Parameters
    ----------
    genome : LabelledGenome
        The genome.
    own, other : Usage
        Its usage, and that of the other one.
    rng : numpy.random.Generator
        Chooses the codons.

    Returns
    -------
    LabelledGenome
        With labels that leave the starts of genes open, and signals of its own if the genome has
        some.
    """
    shares = np.log(other.shares + 1e-4) + rng.normal(0, NOISE, 64)
    contigs = []
    for contig in genome.contigs:
        symbols = contig.symbols.copy()
        covered, kept = _places(contig)
        genes, free = list(filter(_is_plain, contig.labels.genes)), (covered == 1) & ~kept
        for gene in genes:
            strength = rng.uniform(*STRENGTH)
            wanted = strength * shares + max(1 - strength, 0) * np.log(own.shares + 1e-4)
            _recode_gene(symbols, gene, free, np.exp(wanted), genome.code, rng)
        _shift(symbols, (covered == 0) & ~kept, other.gc - own.gc, rng)
        flags, allowed = genome.code.properties(symbols), contig.labels.allowed.copy()
        for gene in genes:
            leave_start_open(allowed, gene, flags, prokaryotic())
        contigs.append(LabelledContig(symbols, flags, Labels(allowed, contig.labels.genes)))
    result = replace(genome, name=f"{genome.name}, recoded", contigs=tuple(contigs), signals=[])
    if genome.signals:
        result.estimate_signals(int(rng.integers(2**31)))
    return result


def _part(genome: LabelledGenome, rng: np.random.Generator) -> LabelledGenome:
    """Return the genome, or a part of it if it is large: its longest contigs first."""
    left, contigs = MAX_BASES, []
    for contig in sorted(genome.contigs, key=lambda c: -len(c.symbols)):
        size = min(len(contig.symbols), left)
        if not size:
            break
        start = int(rng.integers(len(contig.symbols) - size + 1))
        contigs.append(contig.part(start, start + size))
        left -= size
    return replace(genome, contigs=tuple(contigs))


def _is_plain(gene: CodingSequence) -> bool:
    """Tell whether a gene is in one piece and whole, and long enough."""
    whole = len(gene.parts) == 1 and not (gene.partial5 or gene.partial3)
    return whole and len(gene) % 3 == 0 and len(gene) >= MIN_GENE_LENGTH


def _places(contig: LabelledContig) -> tuple[np.ndarray, np.ndarray]:
    """Return by how many genes each base is covered, and whether it is close to a start."""
    n = len(contig.symbols)
    steps, kept = np.zeros(n + 1, int), np.zeros(n, bool)
    before, behind = AROUND_START
    for gene in contig.labels.genes:
        for start, end in gene.parts:
            steps[start] += 1
            steps[end] -= 1
        if gene.strand > 0:
            kept[max(gene.start - before, 0) : gene.start + behind] = True
        else:
            kept[max(gene.end - behind, 0) : gene.end + before] = True
    return np.cumsum(steps)[:n], kept


def _in_direction(values: np.ndarray, gene: CodingSequence) -> np.ndarray:
    """Return symbols of a gene in its reading direction."""
    ((start, end),) = gene.parts
    part = values[start:end]
    return part if gene.strand > 0 else reverse_complement(part)


def _codons(symbols: np.ndarray) -> np.ndarray:
    """Return the number of each codon, int (N,); -1 where a base is not certain."""
    bases = base_numbers(symbols).reshape(-1, 3).astype(int)
    numbers: np.ndarray = np.where((bases < 0).any(1), -1, bases @ (16, 4, 1))
    return numbers


@lru_cache
def _synonyms(code: GeneticCode) -> np.ndarray:
    """Return which codons stand for the same amino acid, bool (64, 64)."""
    amino_acids = np.array(list(code.translate("".join(_CODONS).encode())))
    same: np.ndarray = amino_acids[:, None] == amino_acids
    return same


@lru_cache
def _starts(code: GeneticCode) -> np.ndarray:
    """Return which codons are start codons, bool (64,)."""
    return np.array([codon in code.starts for codon in _CODONS])


def _recode_gene(
    symbols: np.ndarray,
    gene: CodingSequence,
    free: np.ndarray,
    wanted: np.ndarray,
    code: GeneticCode,
    rng: np.random.Generator,
) -> None:
    """Draw the codons of a gene anew where all their bases are free, in `symbols`."""
    ((start, end),) = gene.parts
    codons = _codons(_in_direction(symbols, gene))
    there = free[start:end] if gene.strand > 0 else free[start:end][::-1]
    near = np.arange(len(codons)) < NEAR_START
    starts = _starts(code)
    change = there.reshape(-1, 3).all(1) & (codons >= 0) & ~(near & starts[codons])
    change[[0, -1]] = False
    ways = _synonyms(code) * wanted
    for part, usable in ((near, ~starts), (~near, np.ones(64, bool))):
        places = np.flatnonzero(change & part)
        shares = np.cumsum(ways * usable, 1)
        drawn = rng.random(len(places)) * shares[codons[places], -1]
        codons[places] = (shares[codons[places]] <= drawn[:, None]).sum(1)
    bases = np.stack([codons // 16, codons // 4 % 4, codons % 4], 1)
    written = np.where(change[:, None], 1 << bases, 0).astype(np.uint8).ravel()
    if gene.strand < 0:
        written = reverse_complement(written)
    symbols[start:end] = np.where(written > 0, written, symbols[start:end])


def _shift(symbols: np.ndarray, free: np.ndarray, change: float, rng: np.random.Generator) -> None:
    """Change bases between genes at random, as far as the GC content is to change."""
    weak, strong = np.array([1, 8], np.uint8), np.array([2, 4], np.uint8)
    before, behind = (weak, strong) if change > 0 else (strong, weak)
    chosen = rng.random(len(symbols)) < min(abs(change), BETWEEN_GENES)
    places = np.flatnonzero(free & np.isin(symbols, before) & chosen)
    symbols[places] = behind[rng.integers(0, 2, len(places))]

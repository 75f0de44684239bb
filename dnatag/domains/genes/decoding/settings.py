"""Settings of decoding: how contigs are cut, and what counts beside the network."""

from __future__ import annotations

from dataclasses import dataclass, field

from dnatag.domains.genes.decoding.lengths import LengthSettings
from dnatag.engine.inference.tiles import Tiling

__all__ = ["DecodingSettings"]


@dataclass(frozen=True)
class DecodingSettings:
    """Sizes and weights of decoding.

    Attributes
    ----------
    gap : int
        Runs of at least so many N are gaps, which no gene crosses.
    chunk, overlap : int
        Bases decoded at once (about), and how far beyond them neighbouring chunks look. From 2,000
        on no gene of the examples depends on the overlap, and no posterior by 1e-4.
    group : int
        Bases of contigs that are planned together.
    very_short : int
        Starts of genes with fewer bases are dropped before decoding, unless such genes are asked
        for.
    repeat_period, repeat_length : int
        Tandem repeats with periods of up to so many bases and at least so many bases are neither
        for nor against genes: the network makes anything of them, in several frames at once. There
        is next to none in genomes of prokaryotes, 3 bases in 100 kb.
    masked : float
        Score of a base in a gene where a region is masked: less than any evidence can outweigh.
    rbs_weight : float
        Weight of the log-odds of the RBS motif in the score of a start, which the network knows
        most of: the best of 0, 0.3, 0.6 and 1 on genera that were not trained on.
    codon_weight, profile_weight : float
        Weights of two features beside what the network makes of them: the codon of a start, and the
        bases around it (mean of the profiles of first and inner genes of operons). They decide
        between the starts of a gene only, and only where they are of the genome itself. A
        regression on thirteen genomes of genera that were not trained on.
    min_alternative, max_alternatives : float, int
        Lowest posterior of an alternative start, and most alternative starts of a gene.
    lengths : LengthSettings
        How much the length of a gene counts beside the network.
    tiling : Tiling
        How the network's input is cut.
    """

    gap: int = 10
    chunk: int = 400_000
    overlap: int = 10_000
    group: int = 8_000_000
    very_short: int = 60
    repeat_period: int = 10
    repeat_length: int = 50
    masked: float = -1e4
    rbs_weight: float = 0.3
    codon_weight: float = 0.45
    profile_weight: float = 0.35
    min_alternative: float = 0.01
    max_alternatives: int = 5
    lengths: LengthSettings = field(default_factory=LengthSettings)
    tiling: Tiling = field(default_factory=Tiling)

"""Settings of self-training: how the parameters of a genome are estimated from its sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dnatag.domains.genes.signals.gene_signals import GeneExamples, GeneSignals

__all__ = ["SelfTrainingSettings"]


@dataclass(frozen=True)
class SelfTrainingSettings:
    """Sizes, thresholds and limits of self-training.

    The defaults were chosen on genera that no model was trained on.

    Attributes
    ----------
    max_genome, max_mixture : int
        Contigs of up to so many bases may be one genome, or a mixture whose contigs are binned.
        They are held in memory for that.
    long_contig : int
        Contigs of a mixture that have at least so many bases are self-trained one by one.
    sample_size, sample_stretch : int
        Bases of the sample that similar genomes are chosen by, and of each of its stretches.
    frames_size, frames_rounds : int
        Bases that open frames are looked for in, at most, and how often: later they hardly change.
    min_genes : int
        Fewest genes to estimate parameters from. With 30 instead of 60, contigs of 37 and 50 kb
        gain half a point of exact genes; with 20, those of 25 kb lose.
    min_posterior : float
        Lowest posterior of a gene that counts where genetic codes are compared.
    min_gene_length : int
        Bases of the shortest gene to estimate from.
    min_log_odds, max_overlap : float, float
        Open frames are taken for genes if they are more probable by so many nats, with the codons
        of genes, and at most this share of them lies in a surer one. With 3 nats those of random
        sequences rich in GC confirm each other.
    codon_weight, profile_weight, edge_score : float
        Weights of the codon of a start and of the bases around it, beside the codons of the gene;
        and the score of a start beyond the end of a contig, in nats: most genes at an end go on.
    start_sample, max_rounds, settled : int, int, float
        Start signals are estimated from the genes on so many bases (more are no better), at most
        so many times, and until this share of the genes keeps its start.
    estimate : callable
        Estimates codon usage and start signals from the genes of sequences.
    other_codes : tuple of int
        NCBI numbers of the genetic codes that are compared to code 11; 25 has the stops of 4.
    code_sample, code_stretch : int
        Most bases that the genetic code is chosen from, and the bases of each stretch.
    code_margins : tuple of (int, float)
        From so many bases on, another code must be better than code 11 by so many nats per 1000
        bases; the largest number of bases first. Fewer than one in a thousand stretches of the
        training genomes of code 11 reaches it. With fewer bases than the last, no margin keeps
        errors of both kinds rare (benchmarks/codes.py), and the code is 11.
    long_frame, shares_opened : int, tuple of (int, float)
        Another code is considered at all if it opens reading frames of so many bases in this
        share more of a sequence of so many bases; the largest number of bases first. It does so
        in all stretches of code 4 that likelihood recognizes, but for 1 of 35 at 3 kb, and in half
        of the stretches of code 11 of 5 and 10 kb, and a fifth of those of 20 kb. With 0.08 from
        10 kb on, 2 of 60 of code 4 would not be recognized.
    clear_size, clear_open, clear_margin, clear_odds : int, float, float, float
        Contigs are of several genomes if one of at least so many bases, in which another code
        opens this share more of the sequence, prefers it by so many nats per 1000 bases, while
        the other contigs together prefer code 11 by so many nats. Of 8,115 stretches of 5 to 20
        kb of genomes of code 11, none prefers another code by more than 2.3 nats; of 367 of code
        4, 324 do by 3. Of 1,080 stretches of 1 to 5 kb of code 4, none prefers code 11 by more
        than 1.1 nats.
    max_tryptophan : float
        Largest share of TGA and TGG codons under code 4. Both are tryptophan there, which is 1 %
        of a proteome; under code 25 TGA is glycine, and they are more.
    gc_contig, max_gc_spread : int, float
        Contigs of at least so many bases are of several genomes if the standard deviation of
        their GC content, weighted by length, is larger.
    min_binning_gain : float
        Contigs are of several genomes if they are more probable in bins by so many nats per 1000
        bases. Of 65 genomes outside the panel, in 60 contigs of 5 kb each, 5 are taken for more
        than one; of 80 pairs of them that GC content does not separate, 66 are.
    min_panel : int
        Contigs are binned only if the reference panel has so many genomes.
    binning_prior : float
        Hexamers that a genome of the panel counts for in its bin, beside those of the contigs. Of
        66 genomes outside the panel, in 30 contigs of 5 kb each, 54 % are in a bin of which their
        genome is the largest part, and 91 % in the main bin of their genome; with 1,000 it is 49
        and 91 %, with 30,000 57 and 91 %.
    binning_rounds, binning_batch : int
        Most rounds in which contigs change their bin, and contigs that are compared at once. Some
        change to and fro without end; bins are no better after 20 rounds.
    panel_averaged : int
        Genomes of the panel whose signals are averaged for a contig that is too short for
        self-training: better than one, and as good as two or four.
    panel_candidates : int
        Genomes of the panel, the most similar in composition, that are compared by codon usage.
    panel_switch : float
        Probability that a gene, or what is between genes, ends before a codon.
    """

    max_genome: int = 20_000_000
    max_mixture: int = 200_000_000
    long_contig: int = 100_000
    sample_size: int = 800_000
    sample_stretch: int = 40_000
    frames_size: int = 5_000_000
    frames_rounds: int = 2
    min_genes: int = 30
    min_posterior: float = 0.9
    min_gene_length: int = 300
    min_log_odds: float = 10.0
    max_overlap: float = 0.2
    codon_weight: float = 2.0
    profile_weight: float = 4.0
    edge_score: float = 5.0
    start_sample: int = 1_600_000
    max_rounds: int = 6
    settled: float = 0.99
    estimate: Callable[[Iterable[GeneExamples]], GeneSignals] = GeneSignals.estimate
    other_codes: tuple[int, ...] = (4, 15)
    code_sample: int = 40_000
    code_stretch: int = 10_000
    code_margins: tuple[tuple[int, float], ...] = ((10_000, 1.5), (5_000, 2.25), (3_000, 3.5))
    long_frame: int = 450
    shares_opened: tuple[tuple[int, float], ...] = ((20_000, 0.1), (1, 0.05))
    clear_size: int = 5_000
    clear_open: float = 0.2
    clear_margin: float = 3.0
    clear_odds: float = 3.0
    max_tryptophan: float = 0.03
    gc_contig: int = 3_000
    max_gc_spread: float = 0.05
    min_binning_gain: float = 6.0
    min_panel: int = 20
    binning_prior: float = 10_000
    binning_rounds: int = 8
    binning_batch: int = 500
    panel_averaged: int = 3
    panel_candidates: int = 32
    panel_switch: float = 0.006

    @property
    def min_code_sample(self) -> int:
        """Fewest bases that a genetic code other than 11 is chosen from."""
        return self.code_margins[-1][0]

    def code_margin(self, size: int) -> float:
        """Return the nats per 1000 bases by which a genetic code must be better than code 11.

        Parameters
        ----------
        size : int
            Bases to choose from, at least :attr:`min_code_sample`.
        """
        return _of_size(self.code_margins, size)

    def more_open(self, size: int) -> float:
        """Return the share of the sequence that another code must open more to be considered.

        Parameters
        ----------
        size : int
            Bases to choose from, at least one.
        """
        return _of_size(self.shares_opened, size)


def _of_size(steps: tuple[tuple[int, float], ...], size: int) -> float:
    """Return the value of the first step whose number of bases is not above `size`."""
    return next(value for least, value in steps if size >= least)

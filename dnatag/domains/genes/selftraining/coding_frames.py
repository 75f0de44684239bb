"""Genes by codon usage alone, round by round: what the signals of a genome are estimated from.

Open reading frames whose codons are those of similar genomes are taken for genes, their signals are
estimated, and the frames are looked at again with these, as Prodigal (Hyatt et al. 2010) and
GeneMarkS (Besemer et al. 2001) do. The network is not needed for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dnatag.domains.genes.codes import START, STOP, GeneticCode
from dnatag.domains.genes.loops import coding_frames, drop_starts
from dnatag.domains.genes.nucleotides import base_numbers, encode, reverse_complement
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.domains.genes.signals.gene_signals import (
    GeneExamples,
    GeneSignals,
    codon_ratios,
    hexamer_counts,
    mirror_flags,
    start_evidence,
)
from dnatag.formats.sequences.records import CodingSequence, Contig

__all__ = ["find_coding_frames", "join_contigs"]

#: N between contigs: more than what is looked at around a start, its rivals (150 bases) among it.
_BETWEEN = 240


def join_contigs(contigs: Sequence[Contig]) -> np.ndarray:
    """Return the symbols of contigs one behind the other, with gaps between them: uint8 (L,)."""
    return encode((b"N" * _BETWEEN).join(contig.sequence for contig in contigs))


def find_coding_frames(
    symbols: np.ndarray,
    code: GeneticCode,
    signals: GeneSignals,
    settings: SelfTrainingSettings,
    threads: int = 1,
) -> GeneExamples:
    """Find genes by codon usage and start signals.

    Parameters
    ----------
    symbols : numpy.ndarray
        uint8 (L,), a genome; genes are cut off where there are gaps.
    code : GeneticCode
        Its genetic code.
    signals : GeneSignals
        What its genes are like, more or less. If they favour nothing, genes are frames that are
        longer than chance would have them.
    settings : SelfTrainingSettings
        How sure and how long genes must be, and how far they may overlap.
    threads : int
        Number of threads; there is work for two.
    """
    flags, few = code.properties(symbols), code.usual.properties(symbols)
    hexamers = signals.stopping_at(code.stops).hexamers
    ratios = np.log(codon_ratios(hexamer_counts(symbols) + 1.0, hexamers))

    def find(strand: int) -> tuple[np.ndarray, np.ndarray]:
        if strand > 0:
            return _of_strand(symbols, few.copy(), signals, ratios, settings)
        own = reverse_complement(symbols), mirror_flags(few)
        genes, scores = _of_strand(*own, signals, ratios, settings)
        genes[:, :2] = len(symbols) - genes[:, 1::-1]
        return genes, scores

    with ThreadPoolExecutor(threads) as pool:
        genes, scores = zip(*pool.map(find, (1, -1)), strict=True)
    strands = np.repeat((1, -1), [len(own) for own in genes])
    genes, scores = np.concatenate(genes), np.concatenate(scores)
    best = _apart(genes, scores, len(symbols), settings)
    return GeneExamples(
        symbols,
        flags,
        [
            CodingSequence("", ((low, high),), strand, partial5=bool(open_ & 1), partial3=open_ > 1)
            for (low, high, open_), strand in zip(
                genes[best].tolist(), strands[best].tolist(), strict=True
            )
        ],
    )


def _of_strand(
    symbols: np.ndarray,
    flags: np.ndarray,
    signals: GeneSignals,
    ratios: np.ndarray,
    settings: SelfTrainingSettings,
) -> tuple[np.ndarray, np.ndarray]:
    """Find genes of the forward strand, int64 (N, 3), and their log-odds; change flags."""
    # What is looked at are starts of frames that are long enough.
    shortest = settings.min_gene_length
    drop_starts(flags, START, STOP, len(symbols) - 1, 1, shortest, len(symbols))
    places = np.flatnonzero(flags & START)
    starts = np.zeros(len(symbols), np.float32)
    starts[places] = start_evidence(
        signals.features(symbols, flags, places), 1, settings.codon_weight, settings.profile_weight
    )
    return coding_frames(
        base_numbers(symbols), flags, starts, ratios, settings.edge_score, shortest,
        settings.min_log_odds,
    )  # fmt: skip


def _apart(
    genes: np.ndarray, scores: np.ndarray, length: int, settings: SelfTrainingSettings
) -> np.ndarray:
    """Choose genes, the surest first, that hardly overlap with surer ones: their numbers."""
    taken = np.zeros(length, bool)
    kept = []
    for i in np.argsort(-scores, kind="stable").tolist():
        low, high = genes[i, :2].tolist()
        if np.count_nonzero(taken[low:high]) <= settings.max_overlap * (high - low):
            taken[low:high] = True
            kept.append(i)
    return np.array(kept, np.int64)

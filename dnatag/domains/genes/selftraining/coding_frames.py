"""Genes by codon usage alone, round by round: what the signals of a genome are estimated from.

Open reading frames whose codons are those of similar genomes are taken for genes, their signals are
estimated, and the frames are looked at again with these, as Prodigal (Hyatt et al. 2010) and
GeneMarkS (Besemer et al. 2001) do. The network is not needed for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dnatag.domains.genes.codes import START, START_REVERSE, STOP, STOP_REVERSE, GeneticCode
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

#: N between contigs: more than what is looked at around a start.
_BETWEEN = 64


def join_contigs(contigs: Sequence[Contig]) -> np.ndarray:
    """Return the symbols of contigs one behind the other, with gaps between them: uint8 (L,)."""
    return encode((b"N" * _BETWEEN).join(contig.sequence for contig in contigs))


def find_coding_frames(
    symbols: np.ndarray, code: GeneticCode, signals: GeneSignals, settings: SelfTrainingSettings
) -> GeneExamples:
    """Find genes by codon usage and start signals.

    Parameters
    ----------
    symbols : numpy.ndarray
        uint8 (L,), a genome; genes are cut off where there are gaps.
    code : GeneticCode
        Its genetic code.
    signals : GeneSignals
        What its genes are like, more or less.
    settings : SelfTrainingSettings
        How sure and how long genes must be, and how far they may overlap.
    """
    flags = code.properties(symbols)
    ratios = np.log(codon_ratios(hexamer_counts(symbols) + 1.0, signals.hexamers))
    # What is looked at: starts of frames that are long enough.
    seen = flags.copy()
    shortest, last = settings.min_gene_length, len(symbols) - 1
    drop_starts(seen, START, STOP, last, 1, shortest, len(symbols))
    drop_starts(seen, START_REVERSE, STOP_REVERSE, 0, -1, shortest, len(symbols))
    found, scores = [], []
    for strand, flag in ((1, START), (-1, START_REVERSE)):
        places = np.flatnonzero(seen & flag)
        starts = np.zeros(len(symbols), np.float32)
        starts[places] = start_evidence(
            signals.features(symbols, seen, places), strand,
            settings.codon_weight, settings.profile_weight,
        )  # fmt: skip
        own = (symbols, seen, starts)
        if strand < 0:
            own = (reverse_complement(symbols), mirror_flags(seen), starts[::-1].copy())
        genes, log_odds = coding_frames(
            base_numbers(own[0]),
            *own[1:],
            ratios,
            settings.edge_score,
            shortest,
            settings.min_log_odds,
        )
        if strand < 0:
            genes[:, :2] = len(symbols) - genes[:, 1::-1]
        found.append(np.insert(genes, 2, strand, axis=1))
        scores.append(log_odds)
    best = _apart(np.concatenate(found), np.concatenate(scores), len(symbols), settings)
    return GeneExamples(
        symbols,
        flags,
        [
            CodingSequence(
                "", ((low, high),), strand, partial5=bool(open_ & 1), partial3=bool(open_ & 2)
            )
            for low, high, strand, open_ in best.tolist()
        ],
    )


def _apart(
    genes: np.ndarray, scores: np.ndarray, length: int, settings: SelfTrainingSettings
) -> np.ndarray:
    """Take genes, the surest first, that hardly overlap with surer ones."""
    taken = np.zeros(length, bool)
    kept = []
    for i in np.argsort(-scores, kind="stable").tolist():
        low, high = genes[i, :2].tolist()
        if np.count_nonzero(taken[low:high]) <= settings.max_overlap * (high - low):
            taken[low:high] = True
            kept.append(i)
    return genes[kept]

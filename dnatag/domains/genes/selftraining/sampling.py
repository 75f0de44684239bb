"""Samples of genomes, and whether contigs seem to be of several genomes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from dnatag.domains.genes.loops import least_rotation
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.engine.batching import split
from dnatag.formats.sequences.records import Contig

__all__ = ["choose_parts", "is_mixture", "sample_genome"]


def is_mixture(contigs: Sequence[Contig], settings: SelfTrainingSettings) -> bool:
    """Whether the GC contents of contigs differ more than those of one genome do.

    Parameters
    ----------
    contigs : sequence of Contig
        The contigs of a file.
    settings : SelfTrainingSettings
        What is a large spread.
    """
    long = [c.sequence.upper() for c in contigs if len(c) >= settings.gc_contig]
    if len(long) < 2:
        return False
    sizes = np.array([len(s) for s in long], dtype=float)
    gc = np.array([s.count(b"G") + s.count(b"C") for s in long]) / sizes
    mean = np.average(gc, weights=sizes)
    spread = np.sqrt(np.average((gc - mean) ** 2, weights=sizes))
    return bool(spread > settings.max_gc_spread)


def choose_parts(
    contigs: Sequence[Contig], numbers: Sequence[int], size: int
) -> Iterator[tuple[int, list[int]]]:
    """Choose parts spread over a genome, the same for any order and strand of its contigs.

    Parameters
    ----------
    contigs : sequence of Contig
        The genome.
    numbers : sequence of int
        How many parts of about the same length each contig has.
    size : int
        Bases to take, about.

    Yields
    ------
    contig : int
        Its index; longest contigs first.
    parts : list of int
        Those of its parts that are taken, in order.
    """
    lengths = [len(contig) for contig in contigs]
    total = sum(lengths)
    seen = taken = 0.0
    for i in sorted(range(len(contigs)), key=lambda i: (-lengths[i], contigs[i].id)):
        length, number = lengths[i], numbers[i]
        seen += length
        due = min(size / total, 1) * seen - taken
        count = min(round(due * number / length), number)
        # One half mirrors the other.
        half = [(2 * k + 1) * number // (2 * count) for k in range((count + 1) // 2)]
        parts = sorted({part for k in half for part in (k, number - 1 - k)})
        taken += length * len(parts) / max(number, 1)
        yield i, parts


def sample_genome(contigs: Sequence[Contig], size: int, stretch: int) -> list[Contig]:
    """Take stretches spread over a genome, the same for any order and strand of its contigs.

    Circles are cut at their least rotation, so that it does not matter where the file cuts them.

    Parameters
    ----------
    contigs : sequence of Contig
        The genome.
    size : int
        Bases to take, about.
    stretch : int
        Bases of a stretch, at most.

    Returns
    -------
    list of Contig
        Linear.
    """
    stretches = [list(pairwise(split(len(contig), stretch))) for contig in contigs]
    taken = []
    for i, parts in choose_parts(contigs, [len(s) for s in stretches], size):
        sequence = contigs[i].sequence
        if contigs[i].circular and parts:
            cut = least_rotation(encode(sequence))
            sequence = sequence[cut:] + sequence[:cut]
        for low, high in (stretches[i][part] for part in parts):
            taken.append(Contig(f"{contigs[i].id}:{low}", sequence[low:high]))
    return taken

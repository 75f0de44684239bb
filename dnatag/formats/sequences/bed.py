"""BED: predicted genes for genome browsers and interval tools."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from dnatag.formats.sequences.records import CodingSequence

__all__ = ["write_bed"]


def write_bed(handle: TextIO, genes: Iterable[CodingSequence]) -> None:
    """Write genes as BED of 6 columns: contig, start, end, id, score, strand.

    Coordinates are 0-based and half-open, the score is 1000 times the posterior probability (0
    if there is none). A gene across the origin has a line of the same id for each of its parts.
    """
    for gene in genes:
        score = round(1000 * (gene.posterior or 0))
        strand = "+" if gene.strand > 0 else "-"
        for start, end in gene.parts:
            handle.write(f"{gene.contig}\t{start}\t{end}\t{gene.id}\t{score}\t{strand}\n")

"""Whether an input is what genes are found in: contigs of prokaryotes, no reads, no eukaryotes.

Prokaryotes have a gene in each kilobase, and many follow so closely on another one of their strand
that both are in one operon. Of a eukaryote little more than its exons is found, and few of these
are close. The two numbers are weighed by a linear discriminant of 218 prokaryotes, plasmids and
phages and 18 eukaryotes, yeasts among them (log-odds of 1.4 and more in the first megabase of
each). In none of 6,383 pieces of 40 to 200 kb of 200 prokaryotes were they above 1.4, with weights
that found fewer genes than those that ship: what few genes show is mixed with what is usual.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator

from dnatag.domains.genes.statistics import GenomeStatistics
from dnatag.formats.sequences.records import Contig

__all__ = ["eukaryotic", "remark_eukaryote", "watch_reads"]

#: Log-odds of a eukaryote: these, times one, genes in 1000 bases, and the share of close genes.
WEIGHTS = (9.92, -3.79, -24.04)
#: Below this probability nothing is said, and with fewer neighbouring genes nothing is known.
LEAST, NEIGHBOURS = 0.8, 50
#: The share of close genes is mixed with that of so many more neighbours of a prokaryote: some
#: pieces of 100 kb have as few close genes as a eukaryote.
USUAL, CLOSE_USUALLY = 40, 20
#: Records to know reads by, and to know them by their names alone.
RECORDS, NAMED = 1000, 100
#: No read of a short-read sequencer is longer; some contigs among a thousand always are.
SHORT_READ = 350
#: Share of records that must be named like reads.
SHARE = 0.9
READ = re.compile(
    r"[SED]RR\d+\.\d+"  # the archives of reads
    r"|[\w-]+:\d+:[\w-]+:\d+:\d+:\d+:\d+"  # Illumina
    r"|m\w+/\d+/(?:ccs|\d+_\d+)"  # PacBio
    r"|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"  # Oxford Nanopore
)


def watch_reads(contigs: Iterable[Contig], note: Callable[[str], None]) -> Iterator[Contig]:
    """Pass contigs on, and note if they look like raw reads.

    Parameters
    ----------
    contigs : iterable of Contig
        The input.
    note : callable
        Receives the remark: at the thousandth record, or after the last.

    Yields
    ------
    Contig
        All of them.
    """
    number = named = longest = 0
    for contig in contigs:
        yield contig
        if number == RECORDS:
            continue
        number += 1
        named += READ.match(contig.id) is not None
        longest = max(longest, len(contig))
        if number == RECORDS and (remark := _reads(number, named, longest)):
            note(remark)
    if number < RECORDS and (remark := _reads(number, named, longest)):
        note(remark)


def _reads(number: int, named: int, longest: int) -> str | None:
    if number >= NAMED and named >= SHARE * number:
        why = f"{named} of the first {number} records are named like reads"
    elif number >= RECORDS and longest <= SHORT_READ:
        why = f"none of the first {number} records is longer than {longest} bp"
    else:
        return None
    return f"warning: these look like raw reads ({why}); genes are found in assembled contigs"


def eukaryotic(statistics: GenomeStatistics) -> float | None:
    """Return the probability that a genome is one of a eukaryote.

    Parameters
    ----------
    statistics : GenomeStatistics
        Of all its contigs.

    Returns
    -------
    float or None
        None where there are too few genes to judge by.
    """
    if statistics.neighbours < NEIGHBOURS:
        return None
    log_odds = (
        WEIGHTS[0]
        + WEIGHTS[1] * 1000 * statistics.genes / statistics.bases
        + WEIGHTS[2] * (statistics.close + CLOSE_USUALLY) / (statistics.neighbours + USUAL)
    )
    return 1 / (1 + math.exp(-log_odds))


def remark_eukaryote(statistics: GenomeStatistics) -> str | None:
    """Say that a genome looks like one of a eukaryote, and how sure that is; None if not.

    Parameters
    ----------
    statistics : GenomeStatistics
        Of all its contigs.
    """
    probability = eukaryotic(statistics)
    if probability is None or probability < LEAST:
        return None
    return (
        f"warning: this looks like no prokaryote (probability {min(probability, 0.999):.3g}): "
        f"{1000 * statistics.genes / statistics.bases:.2f} genes in 1000 bp, and "
        f"{100 * statistics.close / statistics.neighbours:.0f} % of neighbours close together as "
        "in operons; dnatag knows no introns"
    )

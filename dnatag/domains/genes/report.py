"""A report on the genes of a genome: a page of HTML to look at."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import TextIO

import numpy as np

from dnatag import __version__
from dnatag.domains.genes import genome_map as gene_map
from dnatag.domains.genes.decoding.assemble import Prediction
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.domains.genes.signals.rbs import SPACERS
from dnatag.domains.genes.statistics import CERTAIN, GenomeStatistics, count_bases
from dnatag.formats.html.charts import bars, curve, logo
from dnatag.formats.html.page import Section, definitions, figures, page, table, text
from dnatag.formats.sequences.records import CodingSequence

__all__ = ["GenomeReport"]

#: Genes on the map, at most, if they are of several contigs; rows of tables.
MAPPED, LISTED = 6000, 100
#: Bins of posteriors, and windows of a contig.
BINS, WINDOWS = 20, 200
#: Bases of a bin of lengths, and the length from which on genes are in the last one.
LENGTH, LONG = 150, 3000


class GenomeReport:
    """Collects what a report shows, contig by contig.

    Parameters
    ----------
    name : str
        Of the genome.
    model : str
        Name of the model.
    command : str
        The command line.
    """

    def __init__(self, name: str, model: str, command: str) -> None:
        self._name = name
        self._model = model
        self._command = command
        self._notes: list[str] = []
        self._lengths = [0] * (LONG // LENGTH + 1)
        self._posteriors, self._start_posteriors = [0] * BINS, [0] * BINS
        # Heaps: the longest contigs, with the number of their genes; the least certain genes.
        self._longest: list[tuple[int, int, Prediction]] = []
        self._mapped = 0
        self._uncertain: list[tuple[float, int, tuple[object, ...]]] = []
        self._seen = 0

    def note(self, message: str) -> None:
        """Take a remark on the prediction."""
        self._notes.append(message)

    def add(self, prediction: Prediction) -> None:
        """Take the genes of a contig."""
        for number, gene in enumerate(prediction.genes, 1):
            self._seen += 1
            posterior = gene.posterior or 0.0
            self._lengths[min(len(gene), LONG) // LENGTH] += 1
            self._posteriors[_bin(posterior)] += 1
            if gene.start_posterior is not None:
                self._start_posteriors[_bin(gene.start_posterior)] += 1
            if posterior < CERTAIN:
                row = _row(f"{prediction.contig.id}_{number}", gene)
                heapq.heappush(self._uncertain, (-posterior, -self._seen, row))
                if len(self._uncertain) > LISTED:
                    heapq.heappop(self._uncertain)
        self._seen += 1
        kept = replace(prediction, labels=None, steps=None)
        heapq.heappush(self._longest, (len(prediction.contig), -self._seen, kept))
        self._mapped += len(prediction.genes)
        while self._mapped > MAPPED and len(self._longest) > 1:
            _, _, shortest = heapq.heappop(self._longest)
            self._mapped -= len(shortest.genes)

    def write(self, handle: TextIO, statistics: GenomeStatistics) -> None:
        """Write the page, after the last contig.

        Parameters
        ----------
        handle
            Where to write HTML.
        statistics
            Of all contigs.
        """
        longest = [prediction for *_, prediction in sorted(self._longest, reverse=True)]
        about = f"Genes found by dnatag {__version__} with the model {self._model}"
        sections = [
            Section("Warnings", _remarks(self._notes, warnings=True)),
            Section("The genome and its genes", _numbers(statistics)),
            Section("Map" if len(longest) == statistics.contigs else "Map of the longest contigs",
                    gene_map.genome_map(longest)),
            Section("Genes", figures(self._pictures_of_genes(statistics))),
            Section("Starts", figures(self._pictures_of_starts(statistics, longest))),
            Section("Composition", figures(_pictures_of_composition(longest))),
            Section("Longest contigs", _contigs(longest) if statistics.contigs > 1 else ""),
            Section("Genes without certainty", self._least_certain(statistics)),
            Section("Notes", _remarks(self._notes, warnings=False)
                    + f'<p class="soft">{text(self._command)}</p>'),
        ]  # fmt: skip
        handle.write(page(self._name, about, sections, gene_map.STYLE))

    def _pictures_of_genes(self, statistics: GenomeStatistics) -> Iterator[tuple[str, str, str]]:
        names = [f"{i * LENGTH}" for i in range(LONG // LENGTH)] + [f"{LONG}+"]
        counts = dict(zip(names, self._lengths, strict=True))
        yield "Lengths", bars(counts, "Lengths of genes", 5), "Genes by their length in bases."
        yield (
            "Posteriors of genes",
            bars(_named(self._posteriors), "Posteriors of genes", 4),
            f"{statistics.certain:,} of {statistics.genes:,} genes have {CERTAIN} or more.",
        )

    def _pictures_of_starts(
        self, statistics: GenomeStatistics, longest: Sequence[Prediction]
    ) -> Iterator[tuple[str, str, str]]:
        yield (
            "Start codons",
            bars(dict(statistics.starts.most_common(6)), "Start codons"),
            "Genes by their start codon.",
        )
        yield (
            "Posteriors of starts",
            bars(_named(self._start_posteriors), "Posteriors of starts", 4),
            "Probability of the start, given the gene.",
        )
        if longest:
            yield from _pictures_of_rbs(longest[0].parameters)

    def _least_certain(self, statistics: GenomeStatistics) -> str:
        if not self._uncertain:
            return ""
        rows = [row for *_, row in sorted(self._uncertain, reverse=True)]
        number = statistics.genes - statistics.certain
        which = "" if number <= LISTED else f", the {LISTED} least certain of them here"
        header = ("gene", "from", "to", "strand", "bp", "posterior", "start")
        return f"<p>{number:,} genes have a posterior below {CERTAIN}{which}.</p>" + table(
            header, rows, "lrrlrrr"
        )


def _bin(probability: float) -> int:
    return min(int(probability * BINS), BINS - 1)


def _named(counts: Sequence[int]) -> dict[str, float]:
    return {f"{i / BINS:.2f}": count for i, count in enumerate(counts)}


def _row(id: str, gene: CodingSequence) -> tuple[object, ...]:
    start = "" if gene.start_posterior is None else f"{gene.start_posterior:.4f}"
    strand = "+" if gene.strand > 0 else "-"
    return (
        id, f"{gene.start + 1:,}", f"{gene.end:,}", strand, f"{len(gene):,}",
        f"{gene.posterior or 0:.4f}", start,
    )  # fmt: skip


def _remarks(notes: Sequence[str], *, warnings: bool) -> str:
    """Return the warnings among notes, or the others."""
    kind = ' class="warning"' if warnings else ""
    chosen = [note for note in notes if note.startswith("warning: ") == warnings]
    return "".join(f"<p{kind}>{text(note.removeprefix('warning: '))}</p>" for note in chosen)


def _numbers(statistics: GenomeStatistics) -> str:
    genes = max(statistics.genes, 1)
    return definitions(
        [
            ("contigs", f"{statistics.contigs:,}"),
            ("bases", f"{statistics.bases:,}"),
            ("N50", f"{statistics.n50:,}"),
            ("ambiguous bases", f"{statistics.bases - statistics.known:,}"),
            ("GC", f"{100 * statistics.gc:.2f} %"),
            ("genetic code", ", ".join(code for code, _ in statistics.codes.most_common())),
            ("genes", f"{statistics.genes:,}"),
            ("expected to be true", f"{statistics.expected:,.1f}"),
            ("partial genes", f"{statistics.partial:,}"),
            ("in genes", f"{100 * statistics.coding_density:.2f} %"),
            ("genes in 1000 bp", f"{1000 * statistics.genes / max(statistics.bases, 1):.3f}"),
            ("mean posterior", f"{statistics.expected / genes:.4f}"),
        ]
    )


def _pictures_of_rbs(parameters: GenomeParameters) -> Iterator[tuple[str, str, str]]:
    """Draw the motif before starts, and how far from them it is."""
    rbs = parameters.rbs
    if not rbs.weights.any():
        return
    # The weights are log ratios to the bases around; those of equal shares will do for a picture.
    shares = np.exp(rbs.weights) / np.exp(rbs.weights).sum(1, keepdims=True)
    bits = np.log2(shares * 4)
    information = (shares * bits).sum(1)
    heights = [
        {base: float(share * total) for base, share in zip("ACGT", place, strict=True)}
        for place, total in zip(shares, information, strict=True)
    ]
    of_whom = "that of the longest contig's genome or bin"
    yield "Ribosome binding site", logo(heights, "Motif before starts"), f"Motif; {of_whom}."
    spacing = {str(n): float(p) for n, p in zip(SPACERS, rbs.spacers[:-1], strict=True)}
    yield (
        "Spacing",
        bars(spacing, "Bases between motif and start", 2),
        "Share of starts by the bases between motif and start codon; "
        f"{100 * rbs.spacers[-1]:.0f} % have no motif.",
    )


def _pictures_of_composition(longest: Sequence[Prediction]) -> Iterator[tuple[str, str, str]]:
    """Draw GC and GC skew along the longest contig."""
    if not longest or len(longest[0].contig) < 10 * WINDOWS:
        return
    contig = longest[0].contig
    size = -(-len(contig) // WINDOWS)
    windows = [contig.sequence[i : i + size].upper() for i in range(0, len(contig), size)]
    counted = [count_bases(window) for window in windows]
    skews = [window.count(b"G") - window.count(b"C") for window in windows]
    ends = "1", f"{len(contig):,}"
    yield (
        "GC",
        curve([100 * strong / max(known, 1) for strong, known in counted], ends, "GC in percent"),
        f"Percent of G and C along {contig.id}, in windows of {size:,} bp.",
    )
    yield (
        "GC skew",
        curve(list(accumulate(skews)), ends, "Cumulative GC skew"),
        f"G less C, summed along {contig.id}; lowest near the origin of many chromosomes, highest "
        "near the terminus.",
    )


def _contigs(longest: Sequence[Prediction]) -> str:
    rows = []
    for prediction in longest[:LISTED]:
        strong, known = count_bases(prediction.contig.sequence)
        length, genes = len(prediction.contig), len(prediction.genes)
        rows.append(
            (prediction.contig.id, f"{length:,}", f"{100 * strong / max(known, 1):.1f}",
             f"{genes:,}", f"{1000 * genes / length:.2f}", prediction.code.label)
        )  # fmt: skip
    header = ("contig", "bp", "GC %", "genes", "in 1000 bp", "code")
    return table(header, rows, "lrrrrl")

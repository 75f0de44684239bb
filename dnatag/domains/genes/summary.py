"""The numbers of a genome as a table of MultiQC (custom content)."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, TextIO

from dnatag.domains.genes.statistics import GenomeStatistics

__all__ = ["numbers", "write_summary"]


class _Column(NamedTuple):
    title: str
    description: str
    format: str = "{:,.0f}"
    suffix: str = ""


_COLUMNS = {
    "contigs": _Column("Contigs", "Number of contigs"),
    "bases": _Column("Bases", "Bases of all contigs"),
    "n50": _Column("N50", "Half of the bases are in contigs of this length or more"),
    "gc_percent": _Column("GC", "Share of G and C", "{:,.2f}", "%"),
    "genes": _Column("Genes", "Number of genes"),
    "expected_genes": _Column("Expected", "Genes that are expected to be true", "{:,.1f}"),
    "certain_genes": _Column("Certain", "Genes with a posterior probability of 0.95 or more"),
    "partial_genes": _Column("Partial", "Genes that run off a contig or into a gap"),
    "coding_percent": _Column("Coding", "Share of bases that are in genes", "{:,.2f}", "%"),
    "genetic_codes": _Column("Code", "Genetic codes, by the bases that are read with them", "{}"),
}


def numbers(statistics: GenomeStatistics) -> dict[str, Any]:
    """Return the numbers of a genome by name.

    Parameters
    ----------
    statistics : GenomeStatistics
        Of all its contigs.
    """
    return {
        "contigs": statistics.contigs,
        "bases": statistics.bases,
        "n50": statistics.n50,
        "gc_percent": round(100 * statistics.gc, 2),
        "genes": statistics.genes,
        "expected_genes": round(statistics.expected, 1),
        "certain_genes": statistics.certain,
        "partial_genes": statistics.partial,
        "coding_percent": round(100 * statistics.coding_density, 2),
        "genetic_codes": " ".join(code for code, _ in statistics.codes.most_common()),
    }


def write_summary(handle: TextIO, name: str, statistics: GenomeStatistics) -> None:
    """Write the numbers of a genome for MultiQC, which joins the tables of all genomes.

    Parameters
    ----------
    handle
        Where to write JSON. MultiQC finds files whose names end in ``_mqc.json``.
    name
        Of the genome.
    statistics
        Of all its contigs.
    """
    content = {
        "id": "dnatag",
        "section_name": "dnatag",
        "description": "Genes of prokaryotes and their viruses.",
        "plot_type": "table",
        "pconfig": {"id": "dnatag_table", "title": "dnatag: genes"},
        "headers": {key: column._asdict() for key, column in _COLUMNS.items()},
        "data": {name: numbers(statistics)},
    }
    json.dump(content, handle, indent=1)
    handle.write("\n")

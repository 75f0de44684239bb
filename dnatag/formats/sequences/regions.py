"""Regions of contigs, from BED or GFF files."""

from __future__ import annotations

import os
from urllib.parse import unquote

from dnatag.errors import InputError
from dnatag.formats.io.reading import display_name, open_text
from dnatag.formats.sequences.gff import annotation_lines
from dnatag.formats.sequences.records import read_position

__all__ = ["read_regions"]


def read_regions(path: str | os.PathLike[str]) -> dict[str, list[tuple[int, int]]]:
    """Read regions.

    Parameters
    ----------
    path
        A BED file (0-based, half-open) or a GFF or GTF file (1-based, closed; every row but those
        of type ``region`` counts, and contigs may be escaped); "-" for standard input. Regions of
        BED without a base are passed over.

    Returns
    -------
    dict
        For each contig its regions in the order of the file, 0-based and half-open; empty if the
        file has none.

    Raises
    ------
    InputError
        If a line is neither.
    """
    name = display_name(path)
    regions: dict[str, list[tuple[int, int]]] = {}
    with open_text(path) as lines:
        for number, line in annotation_lines(lines):
            if not line.strip() or line.startswith(("#", "track ", "browser ")):
                continue
            cells = line.rstrip("\r\n").split("\t")
            if gff := len(cells) >= 8 and cells[3].isdigit() and cells[4].isdigit():
                if cells[2] == "region":
                    continue
                cells = [unquote(cells[0]), cells[3], cells[4]]
            try:
                start, end = read_position(cells[1]) - gff, read_position(cells[2])
            except (IndexError, ValueError):
                raise InputError(
                    f"{name}: line {number}: neither BED nor GFF: {line.strip()[:60]}"
                ) from None
            if not 0 <= start <= end or (gff and start == end):
                raise InputError(f"{name}: line {number}: the region ends before it begins")
            if start < end:
                regions.setdefault(cells[0], []).append((start, end))
    return regions

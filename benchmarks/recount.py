"""Genes by stop and exact genes, counted a second time, in plain Python and from GFF3 alone.

    python recount.py REFERENCE.gff3 PREDICTION.gff3

It follows the definitions of ``dnatag evaluate`` and shares no code with it. Where a reference
row is no plain gene, it walks over the bases one by one; that takes a few seconds.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["recount"]

#: Contig, strand, and 1-based last base in the direction of translation.
Stop = tuple[str, str, int]


class Row:
    """The rows of one ID: a CDS of one or more parts, 1-based and inclusive, with phases."""

    def __init__(self, contig: str, strand: str) -> None:
        """Start without parts."""
        self.contig = contig
        self.strand = strand
        self.attributes: dict[str, str] = {}
        self.parts: list[tuple[int, int, int]] = []
        self.contig_end = 0
        self.open_right_at = 0

    def bases(self) -> list[int]:
        """1-based positions in the direction of translation."""
        parts = sorted(self.parts)
        if self.crosses_origin():
            parts.reverse()
        forward = [base for start, end, _ in parts for base in range(start, end + 1)]
        return forward if self.strand == "+" else forward[::-1]

    def crosses_origin(self) -> bool:
        """Whether the parts are the last and the first bases of the contig."""
        parts = sorted(self.parts)
        return len(parts) == 2 and parts[0][0] == 1 and parts[1][1] == self.contig_end

    def phase(self) -> int:
        """Bases before the first whole codon."""
        first = (self.strand == "+") != self.crosses_origin()
        return (min if first else max)(self.parts)[2]

    def says(self, *keys: str) -> bool:
        """Whether an attribute is there and not false."""
        return any(self.attributes.get(key, "false") not in ("false", "0") for key in keys)

    def ends_open(self) -> tuple[bool, bool]:
        """Whether the start and the stop are missing."""
        partial = self.attributes.get("partial", "false")
        left, right = "start_range" in self.attributes, "end_range" in self.attributes
        if partial in ("00", "10", "01", "11"):  # as Prodigal writes it
            left, right = partial[0] == "1", partial[1] == "1"
        elif partial != "false" and not (left or right):  # the end at an end of the contig, or both
            left, right = min(self.parts)[0] <= 3, max(self.parts)[1] >= self.open_right_at
            left, right = left or not right, right or not left
        return (left, right) if self.strand == "+" else (right, left)

    def is_plain(self) -> bool:
        """Whether it is a gene like any other."""
        open5, open3 = self.ends_open()
        return not (
            self.says("pseudo", "pseudogene", "transl_except", "exception")
            or open3
            or (len(self.parts) > 1 and not self.crosses_origin())
            or (not open5 and (len(self.bases()) - self.phase()) % 3)
        )

    def stop(self) -> Stop:
        """Name of the gene."""
        return self.contig, self.strand, self.bases()[-1]

    def cells(self, from_start: bool) -> Iterator[tuple[str, str, int, int]]:
        """Contig, strand, base, and where the codon of the base begins, modulo 3."""
        bases = self.bases()
        origin = self.phase() if from_start else len(bases)
        for i, base in enumerate(bases):
            in_codon = (i - origin) % 3
            yield (
                self.contig,
                self.strand,
                base,
                (base - in_codon * (1 if self.strand == "+" else -1)) % 3,
            )


def read(path: Path) -> list[Row]:
    """CDS of a GFF3 file, plain or gzip."""
    rows: dict[object, Row] = {}
    declared: dict[str, int] = {}
    reach: dict[str, int] = {}
    with gzip.open(path, "rt") if path.suffix == ".gz" else open(path) as lines:
        for number, line in enumerate(lines):
            if line.startswith("##sequence-region"):
                contig, _, end = line.split()[1:]
                declared[contig] = int(end)
            fields = line.rstrip("\n").split("\t")
            if line.startswith("#") or len(fields) < 9:
                continue
            start, end = int(fields[3]), int(fields[4])
            reach[fields[0]] = max(reach.get(fields[0], 0), end)
            if fields[2] != "CDS":
                continue
            pairs = (pair.partition("=") for pair in fields[8].split(";") if pair)
            attributes = {key: value for key, _, value in pairs}
            name = attributes.get("ID", attributes.get("Parent", number))
            row = rows.setdefault((fields[0], name), Row(fields[0], fields[6]))
            row.attributes.update(attributes)
            phase = int(fields[7]) if fields[7] in "012" else 0
            length = declared.get(fields[0], end)
            if end > length:  # across the origin
                row.parts += [(start, length, phase), (1, end - length, phase)]
            else:
                row.parts.append((start, end, phase))
    for row in rows.values():
        row.contig_end = declared.get(row.contig, reach[row.contig])
        row.open_right_at = declared.get(row.contig, sys.maxsize) - 2
    return list(rows.values())


def longest(rows: list[Row]) -> dict[Stop, Row]:
    """One gene for each stop."""
    return {row.stop(): row for row in sorted(rows, key=lambda row: len(row.bases()))}


def recount(reference: Path, prediction: Path) -> dict[str, int]:
    """Count genes in the reference, predicted, found by stop, and found with their start."""
    rows, calls = read(reference), longest(read(prediction))
    genes = longest([row for row in rows if row.is_plain()])
    odd = [row for row in rows if not row.is_plain()]
    if odd:
        stops = {row.stop() for row in odd}
        cells = {cell for row in odd for way in (True, False) for cell in row.cells(way)}
        calls = {
            stop: call
            for stop, call in calls.items()
            if stop in genes
            or not (stop in stops or cells.intersection(call.cells(call.ends_open()[1])))
        }
    found = genes.keys() & calls.keys()
    exact = [
        stop
        for stop in found
        if genes[stop].bases()[0] == calls[stop].bases()[0]
        or (genes[stop].ends_open()[0] and calls[stop].ends_open()[0])
    ]
    return {
        "reference": len(genes),
        "predicted": len(calls),
        "found": len(found),
        "exact": len(exact),
    }


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    counts = recount(Path(sys.argv[1]), Path(sys.argv[2]))
    print(counts)
    for kind in ("found", "exact"):
        f1 = 200 * counts[kind] / (counts["reference"] + counts["predicted"])
        print(f"F1 {'by stop' if kind == 'found' else 'exact'}: {f1:.2f} %")

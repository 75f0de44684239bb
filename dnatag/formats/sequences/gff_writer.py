"""GFF3: predicted genes out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TextIO
from urllib.parse import quote

from dnatag.errors import visible
from dnatag.formats.sequences.records import CodingSequence, Contig, alternatives

__all__ = ["GffWriter", "gff_header"]

SOURCE = "dnatag"


class GffWriter:
    """Writes predicted genes as GFF3.

    The score of a row is the posterior probability of the gene, its attribute
    ``start_posterior`` that of the start. Missing ends are marked as NCBI does, by ``partial`` and
    ``start_range`` or ``end_range``. A circular contig has a ``region`` row with
    ``Is_circular=true``, and a gene across its origin is one row that ends beyond the contig's
    length.

    Parameters
    ----------
    handle
        Where to write; the header is written at once.
    version
        Version of dnatag.
    model
        Name of the model.
    command
        The command line.
    """

    def __init__(self, handle: TextIO, version: str, model: str, command: str) -> None:
        """Write the header."""
        self._handle = handle
        handle.write(gff_header(version, model, command))

    def write(self, contig: Contig, genes: Iterable[CodingSequence]) -> None:
        """Write a contig and its genes."""
        name, length = _encode_id(contig.id), len(contig)
        lines = [f"##sequence-region {name} 1 {length}"]
        if contig.circular:
            attributes = f"ID={_encode(contig.id)}:1..{length};Is_circular=true"
            lines.append(f"{name}\t{SOURCE}\tregion\t1\t{length}\t.\t+\t.\t{attributes}")
        for gene in genes:
            lines += _rows(name, gene, length if contig.circular else None)
        self._handle.write("\n".join(lines) + "\n")


def gff_header(version: str, model: str, command: str) -> str:
    """Return the first lines of a file; parameters are those of :class:`GffWriter`."""
    pragmas = {"processor": f"dnatag {version}", "model": model, "command": command}
    lines = ["##gff-version 3"]
    lines += [f"#!{key} {visible(' '.join(text.split()))}" for key, text in pragmas.items() if text]
    return "\n".join(lines) + "\n"


def _rows(name: str, gene: CodingSequence, circumference: int | None) -> list[str]:
    """Format the rows of a gene; ``circumference`` is the length of a circular contig."""
    strand = "+" if gene.strand > 0 else "-"
    score = "." if gene.posterior is None else f"{gene.posterior:.4f}"
    parts = gene.parts if circumference is None else _unwrap(gene.parts, circumference)
    left, right = (gene.partial5, gene.partial3)[:: gene.strand]
    phases = _phases(parts, gene.strand, gene.phase)
    rows = []
    for i, ((start, end), phase) in enumerate(zip(parts, phases, strict=True)):
        attributes = [] if not gene.id else [f"ID={_encode(gene.id)}"]
        if gene.genetic_code is not None:
            attributes.append(f"transl_table={gene.genetic_code}")
        if left or right:
            attributes.append("partial=true")
        if left and i == 0:
            attributes.append(f"start_range=.,{start + 1}")
        if right and i == len(parts) - 1:
            attributes.append(f"end_range={end},.")
        if gene.start_posterior is not None:
            attributes.append(f"start_posterior={gene.start_posterior:.4f}")
        if gene.alternative_starts:
            attributes.append(f"alternative_starts={alternatives(gene)}")
        column = ";".join(attributes) or "."
        rows.append(
            f"{name}\t{SOURCE}\tCDS\t{start + 1}\t{end}\t{score}\t{strand}\t{phase}\t{column}"
        )
    return rows


def _unwrap(parts: Sequence[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """Let the parts behind the origin count on from ``length``; inverse of ``wrap``."""
    unwrapped = [parts[0]]
    for start, end in parts[1:]:
        before, after = unwrapped[-1]
        if end <= before:
            start, end = start + length, end + length
        if start == after == length:
            unwrapped[-1] = before, end
        else:
            unwrapped.append((start, end))
    return unwrapped


def _phases(parts: Sequence[tuple[int, int]], strand: int, phase: int) -> list[int]:
    phases = []
    for start, end in parts[::strand]:
        phases.append(phase)
        phase = (phase - (end - start)) % 3
    return phases[::strand]


def _encode_id(text: str) -> str:
    """Encode a contig id: anything but the characters GFF3 allows there."""
    return quote(text, safe=".:^*$@!+_?-|").replace("~", "%7E")


def _encode(text: str) -> str:
    """Encode an attribute: control characters and those with a meaning in the column."""
    return re.sub(r"[\x00-\x1f\x7f%;=&,]", lambda m: f"%{ord(m[0]):02X}", text)

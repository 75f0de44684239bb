"""Prodigal's own outputs: ``-f gbk`` (its default) and ``-f sco``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from dnatag.errors import InputError
from dnatag.formats.io.reading import Source, display_name, open_text
from dnatag.formats.sequences.records import Annotation, CodingSequence

__all__ = ["parse_prodigal", "read_prodigal"]

SEQUENCE = re.compile(
    r'(?:DEFINITION  |# Sequence Data: )seqnum=\d+;seqlen=(\d{1,12});seqhdr="\s*(\S*?)["\s]'
)
CODE = re.compile(r"\btransl_table=(\d{1,3})\b")
GBK = re.compile(r"     CDS {13}(complement\()?(<?)(\d{1,12})\.\.(>?)(\d{1,12})\)?$")
NOTE = re.compile(r' +/note="ID=([^;"]+)')
SCO = re.compile(r">(\d+)_(\d{1,12})_(\d{1,12})_([+-])$")


def read_prodigal(path: Source) -> Annotation:
    """Read the genes of a file of Prodigal's; see :func:`parse_prodigal`."""
    with open_text(path) as lines:
        return parse_prodigal(lines, display_name(path))


def parse_prodigal(lines: Iterable[str], name: str) -> Annotation:
    """Read the genes of Prodigal's GenBank-like or "simple coordinate output".

    The latter does not mark partial genes.

    Parameters
    ----------
    lines
        The file.
    name
        What messages call it.

    Returns
    -------
    Annotation
        With the lengths of all contigs.

    Raises
    ------
    InputError
        Naming file and line, if a line is malformed.
    """
    annotation = Annotation()
    contig = code = gene = None
    for number, line in enumerate(lines, 1):
        line = line.rstrip("\r\n")
        if match := SEQUENCE.match(line):
            contig = match[2]
            annotation.lengths[contig] = int(match[1])
        if match := CODE.search(line):
            code = int(match[1])
        if line.startswith((">", "     CDS")):
            gene = _gene(line, contig, code)
            if gene is None:
                raise InputError(
                    f"{name}: line {number}: malformed line of Prodigal: {line[:80]!r}"
                )
            annotation.setdefault(gene.contig, []).append(gene)
        elif gene is not None and (match := NOTE.match(line)):
            annotation[gene.contig][-1] = replace(gene, id=match[1])
    return annotation


def _gene(line: str, contig: str | None, code: int | None) -> CodingSequence | None:
    """Read a line with coordinates; None if it is malformed."""
    if match := SCO.match(line):
        id, start, end = match[1], int(match[2]), int(match[3])
        strand = 1 if match[4] == "+" else -1
        left = right = False
    elif match := GBK.match(line):
        id, start, end = "", int(match[3]), int(match[5])
        strand = -1 if match[1] else 1
        left, right = bool(match[2]), bool(match[4])
    else:
        return None
    if contig is None or not 1 <= start <= end:
        return None
    return CodingSequence(
        contig=contig,
        parts=((start - 1, end),),
        strand=strand,
        partial5=left if strand > 0 else right,
        partial3=right if strand > 0 else left,
        genetic_code=code,
        id=id,
    )

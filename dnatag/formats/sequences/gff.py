"""GFF3 and GTF: coding sequences in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import unquote

from dnatag.errors import InputError
from dnatag.formats.io.reading import Source, display_name, open_text
from dnatag.formats.sequences.records import Annotation, CodingSequence, read_position, wrap

__all__ = ["annotation_lines", "parse_gff", "read_gff"]

STRANDS = {"+": 1, "-": -1}
PHASES = {"0": 0, "1": 1, "2": 2, ".": None}
GTF = re.compile(r'\s*[\w.-]+\s+"|\s*(?:gene_id|transcript_id)\s')
GTF_PAIR = re.compile(r'([\w.-]+)\s+(?:"([^"]*)"|([^;"]*))\s*(?:;|$)')
FALSE = frozenset({"false", "no", "0", "_no"})
BIOTYPES = ("gene_biotype", "transcript_biotype", "biotype", "gene_type", "transcript_type")
EXCEPTIONS = ("transl_except", "exception", "ribosomal_slippage", "trans_splicing")
#: Types whose rows matter neither for the coding sequences nor for their parents; there are many.
SKIPPED = frozenset({"exon", "intron", "start_codon", "five_prime_UTR", "three_prime_UTR", "UTR"})


class _Row(NamedTuple):
    """One row of a CDS, 0-based and half-open."""

    start: int
    end: int
    phase: int | None


@dataclass(slots=True)
class _Group:
    """The rows of one CDS."""

    contig: str
    strand: int
    id: str
    transcripts: list[str]  # that a stop_codon row may name
    parents: list[str]  # features that may be called pseudogenes
    rows: list[_Row] = field(default_factory=list)
    pseudo: bool = False
    exception: bool = False
    left: bool = False  # the end at lower coordinates is missing
    right: bool = False
    partial: bool = False  # an end is missing, but the file does not say which
    partial5: bool = False
    partial3: bool = False
    genetic_code: int | None = None


def read_gff(path: Source) -> Annotation:
    """Read the coding sequences of a GFF3 or GTF file.

    Rows with the same ID (GTF: the same transcript) are joined to one CDS, and stop codons that
    GTF leaves out of the CDS are added. A CDS is a pseudogene if it or a feature above it is
    called one. Of a CDS across the origin, given as two rows or as one that ends beyond the
    contig, the part before the origin comes first. Where a row is called partial but not at which
    end, the end that lies at an end of the contig is taken to be missing, or both.

    Parameters
    ----------
    path
        The file, plain or compressed, or "-" for standard input. Sequences in it are not
        read; see :func:`annotation_lines`.

    Returns
    -------
    Annotation
        With lengths from ``##sequence-region`` and the rows of whole contigs.

    Raises
    ------
    InputError
        Naming file and line, if a row is malformed, or the file is empty.
    """
    with open_text(path) as handle:
        return parse_gff(handle, display_name(path))


def parse_gff(lines: Iterable[str], name: str) -> Annotation:
    """Read the lines of a GFF3 or GTF file called ``name``; see :func:`read_gff`."""
    reader = _Reader(name)
    number = 0
    for number, line in annotation_lines(lines):
        if line.startswith("#"):
            reader.directive(line)
        elif line.strip():
            reader.row(line.rstrip("\r\n"), number)
    if number == 0:
        raise InputError(f"{name}: is empty")
    return reader.finish()


def annotation_lines(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Leave the sequences out of a GFF file.

    Parameters
    ----------
    lines
        The file. Sequences follow on ``##FASTA``, or begin with their header; where files were
        put one behind the other, annotation follows on sequences.

    Yields
    ------
    number : int
        Counted from 1.
    line : str
        As it is.
    """
    sequences = False
    for number, line in enumerate(lines, 1):
        if line.startswith(">") or line.rstrip() == "##FASTA":
            sequences = True
        elif line.startswith("##") or line.count("\t") >= 7:
            sequences = False
        if not sequences:
            yield number, line


class _Reader:
    def __init__(self, name: str) -> None:
        self._name = name
        self._annotation = Annotation()
        self._groups: dict[object, _Group] = {}
        self._reach: dict[str, int] = {}  # the last base of any row of a contig
        self._stops: dict[tuple[str, str], list[_Row]] = {}  # by contig and transcript
        self._pseudo: set[str] = set()
        self._above: dict[str, list[str]] = {}

    def directive(self, line: str) -> None:
        fields = line.split()
        if fields[0] == "##sequence-region" and len(fields) >= 4:
            with suppress(ValueError):
                self._annotation.lengths[unquote(fields[1])] = read_position(fields[3])

    def row(self, line: str, number: int) -> None:
        fields = line.split("\t")
        if not 8 <= len(fields) <= 9:
            raise self._error(
                number, f"GFF rows have 9 columns with tabs between, not {len(fields)}"
            )
        kind = fields[2]
        self._annotation.types.add(kind)
        if kind in SKIPPED:
            return
        contig = unquote(fields[0])
        start, end = self._interval(fields, number)
        gtf, attributes = _attributes(fields[8] if len(fields) == 9 else "")
        self._reach[contig] = max(self._reach.get(contig, 0), end)
        if kind == "CDS":
            self._cds(fields, contig, start, end, gtf, attributes, number)
        elif kind == "stop_codon":
            for transcript in _transcripts(gtf, attributes):
                row = _Row(start, end, None)
                self._stops.setdefault((contig, transcript), []).append(row)
        else:
            self._feature(kind, contig, start, end, gtf, attributes)

    def _feature(
        self, kind: str, contig: str, start: int, end: int, gtf: bool, attributes: dict[str, str]
    ) -> None:
        if attributes.get("Is_circular", "").lower() == "true":
            self._annotation.circular.add(contig)
            self._annotation.lengths.setdefault(contig, end)
        elif kind == "region" and start == 0 and "Parent" not in attributes:
            self._annotation.lengths.setdefault(contig, end)
        if gtf:
            own = attributes.get("gene_id" if kind == "gene" else "transcript_id", "")
            above = [] if kind == "gene" else [attributes.get("gene_id", "")]
        else:
            own, above = attributes.get("ID", ""), _split(attributes.get("Parent", ""))
        if not own:
            return
        if above:
            self._above[own] = above
        if "pseudogen" in kind or _is_pseudo(attributes):
            self._pseudo.add(own)

    def _cds(
        self,
        fields: list[str],
        contig: str,
        start: int,
        end: int,
        gtf: bool,
        attributes: dict[str, str],
        number: int,
    ) -> None:
        strand = STRANDS.get(fields[6])
        if strand is None:
            raise self._error(number, f"the strand of a CDS is + or -, not {fields[6]!r}")
        if fields[7] not in PHASES:
            raise self._error(number, f"the phase of a CDS is 0, 1 or 2, not {fields[7]!r}")
        code = attributes.get("transl_table")
        if code is not None and not re.fullmatch("[0-9]{1,3}", code):
            raise self._error(number, f"transl_table is a number, not {code[:20]!r}")
        transcripts = _transcripts(gtf, attributes)
        if gtf:
            keys: list[str] = transcripts[:1]
            parents = [*transcripts, attributes.get("gene_id", "")]
            name = ""
        else:
            keys = [attributes["ID"]] if attributes.get("ID") else transcripts
            parents = transcripts
            name = attributes.get("locus_tag") or attributes.get("Name") or ""
        joined: list[tuple[object, str]] = [((contig, key), key) for key in keys]
        for key, id in joined or [(number, name)]:
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = _Group(contig, strand, id, transcripts, parents)
            row = _Row(start, end, PHASES[fields[7]])
            if row not in group.rows:
                group.rows.append(row)
            group.exception |= strand != group.strand or any(e in attributes for e in EXCEPTIONS)
            group.pseudo |= _is_pseudo(attributes)
            group.genetic_code = group.genetic_code if code is None else int(code)
            _note_partial(group, attributes)

    def _interval(self, fields: list[str], number: int) -> tuple[int, int]:
        try:
            start, end = read_position(fields[3]), read_position(fields[4])
        except ValueError:
            raise self._error(
                number, f"start and end are numbers, not {fields[3][:20]!r} and {fields[4][:20]!r}"
            ) from None
        if start < 1:
            raise self._error(number, f"start {start} is before the first base, 1")
        if end < start:
            raise self._error(number, f"end {end} is before start {start}")
        return start - 1, end

    def _error(self, number: int, message: str) -> InputError:
        return InputError(f"{self._name}: line {number}: {message}")

    def finish(self) -> Annotation:
        annotation = self._annotation
        owners: dict[str, int] = {}
        for group in self._groups.values():
            for transcript in group.transcripts:
                owners[transcript] = owners.get(transcript, 0) + 1
        for group in self._groups.values():
            for transcript in group.transcripts:
                stops = self._stops.get((group.contig, transcript), [])
                _add_stop_codon(group, stops, alone=owners[transcript] == 1)
            group.pseudo = group.pseudo or self._below_pseudogene(group.parents)
            length = annotation.lengths.get(group.contig)
            circular = group.contig in annotation.circular
            cds = _finish(group, length, self._reach[group.contig], circular)
            annotation.setdefault(group.contig, []).append(cds)
        return annotation

    def _below_pseudogene(self, parents: list[str]) -> bool:
        queue, seen = list(parents), set()
        while queue:
            feature = queue.pop()
            if feature in self._pseudo:
                return True
            if feature not in seen:
                seen.add(feature)
                queue += self._above.get(feature, ())
        return False


def _attributes(text: str) -> tuple[bool, dict[str, str]]:
    """Whether the ninth column is of GTF, and its pairs."""
    attributes: dict[str, str] = {}
    if GTF.match(text):
        for key, quoted, bare in GTF_PAIR.findall(text):
            value = quoted or bare.strip()
            attributes[key] = f"{attributes[key]},{value}" if key in attributes else value
        return True, attributes
    for pair in text.split(";"):
        key, _, value = pair.partition("=")
        # Commas separate values, so those that are part of one are decoded after splitting.
        key = key.strip()
        attributes[key] = value if key == "Parent" else unquote(value)
    return False, attributes


def _split(values: str) -> list[str]:
    return [unquote(value) for value in values.split(",") if value]


def _transcripts(gtf: bool, attributes: dict[str, str]) -> list[str]:
    if not gtf:
        return _split(attributes.get("Parent", ""))
    names = (attributes.get(k) for k in ("transcript_id", "protein_id", "gene_id"))
    return [next((n for n in names if n), "")]


def _is_pseudo(attributes: dict[str, str]) -> bool:
    return (
        attributes.get("pseudo", "false").lower() not in FALSE
        or "pseudogene" in attributes
        or any("pseudogene" in attributes.get(key, "") for key in BIOTYPES)
    )


def _note_partial(group: _Group, attributes: dict[str, str]) -> None:
    """Read the marks of NCBI, Prodigal (``10`` for left, ``01`` for right) and Ensembl."""
    group.left |= "start_range" in attributes
    group.right |= "end_range" in attributes
    value = attributes.get("partial", "false").lower()
    if re.fullmatch("[01]{2}", value):
        group.left |= value[0] == "1"
        group.right |= value[1] == "1"
    else:
        group.partial |= value not in FALSE
    tags = attributes.get("tag", "")
    group.partial5 |= "cds_start_NF" in tags
    group.partial3 |= "cds_end_NF" in tags


def _add_stop_codon(group: _Group, stops: list[_Row], *, alone: bool) -> None:
    """Add the bases of a stop codon that the CDS lacks.

    ``alone`` is whether the CDS is the only one of the transcript, so that a stop codon
    beyond an intron is its own too.
    """
    for stop in sorted(stops, reverse=group.strand < 0):
        if any(r.start <= stop.start and stop.end <= r.end for r in group.rows):
            continue
        rows = sorted(group.rows)
        if group.strand > 0 and rows[-1].end == stop.start:
            group.rows = [*rows[:-1], rows[-1]._replace(end=stop.end)]
        elif group.strand < 0 and rows[0].start == stop.end:
            group.rows = [rows[0]._replace(start=stop.start), *rows[1:]]
        elif alone:
            group.rows.append(stop)


def _finish(group: _Group, length: int | None, reach: int, circular: bool) -> CodingSequence:
    rows = sorted(group.rows, key=lambda row: (row.start, row.end))
    rows = _arrange(rows, group.strand, length or reach, length_known=length is not None)
    left, right = group.left, group.right
    if group.partial and not (left or right):
        left = rows[0].start < 3
        right = length is not None and rows[-1].end > length - 3
        left, right = (left, right) if left or right else (True, True)
    if group.strand < 0:
        left, right = right, left
    parts = tuple((row.start, row.end) for row in rows)
    return CodingSequence(
        contig=group.contig,
        parts=wrap(parts, length) if circular and length is not None else parts,
        strand=group.strand,
        phase=rows[0 if group.strand > 0 else -1].phase or 0,
        partial5=left or group.partial5,
        partial3=right or group.partial3,
        pseudo=group.pseudo,
        exception=group.exception,
        genetic_code=group.genetic_code,
        id=group.id,
    )


def _arrange(rows: list[_Row], strand: int, length: int, *, length_known: bool) -> list[_Row]:
    """Bring the sorted rows of a CDS across the origin into order.

    It is one if it has the first and the last base of the contig and a gap between, unless the
    phases say that the gap is an intron. If the length of the contig is only guessed, the phases
    must say that it is none.
    """
    gaps = [(right.start - left.end, i) for i, (left, right) in enumerate(pairwise(rows), 1)]
    gap, cut = max(gaps, default=(0, 0))
    if gap <= 0 or rows[0].start != 0 or rows[-1].end != length:
        return rows
    rotated = rows[cut:] + rows[:cut]
    spliced, across = _in_phase(rows, strand), _in_phase(rotated, strand)
    return rotated if (across and not spliced) or (length_known and across == spliced) else rows


def _in_phase(rows: list[_Row], strand: int) -> bool:
    ordered = rows[::strand]
    return all(
        a.phase is None or b.phase is None or (a.end - a.start - a.phase + b.phase) % 3 == 0
        for a, b in pairwise(ordered)
    )

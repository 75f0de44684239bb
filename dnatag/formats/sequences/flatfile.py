"""GenBank and EMBL flat files: annotated contigs in, predicted genes out as GenBank."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from dnatag.errors import InputError, visible
from dnatag.formats.io.reading import Source, display_name, open_text
from dnatag.formats.registry import recognise
from dnatag.formats.sequences.fasta import UniqueIds, check_dna
from dnatag.formats.sequences.locus import MendedGenBank
from dnatag.formats.sequences.records import Annotation, CodingSequence, Contig

__all__ = [
    "GenBankWriter",
    "parse_flatfile",
    "read_embl_genes",
    "read_flatfile",
    "read_genbank_genes",
]

#: The date in the LOCUS line if none is given: the same input gives the same bytes.
NO_DATE = "01-JAN-1980"
WIDTH = 58  # of a qualifier's line
EXCEPTIONS = ("transl_except", "exception", "ribosomal_slippage", "trans_splicing")


def read_flatfile(
    path: Source, ids: UniqueIds | None = None
) -> Iterator[tuple[Contig, list[CodingSequence]]]:
    """Read the records of a GenBank or EMBL file one by one.

    Parameters
    ----------
    path
        The file, plain or compressed, or "-" for standard input.
    ids
        The ids of the files read before in the same run.

    Yields
    ------
    Contig
        Named by the accession with its version.
    list of CodingSequence
        Its CDS features, named by locus tag or protein id.

    Raises
    ------
    InputError
        Naming file and record, if the file is empty or malformed, or a record has no sequence or
        one that is not of nucleotides.
    """
    name = display_name(path)
    ids = UniqueIds() if ids is None else ids
    stream, format = recognise(path, ("genbank", "embl"), "a GenBank or EMBL file is needed")
    with open_text(stream) as handle:
        for contig, genes, length in parse_flatfile(handle, name, format.name):
            where = f"{name}: record '{contig.id}'"
            ids.add(contig.id, where)
            if not contig.sequence:
                raise InputError(
                    f"{where} has no sequence ({length} bp are announced); download it in full, "
                    "with the sequence, or give the sequence as FASTA"
                )
            check_dna(contig.sequence, where)
            yield contig, genes


def read_genbank_genes(path: Source) -> Annotation:
    """Read the genes of a GenBank file, whose sequence may be missing.

    Parameters
    ----------
    path
        The file, plain or compressed, or "-" for standard input.

    Returns
    -------
    Annotation
        With the lengths of all records.

    Raises
    ------
    InputError
        Naming file and record, if the file is malformed.
    """
    return _read_genes(path, "genbank")


def read_embl_genes(path: Source) -> Annotation:
    """Read the genes of an EMBL file; see :func:`read_genbank_genes`."""
    return _read_genes(path, "embl")


def _read_genes(path: Source, kind: str) -> Annotation:
    annotation = Annotation()
    with open_text(path) as handle:
        for contig, genes, length in parse_flatfile(handle, display_name(path), kind):
            annotation.lengths[contig.id] = length
            if contig.circular:
                annotation.circular.add(contig.id)
            if genes:
                annotation.setdefault(contig.id, []).extend(genes)
    return annotation


def parse_flatfile(
    handle: TextIO, name: str, kind: str
) -> Iterator[tuple[Contig, list[CodingSequence], int]]:
    """Read records whose sequence may be missing; see :func:`read_flatfile`.

    Parameters
    ----------
    handle
        A GenBank or EMBL file.
    name
        What messages call it.
    kind
        "genbank" or "embl".

    Yields
    ------
    Contig
        With an empty sequence if the record has none.
    list of CodingSequence
        Its CDS features.
    int
        Length in bases that the record announces.
    """
    from Bio import SeqIO

    parse: Any = SeqIO.parse  # without type hints in some versions
    records: Iterator[Any] = parse(MendedGenBank(handle) if kind == "genbank" else handle, kind)
    label = "EMBL" if kind == "embl" else "GenBank"
    last = None
    while True:
        reason = None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                record = next(records, None)
            except (InputError, OSError, MemoryError):
                raise
            except Exception as error:  # damaged files make Biopython fail in any way
                reason = str(error) or "it breaks off, or lines are missing"
                if "marker '//' found" in reason:
                    reason = "a record has features but no sequence (no ORIGIN)"
        # Biopython accepts a sequence that breaks off, with a warning.
        texts = [str(warning.message) for warning in caught]
        reason = reason or next((t for t in texts if "Expected sequence length" in t), None)
        if reason is not None:
            where = f"after record '{last}'" if last else "in the first record"
            raise InputError(f"{name}: malformed {label} file, {where}: {reason}")
        if record is None:
            break
        last = record.id if record.id not in ("", ".", "<unknown id>") else record.name
        yield _convert(record, last, name)


def _convert(record: Any, id: str, name: str) -> tuple[Contig, list[CodingSequence], int]:
    from Bio.Seq import UndefinedSequenceError

    try:
        sequence = bytes(record.seq)
    except UndefinedSequenceError:
        sequence = b""
    topology = record.annotations.get("topology")
    circular = None if topology is None else topology == "circular"
    description = "" if record.description in (".", "<unknown description>") else record.description
    contig = Contig(id, sequence, description, circular)
    pseudo = {
        tag
        for feature in record.features
        if feature.type in ("gene", "pseudogene") and _is_pseudo(feature)
        for tag in feature.qualifiers.get("locus_tag", ())
    }
    where = f"{name}: record '{id}'"
    features = [feature for feature in record.features if feature.type == "CDS"]
    genes = [_cds(f, id, pseudo, where) for f in features]
    # A place between two bases, as 9^10, has no length.
    return contig, [gene for gene in genes if len(gene)], len(record.seq)


def _is_pseudo(feature: Any) -> bool:
    return feature.type == "pseudogene" or not {"pseudo", "pseudogene"}.isdisjoint(
        feature.qualifiers
    )


def _cds(feature: Any, contig: str, pseudo: set[str], where: str) -> CodingSequence:
    from Bio.SeqFeature import AfterPosition, BeforePosition

    def first(key: str, default: str = "") -> str:
        values: list[str] = feature.qualifiers.get(key, [])
        return values[0] if values else default

    tag = first("locus_tag")
    id = tag or first("protein_id") or first("gene")
    if feature.location is None:
        raise InputError(f"{where}: the location of CDS '{id}' is malformed")
    try:
        genetic_code = int(first("transl_table")) if first("transl_table") else None
        phase = int(first("codon_start", "1")) - 1
    except ValueError as error:
        raise InputError(f"{where}: CDS '{id}': {error}") from None
    # Biopython gives the parts of a reverse CDS in the direction of translation.
    strands = {part.strand for part in feature.location.parts}
    strand = -1 if feature.location.parts[0].strand == -1 else 1
    parts = [part for part in feature.location.parts[::strand] if part.ref in (None, contig)]
    foreign = len(parts) < len(feature.location.parts)
    parts = parts or feature.location.parts[::strand]
    if max(int(part.end) for part in parts) >= 10**12:
        raise InputError(f"{where}: the location of CDS '{id}' is beyond any genome")
    left = isinstance(parts[0].start, BeforePosition)
    right = isinstance(parts[-1].end, AfterPosition)
    return CodingSequence(
        contig=contig,
        parts=tuple((int(part.start), int(part.end)) for part in parts),
        strand=strand,
        phase=phase,
        partial5=left if strand > 0 else right,
        partial3=right if strand > 0 else left,
        pseudo=_is_pseudo(feature) or tag in pseudo,
        exception=foreign or len(strands) > 1 or any(e in feature.qualifiers for e in EXCEPTIONS),
        genetic_code=genetic_code,
        id=id,
    )


class GenBankWriter:
    """Writes contigs with predicted genes as GenBank records.

    Parameters
    ----------
    handle
        Where to write.
    version
        Version of dnatag.
    model
        Name of the model; "" leaves it out.
    date
        For the LOCUS line, as ``31-DEC-2025``.
    """

    def __init__(self, handle: TextIO, version: str, model: str, date: str = NO_DATE) -> None:
        """Write nothing yet."""
        self._handle = handle
        self._inference = f"ab initio prediction:dnatag:{version}"
        with_model = f", model {model}" if model else ""
        self._comment = f"Genes predicted by dnatag {version}{with_model}."
        self._date = date

    def write(self, contig: Contig, genes: Iterable[tuple[CodingSequence, str]]) -> None:
        """Write a contig with its sequence and genes.

        Parameters
        ----------
        contig
            Its sequence is written in lower case.
        genes
            Each with its protein; the "*" of a stop codon is left out.
        """
        length = len(contig)
        molecule = f"DNA     {'circular' if contig.circular else 'linear':<8} UNK {self._date}"
        lines = [
            f"LOCUS       {contig.id:<16} {length:>11} bp    {molecule}",
            *_wrap("DEFINITION  ", contig.description, 12),
            f"ACCESSION   {contig.id}",
            f"VERSION     {contig.id}",
            "KEYWORDS    .",
            "SOURCE      .",
            "  ORGANISM  .",
            *_wrap("COMMENT     ", self._comment, 12),
            "FEATURES             Location/Qualifiers",
            f"     source          1..{length}",
            '                     /mol_type="genomic DNA"',
        ]
        for gene, protein in genes:
            lines += self._feature(gene, protein)
        lines.append("ORIGIN")
        self._handle.write("\n".join(lines) + "\n")
        self._write_sequence(contig.sequence)
        self._handle.write("//\n")

    def _feature(self, gene: CodingSequence, protein: str) -> list[str]:
        note = []
        if gene.posterior is not None:
            note.append(f"posterior {gene.posterior:.4f}")
        if gene.start_posterior is not None:
            note.append(f"start posterior {gene.start_posterior:.4f}")
        qualifiers = [
            *_qualifier("locus_tag", gene.id),
            *_qualifier("inference", self._inference),
            f"/codon_start={gene.phase + 1}",
            *([] if gene.genetic_code is None else [f"/transl_table={gene.genetic_code}"]),
            *(_qualifier("note", "; ".join(note)) if note else []),
            *_qualifier("translation", protein.removesuffix("*"), width=WIDTH),
        ]
        return [f"     CDS             {_location(gene)}", *(" " * 21 + q for q in qualifiers)]

    def _write_sequence(self, sequence: bytes, block: int = 6_000_000) -> None:
        """Write the numbered lines of the sequence, a block at a time to keep memory flat."""
        for begin in range(0, len(sequence), block):
            text = sequence[begin : begin + block].lower().decode("ascii")
            for i in range(0, len(text), 60):
                words = " ".join(text[j : j + 10] for j in range(i, min(i + 60, len(text)), 10))
                self._handle.write(f"{begin + i + 1:>9} {words}\n")


def _location(gene: CodingSequence) -> str:
    left, right = (gene.partial5, gene.partial3)[:: gene.strand]
    last = len(gene.parts) - 1
    spans = [
        f"{'<' if left and i == 0 else ''}{start + 1}..{'>' if right and i == last else ''}{end}"
        for i, (start, end) in enumerate(gene.parts)
    ]
    location = spans[0] if last == 0 else f"join({','.join(spans)})"
    return location if gene.strand > 0 else f"complement({location})"


def _qualifier(key: str, value: str, width: int | None = None) -> list[str]:
    """Format a text qualifier; only with a width may it be cut between any two letters."""
    text = f'/{key}="' + value.replace('"', '""') + '"'
    width = width or len(text)
    return [text[i : i + width] for i in range(0, len(text), width)]


def _wrap(key: str, text: str, indent: int) -> list[str]:
    """Format a header line, continued on further lines at word ends."""
    lines = re.findall(r"\S.{0,66}(?=\s|$)|\S+", visible(" ".join(text.split())) or ".")
    return [key + lines[0], *(" " * indent + line for line in lines[1:])]

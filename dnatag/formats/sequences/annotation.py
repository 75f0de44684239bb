"""Annotations of any supported format, alone or with the sequences they belong to."""

from __future__ import annotations

import os
from dataclasses import replace

from dnatag.errors import InputError
from dnatag.formats.io.reading import display_name
from dnatag.formats.registry import ANNOTATIONS, recognise
from dnatag.formats.sequences.fasta import read_fasta
from dnatag.formats.sequences.flatfile import read_flatfile
from dnatag.formats.sequences.records import Annotation, CodingSequence, Contig, wrap

__all__ = ["read_annotated_genome", "read_annotation"]


def read_annotation(path: str | os.PathLike[str]) -> Annotation:
    """Read the coding sequences of a file of any supported format.

    Parameters
    ----------
    path
        GFF3, GTF, GenBank, EMBL (with or without the sequence), or Prodigal's ``gbk`` or ``sco``
        output, recognised by content; plain or compressed, or "-" for standard input.

    Returns
    -------
    Annotation
        Without genes if the file has none.

    Raises
    ------
    InputError
        If the file is empty, of another format, or malformed.
    """
    stream, format = recognise(
        path,
        ANNOTATIONS,
        "annotations are read from GFF3, GTF, GenBank, EMBL, or Prodigal's gbk or sco",
    )
    annotation: Annotation = format.read(stream)
    return annotation


def read_annotated_genome(
    genome: str | os.PathLike[str], annotation: str | os.PathLike[str] | None = None
) -> list[tuple[Contig, list[CodingSequence]]]:
    """Read sequences together with their coding sequences.

    Parameters
    ----------
    genome
        A FASTA file; or, without ``annotation``, a GenBank or EMBL file with both.
    annotation
        The annotation of a FASTA file, see :func:`read_annotation`.

    Returns
    -------
    list of (Contig, list of CodingSequence)
        All contigs in the order of ``genome``, circular if either file says so, each with its
        coding sequences, possibly none.

    Raises
    ------
    InputError
        If a file cannot be read, the annotation has no CDS, it names contigs that the genome
        lacks, or coordinates are beyond a contig's end.
    """
    name = display_name(genome)
    if annotation is None:
        label = name
        pairs = list(read_flatfile(genome))
        if not any(genes for _, genes in pairs):
            raise InputError(f"{label}: has no CDS; coding sequences are needed")
    else:
        label = display_name(annotation)
        pairs = _pair(genome, annotation)
    return [(contig, [_inside(gene, contig, label) for gene in genes]) for contig, genes in pairs]


def _pair(
    genome: str | os.PathLike[str], annotation: str | os.PathLike[str]
) -> list[tuple[Contig, list[CodingSequence]]]:
    genes = read_annotation(annotation)
    if not genes:
        raise InputError(
            f"{display_name(annotation)}: {genes.without_cds()}; coding sequences are needed"
        )
    contigs = list(read_fasta(genome))
    known = {contig.id for contig in contigs}
    if unknown := next((id for id in genes if id not in known), None):
        raise InputError(
            f"{display_name(annotation)}: annotates contig '{unknown}', which is not in "
            f"{display_name(genome)} (there: '{contigs[0].id}'); both must name the contigs alike"
        )
    return [
        (
            replace(contig, circular=contig.id in genes.circular or contig.circular),
            genes.get(contig.id, []),
        )
        for contig in contigs
    ]


def _inside(gene: CodingSequence, contig: Contig, label: str) -> CodingSequence:
    """Check coordinates; on a circular contig, lead those beyond the end back to the start."""
    end = max(end for _, end in gene.parts)
    if end <= len(contig):
        return gene
    if contig.circular and end <= 2 * len(contig):
        return replace(gene, parts=wrap(gene.parts, len(contig)))
    raise InputError(
        f"{label}: CDS '{gene.id}' ends at {end} on contig '{contig.id}', which has only "
        f"{len(contig)} bp; is the annotation of another version of the genome?"
    )

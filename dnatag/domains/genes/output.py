"""Predicted genes as files: GFF3, GenBank, BED, FASTA and tables."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TextIO

from dnatag import __version__
from dnatag.domains.genes.decoding.assemble import Prediction
from dnatag.domains.genes.nucleotides import splice
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.errors import InputError
from dnatag.formats.io.writing import OutputSet
from dnatag.formats.sequences.bed import write_bed
from dnatag.formats.sequences.fasta import write_fasta
from dnatag.formats.sequences.flatfile import GenBankWriter
from dnatag.formats.sequences.gff_writer import GffWriter
from dnatag.formats.sequences.records import CodingSequence, Contig
from dnatag.formats.sequences.tables import GeneTableWriter, LabelTableWriter

__all__ = ["GeneWriter", "write_genes"]

#: Bases whose labels are written at once.
BLOCK = 1_000_000


class GeneWriter:
    """Writes predictions to open files, one contig after the other.

    A gene has the same id in every file: that of the contig, an underscore and its number.

    Parameters
    ----------
    handles : mapping of str to text file
        Where to write, by format:

        - ``gff``: GFF3, see :class:`dnatag.formats.sequences.gff_writer.GffWriter`;
        - ``faa``: proteins as FASTA, without the stop;
        - ``ffn``: nucleotides of the genes as FASTA, in the direction of translation;
        - ``gbk``: GenBank records with the sequence of the contig;
        - ``bed``: BED of six columns, see :func:`dnatag.formats.sequences.bed.write_bed`;
        - ``tsv``: see :class:`dnatag.formats.sequences.tables.GeneTableWriter`;
        - ``labels``: label and posteriors of every base, see
          :class:`dnatag.formats.sequences.tables.LabelTableWriter`; predictions must have been
          made with ``per_base=True``.
    model : str
        Name of the model, for the headers of GFF3 and GenBank.
    command : str
        The command line, for the header of GFF3.

    Raises
    ------
    InputError
        If a format is unknown.

    Examples
    --------
    >>> import sys
    >>> from dnatag.domains.genes.codes import GeneticCode
    >>> from dnatag.domains.genes.decoding.assemble import Prediction
    >>> from dnatag.domains.genes.selftraining.parameters import GenomeParameters
    >>> from dnatag.formats.sequences.records import CodingSequence, Contig
    >>> gene = CodingSequence("c", ((2, 14),), strand=1, posterior=0.98)
    >>> genome = GenomeParameters(GeneticCode.ncbi(11))
    >>> found = Prediction(Contig("c", b"GGATGAAACGCTAAGG"), [gene], genome)
    >>> writer = GeneWriter({"faa": sys.stdout}, model="prokaryotes")
    >>> writer.write(found)
    >c_1 c:3..14(+) partial=no posterior=0.9800
    MKR
    1
    """

    def __init__(self, handles: Mapping[str, TextIO], *, model: str, command: str = "") -> None:
        if unknown := handles.keys() - WRITERS.keys():
            raise InputError(f"no format {min(unknown)!r}; known are {', '.join(WRITERS)}")
        self._writers = [WRITERS[kind](handle, model, command) for kind, handle in handles.items()]

    def write(self, prediction: Prediction) -> int:
        """Write a contig to all files.

        Parameters
        ----------
        prediction : Prediction
            What was found on it.

        Returns
        -------
        int
            The number of its genes.
        """
        found = _Found(prediction)
        for writer in self._writers:
            writer.write(found)
        return len(found.genes)


def write_genes(
    predictions: Iterable[Prediction],
    paths: Mapping[str, str | os.PathLike[str]],
    *,
    model: str,
    command: str = "",
) -> int:
    """Write predictions to files, which appear complete at the end or not at all.

    Parameters
    ----------
    predictions : iterable of Prediction
        From :meth:`dnatag.GeneFinder.predict`; each is written as soon as it is there.
    paths : mapping of str to path
        Files by format, see :class:`GeneWriter`; "-" is standard output, and a name that ends in
        ".gz" is compressed.
    model, command : str
        See :class:`GeneWriter`.

    Returns
    -------
    int
        The number of genes.

    Raises
    ------
    InputError
        If a file cannot be written.
    DnatagError
        If the disk is full.

    Examples
    --------
    >>> from dnatag import GeneFinder
    >>> from dnatag.formats.sequences.fasta import read_fasta
    >>> finder = GeneFinder()  # doctest: +SKIP
    >>> found = finder.predict(read_fasta("genome.fna"))  # doctest: +SKIP
    >>> write_genes(
    ...     found, {"gff": "genes.gff3", "faa": "proteins.faa"}, model="prokaryotes"
    ... )  # doctest: +SKIP
    """
    with OutputSet() as outputs:
        handles = {kind: outputs.open(path) for kind, path in paths.items()}
        writer = GeneWriter(handles, model=model, command=command)
        return sum(map(writer.write, predictions))


@dataclass(frozen=True)
class _Found:
    """A prediction, and what several formats need of it."""

    prediction: Prediction

    @property
    def contig(self) -> Contig:
        return self.prediction.contig

    @cached_property
    def genes(self) -> list[CodingSequence]:
        """The genes with their ids."""
        return [
            gene.named(f"{self.contig.id}_{number}")
            for number, gene in enumerate(self.prediction.genes, 1)
        ]

    @cached_property
    def nucleotides(self) -> list[bytes]:
        """Their bases in the direction of translation."""
        return [splice(self.contig.sequence, gene.parts, gene.strand) for gene in self.genes]

    @cached_property
    def proteins(self) -> list[str]:
        """Their proteins with the stop, ``*``."""
        return [
            self.prediction.code.translate(bases[gene.phase :], complete_start=not gene.partial5)
            for gene, bases in zip(self.genes, self.nucleotides, strict=True)
        ]


class _Writer(Protocol):
    """Writes one format."""

    def __init__(self, handle: TextIO, model: str, command: str) -> None: ...

    def write(self, found: _Found) -> None: ...


class _Gff:
    def __init__(self, handle: TextIO, model: str, command: str) -> None:
        self._writer = GffWriter(handle, __version__, model, command)

    def write(self, found: _Found) -> None:
        self._writer.write(found.contig, found.genes)


class _Proteins:
    def __init__(self, handle: TextIO, model: str, command: str) -> None:
        self._handle = handle

    def write(self, found: _Found) -> None:
        for gene, protein in zip(found.genes, found.proteins, strict=True):
            write_fasta(self._handle, gene.id, _describe(gene), protein.removesuffix("*"))


class _Nucleotides:
    def __init__(self, handle: TextIO, model: str, command: str) -> None:
        self._handle = handle

    def write(self, found: _Found) -> None:
        for gene, bases in zip(found.genes, found.nucleotides, strict=True):
            write_fasta(self._handle, gene.id, _describe(gene), bases)


class _GenBank:
    def __init__(self, handle: TextIO, model: str, command: str) -> None:
        self._writer = GenBankWriter(handle, __version__, model)

    def write(self, found: _Found) -> None:
        self._writer.write(found.contig, zip(found.genes, found.proteins, strict=True))


class _Bed:
    def __init__(self, handle: TextIO, model: str, command: str) -> None:
        self._handle = handle

    def write(self, found: _Found) -> None:
        write_bed(self._handle, found.genes)


class _Table:
    def __init__(self, handle: TextIO, model: str, command: str) -> None:
        self._writer = GeneTableWriter(handle)

    def write(self, found: _Found) -> None:
        for gene, bases in zip(found.genes, found.nucleotides, strict=True):
            self._writer.write(gene, bases.decode("ascii"))


class _Labels:
    def __init__(self, handle: TextIO, model: str, command: str) -> None:
        structure = prokaryotic()
        # Index -1, a gap, is the last name.
        names = [*structure.grammar.states, "gap"]
        self._writer = LabelTableWriter(handle, names, structure.frames)

    def write(self, found: _Found) -> None:
        contig, prediction = found.contig, found.prediction
        if prediction.labels is None:
            raise ValueError("labels are only there if asked for, with per_base=True")
        for start in range(0, len(contig), BLOCK):
            block = slice(start, start + BLOCK)
            self._writer.write(
                contig.id,
                contig.sequence[block],
                prediction.labels[block],
                prediction.posteriors(block.start, block.stop),
                start,
            )


WRITERS: dict[str, type[_Writer]] = {
    "gff": _Gff,
    "faa": _Proteins,
    "ffn": _Nucleotides,
    "gbk": _GenBank,
    "bed": _Bed,
    "tsv": _Table,
    "labels": _Labels,
}


def _describe(gene: CodingSequence) -> str:
    """Describe a gene: place (1-based), strand, what is missing, posterior."""
    parts = ",".join(f"{start + 1}..{end}" for start, end in gene.parts)
    missing = {(True, True): "both", (True, False): "start", (False, True): "stop"}.get(
        (gene.partial5, gene.partial3), "no"
    )
    return (
        f"{gene.contig}:{parts}({'+' if gene.strand > 0 else '-'}) partial={missing} "
        f"posterior={gene.posterior:.4f}"
    )

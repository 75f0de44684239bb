"""Predictions as objects of other libraries: Biopython's records, pandas' tables."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from Bio.Seq import Seq
from Bio.SeqFeature import (
    AfterPosition,
    BeforePosition,
    CompoundLocation,
    ExactPosition,
    SeqFeature,
    SimpleLocation,
)
from Bio.SeqRecord import SeqRecord

from dnatag import __version__
from dnatag.domains.genes.decoding.assemble import Prediction
from dnatag.domains.genes.finder import GeneFinder, as_contig
from dnatag.domains.genes.nucleotides import splice
from dnatag.extras import require
from dnatag.formats.sequences.records import CodingSequence

if TYPE_CHECKING:
    import pandas

__all__ = ["annotate", "seq_features", "to_dataframe"]

#: Columns of tables.
COLUMNS = (
    "id", "contig", "start", "end", "strand", "length", "partial5", "partial3", "genetic_code",
    "posterior", "start_posterior", "protein",
)  # fmt: skip


def annotate(record: SeqRecord | Seq | str, finder: GeneFinder | None = None) -> SeqRecord:
    """Find the genes of a sequence and give it back with them.

    Parameters
    ----------
    record : SeqRecord, Seq or str
        The sequence. It is a circle if ``record.annotations["topology"]`` says so.
    finder : GeneFinder or None
        For settings other than the default ones, and to load the model once for many records.

    Returns
    -------
    SeqRecord
        A copy of the record, or a new one, whose features are those that were there and then one
        of type CDS for each gene, with the qualifiers that GenBank files of dnatag have.

    Raises
    ------
    InputError
        If it is not DNA.

    Examples
    --------
    >>> from Bio import SeqIO
    >>> import dnatag, gzip
    >>> with gzip.open("examples/lambda.fna.gz", "rt") as file:
    ...     annotated = dnatag.annotate(SeqIO.read(file, "fasta"))
    >>> len(annotated.features)
    63
    >>> first = annotated.features[0]
    >>> print(first.location, first.qualifiers["translation"][0][:9])
    [190:736](+) MEVNKKQLA
    """
    finder = GeneFinder() if finder is None else finder
    (prediction,) = finder.predict([as_contig(record)])
    if isinstance(record, SeqRecord):
        annotated = copy.copy(record)
        annotated.annotations = {"molecule_type": "DNA", **record.annotations}
        annotated.features = list(record.features)
    else:
        annotated = SeqRecord(Seq(prediction.contig.sequence), id=prediction.contig.id,
                              annotations={"molecule_type": "DNA"})  # fmt: skip
    annotated.features += seq_features(prediction)
    return annotated


def seq_features(prediction: Prediction) -> list[SeqFeature]:
    """Return genes as features of Biopython.

    Parameters
    ----------
    prediction : Prediction
        The genes of a contig.

    Returns
    -------
    list of SeqFeature
        Of type CDS.
    """
    return [
        _feature(prediction, gene, f"{prediction.contig.id}_{number}")
        for number, gene in enumerate(prediction.genes, 1)
    ]


def _feature(prediction: Prediction, gene: CodingSequence, id: str) -> SeqFeature:
    left, right = (gene.partial5, gene.partial3)[:: gene.strand]
    last = len(gene.parts) - 1
    parts = [
        SimpleLocation(
            (BeforePosition if left and i == 0 else ExactPosition)(start),
            (AfterPosition if right and i == last else ExactPosition)(end),
            gene.strand,
        )
        for i, (start, end) in enumerate(gene.parts)
    ]
    # Biopython has the parts in the order of translation.
    location = parts[0] if last == 0 else CompoundLocation(parts[:: gene.strand])
    bases = splice(prediction.contig.sequence, gene.parts, gene.strand)
    protein = prediction.code.translate(bases[gene.phase :], complete_start=not gene.partial5)
    note = f"posterior {gene.posterior or 0:.4f}"
    if gene.start_posterior is not None:
        note += f"; start posterior {gene.start_posterior:.4f}"
    qualifiers = {
        "locus_tag": [id],
        "inference": [f"ab initio prediction:dnatag:{__version__}"],
        "codon_start": [str(gene.phase + 1)],
        "note": [note],
        "translation": [protein.removesuffix("*")],
    }
    if gene.genetic_code is not None:
        qualifiers["transl_table"] = [str(gene.genetic_code)]
    return SeqFeature(location, type="CDS", id=id, qualifiers=qualifiers)


def to_dataframe(prediction: Prediction) -> pandas.DataFrame:
    """Return genes as a table, see :meth:`Prediction.to_dataframe`."""
    pandas = require("pandas", "dataframes", "a table")
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for number, gene in enumerate(prediction.genes, 1):
        bases = splice(prediction.contig.sequence, gene.parts, gene.strand)
        protein = prediction.code.translate(bases[gene.phase :], complete_start=not gene.partial5)
        values = (
            f"{prediction.contig.id}_{number}", gene.contig, gene.start, gene.end, gene.strand,
            len(gene), gene.partial5, gene.partial3, gene.genetic_code, gene.posterior,
            gene.start_posterior, protein.removesuffix("*"),
        )  # fmt: skip
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
    return pandas.DataFrame(columns)

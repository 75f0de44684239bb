"""Genes as Prodigal writes them: GenBank features, GFF, coordinates, FASTA and a table of starts.

What programs know Prodigal's files by is the same to the letter: columns, attributes and their
order, numbers of digits, headers of FASTA. ``dnatag`` stands where Prodigal names itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TextIO

from dnatag.formats.sequences.fasta import write_fasta

__all__ = [
    "FEATURE_FORMATS",
    "ProdigalContig",
    "ProdigalGene",
    "ProdigalStart",
    "write_nucleotides",
    "write_proteins",
    "write_starts",
]

#: Letters in a line of FASTA.
PROTEIN_WIDTH, NUCLEOTIDE_WIDTH = 60, 70
STARTS = (
    "Beg\tEnd\tStd\tTotal\tCodPot\tStrtSc\tCodon\tRBSMot\tSpacer\tRBSScr\tUpsScr\tTypeScr\tGCCont"
)


class ProdigalStart(NamedTuple):
    """A start of a gene and what speaks for it; sums of the parts are Prodigal's.

    Attributes
    ----------
    type : str
        Its codon, or ``Edge`` where the gene runs off the contig.
    motif, spacer : str
        The ribosome binding site and its distance, ``None`` where there is none.
    codon_score, motif_score, upstream_score : float
        Scores of the codon (``tscore``), of the motif (``rscore``) and of the other bases before
        it (``uscore``).
    """

    type: str
    motif: str = "None"
    spacer: str = "None"
    codon_score: float = 0.0
    motif_score: float = 0.0
    upstream_score: float = 0.0

    @property
    def score(self) -> float:
        """The sum of its scores, ``sscore``."""
        return self.codon_score + self.motif_score + self.upstream_score


@dataclass(frozen=True)
class ProdigalGene:
    """A gene, cut to whole codons.

    Attributes
    ----------
    begin, end : int
        First and last base on the forward strand, counted from 1.
    strand : int
        +1 or -1.
    partial : str
        Two digits, 1 for a side that is missing: the left one and the right one.
    gc : float
        Share of G and C in it.
    confidence : float
        Probability of the gene in percent.
    score : float
        Its score, of which the start's is a part.
    start : ProdigalStart
        Its start.
    nucleotides : bytes
        Its bases in the direction of translation.
    protein : str
        Its amino acids, with a ``*`` for the stop.
    """

    begin: int
    end: int
    strand: int
    partial: str
    gc: float
    confidence: float
    score: float
    start: ProdigalStart
    nucleotides: bytes
    protein: str

    @property
    def sign(self) -> str:
        """The strand, + or -."""
        return "+" if self.strand > 0 else "-"

    def about(self, id: str) -> str:
        """Return the attributes that FASTA headers have."""
        start = self.start
        return (
            f"ID={id};partial={self.partial};start_type={start.type};rbs_motif={start.motif};"
            f"rbs_spacer={start.spacer};gc_cont={self.gc:.3f}"
        )

    def attributes(self, id: str) -> str:
        """Return all attributes."""
        start = self.start
        return (
            f"{self.about(id)};conf={self.confidence:.2f};score={self.score:.2f};"
            f"cscore={self.score - start.score:.2f};sscore={start.score:.2f};"
            f"rscore={start.motif_score:.2f};uscore={start.upstream_score:.2f};"
            f"tscore={start.codon_score:.2f};"
        )


@dataclass(frozen=True)
class ProdigalContig:
    """A contig with its genes.

    Attributes
    ----------
    number : int
        Its number in the input, from 1.
    id, header : str
        The first word of its header, and all of it.
    length : int
        Its bases.
    run : str
        What the genes were found with: ``version=...`` to ``uses_sd=...``, see :meth:`of_run`.
    genes : sequence of ProdigalGene
        Its genes, sorted by place.
    """

    number: int
    id: str
    header: str
    length: int
    run: str
    genes: Sequence[ProdigalGene]

    @staticmethod
    def of_run(
        version: str, model: str, *, single: bool, gc: float, table: int, uses_sd: bool
    ) -> str:
        """Describe what the genes were found with.

        Parameters
        ----------
        version : str
            That of dnatag.
        model : str
            Name of the model.
        single : bool
            Whether all contigs are taken as one genome.
        gc : float
            Share of G and C in the contig.
        table : int
            NCBI's number of the genetic code.
        uses_sd : bool
            Whether the motif before starts is that of Shine and Dalgarno.
        """
        return (
            f"version=dnatag.v{version};run_type={'Single' if single else 'Metagenomic'};"
            f'model="{model}";gc_cont={100 * gc:.2f};transl_table={table};uses_sd={uses_sd:d}'
        )

    @property
    def sequence(self) -> str:
        """The contig in a line: number, length and header."""
        header = self.header.replace('"', "'")
        return f'seqnum={self.number};seqlen={self.length};seqhdr="{header}"'


def write_gbk(handle: TextIO, contig: ProdigalContig, version: str) -> None:
    """Write features as in GenBank files, without the sequence."""
    handle.write(f"DEFINITION  {contig.sequence};{contig.run}\n")
    handle.write("FEATURES             Location/Qualifiers\n")
    for number, gene in enumerate(contig.genes, 1):
        left, right = ("<>"[side] * (gene.partial[side] == "1") for side in (0, 1))
        place = f"{left}{gene.begin}..{right}{gene.end}"
        place = place if gene.strand > 0 else f"complement({place})"
        handle.write(f"     CDS             {place}\n")
        about = gene.attributes(f"{contig.number}_{number}")
        handle.write(f'                     /note="{about}"\n')
    handle.write("//\n")


def write_gff(handle: TextIO, contig: ProdigalContig, version: str) -> None:
    """Write GFF3."""
    if contig.number == 1:
        handle.write("##gff-version  3\n")
    _describe(handle, contig, "Model")
    for number, gene in enumerate(contig.genes, 1):
        handle.write(
            f"{contig.id}\tdnatag_v{version}\tCDS\t{gene.begin}\t{gene.end}\t{gene.score:.1f}\t"
            f"{gene.sign}\t0\t{gene.attributes(f'{contig.number}_{number}')}\n"
        )


def write_sco(handle: TextIO, contig: ProdigalContig, version: str) -> None:
    """Write "simple coordinate output"."""
    _describe(handle, contig, "Model")
    for number, gene in enumerate(contig.genes, 1):
        handle.write(f">{number}_{gene.begin}_{gene.end}_{gene.sign}\n")


#: What writes the genes of a contig, by the name of the format; given a file, the contig and the
#: version of dnatag.
FEATURE_FORMATS: dict[str, Callable[[TextIO, ProdigalContig, str], None]] = {
    "gbk": write_gbk,
    "gff": write_gff,
    "sco": write_sco,
}


def write_proteins(handle: TextIO, contig: ProdigalContig, *, stop: bool = True) -> None:
    """Write the proteins as FASTA.

    Parameters
    ----------
    handle
        Where to write.
    contig
        With its genes.
    stop
        Whether proteins end in ``*``.
    """
    for header, gene in _headers(contig):
        protein = gene.protein if stop else gene.protein.removesuffix("*")
        write_fasta(handle, *header, protein, PROTEIN_WIDTH)


def write_nucleotides(handle: TextIO, contig: ProdigalContig) -> None:
    """Write the bases of the genes as FASTA."""
    for header, gene in _headers(contig):
        write_fasta(handle, *header, gene.nucleotides, NUCLEOTIDE_WIDTH)


def write_starts(
    handle: TextIO, contig: ProdigalContig, starts: Sequence[Sequence[ProdigalGene]]
) -> None:
    """Write a table of starts, with their scores.

    Parameters
    ----------
    handle
        Where to write.
    contig
        With its genes.
    starts
        For each gene: the gene with each of its starts.
    """
    _describe(handle, contig, "Run")
    handle.write(f"\n{STARTS}\n")
    for of_gene in starts:
        handle.write("\n")
        for gene in of_gene:
            start = gene.start
            handle.write(
                f"{gene.begin}\t{gene.end}\t{gene.sign}\t{gene.score:.2f}\t"
                f"{gene.score - start.score:.2f}\t{start.score:.2f}\t{start.type}\t{start.motif}\t"
                f"{start.spacer}\t{start.motif_score:.2f}\t{start.upstream_score:.2f}\t"
                f"{start.codon_score:.2f}\t{gene.gc:.3f}\n"
            )
    handle.write("\n")


def _describe(handle: TextIO, contig: ProdigalContig, of: str) -> None:
    handle.write(f"# Sequence Data: {contig.sequence}\n# {of} Data: {contig.run}\n")


def _headers(contig: ProdigalContig) -> list[tuple[tuple[str, str], ProdigalGene]]:
    """Return the header of each gene in FASTA, its first word and the rest."""
    return [
        (
            (
                f"{contig.id}_{number}",
                f"# {gene.begin} # {gene.end} # {gene.strand} # "
                f"{gene.about(f'{contig.number}_{number}')}",
            ),
            gene,
        )
        for number, gene in enumerate(contig.genes, 1)
    ]

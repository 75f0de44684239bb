from __future__ import annotations

import io
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from Bio import SeqIO
from Bio.Seq import Seq
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.errors import InputError
from dnatag.formats.sequences.fasta import UniqueIds, read_fasta
from dnatag.formats.sequences.flatfile import GenBankWriter, parse_flatfile, read_flatfile
from dnatag.formats.sequences.gff import read_gff
from dnatag.formats.sequences.records import CodingSequence, Contig

DATA = Path(__file__).parents[2] / "data" / "formats"

NCBI = """\
LOCUS       NC_000001                120 bp    DNA     circular BCT 01-JAN-2020
DEFINITION  Exemplum minimum, complete genome.
ACCESSION   NC_000001
VERSION     NC_000001.2
FEATURES             Location/Qualifiers
     source          1..120
                     /organism="Exemplum minimum"
                     /mol_type="genomic DNA"
     gene            <1..7
                     /locus_tag="EX_1"
     CDS             <1..7
                     /locus_tag="EX_1"
                     /codon_start=2
                     /transl_table=4
                     /protein_id="WP_1.1"
     CDS             complement(<10..18)
                     /locus_tag="EX_2"
     CDS             complement(10..>18)
                     /protein_id="WP_3.1"
     CDS             join(112..120,1..6)
                     /gene="exoR"
     CDS             complement(join(112..120,1..6))
                     /locus_tag="EX_5"
     CDS             join(20..28,28..40)
                     /locus_tag="EX_6"
                     /ribosomal_slippage
     CDS             50..58
                     /locus_tag="EX_7"
                     /transl_except=(pos:53..55,aa:Sec)
     CDS             60..68
                     /locus_tag="EX_8"
                     /pseudo
     CDS             60..68
                     /locus_tag="EX_9"
                     /pseudogene="unknown"
     gene            70..78
                     /locus_tag="EX_10"
                     /pseudo
     CDS             70..78
                     /locus_tag="EX_10"
     CDS             join(complement(80..85),90..95)
                     /locus_tag="EX_11"
                     /trans_splicing
     CDS             join(XX000001.1:5..10,100..105)
                     /locus_tag="EX_12"
ORIGIN
        1 acgtacgtac gtacgtacgt acgtacgtac gtacgtacgt acgtacgtac gtacgtacgt
       61 acgtacgtac gtacgtacgt acgtacgtac gtacgtacgt acgtacgtac gtacgtacgt
//
"""


def read(tmp_path: Path, text: str) -> list[tuple[Contig, list[CodingSequence]]]:
    path = tmp_path / "x.gb"
    path.write_text(text, encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return list(read_flatfile(path))


def message(tmp_path: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/x.gb: ")
    return str(caught.value).removeprefix(f"{tmp_path}/x.gb: ")


def test_genbank(tmp_path: Path) -> None:
    ((contig, genes),) = read(tmp_path, NCBI)
    assert contig == Contig(
        "NC_000001.2", b"ACGT" * 30, "Exemplum minimum, complete genome", circular=True
    )

    def cds(id: str, strand: int, *parts: tuple[int, int], **kwargs: Any) -> CodingSequence:
        return CodingSequence("NC_000001.2", parts, strand, id=id, **kwargs)

    assert genes == [
        cds("EX_1", 1, (0, 7), phase=1, partial5=True, genetic_code=4),
        cds("EX_2", -1, (9, 18), partial3=True),
        cds("WP_3.1", -1, (9, 18), partial5=True),
        cds("exoR", 1, (111, 120), (0, 6)),
        cds("EX_5", -1, (111, 120), (0, 6)),
        cds("EX_6", 1, (19, 28), (27, 40), exception=True),
        cds("EX_7", 1, (49, 58), exception=True),
        cds("EX_8", 1, (59, 68), pseudo=True),
        cds("EX_9", 1, (59, 68), pseudo=True),
        cds("EX_10", 1, (69, 78), pseudo=True),
        genes[10],
        cds("EX_12", 1, (99, 105), exception=True),
    ]
    assert genes[10].exception
    assert set(genes[10].parts) == {(79, 85), (89, 95)}


def test_embl_holds_the_same(tmp_path: Path) -> None:
    """Biopython converts the GenBank file."""
    record = SeqIO.read(io.StringIO(NCBI), "genbank")
    text = io.StringIO()
    SeqIO.write(record, text, "embl")
    assert text.getvalue().startswith("ID ")
    ((contig, genes),) = read(tmp_path, text.getvalue())
    ((expected, expected_genes),) = read(tmp_path, NCBI)
    assert (contig.id, contig.sequence, contig.circular) == (
        expected.id,
        expected.sequence,
        expected.circular,
    )
    assert genes == expected_genes


def test_a_place_between_two_bases_is_no_gene(tmp_path: Path) -> None:
    text = NCBI.replace("CDS             60..68", "CDS             60^61")
    ((_, genes),) = read(tmp_path, text)
    ((_, others),) = read(tmp_path, NCBI)
    assert genes == [gene for gene in others if gene.id not in ("EX_8", "EX_9")]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("ACCESSION   NC_000001\n", "     2581 ccaacaagaa aacactggca\n", "malformed GenBank file"),
        ("CDS             60..68", f"CDS             60..{10**15}", "beyond any genome"),
        ("/codon_start=2", "/codon_start=" + 5000 * "9", "CDS 'EX_1': Exceeds the limit"),
    ],
)
def test_damage(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "x.gb"
    path.write_text(NCBI.replace(old, new))
    try:
        list(read_flatfile(path))
    except InputError as error:
        if words not in str(error):
            raise
    else:
        assert words == "malformed GenBank file"  # some versions of Biopython pass over it


class TestErrors:
    def test_no_sequence(self, tmp_path: Path) -> None:
        text = NCBI[: NCBI.index("ORIGIN")] + "CONTIG      join(XX1.1:1..120)\n//\n"
        assert message(tmp_path, text) == (
            "record 'NC_000001.2' has no sequence (120 bp are announced); download it in full, "
            "with the sequence, or give the sequence as FASTA"
        )
        ((contig, genes, length),) = parse_flatfile(io.StringIO(text), "x.gb", "genbank")
        assert (contig.sequence, len(genes), length) == (b"", 12, 120)

    def test_no_origin(self, tmp_path: Path) -> None:
        assert message(tmp_path, NCBI[: NCBI.index("ORIGIN")] + "//\n") == (
            "malformed GenBank file, in the first record: a record has features but no sequence "
            "(no ORIGIN)"
        )

    def test_protein(self, tmp_path: Path) -> None:
        text = NCBI.replace("bp    DNA", "aa       ").replace("acgtacgtac", "mkvlefpqil")
        assert message(tmp_path, text).startswith("record 'NC_000001.2': looks like protein")

    @pytest.mark.parametrize("mark", ["     source", "     CDS             50", "       61 acgt"])
    def test_truncated(self, tmp_path: Path, mark: str) -> None:
        assert message(tmp_path, NCBI + NCBI[: NCBI.index(mark)]).startswith(
            "malformed GenBank file, after record 'NC_000001.2'"
        )

    def test_location(self, tmp_path: Path) -> None:
        assert message(tmp_path, NCBI.replace("50..58", "50...x58")).startswith(
            "record 'NC_000001.2': the location of CDS 'EX_7' is malformed"
        )

    def test_qualifier(self, tmp_path: Path) -> None:
        assert message(tmp_path, NCBI.replace("transl_table=4", "transl_table=four")).startswith(
            "record 'NC_000001.2': CDS 'EX_1': "
        )

    def test_same_id(self, tmp_path: Path) -> None:
        assert "a contig 'NC_000001.2' came before" in message(tmp_path, NCBI + NCBI)
        ids = UniqueIds()
        ids.add("NC_000001.2", "y.fna")
        with pytest.raises(InputError, match="came before"):
            list(read_flatfile(tmp_path / "x.gb", ids))

    @pytest.mark.parametrize("text", ["", "\n\n"])
    def test_empty(self, tmp_path: Path, text: str) -> None:
        assert message(tmp_path, text) == "is empty"

    def test_other_format(self, tmp_path: Path) -> None:
        expected = "has sequences (FASTA); a GenBank or EMBL file is needed"
        assert message(tmp_path, ">a\nACGT\n") == expected


def write(genome: list[tuple[Contig, list[tuple[CodingSequence, str]]]]) -> str:
    handle = io.StringIO()
    writer = GenBankWriter(handle, "1.2.3", "prok", "31-DEC-2025")
    for contig, genes in genome:
        writer.write(contig, genes)
    return handle.getvalue()


def test_written_genes_translate_in_biopython() -> None:
    """Real genes, one across the origin of the contig when it is called circular."""
    contig, *_ = read_fasta(DATA / "ecoli.fna")
    contig = replace(contig, circular=True)
    genes = [replace(g, genetic_code=11) for g in read_gff(DATA / "prodigal.gff")[contig.id]]
    last = max(g for g in range(len(genes)) if not (genes[g].partial5 or genes[g].partial3))
    # Turn the contig so that its last complete gene lies across the origin.
    turn = genes[last].start + 100
    sequence = contig.sequence[turn:] + contig.sequence[:turn]
    n = len(sequence)
    crossing = replace(genes[last], parts=((n - 100, n), (0, len(genes[last]) - 100)), id="over")
    genes[:last] = [
        replace(g, parts=((g.start - turn + n, g.end - turn + n),)) for g in genes[:last]
    ]
    genes = [g for g in genes[:last] if not (g.partial5 or g.partial3)] + [crossing]

    def protein(gene: CodingSequence) -> str:
        bases = "".join(chr(sequence[i]) for i in sorted(gene))
        if gene is crossing:
            bases = (sequence[-100:] + sequence[: gene.end]).decode()
        seq = Seq(bases)
        return str((seq if gene.strand > 0 else seq.reverse_complement()).translate(11, cds=True))

    proteins = [protein(gene) for gene in genes]
    assert len(proteins) >= 3
    pairs = [(gene, p + "*") for gene, p in zip(genes, proteins, strict=True)]
    text = write([(replace(contig, sequence=sequence), pairs)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        record = SeqIO.read(io.StringIO(text), "genbank")
    assert (record.id, record.seq) == (contig.id, sequence.decode())
    assert record.annotations["topology"] == "circular"
    features = [f for f in record.features if f.type == "CDS"]
    assert [f.qualifiers["translation"][0] for f in features] == proteins
    assert [str(f.extract(record.seq).translate(11, cds=True)) for f in features] == proteins
    assert [f.qualifiers["locus_tag"][0] for f in features] == [gene.id for gene in genes]


def test_written_text() -> None:
    long = "NODE_1_length_123456_cov_12.345678_and_more"
    genes = [
        CodingSequence(
            long, ((0, 20),), -1, 2, partial5=True, partial3=True, id="a_1", posterior=0.25
        ),
        CodingSequence(
            long, ((60, 65), (0, 4)), 1, id='b"2', genetic_code=11, start_posterior=0.75
        ),
    ]
    contig = Contig(long, b"ACGTN" * 13, "word " * 20)
    lines = write([(contig, [(genes[0], "M" * 50), (genes[1], "MK*")])]).splitlines()
    assert lines[0] == f"LOCUS       {long}          65 bp    DNA     linear   UNK 31-DEC-2025"
    assert lines[1:3] == ["DEFINITION  " + " ".join(["word"] * 13), " " * 12 + "word " * 6 + "word"]
    assert lines[lines.index("FEATURES             Location/Qualifiers") + 1 :] == [
        "     source          1..65",
        '                     /mol_type="genomic DNA"',
        "     CDS             complement(<1..>20)",
        '                     /locus_tag="a_1"',
        '                     /inference="ab initio prediction:dnatag:1.2.3"',
        "                     /codon_start=3",
        '                     /note="posterior 0.2500"',
        '                     /translation="' + "M" * 44,
        "                     " + "M" * 6 + '"',
        "     CDS             join(61..65,1..4)",
        '                     /locus_tag="b""2"',
        '                     /inference="ab initio prediction:dnatag:1.2.3"',
        "                     /codon_start=1",
        "                     /transl_table=11",
        '                     /note="start posterior 0.7500"',
        '                     /translation="MK"',
        "ORIGIN",
        "        1 acgtnacgtn acgtnacgtn acgtnacgtn acgtnacgtn acgtnacgtn acgtnacgtn",
        "       61 acgtn",
        "//",
    ]


@st.composite
def genes(draw: st.DrawFn, contig: str, length: int) -> CodingSequence:
    start = draw(st.integers(0, length - 1))
    end = draw(st.integers(1, length))
    across = end <= start
    parts = ((start, length), (0, end)) if across else ((start, end),)
    return CodingSequence(
        contig,
        parts,
        draw(st.sampled_from([1, -1])),
        phase=draw(st.integers(0, 2)),
        partial5=draw(st.booleans()),
        partial3=draw(st.booleans()),
        genetic_code=draw(st.integers(1, 33)),
        id=draw(st.text("abc_019|.-", min_size=1, max_size=90)),
    )


@st.composite
def genomes(draw: st.DrawFn) -> list[tuple[Contig, list[tuple[CodingSequence, str]]]]:
    genome = []
    words = st.text("abcNODE_019|.", min_size=1, max_size=60)
    for id in draw(st.lists(words, min_size=1, max_size=3, unique=True)):
        sequence = draw(st.text("ACGTRYN", min_size=3, max_size=200)).encode()
        description = draw(st.text("abc ,;[]=", max_size=200).map(lambda s: " ".join(s.split())))
        contig = Contig(id, sequence, description, draw(st.booleans()))
        proteins = st.tuples(genes(id, len(sequence)), st.text("ACDEFGHIKLM", max_size=99))
        genome.append((contig, draw(st.lists(proteins, max_size=4))))
    return genome


@settings(max_examples=30, deadline=None)
@given(genomes())
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    genome: list[tuple[Contig, list[tuple[CodingSequence, str]]]],
) -> None:
    result = read(tmp_path_factory.mktemp("genbank"), write(genome))
    assert [
        (replace(contig, description=""), contig.description.rstrip("."), genes)
        for contig, genes in result
    ] == [
        (replace(contig, description=""), contig.description, [gene for gene, _ in genes])
        for contig, genes in genome
    ]

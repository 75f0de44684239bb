from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.errors import InputError
from dnatag.formats.sequences.gff import parse_gff, read_gff
from dnatag.formats.sequences.gff_writer import GffWriter
from dnatag.formats.sequences.records import Annotation, CodingSequence, Contig

DATA = Path(__file__).parents[2] / "data" / "formats"


def parse(*rows: str) -> Annotation:
    return parse_gff([row.replace(" ", "\t", 8) + "\n" for row in rows], "x.gff")


def one(*rows: str) -> CodingSequence:
    (genes,) = parse(*rows).values()
    (gene,) = genes
    return gene


class TestRealFiles:
    def test_ncbi(self) -> None:
        annotation = read_gff(DATA / "ncbi_origin.gff")
        assert annotation.lengths == {"NC_011586.2": 4055148}
        assert {contig: len(genes) for contig, genes in annotation.items()} == {
            "NC_011586.2": 9,
            "NC_011585.2": 1,
        }
        genes = {gene.id: gene for gene in annotation["NC_011586.2"]}
        assert genes["cds1"] == CodingSequence(
            "NC_011586.2", ((265, 1498),), -1, genetic_code=11, id="cds1"
        )
        assert genes["cds10"].pseudo
        # A frameshift: the shared base is translated twice.
        assert genes["cds550"].parts == ((588044, 588585), (588584, 589135))
        assert genes["cds545"].parts == ((584366, 584917), (584916, 585457))
        origin = genes["cds3825"]
        assert origin.parts == ((4055024, 4055148), (0, 86))
        assert len(origin) % 3 == 0
        assert next(iter(origin)) == 85  # minus strand: begins behind the origin

    def test_partial_without_range_in_the_middle(self) -> None:
        (gene,) = (g for g in read_gff(DATA / "ncbi_origin.gff")["NC_011586.2"] if g.id == "cds103")
        assert (gene.partial5, gene.partial3) == (True, True)

    def test_gtf_with_the_stop_codon_in_the_cds(self) -> None:
        annotation = read_gff(DATA / "genemark_es.gtf")
        genes = annotation["2L:1-3000000"]
        assert [(gene.id, gene.strand, len(gene.parts)) for gene in genes] == [
            ("1_t", -1, 4),
            ("11_t", 1, 4),
        ]
        assert (genes[0].start, genes[0].end) == (2571649, 2573009)
        assert (genes[1].start, genes[1].end) == (2653146, 2655333)
        assert len(genes[1]) % 3 == 0

    def test_augustus(self) -> None:
        genes = read_gff(DATA / "augustus.gff")["chr2R"]
        assert genes[0].id == "g1.t1"
        assert genes[0].parts == (
            (7007609, 7008630),
            (7008694, 7008811),
            (7008865, 7009191),
            (7009251, 7009353),
        )

    def test_prodigal(self) -> None:
        annotation = read_gff(DATA / "prodigal.gff")
        assert {contig: len(genes) for contig, genes in annotation.items()} == {
            "NC_000913.3": 7,
            "NODE_2|x": 2,
        }
        first = annotation["NC_000913.3"][0]
        assert (first.parts, first.strand, first.id) == (((2, 188),), -1, "1_1")
        assert (first.partial5, first.partial3) == (False, True)


class TestJoining:
    def test_rows_of_one_id_in_any_order(self) -> None:
        gene = one("c s CDS 31 45 . + 2 ID=a", "c s CDS 10 19 . + 0 ID=a")
        assert gene.parts == ((9, 19), (30, 45))
        assert gene.phase == 0

    def test_phase_of_a_reverse_gene_is_that_of_its_last_part(self) -> None:
        assert one("c s CDS 10 19 . - 1 ID=a", "c s CDS 31 45 . - 2 ID=a").phase == 2

    def test_same_id_on_two_contigs_and_a_repeated_row(self) -> None:
        row = "c s CDS 1 9 . + 0 ID=1_1"
        annotation = parse(row, row, row.replace("c", "d", 1))
        assert [gene.parts for genes in annotation.values() for gene in genes] == [((0, 9),)] * 2

    def test_without_id_the_parent_joins(self) -> None:
        row = "c s CDS {} {} . + 0 Parent={}"
        annotation = parse(row.format(1, 3, "t"), row.format(7, 9, "t,u"), row.format(4, 6, "u"))
        assert [(g.id, g.parts) for g in annotation["c"]] == [
            ("t", ((0, 3), (6, 9))),
            ("u", ((3, 6), (6, 9))),
        ]

    def test_neither_id_nor_parent(self) -> None:
        annotation = parse(
            "c s CDS 1 3 . + 0 .", "c s CDS 4 6 . + 0 locus_tag=b", "c s CDS 7 9 . + 0"
        )
        assert [gene.id for gene in annotation["c"]] == ["", "b", ""]

    def test_both_strands_are_an_exception(self) -> None:
        assert one("c s CDS 1 3 . + 0 ID=a", "c s CDS 7 9 . - 0 ID=a").exception

    def test_gtf_stop_codon_outside_the_cds(self) -> None:
        attributes = 'gene_id "g"; transcript_id "t";'
        assert one(
            f"c s CDS 1 9 . + 0 {attributes}", f"c s stop_codon 10 12 . + 0 {attributes}"
        ).parts == ((0, 12),)
        assert one(
            f"c s stop_codon 7 9 . - 0 {attributes}",
            f"c s CDS 10 18 . - 0 {attributes}",
            f"c s CDS 30 38 . - 0 {attributes}",
        ).parts == ((6, 18), (29, 38))

    def test_gtf_stop_codon_split_by_an_intron(self) -> None:
        attributes = 'gene_id "g"; transcript_id "t";'
        assert one(
            f"c s CDS 1 8 . + 0 {attributes}",
            f"c s stop_codon 9 9 . + 0 {attributes}",
            f"c s stop_codon 20 21 . + 2 {attributes}",
        ).parts == ((0, 9), (19, 21))

    def test_ncbi_gtf_without_transcripts(self) -> None:
        row = 'c s CDS {} . + 0 gene_id "g"; transcript_id ""; protein_id "{}"; note "a; b";'
        genes = parse(row.format("1 9", "p"), row.format("4 9", "q"))["c"]
        assert [(gene.id, gene.start) for gene in genes] == [("p", 0), ("q", 3)]


class TestOrigin:
    REGION = "##sequence-region c 1 100"

    @pytest.mark.parametrize("strand", "+-")
    def test_two_rows(self, strand: str) -> None:
        rows = [f"c s CDS 1 20 . {strand} . ID=a", f"c s CDS 91 100 . {strand} . ID=a"]
        assert one(self.REGION, *rows).parts == ((90, 100), (0, 20))
        assert one(self.REGION, *rows[::-1]).parts == ((90, 100), (0, 20))

    def test_phases_separate_introns_from_the_origin(self) -> None:
        rows = ["c s CDS 1 20 . + 0 ID=a", "c s CDS 92 100 . + 1 ID=a"]
        assert one(self.REGION, *rows).parts == ((0, 20), (91, 100))

    def test_length_of_the_contig_from_other_rows(self) -> None:
        rows = ["c s CDS 1 20 . + 1 ID=a", "c s CDS 91 101 . + 0 ID=a"]
        assert one(*rows).parts == ((90, 101), (0, 20))
        gene, _ = parse(*rows, "c s CDS 102 104 . + . ID=b")["c"]
        assert gene.parts == ((0, 20), (90, 101))
        rows = ["c s CDS 1 20 . + . ID=a", "c s CDS 91 101 . + . ID=a"]
        assert one(*rows).parts == ((0, 20), (90, 101))

    @pytest.mark.parametrize(
        ("span", "parts"),
        [("91 120", ((90, 100), (0, 20))), ("101 120", ((0, 20),)), ("91 100", ((90, 100),))],
    )
    def test_one_row_beyond_the_end(self, span: str, parts: tuple[tuple[int, int], ...]) -> None:
        rows = [f"c s CDS {span} . + 0 ID=a", "c s region 1 100 . + . ID=r;Is_circular=true"]
        annotation = parse(*rows)
        assert annotation["c"][0].parts == parts
        assert annotation.circular == {"c"}
        assert annotation.lengths == {"c": 100}

    def test_not_circular(self) -> None:
        assert one(self.REGION, "c s CDS 91 120 . + 0 ID=a").parts == ((90, 120),)


class TestMarks:
    @pytest.mark.parametrize(
        ("attributes", "pseudo"),
        [
            ("ID=a;pseudo=true", True),
            ("ID=a;pseudo=false", False),
            ("ID=a;pseudogene=unknown", True),
            ("ID=a;gene_biotype=pseudogene", True),
            ("ID=a;gene_biotype=protein_coding", False),
            ('gene_id "g"; transcript_id "t"; pseudo "true";', True),
            ('gene_id "g"; transcript_id "t"; gene_biotype "polymorphic_pseudogene"', True),
        ],
    )
    def test_pseudo(self, attributes: str, pseudo: bool) -> None:
        assert one(f"c s CDS 1 9 . + 0 {attributes}").pseudo is pseudo

    @pytest.mark.parametrize(
        "parent",
        [
            "gene 1 9 . + . ID=g;pseudo=true",
            "gene 1 9 . + . ID=g;gene_biotype=pseudogene",
            "pseudogene 1 9 . + . ID=g",
        ],
    )
    def test_below_a_pseudogene(self, parent: str) -> None:
        rows = ["c s CDS 1 9 . + 0 ID=a;Parent=t", "c s mRNA 1 9 . + . ID=t;Parent=g"]
        assert one(*rows, f"c s {parent}").pseudo
        assert not one(*rows, "c s gene 1 9 . + . ID=g").pseudo

    def test_gtf_gene_row(self) -> None:
        row = 'c s {} 1 9 . + 0 gene_id "g"; transcript_id "{}"; {}'
        gene = row.format("gene", "", 'gene_biotype "pseudogene";')
        assert one(gene, row.format("CDS", "t", "")).pseudo

    @pytest.mark.parametrize(
        ("attributes", "left", "right"),
        [
            ("partial=true;start_range=.,1", True, False),
            ("partial=true;end_range=9,.", False, True),
            ("partial=true;start_range=.,1;end_range=9,.", True, True),
            ("partial=10", True, False),
            ("partial=01", False, True),
            ("partial=11", True, True),
            ("partial=00", False, False),
            ("partial=false", False, False),
        ],
    )
    @pytest.mark.parametrize("strand", "+-")
    def test_partial(self, attributes: str, left: bool, right: bool, strand: str) -> None:
        gene = one(f"c s CDS 50 58 . {strand} 0 ID=a;{attributes}")
        expected = (left, right) if strand == "+" else (right, left)
        assert (gene.partial5, gene.partial3) == expected

    @pytest.mark.parametrize(("span", "ends"), [("3 50", "5"), ("51 98", "3"), ("2 99", "53")])
    def test_partial_at_the_contig_ends(self, span: str, ends: str) -> None:
        gene = one("##sequence-region c 1 100", f"c s CDS {span} . + 0 ID=a;partial=true")
        assert (gene.partial5, gene.partial3) == ("5" in ends, "3" in ends)

    def test_ensembl_partial(self) -> None:
        tags = 'tag "basic"; tag "cds_end_NF"'
        gene = one(f'c s CDS 1 9 . - 0 gene_id "g"; transcript_id "t"; {tags}')
        assert (gene.partial5, gene.partial3) == (False, True)

    @pytest.mark.parametrize(
        "attribute",
        [
            "transl_except=(pos:4..6%2Caa:Sec)",
            "exception=ribosomal slippage",
            "ribosomal_slippage=",
        ],
    )
    def test_exception(self, attribute: str) -> None:
        assert one(f"c s CDS 1 9 . + 0 ID=a;{attribute}").exception

    def test_genetic_code_and_decoding(self) -> None:
        gene = one("a%20b s CDS 1 9 . + 0 ID=x%3By;transl_table=4")
        assert (gene.contig, gene.id, gene.genetic_code) == ("a b", "x;y", 4)


CAT = (
    "##gff-version 3",
    "c1 x CDS 1 9 . + 0 ID=g1",
    "##FASTA",
    ">c1",
    "ACGT",
)


class TestFilesBehindEachOther:
    """Each has its sequences at its end."""

    @pytest.mark.parametrize("sequences", ["##FASTA", "##FASTA  ", ">c1"])
    @pytest.mark.parametrize("second", [["##gff-version 3"], ["##sequence-region c2 1 99"], []])
    def test_all_genes_count(self, sequences: str, second: list[str]) -> None:
        rows = [row if row != "##FASTA" else sequences for row in CAT]
        genes = parse(*rows, *second, "c2 x CDS 1 9 . + 0 ID=g1", *rows[2:])
        assert {contig: len(found) for contig, found in genes.items()} == {"c1": 1, "c2": 1}

    @pytest.mark.parametrize("comment", ["##FASTA-like things follow", "##FASTA: none", "##FASTAs"])
    def test_comments_that_begin_like_a_directive(self, comment: str) -> None:
        assert len(parse(comment, CAT[1])["c1"]) == 1
        assert parse("##sequence-regions c1 1 99", CAT[1]).lengths == {}


NINES = 5000 * "9"


class TestMalformed:
    @pytest.mark.parametrize(
        ("row", "words"),
        [
            (
                "c s CDS 9" + 5000 * "9" + " 9 . + 0",
                "start and end are numbers, not '" + 20 * "9" + "' and '9'",
            ),
            (
                "c s CDS 1 9000000000000 . + 0",
                "start and end are numbers, not '1' and '9000000000000'",
            ),
            (
                "c s CDS 1 9 . + 0 transl_table=" + 5000 * "1",
                "transl_table is a number, not '" + 20 * "1" + "'",
            ),
            ("c s CDS 1 9", "GFF rows have 9 columns with tabs between, not 5"),
            ("c s CDS one 9 . + 0 ID=a", "start and end are numbers, not 'one' and '9'"),
            ("c s CDS 0 9 . + 0 ID=a", "start 0 is before the first base, 1"),
            ("c s CDS 10 9 . + 0 ID=a", "end 9 is before start 10"),
            ("c s CDS 1 9 . . 0 ID=a", "the strand of a CDS is + or -, not '.'"),
            ("c s CDS 1 9 . + 3 ID=a", "the phase of a CDS is 0, 1 or 2, not '3'"),
            ("c s CDS 1 9 . + 0 ID=a;transl_table=x", "transl_table is a number, not 'x'"),
        ],
    )
    def test_row(self, row: str, words: str) -> None:
        with pytest.raises(InputError) as caught:
            parse("##gff-version 3", "", row)
        assert str(caught.value) == f"x.gff: line 3: {words}"

    def test_empty_file(self) -> None:
        with pytest.raises(InputError, match=r"x\.gff: is empty"):
            parse()

    def test_no_rows_are_no_error(self) -> None:
        assert parse("##gff-version 3", "##sequence-region c 1 9").lengths == {"c": 9}

    @pytest.mark.parametrize("mark", ["##FASTA", ">c"])
    def test_sequences_are_not_read(self, mark: str) -> None:
        assert parse("c s CDS 1 9 . + 0 ID=a", mark, "ACGT")["c"]


def predicted(contig: str, length: int, circular: bool) -> st.SearchStrategy[CodingSequence]:
    """Genes as a model may give them."""

    @st.composite
    def gene(draw: st.DrawFn) -> CodingSequence:
        start = draw(st.integers(0, length - 1))
        size = draw(st.integers(1, length - 1 if circular else length - start))
        parts = ((start, start + size),)
        if start + size > length:
            parts = ((start, length), (0, start + size - length))  # type: ignore[assignment]
        return CodingSequence(
            contig,
            parts,
            draw(st.sampled_from([1, -1])),
            phase=draw(st.integers(0, 2)),
            partial5=draw(st.booleans()),
            partial3=draw(st.booleans()),
            genetic_code=draw(st.integers(1, 33)),
            posterior=draw(st.floats(0, 1)),
            start_posterior=draw(st.none() | st.floats(0, 1)),
        )

    return gene()


names = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=10)


@st.composite
def genomes(draw: st.DrawFn) -> list[tuple[Contig, list[CodingSequence]]]:
    genome = []
    for id in draw(st.lists(names, min_size=1, max_size=4, unique=True)):
        circular = draw(st.booleans())
        contig = Contig(id, b"A" * draw(st.integers(5, 300)), "", circular or None)
        genes = draw(st.lists(predicted(id, len(contig), circular), max_size=5))
        numbered = [
            CodingSequence(**{**as_dict(gene), "id": f"{id}_{i}"}) for i, gene in enumerate(genes)
        ]
        genome.append((contig, numbered))
    return genome


def as_dict(gene: CodingSequence) -> dict[str, object]:
    return {name: getattr(gene, name) for name in CodingSequence.__dataclass_fields__}


def without_posteriors(gene: CodingSequence) -> CodingSequence:
    return CodingSequence(**{**as_dict(gene), "posterior": None, "start_posterior": None})  # type: ignore[arg-type]


def write(genome: list[tuple[Contig, list[CodingSequence]]]) -> str:
    handle = io.StringIO()
    writer = GffWriter(handle, "1.2.3", "prok", "dnatag predict a.fna\n-o x")
    for contig, genes in genome:
        writer.write(contig, genes)
    return handle.getvalue()


@settings(max_examples=30, deadline=None)
@given(genomes())
def test_round_trip(genome: list[tuple[Contig, list[CodingSequence]]]) -> None:
    text = write(genome)
    annotation = parse_gff(io.StringIO(text, newline="\n"), "x.gff")
    assert annotation.lengths == {contig.id: len(contig) for contig, _ in genome}
    assert annotation.circular == {contig.id for contig, _ in genome if contig.circular}
    assert annotation == {
        contig.id: [without_posteriors(gene) for gene in genes] for contig, genes in genome if genes
    }


GENOME = [
    (
        Contig("NC_1.1", b"ACGT" * 300, circular=True),
        [
            CodingSequence("NC_1.1", ((2, 302),), 1, id="a_1", posterior=0.98765, genetic_code=11),
            CodingSequence(
                "NC_1.1",
                ((1150, 1200), (0, 40)),
                -1,
                id="a_2",
                start_posterior=0.5,
                alternative_starts=((36, 0.25), (33, 0.125)),
            ),
        ],
    ),
    (
        Contig("NODE 1;x=2,%~é>", b"ACGT" * 300),
        [
            CodingSequence("-", ((0, 301),), 1, 1, partial5=True, id="x;=,%_1", posterior=1.0),
            CodingSequence("-", ((0, 302),), -1, 0, partial3=True, id="x;=,%_2", posterior=0.0),
            CodingSequence("-", ((898, 1200),), -1, 2, partial5=True, id="x;=,%_3"),
        ],
    ),
    (Contig("empty", b"ACGT"), []),
]


def test_written_rows() -> None:
    assert write(GENOME).splitlines() == [
        "##gff-version 3",
        "#!processor dnatag 1.2.3",
        "#!model prok",
        "#!command dnatag predict a.fna -o x",
        "##sequence-region NC_1.1 1 1200",
        "NC_1.1\tdnatag\tregion\t1\t1200\t.\t+\t.\tID=NC_1.1:1..1200;Is_circular=true",
        "NC_1.1\tdnatag\tCDS\t3\t302\t0.9877\t+\t0\tID=a_1;transl_table=11",
        "NC_1.1\tdnatag\tCDS\t1151\t1240\t.\t-\t0\tID=a_2;start_posterior=0.5000;"
        "alternative_starts=37:0.2500,34:0.1250",
        "##sequence-region NODE%201%3Bx%3D2%2C%25%7E%C3%A9%3E 1 1200",
        "NODE%201%3Bx%3D2%2C%25%7E%C3%A9%3E\tdnatag\tCDS\t1\t301\t1.0000\t+\t1\t"
        "ID=x%3B%3D%2C%25_1;partial=true;start_range=.,1",
        "NODE%201%3Bx%3D2%2C%25%7E%C3%A9%3E\tdnatag\tCDS\t1\t302\t0.0000\t-\t0\t"
        "ID=x%3B%3D%2C%25_2;partial=true;start_range=.,1",
        "NODE%201%3Bx%3D2%2C%25%7E%C3%A9%3E\tdnatag\tCDS\t899\t1200\t.\t-\t2\t"
        "ID=x%3B%3D%2C%25_3;partial=true;end_range=1200,.",
        "##sequence-region empty 1 4",
    ]


def test_rows_of_a_joined_gene_have_their_own_phases() -> None:
    gene = CodingSequence("c", ((0, 10), (20, 31), (40, 49)), -1, id="a")
    rows = [line.split("\t") for line in write([(Contig("c", b"A" * 49), [gene])]).splitlines()]
    assert [row[7] for row in rows if len(row) == 9] == ["1", "0", "0"]


@pytest.mark.skipif(shutil.which("gt") is None, reason="needs GenomeTools")
@pytest.mark.parametrize("genome", [GENOME, GENOME[2:]])
def test_valid_for_genometools(
    tmp_path: Path, genome: list[tuple[Contig, list[CodingSequence]]]
) -> None:
    path = tmp_path / "x.gff3"
    path.write_text(write(genome), encoding="utf-8")
    result = subprocess.run(
        ["gt", "gff3validator", str(path)], capture_output=True, text=True, check=False
    )
    assert (result.stdout, result.returncode) == ("input is valid GFF3\n", 0), result.stderr

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from dnatag.errors import InputError
from dnatag.formats.sequences.annotation import read_annotated_genome, read_annotation
from dnatag.formats.sequences.prodigal import parse_prodigal

DATA = Path(__file__).parents[2] / "data" / "formats"
GENBANK = """\
LOCUS       a                         12 bp    DNA     circular BCT 01-JAN-2020
ACCESSION   a
VERSION     a.1
FEATURES             Location/Qualifiers
     CDS             join(10..12,1..3)
                     /locus_tag="x"
ORIGIN
        1 acgtacgtac gt
//
"""
WITHOUT_SEQUENCE = GENBANK.partition("ORIGIN")[0] + "CONTIG      join(X1.1:1..12)\n//\n"
GFF = "a.1\ts\tCDS\t{}\t{}\t.\t+\t0\tID=x\n"


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "a.fna"
    path.write_text(">a.1 one\nACGTACGTACGT\n>b\nACGT\n")
    return path


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "annotation"
    path.write_text(text)
    return path


class TestProdigal:
    """Outputs of Prodigal 2.6.3 for ecoli.fna in three formats."""

    def test_gbk_is_the_gff(self) -> None:
        gbk, gff = (read_annotation(DATA / f"prodigal.{kind}") for kind in ("gbk", "gff"))
        assert gbk.lengths == {"NC_000913.3": 6000, "NODE_2|x": 3000, "short": 10}
        assert sum(map(len, gbk.values())) == 9

        def essence(annotation: object) -> object:
            return [
                (g.contig, g.id, g.parts, g.strand, g.partial5, g.partial3)
                for genes in annotation.values()  # type: ignore[attr-defined]
                for g in genes
            ]

        assert essence(gbk) == essence(gff)
        assert {g.genetic_code for genes in gbk.values() for g in genes} == {11}

    def test_sco_has_the_same_coordinates(self) -> None:
        gbk, sco = (read_annotation(DATA / f"prodigal.{kind}") for kind in ("gbk", "sco"))
        assert sco.lengths == gbk.lengths
        assert {c: [(g.parts, g.strand, g.id) for g in genes] for c, genes in sco.items()} == {
            c: [(g.parts, g.strand, g.id.partition("_")[2]) for g in genes]
            for c, genes in gbk.items()
        }

    @pytest.mark.parametrize(
        "line",
        [
            ">1_2_x_+",
            ">1_2_" + 5000 * "9" + "_+",
            ">1_9_2_+",
            "     CDS             complement(2..",
            ">1_0_9_+",
        ],
    )
    def test_malformed(self, line: str) -> None:
        head = '# Sequence Data: seqnum=1;seqlen=9;seqhdr="c d"'
        with pytest.raises(InputError, match=r"^x: line 2: malformed line of Prodigal: "):
            parse_prodigal([head, line], "x")

    def test_no_header(self) -> None:
        with pytest.raises(InputError, match="line 1: malformed"):
            parse_prodigal([">1_2_9_+"], "x")


class TestFormats:
    def test_genbank(self, tmp_path: Path) -> None:
        annotation = read_annotation(write(tmp_path, GENBANK))
        assert annotation["a.1"][0].parts == ((9, 12), (0, 3))
        assert (annotation.lengths, annotation.circular) == ({"a.1": 12}, {"a.1"})

    def test_genbank_without_sequence(self, tmp_path: Path) -> None:
        annotation = read_annotation(write(tmp_path, WITHOUT_SEQUENCE))
        assert annotation.lengths == {"a.1": 12}
        assert len(annotation["a.1"]) == 1

    @pytest.mark.parametrize("kind", ["gff", "gbk", "sco"])
    def test_compressed_standard_input(self, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
        data = io.BytesIO(gzip.compress((DATA / f"prodigal.{kind}").read_bytes()))
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(data)))  # type: ignore[type-var]
        annotation = read_annotation("-")
        assert {c: len(g) for c, g in annotation.items()} == {"NC_000913.3": 7, "NODE_2|x": 2}

    def test_fasta(self, fasta: Path) -> None:
        with pytest.raises(InputError, match=r"a\.fna: has sequences \(FASTA\); annotations are"):
            read_annotation(fasta)

    def test_unknown(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="annotation: is of an unknown format; annotations"):
            read_annotation(write(tmp_path, "hello\n"))

    def test_empty(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="annotation: is empty"):
            read_annotation(write(tmp_path, "\n"))

    def test_truncated(self, tmp_path: Path) -> None:
        path = tmp_path / "x.gff"
        path.write_bytes(gzip.compress((DATA / "prodigal.gff").read_bytes())[:-20])
        with pytest.raises(InputError, match="gzip data is truncated"):
            read_annotation(path)


class TestGenomes:
    def test_fasta_and_gff(self) -> None:
        genome = read_annotated_genome(DATA / "ecoli.fna", DATA / "prodigal.gff")
        assert [(c.id, len(c), len(genes)) for c, genes in genome] == [
            ("NC_000913.3", 6000, 7),
            ("NODE_2|x", 3000, 2),
            ("short", 10, 0),
        ]

    def test_flat_file(self, tmp_path: Path) -> None:
        ((contig, genes),) = read_annotated_genome(write(tmp_path, GENBANK))
        assert (contig.id, contig.sequence, contig.circular) == ("a.1", b"ACGTACGTACGT", True)
        assert len(genes) == 1

    def test_circular_by_the_annotation(self, tmp_path: Path, fasta: Path) -> None:
        text = "a.1\ts\tregion\t1\t12\t.\t+\t.\tIs_circular=true\n" + GFF.format(10, 15)
        (contig, (gene,)), (other, _) = read_annotated_genome(fasta, write(tmp_path, text))
        assert (contig.circular, other.circular) == (True, None)
        assert gene.parts == ((9, 12), (0, 3))

    def test_circular_by_the_header(self, tmp_path: Path) -> None:
        path = tmp_path / "c.fna"
        path.write_text(">a.1 circular=true\nACGTACGTACGT\n")
        ((_, (gene,)),) = read_annotated_genome(path, write(tmp_path, GFF.format(10, 15)))
        assert gene.parts == ((9, 12), (0, 3))

    def test_beyond_the_end(self, tmp_path: Path, fasta: Path) -> None:
        annotation = write(tmp_path, GFF.format(10, 15))
        with pytest.raises(InputError) as caught:
            read_annotated_genome(fasta, annotation)
        assert str(caught.value) == (
            f"{annotation}: CDS 'x' ends at 15 on contig 'a.1', which has only 12 bp; is the "
            "annotation of another version of the genome?"
        )

    def test_other_ids(self, tmp_path: Path, fasta: Path) -> None:
        annotation = write(tmp_path, GFF.format(1, 3).replace("a.1", "chr1"))
        with pytest.raises(InputError) as caught:
            read_annotated_genome(fasta, annotation)
        assert str(caught.value) == (
            f"{annotation}: annotates contig 'chr1', which is not in {fasta} (there: 'a.1'); "
            "both must name the contigs alike"
        )

    def test_without_cds(self, tmp_path: Path, fasta: Path) -> None:
        annotation = write(tmp_path, GFF.format(1, 3).replace("CDS", "tRNA"))
        with pytest.raises(InputError, match="annotation: has no CDS"):
            read_annotated_genome(fasta, annotation)
        genbank = write(tmp_path, GENBANK.replace("CDS ", "tRNA"))
        with pytest.raises(InputError, match="annotation: has no CDS"):
            read_annotated_genome(genbank)

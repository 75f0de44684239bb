from __future__ import annotations

import io
from pathlib import Path

import pytest
from Bio import SeqIO
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.errors import InputError
from dnatag.formats.sequences.fasta import UniqueIds, fasta_files, read_fasta, write_fasta
from dnatag.formats.sequences.records import Contig

DATA = Path(__file__).parents[2] / "data" / "formats"
LETTERS = "ACGTURYSWKMBDHVNacgturyswkmbdhvn"


def read(tmp_path: Path, data: bytes) -> list[Contig]:
    path = tmp_path / "x.fna"
    path.write_bytes(data)
    return list(read_fasta(path))


def message(tmp_path: Path, data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        read(tmp_path, data)
    text = str(caught.value)
    assert text.startswith(f"{tmp_path}/x.fna: ")
    assert "\n" not in text
    return text.removeprefix(f"{tmp_path}/x.fna: ")


def test_real_file_against_biopython() -> None:
    path = DATA / "ecoli.fna"
    expected = [(r.id, str(r.seq).encode(), r.description) for r in SeqIO.parse(path, "fasta")]
    contigs = list(read_fasta(path))
    assert [(c.id, c.sequence, f"{c.id} {c.description}".strip()) for c in contigs] == expected
    assert [len(c) for c in contigs] == [6000, 3000, 10]


def test_untidy_but_legal(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf\r\n \n>a  first \tone\r\nacgt\r\n\r\nNNry UU\r\n>b\nA\nC\n\n\n>c\nG"
    assert read(tmp_path, data) == [
        Contig("a", b"acgtNNryUU", "first \tone"),
        Contig("b", b"AC"),
        Contig("c", b"G"),
    ]


@pytest.mark.parametrize(
    ("header", "circular"),
    [
        ("a", None),
        ("a topology=circular", True),
        ("a [organism=E. coli] [topology=circular] [completeness=complete]", True),
        ("a [topology=linear]", False),
        ("1 length=5386 depth=1.00x circular=true", True),
        ("1 length=5386 depth=1.00x circular=false", False),
        ("c circular=Y", True),
        ("NODE_1_length_5000_cov_9.5_cutoff_5_type_circular", True),
        ("NODE_1_length_5000_cov_9.5_type_linear", False),
        ("x Escherichia phage phiX174, complete genome, circular", True),
        ("x Porcine circovirus 2, complete genome", None),
        ("circular_consensus_read_7", None),
        ("c1 complete genome of a chromosome, from circular consensus reads", None),
        ("c1 complete genome, circular consensus reads", None),
        ("c1 complete genome, not circular", None),
        ("c1 complete assembly; circular; 3 kb", True),
        ("c1 non-circular=true", None),
        ("c1 topology=circular_consensus", None),
    ],
)
def test_topology(tmp_path: Path, header: str, circular: bool | None) -> None:
    assert read(tmp_path, f">{header}\nACGT\n".encode())[0].circular is circular


@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\n"])
def test_empty_file(tmp_path: Path, data: bytes) -> None:
    assert message(tmp_path, data) == "is empty"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"ACGT\n>a\nACGT\n", "is not FASTA: it begins with 'ACGT', not with '>'"),
        (b"@read1\nACGT\n+\nIIII\n", "is not FASTA: it has reads (FASTQ); convert them to FASTA"),
        (b"LOCUS       NC_1 5 bp\n", "is not FASTA: it is a GenBank file"),
        (b"ID   X56734; SV 1;\n", "is not FASTA: it is an EMBL file"),
        (b"##gff-version 3\n", "is not FASTA: it is a GFF or GTF file"),
        (b"PK\x03\x04\x14", "is not FASTA: it is a zip archive or a document"),
        (b"\x00\x01\xfe", "is not FASTA: it is no text"),
    ],
)
def test_not_fasta(tmp_path: Path, data: bytes, words: str) -> None:
    assert message(tmp_path, data).startswith(words)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b">a\nAC\n>b\n>c\nAC\n", "line 3: record 'b' has no sequence"),
        (b"\n\n>a b c\n\n \n", "line 3: record 'a' has no sequence"),
        (b">a\nAC\n>b", "line 3: record 'b' has no sequence"),
        (b">a\nAC\n>\nAC\n", "line 3: the header is empty"),
        (b">a\nAC\n>  \r\nAC\n", "line 3: the header is empty"),
        (b">", "line 1: the header is empty"),
        (b">a 1\nAC\n>b\nA\n>a 2\nG\n", "line 5: a contig 'a' came before"),
        (
            b">a\nACGT\n>p x\nACDG\nMKVLEFTPIQ\n",
            "line 5: record 'p': looks like protein (letter 'L'",
        ),
        (b">a\nACGT\nAC-GT\n", "line 3: record 'a': has gaps ('-')"),
        (b">a\r\nACGT\r\nAC.GT\r\n", "line 3: record 'a': has gaps ('.')"),
        (b">a\n" + b"ACGT\n" * 9 + b"ACXT\n", "line 11: record 'a': illegal letter 'X'"),
        (b">a\n" + b"ACGT\n" * 9 + b"ACET\n", "line 11: record 'a': illegal letter 'E'"),
        (b">a\nAC\x00GT\n", r"line 2: record 'a': illegal letter '\x00'"),
        (b">a\x00b c\nAC\n", "line 1: the id 'a\x00b' has control characters; remove them"),
        (b">a\x1b[31m\nAC\n", "line 1: the id 'a\x1b[31m' has control characters"),
        (
            b">a\nAC>GT\n",
            "line 2: record 'a': a '>' within a line: is a line end missing before it?",
        ),
    ],
)
def test_bad_record(tmp_path: Path, data: bytes, words: str) -> None:
    assert message(tmp_path, data).startswith(words)


def test_records_before_the_bad_one_are_given(tmp_path: Path) -> None:
    path = tmp_path / "x.fna"
    path.write_bytes(b">a\nAC\n>b\nA?\n")
    contigs = read_fasta(path)
    assert next(contigs).id == "a"
    with pytest.raises(InputError, match="line 4: record 'b': illegal letter '\\?'"):
        next(contigs)


def test_ids_are_unique_over_the_files_of_a_run(tmp_path: Path) -> None:
    ids = UniqueIds()
    for name in ("x.fna", "y.fna"):
        (tmp_path / name).write_bytes(b">a\nACGT\n")
    assert len(list(read_fasta(tmp_path / "x.fna", ids))) == 1
    with pytest.raises(InputError, match=r"y\.fna: line 1: a contig 'a' came before"):
        list(read_fasta(tmp_path / "y.fna", ids))


records = st.lists(
    st.tuples(
        st.text("abcXYZ019_.|", min_size=1, max_size=12),
        st.text("abc =[]>", max_size=12).map(str.strip),
        st.text(LETTERS, min_size=1, max_size=200),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda record: record[0],
)


@settings(max_examples=30, deadline=None)
@given(records, st.integers(1, 70), st.integers(1, 50), st.sampled_from(["\n", "\r\n", "\r"]))
def test_round_trip_whatever_the_block_size(
    tmp_path_factory: pytest.TempPathFactory,
    expected: list[tuple[str, str, str]],
    width: int,
    block: int,
    end: str,
) -> None:
    handle = io.StringIO()
    for id, description, sequence in expected:
        write_fasta(handle, id, description, sequence, width)
    path = tmp_path_factory.mktemp("fasta") / "x.fna"
    path.write_bytes(handle.getvalue().replace("\n", end).encode())
    contigs = list(read_fasta(path, block=block))
    assert [(c.id, c.description, c.sequence.decode()) for c in contigs] == expected


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(0, 30))
def test_line_numbers_whatever_the_block_size(
    tmp_path_factory: pytest.TempPathFactory, block: int, before: int
) -> None:
    path = tmp_path_factory.mktemp("fasta") / "x.fna"
    path.write_bytes(b"\n" + b">%d\nAC\nGT\n" * before % tuple(range(before)) + b">z\nAC\nA!\n")
    with pytest.raises(InputError, match=rf"line {3 * before + 4}: record 'z'"):
        list(read_fasta(path, block=block))


def test_write_bytes_and_strings() -> None:
    handle = io.StringIO()
    write_fasta(handle, "a", "b c", b"ACGTA", 2)
    write_fasta(handle, "d", "", "MK*")
    assert handle.getvalue() == ">a b c\nAC\nGT\nA\n>d\nMK*\n"


@pytest.mark.parametrize("end", [b"\r", b"\r\n", b"\n"])
def test_line_ends_and_byte_order_marks_within(tmp_path: Path, end: bytes) -> None:
    """Files of any system, put one behind the other."""
    mark = b"\xef\xbb\xbf"
    data = end.join([mark + b">a", b"ACGT", b"AC", mark + b">b x", b"GG", b""])
    path = tmp_path / "x.fna"
    path.write_bytes(data)
    for block in (1, 2, 3, 5, 1 << 20):
        assert list(read_fasta(path, block=block)) == [
            Contig("a", b"ACGTAC"),
            Contig("b", b"GG", "x"),
        ]


def test_utf_16(tmp_path: Path) -> None:
    data = ">contig\nACGT\n".encode("utf-16")
    assert message(tmp_path, data).startswith("is not FASTA: it is UTF-16 text; convert it, e.g.")


def test_records_without_sequence_can_be_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.fna"
    path.write_bytes(b">a\nAC\n>b\n>c\nAC\n>d\n\n")
    skipped: list[str] = []
    assert [contig.id for contig in read_fasta(path, skipped=skipped.append)] == ["a", "c"]
    assert skipped == [
        f"{path}: line {n}: record '{i}' has no sequence" for n, i in ((3, "b"), (6, "d"))
    ]
    path.write_bytes(b">b\n>c\n")
    with pytest.raises(InputError, match="no record has a sequence"):
        list(read_fasta(path, skipped=skipped.append))


def test_folders(tmp_path: Path) -> None:
    for name in ("b.fna", "a.fasta.gz", "C.FA", "readme.txt", ".hidden.fna", "genes.gff", "fna"):
        (tmp_path / name).touch()
    (tmp_path / "folder.fna").mkdir()
    found = [Path(path).name for path in fasta_files(tmp_path)]
    assert found == ["C.FA", "a.fasta.gz", "b.fna"]
    assert fasta_files("-") == ["-"]
    assert fasta_files(tmp_path / "none") == [str(tmp_path / "none")]
    with pytest.raises(InputError, match=r"folder\.fna: is a folder without FASTA files"):
        fasta_files(tmp_path / "folder.fna")

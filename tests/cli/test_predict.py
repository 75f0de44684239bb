"""``dnatag predict``: files that agree with each other and with Biopython, and bad input."""

from __future__ import annotations

import bz2
import csv
import fcntl
import gzip
import io
import lzma
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import pytest
from Bio import SeqIO
from Bio.Seq import Seq
from Bio.SeqFeature import AfterPosition, BeforePosition
from click.testing import CliRunner, Result

from dnatag.cli import main
from dnatag.models.names import find_model

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

EXAMPLES = Path(__file__).parents[2] / "examples"
DNATAG = [sys.executable, "-m", "dnatag", "predict"]
#: No look at the genetic code, no adaptation: as quick as possible.
PLAIN = ("-q", "--genetic-code", "11", "--adapt", "off", "--device", "cpu")
KINDS = ("gff", "faa", "ffn", "gbk", "bed", "tsv", "labels")
needs_dev_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")


def predict(*arguments: object, **options: object) -> Result:
    return CliRunner().invoke(main, ["predict", *map(str, arguments)], **options)


def example(name: str) -> str:
    with gzip.open(EXAMPLES / name, "rt") as lines:
        next(lines)
        return "".join(line.strip() for line in lines)


@pytest.fixture(scope="module")
def phage() -> str:
    return example("lambda.fna.gz")


@pytest.fixture(scope="module")
def contigs(phage: str) -> dict[str, str]:
    """Return contigs with all that may be odd about one."""
    bacterium = example("buchnera.fna.gz")
    return {
        "phage": phage[:7000],
        "unknown": "N" * 500,
        "tiny": "AC",
        "lcl|odd;a=1,b%~": bacterium[6000:9000].lower() + "n" * 12 + bacterium[9000:12_000],
        "rna": phage[19_000:16_500:-1].replace("T", "U"),
        "last": bacterium[20_500:23_000],
    }


def fasta(contigs: dict[str, str]) -> str:
    return "".join(f">{name} a description\n{bases}\n" for name, bases in contigs.items())


class Run(NamedTuple):
    contigs: dict[str, str]
    paths: dict[str, Path]

    def text(self, kind: str) -> str:
        path = self.paths[kind]
        return gzip.open(path, "rt").read() if path.suffix == ".gz" else path.read_text()

    def rows(self) -> list[dict[str, str]]:
        """Return the rows of the GFF with their attributes."""
        table = []
        for line in self.text("gff").splitlines():
            if not line.startswith("#"):
                names = ("contig", "", "type", "start", "end", "score", "strand", "phase")
                *cells, attributes = line.split("\t")
                row = dict(zip(names, cells, strict=True))
                table.append(row | dict(a.split("=", 1) for a in attributes.split(";")))
        return table


@pytest.fixture(scope="module")
def run(contigs: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run that writes everything."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "in.fna").write_text(fasta(contigs))
    paths = {kind: folder / f"out.{kind}" for kind in KINDS} | {"labels": folder / "labels.tsv.gz"}
    extra = [x for kind in KINDS[1:] for x in (f"--{kind}", paths[kind])]
    result = predict(*PLAIN, folder / "in.fna", "-o", paths["gff"], *extra)
    assert (result.exit_code, result.output) == (0, "")
    assert sorted(folder.iterdir()) == sorted([*paths.values(), folder / "in.fna"])
    return Run(contigs, paths)


def without_command(text: str) -> str:
    return re.sub("#!command .*\n", "", text)


# What is written -----------------------------------------------------------------------------


def test_the_gff_is_valid(run: Run) -> None:
    if (gt := shutil.which("gt")) is None:
        pytest.skip("GenomeTools are not installed")
    done = subprocess.run([gt, "gff3validator", run.paths["gff"]], capture_output=True, text=True)
    assert done.stdout == "input is valid GFF3\n", done.stderr


def test_the_header_and_the_order(run: Run) -> None:
    lines = run.text("gff").splitlines()
    assert lines[0] == "##gff-version 3"
    assert re.fullmatch(r"#!processor dnatag \d\S*", lines[1])
    assert lines[2] == "#!model prokaryotes"
    assert lines[3].startswith("#!command dnatag predict ")
    regions = [line.split() for line in lines if line.startswith("##sequence-region")]
    assert [(unquote(name), first, int(last)) for _, name, first, last in regions] == [
        (name, "1", len(bases)) for name, bases in run.contigs.items()
    ]
    found = [unquote(row["contig"]) for row in run.rows()]
    assert list(dict.fromkeys(found)) == [n for n in run.contigs if n not in ("unknown", "tiny")]


def test_ids_and_places_are_the_same_in_every_file(run: Run) -> None:
    rows = [
        (unquote(r["ID"]), unquote(r["contig"]), int(r["start"]), int(r["end"]), r["strand"])
        for r in run.rows()
    ]
    ids = [row[0] for row in rows]
    assert len(set(ids)) == len(ids) > 15
    for name, group in ((n, [r for r in rows if r[1] == n]) for n in run.contigs):
        assert [r[0] for r in group] == [f"{name}_{i}" for i in range(1, len(group) + 1)]
        assert group == sorted(group, key=lambda r: r[2:4])
    for kind in ("faa", "ffn"):
        assert [r.id for r in SeqIO.parse(run.paths[kind], "fasta")] == ids
    bed = [line.split("\t") for line in run.text("bed").splitlines()]
    assert [(b[3], b[0], int(b[1]) + 1, int(b[2]), b[5]) for b in bed] == rows
    table = list(csv.DictReader(io.StringIO(run.text("tsv")), delimiter="\t"))
    assert rows == [
        (t["id"], t["contig"], int(t["start"]), int(t["end"]), t["strand"]) for t in table
    ]
    features = [
        (f.qualifiers["locus_tag"][0], record.id, f.location.start + 1, f.location.end,
         "+" if f.location.strand > 0 else "-")
        for record in SeqIO.parse(run.paths["gbk"], "genbank")
        for f in record.features
        if f.type == "CDS"
    ]  # fmt: skip
    assert features == rows
    for row, line, cells in zip(run.rows(), bed, table, strict=True):
        assert row["score"] == cells["posterior"]
        assert row.get("start_posterior", "") == cells["start_posterior"]
        assert row["transl_table"] == cells["genetic_code"] == "11"
        assert int(line[4]) == pytest.approx(1000 * float(row["score"]), abs=0.6)


def test_sequences_agree_with_biopython(run: Run) -> None:
    nucleotides = SeqIO.to_dict(SeqIO.parse(run.paths["ffn"], "fasta"))
    proteins = SeqIO.to_dict(SeqIO.parse(run.paths["faa"], "fasta"))
    whole = partial = 0
    for row in run.rows():
        bases = Seq(run.contigs[unquote(row["contig"])][int(row["start"]) - 1 : int(row["end"])])
        if row["strand"] == "-":
            bases = (
                bases.reverse_complement() if "U" not in bases else bases.reverse_complement_rna()
            )
        id = unquote(row["ID"])
        own = str(nucleotides[id].seq)
        assert own.upper().replace("U", "T") == str(bases).upper().replace("U", "T")
        if "partial" in row:
            partial += 1
            coding = own[int(row["phase"]) :]
            expected = str(Seq(coding[: len(coding) // 3 * 3]).translate(table=11))
            if "start_posterior" in row:  # its start is there
                expected = "M" + expected[1:]
            assert proteins[id].seq == expected.removesuffix("*")
        else:
            whole += 1
            assert row["phase"] == "0"
            assert proteins[id].seq == Seq(own).translate(table=11, cds=True)
    assert whole > 10
    assert partial > 2


def test_genbank_is_read_by_biopython(run: Run) -> None:
    records = list(SeqIO.parse(run.paths["gbk"], "genbank"))
    assert {r.id: str(r.seq).upper() for r in records} == {
        name: bases.upper() for name, bases in run.contigs.items()
    }
    for record in records:
        for feature in record.features:
            if feature.type != "CDS":
                continue
            assert feature.qualifiers["transl_table"] == ["11"]
            location = feature.location
            open_ends = (
                isinstance(location.start, BeforePosition),
                isinstance(location.end, AfterPosition),
            )
            skip = int(feature.qualifiers["codon_start"][0]) - 1
            bases = feature.extract(record.seq)[skip:]
            bases = bases[: len(bases) // 3 * 3]
            if not any(open_ends):
                expected = bases.translate(table=11, cds=True)
            else:
                expected = bases.translate(table=11, to_stop=True)
                if not open_ends[0 if location.strand > 0 else 1]:
                    expected = "M" + expected[1:]
            assert feature.qualifiers["translation"] == [str(expected)]


def test_the_table_of_bases(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run.text("labels")), delimiter="\t"))
    expected = [(n, str(i), b) for n, bases in run.contigs.items() for i, b in enumerate(bases, 1)]
    assert [(r["contig"], r["position"], r["base"]) for r in rows] == expected
    assert list(rows[0])[4:] == ["+0", "+1", "+2", "-0", "-1", "-2"]
    for row in rows:
        frames = [] if row["label"] in ("none", "gap") else row["label"].split("&")
        assert (row["label"] == "gap") == (row["base"] in "nN")
        assert all(0 <= float(row[f]) <= 1 for f in ("+0", "+1", "+2", "-0", "-1", "-2"))
        assert set(frames) <= set(row)
    # The first base of each gene that has its start.
    at = {(r["contig"], r["position"]): r["label"].split("&") for r in rows}
    for row in run.rows():
        if "start_posterior" in row:
            place = row["start"] if row["strand"] == "+" else row["end"]
            assert f"{row['strand']}0" in at[unquote(row["contig"]), place]


def test_no_gene_is_no_failure(tmp_path: Path) -> None:
    path = tmp_path / "in.fna"
    path.write_text(">a\n" + "N" * 100 + "\n>b\nAC\n>c\n" + "N" * 7 + "\n")
    result = predict(*PLAIN, path, "--faa", tmp_path / "p.faa", "--tsv", tmp_path / "t.tsv")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[4:] == [
        "##sequence-region a 1 100",
        "##sequence-region b 1 2",
        "##sequence-region c 1 7",
    ]
    assert (tmp_path / "p.faa").read_text() == ""
    assert (tmp_path / "t.tsv").read_text().count("\n") == 1


def test_a_gene_across_the_origin(phage: str, tmp_path: Path) -> None:
    """Wherever the circle is cut, the genes and the files are the same."""
    circle = phage[2000:8000]
    found = []
    for cut in (0, 900):
        path = tmp_path / f"{cut}.fna"
        path.write_text(f">c circular=true\n{circle[cut:]}{circle[:cut]}\n")
        gbk, faa = tmp_path / f"{cut}.gbk", tmp_path / f"{cut}.faa"
        result = predict(*PLAIN, path, "--gbk", gbk, "--faa", faa, "-o", tmp_path / f"{cut}.gff")
        assert result.exit_code == 0, result.stderr
        assert "Is_circular=true" in (tmp_path / f"{cut}.gff").read_text()
        record = SeqIO.read(gbk, "genbank")
        assert record.annotations["topology"] == "circular"
        genes = [f for f in record.features if f.type == "CDS"]
        for gene, protein in zip(genes, SeqIO.parse(faa, "fasta"), strict=True):
            assert gene.qualifiers["translation"] == [str(protein.seq)]
            if "<" not in str(gene.location) and ">" not in str(gene.location):
                assert gene.translate(record.seq, table=11, cds=True) == protein.seq
        found.append((len(genes), sorted(g.qualifiers["translation"][0] for g in genes)))
        if gt := shutil.which("gt"):
            subprocess.run([gt, "gff3validator", tmp_path / f"{cut}.gff"], check=True)
    assert found[0] == found[1]


# Where it comes from and goes ----------------------------------------------------------------


@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, bz2.compress, lzma.compress, zstd.compress],
    ids=["plain", "gzip", "bzip2", "xz", "zstd"],
)
@pytest.mark.parametrize("stdin", [False, True], ids=["file", "stdin"])
def test_compressed_input(
    phage: str, tmp_path: Path, pack: Callable[[bytes], bytes], stdin: bool
) -> None:
    data = pack(f">a\n{phage[:1200]}\n>b\n{phage[3000:3900]}\n".encode())
    (tmp_path / "in.txt").write_bytes(data)
    result = predict(*PLAIN, "-" if stdin else tmp_path / "in.txt", input=data if stdin else None)
    assert result.exit_code == 0, result.stderr
    rows = [line.split("\t")[0] for line in result.stdout.splitlines() if line[0] != "#"]
    assert rows == sorted(rows)
    assert set(rows) == {"a", "b"}


def test_many_files_are_one_input(run: Run, tmp_path: Path) -> None:
    paths = []
    for i, (name, bases) in enumerate(run.contigs.items()):
        paths.append(tmp_path / f"{i}.fna")
        paths[-1].write_text(f">{name}\n{bases}\n")
    result = predict(*PLAIN, *paths)
    assert without_command(result.stdout) == without_command(run.text("gff"))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_nothing(run: Run, tmp_path: Path, threads: int) -> None:
    path = run.paths["gff"].with_name("in.fna")
    tsv = tmp_path / "out.tsv"
    result = predict(*PLAIN, path, "--threads", threads, "--tsv", tsv)
    assert without_command(result.stdout) == without_command(run.text("gff"))
    assert tsv.read_text() == run.text("tsv")


def test_defaults(phage: str, tmp_path: Path) -> None:
    """As a user calls it, with notes of what was done."""
    path = tmp_path / "in.fna"
    path.write_text(f">a\n{phage[:12_000]}\n")
    result = predict(path, "-o", tmp_path / "out.gff")
    assert (result.exit_code, result.stdout) == (0, "")
    notes = result.stderr.splitlines()
    assert all(line.startswith("dnatag: ") for line in notes)
    assert "dnatag: model prokaryotes, device" in notes[0]
    n = sum(line[0] != "#" for line in (tmp_path / "out.gff").read_text().splitlines())
    assert notes[-1] == f"dnatag: {n} genes on 1 contig of 12000 bp"
    assert n > 10


def test_settings(phage: str, tmp_path: Path) -> None:
    path = tmp_path / "in.fna"
    path.write_text(f">a\n{phage[300:6500]}\n")

    def rows(*arguments: object) -> list[list[str]]:
        result = predict("-q", "--adapt", "off", path, *arguments)
        assert result.exit_code == 0, result.stderr
        return [line.split("\t") for line in result.stdout.splitlines() if line[0] != "#"]

    every = rows("--genetic-code", "11")
    assert any("partial=true" in row[8] for row in every)
    closed = rows("--genetic-code", "11", "--ends", "closed")
    assert closed
    assert not any("partial=true" in row[8] for row in closed)
    long = rows("--genetic-code", "11", "--min-length", "1000")
    assert [r[3:7] for r in long] == [r[3:7] for r in every if int(r[4]) - int(r[3]) >= 999]
    assert {r[8].count("transl_table=4;") for r in rows("--genetic-code", "4")} == {1}
    custom = rows("--genetic-code", "starts:ATG;stops:TAA,TAG,TGA")
    assert custom
    assert not any("transl_table" in row[8] for row in custom)
    alternatives = rows("--genetic-code", "11", "--alternative-starts")
    assert any("alternative_starts=" in row[8] for row in alternatives)
    assert [r[3:7] for r in alternatives] == [r[3:7] for r in every]
    # No gene where another is already known.
    middle = every[2]
    (tmp_path / "mask.bed").write_text(f"a\t{int(middle[3]) + 50}\t{int(middle[4]) - 50}\n")
    masked = rows("--genetic-code", "11", "--mask", tmp_path / "mask.bed")
    assert masked
    assert not any(
        int(r[3]) < int(middle[4]) - 50 and int(r[4]) > int(middle[3]) + 50 for r in masked
    )


# Bad input -----------------------------------------------------------------------------------


def shorn(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


GOOD = b">a\n" + b"ACGTTGCAAC" * 30 + b"\n"
BAD = {
    "empty": (b"", "is empty"),
    "blank": (b"\n \n", "is empty"),
    "empty gzip": (gzip.compress(b""), "is empty"),
    "no FASTA": (b"hello\nworld\n", "is not FASTA"),
    "FASTQ": (b"@r\nACGT\n+\nIIII\n", "FASTQ"),
    "GenBank": (b"LOCUS       X\n", "GenBank"),
    "binary": (bytes(range(256)), "is not FASTA"),
    "proteins": (b">p\nMKLVEEQAFWPIL*\n", "record 'p': looks like protein"),
    "digits": (b">p\nACGT1ACGT\n", "line 2: record 'p': illegal letter '1'"),
    "gaps": (b">p\nACGT--ACGT\n", "has gaps"),
    "no id": (GOOD + b">\nACGT\n", "line 3: the header is empty"),
    "no sequence": (b">b\n>c\n\n", "no record has a sequence"),
    "same id": (GOOD + b">b\nACGT\n>a\nACGT\n", "line 5: a contig 'a' came before"),
    "cut gzip": (shorn(gzip.compress(os.urandom(900).hex().encode())), "gzip data is truncated"),
    "cut bzip2": (shorn(bz2.compress(GOOD)), "bzip2 data is truncated"),
    "cut xz": (shorn(lzma.compress(GOOD)), "xz data is truncated"),
    "cut zstd": (shorn(zstd.compress(os.urandom(900))), "zstd data is truncated"),
    "bad gzip": (gzip.compress(GOOD)[:-8] + b"\0" * 8, "gzip data is corrupt"),
}


def test_an_empty_file_among_others_is_passed_over(tmp_path: Path, phage: str) -> None:
    """As a shell's ``*.fna`` gives it, after a download that failed."""
    (tmp_path / "a.fna").write_text(f">a\n{phage[:3000]}\n")
    (tmp_path / "b.fna").touch()
    plain = [x for x in PLAIN if x != "-q"]
    result = predict(*plain, tmp_path / "a.fna", tmp_path / "b.fna")
    assert result.exit_code == 0
    assert f"warning: {tmp_path / 'b.fna'}: is empty, it is passed over" in result.stderr
    assert result.stdout.count("##sequence-region") == 1
    for names in (["b.fna"], ["b.fna", "b.fna"]):
        refused = predict(*plain, *(tmp_path / name for name in names))
        assert (refused.exit_code, refused.stdout) == (2, "")


def assert_one_line(result: Result, code: int, reported: str) -> None:
    assert result.exit_code == code
    assert result.stdout == ""
    assert re.fullmatch(f"dnatag: error: .*{reported}.*\n", result.stderr), result.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with a good input and an older output, which failures leave alone."""
    (tmp_path / "good.fna").write_bytes(GOOD)
    (tmp_path / "out.gff").write_text("old")
    yield tmp_path
    assert (tmp_path / "out.gff").read_text() == "old"
    left = {p.name for p in tmp_path.iterdir()}
    assert left <= {"good.fna", "out.gff", "in.fna", "model.dnatag", "mask.bed"}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files(folder: Path, kind: str) -> None:
    data, reported = BAD[kind]
    path = folder / "in.fna"
    path.write_bytes(data)
    outputs = ("-o", folder / "out.gff", "--faa", folder / "new.faa")
    assert_one_line(predict(*PLAIN, path, *outputs), 2, f"{re.escape(str(path))}: .*{reported}")
    # Nothing on standard output, and standard input is named.
    assert_one_line(predict(*PLAIN, "-", input=data), 2, f"standard input: .*{reported}")


def test_other_bad_arguments(folder: Path) -> None:
    good, out = folder / "good.fna", ("-o", folder / "out.gff")
    (folder / "mask.bed").write_text("nowhere\t1\t5\n")
    for arguments, reported in (
        ([folder / "none.fna"], "none.fna: cannot read: No such file"),
        ([Path(__file__).parent], "cli: is a folder without FASTA files"),
        ([good, good], "good.fna: line 1: a contig 'a' came before"),
        ([], "Missing argument 'FASTA"),
        ([good, "--faa", folder / "none" / "p.faa"], "p.faa: cannot write: No such file"),
        ([good, "--faa", folder], "is a folder; name a file"),
        ([good, "--bed", folder / "out.gff"], "two outputs cannot go to the same file"),
        ([good, "--genetic-code", "99"], "no genetic code 99"),
        ([good, "--genetic-code", "starts:AT"], "AT not understood"),
        ([good, "--min-length", "5"], "--min-length"),
        ([good, "--threads", "0"], "--threads"),
        ([good, "--ends", "ajar"], "--ends"),
        ([good, "--model", "eukaryotes"], "no model and no file named eukaryotes"),
        ([good, "--model", good], "good.fna"),
        (
            [good, "--mask", folder / "mask.bed"],
            "has none of the contigs of the input, but contig 'nowhere'",
        ),
        ([good, "--adaptation", good], "good.fna"),
        ([good, "--adaptation", good, "--adapt", "file"], "leave out --adapt"),
    ):
        assert_one_line(predict("-q", "--genetic-code", "11", *out, *arguments)
                        if "--adaptation" not in arguments else predict("-q", *out, *arguments),
                        2, reported)  # fmt: skip


def test_bad_models(folder: Path) -> None:
    whole = find_model("prokaryotes").read_bytes()
    path = folder / "model.dnatag"
    for data in (b"", whole[:-1], whole[: len(whole) // 2], b"\0" * 64, GOOD):
        path.write_bytes(data)
        result = predict("-q", folder / "good.fna", "--model", path, "-o", folder / "out.gff")
        assert_one_line(result, 2, "model.dnatag")


@needs_dev_full
def test_a_full_disk(folder: Path) -> None:
    good = folder / "good.fna"
    assert_one_line(
        predict(*PLAIN, good, "-o", "/dev/full"), 1, "/dev/full: cannot write: No space left"
    )
    out = ("-o", folder / "out.gff", "--faa", folder / "new.faa", "--tsv", "/dev/full")
    assert_one_line(predict(*PLAIN, good, *out), 1, "/dev/full: cannot write: No space left")


# As a process --------------------------------------------------------------------------------


@needs_dev_full
def test_a_full_disk_behind_standard_output(folder: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*DNATAG, *PLAIN, folder / "good.fna"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr == "dnatag: error: standard output: cannot write: No space left on device\n"


def test_the_reader_goes_away(folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*DNATAG, *PLAIN, folder / "good.fna", "--labels", "-", "-o", os.devnull],
        stdout=writer,
        stderr=subprocess.PIPE,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_progress_is_for_terminals(phage: str, tmp_path: Path) -> None:
    path = tmp_path / "in.fna"
    path.write_text(f">a\n{phage[:6000]}\n")
    command = [*DNATAG, path, "--adapt", "file", "--genetic-code", "11", "-o", tmp_path / "out.gff"]
    terminal, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(command, stderr=other, stdin=subprocess.DEVNULL)
    os.close(other)
    shown = b""
    try:
        while data := os.read(terminal, 4096):
            shown += data
    except OSError:  # on Linux: the other end is closed
        pass
    os.close(terminal)
    assert process.wait() == 0
    assert b"bp/s" in shown, shown
    # What stays when carriage returns are done: whole lines, the bar gone.
    lines = shown.decode().replace("\x1b[A", "").split("\r\n")
    left = [re.sub(r".*\r", "", line) for line in lines]
    assert left[0].startswith("dnatag: model prokaryotes, device ")
    assert left[1].startswith("dnatag: no adaptation: ")
    assert left[-2].startswith("dnatag: ")
    assert "bp/s" not in "".join(left)

    piped = subprocess.run([*map(str, command)], stderr=subprocess.PIPE, text=True, check=True)
    assert piped.stderr.splitlines() == left[:-1]


def test_an_output_that_is_an_input_is_refused(tmp_path: Path) -> None:
    path, mask, link = tmp_path / "g.fna", tmp_path / "mask.bed", tmp_path / "link"
    text = ">a\nACGT\n>b\nACGT\n"
    path.write_text(text)
    mask.write_text("a\t0\t2\n")
    os.link(path, link)
    for option in ("-o", "--faa", "--ffn", "--gbk", "--bed", "--tsv", "--labels",
                   "--save-adaptation"):  # fmt: skip
        for output in (path, link, mask):
            result = predict(*PLAIN, path, "--mask", mask, option, output)
            assert (result.exit_code, result.stdout) == (2, ""), option
            assert "is an input as well; name another file" in result.stderr
    assert path.read_text() == text
    assert sorted(tmp_path.iterdir()) == [path, link, mask]


def test_names_that_are_not_utf_8(tmp_path: Path, phage: str) -> None:
    name, out = b"caf\xe9.fna", b"caf\xe9.gff3"
    folder = os.fsencode(tmp_path)
    Path(os.fsdecode(os.path.join(folder, name))).write_text(f">a\n{phage[:3000]}\n")
    done = subprocess.run([*DNATAG, *PLAIN, name, "-o", out], cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(os.listdir(folder)) == [name, out]
    (text,) = (path.read_text() for path in tmp_path.glob("*.gff3"))
    assert r"caf\xe9.fna" in text.splitlines()[3]
    done = subprocess.run([*DNATAG, *PLAIN, out], cwd=tmp_path, capture_output=True)
    assert done.returncode == 2
    assert done.stderr.startswith(rb"dnatag: error: caf\xe9.gff3: is not FASTA")


@pytest.mark.parametrize(
    ("closed", "code", "errors"),
    [
        ("<&-", 2, "dnatag: error: standard input: cannot read: it is closed\n"),
        (">&-", 2, "dnatag: error: standard output: cannot write: it is closed\n"),
        ("2>&-", 0, ""),
        ("<&- 2>&-", 2, ""),
    ],
)
def test_closed_standard_streams(
    tmp_path: Path, phage: str, closed: str, code: int, errors: str
) -> None:
    path = tmp_path / "a.fna"
    path.write_text(f">a\n{phage[:3000]}\n")
    source = "-" if "<" in closed else path
    words = " ".join(f'"{word}"' for word in (*DNATAG, *PLAIN, source, "--faa", tmp_path / "faa"))
    done = subprocess.run(f"{words} {closed}", shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (code, errors)
    written = (tmp_path / "faa").exists()
    assert written == (code == 0)
    if written:
        assert (tmp_path / "faa").read_text().startswith(">a_1 ")


def test_masks_that_do_not_fit(tmp_path: Path, phage: str) -> None:
    path, mask = tmp_path / "a.fna", tmp_path / "mask"
    path.write_text(f">m1/7 x\n{phage[:3000]}\n>empty\n")
    loud = [option for option in PLAIN if option != "-q"]
    unmasked = without_command(predict(*PLAIN, path).stdout)
    for text, words in (
        ("", "mask: no regions in it, nothing is masked"),
        ("##gff-version 3\n", "mask: no regions in it, nothing is masked"),
        ("m1/7\t5\t5\n", "mask: no regions in it, nothing is masked"),
        ("m1/7\t0\t1\nplasmid\t0\t9\n", "warning: .*mask: the input has no contig 'plasmid'"),
    ):
        mask.write_text(text)
        result = predict(*loud, path, "--mask", mask)
        assert result.exit_code == 0
        assert without_command(result.stdout) == unmasked
        assert re.search(words, result.stderr)
        assert re.search("warning: .*a.fna: line 3: record 'empty' has no sequence", result.stderr)
    mask.write_text("m1%2F7\tx\trRNA\t1\t3000\t.\t+\t.\tID=r\n")
    result = predict(*PLAIN, path, "--mask", mask)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "\tCDS\t" not in result.stdout
    mask.write_text("a\t0\t9\nb\t0\t9\n")
    result = predict(*PLAIN, path, "--mask", mask)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "mask: has none of the contigs of the input, but contigs 'a', 'b'" in result.stderr


def test_a_folder_of_contigs(tmp_path: Path, phage: str) -> None:
    folder = tmp_path / "contigs"
    folder.mkdir()
    for i, name in enumerate(("b.fna", "a.fasta")):
        (folder / name).write_text(f">c{i}\n{phage[:1500]}\n")
    (folder / "notes.txt").write_text("none of them")
    result = predict(*PLAIN, folder)
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.findall("##sequence-region (.*)", result.stdout) == ["c1 1 1500", "c0 1 1500"]
    result = predict(*PLAIN, folder, "-o", folder / "b.fna")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is an input as well" in result.stderr


@pytest.mark.parametrize("words", [("-", "-"), ("-", "--mask", "-")])
def test_standard_input_is_read_once(words: tuple[str, ...]) -> None:
    message = r"only one input can be standard input \('-'\)"
    assert_one_line(predict(*PLAIN, *words, input=">a\nACGT\n"), 2, message)

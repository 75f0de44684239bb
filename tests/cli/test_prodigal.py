"""``dnatag prodigal``: the form of every field is Prodigal's, and its options do what they say.

``tests/data/prodigal`` has what Prodigal 2.6.3 itself writes.
"""

from __future__ import annotations

import gzip
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from Bio import SeqIO
from click.testing import CliRunner, Result

from dnatag.cli import main
from dnatag.formats.sequences.prodigal import read_prodigal

DATA = Path(__file__).parents[1] / "data" / "prodigal"
EXAMPLES = Path(__file__).parents[2] / "examples"
INPUT = str(DATA / "in.fna")
KINDS = {"faa": "-a", "fna": "-d", "starts": "-s"}


def prodigal(*arguments: object, **options: object) -> Result:
    return CliRunner().invoke(main, ["prodigal", *map(str, arguments)], **options)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What dnatag writes for the input of Prodigal's own files, by ending."""
    folder = tmp_path_factory.mktemp("prodigal")
    extra = [x for kind, option in KINDS.items() for x in (option, folder / kind)]
    texts = {}
    for format in ("gbk", "gff", "sco"):
        result = prodigal("-i", INPUT, "-p", "meta", "-f", format, "-q", *extra)
        assert (result.exit_code, result.stderr) == (0, "")
        texts[format] = result.stdout
    return texts | {kind: (folder / kind).read_text() for kind in KINDS}


def form(text: str) -> list[str]:
    """Return the lines of a file with what they are about left out, and the rest as it is."""
    lines = []
    for line in text.splitlines():
        line = re.sub(r"version=[^;]*|Prodigal_v[\d.]+|dnatag_v[\w.]+|model=\"[^\"]*\"", "V", line)
        line = re.sub(r"rbs_motif=[^;]*;rbs_spacer=[^;]*", "RBS", line)
        line = re.sub(r"\b[ACGT]{3}\t\S+\t\S+|Edge\tNone\tNone", "START", line)
        line = re.sub(r"start_type=([ACGT]{3}|Edge)", "TYPE", line)
        line = re.sub(r"\.\d+", lambda match: "." + "d" * (len(match[0]) - 1), line)
        line = re.sub(r"-?\d+", "9", line)
        lines.append(line)
    return lines


@pytest.mark.parametrize("kind", ["gbk", "gff", "sco"])
def test_the_form_is_that_of_prodigal(written: dict[str, str], kind: str) -> None:
    """On these pieces both find the same genes, so every line has its counterpart."""
    assert form(written[kind]) == form((DATA / f"out.{kind}").read_text())


@pytest.mark.parametrize("kind", ["faa", "fna"])
def test_fasta_is_that_of_prodigal(written: dict[str, str], kind: str) -> None:
    """Sites may have another name, and of genes off the right edge Prodigal counts one G less."""

    def lines(text: str) -> list[str]:
        return [re.sub("rbs_motif=.*", "", line) for line in text.splitlines()]

    assert lines(written[kind]) == lines((DATA / f"out.{kind}").read_text())


def test_the_file_of_starts(written: dict[str, str]) -> None:
    """The same columns; Prodigal also lists starts that have no chance."""
    theirs = set(form((DATA / "out.starts").read_text()))
    assert set(form(written["starts"])) <= theirs
    rows = [line.split("\t") for line in written["starts"].splitlines() if line[:1].isdigit()]
    assert len(rows) >= 5
    for row in rows:
        total, coding, start, motif, upstream, codon = map(float, [*row[3:6], *row[9:12]])
        assert total == pytest.approx(coding + start, abs=0.011)
        assert start == pytest.approx(motif + upstream + codon, abs=0.021)


def test_sites_and_gc_are_those_of_prodigal(written: dict[str, str]) -> None:
    """But for the name of a site, which Prodigal chooses by weights of the genome."""
    pattern = r"start_type=(\w+);rbs_motif=([^;]*);rbs_spacer=([^;]*);gc_cont=([^;]*)"
    theirs = re.findall(pattern, (DATA / "out.gff").read_text())
    ours = re.findall(pattern, written["gff"])
    assert [(row[0], row[2]) for row in ours] == [(row[0], row[2]) for row in theirs]
    assert sum(a[1] == b[1] for a, b in zip(ours, theirs, strict=True)) >= len(theirs) - 1
    for mine, its in zip(ours, theirs, strict=True):
        assert float(mine[3]) == pytest.approx(float(its[3]), abs=0.0025)


def test_scores_add_up_and_agree_with_the_confidence(written: dict[str, str]) -> None:
    for line in written["gff"].splitlines():
        if line.startswith("#"):
            continue
        row = line.split("\t")
        values = dict(part.split("=") for part in row[8].rstrip(";").split(";"))
        score, c, s, r, u, t = (
            float(values[k]) for k in ("score", "cscore", "sscore", "rscore", "uscore", "tscore")
        )
        assert float(row[5]) == pytest.approx(score, abs=0.051)
        assert score == pytest.approx(c + s, abs=0.011)
        assert s == pytest.approx(r + u + t, abs=0.021)
        expected = 100 / (1 + math.exp(-score / 4.35))
        assert float(values["conf"]) == pytest.approx(expected, abs=0.02)


def test_dnatag_reads_what_it_writes(written: dict[str, str], tmp_path: Path) -> None:
    places = []
    for kind in ("gbk", "sco"):
        (tmp_path / kind).write_text(written[kind])
        found = read_prodigal(tmp_path / kind)
        assert found.lengths == {"phage": 5001, "turned": 2300, "none": 12}
        places.append([(g.contig, g.parts, g.strand) for genes in found.values() for g in genes])
    assert places[0] == places[1]


def test_proteins_are_translations_of_the_nucleotides(
    written: dict[str, str], tmp_path: Path
) -> None:
    for kind in ("faa", "fna"):
        (tmp_path / kind).write_text(written[kind])
    proteins, genes = (list(SeqIO.parse(tmp_path / kind, "fasta")) for kind in ("faa", "fna"))
    assert len(proteins) == len(genes) > 5
    for protein, gene in zip(proteins, genes, strict=True):
        assert str(gene.seq.translate(11))[1:] == str(protein.seq)[1:]
        assert (protein.seq[0] == "M") != ("start_type=Edge" in protein.description)


# Options -----------------------------------------------------------------------------------------


def test_standard_streams_and_defaults() -> None:
    result = prodigal("-p", "meta", input=Path(INPUT).read_text())
    assert result.stdout.startswith(
        'DEFINITION  seqnum=1;seqlen=5001;seqhdr="phage a piece of it";'
    )
    assert "run_type=Metagenomic" in result.stdout
    single = prodigal("-q", input=Path(INPUT).read_text())
    assert "run_type=Single" in single.stdout
    assert "transl_table=11" in single.stdout


def test_closed_ends_code_and_lengths() -> None:
    common = ("-i", INPUT, "-q", "-f", "gff")
    assert "partial=00" in (closed := prodigal(*common, "-c").stdout)
    assert not re.search("partial=(01|10|11)", closed)
    assert "transl_table=4;" in prodigal(*common, "-g", 4).stdout

    def lengths(*options: object) -> dict[bool, list[int]]:
        found: dict[bool, list[int]] = {True: [], False: []}
        for row in (line.split("\t") for line in prodigal(*common, *options).stdout.splitlines()):
            if len(row) > 1:
                found["partial=00" in row[8]].append(int(row[4]) - int(row[3]) + 1)
        return found

    usual = lengths()
    assert min(usual[True]) < 600
    assert min(usual[False]) < 600
    assert lengths("--min-gene", 600) == {
        True: [n for n in usual[True] if n >= 600],
        False: usual[False],
    }
    assert lengths("--min-edge-gene", 600)[False] == [n for n in usual[False] if n >= 600]


def test_no_stop_codon(tmp_path: Path) -> None:
    for options, stars in (((), True), (("--no-stop-codon",), False)):
        prodigal("-i", INPUT, "-a", tmp_path / "a.faa", "-q", *options)
        assert ("*" in (tmp_path / "a.faa").read_text()) == stars


def test_what_is_accepted_because_it_is_always_so() -> None:
    common = ("-i", INPUT, "-q", "-p", "meta", "-f", "sco")
    usual = prodigal(*common)
    assert usual.exit_code == 0
    for option in ("-m", "-n", "-j2", "--pool=thread"):
        assert prodigal(*common, option).stdout == usual.stdout


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--max-overlap", 60), "part of what its model has learnt"),
        (("--pool", "process"), "it works in threads"),
        (("-t", "x", "-p", "meta"), "-t is for a single genome"),
        (("-f", "gtf"), "'gtf' is not one of"),
        (("-g", 99), "there is no genetic code 99"),
    ],
)
def test_what_is_refused(options: tuple[object, ...], reason: str) -> None:
    result = prodigal("-i", INPUT, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr


def test_a_training_file_is_written_and_used(tmp_path: Path) -> None:
    training, genome = tmp_path / "lambda.trn", EXAMPLES / "lambda.fna.gz"
    common = ("-i", genome, "-q", "-f", "sco")
    wrote = prodigal(*common, "-t", training)
    assert (wrote.exit_code, wrote.stdout) == (0, "")
    assert prodigal(*common, "-t", training).stdout == prodigal(*common).stdout
    assert "has genetic code 11, not 4" in prodigal(*common, "-t", training, "-g", 4).stderr
    (tmp_path / "own").write_bytes(bytes(558_392))  # as long as Prodigal's
    refused = prodigal(*common, "-t", tmp_path / "own")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "-t reads what dnatag wrote, and no files of Prodigal" in refused.stderr


def test_input_as_genbank(tmp_path: Path) -> None:
    records = [r for r in SeqIO.parse(INPUT, "fasta") if len(r) > 100]
    for record in records:
        record.annotations["molecule_type"] = "DNA"
    SeqIO.write(records, tmp_path / "in.gbk", "genbank")
    common = ("-q", "-p", "meta", "-f", "sco")
    places = [
        [line for line in prodigal(*common, "-i", path).stdout.splitlines() if line[0] == ">"]
        for path in (INPUT, tmp_path / "in.gbk")
    ]
    assert places[0] == places[1] != []


def test_the_version_satisfies_those_who_ask() -> None:
    """Prokka looks for a line that begins with "Prodigal V", in what comes on standard error."""
    result = prodigal("-v")
    assert (result.exit_code, result.stdout) == (0, "")
    assert re.match(r"Prodigal V2\.6\.3: .*dnatag", result.stderr)


def test_the_input_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "g.fna").write_text(Path(INPUT).read_text())
    for option in ("-o", "-a", "-d", "-s"):
        result = prodigal("-i", tmp_path / "g.fna", option, tmp_path / "g.fna")
        assert result.exit_code == 2
        assert "is an input as well" in result.stderr
    assert (tmp_path / "g.fna").read_text() == Path(INPUT).read_text()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("prodigal") is None, reason="needs Prodigal")
@pytest.mark.parametrize("format", ["gbk", "gff", "sco"])
def test_the_form_is_that_of_prodigal_at_hand(lambda_files: Path, format: str) -> None:
    """Over a whole phage, where not all genes are the same."""
    options = ("-i", lambda_files / "in.fna", "-p", "meta", "-f", format, "-q")
    command = ["prodigal", *map(str, options)]
    theirs = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert set(form(prodigal(*options).stdout)) == set(form(theirs))


# Programs that read Prodigal's files -----------------------------------------------------------


@pytest.fixture(scope="module")
def lambda_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lambda")
    with gzip.open(EXAMPLES / "lambda.fna.gz") as packed:
        (folder / "in.fna").write_bytes(packed.read())
    done = prodigal(
        "-i", folder / "in.fna", "-f", "gff", "-o", folder / "g.gff", "-a", folder / "g.faa"
    )
    assert done.exit_code == 0
    return folder


def test_checkm_reads_it(lambda_files: Path) -> None:
    checkm = pytest.importorskip("checkm.prodigal")
    features = checkm.ProdigalGeneFeatureParser(str(lambda_files / "g.gff"))
    positions = checkm.ProdigalFastaParser().genePositions(str(lambda_files / "g.faa"))
    assert features.translationTable == 11
    assert len(features.genes["NC_001416.1"]) == len(positions) > 55
    assert 39_000 < features.codingBases("NC_001416.1") < 43_000


def test_gtdbtk_reads_it(lambda_files: Path) -> None:
    gtdbtk = pytest.importorskip("gtdbtk.biolib_lite.prodigal_biolib")
    features = gtdbtk.ProdigalGeneFeatureParser(str(lambda_files / "g.gff"))
    assert len(features.genes["NC_001416.1"]) > 55
    assert 39_000 < features.coding_bases("NC_001416.1") < 43_000


@pytest.fixture
def in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script called ``prodigal`` comes first on the PATH, as the documentation says."""
    script = tmp_path / "bin" / "prodigal"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m dnatag prodigal "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.usefixtures("in_its_place")
def test_checkm_runs_it(lambda_files: Path, tmp_path: Path) -> None:
    """It calls genes by code 4 and 11, and takes that in which more is coding."""
    checkm = pytest.importorskip("checkm.prodigal")
    runner = checkm.ProdigalRunner(str(tmp_path))
    assert runner.run(str(lambda_files / "in.fna")) == 11
    assert runner.areORFsCalled(bNucORFs=True)
    assert len(list(SeqIO.parse(runner.ntGeneFile, "fasta"))) > 55


@pytest.mark.slow
@pytest.mark.usefixtures("in_its_place")
@pytest.mark.skipif(shutil.which("prokka") is None, reason="needs Prokka")
def test_prokka_runs_it(lambda_files: Path, tmp_path: Path) -> None:
    """Without its databases, which only name the genes."""
    for name in ("kingdom/Viruses/sprot.pin", "hmm/HAMAP.hmm.h3i"):
        (tmp_path / "db" / name).parent.mkdir(parents=True)
        (tmp_path / "db" / name).touch()
    options = ("--noanno", "--kingdom", "Viruses", "--outdir", tmp_path / "out", "--prefix", "l")
    environment = os.environ | {"PROKKA_DBDIR": str(tmp_path / "db")}
    done = subprocess.run(
        ["prokka", *options, lambda_files / "in.fna"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    sco = prodigal("-i", lambda_files / "in.fna", "-c", "-m", "-g", "1", "-p", "meta", "-f", "sco")
    proteins = list(SeqIO.parse(tmp_path / "out" / "l.faa", "fasta"))
    assert len(proteins) == len(re.findall("^>", sco.stdout, re.MULTILINE)) > 55

"""``dnatag evaluate`` on a stretch of a real genome, and where files do not fit together.

The expected numbers were counted by ``benchmarks/recount.py`` and, for bases, over plain sets.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnatag.cli import main
from dnatag.cli.evaluate import column_names

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "evaluate"
REFERENCE = str(DATA / "mg1655.refseq.gff3")
VERIFIED = str(DATA / "mg1655.verified.gff3")
SINGLE, META = (str(DATA / f"mg1655.pyrodigal_{mode}.gff3") for mode in ("single", "meta"))


GOLDEN_BASES = {"reference": 52140, "predicted": 52824, "found": 51666}
GOLDEN_MCC = 0.9818270101023046
GOLDEN_300_TO_599 = 11
GOLDEN_STARTS = 13


def evaluate(*arguments: str, **options) -> Result:
    return CliRunner().invoke(main, ["evaluate", *arguments], **options)


def scores(*arguments: str) -> dict:
    result = evaluate(*arguments, "--json", "-")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def recount(reference: str, prediction: str) -> str:
    script = ROOT / "benchmarks" / "recount.py"
    command = [sys.executable, str(script), reference, prediction]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def genome(tmp_path: Path) -> str:
    path = tmp_path / "genome.fna"
    path.write_text(f">NC_000913.3\n{'ACGTACGTAC' * 6000}\n")
    return str(path)


def test_scores_to_standard_output_that_is_a_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dnatag", "evaluate", REFERENCE, SINGLE, "--json", "-"]
    with open(tmp_path / "scores.json", "w") as file:
        subprocess.run(command, stdout=file, check=True)
    document = json.loads((tmp_path / "scores.json").read_text())
    assert list(document["predictions"]) == ["mg1655.pyrodigal_single"]


def test_golden_numbers(genome: str) -> None:
    document = scores(REFERENCE, SINGLE, META, "--genome", genome)
    assert document["reference"] == REFERENCE
    assert list(document["predictions"]) == ["mg1655.pyrodigal_single", "mg1655.pyrodigal_meta"]
    single, meta = document["predictions"].values()
    assert single["reference"] == {"rows": 54, "genes": 53, "same_stop": 1, "set_aside": {}}
    stop = {"reference": 53, "predicted": 55, "found": 51, "right": 51}
    assert stop.items() <= single["stop"].items()
    assert {**stop, "predicted": 54}.items() <= meta["stop"].items()
    assert single["stop"]["sensitivity"] == pytest.approx(51 / 53)
    assert single["stop"]["precision"] == pytest.approx(51 / 55)
    assert single["stop"]["f1"] == pytest.approx(102 / 108)
    assert (single["exact"]["found"], meta["exact"]["found"]) == (47, 48)
    assert single["starts_among_found"] == pytest.approx(47 / 51)
    assert GOLDEN_BASES.items() <= single["base"].items()
    assert single["base"]["mcc"] == pytest.approx(GOLDEN_MCC, abs=1e-12)
    assert single["by_length"]["300-599"]["found"] == GOLDEN_300_TO_599


def test_the_benchmarks_recount_agrees() -> None:
    for path in (SINGLE, META):
        (reported,) = scores(REFERENCE, path)["predictions"].values()
        counted = recount(REFERENCE, path)
        assert (
            f"'found': {reported['stop']['found']}, 'exact': {reported['exact']['found']}}}"
            in counted
        )
        assert f"F1 by stop: {100 * reported['stop']['f1']:.2f} %" in counted
        assert f"F1 exact: {100 * reported['exact']['f1']:.2f} %" in counted


def test_what_is_set_aside_by_evaluate_and_by_the_recount(tmp_path: Path) -> None:
    """Rows of the real reference become pseudogenes, joined, broken and exceptional."""
    lines = Path(REFERENCE).read_text().splitlines()
    head, rows = [x for x in lines if x[0] == "#"], [x for x in lines if x[0] != "#"]
    rows[3] += ";pseudo=true"
    rows[4] += ";transl_except=(pos:5400..5402%2Caa:Sec)"
    fields = rows[6].split("\t")
    start, end = int(fields[3]), int(fields[4])
    rows[6:7] = [
        "\t".join([*fields[:3], str(a), str(b), *fields[5:]])
        for a, b in ((start, start + 299), (start + 310, end))
    ]
    fields = rows[10].split("\t")
    rows[10] = "\t".join([*fields[:3], str(int(fields[3]) - 1), *fields[4:]])
    reference = tmp_path / "reference.gff3"
    reference.write_text("\n".join([*head, *rows]) + "\n")
    (reported,) = scores(str(reference), SINGLE)["predictions"].values()
    aside = {"exception": 1, "frame": 1, "joined": 1, "pseudo": 1}
    assert reported["reference"] == {"rows": 54, "genes": 49, "same_stop": 1, "set_aside": aside}
    assert reported["predictions_set_aside"] == 4
    assert reported["stop"]["predicted"] == 51
    counted = recount(str(reference), SINGLE)
    assert counted.startswith(
        f"{{'reference': 49, 'predicted': 51, 'found': {reported['stop']['found']}, "
        f"'exact': {reported['exact']['found']}}}"
    )
    table = evaluate(str(reference), SINGLE).stdout
    assert table.startswith(
        "reference: reference.gff3, 49 genes of 54 CDS (not counted: 1 exception, 1 frame, "
        "1 joined, 1 pseudo, 1 same stop as a longer one)\n"
    )


def test_table() -> None:
    result = evaluate(REFERENCE, SINGLE, META)
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0].startswith("reference: mg1655.refseq.gff3, 53 genes of 54 CDS")
    assert lines[2].split() == ["mg1655.pyrodigal_single", "mg1655.pyrodigal_meta"]
    cells = [line.split() for line in lines]
    assert ["genes", "predicted", "55", "54"] in cells
    assert ["F1", "%", "94.44", "95.33"] in cells
    assert ["F1", "%", "87.04", "89.72"] in cells
    assert all(len(line) <= len(lines[2]) for line in lines[2:])


def test_verified_starts() -> None:
    document = scores(VERIFIED, SINGLE, "--verified")
    (reported,) = document["predictions"].values()
    assert (reported["reference"]["genes"], reported["found"], reported["starts_right"]) == (
        14,
        14,
        GOLDEN_STARTS,
    )
    assert reported["starts_among_listed"] == pytest.approx(GOLDEN_STARTS / 14)
    table = evaluate(VERIFIED, SINGLE, "--verified").stdout
    assert ["genes", "listed", "14"] in [line.split() for line in table.splitlines()]


def test_itself_is_perfect() -> None:
    (reported,) = scores(REFERENCE, REFERENCE)["predictions"].values()
    kinds = ("stop", "exact", "base")
    assert [reported[kind]["f1"] for kind in kinds] == [1, 1, 1]
    assert reported["base"]["mcc"] == reported["orforise"]["genes_detected"] == 1


def test_tsv_and_json_files_have_the_same_numbers(tmp_path: Path) -> None:
    tsv, document = tmp_path / "out.tsv", tmp_path / "out.json"
    result = evaluate(REFERENCE, SINGLE, META, "--tsv", str(tsv), "--json", str(document))
    assert result.exit_code == 0
    assert "genes by stop" in result.stdout
    header, *rows = (line.split("\t") for line in tsv.read_text().splitlines())
    assert header == ["measure", "mg1655.pyrodigal_single", "mg1655.pyrodigal_meta"]
    table = {row[0]: row[1:] for row in rows}
    predictions = json.loads(document.read_text())["predictions"].values()
    assert table["stop.f1"] == [str(p["stop"]["f1"]) for p in predictions]
    assert table["by_length.<90.found"] == [
        str(p["by_length"]["<90"]["found"]) for p in predictions
    ]
    printed = evaluate(REFERENCE, SINGLE, META, "--tsv", "-")
    assert printed.stdout == tsv.read_text()


def test_the_format_makes_no_difference(tmp_path: Path) -> None:
    rows = [x.split("\t") for x in Path(SINGLE).read_text().splitlines() if x[0] != "#"]
    gtf, sco = tmp_path / "a.gtf", tmp_path / "a.sco"
    gtf.write_text(
        "".join(
            "\t".join([*row[:8], f'gene_id "g{i}"; transcript_id "t{i}";']) + "\n"
            for i, row in enumerate(rows)
        )
    )
    sco.write_text(
        '# Sequence Data: seqnum=1;seqlen=60000;seqhdr="NC_000913.3"\n# Model Data: x\n'
        + "".join(f">{i}_{row[3]}_{row[4]}_{row[6]}\n" for i, row in enumerate(rows, 1))
    )
    one, two, three = scores(REFERENCE, SINGLE, str(gtf), str(sco))["predictions"].values()
    assert one == two == three


def test_compressed_and_standard_input() -> None:
    packed = gzip.compress(Path(SINGLE).read_bytes())
    result = evaluate(REFERENCE, "-", "--json", "-", input=packed)
    assert json.loads(result.stdout)["predictions"]["-"]["stop"]["found"] == 51


def test_all_files_are_pipes(tmp_path: Path) -> None:
    """As in 'evaluate <(...) <(...)': each can be read once."""
    plain = scores(REFERENCE, SINGLE)["predictions"]["mg1655.pyrodigal_single"]
    labels = tmp_path / "labels.txt"
    labels.write_text("__label__a one\n__label__b two\n")
    for reference, prediction, headline in (
        (REFERENCE, SINGLE, "53 genes of 54 CDS"),
        (str(labels), str(labels), "2 sequences, 2 labels"),
    ):
        pipes = []
        for path in (reference, prediction):
            name = tmp_path / f"pipe{len(list(tmp_path.iterdir()))}"
            os.mkfifo(name)
            content = Path(path).read_bytes()
            threading.Thread(target=name.write_bytes, args=[content], daemon=True).start()
            pipes.append(str(name))
        result = evaluate(*pipes, "--json", str(tmp_path / "scores.json"))
        assert result.exit_code == 0, result.stderr
        assert headline in result.stdout.splitlines()[0]
        (found,) = json.loads((tmp_path / "scores.json").read_text())["predictions"].values()
        assert found == plain or headline.startswith("2")


@pytest.mark.parametrize(
    ("domain", "measure"),
    [("speech", "word error rate %"), ("ctc", "word error rate %"), ("translation", "BLEU")],
)
def test_the_evaluator_of_a_domain_is_that_of_its_task(
    tmp_path: Path, domain: str, measure: str
) -> None:
    pytest.importorskip({"BLEU": "sacrebleu"}.get(measure, "jiwer"))
    (tmp_path / "texts").write_text("one two three four\n")
    texts = str(tmp_path / "texts")
    result = evaluate("--domain", domain, texts, texts)
    assert result.exit_code == 0, result.stderr
    assert measure in result.stdout


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (("x/a.gff", "b.gff3.gz"), ["a", "b"]),
        (("a.gff", "a.gbk"), ["a.gff", "a.gbk"]),
        (("x/a.gff", "y/a.gff"), ["x/a.gff", "y/a.gff"]),
        (("a.gff", "a.gff"), ["a.gff#1", "a.gff#2"]),
        (("GCF_1.2_x.gff.xz",), ["GCF_1.2_x"]),
        (("-",), ["-"]),
        (("/dev/fd/63", "x/a.gff"), ["/dev/fd/63", "a"]),
    ],
)
def test_column_names(paths: tuple[str, ...], names: list[str]) -> None:
    assert column_names(paths) == names


def annotation(path: Path, *rows: str) -> str:
    path.write_text("##gff-version 3\n" + "".join(f"{row}\n" for row in rows))
    return str(path)


def row(contig: str, start: int, end: int) -> str:
    return f"{contig}\tx\tCDS\t{start}\t{end}\t.\t+\t0\tID={contig}.{start}"


def test_files_that_do_not_belong_together(tmp_path: Path, genome: str) -> None:
    other = annotation(tmp_path / "other.gff3", row("chr1", 1, 90), row("chr2", 1, 90))
    result = evaluate(REFERENCE, SINGLE, other)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"dnatag: error: {other}: no contig in common with {REFERENCE}")
    assert "chr1, chr2 here, NC_000913.3 there" in result.stderr
    assert result.stderr.count("\n") == 1

    result = evaluate(other, other, "--genome", genome)
    assert result.exit_code == 2
    assert "contig chr1, which the genome does not have" in result.stderr

    long = annotation(tmp_path / "long.gff3", row("NC_000913.3", 59_998, 60_003))
    result = evaluate(REFERENCE, long, "--genome", genome)
    assert result.exit_code == 2
    assert "past the end of contig NC_000913.3 (60000 bp)" in result.stderr


def test_contigs_that_one_side_lacks_are_told(tmp_path: Path) -> None:
    a = annotation(tmp_path / "a.gff3", row("c1", 1, 90), row("c2", 1, 90), row("c2", 91, 180))
    b = annotation(tmp_path / "b.gff3", row("c1", 1, 90), row("c3", 1, 90))
    result = evaluate(a, b, "--json", "-")
    assert result.exit_code == 0
    first, second = result.stderr.splitlines()
    assert (
        first
        == f"dnatag: warning: {b}: no genes on c2: the 2 CDS that {a} has there count as missed"
    )
    assert (
        second
        == f"dnatag: warning: {a}: no genes on c3: the 1 CDS that {b} has there count as wrong"
    )
    stop = json.loads(result.stdout)["predictions"]["b"]["stop"]
    assert (stop["reference"], stop["predicted"], stop["found"]) == (3, 2, 1)
    assert evaluate(a, b, "--quiet").stderr == ""


def test_files_without_genes(tmp_path: Path) -> None:
    none = annotation(tmp_path / "none.gff3", "##sequence-region NC_000913.3 1 60000")
    result = evaluate(REFERENCE, none)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert ["F1", "%", "0.00"] in [line.split() for line in result.stdout.splitlines()]
    assert ["precision", "%", "-"] in [line.split() for line in result.stdout.splitlines()]
    result = evaluate(none, SINGLE)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"dnatag: error: {none}: has no CDS")


@pytest.mark.parametrize(
    "arguments",
    [
        [REFERENCE],
        [REFERENCE, SINGLE, "--json", "-", "--tsv", "-"],
        [REFERENCE, "-", "-"],
        [REFERENCE, "absent.gff3"],
    ],
)
def test_wrong_use(arguments: list[str]) -> None:
    result = evaluate(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1


def test_nothing_is_written_on_failure(tmp_path: Path) -> None:
    tsv = tmp_path / "out.tsv"
    result = evaluate(REFERENCE, SINGLE, "--tsv", str(tsv), "--json", str(tmp_path / "no" / "x"))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert not list(tmp_path.iterdir())


def test_an_output_that_is_an_input_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "genes.gff3"
    text = "##gff-version 3\nc\tx\tCDS\t1\t90\t.\t+\t0\tID=a\n"
    path.write_text(text)
    for option in ("--json", "--tsv"):
        result = CliRunner().invoke(main, ["evaluate", str(path), str(path), option, str(path)])
        assert result.exit_code == 2
        assert result.stderr == (
            f"dnatag: error: {path}: is an input as well; name another file for the output\n"
        )
        assert path.read_text() == text


WHOLE = "##gff-version 3\n" + "".join(
    f"c1\tx\tCDS\t{start}\t{end}\t.\t{strand}\t0\tID=g{start}\n"
    for start, end, strand in ((197, 2083, "+"), (2278, 3102, "+"), (3139, 3378, "-"))
)
WITHOUT_STOPS = "".join(
    f'c1\tx\tCDS\t{start}\t{end}\t.\t{strand}\t0\tgene_id "{start}"; transcript_id "{start}";\n'
    for start, end, strand in ((197, 2080, "+"), (2278, 3099, "+"), (3142, 3378, "-"))
)


def test_gtf_that_leaves_stop_codons_out(tmp_path: Path) -> None:
    whole, short = tmp_path / "whole.gff3", tmp_path / "short.gtf"
    whole.write_text(WHOLE)
    short.write_text(WITHOUT_STOPS)
    for files in ((whole, short), (short, whole)):
        result = CliRunner().invoke(main, ["evaluate", *map(str, files)])
        assert result.exit_code == 0
        assert result.stderr.startswith(
            f"dnatag: warning: {short}: the CDS end 3 bp before those of {whole}: GTF leaves"
        )
    result = CliRunner().invoke(main, ["evaluate", str(whole), str(whole)])
    assert result.stderr == ""


def test_rows_of_genes_only(tmp_path: Path) -> None:
    whole, genes = tmp_path / "whole.gff3", tmp_path / "genes.gff3"
    whole.write_text(WHOLE)
    genes.write_text(WHOLE.replace("CDS", "gene"))
    for files in ((whole, genes), (genes, whole)):
        result = CliRunner().invoke(main, ["evaluate", *map(str, files)])
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"{genes}: has no CDS rows (types there: gene)" in result.stderr
    # A prediction without genes is one.
    genes.write_text("##gff-version 3\n##sequence-region c1 1 3500\n")
    assert CliRunner().invoke(main, ["evaluate", str(whole), str(genes)]).exit_code == 0

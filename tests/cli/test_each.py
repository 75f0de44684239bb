"""``dnatag predict --each``: many genomes with one start."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnatag.cli import main

DATA = Path(__file__).parents[1] / "data" / "prodigal"
SEQUENCE = "".join((DATA / "in.fna").read_text().splitlines()[1:73])
PLAIN = ("--genetic-code", "11", "--adapt", "off", "--device", "cpu")


def predict(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["predict", "--each", *map(str, arguments), *PLAIN])


def table(result: Result) -> dict[str, dict[str, str]]:
    rows = csv.DictReader(io.StringIO(result.stdout), delimiter="\t", quoting=csv.QUOTE_NONE)
    return {row["genome"]: row for row in rows}


@pytest.fixture
def genomes(tmp_path: Path) -> Path:
    folder = tmp_path / "genomes"
    folder.mkdir()
    for number, name in enumerate(("one.fna", "two.v2.fasta", "three.fa")):
        # The same name in all: each is a genome of its own.
        (folder / name).write_text(f">contig\n{SEQUENCE[: 4500 - 300 * number]}\n")
    return folder


def test_a_genome_of_its_own_each(genomes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = predict(
        genomes, "-o", out, "--faa", out / "proteins", "--summary", out, "--threads", 2
    )
    assert result.exit_code == 0, result.stderr
    rows = table(result)
    assert list(rows) == ["one", "three", "two.v2"]
    for name, row in rows.items():
        assert row["status"] == "predicted"
        genes = [x for x in (out / f"{name}.gff3").read_text().splitlines() if "\tCDS\t" in x]
        proteins = (out / "proteins" / f"{name}.faa").read_text()
        summary = json.loads((out / f"{name}_mqc.json").read_text())
        assert len(genes) == proteins.count(">") == int(row["genes"]) > 0
        assert summary["data"][name]["genes"] == len(genes)
        assert summary["data"][name]["bases"] == int(row["bases"])
        assert summary["data"][name].keys() == summary["headers"].keys()
    # And the same as of one run for each.
    alone = CliRunner().invoke(main, ["predict", str(genomes / "one.fna"), "-q", *PLAIN])
    together = (out / "one.gff3").read_text()
    assert alone.stdout.split("\n", 4)[4] == together.split("\n", 4)[4]


def test_a_broken_file_does_not_stop_the_others(genomes: Path, tmp_path: Path) -> None:
    (genomes / "empty.fna").touch()
    (genomes / "protein.fna").write_text(">p\nMKLVEEQAFWPIL\n")
    (genomes / "gone.fna").symlink_to("nowhere")
    result = predict(genomes, "-o", tmp_path)
    assert result.exit_code == 1
    rows = table(result)
    failed = {name for name, row in rows.items() if row["status"] == "failed"}
    assert failed == {"empty", "gone", "protein"}
    assert "looks like protein" in rows["protein"]["error"]
    assert sorted(p.name for p in tmp_path.glob("*.gff3")) == [
        "one.gff3",
        "three.gff3",
        "two.v2.gff3",
    ]
    assert "3 genomes predicted, 0 finished before, 3 failed" in result.stderr


def test_what_is_finished_is_passed_over(genomes: Path, tmp_path: Path) -> None:
    def statuses(*options: object) -> list[str]:
        return [row["status"] for row in table(predict(genomes, "-o", tmp_path, *options)).values()]

    assert statuses() == ["predicted"] * 3
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.gff3")}
    assert statuses() == ["finished before"] * 3
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.gff3")} == before
    assert statuses("-q", "--threads", 2) == ["finished before"] * 3
    # But not if a genome is newer, a file is missing, or the options are others.
    later = time.time() + 5
    os.utime(genomes / "three.fa", (later, later))
    assert statuses() == ["finished before", "predicted", "finished before"]
    os.utime(genomes / "three.fa", (0, 0))
    (tmp_path / "one.gff3").unlink()
    assert statuses() == ["predicted", "finished before", "finished before"]
    assert statuses("--min-length", 90) == ["predicted"] * 3


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("-",), "--each reads files, not standard input"),
        (("GENOMES",), "writes to folders: add -o"),
        (("GENOMES", "GENOMES/one.fna", "-o", "OUT"), "would be called like those of"),
        (("GENOMES", "-o", "OUT", "--mask", "GENOMES/one.fna"), "--mask is for one genome"),
        (("GENOMES", "-o", "GENOMES/one.fna"), "cannot make the folder"),
    ],
)
def test_what_is_refused(
    genomes: Path, tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    names = [a.replace("GENOMES", str(genomes)).replace("OUT", str(tmp_path)) for a in arguments]
    result = predict(*names)
    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr


def test_an_input_is_not_replaced(genomes: Path) -> None:
    (genomes / "one.gff3").symlink_to("one.fna")
    result = predict(genomes, "-o", genomes)
    assert result.exit_code == 2
    assert "is an input as well" in result.stderr


def test_a_signal_ends_it_and_leaves_nothing_unfinished(genomes: Path, tmp_path: Path) -> None:
    (genomes / "large.fna").write_text(f">c\n{SEQUENCE * 800}\n")
    command = [sys.executable, "-m", "dnatag", "predict", "--each", genomes, "-o", tmp_path / "out"]
    with subprocess.Popen([*command, *PLAIN, "--threads", "1"], stderr=subprocess.PIPE) as run:
        deadline = time.time() + 60
        while not list(tmp_path.glob("out/.large*")) and time.time() < deadline:
            time.sleep(0.05)
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 143
    assert not list(tmp_path.glob("out/.*"))
    assert not (tmp_path / "out" / "large.gff3").exists()

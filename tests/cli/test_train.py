"""``dnatag train`` as users call it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnatag.cli import main
from dnatag.models.file import read_metadata

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[1] / "data" / "train"
FASTA, GFF = str(DATA / "buchnera.fna"), str(DATA / "buchnera.gff3")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["train", *map(str, arguments)])


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe of a tiny model, and its genome, compressed."""
    for name in (FASTA, GFF):
        with gzip.open(tmp_path / f"{Path(name).name}.gz", "wb") as file:
            file.write(Path(name).read_bytes())
    (tmp_path / "r.tsv").write_text("genome\tannotation\nbuchnera.fna.gz\tbuchnera.gff3.gz\n")
    (tmp_path / "r.toml").write_text(
        'domain = "genes"\n[[corpus]]\ntable = "r.tsv"\n[network]\nhidden = 4\nembedding = 2\n'
        "[training]\nsteps = 50\nbatch = 2\nwindow = 600\nvalidate_every = 2\n"
    )
    return tmp_path / "r.toml"


def test_files_to_a_model(tmp_path: Path) -> None:
    output = tmp_path / "my.dnatag"
    done = run(
        "--genome", FASTA, "--annotation", GFF, "--steps", 1, "--device", "cpu", "-o", output
    )
    assert done.exit_code == 0, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0].startswith("dnatag: 1 genome to train on, 0.03 Mbp, 25 genes; the last 10% of")
    assert lines[1].startswith("dnatag: step 1 of 1, loss ")
    assert lines[2].startswith("dnatag: kept are the weights of step 1 of 1, validation loss ")
    assert lines[3].startswith(f"dnatag: {output}: written, ")
    assert lines[4].startswith(f"dnatag: {output}: held out: stop F1 ")
    shown = CliRunner().invoke(main, ["models", "show", str(output)])
    assert "25 genes" in shown.stdout
    assert read_metadata(output)["training"]["network"]["hidden"] == 96


def test_recipe_with_options(recipe: Path, tmp_path: Path) -> None:
    arguments = (recipe, "--steps", 3, "--seed", 5, "--threads", 2, "--device", "cpu", "-q")
    done = run(*arguments, "-o", tmp_path / "my.dnatag")
    assert (done.exit_code, done.output) == (0, "")
    training = read_metadata(tmp_path / "my.dnatag")["training"]
    assert training["loop"]["steps"] == training["steps"] == 3
    assert training["windows"]["seed"] == training["loop"]["seed"] == 5
    assert (tmp_path / "my.dnatag.run" / "log.csv").read_text().count("\n") == 3
    tuned = tmp_path / "tuned.dnatag"
    recipe.write_text(recipe.read_text().replace("[network]\nhidden = 4\nembedding = 2\n", ""))
    done = run(*arguments, "--from", tmp_path / "my.dnatag", "-o", tuned)
    assert (done.exit_code, done.output) == (0, "")
    assert read_metadata(tuned)["training"]["start"] == "my.dnatag"


def test_resume(recipe: Path, tmp_path: Path) -> None:
    output = tmp_path / "my.dnatag"
    done = run(recipe, "--resume", "-o", output)
    assert done.exit_code == 2
    assert "nothing to resume" in done.stderr
    assert not output.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to train on: name a recipe, or a --genome"),
        (("--annotation", GFF), "nothing to train on"),
        (("--genome", FASTA), "buchnera.fna: has no annotation; give one --annotation for each"),
        (("--genome", FASTA, "--annotation", GFF, "--annotation", GFF), "there is no --genome"),
        (("--genome", GFF), "buchnera.gff3: is a GFF or GTF file; a genome is FASTA"),
        (("--genome", FASTA, "--annotation", FASTA), "annotations are read from GFF3, GTF"),
        (("--genome", "none.fna"), "'none.fna' does not exist"),
        (("--genome", FASTA, "--annotation", GFF, "--genetic-code", "99"), "no genetic code 99"),
        (("--genome", FASTA, "--annotation", GFF, "--from", "nobody"), "no file named nobody"),
        (("--genome", FASTA, "--annotation", GFF, "--folder", DATA), "--folder is for recipes"),
        ((GFF, "--genome", FASTA), "a recipe names its data itself: leave out --gen"),
        ((GFF, "--genetic-code", "4"), "a recipe names its data itself: leave out --gen"),
        ((GFF,), "is no TOML file"),
    ],
)
def test_refusals(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = run(*arguments, "-o", tmp_path / "my.dnatag")
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.startswith("dnatag: error: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_help_shows_commands_line_by_line() -> None:
    lines = [line.strip() for line in run("--help").stdout.splitlines()]
    assert "dnatag train --genome a.gbk --genome b.gbk -o my.dnatag" in lines


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    """It is reported before the work is done, not after."""
    done = run("--genome", FASTA, "--annotation", GFF, "-o", tmp_path / "none" / "my.dnatag")
    assert done.exit_code == 2
    assert "cannot write there" in done.stderr
    done = run("--genome", FASTA, "--annotation", GFF)
    assert done.exit_code == 2
    assert "--output" in done.stderr


def test_an_output_that_is_an_input_is_refused(tmp_path: Path) -> None:
    genome, annotation = tmp_path / "g.fna", tmp_path / "g.gff3"
    genome.write_text(">c\nACGT\n")
    annotation.write_text("##gff-version 3\n")
    link = tmp_path / "link"
    link.symlink_to(annotation)
    files = ["--genome", str(genome), "--annotation", str(annotation)]
    for output in (genome, annotation, link):
        result = CliRunner().invoke(main, ["train", *files, "-o", str(output)])
        assert (result.exit_code, result.stdout) == (2, "")
        assert "is an input as well" in result.stderr
    other = tmp_path / "thesis.txt"
    other.write_text("years of work")
    result = CliRunner().invoke(main, ["train", *files, "-o", str(other)])
    assert result.exit_code == 2
    assert "exists and is not a model of dnatag" in result.stderr
    assert other.read_text() == "years of work"
    assert not list(tmp_path.glob("*.run"))

"""Recipes say what they mean, and a slip in one is reported with its place."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.training.experiment import genome_entries
from dnatag.domains.genes.training.settings import GeneNetwork, GeneTraining
from dnatag.domains.genes.training.table import GenomeEntry, GenomeFiles
from dnatag.errors import InputError
from dnatag.recipe import read_recipe

ROOT = Path(__file__).parents[4]
DATA = ROOT / "tests" / "data" / "train"
COLUMNS = "genome\tannotation\tsplit\tgenetic_code\tweight\tseed\tstarts\torganism\taccessions"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two genomes and a recipe for them."""
    (tmp_path / "genomes").mkdir()
    for name in ("a.fna", "a.gff3", "b.gbk"):
        (tmp_path / "genomes" / name).touch()
    (tmp_path / "mine.tsv").write_text(
        f'{COLUMNS}\na.fna\ta.gff3\tvalidate\t4\t0.5\t7\topen\tA "b" c\tX1,X2\nb.gbk' + 8 * "\t"
    )
    (tmp_path / "mine.toml").write_text(
        'domain = "genes"\n[[corpus]]\ntable = "mine.tsv"\nfolder = "genomes"\n'
    )
    return tmp_path


def test_all_that_a_recipe_can_say(folder: Path) -> None:
    with (folder / "mine.toml").open("a") as file:
        file.write("[network]\nhidden = 8\ndropout = 0.5\n")
        file.write("[training]\nsteps = 30\nlearning_rate = 1\nwindow = 600\n")
    recipe = read_recipe(folder / "mine.toml")
    where = folder / "genomes"
    assert genome_entries(recipe) == [
        GenomeEntry(
            where / "a.fna", where / "a.gff3", "validate", "4", 0.5, 7, "open", 'A "b" c', "X1,X2"
        ),
        GenomeEntry(where / "b.gbk", None, "train", None, None, 1, "trusted", "", ""),
    ]
    assert recipe.network == GeneNetwork(hidden=8, dropout=0.5)
    assert recipe.training == GeneTraining(steps=30, learning_rate=1, window=600)


def test_defaults_and_another_folder(folder: Path) -> None:
    (folder / "genomes").rename(folder / "elsewhere")
    with pytest.raises(InputError, match=r"line 2: there is no file .*--folder"):
        genome_entries(read_recipe(folder / "mine.toml"))
    recipe = read_recipe(folder / "mine.toml", folder / "elsewhere")
    assert genome_entries(recipe)[0].genome == folder / "elsewhere" / "a.fna"
    assert (recipe.network, recipe.training) == (None, GeneTraining())


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("steps = 3\n", r"\[\[corpus\]\] 1: unknown key 'steps'; known are table, folder"),
        ("[network]\nhiden = 3\n", r"\[network\]: unknown key 'hiden'; known are hidden"),
        ("[network]\nhidden = 8.5\n", r"'hidden' must be a whole number, not 8\.5"),
        ("[network]\nhidden = 0\n", "'hidden' must be above 0, not 0"),
        ("[network]\ndropout = 1.5\n", r"'dropout' must be at least 0 and at most 1, not 1\.5"),
        ("[training]\nsteps = true\n", "'steps' must be a whole number, not True"),
        ("[training]\nlearning_rate = 'x'\n", "'learning_rate' must be a number, not 'x'"),
        ("[training]\nlearning_rate = nan\n", "'learning_rate' must be above 0, not nan"),
        ("[training]\nwindow = 1000\n", "'window' must be a multiple of 3"),
        ("[training]\nwindow = 30\n", "of 300 or more bases, not 30"),
        ("= 3\n", "is no TOML file"),
    ],
)
def test_slips_in_the_recipe(folder: Path, addition: str, message: str) -> None:
    with (folder / "mine.toml").open("a") as file:
        file.write(addition)
    with pytest.raises(InputError, match=f"mine.toml.*{message}"):
        read_recipe(folder / "mine.toml")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "must name the columns, one of them 'genome'"),
        ("genome\tweigth\n", "unknown column 'weigth'"),
        ("genome\n", "has no genome to train on"),
        ("genome\tsplit\nb.gbk\tvalidate\n", "has no genome to train on"),
        ("genome\tsplit\nb.gbk\ttest\n", "line 2: split can be train or validate, not 'test'"),
        ("genome\tstarts\nb.gbk\tno\n", "line 2: starts can be trusted or open, not 'no'"),
        ("genome\tsplit\nb.gbk\n", "line 2: has another number of columns"),
        ("genome\nb.gbk\tx\n", "line 2: has another number of columns"),
        ("genome\tweight\nb.gbk\t1\nb.gbk\theavy\n", "line 3: 'heavy' is no weight"),
        ("genome\tweight\nb.gbk\t0\n", r"the weight cannot be 0\.0"),
        ("genome\tseed\nb.gbk\t1.5\n", r"'1\.5' is no seed"),
        ("genome\tannotation\n\ta.gff3\n", "line 2: names no genome"),
        ("genome\tannotation\na.fna\tc.gff3\n", "line 2: there is no file .*c.gff3"),
    ],
)
def test_slips_in_the_table(folder: Path, table: str, message: str) -> None:
    (folder / "mine.tsv").write_text(table)
    with pytest.raises(InputError, match=f"mine.tsv: .*{message}"):
        genome_entries(read_recipe(folder / "mine.toml"))


def test_several_tables(folder: Path) -> None:
    (folder / "more.tsv").write_text("genome\nb.gbk\n")
    with (folder / "mine.toml").open("a") as file:
        file.write('[[corpus]]\ntable = "more.tsv"\nfolder = "genomes"\n')
    entries = genome_entries(read_recipe(folder / "mine.toml"))
    assert [entry.genome.name for entry in entries] == ["a.fna", "b.gbk", "b.gbk"]
    assert [entry.seed for entry in entries] == [7, 1, 0]


def test_no_table(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('domain = "genes"\n[[corpus]]\n')
    with pytest.raises(InputError, match=r"\[\[corpus\]\] 1: the key 'table' is missing"):
        read_recipe(tmp_path / "r.toml")
    (tmp_path / "r.toml").write_text('domain = "genes"\n[[corpus]]\ntable = "none.tsv"')
    with pytest.raises(InputError, match=r"none\.tsv"):
        genome_entries(read_recipe(tmp_path / "r.toml"))


def test_files(tmp_path: Path) -> None:
    fasta, gff = DATA / "buchnera.fna", DATA / "buchnera.gff3"
    flat = tmp_path / "b.gbk"
    flat.write_text("LOCUS       X\n")
    files = GenomeFiles.of([flat, fasta, fasta], [gff, tmp_path / "other.gff3"], "4")
    assert [(e.genome, e.annotation, e.genetic_code) for e in files.entries] == [
        (flat, None, "4"),
        (fasta, gff, "4"),
        (fasta, tmp_path / "other.gff3", "4"),
    ]
    with pytest.raises(InputError, match=r"buchnera\.fna: has no annotation"):
        GenomeFiles.of([fasta, fasta], [gff])
    with pytest.raises(InputError, match=r"no --genome in FASTA that this annotation belongs to"):
        GenomeFiles.of([flat], [gff])
    with pytest.raises(InputError, match=r"buchnera\.gff3: is a GFF .* a genome is FASTA"):
        GenomeFiles.of([gff], [gff])


def test_the_recipe_that_ships(tmp_path: Path) -> None:
    """It can be read, and keeps what is trained on apart from what is validated on."""
    with (ROOT / "recipes" / "prokaryotes.tsv").open() as file:
        table = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    for row in table:
        for key in ("genome", "annotation"):
            path = tmp_path / row[key]
            path.parent.mkdir(exist_ok=True)
            path.touch()
    entries = genome_entries(read_recipe(ROOT / "recipes" / "prokaryotes.toml", tmp_path))
    assert len(entries) == len({e.genome for e in entries}) == 163
    assert {GeneticCode.parse(e.genetic_code or "").table for e in entries} == {4, 11}
    genera = {
        split: {e.genome.name.partition("_")[0] for e in entries if e.split == split}
        for split in ("train", "validate")
    }
    assert not genera["train"] & genera["validate"]
    assert len(genera["validate"]) == 8
    # All but a draft that was never submitted can be looked up.
    assert [e.organism for e in entries if not e.accessions] == [
        "Rhodobacter sphaeroides (KBase SPAdes draft)"
    ]

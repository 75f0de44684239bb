"""``dnatag train`` on tagged text, as users call it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnatag import Tagger
from dnatag.cli import main
from dnatag.models.file import read_metadata
from dnatag.recipe import read_recipe
from dnatag.report import Observer, Progress
from dnatag.training import train

pytestmark = pytest.mark.slow

Toy = tuple[Path, Path, str]
BIO = "Ada\tB-PER\nruns\tO\n\n"
PLAIN = "Ada\tNNP\nruns\tVBZ\n\n"
CORPUS = 'domain = "text"\n[[corpus]]\ntrain = "bio.tsv"\n'
SHORT = "[network]\nhidden = 4\n[training]\nepochs = 1\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["train", *map(str, arguments)])


def quick(*arguments: object) -> Result:
    return run(*arguments, "--device", "cpu", "--threads", 1, "-q")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of tiny corpora."""
    (tmp_path / "bio.tsv").write_text(BIO * 3)
    (tmp_path / "plain.tsv").write_text(PLAIN * 3)
    return tmp_path


def recipe(folder: Path, text: str) -> Path:
    (folder / "r.toml").write_text(text)
    return folder / "r.toml"


def test_a_rule_is_learnt(toy: Toy) -> None:
    path, model, reported = toy
    assert read_metadata(model)["scores"]["test"]["f1"] > 0.9
    lines = reported.splitlines()
    assert lines[0] == "dnatag: [[corpus]] 1: tags are BIO, all 1361 fit"
    assert lines[1].startswith("dnatag: warning: no word vectors")
    assert lines[2].startswith("dnatag: [[corpus]] 1, train: train.tsv: 60 sentences, ")
    assert lines[2].endswith(" tokens; QTY 68, PER 67")
    assert lines[5].startswith("dnatag: 60 sequences of ")
    assert lines[6].startswith("dnatag: step ")
    assert re.search(r", validation loss \S+, f1 0\.\d+$", lines[6])
    assert lines[-2].startswith(f"dnatag: {model}: validate: f1 ")
    score = 100 * read_metadata(model)["scores"]["test"]["f1"]
    assert lines[-1].startswith(f"dnatag: {model}: test: f1 {score:.2f}, precision ")
    assert len(lines) == 6 + 12 + 4  # a line for each epoch
    assert re.fullmatch(
        r"dnatag: kept are the weights of step \d+ of \d+ \(epoch \d+\), validation loss \S+, "
        rf"f1 (0\.9\S+|1\.0+); the course is drawn in {model}\.run/curve\.svg",
        lines[-4],
    )
    assert re.fullmatch(rf"dnatag: {model}: written, 0\.0\d MB", lines[-3])
    shown = CliRunner().invoke(main, ["models", "show", str(model)])
    assert shown.stdout.startswith("# Toy\n")
    assert "| test | " in shown.stdout
    assert path.with_name("toy.dnatag.run").is_dir()


def test_same_seed_same_file(toy: Toy, tmp_path: Path) -> None:
    """Files elsewhere, same model; the seed on the command line goes before the recipe's."""
    path = tmp_path / "toy.toml"
    path.write_text(toy[0].read_text() + "seed = 7\n")
    output = tmp_path / "toy.dnatag"
    done = quick(path, "--folder", toy[0].parent, "--seed", 1, "-o", output)
    assert (done.exit_code, done.output) == (0, "")
    assert output.read_bytes() == toy[1].read_bytes()


def test_an_interrupted_run_ends_the_same(toy: Toy, tmp_path: Path) -> None:
    output = tmp_path / "toy.dnatag"

    class Interrupt(Observer):
        def step(self, progress: Progress) -> None:
            if progress.step > progress.steps / 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(read_recipe(toy[0]), output, device="cpu", observer=Interrupt())
    done = quick(toy[0], "-o", output)
    assert done.exit_code == 2
    assert "has not ended; continue it with --resume" in done.stderr
    done = quick(toy[0], "--resume", "--seed", 2, "-o", output)
    assert done.exit_code == 2
    assert "has other settings (loop.seed)" in done.stderr
    file = toy[0].parent / "train.tsv"
    content = file.read_bytes()
    file.write_bytes(content.replace(b"patient", b"person", 1))
    done = quick(toy[0], "--resume", "-o", output)
    file.write_bytes(content)
    assert done.exit_code == 2
    assert "has other settings (contents of files)" in done.stderr
    done = quick(toy[0], "--resume", "-o", output)
    assert (done.exit_code, done.output) == (0, "")
    assert output.read_bytes() == toy[1].read_bytes()
    assert [p.name for p in sorted((tmp_path / "toy.dnatag.run").iterdir())] == [
        "curve.svg",
        "log.csv",
    ]
    done = quick(toy[0], "--resume", "-o", output)
    assert done.exit_code == 2
    assert "nothing to resume" in done.stderr


@pytest.mark.parametrize("characters", ["cnn", "lstm"])
def test_plain_tags_and_vectors(folder: Path, characters: str) -> None:
    (folder / "v.txt").write_text("ada 1 2\nruns 3 4\n")
    text = f'vectors = "v.txt"\ncharacters = "{characters}"\n'
    text = SHORT.replace("hidden", f"{text}hidden").replace("epochs = 1", "epochs = 40")
    path = recipe(
        folder, CORPUS.replace("bio", "plain") + 'validate = "plain.tsv"\n' + text + "batch = 4\n"
    )
    done = run(path, "--device", "cpu", "--threads", 1, "-o", folder / "m.dnatag")
    assert done.exit_code == 0, done.stderr
    assert done.stderr.splitlines()[-1] == f"dnatag: {folder}/m.dnatag: validate: accuracy 100.00"
    assert read_metadata(folder / "m.dnatag")["targets"]["names"] == ["NNP", "VBZ"]


def test_nothing_to_measure_with(folder: Path) -> None:
    path = recipe(folder, CORPUS + SHORT)
    done = run(path, "--device", "cpu", "--threads", 1, "-o", folder / "m.dnatag")
    assert done.stderr.splitlines()[-1] == (
        f"dnatag: {folder}/m.dnatag: its quality was not measured: there is nothing to validate on "
        "or to test with"
    )


def test_scores_that_are_not_defined_are_left_out(folder: Path) -> None:
    (folder / "none.tsv").write_text("we\tO\n")
    path = recipe(folder, CORPUS + 'validate = "none.tsv"\n' + SHORT + "learning_rate = 1e-8\n")
    done = quick(path, "-o", folder / "m.dnatag")
    assert done.exit_code == 0, done.stderr
    assert "recall" not in json.dumps(read_metadata(folder / "m.dnatag")["scores"])


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        (CORPUS, ("--steps", 5), "--steps is not for text; its recipes have epochs, patience,"),
        (CORPUS, ("--from", "prokaryotes"), "is a model of genes for the task annotation, not for"),
        (CORPUS, ("--genome", "bio.tsv"), "a recipe names its data itself: leave out --genome"),
        (CORPUS, ("--resume",), "nothing to resume"),
        (CORPUS, ("--folder", "elsewhere"), "there is no file elsewhere/bio.tsv"),
        (CORPUS + "colour = 1\n", (), "r.toml: [[corpus]] 1: unknown key 'colour'"),
        (CORPUS + "[training]\nsteps = 5\n", (), "r.toml: [training]: unknown key 'steps'"),
        (
            CORPUS + "[network]\nhidden = 0\n",
            (),
            "r.toml: [network]: 'hidden' must be above 0",
        ),
        (CORPUS + 'test = "none.tsv"\n', (), "r.toml: [[corpus]] 1: there is no file"),
        (CORPUS + 'scheme = "BOI"\n', (), "r.toml: [[corpus]] 1: 'scheme' can be BIO"),
        (CORPUS + "tag_column = 0\n", (), "r.toml: [[corpus]] 1: 'tag_column' is counted from 1"),
        (CORPUS + "tag_column = 3\n", (), "bio.tsv: line 1: has 2 columns, no column 3"),
        (CORPUS + 'encoding = "x"\n', (), "bio.tsv: cannot read: no encoding 'x' is known"),
        (CORPUS + '[[corpus]]\ntrain = "plain.tsv"\n', (), "one model cannot be trained on both"),
        (CORPUS.replace("bio", "plain") + 'scheme = "BIO"\n', (), "'NNP' is no tag of spans"),
        (CORPUS + '[network]\nvectors = "v.txt"\n', (), "v.txt: cannot read: No such file"),
        (CORPUS + '[network]\nvectors = "bio.tsv"\n', (), "bio.tsv: line 1: expected a word"),
        (CORPUS + '[network]\ncharacters = "lstm"\nspelling = 7\n', (), "'spelling' must be even"),
        (
            CORPUS.replace("text", "musik"),
            (),
            "no domain 'musik'; installed are features, genes, music,",
        ),
        ('domain = "text"\n', (), "there is no [[corpus]] to train on"),
        ("domain = text", (), "r.toml: is no TOML file"),
    ],
)
def test_refusals(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    arguments: tuple[object, ...],
    message: str,
) -> None:
    monkeypatch.chdir(folder)
    (folder / "elsewhere").mkdir()
    before = sorted([*folder.iterdir(), recipe(folder, text)])
    done = quick("r.toml", *arguments, "-o", "m.dnatag")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("dnatag: error: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert sorted(folder.iterdir()) == before


def test_a_recipe_that_reads_outside_its_folder_says_so(folder: Path) -> None:
    """Before it reads anything, since words of the file come into the model."""
    (folder / "secret").write_text("word\n")
    (folder / "inside").mkdir()
    path = recipe(folder / "inside", CORPUS.replace("bio.tsv", "../secret"))
    result = run(path, "-o", folder / "m.dnatag")
    assert result.exit_code == 2
    first, last = result.stderr.splitlines()
    assert first == "dnatag: the recipe reads outside its folder: ../secret"
    assert last.startswith("dnatag: error: ")


def test_spans_of_residues_that_touch(folder: Path) -> None:
    rows = [("A", "O"), ("N", "B-site"), ("G", "I-site"), ("N", "B-site"), ("G", "I-site")]
    (folder / "residues.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in rows) + "\n")
    network = '[network]\ntokens = "characters"\nhidden = 8\ndropout = 0\n'
    training = "[training]\nepochs = 60\nbatch = 5\nlearning_rate = 0.05\n"
    path = recipe(folder, CORPUS.replace("bio", "residues") + network + training)
    done = quick(path, "-o", folder / "m.dnatag")
    assert done.exit_code == 0, done.stderr
    found = Tagger.load(folder / "m.dnatag", "cpu").tag("ANGNG").entities
    assert [(e.type, e.start, e.end) for e in found] == [("site", 1, 3), ("site", 3, 5)]

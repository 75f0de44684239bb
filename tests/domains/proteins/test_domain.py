"""Proteins from recipe to topology, by the command line, on proteins made by a rule."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dnatag.cli import main
from dnatag.domains.proteins.domain import DOMAIN
from dnatag.domains.proteins.labels import ResidueLabels
from dnatag.domains.proteins.settings import ProteinCorpus, ProteinNetwork
from dnatag.models.file import read_metadata
from dnatag.models.names import find_model
from dnatag.report import Observer
from dnatag.tasks.base import Recipe
from dnatag.tasks.tagging.model import load_token_model
from dnatag.tasks.tagging.settings import TaggingTraining
from dnatag.tasks.tagging.training.experiment import TaggedData

from ...conftest import Notes

RECIPE = """
domain = "proteins"

[[corpus]]
train = "train.fasta"
test = "test.fasta"
{more}

[network]
residues = 4
hidden = 8
dropout = 0
mutate = 0

[training]
epochs = 8
batch = 300
learning_rate = 0.03
"""


def proteins(seed: int, number: int) -> str:
    """Greasy helices cross the membrane; loops inside are positive, those outside negative."""
    rng = random.Random(seed)
    lines = []
    for name in range(number):
        side, sequence, labels = rng.randrange(2), "", ""
        for _ in range(rng.randint(1, 4)):
            n, m = rng.randint(8, 20), rng.randint(17, 24)
            sequence += "".join(rng.choices(("KRGS", "DEGS")[side], k=n))
            sequence += "".join(rng.choices("LIVFA", k=m))
            labels += "12"[side] * n + "H" * m
            side = 1 - side
        sequence += "".join(rng.choices(("KRGS", "DEGS")[side], k=9))
        lines += [f">p{seed}_{name} made by a rule", sequence, labels + "12"[side] * 9]
    return "".join(f"{line}\n" for line in lines)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    for seed, (split, number) in enumerate((("train", 60), ("test", 30))):
        (tmp_path / f"{split}.fasta").write_text(proteins(seed, number))
    path = tmp_path / "rule.toml"
    path.write_text(RECIPE.format(more=""))
    return path


def run(*words: str | Path) -> str:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_learns_the_rule(recipe: Path, tmp_path: Path) -> None:
    model = tmp_path / "rule.dnatag"
    run("train", recipe, "-o", model, "--threads", "1", "-q")
    scores = read_metadata(model)["scores"]["test"]
    assert scores["alpha topology"] > 0.9
    assert scores["residues"] > 0.95

    # FASTA in, 3-line FASTA out, which 'evaluate' then reads.
    lines = (tmp_path / "test.fasta").read_text().splitlines()
    fasta = tmp_path / "plain.faa"
    fasta.write_text("".join(f"{a}\n{b}*\n" for a, b in zip(lines[::3], lines[1::3], strict=True)))
    found = tmp_path / "found.txt"
    run("tag", "--model", model, fasta, "-o", found, "-q")
    assert found.read_text().splitlines()[::3] == lines[::3]
    assert found.read_text().splitlines()[1::3] == lines[1::3]
    assert "residue" in run("evaluate", tmp_path / "test.fasta", found)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("token_column = 2", "unknown key 'token_column'; known are train,"),
        ('types = "H"', "unknown key 'types'"),
        ("weight = 0", "'weight' must be above 0"),
    ],
)
def test_refusals(recipe: Path, tmp_path: Path, more: str, message: str) -> None:
    recipe.write_text(RECIPE.format(more=more))
    result = CliRunner().invoke(main, ["train", str(recipe), "-o", str(tmp_path / "x.dnatag")])
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_stray_label_of_a_topology(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "train.fasta").write_text(">a\nMKV\n1H2\n>b\nMKV\n1X2\n")
    result = CliRunner().invoke(main, ["train", str(recipe), "-o", str(tmp_path / "x.dnatag")])
    assert result.exit_code == 2
    assert "train.fasta: b: labels of a topology are S, 1, 2, H, B, U, and there" in result.stderr
    assert " are also 'X' (1); fix them or, if no topology is meant, set labels" in result.stderr


def test_proteins_to_measure_with_that_are_trained_on(tmp_path: Path) -> None:
    (tmp_path / "a.fasta").write_text(">a\nMKV\nHEC\n>b\nMKA\nHEC\n")
    (tmp_path / "b.fasta").write_text(">c\nMKV\nHEC\n>d\nMVV\nHEC\n")
    corpus, noted = ProteinCorpus((tmp_path / "a.fasta",), (), (tmp_path / "b.fasta",)), Notes()
    DOMAIN.read([corpus], ProteinNetwork(), noted)
    warning = "warning: 1 of 2 proteins to test on are also trained on, so that scores say little"
    assert noted.lines[-1] == warning


def notes(folder: Path, labels: str, **network: Any) -> list[str]:
    """Read a protein of these labels; return what is noted of them."""
    (folder / "p.fasta").write_text(f">a\n{'A' * len(labels)}\n{labels}\n")
    lines: list[str] = []
    observer = Observer()
    observer.note = lines.append  # type: ignore[method-assign]
    corpus = ProteinCorpus(train=(folder / "p.fasta",))
    own = ProteinNetwork(**network)
    TaggedData(Recipe(DOMAIN, None, (corpus,), TaggingTraining(), own), observer)
    return lines[1:]


def test_labels_that_may_not_be_meant(tmp_path: Path) -> None:
    assert notes(tmp_path, "HHHEECCUU") == [
        "[[corpus]] 1, train: p.fasta: 1 protein, 9 residues; H 3, E 2, C 2, 2 U left open"
    ]
    alike, listed = notes(tmp_path, "HHhEE")
    assert alike == "warning: labels differ in capitals alone, are they one? H (2), h (1)"
    assert listed.endswith("; H 2, E 2, h 1")
    never, hint, listed = notes(tmp_path, "HHXX", unknown="Z")
    assert never == "warning: 'unknown' in [network] is 'Z', which labels no residue"
    assert hint == (
        "warning: X (2) is taken for a label; if it stands for what is not known, "
        'set unknown = "X" in [network]'
    )
    assert len(notes(tmp_path, "HHCXX", unknown="X")) == 1


def test_the_unknown_label_is_that_of_the_model_to_start_from(tmp_path: Path) -> None:
    (tmp_path / "p.fasta").write_text(">a\nMKLV\nHHxE\n")
    shipped, _ = load_token_model(find_model("topology"))
    start = replace(shipped, labelling=ResidueLabels("EH", "x"))
    corpora = [ProteinCorpus(train=(tmp_path / "p.fasta",))]
    _, labelling = DOMAIN.read(corpora, ProteinNetwork(), start=start)
    assert labelling.to_dict() == start.labelling.to_dict()


def structures(seed: int, number: int) -> str:
    """Runs of greasy, of charged and of other residues; some labels are not known."""
    rng = random.Random(seed)
    lines = []
    for name in range(number):
        sequence, labels = "", ""
        for _ in range(rng.randint(4, 7)):
            label, n = rng.choice("HEC"), rng.randint(5, 12)
            sequence += "".join(rng.choices({"H": "AL", "E": "VIT", "C": "GPDN"}[label], k=n))
            labels += label * (n - 1) + rng.choice([label, "x"])
        lines += [f">s{seed}_{name}", sequence, labels]
    return "".join(f"{line}\n" for line in lines)


def test_secondary_structure(recipe: Path, tmp_path: Path) -> None:
    """Any labels can be learnt, and those that are not known do not count."""
    for seed, split in enumerate(("train", "test")):
        (tmp_path / f"{split}.fasta").write_text(structures(seed, 40))
    text = RECIPE.format(more='validate = "test.fasta"')
    recipe.write_text(text.replace("residues = 4", 'unknown = "x"\nresidues = 4'))
    model = tmp_path / "structure.dnatag"
    run("train", recipe, "-o", model, "--threads", "1", "-q")
    about = read_metadata(model)
    assert about["targets"] == {"kind": "residues", "labels": ["C", "E", "H"], "unknown": "x"}
    scores = about["scores"]["test"]
    assert list(scores) == ["q3", "sov", "mcc", "mcc C", "mcc E", "mcc H"]
    assert scores["q3"] > 0.95
    assert scores["sov"] > 0.8

    fasta, found = tmp_path / "plain.faa", tmp_path / "found.txt"
    lines = (tmp_path / "test.fasta").read_text().splitlines()
    fasta.write_text("".join(f"{a}\n{b}\n" for a, b in zip(lines[::3], lines[1::3], strict=True)))
    run("tag", "--model", model, fasta, "-o", found, "-q")
    assert set("".join(found.read_text().splitlines()[2::3])) == set("HEC")
    table = run("evaluate", tmp_path / "test.fasta", found, "--unknown", "x")
    rows = dict(line.rsplit(None, 1) for line in table.splitlines()[3:] if line.split()[1:])
    assert float(rows["residue accuracy %"]) == pytest.approx(100 * scores["q3"], abs=0.01)
    assert float(rows["segment overlap %"]) == pytest.approx(100 * scores["sov"], abs=0.01)


def test_letters_of_spans_are_letters(tmp_path: Path) -> None:
    (warning,) = (line for line in notes(tmp_path, "OOBIIOOBI") if line.startswith("warning"))
    assert "labels look like tags of spans (B, I, O), but each letter is taken as a" in warning
    assert not [line for line in notes(tmp_path, "OOBBIBBOO") if line.startswith("warning")]

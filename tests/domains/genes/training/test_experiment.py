"""From files to a model: what is trained on, what is masked or refused, and that it works."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnatag.domains.genes.domain import DOMAIN
from dnatag.domains.genes.finder import GeneFinder
from dnatag.domains.genes.task import TASK
from dnatag.domains.genes.training import experiment
from dnatag.domains.genes.training.data import GenomeData, read_genomes
from dnatag.domains.genes.training.experiment import GeneExperiment
from dnatag.domains.genes.training.settings import GeneNetwork, GeneTraining
from dnatag.domains.genes.training.table import GenomeEntry, GenomeFiles
from dnatag.errors import InputError
from dnatag.formats.sequences.annotation import read_annotated_genome
from dnatag.models.file import load_model, read_metadata
from dnatag.report import Observer, Progress
from dnatag.tasks.base import Recipe
from dnatag.training import run_experiment

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[3] / "data" / "train"
FASTA, GFF = DATA / "buchnera.fna", DATA / "buchnera.gff3"
SEQUENCE = "".join(FASTA.read_text().split("\n")[1:])
ENTRY = GenomeEntry(FASTA, GFF)
SMALL = GeneTraining(
    steps=40, batch=8, window=900, learning_rate=0.02, validate_every=10, validation_batches=1
)
RECIPE = Recipe(
    DOMAIN,
    TASK,
    (GenomeFiles((ENTRY,)),),
    SMALL,
    GeneNetwork(hidden=8, embedding=4),
    licence="CC0-1.0",
    card="# Tiny",
)

Write = Callable[..., GenomeEntry]
#: A model, and how its training went.
Trained = tuple[Path, list[Progress]]


class Steps(Observer):
    """Hands each step of a run to a function."""

    def __init__(self, function: Callable[[Progress], object]) -> None:
        self.function = function

    def step(self, progress: Progress) -> None:
        self.function(progress)


def train(
    recipe: Recipe, data: GenomeData, output: Path, start: Path | None = None, **options: Any
) -> dict[str, Any]:
    """Train a model of data that have been read already."""
    return run_experiment(GeneExperiment(recipe, start, data=data), output, **options)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a genome: the chunk of Buchnera, with another sequence or other rows."""

    def write(sequence: str = SEQUENCE, rows: list[list[str]] | None = None) -> GenomeEntry:
        (tmp_path / "x.fna").write_text(f">AP036055.1\n{sequence}\n")
        lines = ["\t".join(row) for row in (gff_rows() if rows is None else rows)]
        (tmp_path / "x.gff3").write_text("\n".join(["##gff-version 3", *lines, ""]))
        return GenomeEntry(tmp_path / "x.fna", tmp_path / "x.gff3")

    return write


def gff_rows() -> list[list[str]]:
    return [line.split("\t") for line in GFF.read_text().splitlines() if line[0] != "#"]


def recoded() -> str:
    """Return the chunk with TGA for TGG in its genes, and TAA for TGA at their ends: code 4."""
    letters = list(SEQUENCE)
    ((_, genes),) = read_annotated_genome(FASTA, GFF)
    for gene in genes:
        places = list(gene)
        for i in range(3, len(places) - 3, 3):
            word = "".join(letters[p] for p in places[i : i + 3])
            if gene.strand > 0 and word == "TGG":
                letters[places[i + 2]] = "A"
            elif gene.strand < 0 and word == "ACC":
                letters[places[i + 2]] = "T"
        for place, forward, reverse in zip(places[-3:], "TAA", "ATT", strict=True):
            letters[place] = forward if gene.strand > 0 else reverse
    return "".join(letters)


def test_what_is_read() -> None:
    data = read_genomes([ENTRY])
    (source,) = data.sources
    assert (source.name, source.accessions, source.genetic_code) == ("buchnera", "AP036055.1", "11")
    assert (source.bases, source.contigs, source.genes) == (29402, 1, 25)
    assert (source.masked, source.left_out) == ({}, {})
    assert data.held_out
    sizes = [len(genomes[0].contigs[0].symbols) for genomes in (data.train, data.validate)]
    assert sizes == [26462, 2940]
    assert data.train[0].weight == pytest.approx(29402**0.5)
    assert data.summary() == (
        "1 genome to train on, 0.03 Mbp, 25 genes; "
        "the last 10% of each contig is held out to validate on"
    )


def test_validation_genomes_are_not_trained_on(write: Write) -> None:
    other = replace(write(), split="validate", weight=2.0, organism="Other", accessions="Z1")
    done: list[int] = []

    class Genomes(Observer):
        def advance(self, amount: int) -> None:
            done.append(amount)

    data = read_genomes([ENTRY, other], Genomes())
    assert done == [1, 1]
    assert [g.name for g in data.train] == ["buchnera"]
    assert [g.name for g in data.validate] == ["Other"]
    assert [len(g.contigs[0].symbols) for g in (*data.train, *data.validate)] == [29402, 29402]
    assert data.validate[0].weight == 2.0
    assert data.sources[1].accessions == "Z1"
    assert [entry for entry, _ in data.to_score] == [other]
    assert data.summary().endswith("; 1 to validate on")


def test_signals_of_large_genomes_are_those_of_what_is_trained_on(write: Write) -> None:
    assert not read_genomes([ENTRY]).train[0].signals
    data = read_genomes([ENTRY], min_bases_for_signals=20_000)
    assert len(data.train[0].signals) == 4
    assert data.validate[0].signals is data.train[0].signals
    # What is held out has no part in it.
    tail = round(len(SEQUENCE) * 0.9)
    rows = [row for row in gff_rows() if int(row[4]) <= tail]
    cut = read_genomes([replace(write(rows=rows), seed=0)], min_bases_for_signals=20_000)
    for one, other in zip(cut.train[0].signals, data.train[0].signals, strict=True):
        assert np.array_equal(one.hexamers, other.hexamers)
    other = read_genomes([replace(ENTRY, seed=1)], min_bases_for_signals=20_000)
    tables = [d.train[0].signals[0].hexamers for d in (data, other)]
    assert not np.array_equal(*tables)


def test_masked_and_left_out(write: Write) -> None:
    rows = gff_rows()
    rows[3][8] += ";pseudo=true"
    rows[4][8] += ";pseudo=true"
    rows[5][4] = str(int(rows[5][4]) - 3)  # its stop codon is cut off
    rows[6][8] += ";exception=ribosomal slippage"
    entry = write(rows=rows)
    with entry.genome.open("a") as file:
        file.write(f">short\n{'ACGT' * 70}\n>empty\n{'ACGT' * 3000}\n>plain\n{'ACGT' * 100}\n")
    data = read_genomes([entry])
    (source,) = data.sources
    assert source.masked == {
        "pseudogene": 2,
        "no stop codon at its end": 1,
        "translation exception": 1,
    }
    assert source.left_out == {"shorter than 300 bp": 1, "without CDS": 1}
    assert (source.genes, source.contigs, source.bases) == (21, 2, 29402 + 400)
    assert "; CDS masked: 2 pseudogene, 1 " in data.summary()
    assert "; contigs left out: 1 " in data.summary()


def test_genetic_codes(write: Write) -> None:
    rows = [[*row[:8], row[8].replace("transl_table=11", "transl_table=4")] for row in gff_rows()]
    (source,) = read_genomes([write(recoded(), rows)]).sources
    assert (source.genetic_code, source.genes) == ("4", 25)
    entry = replace(write(recoded()), genetic_code="starts:ATG;stops:TAA,TAG")
    assert read_genomes([entry]).sources[0].genetic_code == "custom"


def test_wrong_genetic_code_is_refused_with_a_hint(write: Write) -> None:
    entry = write(recoded())
    with pytest.raises(InputError) as refusal:
        read_genomes([entry])
    message = str(refusal.value)
    assert message.startswith(f"{entry.annotation}: of 25 CDS ")
    assert " break genetic code 11 (" in message
    assert " stop codon inside); with code 4 all pass: give --genetic-code 4, " in message
    # A code that is too strict is reported as well.
    with pytest.raises(InputError, match=r"no start codon .*; with code 11 all pass"):
        read_genomes([replace(ENTRY, genetic_code="16")])


def test_shifted_annotation_is_refused(write: Write) -> None:
    entry = write("A" + SEQUENCE)
    with pytest.raises(InputError, match="no other code fits; are genome and annotation of the"):
        read_genomes([entry])


def test_other_refusals(write: Write) -> None:
    with pytest.raises(InputError, match=r"x\.gff3: has no CDS"):
        read_genomes([write(rows=[])])
    past = gff_rows()
    past[-1][4] = "29999"
    with pytest.raises(InputError, match="has only 29402 bp"):
        read_genomes([write(rows=past)])
    with pytest.raises(InputError, match="annotates contig 'chr1', which is not in"):
        read_genomes([write(rows=[["chr1", *row[1:]] for row in gff_rows()])])
    pseudo = [[*row[:8], row[8] + ";pseudo=true"] for row in gff_rows()]
    with pytest.raises(InputError, match=r"has no gene to train on \(25 pseudogene\)"):
        read_genomes([write(rows=pseudo)])


@pytest.fixture(scope="module")
def data() -> GenomeData:
    return read_genomes([ENTRY])


@pytest.fixture(scope="module")
def trained(data: GenomeData, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A model of the tiny recipe, and its losses."""
    output = tmp_path_factory.mktemp("trained") / "tiny.dnatag"
    seen: list[Progress] = []
    train(RECIPE, data, output, device="cpu", observer=Steps(seen.append))
    return output, seen


def test_training_works(trained: Trained) -> None:
    output, seen = trained
    assert len(seen) == 40
    assert np.mean([now.loss for now in seen[-5:]]) < 0.2 * seen[0].loss
    assert sorted(p.name for p in output.parent.iterdir()) == ["tiny.dnatag", "tiny.dnatag.run"]
    left = sorted(path.name for path in (output.parent / "tiny.dnatag.run").iterdir())
    assert left == ["curve.svg", "log.csv"]
    genes = GeneFinder(output).find(SEQUENCE)
    ((_, truth),) = read_annotated_genome(FASTA, GFF)
    stops = {(g.strand, g.three_prime) for g in truth}
    assert len(stops & {(g.strand, g.three_prime) for g in genes}) >= 0.6 * len(stops)


def test_what_the_model_says_of_itself(trained: Trained, data: GenomeData) -> None:
    about = read_metadata(trained[0])
    best = min(now.validation_loss for now in trained[1] if now.validation_loss is not None)
    assert about["scores"]["validation_loss"] == pytest.approx(best)
    (row,) = about["scores"]["genomes"]
    # Two genes end in the last tenth, and the scores are of these alone.
    ((_, genes),) = read_annotated_genome(FASTA, GFF)
    assert row["genes"] == sum(g.three_prime >= round(0.9 * len(SEQUENCE)) for g in genes) > 0
    assert row["stop_f1"] == about["scores"]["stop_f1"]
    assert about["licence"] == "CC0-1.0"
    training = about["training"]
    assert training["genomes"][0]["genes"] == 25
    assert training["network"]["hidden"] == 8
    assert (training["steps"], training["held_out"], training["start"]) == (40, 0.1, None)
    assert training["windows"]["window"] == 900
    card = about["card"]
    assert card.startswith("# Tiny\n")
    assert "40 steps" in card
    assert "| buchnera | " in card
    assert "CC0-1.0" in card


def test_same_seed_same_model(trained: Trained, data: GenomeData, tmp_path: Path) -> None:
    weights = load_model(trained[0])[0]
    for seed in (1, 2):
        recipe = replace(RECIPE, training=replace(SMALL, seed=seed))
        train(recipe, data, tmp_path / "again.dnatag", device="cpu")
        again = load_model(tmp_path / "again.dnatag")[0]
        assert all(np.array_equal(weights[k], again[k]) for k in weights) == (seed == 1)


def test_interrupted(trained: Trained, data: GenomeData, tmp_path: Path) -> None:
    """It goes on with --resume only, with the same settings only, to the same model."""
    output = tmp_path / "tiny.dnatag"

    def interrupt(now: Progress) -> None:
        if now.step == 25:
            raise KeyboardInterrupt

    with pytest.raises(InputError, match=r"nothing to resume: .*leave out --resume"):
        train(RECIPE, data, output, device="cpu", resume=True)
    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, data, output, device="cpu", observer=Steps(interrupt))
    with pytest.raises(InputError, match="has not ended; continue it with --resume, or remove"):
        train(RECIPE, data, output, device="cpu")
    other = replace(RECIPE, training=replace(SMALL, seed=2))
    with pytest.raises(InputError, match=r"other settings \(loop\.seed, windows\.seed\)"):
        train(other, data, output, device="cpu", resume=True)
    seen: list[Progress] = []
    train(RECIPE, data, output, device="cpu", resume=True, observer=Steps(seen.append))
    assert seen == trained[1][20:]
    weights, again = load_model(trained[0])[0], load_model(output)[0]
    assert all(np.array_equal(weights[k], again[k]) for k in weights)
    assert read_metadata(output)["scores"] == read_metadata(trained[0])["scores"]


def test_fine_tuning(trained: Trained, data: GenomeData, tmp_path: Path) -> None:
    output = tmp_path / "tuned.dnatag"
    with pytest.raises(InputError, match=r"leave \[network\] out"):
        train(RECIPE, data, output, start=trained[0], device="cpu")
    assert not output.with_name("tuned.dnatag.run").exists()
    seen: list[Progress] = []
    recipe = replace(RECIPE, network=None, training=replace(SMALL, steps=4, learning_rate=None))
    train(recipe, data, output, start=trained[0], device="cpu", observer=Steps(seen.append))
    assert seen[0].loss < 0.3 * trained[1][0].loss
    about = read_metadata(output)
    assert about["training"]["start"] == "tiny.dnatag"
    assert about["training"]["loop"]["learning_rate"] == pytest.approx(1e-3)
    assert json.loads(json.dumps(about)) == about


def test_default_schedule(data: GenomeData) -> None:
    """Enough steps for little data, more for more."""
    few, corpus = experiment._schedule(GeneTraining(), data, fine_tuning=False)
    assert (few.steps, few.warmup, corpus.validation_batches) == (200, 20, 1)
    tuning, _ = experiment._schedule(GeneTraining(), data, fine_tuning=True)
    assert tuning.steps < few.steps
    assert tuning.learning_rate < few.learning_rate
    large = replace(data, train=data.train * 300)
    many, _ = experiment._schedule(GeneTraining(), large, fine_tuning=False)
    assert many.steps == 10 * 300 * 26462 // (32 * 2304)


def test_open_regions() -> None:
    """What is between genes may be anything there."""
    regions = {"AP036055.1": [(0, 2_000)]}
    (closed,), (opened,) = (
        read_genomes([ENTRY], open_regions=open_regions).train for open_regions in (None, regions)
    )
    before, after = closed.contigs[0].labels.allowed, opened.contigs[0].labels.allowed
    changed = np.flatnonzero(before != after)
    assert 0 < len(changed) < 2_000
    assert changed.max() < 2_000
    assert len(set(after[changed].tolist())) == 1
    with pytest.raises(InputError, match="open regions of a contig that no genome has: other"):
        read_genomes([ENTRY], open_regions={"other": [(0, 10)]})

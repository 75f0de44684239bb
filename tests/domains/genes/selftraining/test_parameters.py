"""Parameters of a genome: a file keeps them, and they call all isolates of a species alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnatag import GeneFinder
from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.model import load_gene_model
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.selftraining.parameters import (
    GenomeParameters,
    load_parameters,
    save_parameters,
)
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.errors import DnatagError, InputError
from dnatag.formats.sequences.records import CodingSequence, Contig
from dnatag.models.file import load_model, save_model
from dnatag.models.names import find_model

from ..conftest import Notes

pytestmark = pytest.mark.slow

#: Bases around a gene that must be the same.
AROUND = 500


def train(contig: Contig, **settings: Any) -> tuple[GenomeParameters, list[CodingSequence]]:
    """Return the parameters of a genome, and its genes."""
    notes = Notes()
    finder = GeneFinder(
        adapt="file",
        genetic_code=11,
        device="cpu",
        self_training=SelfTrainingSettings(**settings),
    )
    (prediction,) = finder.predict([contig], observer=notes)
    return notes.parameters[0], prediction.genes


@pytest.fixture(scope="module")
def contig(buchnera: Any) -> Contig:
    return Contig("a", buchnera.sequence[:150_000])


@pytest.fixture(scope="module")
def estimated(contig: Contig) -> tuple[GenomeParameters, list[CodingSequence]]:
    return train(contig)


@pytest.fixture(scope="module")
def isolate(contig: Contig, phage: bytes) -> Contig:
    """Return the same with substitutions, a deletion and a chunk of a phage put in."""
    rng = np.random.default_rng(11)
    letters = np.frombuffer(contig.sequence, np.uint8).copy()
    places = rng.integers(0, len(letters), 40)
    letters[places] = np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, 40)]
    sequence, guest = letters.tobytes(), phage[10_000:22_000]
    return Contig("b", sequence[:52_000] + sequence[55_000:101_000] + guest + sequence[101_000:])


def unlike(
    here: tuple[Contig, list[CodingSequence]], there: tuple[Contig, list[CodingSequence]]
) -> tuple[int, list[CodingSequence]]:
    """How many genes have the same surroundings in both, and which are not called in both."""
    calls = {(g.start, g.end, g.strand) for g in there[1]}
    number, others = 0, []
    for gene in here[1]:
        low, high = gene.start - AROUND, gene.end + AROUND
        if low < 0 or high > len(here[0]):
            continue
        at = there[0].sequence.find(here[0].sequence[low:high])
        if at < 0:
            continue
        number += 1
        if (at + AROUND, at + AROUND + len(gene), gene.strand) not in calls:
            others.append(gene)
    return number, others


@pytest.mark.parametrize("shared", [True, False], ids=["shared parameters", "own parameters"])
def test_the_same_gene_in_every_isolate(
    contig: Contig,
    estimated: tuple[GenomeParameters, list[CodingSequence]],
    isolate: Contig,
    shared: bool,
) -> None:
    genome, genes = estimated
    if shared:
        others = GeneFinder(parameters=genome, device="cpu").find(isolate)
    else:
        _, others = train(isolate)
    for here, there in (
        ((contig, genes), (isolate, others)),
        ((isolate, others), (contig, genes)),
    ):
        number, unlike_genes = unlike(here, there)
        assert number > 60
        # Parameters of its own, of 100 genes here, may turn a gene or a start that is not sure.
        sure = [g for g in unlike_genes if (g.posterior or 0) * (g.start_posterior or 1) > 0.9]
        assert not (unlike_genes if shared else sure)


def test_what_is_saved_calls_the_same_genes(
    contig: Contig, estimated: tuple[GenomeParameters, list[CodingSequence]], tmp_path: Path
) -> None:
    genome, genes = estimated
    save_parameters(tmp_path / "genome", genome)
    again = load_parameters(tmp_path / "genome")
    assert again.code == genome.code
    for part in ("signals", "start_signals"):
        tables = getattr(genome, part).to_arrays()
        for name, table in getattr(again, part).to_arrays().items():
            np.testing.assert_array_equal(table, tables[name])
            assert table.any()
    assert GeneFinder(parameters=again, device="cpu").find(contig) == genes


def test_start_signals_are_estimated_until_they_settle(contig: Contig) -> None:
    """From open frames first, then from the genes that the network finds."""
    settings = SelfTrainingSettings(frames_size=90_000)
    reported = Notes()
    finder = GeneFinder(adapt="file", genetic_code=11, device="cpu", self_training=settings)
    genome = finder.estimate_parameters([contig], observer=reported)
    assert re.match(r"adapted to the genome: codon usage of \d+ genes, starts of \d+", reported[0])
    assert not np.array_equal(genome.signals.profiles, genome.start_signals.profiles)
    settings = replace(settings, max_rounds=0)
    finder = GeneFinder(adapt="file", genetic_code=11, device="cpu", self_training=settings)
    of_frames = finder.estimate_parameters([contig])
    np.testing.assert_array_equal(of_frames.signals.profiles, genome.signals.profiles)
    np.testing.assert_array_equal(of_frames.start_signals.profiles, genome.signals.profiles)


@pytest.mark.parametrize("turn", [1, 41_003, 99_999])
def test_rotating_a_circle_changes_nothing(contig: Contig, turn: int) -> None:
    """Also parameters from a sample of it, and a gene where the file is cut."""
    sizes = {"sample_size": 70_000, "frames_size": 70_000, "sample_stretch": 5_000}
    n = 100_000
    here = Contig("a", contig.sequence[:n], circular=True)
    there = replace(here, sequence=here.sequence[turn:] + here.sequence[:turn])
    genome, genes = train(here, **sizes)
    rotated, others = train(there, **sizes)
    np.testing.assert_array_equal(genome.signals.hexamers, rotated.signals.hexamers)

    def places(found: list[CodingSequence], shift: int) -> dict[tuple[int, int, int], float | None]:
        return {
            ((g.five_prime + shift) % n, (g.three_prime + shift) % n, g.strand): g.posterior
            for g in found
        }

    assert places(others, turn) == pytest.approx(places(genes, 0), abs=1e-6)
    assert len(genes) > 70
    cut = [g for g in (*genes, *others) if len(g.parts) > 1]
    assert len(cut) >= (turn != 99_999)


def test_parameters_of_large_genomes_are_those_of_a_sample(contig: Contig) -> None:
    genome, genes = train(contig, max_genome=100_000)
    assert genome.start_signals is genome.signals
    assert len(genes) > 100


@pytest.mark.parametrize(
    "make",
    [lambda path: path.write_bytes(b"ACGT"), lambda path: path.write_bytes(
        find_model("prokaryotes").read_bytes())],
    ids=["text", "a model"],
)  # fmt: skip
def test_other_files_are_refused(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    path = tmp_path / "genome"
    make(path)
    with pytest.raises(InputError, match="genome"):
        load_parameters(path)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("signals.hexamers", np.zeros(4095, np.float32)),
        ("start_signals.start_codons", np.zeros(64, np.float64)),
        ("start_signals.start_codons", np.full(64, np.nan, np.float32)),
        ("rbs.weights", np.zeros((6, 4, 1), np.float32)),
        ("rbs.more", np.zeros(1, np.float32)),
        ("more", np.zeros(1, np.float32)),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, name: str, table: np.ndarray) -> None:
    """Compiled loops would read beyond the end of a smaller table."""
    path = tmp_path / "genome"
    save_parameters(path, GenomeParameters(GeneticCode.ncbi(11)))
    arrays, metadata = load_model(path)
    if np.isnan(table).any():
        with pytest.raises(DnatagError, match=f"not written: '{name}' has values that are not"):
            save_model(path, {**arrays, name: table}, metadata)
        return
    save_model(path, {**arrays, name: table}, metadata)
    with pytest.raises(InputError, match="genome was saved by another version of dnatag, or is"):
        load_parameters(path)


def test_too_few_genes(buchnera: Any) -> None:
    """The parameters are then those of similar genomes of the panel."""
    genome, genes = train(Contig("x", buchnera.sequence[:9_000]))
    assert genome.code == GeneticCode.ncbi(11)
    assert genome.signals is genome.start_signals
    panel = load_gene_model(find_model("prokaryotes"))[1]
    nearest = panel.nearest([encode(buchnera.sequence[:9_000])], SelfTrainingSettings())
    signals, _ = panel.average(nearest)
    np.testing.assert_array_equal(genome.signals.hexamers, signals.hexamers)
    assert len(genes) > 4

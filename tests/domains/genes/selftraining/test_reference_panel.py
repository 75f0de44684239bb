"""The reference panel: the right genomes are chosen, and a file keeps them."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnatag import GeneFinder
from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.loops import genes_log_odds
from dnatag.domains.genes.model import build, load_gene_model, save_gene_model
from dnatag.domains.genes.nucleotides import encode, reverse_complement
from dnatag.domains.genes.selftraining.reference_panel import ReferencePanel
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.domains.genes.signals.gene_signals import GeneSignals, hexamer_counts
from dnatag.domains.genes.structures.labels import label_genes
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.domains.genes.training.corpus import LabelledContig, LabelledGenome
from dnatag.formats.sequences.records import Contig
from dnatag.models.names import find_model

from ..conftest import Notes

CODE = GeneticCode.ncbi(11)
SETTINGS = SelfTrainingSettings()
AVERAGED = SETTINGS.panel_averaged


def panel_of(genomes: list[LabelledGenome]) -> ReferencePanel:
    return ReferencePanel.estimate((genome.name, genome.examples()) for genome in genomes)


def labelled(name: str, sequence: bytes, genes: list[Any]) -> LabelledGenome:
    symbols = encode(sequence)
    labels = label_genes(symbols, genes, CODE, prokaryotic())
    return LabelledGenome(name, (LabelledContig(symbols, CODE.properties(symbols), labels),), CODE)


@pytest.fixture(scope="module")
def genome(buchnera: Any) -> LabelledGenome:
    return labelled("Buchnera", buchnera.sequence, buchnera.genes)


@pytest.fixture(scope="module")
def rich(buchnera: Any) -> LabelledGenome:
    """Return a genome of another composition."""
    sequence = buchnera.sequence.translate(bytes.maketrans(b"ACGT", b"CAGT"))
    symbols = encode(sequence)
    labels = label_genes(buchnera.sequence, buchnera.genes, CODE, prokaryotic())
    contig = LabelledContig(symbols, CODE.properties(symbols), labels)
    return LabelledGenome("rich", (contig,), CODE)


def test_the_nearest_is_chosen(genome: LabelledGenome, rich: LabelledGenome) -> None:
    panel = panel_of([rich, genome])
    for own in (rich, genome):
        symbols = own.contigs[0].symbols
        for length in (1000, 5000):
            for at in range(0, 600_000, 100_000):
                stretch = symbols[at : at + length]
                nearest = panel.nearest([stretch], SETTINGS)
                assert panel.names[nearest[0]] == own.name
                assert sorted(nearest) == [0, 1]
                assert panel.nearest([reverse_complement(stretch)], SETTINGS) == nearest
    assert ReferencePanel.none().nearest([symbols], SETTINGS) == ()


def test_codon_usage_decides_where_composition_does_not(genome: LabelledGenome) -> None:
    (own,), (rbs,) = (panel_of([genome]).signals, panel_of([genome]).rbs)
    other = replace(own, hexamers=-own.hexamers)
    composition = np.tile(panel_of([genome]).composition, (2, 1))
    panel = ReferencePanel(("other", "own"), composition, (other, own), (rbs, rbs))
    for at in range(0, 600_000, 100_000):
        assert panel.nearest([genome.contigs[0].symbols[at : at + 3000]], SETTINGS) == (1, 0)


def test_odds_are_those_of_all_ways_to_have_genes() -> None:
    """Against the sum over all paths."""
    rng = np.random.default_rng(1)
    base, ratios, leave = rng.integers(0, 4, 17), rng.gamma(2, 1, (2, 4096)), 0.2
    base[4] = -1
    blocks = [[hexamer(base, t + frame) for frame in range(3)] for t in range(0, 10, 3)]
    for row, odds in zip(ratios, genes_log_odds(base, [0, 17], ratios, leave), strict=True):
        total = 0.0
        for path in product(range(7), repeat=len(blocks) + 1):
            chance = 1 / 7
            for before, now, codes in zip(path, path[1:], blocks, strict=False):
                chance *= leave / 7 + (1 - leave) * (before == now)
                if now < 6 and (code := codes[now % 3][now // 3]) >= 0:
                    chance *= row[code]
            total += chance
        assert odds == pytest.approx(np.log(total))


def hexamer(base: np.ndarray, at: int) -> tuple[int, int]:
    """Return the number of a hexamer and of its reverse complement, -1 if it is not clean."""
    six = base[at : at + 6]
    if (six < 0).any():
        return -1, -1
    powers = 4 ** np.arange(5, -1, -1)
    return int(six @ powers), int((3 - six[::-1]) @ powers)


def test_a_few_are_averaged(genome: LabelledGenome, rich: LabelledGenome) -> None:
    others = [replace(rich, name=f"rich {number}") for number in range(AVERAGED)]
    panel = panel_of([*others, genome])
    nearest = panel.nearest([genome.contigs[0].symbols], SETTINGS)
    assert nearest == (AVERAGED, *range(AVERAGED - 1))
    signals, rbs = panel.average(nearest)
    assert rbs is panel.rbs[AVERAGED]
    for field in fields(GeneSignals):
        own, other = (getattr(panel.signals[i], field.name) for i in (AVERAGED, 0))
        mean = (own + (AVERAGED - 1) * other) / AVERAGED
        np.testing.assert_allclose(getattr(signals, field.name), mean, atol=1e-5)


def test_hexamers_of_both_strands(buchnera: Any) -> None:
    symbols = encode(buchnera.sequence[:5000] + b"NNACG")
    counts = hexamer_counts(symbols)
    assert counts.sum() == 2 * (5000 - 5)
    np.testing.assert_array_equal(counts, hexamer_counts(reverse_complement(symbols)))
    assert counts[0] == sum(
        buchnera.sequence[i : i + 6] in (b"AAAAAA", b"TTTTTT") for i in range(4995)
    )


def test_genomes_with_few_genes_and_names_that_came_before(
    genome: LabelledGenome, rich: LabelledGenome, buchnera: Any
) -> None:
    small = labelled("small", buchnera.sequence[:50_000], buchnera.genes[:30])
    panel = panel_of([small, genome, replace(rich, name="Buchnera")])
    assert panel.names == ("Buchnera",)
    np.testing.assert_array_equal(panel.signals[0].hexamers, panel_of([genome]).signals[0].hexamers)
    assert panel_of([small]).names == ()
    both = panel_of([genome]) | panel_of([rich, genome])
    assert both.names == ("Buchnera", "rich")
    assert len(both.composition) == len(both.signals) == len(both.rbs) == 2
    assert (panel | ReferencePanel.none()).names == (ReferencePanel.none() | panel).names


def test_a_model_file_keeps_them(
    genome: LabelledGenome, rich: LabelledGenome, tmp_path: Path
) -> None:
    panel = panel_of([genome, rich])
    tagger = build(hidden=4)
    save_gene_model(tmp_path / "a.dnatag", tagger, {}, panel)
    _, again, metadata = load_gene_model(tmp_path / "a.dnatag")
    assert again.names == ("Buchnera", "rich")
    assert metadata["featurizer"]["panel"] == ["Buchnera", "rich"]
    np.testing.assert_allclose(again.composition, panel.composition, atol=0.01)
    for one, other in zip(again.signals, panel.signals, strict=True):
        for field in fields(GeneSignals):
            table = getattr(other, field.name).clip(-6.35, 6.35)
            np.testing.assert_allclose(getattr(one, field.name), table, atol=0.026)
    for one, other in zip(again.rbs, panel.rbs, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
        np.testing.assert_array_equal(one.spacers, other.spacers)
    save_gene_model(tmp_path / "b.dnatag", tagger, {}, ReferencePanel.none())
    assert load_gene_model(tmp_path / "b.dnatag")[1].names == ()


def test_short_contigs_are_called_like_similar_genomes(buchnera: Any) -> None:
    """Each by itself, so that its company does not matter."""
    _, panel, metadata = load_gene_model(find_model("prokaryotes"))
    assert len(panel.names) > 100
    trained = {g["name"] for g in metadata["training"]["genomes"] if g["split"] == "train"}
    assert set(panel.names) <= trained
    contigs = [
        Contig("a", buchnera.sequence[10_000:18_000]),
        Contig("b", buchnera.sequence[200_000:207_000].translate(bytes.maketrans(b"AT", b"GC"))),
    ]
    finder = GeneFinder(genetic_code=11, device="cpu")
    together = [p.genes for p in finder.predict(contigs)]
    for contig, genes in zip(contigs, together, strict=True):
        notes = Notes()
        (alone,) = finder.predict([contig], observer=notes)
        assert alone.genes == genes
        assert "averages of similar genomes instead: " in notes[0]
    assert together[0] != GeneFinder(genetic_code=11, adapt="off", device="cpu").find(contigs[0])

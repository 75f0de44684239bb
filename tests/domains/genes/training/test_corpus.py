"""Windows of a real chunk of a genome: they match it, they are legal, masks are left open."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dnatag.domains.genes import model
from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.structures.labels import label_genes
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.domains.genes.training.corpus import (
    GenomeWindows,
    LabelledContig,
    LabelledGenome,
    _wrong_start,
)
from dnatag.engine.batch import Batch
from dnatag.engine.crf.chain import Chain
from dnatag.errors import InputError
from dnatag.formats.sequences.annotation import read_annotated_genome

DATA = Path(__file__).parents[3] / "data" / "train"
CODE = GeneticCode.ncbi(11)
STRUCTURE = prokaryotic()
ANY_STATE = STRUCTURE.any_state
PAIRS = read_annotated_genome(DATA / "buchnera.fna", DATA / "buchnera.gff3")


def states(allowed: torch.Tensor) -> np.ndarray:
    """Sets of states as numbers, uint32 (B, L)."""
    bits = allowed.numpy().astype(np.uint32) << np.arange(22, dtype=np.uint32)
    return bits.sum(-1, dtype=np.uint32)


def losses(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    tagger = model.build(hidden=4, embedding=2)
    with torch.no_grad():
        scores = tagger(*batch.inputs, batch.lengths)
        return Chain(
            tagger.grammar,
            scores,
            tagger.transition_weights,
            batch.targets["flags"],
            batch.lengths,
            batch.targets["allowed"],
        ).likelihood_loss()


def test_windows_are_cut_from_the_genome(genome: LabelledGenome) -> None:
    corpus = GenomeWindows([genome], [genome], window=900, batch=40, seed=5)
    batch = corpus.batch_at(12)
    (contig,) = genome.contigs
    text, places = contig.symbols.tobytes(), []
    assert batch.lengths.tolist() == [900] * 40
    for row in range(40):
        place = text.index(batch.inputs[0][row].numpy().tobytes())
        places.append(place)
        here = slice(place, place + 900)
        assert (batch.targets["flags"][row].numpy() == contig.flags[here]).all()
        assert (states(batch.targets["allowed"][row]) == contig.labels.allowed[here]).all()
        if batch.inputs[2][row].any():
            expected = [s.features(contig.symbols, contig.flags)[here] for s in genome.signals]
            assert any(np.array_equal(batch.inputs[2][row].numpy(), e) for e in expected)
    assert len(set(places)) > 30
    assert max(places) - min(places) > len(text) // 2


def test_a_batch_is_a_function_of_its_number(genome: LabelledGenome) -> None:
    corpus = GenomeWindows([genome], [genome], window=600, batch=10, seed=5)
    whole = corpus.batch_at(3)
    for world in (2, 3, 16):
        for rank in range(world):
            share = corpus.batch_at(3, rank, world)
            assert torch.equal(share.inputs[0], whole.inputs[0][rank::world])
            assert torch.equal(share.inputs[2], whole.inputs[2][rank::world])
    assert not torch.equal(whole.inputs[0], corpus.batch_at(4).inputs[0])
    assert not torch.equal(whole.inputs[0], replace(corpus, seed=6).batch_at(3).inputs[0])


def test_validation_is_always_the_same(genome: LabelledGenome) -> None:
    corpus = GenomeWindows([genome], [genome], window=600, validation_batches=3)
    first, again = list(corpus.validation()), list(corpus.validation())
    shares = [*corpus.validation(0, 2), *corpus.validation(1, 2)]
    assert len(first) == len(again) == len(shares) == 3
    for one, other in [*zip(first, again, strict=True), *zip(first, shares[::2], strict=False)]:
        assert torch.equal(one.inputs[0], other.inputs[0])


def test_all_windows_are_legal(genome: LabelledGenome) -> None:
    loss, legal = losses(GenomeWindows([genome], [genome], window=600, batch=64).batch_at(0))
    assert legal.all()
    assert (loss > 0).all()


def test_share_without_signals(genome: LabelledGenome) -> None:
    for unadapted in (0.0, 0.3, 1.0):
        corpus = GenomeWindows([genome], [], window=300, batch=400, unadapted=unadapted)
        seen = corpus.batch_at(0).inputs[2].any(-1).any(-1).float().mean()
        assert 1 - seen == pytest.approx(unadapted, abs=0.08)


def test_weights_and_short_contigs(genome: LabelledGenome) -> None:
    poly_a = LabelledContig(
        np.full(301, 1, np.uint8),
        np.zeros(301, np.uint8),
        label_genes(b"A" * 301, [], CODE, STRUCTURE),
    )
    other = LabelledGenome("a", (poly_a,), CODE, weight=3.0)
    batch = GenomeWindows([genome, other], [], window=600, batch=400).batch_at(0)
    # The longest multiple of three that fits, padded.
    short = batch.lengths == 300
    assert (batch.lengths[~short] == 600).all()
    assert short.float().mean() == pytest.approx(0.75, abs=0.08)
    assert (batch.inputs[0][short][:, :300] == 1).all()
    assert not batch.inputs[0][short][:, 300:].any()
    assert not batch.targets["allowed"][short][:, 300:].any()


def test_masked_bases_are_marginalised(genome: LabelledGenome) -> None:
    """The likelihood of an open base is the sum over the states that it may have."""
    (whole,) = genome.contigs
    gene = next(g for g in whole.labels.genes if g.strand > 0)
    low = (gene.end - 300) // 3 * 3
    place = gene.end - 1 - low  # the last base of the stop codon: the gene, or nothing
    allowed = whole.labels.allowed[low : low + 600].copy()
    sets = [*STRUCTURE.set_of(np.arange(22)), ANY_STATE]
    variants = np.repeat(allowed[None], len(sets), 0)
    variants[:, place] = sets
    shape = len(sets), 600
    symbols, flags = (
        torch.from_numpy(np.broadcast_to(x[low : low + 600], shape).copy())
        for x in (whole.symbols, whole.flags)
    )
    batch = Batch(
        inputs=(symbols, flags, torch.zeros(*shape, 12)),
        lengths=torch.full(shape[:1], 600),
        targets={
            "flags": flags,
            "allowed": torch.from_numpy(STRUCTURE.members(variants)),
        },
    )
    loss, legal = losses(batch)
    single = torch.exp(-loss[:-1])[legal[:-1]].sum()
    assert legal[-1]
    assert 0 < single == pytest.approx(float(torch.exp(-loss[-1])), rel=1e-9)


def test_masked_genes_teach_nothing(genome: LabelledGenome) -> None:
    """Where a gene is a pseudogene, any state is allowed, and elsewhere the labels stay."""
    ((contig, genes),) = PAIRS
    pseudo = [replace(g, pseudo=i % 2 == 0) for i, g in enumerate(genes)]
    labels = label_genes(contig.sequence, pseudo, CODE, STRUCTURE)
    assert labels.masked == Counter(pseudogene=(len(genes) + 1) // 2)
    assert labels.genes == [g for g in pseudo if not g.pseudo]
    open_bases = np.zeros(len(contig), bool)
    for gene in pseudo:
        open_bases[gene.start : gene.end] |= gene.pseudo
    assert (labels.allowed[open_bases] == ANY_STATE).all()
    whole = genome.contigs[0].labels.allowed
    assert (labels.allowed[~open_bases] == whole[~open_bases]).all()


def test_signals(genome: LabelledGenome) -> None:
    """They differ among each other, and are functions of the seed."""
    again = replace(genome, signals=[])
    again.estimate_signals(3)
    other = replace(genome, signals=[])
    other.estimate_signals(4)
    tables = [[a.hexamers for a in g.signals] for g in (genome, again, other)]
    assert all(np.array_equal(x, y) for x, y in zip(tables[0], tables[1], strict=True))
    assert not np.array_equal(tables[0][0], tables[2][0])
    assert not np.array_equal(tables[0][0], tables[0][1])


def test_wrong_starts_are_still_genes(genome: LabelledGenome) -> None:
    ((contig, genes),) = PAIRS
    moved = 0
    for seed, gene in enumerate(genes):
        rng = np.random.default_rng(seed)
        other = _wrong_start(gene, genome.contigs[0].flags, rng)
        assert other.three_prime == gene.three_prime
        assert label_genes(contig.sequence, [other], CODE, STRUCTURE).genes == [other]
        moved += other.five_prime != gene.five_prime
    assert moved > 0.8 * len(genes)


def test_hold_out(genome: LabelledGenome) -> None:
    (contig,) = genome.contigs
    short = contig.part(0, 2999)
    rest, held_out = replace(genome, contigs=(contig, short)).hold_out(0.25)
    assert not rest.signals
    assert not held_out.signals
    cut = round(0.75 * len(contig.symbols))
    assert [len(c.symbols) for c in rest.contigs] == [cut, 2999]
    (tail,) = held_out.contigs
    for name in ("symbols", "flags"):
        joined = np.concatenate([getattr(rest.contigs[0], name), getattr(tail, name)])
        assert (joined == getattr(contig, name)).all()
    joined = np.concatenate([rest.contigs[0].labels.allowed, tail.labels.allowed])
    assert (joined == contig.labels.allowed).all()
    genes = contig.labels.genes
    assert rest.contigs[0].labels.genes == [g for g in genes if g.end <= cut]
    moved = [g.parts[0][0] + cut for g in tail.labels.genes]
    assert moved == [g.start for g in genes if g.start >= cut]
    assert len(moved) > 1
    with pytest.raises(InputError, match="buchnera: no contig has 3000 bp"):
        replace(genome, contigs=(short,)).hold_out(0.25)

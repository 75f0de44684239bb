"""Genes to labels and back, without loss; what cannot be a label is masked, counted, harmless."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from Bio.Seq import Seq
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.structures.labels import Labels, genes_of_path, label_genes
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.engine.crf.chain import Chain
from dnatag.formats.sequences.records import CodingSequence

STRUCTURE = prokaryotic()
GRAMMAR, ANY_STATE = STRUCTURE.grammar, STRUCTURE.any_state
CODE = GeneticCode.ncbi(11)
WORDS = ["ATG", "GTG", "CAT", "CAC", "TAA", "TTA", "GCA", "CGT", "AAC", "GG", "A", "C", "NN", "TAR"]
sequences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=40).map("".join)
seeds = st.integers(0, 2**32 - 1)


def gene(start: int, end: int, strand: int = 1, **flags) -> CodingSequence:
    return CodingSequence("", ((start, end),), strand, **flags)


def path_of(labels: Labels) -> np.ndarray:
    """Return the path of labels that leave no choice."""
    path = np.log2(labels.allowed).astype(np.int16)
    assert (STRUCTURE.set_of(path) == labels.allowed).all()
    return path


def are_legal(sequence: bytes, labels: Labels) -> bool:
    """Whether the CRF finds a legal path within the labels."""
    n = len(sequence)
    chain = Chain[np.ndarray](
        GRAMMAR,
        np.zeros((1, n, len(GRAMMAR.scores))),
        np.zeros(len(GRAMMAR.weights)),
        CODE.properties(encode(sequence))[None],
        np.array([n]),
        STRUCTURE.members(labels.allowed)[None],
    )
    return bool(np.isfinite(chain.log_partition()).all())


def choose(genes: list[CodingSequence], length: int, seed: int) -> list[CodingSequence]:
    """Choose a legal set: at most two genes at a base and one for each stop or open end."""
    rng = np.random.default_rng(seed)
    depth = np.zeros(length, dtype=int)
    ends, chosen = set(), []
    for i in rng.permutation(len(genes))[: rng.integers(0, 12)]:
        cds = genes[i]
        frame = (cds.five_prime + cds.strand * cds.phase) % 3
        end = (cds.strand, cds.three_prime, frame)
        if end not in ends and depth[cds.start : cds.end].max() < 2:
            ends.add(end)
            chosen.append(cds)
            depth[cds.start : cds.end] += 1
    return chosen


@settings(max_examples=100, deadline=None)
@given(sequences, seeds)
def test_round_trip(naive, sequence: str, seed: int) -> None:
    genes = choose(naive.genes(sequence, CODE), len(sequence), seed)
    labels = label_genes(sequence.encode(), genes, CODE, STRUCTURE)
    assert not labels.masked
    assert set(labels.genes) == set(genes)
    path = path_of(labels)
    assert tuple(GRAMMAR.states[s] for s in path) == naive.path(genes, len(sequence))
    assert are_legal(sequence.encode(), labels)
    found = genes_of_path(path, CODE.properties(encode(sequence.encode())), STRUCTURE)
    assert set(found) == set(genes)
    assert len(found) == len(genes)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 640_000), st.integers(1, 1500), seeds)
def test_round_trip_on_a_real_genome(naive, buchnera, at: int, size: int, seed: int) -> None:
    sequence = buchnera.sequence[at : at + size].upper()
    genes = choose(naive.genes(sequence.decode(), CODE), len(sequence), seed)
    labels = label_genes(sequence, genes, CODE, STRUCTURE)
    found = genes_of_path(path_of(labels), CODE.properties(encode(sequence)), STRUCTURE, "x", 17)
    moved = [replace(g, contig="x", parts=((g.start + 17, g.end + 17),)) for g in genes]
    assert not labels.masked
    assert set(found) == set(moved)
    assert len(found) == len(moved)


def test_round_trip_of_an_annotation(buchnera) -> None:
    labels = label_genes(buchnera.sequence, buchnera.genes, CODE, STRUCTURE)
    assert len(buchnera.genes) == 582
    assert not labels.masked
    assert labels.genes == sorted(buchnera.genes, key=lambda g: (g.parts, g.strand))
    flags = CODE.properties(encode(buchnera.sequence))
    assert set(genes_of_path(path_of(labels), flags, STRUCTURE)) == set(buchnera.genes)


@pytest.mark.parametrize("turn", [999, 1000, 1001])
@pytest.mark.parametrize("strand", [1, -1])
def test_a_gene_across_the_origin(buchnera, strand: int, turn: int) -> None:
    # The first gene, 196..2083, is on the forward strand, and that of 8910..11322 is not.
    whole = next(g for g in buchnera.genes if g.strand == strand)
    sequence = buchnera.sequence[:20_000]
    cut = whole.start + turn
    n = len(sequence)
    sequence = sequence[cut:] + sequence[:cut]
    inside = [g for g in buchnera.genes if g.end <= n]
    moved = [
        replace(g, parts=(((g.start - cut) % n, (g.end - cut) % n),)) for g in inside if g != whole
    ]
    crossing = replace(whole, parts=((n - turn, n), (0, len(whole) - turn)))
    labels = label_genes(sequence, [*moved, crossing], CODE, STRUCTURE)
    assert not labels.masked
    assert crossing in labels.genes
    assert are_legal(sequence, labels)
    found = genes_of_path(path_of(labels), CODE.properties(encode(sequence)), STRUCTURE)
    halves = [g for g in found if g not in moved]
    assert [g.parts[0] for g in halves] == [(0, len(whole) - turn), (n - turn, n)]
    first, second = halves if strand < 0 else halves[::-1]  # in reading direction
    assert (first.partial5, first.partial3, first.phase) == (False, True, 0)
    assert (second.partial5, second.partial3, second.phase) == (True, False, -len(first) % 3)
    pseudo = label_genes(sequence, [*moved, replace(crossing, pseudo=True)], CODE, STRUCTURE)
    assert (pseudo.allowed == ANY_STATE).sum() == len(whole)
    assert (pseudo.allowed[[0, -1]] == ANY_STATE).all()


@pytest.mark.parametrize("at", [0, 270_000])
def test_open_starts(buchnera, at: int) -> None:
    """Each gene may begin where its reading frame has a start codon, and may do nothing else."""
    sequence = buchnera.sequence[at : at + 8_000]
    genes = [
        replace(g, parts=((g.start - at, g.end - at),))
        for g in buchnera.genes
        if at <= g.start and g.end <= at + 8_000
    ]
    opened = label_genes(sequence, genes, CODE, STRUCTURE, open_starts=True).allowed
    assert are_legal(sequence, Labels(opened))
    forward, reverse = sequence.decode(), str(Seq(sequence.decode()).reverse_complement())
    number = 0
    for i, gene in enumerate(genes):
        text, here = forward, gene.five_prime
        if gene.strand < 0:
            text, here = reverse, len(reverse) - 1 - gene.five_prime
        first = here
        while first >= 3 and text[first - 3 : first] not in CODE.stops:
            first -= 3
        for start in range(first, here + len(gene) - 60, 3):
            if text[start : start + 3] not in CODE.starts:
                continue
            low, high = start, here + len(gene)
            if gene.strand < 0:
                low, high = len(text) - high, len(text) - low
            moved = replace(gene, parts=((low, high),))
            others = genes[:i] + genes[i + 1 :]
            labels = label_genes(sequence, [*others, moved], CODE, STRUCTURE)
            if labels.masked:  # a third gene at a base
                continue
            number += start != here
            allowed = bool((labels.allowed & opened).all())
            assert allowed == (start <= here + len(gene) // 2)
        without = label_genes(sequence, genes[:i] + genes[i + 1 :], CODE, STRUCTURE)
        assert not (without.allowed & opened).all()
    assert number > 50


def test_open_regions(buchnera) -> None:
    """Between genes anything may be there, and genes stay as they are."""
    sequence, region = buchnera.sequence, (5_000, 9_000)
    closed = label_genes(sequence, buchnera.genes, CODE, STRUCTURE).allowed
    opened = label_genes(
        sequence, buchnera.genes, CODE, STRUCTURE, open_regions=[region, (9_500, 9_500)]
    ).allowed
    covered = np.zeros(len(sequence), bool)
    for gene in buchnera.genes:
        for start, end in gene.parts:
            covered[start:end] = True
    silent = np.zeros(len(sequence), bool)
    silent[slice(*region)] = ~covered[slice(*region)]
    assert silent.any()
    assert (opened[silent] == ANY_STATE).all()
    assert (opened[~silent] == closed[~silent]).all()


#: A gene at 3..18, one of the other strand at 20..32, and a half one at the end.
CONTIG = b"CCCATGAAATGGCCATAACCTTAGGTTTTCATCCATGCCC"
FORWARD, REVERSE, LAST = gene(3, 18), gene(20, 32, -1), gene(34, 40, partial3=True)


def test_the_contig() -> None:
    labels = label_genes(CONTIG, [LAST, REVERSE, FORWARD], CODE, STRUCTURE)
    assert labels.genes == [FORWARD, REVERSE, LAST]
    assert not labels.masked
    assert STRUCTURE.frame_of_state[path_of(labels)][3].tolist() == [
        f == "+0" for f in STRUCTURE.frames
    ]
    assert STRUCTURE.frame_of_state[path_of(labels)][20].tolist() == [
        f == "-2" for f in STRUCTURE.frames
    ]


@pytest.mark.parametrize(
    ("cds", "why"),
    [
        (replace(FORWARD, pseudo=True), "pseudogene"),
        (replace(FORWARD, exception=True), "translation exception"),
        (replace(FORWARD, parts=((3, 9), (11, 18))), "spliced or frameshifted"),
        (replace(FORWARD, partial5=True), "partial inside the contig"),
        (replace(REVERSE, partial3=True), "partial inside the contig"),
        (gene(3, 17), "length no multiple of three"),
        (gene(3, 15), "no stop codon at its end"),
        (gene(34, 40), "no stop codon at its end"),
        (gene(6, 18), "no start codon at its beginning"),
        (gene(20, 29, -1), "no start codon at its beginning"),
        (gene(23, 32, -1), "no stop codon at its end"),
        (gene(34, 43), "outside the contig"),
        (gene(-3, 18), "outside the contig"),
        (gene(7, 40, partial3=True), "no start codon at its beginning"),
        (gene(3, 40, partial3=True), "stop codon inside"),
        (gene(0, 3, partial5=True), "no stop codon at its end"),
        (gene(0, 32, -1, partial3=True), "stop codon inside"),
        (gene(0, 0, partial5=True), "no stop codon at its end"),
    ],
)
def test_what_cannot_be_a_label_is_masked(cds: CodingSequence, why: str) -> None:
    labels = label_genes(CONTIG, [cds], CODE, STRUCTURE)
    assert labels.masked == {why: 1}
    assert labels.genes == []
    masked = np.zeros(len(CONTIG), dtype=bool)
    masked[max(cds.start, 0) : cds.end] = True
    assert (labels.allowed[masked] == ANY_STATE).all()
    assert (labels.allowed[~masked] == 1).all()
    assert are_legal(CONTIG, labels)


def test_of_two_genes_with_one_stop_the_longer_is_kept() -> None:
    sequence = b"ATGAAAATGAAATAA"
    labels = label_genes(sequence, [gene(6, 15), gene(0, 15)], CODE, STRUCTURE)
    assert labels.genes == [gene(0, 15)]
    assert labels.masked == {"second gene with the same stop": 1}
    assert (labels.allowed == ANY_STATE).tolist() == [False] * 6 + [True] * 9
    assert are_legal(sequence, labels)


def test_of_three_genes_at_a_base_the_shortest_is_masked() -> None:
    # Three frames that run off the right end; the third begins last.
    sequence = b"ATGATGCCATGCCCCCC"
    genes = [gene(0, 17, partial3=True), gene(3, 17, partial3=True), gene(8, 17, partial3=True)]
    assert label_genes(sequence, [genes[1], genes[2]], CODE, STRUCTURE).genes == genes[1:]
    sequence = b"ATGCATGCCATGCCCCC"
    genes = [gene(start, 17, partial3=True) for start in (0, 4, 9)]
    genes[2] = gene(0, 17, -1, phase=1, partial5=True, partial3=True)
    labels = label_genes(sequence, genes, CODE, STRUCTURE)
    assert labels.genes == [genes[2], genes[0]] or labels.genes == [genes[0], genes[2]]
    assert labels.masked == {"more than two genes at a base": 1}
    assert (labels.allowed == ANY_STATE).tolist() == [False] * 4 + [True] * 13


def test_genes_that_run_off_an_end_in_different_frames() -> None:
    """They share their last base, but not their stop."""
    sequence = b"ATGCATGCCCCCC"
    genes = [gene(0, 13, partial3=True), gene(4, 13, partial3=True)]
    labels = label_genes(sequence, genes, CODE, STRUCTURE)
    assert labels.genes == genes
    assert not labels.masked


@pytest.mark.parametrize("short", [0, 1, 2])
@pytest.mark.parametrize("strand", [1, -1])
def test_partial_genes_reach_the_ends(strand: int, short: int) -> None:
    """Some annotations leave out the incomplete codons of partial genes."""
    forward, reverse = b"GCATGGCCTAAGG", b"CCTTAGGCCATGC"
    sequence = forward if strand > 0 else reverse
    n = len(sequence)
    # In reading direction the gene has 2 bases of a codon, and then ATG GCC TAA.
    part = (short, 11) if strand > 0 else (n - 11, n - short)
    given_as = gene(*part, strand, phase=2 - short, partial5=True)
    labels = label_genes(sequence, [given_as], CODE, STRUCTURE)
    whole = gene(*((0, 11) if strand > 0 else (2, n)), strand, phase=2, partial5=True)
    assert labels.genes == [whole]
    assert are_legal(sequence, labels)
    assert genes_of_path(path_of(labels), CODE.properties(encode(sequence)), STRUCTURE) == [whole]
    sequence = b"CCATGGCCGC" if strand > 0 else b"GCGGCCATGG"
    part = (2, 10 - short) if strand > 0 else (short, 8)
    labels = label_genes(sequence, [gene(*part, strand, partial3=True)], CODE, STRUCTURE)
    whole = gene(*((2, 10) if strand > 0 else (0, 8)), strand, partial3=True)
    assert labels.genes == [whole]
    assert genes_of_path(path_of(labels), CODE.properties(encode(sequence)), STRUCTURE) == [whole]


def test_a_partial_gene_that_begins_with_a_start_codon_reads_as_whole() -> None:
    """Labels say which bases are coding; whether more lay beyond the end they cannot say."""
    for sequence, strand in ((b"ATGGCCTAA", 1), (b"TTAGGCCAT", -1)):
        for flags in ({"partial5": True}, {"partial3": True}, {"partial5": True, "partial3": True}):
            labels = label_genes(sequence, [gene(0, 9, strand, **flags)], CODE, STRUCTURE)
            assert not labels.masked
            found = genes_of_path(path_of(labels), CODE.properties(encode(sequence)), STRUCTURE)
            assert found == [gene(0, 9, strand)]


def test_masks_of_split_genes() -> None:
    """An intron is masked with its gene, the way round a circular contig is not."""
    sequence = b"ACGT" * 3000
    n = len(sequence)

    def masked(*parts: tuple[int, int]) -> np.ndarray:
        labels = label_genes(sequence, [CodingSequence("", parts, 1)], CODE, STRUCTURE)
        assert labels.masked.total() == 1
        return np.flatnonzero(labels.allowed == ANY_STATE)

    assert masked((100, 200), (300, 400)).tolist() == [*range(100, 400)]
    assert masked((100, 200), (9000, 9100)).tolist() == [*range(100, 200), *range(9000, 9100)]
    assert masked((n - 9, n), (0, 9)).tolist() == [*range(9), *range(n - 9, n)]
    assert masked((n - 9, n), (0, 9), (10, 40)).tolist() == [*range(40), *range(n - 9, n)]


@st.composite
def annotations(draw: st.DrawFn, length: int) -> list[CodingSequence]:
    """Anything that a reader may return, sense or nonsense."""
    genes = []
    for _ in range(draw(st.integers(0, 6))):
        points = draw(st.lists(st.integers(0, length), min_size=2, max_size=4, unique=True))
        points = sorted(points[: len(points) // 2 * 2])
        parts = tuple(zip(points[::2], points[1::2], strict=True))
        if draw(st.integers(0, 4)) == 0:
            parts = ((points[-1], length), (0, points[0] + 1))
            parts = tuple(p for p in parts if p[0] < p[1])
        flags = [draw(st.sampled_from([False, False, False, True])) for _ in range(4)]
        strand, phase = draw(st.sampled_from([1, -1])), draw(st.integers(0, 2))
        genes.append(CodingSequence("", parts, strand, phase, *flags))
    return genes


@settings(max_examples=100, deadline=None)
@given(sequences.filter(lambda s: len(s) > 4), st.data())
def test_nothing_makes_labels_illegal(naive, sequence: str, data: st.DataObject) -> None:
    possible = naive.genes(sequence, CODE)
    sound = data.draw(st.lists(st.sampled_from(possible), max_size=6, unique=True))
    genes = sound + data.draw(annotations(len(sequence)))
    genes = data.draw(st.permutations(genes))
    labels = label_genes(sequence.encode(), genes, CODE, STRUCTURE)
    assert len(labels.genes) + labels.masked.total() == len(genes)
    assert are_legal(sequence.encode(), labels)
    # What is kept is one of the possible genes, or crosses the origin.
    places = {(g.parts, g.strand) for g in possible}
    assert all((g.parts, g.strand) in places for g in labels.genes if len(g.parts) == 1)
    assert labels.genes == sorted(labels.genes, key=lambda g: (g.parts, g.strand))
    assert isinstance(labels.masked, Counter)


def test_no_path_and_no_contig() -> None:
    assert genes_of_path(np.zeros(0, np.int16), np.zeros(0, np.uint8), STRUCTURE) == []
    labels = label_genes(b"", [], CODE, STRUCTURE)
    assert labels.allowed.shape == (0,)
    assert labels.genes == []

"""Codon usage and start signals against a recount over strings, and on real genes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from Bio.Seq import Seq
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dnatag.domains.genes.codes import START, GeneticCode
from dnatag.domains.genes.nucleotides import encode, reverse_complement
from dnatag.domains.genes.signals.gene_signals import (
    FEATURES,
    MIRROR_FEATURES,
    GeneExamples,
    GeneSignals,
    mirror_flags,
)
from dnatag.formats.sequences.records import CodingSequence

CODE = GeneticCode.ncbi(11)
BEFORE, BEHIND = 40, 12
HEXAMERS, CODONS, PENTAMERS = (
    {"".join(w): i for i, w in enumerate(product("ACGT", repeat=k))} for k in (6, 3, 5)
)
#: Bins of 5-mers: gaps of 0 to 3 bases, 4 and 5, 6 and 7, ... between 5-mer and start codon.
BINS = [0] * 4 + [1] * 2 + [2] * 2 + [3] * 2 + [4] * 3 + [5] * 5 + [6] * 6 + [7] * 6 + [8] * 6
WORDS = ["ATG", "GTG", "CAT", "TAA", "TTA", "GCA", "CGT", "AACGAT", "GGAGGA", "AAAAGC", "C", "N"]


def contig(sequence: str, genes: list[CodingSequence]) -> GeneExamples:
    symbols = encode(sequence.encode())
    return GeneExamples(symbols, CODE.properties(symbols), genes)


def start_codon(text: str, place: int) -> int:
    """Number of a start codon; N counts as A."""
    return CODONS[text[place : place + 3].replace("N", "A")]


class Recount:
    """The tables by their definition, from strings."""

    def __init__(self, naive) -> None:
        self.is_one_of = naive.is_one_of
        self.coding, self.background = np.zeros(4096), np.zeros(4096)
        # First genes of operons, inner genes, rivals of either.
        self.codons = np.zeros((3, 64))
        self.profiles = np.zeros((3, BEFORE + BEHIND, 4))
        self.pentamers = np.zeros((3, 1024, 9))

    def add(self, sequence: str, genes: list[CodingSequence]) -> None:
        n = len(sequence)
        for strand, text in ((1, sequence), (-1, str(Seq(sequence).reverse_complement()))):
            for i in range(n - 5):
                if text[i : i + 6] in HEXAMERS:
                    self.background[HEXAMERS[text[i : i + 6]]] += 1
            own = [
                (g.start, g.end, g) if strand > 0 else (n - g.end, n - g.start, g)
                for g in genes
                if g.strand == strand and len(g.parts) == 1
            ]
            # Of genes at the same place, a complete start comes before a partial one.
            own.sort(key=lambda p: (*p[:2], p[2].phase if p[2].partial5 else 0, p[2].partial5))
            last = None
            for start, end, gene in own:
                first_codon = start + (gene.phase if gene.partial5 else 0)
                for i in range(first_codon + 3, end - 8, 3):
                    if text[i : i + 6] in HEXAMERS:
                        self.coding[HEXAMERS[text[i : i + 6]]] += 1
                if not gene.partial5:
                    inner = last is not None and start - last < 25
                    self.add_start(text, start, int(inner))
                    for rival in self.rivals(text, start):
                        self.add_start(text, rival, 2)
                last = end

    def rivals(self, text: str, start: int) -> list[int]:
        """Start codons in frame within 150 bases, with no stop between."""
        found = []
        for step in (-3, 3):
            place = start + step
            while 0 <= place <= len(text) - 3 and abs(place - start) <= 150:
                codon = text[place : place + 3]
                if self.is_one_of(codon, CODE.stops):
                    break
                if self.is_one_of(codon, CODE.starts):
                    found.append(place)
                place += step
        return found

    def add_start(self, text: str, start: int, kind: int) -> None:
        self.codons[kind, start_codon(text, start)] += 1
        for i in range(-BEFORE, BEHIND):
            if 0 <= start + i < len(text) and text[start + i] in "ACGT":
                self.profiles[kind, i + BEFORE, "ACGT".index(text[start + i])] += 1
        for gap, gap_bin in enumerate(BINS):
            word = text[start - gap - 5 : start - gap] if start - gap >= 5 else ""
            if word in PENTAMERS:
                self.pentamers[kind, PENTAMERS[word], gap_bin] += 1

    @staticmethod
    def log_odds(counts: np.ndarray, background: np.ndarray, prior: float) -> np.ndarray:
        """For each column of words, shrunk by `prior` pseudocounts of the background."""
        rate = (background + 1) / (background + 1).sum(0)
        return np.log((counts + prior * rate) / (counts.sum(0) + prior) / rate)

    def tables(self) -> dict[str, np.ndarray]:
        pentamers, profiles = self.pentamers, self.profiles
        return {
            "hexamers": self.log_odds(self.coding, self.background, 1000),
            "start_codons": self.log_odds(self.codons[0] + self.codons[1], self.codons[2], 10),
            "profiles": np.stack(
                [self.log_odds(profiles[k].T, profiles[2].T, 20).T for k in range(2)]
            ),
            "pentamers": np.stack(
                [self.log_odds(pentamers[k], pentamers[2], 1000) for k in range(2)]
            ),
        }


@settings(max_examples=25, deadline=None)
@example([(6, 0)])
@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 2**32 - 1)), min_size=1, max_size=3))
def test_tables_are_those_of_a_recount(naive, drawn: list[tuple[int, int]]) -> None:
    recount, contigs = Recount(naive), []
    for size, seed in drawn:
        rng = np.random.default_rng(seed)
        sequence = "".join(rng.choice(WORDS, size // 3))
        every = naive.genes(sequence, CODE)
        genes = [every[i] for i in rng.permutation(len(every))[:12]]
        genes += [replace(g, parts=((g.start, g.end - 1), (0, 1))) for g in genes[:1]]
        recount.add(sequence, genes)
        contigs.append(contig(sequence, genes))
    tables = GeneSignals.estimate(contigs).to_arrays()
    expected = recount.tables()
    assert tables.keys() == expected.keys()
    for name, table in tables.items():
        assert table.dtype == np.float32
        np.testing.assert_allclose(table, expected[name], rtol=1e-5, atol=1e-6, err_msg=name)


def naive_features(naive, text: str, tables: dict[str, np.ndarray]) -> np.ndarray:
    """Features of the strand that is read."""
    out = np.zeros((len(text), 6))
    for t in range(len(text)):
        if text[t : t + 6] in HEXAMERS:
            out[t, 0] = tables["hexamers"][HEXAMERS[text[t : t + 6]]]
        if not naive.is_one_of(text[t : t + 3], CODE.starts):
            continue
        out[t, 1] = tables["start_codons"][start_codon(text, t)]
        for kind in range(2):
            out[t, 2 + kind] = 0.25 * sum(
                tables["profiles"][kind, i + BEFORE, "ACGT".index(text[t + i])]
                for i in range(-BEFORE, BEHIND)
                if 0 <= t + i < len(text) and text[t + i] in "ACGT"
            )
            words = ((text[t - gap - 5 : t - gap], gap) for gap in range(36) if t - gap >= 5)
            out[t, 4 + kind] = max(
                (
                    tables["pentamers"][kind, PENTAMERS[w], BINS[gap]]
                    for w, gap in words
                    if w in PENTAMERS
                ),
                default=0.0,
            )
    return out


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 400), st.integers(0, 2**32 - 1))
def test_features(naive, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sequence = "".join(rng.choice(WORDS, size // 3))
    none = GeneSignals.none().to_arrays()
    tables = {k: rng.normal(size=v.shape).astype(np.float32) for k, v in none.items()}
    symbols, flags, _ = contig(sequence, [])
    found = GeneSignals(**tables).features(symbols, flags)
    assert found.dtype == np.float32
    assert found.shape == (len(sequence), len(FEATURES))
    other = str(Seq(sequence).reverse_complement())
    np.testing.assert_allclose(found[:, :6], naive_features(naive, sequence, tables), atol=1e-5)
    np.testing.assert_allclose(found[::-1, 6:], naive_features(naive, other, tables), atol=1e-5)

    # The other strand has the same scores, turned round and in the other order, to the bit.
    symbols = reverse_complement(symbols)
    turned = GeneSignals(**tables).features(symbols, CODE.properties(symbols))
    assert (turned == found[::-1, list(MIRROR_FEATURES)]).all()


def test_names_of_the_mirrored_features() -> None:
    turned = [FEATURES[i] for i in MIRROR_FEATURES]
    assert [name[1:] for name in turned] == [name[1:] for name in FEATURES]
    assert all(a[0] != b[0] for a, b in zip(turned, FEATURES, strict=True))


@given(st.text(st.sampled_from("ACGTN")))
def test_mirrored_flags(sequence: str) -> None:
    symbols = encode(sequence.encode())
    flags = CODE.properties(reverse_complement(symbols))
    assert mirror_flags(CODE.properties(symbols)).tolist() == flags.tolist()


def test_a_window_needs_only_its_surroundings(buchnera) -> None:
    """Bits of a contig may name a start codon that a window cuts off; it is left out."""
    symbols, flags, genes = contig(buchnera.sequence[:9000].decode(), buchnera.genes[:9])
    signals = GeneSignals.estimate([(symbols, flags, genes)])
    whole = signals.features(symbols, flags)
    starts = np.flatnonzero(flags[2000:7000] & START) + 2000
    for low, high in ((int(starts[0]) - 100, int(starts[-1]) + n) for n in (1, 2, 3)):
        window = signals.features(symbols[low:high], flags[low:high])
        assert (window[64:-64] == whole[low + 64 : high - 64]).all()
        assert window[starts[-1] - low, 1:6].any() == (high >= starts[-1] + 3)


def test_without_genes_nothing_is_favoured(buchnera) -> None:
    symbols, flags, _ = contig(buchnera.sequence[:5000].decode(), [])
    assert not GeneSignals.none().features(symbols, flags).any()
    for contigs in ([], [(symbols, flags, [])]):
        estimated = GeneSignals.estimate(contigs)
        assert np.abs(estimated.features(symbols, flags)).max() < 1e-12


@pytest.fixture(scope="module")
def signals(buchnera) -> GeneSignals:
    return GeneSignals.estimate([contig(buchnera.sequence.decode(), buchnera.genes)])


def test_the_order_of_contigs_and_genes_does_not_matter(buchnera) -> None:
    chunks = []
    for low in range(0, 300_000, 50_000):
        inside = [g for g in buchnera.genes if low <= g.start and g.end <= low + 50_000]
        moved = [replace(g, parts=((g.start - low, g.end - low),)) for g in inside]
        chunks.append(contig(buchnera.sequence[low : low + 50_000].decode(), moved))
    tables = GeneSignals.estimate(chunks).to_arrays()
    rng = np.random.default_rng(1)
    for _ in range(3):
        shuffled = [chunks[i] for i in rng.permutation(len(chunks))]
        shuffled = [
            e._replace(genes=[e.genes[i] for i in rng.permutation(len(e.genes))]) for e in shuffled
        ]
        again = GeneSignals.estimate(shuffled).to_arrays()
        assert all((again[name] == table).all() for name, table in tables.items())


def test_either_strand_gives_the_same_tables(buchnera, signals: GeneSignals) -> None:
    n = len(buchnera.sequence)
    genes = [
        replace(g, parts=((n - g.end, n - g.start),), strand=-g.strand) for g in buchnera.genes
    ]
    turned = str(Seq(buchnera.sequence.decode()).reverse_complement())
    again = GeneSignals.estimate([contig(turned, genes)]).to_arrays()
    assert all((again[name] == table).all() for name, table in signals.to_arrays().items())


def test_true_starts_and_frames_stand_out(buchnera) -> None:
    """Tables of one half of the genome recognise the genes of the other."""
    half = len(buchnera.sequence) // 2
    sequence = buchnera.sequence.decode()
    known = [g for g in buchnera.genes if g.end <= half]
    unseen = [g for g in buchnera.genes if g.start >= half and len(g) >= 300]
    signals = GeneSignals.estimate([contig(sequence[:half], known)])
    symbols, flags, _ = contig(sequence, [])
    scores, n = signals.features(symbols, flags), len(sequence)
    strands = {1: (scores, flags), -1: (scores[::-1, list(MIRROR_FEATURES)], mirror_flags(flags))}
    advantage, frames = [], []
    for g in unseen:
        start, end = (g.start, g.end) if g.strand > 0 else (n - g.end, n - g.start)
        own, own_flags = (x[start:end] for x in strands[g.strand])
        usage = [own[shift:-5:3, 0].mean() for shift in range(3)]
        frames.append(usage[0] == max(usage))
        scores = own[:, 1] + own[:, 2:4].max(1) + own[:, 4:].max(1)
        rivals = [t for t in range(3, 150, 3) if own_flags[t] & START]
        if rivals:
            advantage.append(scores[0] - scores[rivals].mean())
    assert len(unseen) > 200
    assert np.mean(frames) > 0.9
    assert np.mean(advantage) > 1.5
    assert np.mean(np.array(advantage) > 0) > 0.85


def test_allowing_codons() -> None:
    rng = np.random.default_rng(5)
    tables = replace(GeneSignals.none(), hexamers=rng.normal(size=4096).astype(np.float32))
    found = tables.allowing(["TGA"])
    for name, index in HEXAMERS.items():
        before, after = tables.hexamers[index], found.hexamers[index]
        assert after == (max(before, 0) if "TGA" in (name[:3], name[3:]) else before)
    assert (tables.allowing([]).hexamers == tables.hexamers).all()
    assert replace(found, hexamers=tables.hexamers) == tables

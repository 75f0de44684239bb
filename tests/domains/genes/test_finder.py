"""The gene finder on real sequence: what must hold of its genes, and what must not matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from Bio.Data.IUPACData import ambiguous_dna_values
from Bio.Seq import MutableSeq, Seq
from Bio.SeqRecord import SeqRecord

from dnatag import GeneFinder
from dnatag.domains.genes.codes import START, START_REVERSE, STOP, STOP_REVERSE, GeneticCode
from dnatag.domains.genes.decoding.assemble import Assembler, Prediction
from dnatag.domains.genes.decoding.chunks import Chunk, PaddedContig
from dnatag.domains.genes.decoding.encoded import CutContigs
from dnatag.domains.genes.decoding.lengths import LengthSettings
from dnatag.domains.genes.decoding.settings import DecodingSettings
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.domains.genes.signals.gene_signals import FEATURES, GeneExamples, GeneSignals
from dnatag.domains.genes.structures.labels import genes_of_path
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.engine.crf.chain import Segment
from dnatag.engine.inference.tiles import Tiling
from dnatag.engine.inference.windows import Runner, Window
from dnatag.errors import InputError
from dnatag.formats.sequences.records import CodingSequence, Contig

from .conftest import Notes, recoded

#: Of a posterior, between ways of cutting the same sequence.
CLOSE = 3e-4
SETTINGS = DecodingSettings()
CODES = {
    "11": GeneticCode.ncbi(11),
    "4": GeneticCode.ncbi(4),
    "25": GeneticCode.ncbi(25),
    "custom": GeneticCode.parse("starts:ATG;stops:TAA,TGA,CTA"),
}


@pytest.fixture(scope="module")
def finder() -> GeneFinder:
    return GeneFinder(genetic_code=11, adapt="off", device="cpu")


@pytest.fixture(scope="module")
def contigs(buchnera: Any, phage: bytes) -> list[Contig]:
    """Return two stretches of real genomes."""
    return [Contig("buchnera", buchnera.sequence[1:32_000]), Contig("phage", phage[:22_001])]


@pytest.fixture(scope="module")
def expected(finder: GeneFinder, contigs: list[Contig]) -> list[Prediction]:
    return list(finder.predict(contigs, per_base=True))


def places(genes: Sequence[CodingSequence]) -> list[tuple[Any, ...]]:
    return [(g.parts, g.strand, g.phase, g.partial5, g.partial3) for g in genes]


def posteriors(genes: Sequence[CodingSequence]) -> np.ndarray:
    return np.array([(g.posterior, -1 if g.partial5 else g.start_posterior) for g in genes])


def assert_same(found: Sequence[CodingSequence], expected: Sequence[CodingSequence]) -> None:
    assert places(found) == places(expected)
    np.testing.assert_allclose(posteriors(found), posteriors(expected), rtol=0, atol=CLOSE)


def mirrored(genes: Sequence[CodingSequence], length: int) -> list[CodingSequence]:
    turned = [
        replace(
            g,
            parts=tuple((length - end, length - start) for start, end in g.parts[::-1]),
            strand=-g.strand,
        )
        for g in genes
    ]
    return sorted(turned, key=lambda g: (g.start, g.end, -g.strand))


def is_one_of(codon: str, codons: frozenset[str]) -> bool:
    """Whether all that a codon may stand for is in a set."""
    return codons.issuperset(map("".join, product(*(ambiguous_dna_values[b] for b in codon))))


def obeys(gene: CodingSequence, contig: Contig, code: GeneticCode, *, closed: bool = False) -> None:
    """Assert, with Biopython and plain strings, that a gene is legal."""
    letters = str(contig.sequence, "ascii").upper().replace("U", "T")
    ((start, end),) = gene.parts
    assert 0 <= start < end <= len(letters)
    assert "N" * SETTINGS.gap not in letters[start:end]
    bases = (
        letters[start:end] if gene.strand > 0 else str(Seq(letters[start:end]).reverse_complement())
    )
    codons = [bases[i : i + 3] for i in range(gene.phase, len(bases), 3)]
    left_open, right_open = (gene.partial5, gene.partial3)[:: gene.strand]
    gap = "N" * SETTINGS.gap
    assert not left_open or start == 0 or letters[:start].endswith(gap)
    assert not right_open or end == len(letters) or letters[end:].startswith(gap)
    if closed:
        assert not left_open
        assert not right_open
    if not gene.partial5:
        assert gene.phase == 0
        assert is_one_of(codons[0], code.starts)
    if gene.partial3:
        codons = [c for c in codons if len(c) == 3]
    else:
        assert len(codons[-1]) == 3
        assert is_one_of(codons.pop(), code.stops)
    assert not any(is_one_of(codon, code.stops) for codon in codons)
    assert 0 < (gene.posterior or 0) <= 1
    assert (gene.start_posterior is None) == gene.partial5
    assert gene.genetic_code == code.table


# What must hold ------------------------------------------------------------------------------


def test_real_genes_are_found(expected: list[Prediction], buchnera: Any) -> None:
    """Most of the annotation: a finder that finds nothing would pass the other tests."""
    found = {(g.three_prime, g.strand) for g in expected[0].genes}
    annotated = {
        (g.three_prime - 1, g.strand)
        for g in buchnera.genes
        if g.start > 100 and g.end < 31_900 and len(g) >= 300
    }
    assert len(annotated) > 20
    assert len(annotated & found) >= 0.9 * len(annotated)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_genes_obey_the_genetic_code(buchnera: Any, phage: bytes, code: str, closed: bool) -> None:
    rng = np.random.default_rng(5)
    letters = np.frombuffer(phage[300:9_000] + buchnera.sequence[5_000:14_000], np.uint8).copy()
    letters[rng.random(len(letters)) < 0.002] = ord("R")
    letters[rng.random(len(letters)) < 0.002] = ord("y")
    sequence = letters.tobytes().replace(b"TTT", b"UUT")
    sequence = (
        sequence[:2000].lower() + b"N" * 9 + sequence[2000:8000] + b"n" * 10 + sequence[8000:]
    )
    sequence = (
        sequence[:15_000] + b"N" * 50 + sequence[15_000:15_040] + b"N" * 200 + sequence[15_040:]
    )
    contig = Contig("x", sequence)
    finder = GeneFinder(
        genetic_code=CODES[code], adapt="off", closed_ends=closed, min_length=6, device="cpu"
    )
    genes = finder.find(contig)
    for gene in genes:
        obeys(gene, contig, CODES[code].usual, closed=closed)
    assert len(genes) > 5
    assert {g.strand for g in genes} == {1, -1}
    if not closed:
        assert any(g.partial5 or g.partial3 for g in genes)


def test_labels_and_genes_agree(
    finder: GeneFinder, contigs: list[Contig], expected: list[Prediction]
) -> None:
    for contig, prediction in zip(contigs, expected, strict=True):
        labels, frames = prediction.labels, prediction.posteriors()
        assert labels is not None
        assert (labels.dtype, labels.shape) == (np.int8, (len(contig),))
        assert (frames.dtype, frames.shape) == (np.float32, (len(contig), 6))
        assert ((frames >= 0) & (frames <= 1)).all()
        flags = CODES["11"].properties(encode(contig.sequence))
        genes = [g for g in genes_of_path(labels, flags, prokaryotic()) if len(g) >= 60]
        assert places(genes) == places(prediction.genes)
        for gene in genes:
            frame = (len(gene) - gene.phase - 1) % 3 + (0 if gene.strand > 0 else 3)
            reported = next(g.posterior for g in prediction.genes if g.parts == gene.parts)
            at = gene.three_prime
            assert prediction.posteriors(at, at + 1)[0, frame] == pytest.approx(reported, abs=1e-5)
    with pytest.raises(ValueError, match="per_base"):
        next(finder.predict([Contig("x", b"ACGT")])).posteriors()


def test_posteriors_are_those_of_the_crf(finder: GeneFinder, contigs: list[Contig]) -> None:
    """Gene and start, from the states along the whole gene instead of those at its ends."""
    contig = replace(contigs[1], sequence=contigs[1].sequence[:9000])
    genes = finder.find(contig)
    decoder = finder._decoder
    sequence = PaddedContig.of(contig, GenomeParameters(CODES["11"]), 60, SETTINGS)
    cut = CutContigs([sequence], [Chunk(0, 0, len(contig), True, True)])
    ((_, chain),) = decoder._batches(cut, [0], decoder._encode(cut, [0]))
    sets = prokaryotic().frame_of_state.T.copy()  # set i: the states where frame i is open

    def segment(gene: CodingSequence, upstream: int, last: int) -> Segment:
        """Let the gene be open from some bases upstream of its start over so many bases."""
        position = np.arange(-upstream, last) - gene.phase
        open_frames = position % 3 + (0 if gene.strand > 0 else 3)
        if gene.strand > 0:
            return Segment(0, gene.start - upstream, open_frames)
        return Segment(0, gene.end + upstream - (last + upstream), open_frames[::-1].copy())

    def posterior(segments: list[Segment]) -> np.ndarray:
        return np.exp(chain.segment_log_posterior(segments, sets))

    assert len(genes) > 8
    whole = posterior([segment(g, 0, len(g)) for g in genes])
    for gene, exact in zip(genes, whole, strict=True):
        stop = replace(gene, parts=((gene.end - 3, gene.end),), phase=0)
        if gene.strand < 0:
            stop = replace(gene, parts=((gene.start, gene.start + 3),), phase=0)
        if gene.partial3:
            continue
        by_stop = posterior([segment(stop, 0, 3)])[0]
        assert gene.posterior == pytest.approx(by_stop, abs=CLOSE)
        if gene.partial5:
            continue
        before = gene.five_prime - gene.strand
        bit = STOP if gene.strand > 0 else STOP_REVERSE
        if 0 <= before < len(contig) and not sequence.flags[sequence.pad + before] & bit:
            exact -= posterior([segment(gene, 1, len(gene))])[0]
        assert gene.start_posterior == pytest.approx(exact / by_stop, abs=CLOSE)


def test_signals_of_the_genome_count_beside_the_network(buchnera: Any) -> None:
    """Between starts of a gene, of both strands; averages of other genomes do not count."""
    contig = Contig("x", buchnera.sequence[:9000])
    symbols = encode(contig.sequence)
    flags = CODES["11"].properties(symbols)
    signals = GeneSignals.estimate([GeneExamples(symbols, flags, buchnera.genes[:8])])
    lengths = LengthSettings(scale=0.5)

    def scores(estimated: bool, **weights: float) -> np.ndarray:
        settings = DecodingSettings(lengths=lengths, **weights)
        finder = GeneFinder(genetic_code=11, adapt="off", device="cpu", decoding=settings)
        parameters = GenomeParameters(CODES["11"], signals, signals, estimated=estimated)
        cut = CutContigs(
            [PaddedContig.of(contig, parameters, 60, settings)],
            [Chunk(0, 0, len(contig), True, True)],
        )
        decoder = finder._decoder
        ((_, chain),) = decoder._batches(cut, [0], decoder._encode(cut, [0]))
        return chain.scores[0]

    grammar = prokaryotic().grammar
    more = scores(True, codon_weight=3, profile_weight=4)
    less = scores(True, codon_weight=0, profile_weight=0)
    of_bases = signals.features(symbols, flags)
    for strand, stop in (("+", STOP), ("-", STOP_REVERSE)):
        codon, first, inner = (
            of_bases[:, FEATURES.index(strand + name)]
            for name in ("start codon", "profile first", "profile inner")
        )
        column = grammar.scores.index(f"{strand}start")
        added = 0.5 * (3 * codon + 4 * (first + inner) / 2)
        centre = (more - less)[:, column] - added
        step = 3 if strand == "+" else -3
        centres: dict[int, list[float]] = {}
        for start in np.flatnonzero(less[:, column]).tolist():
            at = start + (2 if step > 0 else -2)
            while 0 <= at < len(flags) and not flags[at] & stop:
                at += step
            centres.setdefault(at, []).append(centre[start])
        assert len(centres) > 20
        for of_gene in centres.values():
            assert np.ptp(of_gene) < 1e-3
        assert np.std([of_gene[0] for of_gene in centres.values()]) > 0.1
        more[:, column] = less[:, column]
    assert (more == less).all()
    assert (scores(False, codon_weight=3) == scores(False, codon_weight=0)).all()


def test_posteriors_of_all_starts_sum_to_one(contigs: list[Contig]) -> None:
    finder = GeneFinder(
        genetic_code=11,
        adapt="off",
        alternative_starts=True,
        device="cpu",
        decoding=DecodingSettings(max_alternatives=10_000, min_alternative=-1.0),
    )
    contig = contigs[1]
    letters = str(contig.sequence, "ascii")
    number = 0
    for gene in finder.find(contig):
        text = letters if gene.strand > 0 else str(Seq(letters).reverse_complement())
        at = gene.five_prime if gene.strand > 0 else len(text) - 1 - gene.five_prime
        while at >= 0 and text[at : at + 3] not in CODES["11"].stops:
            at -= 3
        total = (gene.start_posterior or 0) + sum(p for _, p in gene.alternative_starts)
        if at >= 0:
            number += len(gene.alternative_starts)
            assert total == pytest.approx(1, abs=CLOSE)
        else:  # it may begin before the contig does
            assert total < 1 + CLOSE
    assert number > 100


def test_min_length(finder: GeneFinder, contigs: list[Contig]) -> None:
    every = GeneFinder(genetic_code=11, adapt="off", min_length=60, device="cpu").find(contigs[1])
    long = GeneFinder(genetic_code=11, adapt="off", min_length=600, device="cpu").find(contigs[1])
    assert 0 < len(long) < len(every)
    assert_same(long, [g for g in every if len(g) >= 600])
    short = GeneFinder(genetic_code=11, adapt="off", min_length=6, device="cpu").find(contigs[1])
    assert {g.three_prime for g in every} <= {g.three_prime for g in short}


def test_very_short_genes_are_not_begun() -> None:
    """Only starts with a stop codon less than 60 bases on are dropped, on both strands."""
    rng = np.random.default_rng(3)
    sequence = bytes(rng.choice(list(b"ACGT"), 3000).tolist())
    full = CODES["11"].usual.properties(encode(sequence))
    thinned = PaddedContig.of(Contig("x", sequence), GenomeParameters(CODES["11"]), 60, SETTINGS)
    thinned_bits = thinned.flags[thinned.pad :][: len(sequence)]
    for text, flags, kept in (
        (sequence, full, thinned_bits),
        (bytes(Seq(sequence).reverse_complement()), full[::-1] >> 2, thinned_bits[::-1] >> 2),
    ):
        for at in np.flatnonzero(flags & START):
            codons = [text[i : i + 3] for i in range(at, len(text) - 2, 3)]
            stops = [i for i, codon in enumerate(codons) if codon in (b"TAA", b"TAG", b"TGA")]
            assert bool(kept[at] & START) == (not stops or 3 * (stops[0] + 1) >= 60)


def test_gaps(finder: GeneFinder, contigs: list[Contig]) -> None:
    """A gene crosses 9 N, but not 10, where parts of it end."""
    gene = max(finder.find(contigs[0]), key=len)
    low = max(gene.start - 1000, 0)
    region = contigs[0].sequence[low : gene.end + 1000]
    begin, end = gene.start - low, gene.end - low
    # A codon near the middle where neither part begins with a start codon by chance.
    flags = CODES["11"].properties(encode(region))
    middle = next(
        at
        for at in range(begin + len(gene) // 6 * 3, end, 3)
        if not flags[at] & START and not flags[at - 1] & START_REVERSE
    )
    for n in (3, 9):
        genes = finder.find(region[:middle] + b"N" * n + region[middle + n :])
        assert any((g.start, g.end) == (begin, end) for g in genes)
    for n in (10, 12, 300):
        genes = finder.find(region[:middle] + b"N" * n + region[middle:])
        assert not any(g.start < middle + n and g.end > middle for g in genes)
        left = next(g for g in genes if g.start == begin)
        right = next(g for g in genes if g.end == end + n)
        assert (left.end, right.start) == (middle, middle + n)
        assert (left.partial5, left.partial3)[:: left.strand] == (False, True)
        assert (right.partial5, right.partial3)[:: right.strand] == (True, False)


# What must not matter ------------------------------------------------------------------------


def test_the_other_strand_has_the_mirrored_genes(
    finder: GeneFinder, contigs: list[Contig], expected: list[Prediction]
) -> None:
    for contig, prediction in zip(contigs, expected, strict=True):
        turned = bytes(Seq(contig.sequence).reverse_complement())
        assert_same(finder.find(turned), mirrored(prediction.genes, len(contig)))


def test_the_other_strand_has_the_same_parameters(buchnera: Any) -> None:
    """Also where a genome is sampled and cut into chunks."""
    finder = GeneFinder(
        genetic_code=11,
        adapt="file",
        device="cpu",
        decoding=DecodingSettings(chunk=15_000, overlap=4_000),
        self_training=SelfTrainingSettings(
            sample_size=40_000,
            frames_size=40_000,
            sample_stretch=5_000,
            start_sample=30_000,
            min_genes=10,
        ),
    )
    forward = [
        Contig("a", buchnera.sequence[:40_001]),
        Contig("b", buchnera.sequence[50_000:60_000]),
    ]
    turned = [replace(c, sequence=bytes(Seq(c.sequence).reverse_complement())) for c in forward]
    notes = Notes()
    found = list(finder.predict(forward, observer=notes))
    assert any("adapted to the genome" in note for note in notes)
    # In another order, too.
    others = list(finder.predict(turned[::-1]))[::-1]
    for here, there in zip(found, others, strict=True):
        assert_same(there.genes, mirrored(here.genes, len(here.contig)))


@pytest.mark.parametrize(
    ("core", "margin", "steps", "chunk", "overlap", "group"),
    [
        (300, 320, 5_000, 9_000, 2_500, 20_000),
        (1000, 640, 1, 5_000, 3_000, 1),
        (5000, 320, 90_000, 20_000, 5_000, 10**7),
    ],
)
def test_cutting_does_not_matter(
    contigs: list[Contig],
    expected: list[Prediction],
    core: int,
    margin: int,
    steps: int,
    chunk: int,
    overlap: int,
    group: int,
) -> None:
    tiling = Tiling(core, margin, steps)
    finder = GeneFinder(
        genetic_code=11,
        adapt="off",
        device="cpu",
        decoding=DecodingSettings(chunk=chunk, overlap=overlap, group=group, tiling=tiling),
    )
    for found, whole in zip(finder.predict(contigs, per_base=True), expected, strict=True):
        assert_same(found.genes, whole.genes)
        np.testing.assert_array_equal(found.labels, whole.labels)
        np.testing.assert_allclose(found.posteriors(), whole.posteriors(), rtol=0, atol=10 * CLOSE)


def test_tiles_join_to_one_pass(finder: GeneFinder, contigs: list[Contig]) -> None:
    """Nearly all scores of the shipped model agree to 1e-4 (they are of the order of 10)."""
    sequences = [PaddedContig.of(c, GenomeParameters(CODES["11"]), 60, SETTINGS) for c in contigs]
    windows = [Window(s.symbols, s.flags, 0, len(s.symbols)) for s in sequences]

    def features(places: np.ndarray) -> np.ndarray:
        return np.zeros((len(places), 12), np.float32)

    tiled, in_one_pass = (
        Runner(finder._decoder.runner.encoder, Tiling(core)).scores(
            windows, [features] * len(windows)
        )
        for core in (512, 10**6)
    )
    for tiles, whole in zip(tiled, in_one_pass, strict=True):
        assert np.abs(whole).max() > 3
        difference = np.abs(tiles - whole)
        assert difference.max() < 0.02
        assert np.quantile(difference, 0.999) < 2e-4


@pytest.mark.parametrize(("chunk", "overlap"), [(200, 0), (200, 3), (500, 300)])
def test_genes_longer_than_the_overlap(
    finder: GeneFinder, contigs: list[Contig], chunk: int, overlap: int
) -> None:
    """Pieces that hardly overlap disagree; what is joined is legal all the same."""
    contig = replace(contigs[1], sequence=contigs[1].sequence[:12_000])
    whole = finder.find(contig)
    genes = GeneFinder(
        genetic_code=11,
        adapt="off",
        device="cpu",
        decoding=DecodingSettings(chunk=chunk, overlap=overlap),
    ).find(contig)
    for gene in genes:
        obeys(gene, contig, CODES["11"])
    if overlap >= 300:
        same = set(places(genes)) & set(places(whole))
        assert len(same) > 0.7 * len(whole)
        assert any(end - start > 2 * (chunk + overlap) for ((start, end),), *_ in same)


def test_order_and_company_of_contigs_do_not_matter(
    finder: GeneFinder, phage: bytes, contigs: list[Contig], expected: list[Prediction]
) -> None:
    rng = np.random.default_rng(2)
    company = [
        Contig(f"short {i}", phage[a : a + n])
        for i, (a, n) in enumerate(
            zip(rng.integers(0, 40_000, 40), rng.integers(1, 900, 40), strict=True)
        )
    ]
    mixed = [*company[:20], contigs[1], *company[20:], contigs[0]]
    for order in (mixed, mixed[::-1]):
        found = list(finder.predict(order))
        assert [p.contig for p in found] == order
        named = {p.contig.id: p.genes for p in found}
        for prediction in expected:
            assert_same(named[prediction.contig.id], prediction.genes)
        for contig in company[::8]:
            assert_same(named[contig.id], finder.find(contig))
        assert sum(bool(named[c.id]) for c in company) > 10


def test_threads_do_not_matter(contigs: list[Contig], expected: list[Prediction]) -> None:
    finder = GeneFinder(genetic_code=11, adapt="off", threads=2, device="cpu")
    for found, alone in zip(finder.predict(contigs, per_base=True), expected, strict=True):
        assert found.genes == alone.genes
        np.testing.assert_array_equal(found.labels, alone.labels)
        np.testing.assert_array_equal(found.steps, alone.steps)


def test_a_finder_may_be_used_by_several_threads(
    finder: GeneFinder, contigs: list[Contig], expected: list[Prediction]
) -> None:
    before = torch.get_num_threads()
    with ThreadPoolExecutor(2) as pool:
        jobs = [contigs[0], contigs[1], contigs[0], contigs[1]]
        found = list(pool.map(finder.find, jobs))
    for genes, prediction in zip(found, [*expected, *expected], strict=True):
        assert genes == prediction.genes
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    "given",
    [
        lambda s: s.decode(),
        lambda s: s,
        lambda s: bytearray(s),
        lambda s: Seq(s),
        lambda s: MutableSeq(s),
        lambda s: SeqRecord(Seq(s), id="r", description="d"),
        lambda s: Contig("c", s),
        lambda s: s.lower().decode(),
        lambda s: s.replace(b"T", b"U"),
        lambda s: b"\n".join(s[i : i + 60] for i in range(0, len(s), 60)),
    ],
    ids=["str", "bytes", "bytearray", "Seq", "MutableSeq", "SeqRecord", "Contig", "lower", "U",
         "lines"],
)  # fmt: skip
def test_what_sequences_may_be(
    finder: GeneFinder, phage: bytes, given: Callable[[bytes], Any]
) -> None:
    plain = finder.find(phage[:2500])
    assert plain
    assert_same(finder.find(given(phage[:2500])), plain)


# Ends and odd contigs ------------------------------------------------------------------------


@pytest.mark.parametrize("sequence", ["", " \n", b"", Seq(""), Contig("c", b"")])
def test_an_empty_sequence_is_refused(finder: GeneFinder, sequence: Any) -> None:
    with pytest.raises(InputError, match="has no sequence"):
        finder.find(sequence)


@pytest.mark.parametrize(
    "sequence", ["MKLVEAQ*", "ACGT-ACGT", "ACGTÄ", Contig("c", b"ACGTJ"), SeqRecord(Seq("MEEP"))]
)
def test_what_is_no_dna_is_refused(finder: GeneFinder, sequence: Any) -> None:
    with pytest.raises(InputError, match=r"protein|gaps|illegal letter"):
        finder.find(sequence)


def test_contigs_without_genes_come_in_order(finder: GeneFinder, phage: bytes) -> None:
    sequences = [
        b"A",
        b"NN",
        b"ATG",
        b"N" * 9,
        b"N" * 10,
        phage[:3000],
        b"N" * 5000,
        b"nACGTn",
        b"N",
    ]
    contigs = [Contig(str(i), s) for i, s in enumerate(sequences)]
    found = list(finder.predict(contigs, per_base=True))
    assert [p.contig for p in found] == contigs
    assert [bool(p.genes) for p in found] == [i == 5 for i in range(9)]
    for prediction in found:
        assert prediction.labels is not None
        gap = len(prediction.contig) >= 10 and prediction.contig.sequence.count(b"N") > 9
        assert (prediction.labels == -1).all() == gap
        assert (prediction.posteriors() == 0).all() >= gap


def test_contigs_are_read_as_they_are_needed(phage: bytes) -> None:
    finder = GeneFinder(
        genetic_code=11, adapt="off", device="cpu", decoding=DecodingSettings(group=2_000)
    )
    read: list[int] = []

    def source() -> Iterator[Contig]:
        for i in range(40):
            read.append(i)
            yield Contig(str(i), phage[600 * i : 600 * i + 600])

    for i, prediction in enumerate(finder.predict(source())):
        assert prediction.contig.id == str(i)
        assert len(read) <= i + 5


def test_closed_ends(contigs: list[Contig], phage: bytes) -> None:
    closed = GeneFinder(genetic_code=11, adapt="off", closed_ends=True, device="cpu")
    opened = GeneFinder(genetic_code=11, adapt="off", device="cpu")
    # From within a gene to within a gene, with a gap in a gene.
    genes = [g for g in opened.find(contigs[1]) if len(g) > 1000]
    first, middle, last = (genes[i].start + 500 for i in (0, 1, 3))
    text = contigs[1].sequence
    cut = Contig("cut", text[first:middle] + b"N" * 20 + text[middle:last])
    partial = [g for g in opened.find(cut) if g.partial5 or g.partial3]
    assert len(partial) >= 3
    found = closed.find(cut)
    assert found
    for gene in found:
        obeys(gene, cut, CODES["11"], closed=True)


def test_progress_adds_up(finder: GeneFinder, contigs: list[Contig]) -> None:
    notes = Notes()
    list(finder.predict(contigs, observer=notes))
    assert notes.done == pytest.approx(sum(map(len, contigs)), abs=6 * len(contigs))


def test_devices_and_codes_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="use the device cpu"):
        GeneFinder(device="cuda")
    with pytest.raises(InputError, match="no genetic code 7"):
        GeneFinder(genetic_code=7)


# Joining and sampling, by hand ---------------------------------------------------------------


def test_torn_genes_are_dropped(finder: GeneFinder) -> None:
    """Two chunks that nowhere agree: a gene open throughout the one, none in the other."""
    contig = Contig("x", b"GCC" * 400)
    sequence = PaddedContig.of(contig, GenomeParameters(CODES["11"]), 60, SETTINGS)
    inside = np.tile(np.array([1, 2, 3], np.int8), 400)  # the frames +0, +1, +2
    frames = np.ones((1200, 6), np.float32)
    left, right = Chunk(0, 0, 700, True, False), Chunk(0, 500, 1200, False, True)

    def genes(of_left: np.ndarray, of_right: np.ndarray) -> list[CodingSequence]:
        found = Assembler(
            sequence, 60, prokaryotic(), alternatives=False, per_base=False, settings=SETTINGS
        )
        found.add(left, of_left[:700], frames[:700])
        found.add(right, of_right[500:], frames[500:])
        return found.prediction().genes

    none = np.zeros(1200, np.int8)
    shifted = np.roll(inside, 1)
    assert places(genes(inside, inside)) == [(((0, 1200),), 1, 0, True, True)]
    assert genes(none, none) == []
    assert genes(inside, none) == []
    assert genes(none, inside) == []
    assert genes(inside, shifted) == []


def test_genetic_code_is_chosen(finder: GeneFinder, contigs: list[Contig]) -> None:
    """Where genes use TGA for tryptophan the code is 4; as they are, and in too little, 11."""
    contig = contigs[0]
    other = recoded(contig, finder.find(contig))
    auto = GeneFinder(device="cpu")
    for sequence, table in (
        (contig.sequence, 11),
        (other, 4),
        (other[:9000], 4),
        (other[:3900], 4),
        (other[:2900], 11),
    ):
        notes = Notes()
        genome = auto.estimate_parameters([replace(contig, sequence=sequence)], observer=notes)
        assert genome.code.table == table
        assert notes[0].startswith(f"genetic code {table}: ")


def test_genomes_of_different_codes_are_separated(finder: GeneFinder, buchnera: Any) -> None:
    """Though their GC content is the same."""
    first, second = (
        Contig(name, buchnera.sequence[at : at + 110_000])
        for name, at in (("first", 0), ("second", 300_000))
    )
    second = replace(second, sequence=recoded(second, finder.find(second)))
    notes = Notes()
    auto = GeneFinder(device="cpu")
    found = {p.contig.id: p for p in auto.predict([first, second], observer=notes)}
    assert notes[0] == "this seems to be more than one genome: each contig is taken on its own"
    assert [note.partition("+")[0] for note in notes[1:]] == ["second: genetic code 4: "]
    assert [found[name].code.table for name in ("first", "second")] == [11, 4]
    assert found["second"].genes == auto.find(second)
    together = GeneFinder(device="cpu", adapt="file").predict([first, second])
    assert len({p.code.table for p in together}) == 1


def test_what_is_no_sequence(finder: GeneFinder) -> None:
    assert list(finder.predict([])) == []
    with pytest.raises(InputError, match="no contig: str; find takes one sequence"):
        list(finder.predict("ACGT"))  # type: ignore[arg-type]
    for nothing in (None, 5):
        with pytest.raises(InputError, match="no sequence: "):
            finder.find(nothing)  # type: ignore[arg-type]

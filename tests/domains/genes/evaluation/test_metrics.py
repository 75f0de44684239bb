"""Gene metrics against cases counted by hand and a recount base by base over plain sets."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.domains.genes.evaluation.metrics import (
    LENGTH_CLASSES,
    Counts,
    Scores,
    contig_lengths,
    evaluate,
    evaluate_verified,
    reason_to_set_aside,
)
from dnatag.errors import InputError
from dnatag.formats.sequences.records import Annotation, CodingSequence

LENGTHS = {"a": 1000, "b": 301}
Genes = dict[str, list[CodingSequence]]


def gene(start: int, end: int, strand: int = 1, contig: str = "a", **flags) -> CodingSequence:
    return CodingSequence(contig, ((start, end),), strand, **flags)


def by_contig(*genes: CodingSequence) -> Genes:
    table: Genes = {}
    for cds in genes:
        table.setdefault(cds.contig, []).append(cds)
    return table


def score(reference: list[CodingSequence], prediction: list[CodingSequence]) -> Scores:
    return evaluate(by_contig(*reference), by_contig(*prediction), LENGTHS)


# Cases counted by hand.


def test_stops_starts_and_strands() -> None:
    reference = [gene(0, 300), gene(310, 400, -1), gene(500, 800), gene(0, 300, contig="b")]
    prediction = [
        gene(0, 300),  # exact
        gene(310, 430, -1),  # the stop of a reverse gene is on its left
        gene(500, 803),  # another stop
        gene(0, 300, -1, contig="b"),  # the other strand
    ]
    scores = score(reference, prediction)
    assert scores.stop == Counts(reference=4, predicted=4, found=2, right=2)
    assert scores.exact == Counts(reference=4, predicted=4, found=1, right=1)
    assert scores.starts == 0.5
    assert scores.stop.sensitivity == scores.stop.precision == scores.stop.f1 == 0.5


def test_sensitivity_and_precision_are_not_mixed_up() -> None:
    scores = score([gene(0, 90), gene(100, 190), gene(200, 290)], [gene(0, 90)])
    assert scores.stop.sensitivity == pytest.approx(1 / 3)
    assert scores.stop.precision == 1
    assert scores.stop.f1 == pytest.approx(0.5)


def test_bases_count_on_strand_and_frame() -> None:
    reference = [gene(0, 300), gene(400, 499)]
    prediction = [
        gene(30, 300),  # 270 right, 30 missed
        gene(401, 500),  # one off: 99 wrong and 99 missed
        gene(0, 60, -1),  # 60 wrong
    ]
    scores = score(reference, prediction)
    assert scores.base == Counts(reference=399, predicted=429, found=270, right=270)
    tp, fp, fn = 270, 159, 129
    tn = 6 * sum(LENGTHS.values()) - tp - fp - fn
    table = [1] * tp + [0] * fp + [1] * fn + [0] * tn
    called = [1] * tp + [1] * fp + [0] * fn + [0] * tn
    assert scores.mcc == pytest.approx(np.corrcoef(table, called)[0, 1])


def test_overlapping_genes_count_in_full() -> None:
    # A base that two genes read in different frames counts for each, in the same frame once.
    genes = [gene(0, 300), gene(290, 500), gene(200, 398, -1), gene(150, 450)]
    scores = score(genes, [gene(0, 300)])
    assert scores.base.reference == 300 + 210 + 198 + 150
    assert scores.base.found == 300


@pytest.mark.parametrize("strand", [1, -1])
def test_gene_across_the_origin(strand: int) -> None:
    # Contig b has 301 bases: 60 before and 120 after the origin.
    crossing = CodingSequence("b", ((241, 301), (0, 120)), strand)
    assert reason_to_set_aside(crossing) is None
    scores = score([crossing], [crossing])
    assert scores.stop.f1 == scores.exact.f1 == scores.base.f1 == scores.mcc == 1
    assert scores.base.reference == 180

    # The linear half with the stop has the same stop, and its bases are in the same frame.
    half = gene(0, 120, contig="b") if strand > 0 else gene(241, 301, -1, contig="b")
    scores = score([crossing], [half])
    assert scores.stop.found == 1
    assert scores.exact.found == 0
    assert scores.base.found == len(half)
    # 120 of 180 bases are two thirds, too little for ORForise.
    assert scores.orforise.detected == 0

    # The half without the stop is in frame if it counts from the start.
    half = gene(241, 301, contig="b") if strand > 0 else gene(0, 120, -1, contig="b")
    scores = score([crossing], [replace(half, partial3=True)])
    assert scores.stop.found == 0
    assert scores.base.found == len(half)


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (gene(100, 400, pseudo=True), "pseudo"),
        (gene(100, 400, exception=True), "exception"),
        (gene(100, 400, partial3=True), "no stop"),
        (CodingSequence("a", ((100, 200), (220, 420)), 1), "joined"),
        (gene(100, 401), "frame"),
        (gene(100, 401, phase=1), None),
        (gene(100, 401, partial5=True), None),
        (gene(100, 400), None),
    ],
)
def test_reasons_to_set_aside(odd: CodingSequence, reason: str | None) -> None:
    assert reason_to_set_aside(odd) == reason
    scores = score([odd, gene(700, 790)], [gene(700, 790)])
    assert scores.reference.rows == 2
    assert scores.reference.set_aside == ({reason: 1} if reason else {})
    assert scores.stop.reference == scores.reference.genes == (1 if reason else 2)
    assert scores.base.reference == 90 + (0 if reason else len(odd))


def test_what_is_set_aside_counts_neither_way() -> None:
    reference = [gene(100, 400, pseudo=True), gene(600, 901, -1), gene(0, 90)]
    prediction = [
        gene(0, 90),  # right
        gene(40, 400),  # the stop of the pseudogene
        gene(130, 220),  # in its frame
        gene(131, 221),  # in another frame: wrong
        gene(130, 220, -1),  # on the other strand: wrong
        gene(600, 690, -1),  # the stop of the broken one
        gene(631, 691, -1),  # in the frame of its start
        gene(632, 692, -1),  # in the frame of neither: wrong
    ]
    scores = score(reference, prediction)
    assert scores.predictions_set_aside == 4
    assert scores.stop == Counts(reference=1, predicted=4, found=1, right=1)
    assert scores.base == Counts(reference=90, predicted=90 + 90 + 90 + 60, found=90, right=90)
    # Neither the frames of the odd rows nor the predictions in them are true negatives.
    cells = 6 * 1301 - 300 - 2 * 301
    tn = cells - 90 - 240
    assert scores.mcc == pytest.approx(
        90 * tn / math.sqrt((90 + 240) * 90 * (tn + 240) * tn), rel=1e-12
    )


def test_a_right_gene_is_never_set_aside() -> None:
    scores = score([gene(0, 300), gene(90, 600, pseudo=True)], [gene(0, 300)])
    assert scores.predictions_set_aside == 0
    assert scores.stop.f1 == scores.exact.f1 == scores.base.f1 == 1


def test_rows_of_one_stop_are_one_gene_with_the_longest_start() -> None:
    reference = [gene(150, 300), gene(0, 300), gene(240, 300)]
    for prediction, exact in ((gene(0, 300), 1), (gene(150, 300), 0)):
        scores = score(reference, [prediction])
        assert scores.reference.same_stop == 2
        assert scores.stop == Counts(1, 1, 1, 1)
        assert scores.exact.found == exact
        assert scores.orforise.genes == 3
        assert scores.orforise.perfect == 1
    scores = score([gene(0, 300)], reference)
    assert scores.exact == Counts(1, 1, 1, 1)


def test_missing_starts_agree() -> None:
    truth = [gene(1, 300, partial5=True, phase=2)]
    assert score(truth, [gene(0, 300, partial5=True)]).exact.found == 1
    assert score(truth, [gene(0, 300)]).exact.found == 0
    assert score(truth, [gene(1, 300)]).exact.found == 1


def test_length_classes_go_by_the_length_of_each_side() -> None:
    assert LENGTH_CLASSES == ("<90", "90-149", "150-299", "300-599", "600-899", ">=900")
    reference = [gene(0, 87), gene(100, 190), gene(200, 347), gene(350, 500), gene(0, 900)]
    prediction = [gene(97, 190, 1), gene(4, 94), gene(185, 347), gene(0, 900)]
    scores = score(reference, prediction).by_length
    assert scores["<90"] == Counts(reference=1, predicted=0, found=0, right=0)
    assert scores["90-149"] == Counts(reference=2, predicted=2, found=2, right=1)
    assert scores["150-299"] == Counts(reference=1, predicted=1, found=0, right=1)
    assert scores["300-599"] == scores["600-899"] == Counts(0, 0, 0, 0)
    assert scores[">=900"] == Counts(1, 1, 1, 1)
    assert math.isnan(scores["<90"].precision)
    assert scores["<90"].f1 == 0


@pytest.mark.parametrize(
    ("call", "detected", "perfect"),
    [
        (gene(0, 400), 1, 1),
        (gene(99, 399), 1, 0),  # 300 of 400, without the stop
        (gene(102, 399), 0, 0),
        (gene(100, 400), 0, 0),  # another frame
        (gene(1, 401, -1), 0, 0),
        (gene(0, 999), 1, 0),
    ],
)
def test_orforise(call: CodingSequence, detected: int, perfect: int) -> None:
    # 399 bases: three quarters are 299.25.
    truth = gene(0, 400, phase=1) if call.start == 0 and call.end == 400 else gene(0, 399)
    scores = score([truth], [call]).orforise
    assert (scores.genes, scores.detected, scores.perfect) == (1, detected, perfect)


def test_orforise_wants_one_prediction_that_covers() -> None:
    halves = [gene(0, 198, partial3=True), gene(198, 399)]
    assert score([gene(0, 399)], halves).orforise.detected == 0


def test_verified_genes_ignore_the_rest_of_the_prediction() -> None:
    listed = by_contig(
        gene(0, 300), gene(310, 400, -1), gene(500, 800), gene(850, 950, pseudo=True)
    )
    called = by_contig(gene(0, 300), gene(310, 430, -1), gene(400, 490), gene(850, 950))
    scores = evaluate_verified(listed, called, LENGTHS)
    assert (scores.reference.genes, scores.found, scores.right) == (3, 2, 1)
    assert scores.reference.set_aside == {"pseudo": 1}
    values = scores.to_dict()
    assert values["found_of_listed"] == pytest.approx(2 / 3)
    assert values["starts_among_found"] == pytest.approx(1 / 2)
    assert values["starts_among_listed"] == pytest.approx(1 / 3)


def test_nothing_predicted_and_nothing_to_find() -> None:
    scores = score([gene(0, 300)], [])
    assert scores.stop.sensitivity == scores.stop.f1 == scores.base.f1 == 0
    assert math.isnan(scores.stop.precision)
    assert math.isnan(scores.starts)
    scores = score([], [gene(0, 300)])
    assert math.isnan(scores.stop.sensitivity)
    assert scores.stop.precision == 0
    values = json.loads(json.dumps(score([], []).to_dict(), allow_nan=False))
    assert values["stop"]["f1"] is None
    assert values["base"]["mcc"] is None


def test_bad_coordinates_are_reported() -> None:
    with pytest.raises(InputError, match=r"g1 \(301\.\.1003\) ends past the end of contig a"):
        score([gene(300, 1003, id="g1")], [])
    with pytest.raises(InputError, match="contig c, which the genome does not have"):
        score([], [gene(0, 90, contig="c", id="g2")])


def test_lengths_without_a_genome() -> None:
    crossing = CodingSequence("b", ((250, 301), (0, 99)), 1)
    one, two = Annotation(), Annotation()
    one.update(by_contig(gene(0, 90), crossing))
    two.update(by_contig(gene(30, 600)))
    assert contig_lengths([one, two]) == {"a": 600, "b": 301}
    one.lengths = {"a": 700, "c": 10}
    two.lengths = {"b": 300}
    assert contig_lengths([one, two]) == {"a": 700, "b": 301, "c": 10}


def test_a_whole_genome_takes_well_below_a_second() -> None:
    rng = np.random.default_rng(1)
    starts = np.sort(rng.choice(4_600_000, 4300, replace=False)).tolist()
    genes = by_contig(*(gene(s, s + 900, 1 - 2 * (s % 2)) for s in starts))
    begin = time.perf_counter()
    scores = evaluate(genes, genes, {"a": 4_700_000})
    assert time.perf_counter() - begin < 1
    assert scores.stop.f1 == 1


# A recount over sets of bases.


@st.composite
def coding_sequences(draw: st.DrawFn) -> CodingSequence:
    contig = draw(st.sampled_from(sorted(LENGTHS)))
    size, strand = LENGTHS[contig], draw(st.sampled_from([1, -1]))
    flag = st.sampled_from([False] * 6 + [True])
    a = draw(st.integers(0, size - 3))
    codons = draw(st.integers(1, min(40, (size - a) // 3)))
    parts: tuple[tuple[int, int], ...] = (
        (a, a + 3 * codons + draw(st.sampled_from([0] * 5 + [1]))),
    )
    parts = ((a, min(parts[0][1], size)),)
    match draw(st.sampled_from(["plain"] * 5 + ["origin", "joined"])):
        case "origin":
            before = draw(st.integers(1, 60))
            parts = ((size - before, size), (0, 3 * draw(st.integers(20, 30)) - before))
        case "joined" if size - parts[0][1] > 12:
            parts = (*parts, (parts[0][1] + 2, parts[0][1] + 11))
    return CodingSequence(
        contig,
        parts,
        strand,
        partial5=draw(flag),
        partial3=draw(flag),
        pseudo=draw(flag),
        exception=draw(flag),
    )


@st.composite
def annotations(draw: st.DrawFn) -> tuple[list[CodingSequence], list[CodingSequence]]:
    """A reference, and a prediction that shares some of its genes or only their stops."""
    reference = draw(st.lists(coding_sequences(), max_size=8))
    prediction = draw(st.lists(coding_sequences(), max_size=4))
    for cds in reference:
        match draw(st.sampled_from(["same", "shorter", "gone"])):
            case "same":
                prediction.append(cds)
            case "shorter" if len(cds.parts) == 1 and len(cds) > 6:
                (start, end), cut = cds.parts[0], 3 * draw(st.integers(0, (len(cds) - 4) // 3))
                inner = (start + cut, end) if cds.strand > 0 else (start, end - cut)
                prediction.append(replace(cds, parts=(inner,)))
    return reference, prediction


Cell = tuple[str, int, int, int]


def cells(cds: CodingSequence, from_start: bool) -> set[Cell]:
    """Contig, base, strand and frame of each base: the frame is where its codon begins."""
    found = set()
    bases = list(cds)
    for i, base in enumerate(bases):
        in_codon = (i - cds.phase if from_start else i - len(bases)) % 3
        leftmost = base - in_codon if cds.strand > 0 else base - (2 - in_codon)
        found.add((cds.contig, base, cds.strand, leftmost % 3))
    return found


def stop_of(cds: CodingSequence) -> tuple[str, int, int]:
    return cds.contig, cds.strand, list(cds)[-1]


def recount(reference: list[CodingSequence], prediction: list[CodingSequence]) -> dict:
    def longest(rows: list[CodingSequence]) -> dict[tuple, CodingSequence]:
        return {stop_of(cds): cds for cds in sorted(rows, key=len)}

    def read(cds: CodingSequence) -> set[Cell]:
        return cells(cds, from_start=cds.partial3)

    rows = [cds for cds in reference if reason_to_set_aside(cds) is None]
    odd = [cds for cds in reference if reason_to_set_aside(cds) is not None]
    odd_cells = {cell for cds in odd for way in (True, False) for cell in cells(cds, way)}
    genes, every = longest(rows), longest(prediction)
    calls = {
        key: cds
        for key, cds in every.items()
        if key in genes or not (key in map(stop_of, odd) or read(cds) & odd_cells)
    }
    exact = [
        key
        for key in genes.keys() & calls.keys()
        if next(iter(genes[key])) == next(iter(calls[key]))
        or (genes[key].partial5 and calls[key].partial5)
    ]
    truth = {cell for cds in genes.values() for cell in read(cds)}
    called = {cell for cds in calls.values() for cell in read(cds)}
    universe = {
        (contig, base, strand, frame)
        for contig, size in LENGTHS.items()
        for base, strand, frame in product(range(size), (1, -1), range(3))
    } - (odd_cells - truth)
    called &= universe
    detected = [
        cds
        for cds in rows
        if any(len(read(cds) & read(call)) >= 0.75 * len(cds) for call in every.values())
    ]
    perfect = [
        cds
        for cds in rows
        if any(list(cds)[:1] == list(c)[:1] and stop_of(cds) == stop_of(c) for c in every.values())
    ]
    return {
        "genes": (len(genes), len(calls), len(genes.keys() & calls.keys()), len(exact)),
        "base": (len(truth & called), len(called - truth), len(truth - called)),
        "tn": len(universe - truth - called),
        "set aside": (len(odd), len(every) - len(calls)),
        "orforise": (len(rows), len(detected), len(perfect)),
        "classes": Counter(
            ("long" if len(cds) >= 90 else "short", "found" if key in calls else "missed")
            for key, cds in genes.items()
        ),
    }


@settings(deadline=None, max_examples=150)
@given(annotations())
def test_any_annotation_agrees_with_a_recount(
    both: tuple[list[CodingSequence], list[CodingSequence]],
) -> None:
    scores, naive = score(*both), recount(*both)
    tp, fp, fn = naive["base"]
    stop = scores.stop
    assert (stop.reference, stop.predicted, stop.found, scores.exact.found) == naive["genes"]
    assert scores.base == Counts(tp + fn, tp + fp, tp, tp)
    assert (
        sum(scores.reference.set_aside.values()),
        scores.predictions_set_aside,
    ) == naive["set aside"]
    got = scores.orforise
    assert (got.genes, got.detected, got.perfect) == naive["orforise"]
    short, classes = scores.by_length["<90"], naive["classes"]
    assert short.found == classes["short", "found"]
    assert short.reference == short.found + classes["short", "missed"]
    assert sum(c.found for c in scores.by_length.values()) == stop.found
    tn = naive["tn"]
    if spread := (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn):
        assert scores.mcc == pytest.approx((tp * tn - fp * fn) / math.sqrt(spread), abs=1e-12)
    else:
        assert math.isnan(scores.mcc)


@settings(deadline=None)
@given(annotations())
def test_an_annotation_agrees_with_itself(
    both: tuple[list[CodingSequence], list[CodingSequence]],
) -> None:
    # A row set aside could hide a shorter gene with its stop among the predictions.
    stops = {stop_of(cds) for cds in both[0] if reason_to_set_aside(cds) is not None}
    reference = [
        cds for cds in both[0] if reason_to_set_aside(cds) is not None or stop_of(cds) not in stops
    ]
    scores = score(reference, reference)
    if scores.stop.reference:
        assert scores.stop.f1 == scores.exact.f1 == scores.base.f1 == scores.mcc == 1
        assert scores.orforise.detected == scores.orforise.genes
    else:
        assert scores.stop.predicted == 0


@settings(deadline=None)
@given(annotations())
def test_the_other_strand_scores_the_same(
    both: tuple[list[CodingSequence], list[CodingSequence]],
) -> None:
    def flip(cds: CodingSequence) -> CodingSequence:
        size = LENGTHS[cds.contig]
        parts = tuple((size - end, size - start) for start, end in reversed(cds.parts))
        return replace(cds, parts=parts, strand=-cds.strand)

    flipped = score(*([flip(cds) for cds in rows] for rows in both))
    straight = score(*both)
    assert json.dumps(flipped.to_dict()) == json.dumps(straight.to_dict())

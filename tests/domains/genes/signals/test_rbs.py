"""The RBS motif: found where it was planted, scored by its definition."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from Bio.Seq import Seq
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.signals.gene_signals import GeneExamples
from dnatag.domains.genes.signals.rbs import SPACERS, WIDTH, RbsMotif
from dnatag.formats.sequences.records import CodingSequence

CODE = GeneticCode.ncbi(11)


def planted(consensus: str, spacer: int, share: float, n: int = 300) -> tuple[bytes, list[int]]:
    """Return random sequence with starts, most of them behind a motif."""
    rng = np.random.default_rng(4)
    text, starts = "", []
    for _ in range(n):
        text += "".join(rng.choice(list("ACGT"), 60))
        if rng.random() < share:
            text += consensus + "".join(rng.choice(list("ACGT"), spacer))
        starts.append(len(text))
        text += "ATG" + "GCA" * 30 + "TAA"
    return text.encode(), starts


def estimate(sequence: bytes, starts: list[int], strand: int = 1) -> RbsMotif:
    symbols = encode(sequence)
    genes = [CodingSequence("", ((at, at + 96),), 1) for at in starts]
    if strand < 0:
        symbols = encode(bytes(Seq(sequence).reverse_complement()))
        n = len(symbols)
        genes = [CodingSequence("", ((n - at - 96, n - at),), -1) for at in starts]
    return RbsMotif.estimate([GeneExamples(symbols, CODE.properties(symbols), genes)])


@pytest.mark.parametrize("strand", [1, -1])
@pytest.mark.parametrize(
    ("consensus", "spacer", "share"), [("AGGAGG", 6, 0.9), ("AGGAGG", 9, 0.6), ("AAGGAG", 7, 0.8)]
)
def test_a_planted_motif_is_found(consensus: str, spacer: int, share: float, strand: int) -> None:
    sequence, starts = planted(consensus, spacer, share)
    motif = estimate(sequence, starts, strand)
    assert motif.spacers.sum() == pytest.approx(1)
    # It may be found a base further on, with one base of its surroundings.
    found = "".join("ACGT"[i] for i in motif.weights.argmax(1))
    shift = SPACERS[motif.spacers[:-1].argmax()] - spacer
    assert abs(shift) <= 1
    assert found[max(shift, 0) : WIDTH + min(shift, 0)] in consensus
    has_it = np.array([sequence[at - spacer - WIDTH : at - spacer] == consensus.encode()
                       for at in starts])  # fmt: skip
    log_odds = motif.log_odds(encode(sequence), np.array(starts), 1)
    assert ((log_odds > 1) == has_it).mean() > 0.97


def test_without_starts_none_is_favoured() -> None:
    for motif in (RbsMotif.none(), RbsMotif.estimate([])):
        symbols = encode(b"ACGTNAGGAGGTACGTAATG")
        np.testing.assert_array_equal(motif.log_odds(symbols, np.arange(17), 1), np.zeros(17))


@pytest.fixture(scope="module")
def motif(buchnera: Any) -> RbsMotif:
    symbols = encode(buchnera.sequence)
    return RbsMotif.estimate([GeneExamples(symbols, CODE.properties(symbols), buchnera.genes)])


@settings(max_examples=50, deadline=None)
@given(st.text("ACGTNR", min_size=4, max_size=60), st.integers(0, 100))
def test_log_odds(motif: RbsMotif, text: str, at: int) -> None:
    """As the definition says, with ambiguous bases and ends; and on the other strand."""
    at %= len(text)
    total = float(motif.spacers[-1])
    for share, spacer in zip(motif.spacers, SPACERS, strict=False):
        first = at - int(spacer) - WIDTH
        score = sum(
            float(motif.weights[j, "ACGT".index(text[first + j])])
            for j in range(WIDTH)
            if first + j >= 0 and text[first + j] in "ACGT"
        )
        total += float(share) * math.exp(score)
    (found,) = motif.log_odds(encode(text.encode()), np.array([at]), 1)
    assert found == pytest.approx(math.log(total), abs=1e-4)
    turned = encode(bytes(Seq(text).reverse_complement()))
    (other,) = motif.log_odds(turned, np.array([len(text) - 1 - at]), -1)
    assert other == found


def test_starts_of_a_genome_have_it(motif: RbsMotif, buchnera: Any) -> None:
    """More than other start codons do."""
    symbols = encode(buchnera.sequence)
    flags = CODE.properties(symbols)
    starts = np.array([g.five_prime for g in buchnera.genes if g.strand > 0])
    others = np.setdiff1d(np.flatnonzero(flags & 1), starts)
    means = [motif.log_odds(symbols, places, 1).mean() for places in (starts, others)]
    assert means[0] > means[1] + 1

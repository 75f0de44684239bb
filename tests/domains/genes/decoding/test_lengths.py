"""Scores of lengths against codons that are read one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from Bio.Seq import Seq
from hypothesis import given
from hypothesis import strategies as st

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.decoding.lengths import LengthScores, LengthSettings
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.structures.prokaryotic import prokaryotic

STRUCTURE = prokaryotic()
NAMES = STRUCTURE.grammar.scores
SETTINGS = LengthSettings(scale=0.5, offset=1.5, slope=2.0, longest=60)
CODE = GeneticCode.ncbi(11)
SEQUENCES = st.lists(
    st.sampled_from(["ATG", "GTG", "TAA", "TGA", "CAT", "TTA", "TCA", "A", "C", "GCC"]),
    min_size=1,
    max_size=40,
).map("".join)


def length_from(sequence: str, place: int) -> int:
    """Bases of the open frame from a codon on, with its stop; to the end if there is none."""
    for at in range(place, len(sequence) - 2, 3):
        if at >= 0 and sequence[at : at + 3] in ("TAA", "TAG", "TGA"):
            return at + 3 - max(place, 0)
    return len(sequence) - max(place, 0)


def expected(sequence: str, begins: bool) -> np.ndarray:
    """Scores of genes that are open at the first base, by frame, and of starts: one strand."""
    scores = np.zeros((len(sequence), 4))

    def score(length: int) -> float:
        return 1.5 + 2.0 * math.log(min(length, 60) / 500)

    for place in range(len(sequence) - 2):
        if sequence[place : place + 3] in CODE.starts:
            scores[place, 3] = score(length_from(sequence, place))
    if begins:
        for position in range(3):
            scores[0, position] = score(length_from(sequence, -position))
    return scores


def apply(scores: np.ndarray, flags: np.ndarray, begins: bool, ends: bool) -> np.ndarray:
    """Put the scores of lengths into those of one stretch."""
    LengthScores(STRUCTURE, SETTINGS).apply(
        scores[None], flags[None], np.array([0]), np.array([len(flags)]),
        np.array([begins]), np.array([ends]),
    )  # fmt: skip
    return scores


@given(SEQUENCES, st.booleans(), st.booleans())
def test_both_strands(sequence: str, begins: bool, ends: bool) -> None:
    flags = CODE.properties(encode(sequence.encode()))
    scores = apply(np.zeros((len(sequence), len(NAMES)), np.float32), flags, begins, ends)
    columns = [NAMES.index(name) for name in ("+0", "+1", "+2", "+start")]
    np.testing.assert_allclose(scores[:, columns], expected(sequence, begins), atol=1e-5)
    columns = [NAMES.index(name) for name in ("-0", "-1", "-2", "-start")]
    reverse = str(Seq(sequence).reverse_complement())
    np.testing.assert_allclose(scores[::-1, columns], expected(reverse, ends), atol=1e-5)


def test_the_scores_of_the_network_are_scaled() -> None:
    scores = np.ones((2, 9, len(NAMES)), np.float32)
    flags, no = np.zeros((2, 9), np.uint8), np.zeros(2, bool)
    LengthScores(STRUCTURE, SETTINGS).apply(
        scores, flags, np.array([1]), np.array([9, 6]), begins=no, ends=no
    )
    assert scores[0] == pytest.approx(1)
    assert scores[1, :6] == pytest.approx(0.5)
    assert scores[1, 6:] == pytest.approx(1)

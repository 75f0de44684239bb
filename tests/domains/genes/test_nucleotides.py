"""Symbols against Biopython's tables of the IUPAC letters."""

from __future__ import annotations

import numpy as np
import pytest
from Bio.Data.IUPACData import ambiguous_dna_values
from Bio.Seq import Seq
from hypothesis import given
from hypothesis import strategies as st

from dnatag.domains.genes.nucleotides import COMPLEMENT, SPREAD, encode, reverse_complement

# X is IUPAC's other letter for N in Biopython; in sequences it is none of ours.
LETTERS = {k: v for k, v in ambiguous_dna_values.items() if k != "X"}


@pytest.mark.parametrize("letter", LETTERS)
def test_letters_are_sets_of_bases(letter: str) -> None:
    symbols = encode((letter + letter.lower()).encode())
    assert symbols[0] == symbols[1]
    spread = SPREAD[symbols[0]]
    assert {base for base, share in zip("ACGT", spread, strict=True) if share} == set(
        LETTERS[letter]
    )
    assert set(spread[spread > 0]) == {np.float32(1 / len(LETTERS[letter]))}


def test_other_bytes_are_outside() -> None:
    known = "".join(LETTERS) + "U"
    everything = encode(bytes(range(256)))
    inside = {chr(i) for i in np.flatnonzero(everything)}
    assert inside == set(known) | set(known.lower())
    assert not SPREAD[0].any()
    assert encode(b"").shape == (0,)


def test_uracil_is_thymine() -> None:
    assert encode(b"Uu").tolist() == encode(b"TT").tolist()


@given(st.text(st.sampled_from("".join(LETTERS))))
def test_reverse_complement(sequence: str) -> None:
    expected = encode(str(Seq(sequence).reverse_complement()).encode())
    assert reverse_complement(encode(sequence.encode())).tolist() == expected.tolist()


def test_complement_is_its_own_inverse_and_turns_the_spread_round() -> None:
    assert COMPLEMENT[COMPLEMENT].tolist() == list(range(16))
    assert (SPREAD[COMPLEMENT] == SPREAD[:, ::-1]).all()

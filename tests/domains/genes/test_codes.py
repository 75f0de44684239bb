"""Genetic codes against Biopython."""

from __future__ import annotations

import warnings
from itertools import product

import pytest
from Bio.Data import CodonTable
from Bio.Seq import Seq
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.domains.genes.codes import START, START_REVERSE, STOP, STOP_REVERSE, GeneticCode
from dnatag.domains.genes.nucleotides import encode, reverse_complement
from dnatag.errors import InputError

TABLES = sorted(CodonTable.unambiguous_dna_by_id)
CODONS = ["".join(codon) for codon in product("TCAG", repeat=3)]
IUPAC = "ACGTRYSWKMBDHVN"
AMINO_ACIDS = set("ACDEFGHIKLMNPQRSTVWY*")
every_table = pytest.mark.parametrize("table", TABLES)
sequences = st.text(st.sampled_from("ACGT" * 6 + IUPAC), max_size=60)


def biopython(sequence: str, table: int) -> str:
    with warnings.catch_warnings():
        # Tables 27, 28 and 31 have codons that are both sense and stop.
        warnings.simplefilter("ignore")
        return str(Seq(sequence[: len(sequence) // 3 * 3]).translate(table))


@every_table
def test_all_codons(table: int) -> None:
    code = GeneticCode.ncbi(table)
    ncbi = CodonTable.unambiguous_dna_by_id[table]
    assert code.table == table
    assert code.label == str(table)
    assert code.stops == set(ncbi.stop_codons)
    assert code.starts == set(ncbi.start_codons) - set(ncbi.stop_codons)
    for codon in CODONS:
        expected = "*" if codon in ncbi.stop_codons else biopython(codon, table)
        assert code.translate(codon.encode()) == expected, codon


@every_table
def test_usual_starts(table: int) -> None:
    """Of bacterial codes the usual ones; no other code is changed."""
    code = GeneticCode.ncbi(table)
    if table in (4, 11):
        assert code.usual.starts == {"ATG", "GTG", "TTG"}
        assert (code.usual.amino_acids, code.usual.table) == (code.amino_acids, table)
        assert code.usual.usual == code.usual
    else:
        assert code.usual is code


@every_table
def test_all_codons_of_iupac_letters(table: int) -> None:
    """A codon has an amino acid if Biopython, asked for each meaning, knows only one."""
    code = GeneticCode.ncbi(table)
    meaning = {c: code.translate(c.encode()) for c in CODONS}
    letters = {"N": "ACGT", "R": "AG", "Y": "CT", "H": "ACT", "B": "CGT", "A": "A", "T": "T"}
    for codon in product(letters, repeat=3):
        acids = {meaning["".join(c)] for c in product(*(letters[b] for b in codon))}
        expected = acids.pop() if len(acids) == 1 else "X"
        assert code.translate("".join(codon).encode()) == expected, codon


@given(st.sampled_from([t for t in TABLES if t not in (27, 28, 31)]), sequences)
def test_random_sequences(table: int, sequence: str) -> None:
    expected = biopython(sequence, table)
    # Biopython writes B, J and Z where two amino acids are possible.
    expected = "".join(a if a in AMINO_ACIDS else "X" for a in expected)
    code = GeneticCode.ncbi(table)
    assert code.translate(sequence.encode()) == expected
    assert code.translate(sequence.lower().replace("t", "u").encode()) == expected
    whole = code.translate(sequence.encode(), complete_start=True)
    assert whole == ("M" + expected[1:] if expected else "")


@given(st.sampled_from(TABLES), sequences)
def test_properties(naive, table: int, sequence: str) -> None:
    code = GeneticCode.ncbi(table)
    n = len(sequence)
    expected = [0] * n
    other = str(Seq(sequence).reverse_complement())
    for text, place, start, stop in (
        (sequence, lambda i: i, START, STOP),
        (other, lambda i: n - 1 - i, START_REVERSE, STOP_REVERSE),
    ):
        for i in range(n - 2):
            if naive.is_one_of(text[i : i + 3], code.starts):
                expected[place(i)] |= start
            if naive.is_one_of(text[i : i + 3], code.stops):
                expected[place(i + 2)] |= stop
    assert code.properties(encode(sequence.encode())).tolist() == expected


@given(st.sampled_from(TABLES), sequences)
def test_properties_of_the_other_strand(table: int, sequence: str) -> None:
    code = GeneticCode.ncbi(table)
    symbols = encode(sequence.encode())
    here, there = code.properties(symbols), code.properties(reverse_complement(symbols))[::-1]
    assert (here & 3).tolist() == (there >> 2).tolist()
    assert (here >> 2).tolist() == (there & 3).tolist()


def test_ambiguous_stops_and_starts() -> None:
    code = GeneticCode.ncbi(11)
    # TAR is TAA or TAG; TAY is none; TAN may be one; NTG is a start whatever N is.
    assert code.properties(encode(b"TAR")).tolist() == [0, 0, STOP]
    assert code.properties(encode(b"TAN")).tolist() == [0, 0, 0]
    assert code.properties(encode(b"NTG")).tolist() == [START, 0, 0]
    assert code.properties(encode(b"YTA")).tolist() == [STOP_REVERSE, 0, 0]
    assert code.properties(encode(b"TA-")).tolist() == [0, 0, 0]


@settings(max_examples=15, deadline=None)
@given(st.text(st.sampled_from(sorted(AMINO_ACIDS)), min_size=64, max_size=64))
def test_custom_code(amino_acids: str) -> None:
    starts = GeneticCode.ncbi(11).starts
    usable = "*" in amino_acids and any(
        a != "*" for c, a in zip(CODONS, amino_acids, strict=True) if c in starts
    )
    if not usable:
        with pytest.raises(InputError, match=r"no (stop|start) codon"):
            GeneticCode.parse(amino_acids)
        return
    code = GeneticCode.parse(f" {amino_acids.lower()}\n")
    assert "".join(code.translate(c.encode()) for c in CODONS) == amino_acids
    assert code.starts == starts - code.stops
    assert code.label == code.name == "custom"


def test_the_string_of_a_table_is_the_table() -> None:
    eleven = GeneticCode.ncbi(11)
    assert GeneticCode.parse("11") is eleven
    custom = GeneticCode.parse(eleven.amino_acids)
    assert (custom.amino_acids, custom.starts) == (eleven.amino_acids, eleven.starts)


def test_lists_of_codons() -> None:
    code = GeneticCode.parse("starts:ATG,gug; stops:TAA,TAG")
    assert code.starts == {"ATG", "GTG"}
    assert code.stops == {"TAA", "TAG"}
    # As in table 4: freed, TGA codes for tryptophan.
    assert code.amino_acids == GeneticCode.ncbi(4).amino_acids
    only_stops = GeneticCode.parse("stops:TGA")
    assert only_stops.starts == GeneticCode.ncbi(11).starts
    assert only_stops.amino_acids == GeneticCode.ncbi(6).amino_acids
    assert GeneticCode.parse("starts:ATG").stops == GeneticCode.ncbi(11).stops
    # A start of table 11 that becomes a stop is no start any more.
    assert GeneticCode.parse("stops:TAA,TTG").starts == GeneticCode.ncbi(11).starts - {"TTG"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("7", "there is no genetic code 7; NCBI's are 1, 2, 3"),
        ("FFLL", "64 letters .* got 4: 'FFLL'"),
        ("eleven", "got 6: 'ELEVEN'"),
        ("", "got 0: ''"),
        ("²", "got 1"),
        ("B" + "A" * 62 + "*", "20 amino acids"),
        ("A" * 64, "no stop codon"),
        ("*" * 64, "no start codon"),
        ("starts:", "an empty list not understood"),
        ("starts:ATG,;stops:TAA", "an empty list not understood"),
        ("starts:ATX", "ATX not understood"),
        ("begin:ATG", "begin not understood"),
        ("starts:ATG;starts:GTG", "starts are given twice"),
        ("starts:ATG,TAA", "also stops: TAA"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        GeneticCode.parse(text)
    assert "\n" not in str(caught.value)


def test_starts_are_codons() -> None:
    with pytest.raises(InputError, match="are no codons: NTG"):
        GeneticCode(GeneticCode.ncbi(11).amino_acids, frozenset({"NTG"}))

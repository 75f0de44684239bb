from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.errors import InputError
from dnatag.formats.sequences.residues import read_residues, write_residues
from dnatag.formats.text.tokens import Sentence


def read(tmp_path: Path, data: str, *, labelled: bool) -> list[Sentence]:
    path = tmp_path / "x.fasta"
    path.write_bytes(data.encode())
    return list(read_residues(path, labelled))


def test_fasta(tmp_path: Path) -> None:
    data = "\ufeff\r\n>a|1  first one\r\nMKV\r\nLEF\r\n\r\n> b\nmk*uX\nGG*\n"
    first, second = read(tmp_path, data, labelled=False)
    assert (first.id, "".join(first.tokens), first.tags, first.line) == ("a|1", "MKVLEF", None, 2)
    assert (second.id, "".join(second.tokens), second.line) == ("b", "MKXUXGG", 6)
    assert len(second) == 7


def test_fasta_with_labels(tmp_path: Path) -> None:
    first, second = read(tmp_path, ">a x\nMkV\nii1\n\n>b\nG*\n.M", labelled=True)
    assert (first.id, first.tokens, first.tags) == ("a", ("M", "K", "V"), ("i", "i", "1"))
    assert (second.tokens, second.tags, second.line) == (("G", "X"), (".", "M"), 5)


def test_labels_are_never_guessed(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, ">a\nMKV\nLEF\n", labelled=False)
    assert len(sentence.tokens) == 6


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("MKV\n", "is not FASTA: it begins with 'MKV', not with '>'"),
        (">a\nMK\nMM\n>\nMK\n", "line 4: the header is empty"),
        (">a\nM-K\nMMM\n", "line 2: record 'a': illegal letter '-'"),
        (">a\nMßK\nMMM\n", "line 2: record 'a': illegal letter 'ß'"),
    ],
)
def test_bad_file(tmp_path: Path, data: str, words: str, labelled: bool) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, data, labelled=labelled)
    assert str(caught.value).startswith(f"{tmp_path}/x.fasta: {words}")


@pytest.mark.parametrize(
    ("data", "labelled", "words"),
    [
        (">a\n>b\nM\n", False, "line 1: record 'a': has no sequence"),
        (">b\nM\n>a\n*\n", False, "line 3: record 'a': has no sequence"),
        (">a\nM\nM\n>b\nM\n", True, "line 4: record 'b': has 1 line below the header, not 2"),
        (">a\nMKLLIAGHW\nHHHHEEECC\n", False, "line 3: record 'a': looks like labels"),
        (">a\nM\nM\nM\n", True, "line 1: record 'a': has 3 lines below the header, not 2"),
        (
            f">a\n{'ACGT' * 9}\nac\ngt\n",
            True,
            "line 1: record 'a': has 3 lines below the header, not 2 (sequence and labels); genes "
            "are compared by their annotation",
        ),
        (">a\nMK\n\nM\n", True, "line 4: record 'a': labels: 1, residues: 2; give"),
    ],
)
def test_bad_record(tmp_path: Path, data: str, labelled: bool, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, data, labelled=labelled)
    assert str(caught.value).startswith(f"{tmp_path}/x.fasta: {words}")


residues = st.text("ACDEFGHIKLMNPQRSTVWYXUBZ", min_size=1, max_size=40)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text("abc|_.1", min_size=1, max_size=8),
            residues,
            st.text("iIoO12.-#", min_size=40, max_size=40),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, expected: list[tuple[str, str, str]]
) -> None:
    handle = io.StringIO()
    for id, sequence, labels in expected:
        source = f">{id}  the rest"
        sentence = Sentence(tuple(sequence), id=id, source=source)
        write_residues(handle, sentence, labels[: len(sequence)])
    folder = tmp_path_factory.mktemp("residues")
    sentences = read(folder, handle.getvalue(), labelled=True)
    again = io.StringIO()
    for sentence, (id, sequence, labels) in zip(sentences, expected, strict=True):
        assert (sentence.id, sentence.tokens) == (id, tuple(sequence))
        assert sentence.tags == tuple(labels[: len(sequence)])
        write_residues(again, sentence, sentence.tags)
    assert again.getvalue() == handle.getvalue()


def test_write_sentences_of_other_formats() -> None:
    handle = io.StringIO()
    write_residues(handle, Sentence(("M", "K"), id="p"), ["i", "o"])
    assert handle.getvalue() == ">p\nMK\nio\n"
    for tokens, labels in ((("ab",), ["i"]), (("M",), ["B-X"])):
        with pytest.raises(InputError, match="record 'p': FASTA with labels holds single"):
            write_residues(handle, Sentence(tokens, id="p"), labels)
    with pytest.raises(ValueError, match="one label for each token"):
        write_residues(handle, Sentence(("M",)), [])


def test_stops_of_gffread(tmp_path: Path) -> None:
    proteins = read(tmp_path, ">p1\nMKKTAI\nAI.\n>p2\nMK.TA\n", labelled=False)
    assert ["".join(p.tokens) for p in proteins] == ["MKKTAIAI", "MKXTA"]


NUCLEOTIDES = "TTTCCTCATGCAATTCAAAACCATGTCCGTAATGTAGGCGAAATAGTAAACCATTTTACGG"


@pytest.mark.parametrize("sequence", [NUCLEOTIDES, NUCLEOTIDES.lower(), NUCLEOTIDES[:57] + "NNR",
                                      NUCLEOTIDES.replace("T", "U")])  # fmt: skip
def test_nucleotides_are_refused(tmp_path: Path, sequence: str) -> None:
    with pytest.raises(InputError, match="line 3: record 'b': looks like nucleotides; proteins"):
        read(tmp_path, f">a\nMKV\n>b\n{sequence}\n", labelled=False)


@pytest.mark.parametrize(
    "sequence",
    [
        "ACGTACGT",
        "GAGAGSGAGAGSGAGAGSGAGAGS",
        "AAAAAAAAAAAAAAAAAAAAAAAAA",
        "DTASDAAAAAALTAANAKAAAELTAANAA",
    ],
)
def test_odd_proteins_are_read(tmp_path: Path, sequence: str) -> None:
    assert len(read(tmp_path, f">a\n{sequence}\n", labelled=False)[0]) == len(sequence)


@pytest.mark.parametrize(
    "labels", ["SSSSSSSOOOOOOOO", "iiHHHHHHHHooooo", "...111111111222", 15 * "-"]
)
def test_lines_of_labels_are_refused(tmp_path: Path, labels: str) -> None:
    data = f">p1\nMKKTAIAIAVALAGF\n{labels}\n"
    with pytest.raises(InputError, match="line 3: record 'p1': looks like labels, not like"):
        read(tmp_path, data, labelled=False)
    assert read(tmp_path, data, labelled=True)[0].tags == tuple(labels)


def test_two_lines_of_residues_are_no_labels(tmp_path: Path) -> None:
    (protein,) = read(tmp_path, ">p1\nMKKTAIAIAVALAGF\nATVAQAAPKDNTWYT\n", labelled=False)
    assert len(protein) == 30


def test_records_without_sequence_can_be_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.faa"
    path.write_text(">a\nMK\n>b\n>c\n*\n>d\nMV\n")
    skipped: list[str] = []
    found = list(read_residues(path, labelled=False, skipped=skipped.append))
    assert [protein.id for protein in found] == ["a", "d"]
    assert len(skipped) == 2


def test_control_characters_of_headers_are_written_as_escapes(tmp_path: Path) -> None:
    (tmp_path / "p.faa").write_text(">p a\tb\x1b[31m\nMKL\n")
    (protein,) = read_residues(tmp_path / "p.faa", labelled=False)
    handle = io.StringIO()
    write_residues(handle, protein, ["S"] * 3)
    assert handle.getvalue() == ">p a\tb\\x1b[31m\nMKL\nSSS\n"

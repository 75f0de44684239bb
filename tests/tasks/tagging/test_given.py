"""What taggers take from Python: texts, tokens, proteins; and what they refuse, clearly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from Bio.Seq import Seq
from Bio.SeqRecord import SeqRecord

from dnatag.errors import InputError
from dnatag.tasks.tagging.tagger import Tagger

TEXT = "Aspirin can cause ulcers."
PROTEIN = "MNKKKLLIALLAVSLLSGAASAMKWLFVVILAGIALIGLYFW"


@pytest.fixture(scope="module")
def biomedical() -> Tagger:
    return Tagger.load("biomedical", "cpu")


@pytest.fixture(scope="module")
def topology() -> Tagger:
    return Tagger.load("topology", "cpu")


def test_a_string_is_raw_text(biomedical: Tagger) -> None:
    tagged = biomedical.tag(TEXT)
    assert tagged.tokens == ["Aspirin", "can", "cause", "ulcers", "."]
    assert [TEXT[start:end] for start, end in tagged.offsets or ()] == tagged.tokens
    words = [TEXT[slice(*tagged.place(entity))] for entity in tagged.entities]
    assert words == ["Aspirin", "ulcers"]
    assert biomedical.tag(tagged.tokens) == tagged
    assert np.array_equal(biomedical.posteriors(TEXT), biomedical.posteriors(tagged.tokens))


def test_tokens_have_no_places(biomedical: Tagger) -> None:
    tagged = biomedical.tag(["Aspirin", "can", "cause", "ulcers"])
    assert (tagged.offsets, tagged.text) == (None, None)
    with pytest.raises(InputError, match=r"no text was tagged, .* indices of 'tokens'"):
        tagged.place(tagged.entities[0])


def test_a_few_tokens_may_have_spaces(biomedical: Tagger) -> None:
    assert len(biomedical.tag(["About", "1 000", "had", "a", "fever"]).tags) == 5


def test_a_stream_of_texts(biomedical: Tagger) -> None:
    texts = [TEXT, "", "The patient had a fever."]
    found = list(biomedical.tag_all(text for text in texts))
    assert [one.text for one in found] == texts
    assert found == [biomedical.tag(text) for text in texts]


def test_proteins(topology: Tagger) -> None:
    one = topology.tag(PROTEIN)
    assert one.tokens == tuple(PROTEIN)
    same: list[Any] = [Seq(PROTEIN), SeqRecord(Seq(PROTEIN)), list(PROTEIN), PROTEIN.lower() + "*"]
    assert [topology.tag(each) for each in same] == [one] * 4
    assert list(topology.tag_all([SeqRecord(Seq(PROTEIN))] * 2)) == [one] * 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t, p: t.tag(5), "cannot tag a int: give a text"),
        (lambda t, p: t.tag(None), "cannot tag a NoneType: give a text"),
        (lambda t, p: t.tag(b"Aspirin"), "cannot tag a bytes: give a text"),
        (lambda t, p: t.tag(["Ada", 5]), "cannot tag a list whose item 2 is a int"),
        (lambda t, p: t.tag([["Ada"], ["Bob"]]), "item 1 is a list: .* tag_all takes many"),
        (lambda t, p: t.tag(SeqRecord(Seq("MK"), "x")), "cannot tag a SeqRecord: give a text"),
        (lambda t, p: t.tag_all("Aspirin"), "tag_all takes many sequences, not one str; call tag"),
        (lambda t, p: t.tag(TEXT, min_score=2), "min_score is a probability, from 0 to 1, not 2"),
        (lambda t, p: t.tag(TEXT, min_score="0.5"), "min_score is a probability, .* not '0.5'"),
        (lambda t, p: t.tag(TEXT, min_score=True), "min_score is a probability, .* not True"),
        (lambda t, p: t.tag([TEXT, "Fever."]), "taken for tokens, and has 'Aspirin .* tag_all"),
        (lambda t, p: p.tag([PROTEIN] * 2), "for residues, one letter each, and has 'M.* tag_all"),
        (lambda t, p: p.tag(["M", ""]), "for residues, one letter each, and has ''"),
        (lambda t, p: p.tag(list("ACGT" * 9)), "looks like nucleotides"),
        (lambda t, p: p.tag(Seq(None, 10)), "no known residues"),
        (lambda t, p: p.tag_all(SeqRecord(Seq(PROTEIN))), "not one SeqRecord; call tag"),
        (lambda t, p: t.tag(TEXT, k_best=-1), "k_best must be a whole number"),
        (lambda t, p: p.tag([SeqRecord(Seq("MK"))]), "item 1 is a SeqRecord: .* tag_all takes"),
        (lambda t, p: p.tag("MK1"), "the illegal letter '1'"),
        (lambda t, p: p.tag("MK LL"), "the illegal letter ' '"),
        (lambda t, p: t.tag(["Ada", ""]), "token 2 of the list is empty"),
        (lambda t, p: p.tag("ACGTTGCATGCATGCATGCATTGA"), "looks like nucleotides"),
        (lambda t, p: Tagger.load("biomedical", "gpu"), "there is no device 'gpu': it can be auto"),
        (
            lambda t, p: Tagger.load("biomedical", "cpu", 0),
            "threads must be a whole number above 0",
        ),
        (lambda t, p: Tagger.load("biomedical", "cpu", "2"), "threads must be .*, not '2'"),  # type: ignore[arg-type]
    ],
)
def test_refusals(
    biomedical: Tagger,
    topology: Tagger,
    call: Callable[[Tagger, Tagger], object],
    message: str,
) -> None:
    with pytest.raises(InputError, match=message):
        call(biomedical, topology)

"""Text as a domain: corpora of several schemes become one, and what does not fit is refused."""

from __future__ import annotations

import gzip
import math
from dataclasses import replace
from pathlib import Path

import pytest

from dnatag.domains.text.domain import DOMAIN
from dnatag.domains.text.labels import Entities, Plain
from dnatag.domains.text.settings import TextCorpus, TextNetwork
from dnatag.domains.text.words import WordFeaturizer
from dnatag.errors import InputError
from dnatag.models.names import find_model
from dnatag.registry import domain_names, find_domain
from dnatag.tasks.base import Recipe
from dnatag.tasks.tagging.model import load_token_model
from dnatag.tasks.tagging.settings import TaggingTraining
from dnatag.tasks.tagging.training.experiment import TaggedData

from ...conftest import Notes

BIO = "Ada\tB-PER\nLovelace\tI-PER\nin\tO\n\n\n# no token\n\nTurin\tB-LOC\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bio.tsv").write_text(BIO)
    (tmp_path / "iob1.tsv").write_text("Ada I-PER\nBob B-PER\nruns O\n")
    (tmp_path / "iobes.tsv").write_text("a\tX\tS-GENE\nb\tX\tB-PER\nc\tX\tE-PER\n")
    (tmp_path / "plain.tsv").write_text("Ada\tNNP\nruns\tVBZ\n")
    (tmp_path / "empty.tsv").write_text("\n\n")
    (tmp_path / "nothing.tsv").write_text("Ada\tO\n")
    return tmp_path


def files(folder: Path, *names: str, **more: object) -> TextCorpus:
    return TextCorpus(train=tuple(folder / name for name in names), **more)  # type: ignore[arg-type]


def test_it_is_found_by_its_name() -> None:
    assert "text" in domain_names()
    assert find_domain("text") is DOMAIN


def test_sentences_without_tokens_are_left_out(folder: Path) -> None:
    (read,), labelling = DOMAIN.read(
        [files(folder, "bio.tsv", "empty.tsv")], TextNetwork(threshold=0.3)
    )
    assert [s.tokens for s in read.splits["train"]] == [("Ada", "Lovelace", "in"), ("Turin",)]
    assert read.splits["validate"] == read.splits["test"] == []
    assert isinstance(labelling, Entities)
    assert (labelling.types, labelling.scheme) == (("LOC", "PER"), "BIO")
    assert labelling.threshold == 0.3


def test_schemes_become_that_of_the_first_corpus(folder: Path) -> None:
    corpora = [
        files(folder, "bio.tsv"),
        files(folder, "iob1.tsv", validate=(folder / "iob1.tsv",)),
        files(folder, "iobes.tsv", token_column=1, tag_column=3),
    ]
    read, labelling = DOMAIN.read(corpora, TextNetwork())
    assert isinstance(labelling, Entities)
    assert (labelling.types, labelling.scheme) == (("GENE", "LOC", "PER"), "BIO")
    assert [s.tags for one in read for s in one.splits["train"]] == [
        ("B-PER", "I-PER", "O"), ("B-LOC",), ("B-PER", "B-PER", "O"), ("B-GENE", "B-PER", "I-PER")
    ]  # fmt: skip
    assert [s.tags for s in read[1].splits["validate"]] == [("B-PER", "B-PER", "O")]
    read, labelling = DOMAIN.read(corpora[::-1], TextNetwork())
    assert read[0].splits["train"][0].tags == ("S-GENE", "B-PER", "E-PER")
    assert read[2].splits["train"][1].tags == ("S-LOC",)


def test_a_scheme_can_be_given(folder: Path) -> None:
    (read,), labelling = DOMAIN.read([files(folder, "bio.tsv", scheme="plain")], TextNetwork())
    assert isinstance(labelling, Plain)
    assert labelling.names == ("B-LOC", "B-PER", "I-PER", "O")
    (read,), labelling = DOMAIN.read([files(folder, "bio.tsv", scheme="IOB1")], TextNetwork())
    assert isinstance(labelling, Entities)
    # Of IOB1, all spans have I.
    assert read.splits["train"][1].tags == ("I-LOC",)


def test_compressed_and_encoded(folder: Path) -> None:
    packed = gzip.compress("Zoë\tB-PER\n".encode("latin-1"))
    (folder / "z.gz").write_bytes(packed)
    (read,), _ = DOMAIN.read([files(folder, "z.gz", encoding="latin-1")], TextNetwork())
    assert read.splits["train"][0].tokens == ("Zoë",)
    with pytest.raises(InputError, match=r"z\.gz: line 1: byte 0xEB is not utf-8"):
        DOMAIN.read([files(folder, "z.gz")], TextNetwork())


def test_refusals(folder: Path) -> None:
    for corpora, message in (
        (
            [files(folder, "bio.tsv"), files(folder, "plain.tsv")],
            r"\[\[corpus\]\] 2 has tags of scheme plain, the one before of BIO; one model cannot",
        ),
        (
            [files(folder, "plain.tsv"), TextCorpus(test=(folder / "bio.tsv",))],
            r"\[\[corpus\]\] 2 has tags of scheme BIO, the one before of plain",
        ),
        (
            [files(folder, "plain.tsv", scheme="BIO")],
            r"plain\.tsv: in the sentence at line 1: 'NNP' is no tag of spans",
        ),
        ([files(folder, "empty.tsv")], r"empty\.tsv: has no sentence to train on"),
        (
            [TextCorpus(test=(folder / "bio.tsv",)), files(folder, "empty.tsv")],
            r"empty\.tsv: has no sentence to train on",
        ),
        (
            [files(folder, "nothing.tsv")],
            r"nothing\.tsv: nothing is tagged in the files to train on",
        ),
        ([files(folder, "bio.tsv", tag_column=3)], "has 2 columns, no column 3"),
    ):
        with pytest.raises(InputError, match=message):
            DOMAIN.read(corpora, TextNetwork())
    with pytest.raises(InputError, match="'threshold' is for entities, not for plain tags"):
        DOMAIN.read([files(folder, "plain.tsv")], TextNetwork(threshold=0.2))


def test_the_network_has_the_size_of_the_settings(folder: Path) -> None:
    (folder / "v.txt").write_text("ada 1 2 3\nturin 4 5 6\n")
    sizes = TextNetwork("v.txt", 0, 1, 7, 3, "lstm", 6, 9, 2, 0.1)
    featurizer = DOMAIN.featurizer([["Ada", "in"]], sizes, folder)
    assert featurizer.vector_words == ("ada", "turin")
    config = DOMAIN.tagger_config(featurizer, sizes)
    assert config.categories == ((3, 7), (featurizer.categories[1], 3))
    assert (config.features, config.hidden, config.layers, config.dropout) == (3, 9, 2, 0.1)
    assert config.parts is not None
    assert (config.parts.encoder, config.parts.hidden) == ("lstm", 6)
    assert config.parts.symbols == len("Adain") + 2
    assert (
        DOMAIN.tagger_config(DOMAIN.featurizer([], TextNetwork(), folder), TextNetwork()).features
        == 0
    )
    with pytest.raises(ValueError, match="'spelling' must be even with an LSTM, not 7"):
        TextNetwork(characters="lstm", spelling=7)
    with pytest.raises(InputError, match=r"none\.txt: cannot read"):
        DOMAIN.featurizer([], TextNetwork(vectors="none.txt"), folder)


def test_scores() -> None:
    truth = [["B-PER", "I-PER", "O"], ["B-LOC"]]
    found = [["B-PER", "I-PER", "O"], ["B-PER"]]
    scores = DOMAIN.scores(truth, found, Entities(["LOC", "PER"], "BIO"))
    assert next(iter(scores)) == "f1"
    assert scores["f1"] == scores["precision"] == scores["recall"] == 0.5
    assert (scores["f1 LOC"], scores["f1 PER"]) == (0, pytest.approx(2 / 3))
    assert DOMAIN.scores([["NN", "VB"]], [["NN", "NN"]], Plain(["NN", "VB"])) == {"accuracy": 0.5}
    nothing = DOMAIN.scores([["O"]], [["O"]], Entities(["PER"], "BIO"))
    assert math.isnan(nothing["f1"])


def read_text(folder: Path, text: str, **more: object) -> list[str]:
    """Read a corpus of that text; return the notes, without that on vectors."""
    (folder / "x.tsv").write_text(text)
    notes = Notes()
    DOMAIN.read([files(folder, "x.tsv", **more)], TextNetwork(vectors="v.txt"), notes)
    return notes.lines


@pytest.mark.parametrize("stray", ["o", "X", "0", "B_PER"])
def test_a_stray_tag_does_not_make_a_corpus_plain(folder: Path, stray: str) -> None:
    text = BIO + f"\nwe\t{stray}\n"
    with pytest.raises(
        InputError, match=rf"x\.tsv: in the sentence at line 10: '{stray}' is no tag"
    ):
        read_text(folder, text)
    note, *alike = read_text(folder, text, scheme="plain")
    assert note == "[[corpus]] 1: tags are plain, all 5 fit"
    assert len(alike) == (stray == "o")


@pytest.mark.parametrize("outside", ["_", "o", "0", "OTHER"])
def test_another_tag_for_outside_does_not_make_spans_plain(folder: Path, outside: str) -> None:
    text = BIO + f"we\t{outside}\n" * 9
    with pytest.raises(InputError, match=rf"line 8: '{outside}' is no tag .* {outside} \(9\)"):
        read_text(folder, text)


def test_one_tag_for_all_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"x\.tsv: all tags to train on are '_', so that"):
        read_text(folder, "a\t_\nb\t_\n")


def test_what_may_not_be_meant_is_noted(folder: Path) -> None:
    assert read_text(folder, BIO) == ["[[corpus]] 1: tags are BIO, all 4 fit"]
    (note,) = read_text(folder, "a\tB-X\nb\tI-X\n\n" * 9 + "c\tI-X\nd\tI-Y\n")
    assert note.startswith("warning: [[corpus]] 1: tags are BIO, and 2 of 20 are illegal in it")
    assert "x.tsv: in the sentence at line 28, I-X is a span of one token" in note
    assert len(read_text(folder, "a\tNN\nb\tVB\n", scheme="plain")) == 1
    spans, _ = read_text(folder, BIO, scheme="plain")
    assert spans.endswith("the tags look like spans in BIO; leave 'scheme' out to find spans")
    plain = read_text(folder, "a\tO\nb\tPER\n")
    assert plain[0].startswith("warning: [[corpus]] 1: tags are taken as plain")
    alike = read_text(folder, BIO + "\nBob\tB-Per\n\nEve\tB\n\nAnn\tB\n")
    assert alike[1:] == [
        "warning: they differ in capitals alone, are they one? PER (1), Per (1)",
        "warning: 2 spans without a type, such as B where B-PER is meant, beside LOC (1), PER (1), "
        "Per (1)",
    ]
    stray = read_text(folder, BIO + "\nwe\tB-O\n")
    assert stray[1:] == ["warning: 1 span of the type O, such as B-O; is O alone meant?"]
    many = read_text(folder, "".join(f"a\tword{i}\n" for i in range(501)))
    assert many[0] == (
        "warning: [[corpus]] 1 has 501 different tags; is 'tag_column' the right one?"
    )


def test_slips_among_types(folder: Path) -> None:
    often = "Ada\tB-PER\n\n" * 100
    notes = read_text(folder, often + "Rome\tB-LCO\n")
    assert notes[1:] == ["warning: tagged once only, are they meant? LCO (1)"]
    names = "".join(f"a\tB-type{i}\n\na\tB-Type{i}\n\n" for i in range(9))
    notes = read_text(folder, names)
    assert len(notes) == 7
    assert notes[-1] == "warning: and there are 4 more groups of such types"


def test_types(folder: Path) -> None:
    with pytest.raises(InputError, match=r"'types' names Gene, which do not occur; there are LOC"):
        read_text(folder, BIO, types=("Gene",))
    with pytest.raises(InputError, match=r"'types' is for spans, and its tags are plain"):
        read_text(folder, "a\tNN\n", types=("NN",))
    notes = read_text(folder, BIO, types=("PER", "Gene"))
    assert notes[1:] == [
        "warning: [[corpus]] 1: 'types' names Gene, never tagged there",
        "warning: [[corpus]] 1: 'types' does not name what is tagged there, and is passed over: "
        "LOC (1)",
    ]
    notes_ = Notes()
    DOMAIN.read([files(folder, "iob1.tsv", test=(folder / "bio.tsv",))], TextNetwork(), notes_)
    assert "the model cannot find them: LOC (1)" in notes_.lines[1]
    assert notes_.lines[2].startswith("warning: no word vectors")


def test_patience_without_files_to_validate_on(folder: Path) -> None:
    for validate, patience, warned in (((), 2, 1), ((), 10, 0), ((folder / "bio.tsv",), 2, 0)):
        notes, corpus = Notes(), files(folder, "bio.tsv", validate=validate)
        TaggedData(
            Recipe(DOMAIN, None, (corpus,), TaggingTraining(patience=patience), TextNetwork()),
            notes,
        )
        assert sum("'patience' in [training]" in line for line in notes.lines) == warned


def test_vectors_and_tokens_are_those_of_the_model_to_start_from(folder: Path) -> None:
    """Nothing is said of missing vectors if it has some; annotated texts are split as it does."""
    shipped, _ = load_token_model(find_model("biomedical"))
    words = WordFeaturizer.fit([["Ada"]], tokens="spaces")
    (folder / "x.jsonl").write_text('{"text": "Ada-Bo ran", "label": [[0, 6, "PER"]]}\n')
    for featurizer, tokens in ((shipped.featurizer, 4), (words, 2)):
        start, notes = replace(shipped, featurizer=featurizer), Notes()
        (read,), _ = DOMAIN.read([files(folder, "x.jsonl")], TextNetwork(), notes, start)
        assert len(read.splits["train"][0]) == tokens
        without = [line for line in notes.lines if "no word vectors" in line]
        assert len(without) == (featurizer is words)


def test_sentences_to_measure_with_that_are_trained_on(folder: Path) -> None:
    """Short ones may be said twice."""
    long, short = "Ada\tB-PER\n" + "runs\tO\n" * 4 + "\n", "Thanks\tO\n\n"
    (folder / "test.tsv").write_text(short * 9 + long + long.replace("runs", "ran"))
    notes = read_text(folder, short + long, test=(folder / "test.tsv",))
    assert notes[1:] == [
        "warning: 1 of 2 sentences to test on, of 5 tokens or more, are also trained on, so that "
        "scores say little"
    ]
    (folder / "test.tsv").write_text(short * 9 + long.replace("runs", "ran"))
    assert len(read_text(folder, short + long, test=(folder / "test.tsv",))) == 1


def test_a_sentence_that_is_a_whole_file(folder: Path) -> None:
    notes = read_text(folder, "Ada\tB-PER\n" + "runs\tO\n" * 1000)
    assert notes[1:] == [
        "warning: a sentence to train on has 1001 tokens; are the empty lines between sentences "
        "missing?"
    ]


def test_types_that_are_not_named_are_no_labels(folder: Path) -> None:
    (folder / "x.tsv").write_text("Ada\tB-PER\nsaw\tO\nRome\tB-LOC\n")
    (corpus,), labelling = DOMAIN.read([files(folder, "x.tsv", types=("PER",))], TextNetwork())
    assert labelling.labels == ("O", "PER")
    (sentence,) = corpus.splits["train"]
    assert sentence.tags == ("B-PER", "O", "O")


def test_types_get_the_names_of_another_corpus(folder: Path) -> None:
    (folder / "x.tsv").write_text("Ada\tB-PER\nRome\tB-LOC\nBob\tI-PER\nEve\tB-ORG\n")
    (folder / "y.tsv").write_text("Zoe\tB-person\n")
    tables = [
        files(folder, "y.tsv"),
        files(folder, "x.tsv", types=("PER=person", "LOC=place", "ORG=place")),
    ]
    (_, corpus), labelling = DOMAIN.read(tables, TextNetwork())
    assert labelling.labels == ("O", "person", "place")
    assert corpus.types == ("person", "place")
    (sentence,) = corpus.splits["train"]
    assert sentence.tags == ("B-person", "B-place", "B-person", "B-place")
    with pytest.raises(ValueError, match=r"'types' are written as \"PER\" or"):
        files(folder, "x.tsv", types=("PER=",))
    with pytest.raises(ValueError, match="'types' names a type twice"):
        files(folder, "x.tsv", types=("PER", "PER=person"))
    (folder / "z.tsv").write_text("Ada\tB\n")
    (corpus,), _ = DOMAIN.read([files(folder, "z.tsv", types=("=person",))], TextNetwork())
    assert corpus.splits["train"][0].tags == ("B-person",)


def test_commas_do_not_separate_columns(folder: Path) -> None:
    with pytest.raises(InputError, match=r"x\.tsv: line 1: token and tag are in the same column;.*"
                       "not by commas"):  # fmt: skip
        read_text(folder, "Ada,B-PER\nruns,O\n")


def test_columns_of_conllu(folder: Path) -> None:
    """Words and parts of speech; ranges and empty nodes are no words."""
    rows = ["# text = vámonos ya", "1-2\tvámonos" + "\t_" * 8,
            "1\tvamos\tir\tVERB\tV" + "\t_" * 5, "2\tnos\tyo\tPRON\tP" + "\t_" * 5,
            "2.1\tx\tx\tX\tX" + "\t_" * 5, "3\tya\tya\tADV\tA" + "\t_" * 5]  # fmt: skip
    (folder / "u.conllu").write_text("\n".join(rows) + "\n\n")
    (read,), labelling = DOMAIN.read([files(folder, "u.conllu")], TextNetwork())
    (sentence,) = read.splits["train"]
    assert (sentence.tokens, sentence.tags) == (("vamos", "nos", "ya"), ("VERB", "PRON", "ADV"))
    assert labelling.labels == ("ADV", "PRON", "VERB")
    (read,), labelling = DOMAIN.read([files(folder, "u.conllu", tag_column=5)], TextNetwork())
    assert labelling.labels == ("A", "P", "V")

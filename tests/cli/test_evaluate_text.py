"""``dnatag evaluate`` on tagged text and labelled residues."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnatag.cli import main

GENES = str(Path(__file__).parents[1] / "data" / "evaluate" / "mg1655.refseq.gff3")
TRUTH = "Ada B-PER\nLovelace I-PER\nvisits O\nTurin B-LOC\n. O\n\nRain O\nin O\nTurin B-LOC\n"
PREDICTION = TRUTH.replace("Turin B-LOC", "Turin B-PER", 1)
PROTEINS = ">a\nMKLLAV\n11HHHU\n>b\nMK\n22\n"
SIGNATURES = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file of truth and one of predictions, and work in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "truth.conll").write_text(TRUTH)
    (tmp_path / "a.conll").write_text(PREDICTION)
    (tmp_path / "truth.fasta").write_text(PROTEINS)
    return tmp_path


def evaluate(*arguments: str, **options) -> Result:
    return CliRunner().invoke(main, ["evaluate", *arguments], **options)


def scores(*arguments: str, **options) -> dict:
    result = evaluate(*arguments, "--json", "-", **options)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["predictions"]


def test_a_table_of_labels_is_not_scored_as_tags_silently(folder: Path) -> None:
    (folder / "names.tsv").write_text("Scottish\tReid\nIrish\tBrady\nIrish\tKelly\n")
    result = evaluate("names.tsv", "names.tsv")
    assert "warning: names.tsv: is taken for one sentence, a token and a tag" in result.stderr
    result = evaluate("names.tsv", "names.tsv", "--domain", "classification")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("reference: names.tsv, 3 sequences, 2 labels\n")


def test_table(folder: Path) -> None:
    (folder / "b.conll").write_text(TRUTH.replace("Rain O", "Rain B-MISC"))
    result = evaluate("truth.conll", "a.conll", "b.conll")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout == (
        "reference: truth.conll, 2 sentences, 8 tokens, 3 spans in BIO\n"
        "\n"
        "                       a       b\n"
        "token accuracy %   87.50   87.50\n"
        "all spans\n"
        "  true                 3       3\n"
        "  predicted            3       4\n"
        "  precision %      66.67   75.00\n"
        "  recall %         66.67  100.00\n"
        "  F1 %             66.67   85.71\n"
        "LOC\n"
        "  true                 2       2\n"
        "  predicted            1       2\n"
        "  precision %     100.00  100.00\n"
        "  recall %         50.00  100.00\n"
        "  F1 %             66.67  100.00\n"
        "MISC\n"
        "  true                 -       0\n"
        "  predicted            -       1\n"
        "  precision %          -    0.00\n"
        "  recall %             -       -\n"
        "  F1 %                 -    0.00\n"
        "PER\n"
        "  true                 1       1\n"
        "  predicted            2       1\n"
        "  precision %      50.00  100.00\n"
        "  recall %        100.00  100.00\n"
        "  F1 %             66.67  100.00\n"
    )


def test_json_and_tsv(folder: Path) -> None:
    (folder / "b.conll").write_text(TRUTH.replace("Rain O", "Rain B-MISC"))
    reported = scores("truth.conll", "a.conll", "b.conll", "--tsv", "out.tsv")
    assert reported["a"]["scheme"] == "BIO"
    assert reported["a"]["accuracy"] == 7 / 8
    assert reported["a"]["by_type"]["LOC"]["recall"] == 0.5
    assert reported["a"]["confusion"]["LOC"] == {"LOC": 1, "PER": 1, "O": 0}
    header, *rows = (line.split("\t") for line in Path("out.tsv").read_text().splitlines())
    assert header == ["measure", "a", "b"]
    table = {row[0]: row[1:] for row in rows}
    assert table["all.right"] == ["2", "3"]
    assert table["by_type.MISC.predicted"] == ["", "1"]


def test_each_file_has_its_own_scheme(folder: Path) -> None:
    (folder / "a.conll").write_text(
        "Ada I-PER\nLovelace I-PER\nvisits O\nTurin I-LOC\n. O\n\nRain O\nin O\nTurin I-LOC\n"
    )
    (folder / "b.conll").write_text(
        "Ada B-PER\nLovelace E-PER\nvisits O\nTurin S-LOC\n. O\n\nRain O\nin O\nTurin S-LOC\n"
    )
    reported = scores("truth.conll", "a.conll", "b.conll")
    assert [one["scheme"] for one in reported.values()] == ["IOB1", "IOBES"]
    assert all(one["accuracy"] == one["all"]["f1"] == 1 for one in reported.values())


def test_illegal_tags_are_noted(folder: Path) -> None:
    (folder / "a.conll").write_text(TRUTH.replace("in O\nTurin B-LOC", "in O\nTurin I-LOC"))
    result = evaluate("truth.conll", "a.conll")
    assert result.exit_code == 0
    assert result.stderr == (
        "dnatag: warning: a.conll: tags illegal in BIO: 1, read as conlleval reads them; "
        "the first: in the sentence at line 7, I-LOC is a span of one token, for which BIO has "
        "B-LOC\n"
    )
    assert ["F1", "%", "100.00"] in [line.split() for line in result.stdout.splitlines()]
    assert evaluate("truth.conll", "a.conll", "--quiet").stderr == ""


def test_plain_tags_and_columns(folder: Path) -> None:
    (folder / "truth.conll").write_text("1\tRain\tNOUN\t_\n2\tfalls\tVERB\t_\n")
    (folder / "a.conll").write_text("1\tRain\tNOUN\t_\n2\tfalls\tNOUN\t_\n")
    columns = ("--token-column", "2", "--tag-column", "-2")
    reported = scores("truth.conll", "a.conll", *columns)["a"]
    assert (reported["scheme"], reported["accuracy"]) == ("plain", 0.5)
    table = evaluate("truth.conll", "a.conll", *columns).stdout
    assert table.startswith("reference: truth.conll, 1 sentence, 2 tokens\n")
    assert "\nall tags\n" in table


def test_scheme_can_be_given(folder: Path) -> None:
    (reported,) = scores("truth.conll", "a.conll", "--scheme", "plain").values()
    assert reported["by_type"]["O"]["right"] == 4


def test_a_stray_tag_does_not_make_the_others_plain(folder: Path) -> None:
    (folder / "truth.conll").write_text(TRUTH.replace("visits O", "visits o"))
    result = evaluate("truth.conll", "a.conll")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert "truth.conll: line 1: in the sentence that begins here, 'o' is no tag" in result.stderr
    assert "use --scheme plain for tags without spans" in result.stderr
    counted = scores("truth.conll", "a.conll", "--scheme", "plain")["a"]
    assert counted["accuracy"] == 6 / 8


@pytest.mark.parametrize("outside", ["_", "o", "0", "OTHER"])
def test_another_tag_for_outside_does_not_make_spans_plain(folder: Path, outside: str) -> None:
    (folder / "b.conll").write_text(TRUTH.replace(" O\n", f" {outside}\n"))
    for paths in (("b.conll", "b.conll"), ("truth.conll", "b.conll"), ("b.conll", "truth.conll")):
        result = evaluate(*paths)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"b.conll: line 1: in the sentence that begins here, '{outside}' is no tag of" in (
            result.stderr
        )


def test_spaces_at_the_end_are_no_part_of_a_tag(folder: Path) -> None:
    (folder / "b.tsv").write_text(TRUTH.replace(" O\n", "\tO \n").replace(" B", "\tB"))
    assert scores("truth.conll", "b.tsv")["b"]["all"]["f1"] == 1


@pytest.mark.parametrize(
    ("tags", "warning"),
    [
        ("_ _ _", "all tags are '_'; is another --tag-column meant?"),
        ("O b-PER i-PER", "tags are taken as plain, one for each token without spans, though O is"),
    ],
)
def test_plain_tags_that_may_not_be_meant(folder: Path, tags: str, warning: str) -> None:
    (folder / "b.conll").write_text("".join(f"x\t{tag}\n\n" for tag in tags.split()))
    assert f"warning: b.conll: {warning}" in evaluate("b.conll", "b.conll").stderr


def test_labels_in_other_capitals_are_noted(folder: Path) -> None:
    (folder / "a.fasta").write_text(PROTEINS.replace("HHH", "hhh"))
    assert evaluate("truth.fasta", "a.fasta").stderr == (
        "dnatag: warning: a.fasta: labels that differ from those of the reference in capitals "
        "alone count as others: H, h\n"
    )
    (folder / "a.conll").write_text(TRUTH.replace("PER", "Per"))
    assert "others: PER, Per\n" in evaluate("truth.conll", "a.conll").stderr


def test_tags_without_types(folder: Path) -> None:
    (folder / "truth.conll").write_text("a B\nb I\nc O\n")
    result = evaluate("truth.conll", "truth.conll")
    assert "\n(no type)\n" in result.stdout
    assert list(scores("truth.conll", "truth.conll")["truth"]["by_type"]) == [""]


def test_compressed_and_standard_input(folder: Path) -> None:
    packed = gzip.compress(TRUTH.encode())
    assert scores("-", "a.conll", input=packed)["a"]["all"]["right"] == 2
    assert scores("truth.conll", "-", input=packed)["-"]["all"]["right"] == 3


def test_encoding(folder: Path) -> None:
    for name in ("truth.conll", "a.conll"):
        (folder / name).write_bytes("Zürich B-LOC\n".encode("latin-1"))
    assert evaluate("truth.conll", "a.conll").exit_code == 2
    assert scores("truth.conll", "a.conll", "--encoding", "latin-1")["a"]["accuracy"] == 1


def test_residues(folder: Path) -> None:
    (folder / "a.fasta").write_text(PROTEINS.replace("11HHHU", "111HHH"))
    result = evaluate("truth.fasta", "a.fasta")
    assert result.exit_code == 0
    assert result.stdout.startswith(
        "reference: truth.fasta, 2 proteins, 7 residues, 3 segments (not counted: 1 residues "
        "labelled U)\n"
    )
    assert "\nresidue accuracy %   85.71\nall segments\n" in result.stdout
    reported = scores("truth.fasta", "a.fasta", "--picture", "out.png")["a"]
    assert [c["right"] for c in reported["by_type"].values()] == [0, 1, 0]
    assert "scheme" not in reported


@pytest.mark.parametrize("format", SIGNATURES)
def test_picture(folder: Path, format: str) -> None:
    result = evaluate("truth.conll", "a.conll", "truth.conll", "--picture", f"out.{format}")
    assert result.exit_code == 0
    assert result.stdout.startswith("reference: ")
    assert Path(f"out.{format}").read_bytes().startswith(SIGNATURES[format])


def test_pictures_need_matplotlib(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = evaluate("truth.conll", "a.conll", "--picture", "out.png")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "dnatag[pictures]" in result.stderr
    assert not Path("out.png").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "\nin O",
            "\non O",
            "a.conll: line 7: token 2 from here is 'on', 'in' in truth.conll (line 7); "
            "compare files of the same tokens",
        ),
        (
            ". O\n",
            "",
            "a.conll: line 1: 4 tokens begin here, 5 in truth.conll (line 1); compare files of "
            "the same tokens",
        ),
        (
            "\n\nRain O\nin O\nTurin B-LOC",
            "",
            "truth.conll: line 7: a.conll ends before what begins here; compare files of the "
            "same tokens",
        ),
        (
            "in O",
            "in IN",
            "a.conll: line 7: in the sentence that begins here, 'IN' is no tag of spans, such as "
            "B-PER or O; fix it, name another --tag-column, or use --scheme plain for tags "
            "without spans",
        ),
    ],
)
def test_files_that_do_not_belong_together(folder: Path, old: str, new: str, message: str) -> None:
    (folder / "a.conll").write_text(TRUTH.replace(old, new))
    result = evaluate("truth.conll", "a.conll", "--picture", "out.png")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"dnatag: error: {message}\n"
    assert not Path("out.png").exists()


def test_residues_of_other_proteins(folder: Path) -> None:
    (folder / "a.fasta").write_text(PROTEINS.replace("MK\n", "MR\n"))
    result = evaluate("truth.fasta", "a.fasta")
    assert result.exit_code == 2
    assert "a.fasta: line 4: token 2 from here is 'R', 'K' in truth.fasta" in result.stderr


def test_what_is_not_defined_is_empty(folder: Path) -> None:
    (folder / "a.fasta").write_text(">a\nMK\nHH\n")
    (line,) = (
        line
        for line in evaluate("a.fasta", "a.fasta", "--tsv", "-").stdout.splitlines()
        if line.startswith("all.mcc\t")
    )
    assert line == "all.mcc\t"
    assert scores("a.fasta", "a.fasta")["a"]["all"]["mcc"] is None
    assert "nan" not in evaluate("a.fasta", "a.fasta").stdout


def test_residues_that_are_left_open(folder: Path) -> None:
    (folder / "a.fasta").write_text(PROTEINS.replace("11HHHU", "11HUUU"))
    assert evaluate("truth.fasta", "a.fasta").stderr == (
        "dnatag: warning: a.fasta: 2 residues left open (U, as by --min-score), which counts as "
        "wrong\n"
    )


def test_residues_in_another_order(folder: Path) -> None:
    first, second = PROTEINS.rstrip().split("\n>")
    more = ">other\nMA\nHH\n"
    (folder / "a.fasta").write_text(f">{second}\n{more}{first}\n")
    result = evaluate("truth.fasta", "a.fasta")
    assert "residue accuracy %  100.00" in result.stdout
    assert "a.fasta: has 3 proteins, truth.fasta 2; compared are those of the" in result.stderr
    (folder / "a.fasta").write_text(f"{first}\n")
    assert "has 1 protein, truth.fasta 2; compare" in evaluate("truth.fasta", "a.fasta").stderr


@pytest.mark.parametrize(
    ("truth", "options", "message"),
    [
        (GENES, ["--scheme", "BIO"], "--scheme is for text in columns"),
        (GENES, ["--tag-column", "-1"], "--tag-column is for text in columns"),
        (GENES, ["--picture", "x.png"], "--picture is for labels of frames"),
        ("truth.conll", ["--verified"], "--verified is for annotations of genes"),
        ("truth.conll", ["--genome", "x"], "--genome is for annotations of genes"),
        ("truth.fasta", ["--token-column", "1"], "and these files are FASTA of labelled residues"),
        ("truth.conll", ["--token-column", "0"], "columns are counted from 1"),
        ("truth.conll", ["--picture", "x.gif"], "must end in .png, .svg, .pdf"),
        ("truth.conll", ["--scheme", "IOB9"], "Invalid value for '--scheme'"),
    ],
)
def test_wrong_use(folder: Path, truth: str, options: list[str], message: str) -> None:
    result = evaluate(truth, truth, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_conll_u_has_its_parts_of_speech_in_the_fourth_column(folder: Path) -> None:
    rows = [(1, "We", "PRON"), (2, "saw", "VERB"), (3, "it", "PRON")]
    truth = "".join(f"{i}\t{w}\t_\t{t}" + 6 * "\t_" + "\n" for i, w, t in rows) + "\n"
    # As dnatag tag writes it, with the tag in one more column.
    found = "".join(f"{i}\t{w}\t_\t_" + 6 * "\t_" + f"\t{t}\n" for i, w, t in rows) + "\n"
    (folder / "truth.conllu").write_text(truth)
    (folder / "a.conllu").write_text(found.replace("VERB", "NOUN"))
    assert scores("truth.conllu", "a.conllu")["a"]["accuracy"] == pytest.approx(2 / 3)


def test_columns_of_reference_and_prediction(folder: Path) -> None:
    """The predicted tag is never the copy of the truth that a tagger passed on."""
    (folder / "truth.conll").write_text("Ada NNP B-PER\nruns VBZ O\n")
    (folder / "a.conll").write_text("Ada NNP B-PER O\nruns VBZ O O\n")
    for columns in ((), ("--tag-column", "3"), ("--predicted-column", "4")):
        assert scores("truth.conll", "a.conll", *columns)["a"]["all"]["right"] == 0, columns
    of_copy = ("--tag-column", "3", "--predicted-column", "3")
    assert scores("truth.conll", "a.conll", *of_copy)["a"]["all"]["right"] == 1
    piped = scores("truth.conll", "-", "--tag-column", "3", input="Ada NNP B-PER O\nruns VBZ O O\n")
    assert piped["-"]["all"]["right"] == 0
    short = evaluate("truth.conll", "a.conll", "--predicted-column", "5")
    assert "a.conll: line 1: has 4 columns, no column 5" in short.stderr


def test_some_types(folder: Path) -> None:
    (reported,) = scores("truth.conll", "a.conll", "--types", "PER").values()
    assert reported["by_type"].keys() == {"PER"}
    assert (reported["all"]["true"], reported["all"]["predicted"]) == (1, 2)
    (reported,) = scores("truth.conll", "a.conll", "--types", "PER, LOC").values()
    assert reported["all"]["true"] == 3
    (plain,) = scores("truth.conll", "a.conll", "--types", "O", "--scheme", "plain").values()
    assert (plain["all"]["true"], plain["all"]["right"], plain["accuracy"]) == (4, 4, 7 / 8)
    assert plain["by_type"].keys() == {"O"}
    for arguments, message in (
        (("--types", "GENE,PER"), "truth.conll: has no spans of GENE, which --types names"),
        (("--types", "X", "--scheme", "plain"), "truth.conll: has no tags X, which --types names"),
    ):
        result = evaluate("truth.conll", "a.conll", *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"tokens": ["Ada"]}\n', "is JSON Lines; the reference is text in columns"),
        ("##gff-version 3\n", "is a GFF or GTF file; the reference is text in columns"),
        ("c1 x CDS 197 2083 . + 0 ID=g1\n", "has the columns of GFF with spaces between"),
    ],
)
def test_other_kinds_than_the_reference(folder: Path, text: str, words: str) -> None:
    (folder / "b").write_text(text)
    result = evaluate("truth.conll", "b")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"b: {words}" in result.stderr
    assert evaluate("b", "b").exit_code == 2


def test_columns_and_annotated_texts_do_not_compare(folder: Path) -> None:
    (folder / "b").write_text('{"text": "Ada", "label": [[0, 3, "PER"]]}\n')
    for paths, words in (
        (("truth.conll", "b"), "b: is Doccano's JSON Lines of spans, and truth.conll has a token"),
        (("b", "truth.conll"), "truth.conll: has a token in each line, in columns, and b is Docc"),
    ):
        result = evaluate(*paths)
        assert (result.exit_code, result.stdout) == (2, "")
        assert words in result.stderr


@pytest.mark.parametrize("paths", [("none", "a.conll"), ("a.txt", "none"), ("none", "a.txt")])
def test_a_missing_file_is_named(folder: Path, paths: tuple[str, str]) -> None:
    (folder / "a.txt").write_text("This may be anything.\n")
    result = evaluate(*paths)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "dnatag: error: none: cannot read: No such file or directory\n"


@pytest.mark.parametrize("label", ["", "XY"])
def test_the_unknown_label_is_a_letter(folder: Path, label: str) -> None:
    result = evaluate("truth.fasta", "truth.fasta", "--unknown", label)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"--unknown is one letter, not {label!r}." in result.stderr


def test_annotations_of_the_same_texts(folder: Path) -> None:
    (folder / "brat").mkdir()
    (folder / "brat" / "a.txt").write_text("Ada visits Turin.\n")
    (folder / "brat" / "a.ann").write_text("T1\tPER 0 3\tAda\nT2\tLOC 11 16\tTurin\n")
    item = {"text": "Ada visits Turin.", "label": [[0, 3, "PER"], [4, 16, "LOC"]]}
    (folder / "doccano.jsonl").write_text(json.dumps(item))
    region = {"value": {"start": 0, "end": 3, "labels": ["PER"]}}
    tasks = [{"data": {"text": "Ada visits Turin."}, "predictions": [{"result": [region]}]}]
    (folder / "studio.json").write_text(json.dumps(tasks))
    found = scores("brat", "doccano.jsonl", "studio.json")
    assert found["doccano"]["all"] == {
        "true": 2, "predicted": 2, "right": 1, "precision": 0.5, "recall": 0.5, "f1": 0.5
    }  # fmt: skip
    assert found["studio"]["by_type"]["PER"]["f1"] == 1
    assert found["studio"]["all"]["recall"] == 0.5
    # What 'tag' writes keeps the labels of people, which are not its own.
    entity = {"entity_group": "LOC", "score": 0.9, "word": "Turin", "start": 11, "end": 16}
    (folder / "found.jsonl").write_text(json.dumps(item | {"entities": [entity]}))
    (folder / "raw.jsonl").write_text(json.dumps({"text": item["text"], "entities": [entity]}))
    found = scores("doccano.jsonl", "found.jsonl", "raw.jsonl")
    for name in ("found", "raw"):
        assert found[name]["all"]["predicted"] == 1
        assert found[name]["all"]["right"] == 0
    assert scores("brat", "found.jsonl")["found"]["by_type"]["LOC"]["f1"] == 1
    assert scores("found.jsonl", "doccano.jsonl")["doccano"]["all"]["f1"] == 1
    result = evaluate("raw.jsonl", "doccano.jsonl")
    assert result.exit_code == 2
    assert "the entities that a model found are no reference" in result.stderr
    result = evaluate("brat", "a.conll")
    assert result.exit_code == 2
    assert "a.conll: has a token in each line" in result.stderr
    (folder / "studio.json").write_text(json.dumps([{"data": {"text": "else"}}]))
    assert "studio.json: lacks the text a of brat" in evaluate("brat", "studio.json").stderr

"""``dnatag tag``: formats in and out, scores, and bad input."""

from __future__ import annotations

import bz2
import fcntl
import gzip
import itertools
import json
import lzma
import math
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from dnatag.cli import main
from dnatag.domains.text.domain import DOMAIN
from dnatag.domains.text.labels import Plain
from dnatag.domains.text.settings import TextNetwork
from dnatag.engine.networks.token_tagger import TokenTagger
from dnatag.engine.networks.weights import TokenWeights
from dnatag.registry import find_domain
from dnatag.tasks.tagging.model import TokenModel, save_token_model
from dnatag.tasks.tagging.schemes import faults
from dnatag.tasks.tagging.tagger import Tagger

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Toy = tuple[Path, Path, str]
Options = tuple[object, ...]
Write = Callable[..., Path]
DNATAG = [sys.executable, "-m", "dnatag", "tag"]
SENTENCE = "dr Xavqu Miklo was given 12 mg"
TAGS = ["O", "B-PER", "I-PER", "O", "O", "B-QTY", "I-QTY"]
LINES = f"{SENTENCE}\n\nwe saw that.\n"
CONLL = "".join(f"{word}\n" for word in SENTENCE.split()) + "\nwe\nsaw\n"
TABBED = "# sent_id = 1\n" + "".join(f"{i}\t{w}\n" for i, w in enumerate(SENTENCE.split(), 1))
JSONL = f"{json.dumps({'text': SENTENCE, 'id': 7})}\n{json.dumps({'tokens': ['we', 'saw']})}\n"
FASTA = ">a first\nMKLLAVMKLLAV\nMKLAV*\n>b\nmkw\n"
needs_dev_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")


def tag(*arguments: object, **options: Any) -> Result:
    return CliRunner().invoke(main, ["tag", *map(str, arguments)], **options)


@pytest.fixture
def model(toy: Toy) -> Options:
    """Options for the toy, as quick as possible."""
    return ("--model", toy[1], "--device", "cpu", "--threads", 1, "-q")


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Options:
    """Options for a model of proteins with random weights."""
    torch.manual_seed(1)
    domain = find_domain("proteins")
    settings = domain.network(hidden=4)
    featurizer = domain.featurizer([tuple("ACDEF")], settings, Path())
    labelling = domain.load_labelling({"kind": "topology"})
    network = TokenTagger(domain.tagger_config(featurizer, settings), labelling.grammar)
    path = tmp_path_factory.mktemp("proteins") / "membrane.dnatag"
    save_token_model(
        path, TokenModel(domain, featurizer, (TokenWeights.of(network),), labelling), {}
    )
    return ("--model", path, "--device", "cpu", "--threads", 1, "-q")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Options:
    """Options for a model of plain tags with random weights."""
    torch.manual_seed(1)
    featurizer = DOMAIN.featurizer([SENTENCE.split()], TextNetwork(), Path())
    labelling = Plain(["NN", "VB"])
    network = TokenTagger(
        DOMAIN.tagger_config(featurizer, TextNetwork(hidden=4)), labelling.grammar
    )
    path = tmp_path_factory.mktemp("plain") / "plain.dnatag"
    save_token_model(
        path, TokenModel(DOMAIN, featurizer, (TokenWeights.of(network),), labelling), {}
    )
    return ("--model", path, "--device", "cpu", "--threads", 1, "-q")


def done(result: Result) -> str:
    assert (result.exit_code, result.stderr) == (0, ""), result.stderr
    return result.stdout


def brat(folder: Path) -> dict[str, list[str]]:
    """Read what is annotated in a folder, and check that it is where it is said to be."""
    found = {}
    for path in sorted(folder.glob("*.ann")):
        text, rows = path.with_suffix(".txt").read_text(), path.read_text().splitlines()
        found[path.stem] = [row.split("\t")[2] for row in rows]
        for row in rows:
            _, place, words = row.split("\t")
            start, end = map(int, place.split(" ")[1:])
            assert text[start:end] == words
    return found


def objects(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done(result).splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Write:
    """Write an input whose name reveals nothing."""

    def write(data: str | bytes) -> Path:
        path = tmp_path / "input"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return write


# What is written -----------------------------------------------------------------------------


def test_what_people_annotated_is_not_in_the_output(model: Options, file: Write) -> None:
    texts = [{"text": SENTENCE, "label": [[0, 3, "X"]]}, {"text": SENTENCE}]
    given = file("".join(json.dumps(text) + "\n" for text in texts))
    result = tag(*model[:-1], given)
    assert "the annotations of 1 text are not in the output" in result.stderr


def test_lines(model: Options, file: Write) -> None:
    first, blank, last = objects(tag(*model, file(LINES)))
    assert first.keys() == {"text", "entities"}
    assert first["text"] == SENTENCE
    assert [(e["entity_group"], e["word"], e["start"], e["end"]) for e in first["entities"]] == [
        ("PER", "Xavqu Miklo", 3, 14), ("QTY", "12 mg", 25, 30)
    ]  # fmt: skip
    assert all(0.5 < e["score"] <= 1 for e in first["entities"])
    # Empty sentences stay where they are.
    assert blank == {"text": "", "entities": []}
    assert last == {"text": "we saw that.", "entities": []}


def test_jsonl(model: Options, file: Write) -> None:
    first, second = objects(tag(*model, file(JSONL)))
    assert list(first) == ["text", "id", "entities"]
    assert (first["id"], first["text"]) == (7, SENTENCE)
    assert [e["word"] for e in first["entities"]] == ["Xavqu Miklo", "12 mg"]
    assert second == {"tokens": ["we", "saw"], "entities": []}


def test_conll(model: Options, file: Write) -> None:
    text = done(tag(*model, "--format", "conll", file(CONLL)))
    words = SENTENCE.split()
    assert text == (
        "".join(f"{w}\t{t}\n" for w, t in zip(words, TAGS, strict=True))
        + "\nwe\tO\nsaw\tO\n\n"
    )  # fmt: skip


def test_columns(model: Options, file: Write) -> None:
    """Other columns and comments are kept."""
    text = done(tag(*model, "--token-column", 2, file(TABBED)))
    lines = text.splitlines()
    assert lines[0] == "# sent_id = 1"
    assert lines[1:-1] == [
        f"{line}\t{t}" for line, t in zip(TABBED.splitlines()[1:], TAGS, strict=True)
    ]
    assert done(tag(*model, "--token-column", -1, file(TABBED))) == text
    # What was written can be read, with a column more.
    again = done(tag(*model, "--token-column", 2, file(text)))
    assert [line.split("\t")[2:] for line in again.splitlines()[1:-1]] == [[t, t] for t in TAGS]


@pytest.mark.parametrize("separator", [" ", "\t"])
def test_columns_are_recognised(model: Options, file: Write, separator: str) -> None:
    """Without --format: columns with spaces or tabs, a column alone, CoNLL-U."""
    words = SENTENCE.split()
    two = "".join(f"{word}{separator}O\n" for word in words)
    assert done(tag(*model, file(f"{two}\n{two}"))) == 2 * (
        "".join(f"{w}{separator}O{separator}{t}\n" for w, t in zip(words, TAGS, strict=True)) + "\n"
    )
    expected = done(tag(*model, "--format", "conll", file(CONLL)))
    assert done(tag(*model, file(CONLL))) == expected
    universal = "# sent_id = 1\n" + "".join(
        f"{i}\t{word}" + 8 * "\t_" + "\n" for i, word in enumerate(words, 1)
    )
    rows = done(tag(*model, file(universal))).splitlines()[1:-1]
    assert [(row.split("\t")[1], row.split("\t")[10]) for row in rows] == [
        *zip(words, TAGS, strict=True)
    ]


def test_fasta(proteins: Options, file: Write) -> None:
    lines = done(tag(*proteins, file(FASTA))).splitlines()
    assert lines[:2] == [">a first", "MKLLAVMKLLAVMKLAV"]
    assert lines[3:5] == [">b", "MKW"]
    assert len(lines) == 6
    for sequence, labels in (lines[1:3], lines[4:6]):
        assert len(labels) == len(sequence)
        assert set(labels) <= set("S12HB")


def test_proteins_as_jsonl(proteins: Options, file: Write) -> None:
    labels = done(tag(*proteins, file(FASTA))).splitlines()[2::3]
    found = objects(tag(*proteins, "--to", "jsonl", file(FASTA)))
    assert [item["id"] for item in found] == ["a", "b"]
    assert found[0]["sequence"] == "MKLLAVMKLLAVMKLAV"
    for item, letters in zip(found, labels, strict=True):
        groups = ["".join(g) for _, g in itertools.groupby(letters)]
        assert [e["entity_group"] for e in item["entities"]] == [g[0] for g in groups]
        assert [len(e["word"]) for e in item["entities"]] == [len(g) for g in groups]
        words = [item["sequence"][e["start"] : e["end"]] for e in item["entities"]]
        assert words == [e["word"] for e in item["entities"]]


@pytest.mark.parametrize("data", [LINES, JSONL, TABBED], ids=["lines", "jsonl", "conll"])
def test_from_any_format_to_any(model: Options, file: Write, data: str) -> None:
    column = ("--token-column", 2) if data is TABBED else ()
    items = objects(tag(*model, *column, "--to", "jsonl", file(data)))
    assert [e["word"] for e in items[0]["entities"]] == ["Xavqu Miklo", "12 mg"]
    rows = done(tag(*model, *column, "--to", "conll", file(data))).split("\n\n")[0].split("\n")
    rows = [row for row in rows if not row.startswith("#")]
    assert [row.split("\t")[-2:] for row in rows] == [
        [w, t] for w, t in zip(SENTENCE.split(), TAGS, strict=True)
    ]


def test_k_best(toy: Toy, model: Options, file: Write) -> None:
    sentence = "dr Xavqu in Miklo 12 of"
    tokens = Tagger.load(toy[1], "cpu").tag(sentence.split(), k_best=4)
    (item,) = objects(tag(*model, "--k-best", 4, file(f"{sentence}\n")))
    assert list(item) == ["text", "entities", "alternatives"]
    assert len(item["alternatives"]) == 4
    for (share, entities), reported in zip(tokens.alternatives, item["alternatives"], strict=True):
        assert reported["score"] == pytest.approx(share, abs=1e-5)
        assert [(e["entity_group"], e["word"]) for e in reported["entities"]] == [
            (e.type, " ".join(sentence.split()[e.start : e.end])) for e in entities
        ]
    assert item["alternatives"][0]["entities"] == item["entities"]
    # Of an empty sentence there is one labelling.
    *_, blank = objects(tag(*model, "--k-best", 4, file(f"{sentence}\n\n")))
    assert blank["alternatives"] == [{"score": 1.0, "entities": []}]


def test_min_score(model: Options, file: Write) -> None:
    path = file("dr Xavqu Miklo saw Hertz Ludov with 12 of 13 mg in Tonul mg dr 9\n" * 3)
    every = objects(tag(*model, path))[0]["entities"]
    scores = sorted(e["score"] for e in every)
    assert len(set(scores)) > 1
    bound = scores[len(scores) // 2]
    kept = [e for e in every if e["score"] >= bound]
    item = objects(tag(*model, "--min-score", bound - 1e-6, "--k-best", 2, path))[0]
    assert item["entities"] == kept
    # Other readings are reported whole.
    alone = objects(tag(*model, "--k-best", 2, path))[0]
    assert item["alternatives"] == alone["alternatives"]
    assert min(e["score"] for r in item["alternatives"] for e in r["entities"]) < bound
    rows = done(tag(*model, "--min-score", bound - 1e-6, "--to", "conll", path)).splitlines()
    tags = [row.split("\t")[1] for row in rows[: rows.index("")]]
    assert not faults(tags, "BIO")
    assert sum(t[0] == "B" for t in tags) == len(kept)
    more = objects(tag(*model, "--min-score", 0, path))[0]["entities"]
    assert len(more) > len(every)
    assert 0.01 < min(e["score"] for e in more) < 0.45 <= scores[0]


def test_min_score_of_other_labels(plain: Options, proteins: Options, file: Write) -> None:
    """Tokens without a label are marked as such."""
    rows = done(tag(*plain, "--to", "conll", file(LINES))).splitlines()
    assert {row.split("\t")[-1] for row in rows if row} <= {"NN", "VB"}
    rows = done(tag(*plain, "--min-score", 1, "--to", "conll", file(LINES))).splitlines()
    assert {row.split("\t")[-1] for row in rows if row} == {"_"}
    assert objects(tag(*plain, "--min-score", 1, file(LINES)))[0]["entities"] == []
    lines = done(tag(*proteins, "--min-score", 1, file(FASTA))).splitlines()
    assert lines[2::3] == ["U" * 17, "UUU"]


def test_many_sentences_keep_their_order(toy: Toy, model: Options, file: Write) -> None:
    """More than are read at once."""
    path = file("".join(f"we saw {i} mg\n" for i in range(1500)))
    items = objects(tag(*model, path))
    assert [item["text"] for item in items] == [f"we saw {i} mg" for i in range(1500)]
    assert all(item["entities"] for item in items)
    assert objects(tag("--model", toy[1], "-q", "--threads", 2, "--device", "cpu", path)) == items


def test_notes(toy: Toy, model: Options, proteins: Options, file: Write, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    result = tag("--model", toy[1], "--device", "cpu", file(LINES), "-o", out)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        "dnatag: model toy, device cpu, input lines\n"
        "dnatag: 3 sentences, 11 tokens, 2 entities\n"
    )  # fmt: skip
    assert out.read_text() == done(tag(*model, file(LINES)))
    notes = tag(*proteins[:-1], file(FASTA)).stderr.splitlines()
    assert notes[0] == "dnatag: model membrane, device cpu, input fasta"
    assert re.fullmatch(r"dnatag: 2 proteins, 20 residues, \d+ segments", notes[1])


# Where it comes from and goes ----------------------------------------------------------------


@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, bz2.compress, lzma.compress, zstd.compress],
    ids=["plain", "gzip", "bzip2", "xz", "zstd"],
)
@pytest.mark.parametrize("data", [LINES, JSONL, TABBED, "\ufeff" + JSONL], ids=repr)
def test_compressed_input(
    model: Options, file: Write, pack: Callable[[bytes], bytes], data: str
) -> None:
    column = ("--token-column", 2) if data is TABBED else ()
    expected = done(tag(*model, *column, file(data)))
    assert expected.count("\n") > 1
    packed = pack(data.encode())
    assert done(tag(*model, *column, file(packed))) == expected
    assert done(tag(*model, *column, "-", input=packed)) == expected


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8"])
def test_encoding(model: Options, file: Write, encoding: str) -> None:
    path = file("dr Zoë Müller was\n".encode(encoding))
    (item,) = objects(tag(*model, "--encoding", encoding, path))
    assert item["text"] == "dr Zoë Müller was"
    path = file("Zoë\t1\nMüller\t2\n".encode(encoding))
    assert done(tag(*model, "--encoding", encoding, path)).startswith("Zoë\t1\t")


def test_an_output_that_is_an_input_is_refused(model: Options, file: Write) -> None:
    path = file(LINES)
    link = path.with_name("link")
    link.symlink_to(path)
    for output in (path, link):
        assert_one_line(tag(*model, path, "-o", output), 2, "is an input as well")
    weights = Path(model[1]).read_bytes()
    assert_one_line(tag(*model, path, "-o", model[1]), 2, "is an input as well")
    assert path.read_text() == LINES
    assert Path(model[1]).read_bytes() == weights


# Bad input -----------------------------------------------------------------------------------


def assert_one_line(result: Result, code: int, reported: str) -> None:
    assert result.exit_code == code
    assert result.stdout == ""
    assert re.fullmatch(f"dnatag: error: .*{reported}.*\n", result.stderr), result.stderr


@pytest.mark.parametrize(
    ("data", "options", "reported"),
    [
        (b"", (), "is empty"),
        (gzip.compress(b"", mtime=0), (), "is empty"),
        (b"", ("--format", "conll"), "is empty"),
        (b"\n\n", ("--format", "conll"), "is empty"),
        (b"\n", ("--format", "jsonl"), "is empty"),
        (b'{"text": 1}\n', (), 'line 1: "text" is not a string'),
        (b'{"text": "a"}\n{"words": []}\n', (), "line 2: the object has neither"),
        (b"a\tO\nb\n", ("--token-column", "2"), "line 2: has 1 columns, no column 2"),
        (b'[{"text": "a"}]', (), "is a JSON array; write one object in each line"),
        (b"7\tone text\tof some words\n8\ta\tword of it\n", (), "has texts in columns"),
        (b"one\ntwo\n", (), "cannot be recognised for sure; name its format with --format"),
        (b">a\nMKV\n", (), "has sequences (FASTA); a model of text reads a sentence in each line"),
        (b"1\ta\n2\tb\n3\tc\n", ("--token-column", "1"), "the first column counts the tokens"),
        (b"fine words\nna\xefve\n", (), "line 2: byte 0xEF is not utf-8; name the encoding"),
        (gzip.compress(LINES.encode() * 99, mtime=0)[:-9], (), "gzip data is truncated"),
    ],
)
def test_bad_files(
    model: Options,
    file: Write,
    tmp_path: Path,
    data: bytes,
    options: tuple[str, ...],
    reported: str,
) -> None:
    path, out = file(data), tmp_path / "out"
    out.write_text("old")
    assert_one_line(tag(*model, *options, path, "-o", out), 2, f"{path}: .*{re.escape(reported)}")
    assert out.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [path, out]
    assert_one_line(tag(*model, *options, "-", input=data), 2, f"standard input: .*{reported[:9]}")


def test_blank_lines_are_sentences(model: Options, file: Write) -> None:
    assert objects(tag(*model, file("\n \n"))) == [
        {"text": "", "entities": []}, {"text": " ", "entities": []}
    ]  # fmt: skip


def test_bad_proteins(proteins: Options, file: Write) -> None:
    assert_one_line(tag(*proteins, file("")), 2, "is empty")
    assert_one_line(tag(*proteins, file("MKL\n")), 2, "is not FASTA")
    assert_one_line(tag(*proteins, file(">a\n" + "ACGT" * 9)), 2, "line 1: .* like nucleotides")
    labelled = ">p\nMKKTAIAIAVALAGF\nSSSSSSSOOOOOOOO\n"
    assert_one_line(tag(*proteins, file(labelled)), 2, "line 3: .* looks like labels")
    assert_one_line(tag(*proteins, file(">a\nMK1\n")), 2, "line 2: record 'a': illegal letter '1'")


def test_bad_usage(toy: Toy, model: Options, proteins: Options, file: Write) -> None:
    text, table = file(LINES), file(LINES).with_name("table")
    table.write_text(TABBED)
    fasta = table.with_name("fasta")
    fasta.write_text(FASTA)
    device = ("--device", "cpu", "-q")
    for arguments, reported in (
        ((*device, text), "Missing option '--model'"),
        ((*model,), "Missing argument 'INPUT'"),
        ((*model, text, text), "unexpected extra argument"),
        ((*model, text.with_name("none")), "none: cannot read: No such file"),
        ((*model, text.parent), r"is a folder without texts \(.txt\), as brat has them"),
        ((*model, "--to", "brat", text), "--to brat writes several files: name a new folder"),
        ((*model, "--to", "brat", "-o", text, text), "input: is an input as well"),
        ((*model, "--to", "brat", "-o", table, text), "table: is there already"),
        (
            (*device, "--model", "prokaryotes", text),
            "for annotation: apply it with 'dnatag predict --model prok",
        ),
        ((*device, "--model", "nobody", text), "no model and no file named nobody"),
        ((*device, "--model", text, text), "input: not a dnatag model file"),
        ((*model, "--format", "fasta", fasta), "fasta does not fit .*toy.dnatag, a model of text"),
        ((*proteins, "--format", "lines", text), "lines does not fit .*model of proteins: .*fasta"),
        (
            (*model, "--to", "residues", text),
            "--to residues does not fit .*conll or jsonl",
        ),
        ((*proteins, "--to", "conll", fasta), "--to conll does not fit .*residues or jsonl"),
        ((*model, "--format", "xml", text), "Invalid value for '--format'"),
        ((*model, "--token-column", "0", table), "columns are counted from 1"),
        ((*model, "--token-column", "1", text), "--token-column is for columns, .* is lines"),
        ((*model, "--token-column", "1", "--format", "jsonl", text), "the input is jsonl"),
        ((*proteins, "--token-column", "1", fasta), "the input is fasta"),
        ((*model, "--token-column", "9", table), "table: line 2: has 2 columns, no column 9"),
        ((*model, "--k-best", "2", table), "only JSON Lines can hold .*add --to jsonl"),
        ((*model, "--k-best", "2", "--to", "conll", text), "only JSON Lines"),
        ((*proteins, "--k-best", "2", fasta), "only JSON Lines"),
        ((*model, "--line-buffered", "--sort", "uncertainty", text), "each line at once, --sort"),
        ((*model, "--k-best", "0", text), "Invalid value for '--k-best'"),
        ((*model, "--min-score", "1.5", text), "Invalid value for '--min-score'"),
        ((*model, "--min-score", "-1", text), "Invalid value for '--min-score'"),
        ((*model, "--encoding", "utf-9", text), "no encoding 'utf-9' is known"),
        ((*model, "--encoding", "utf-9", "--format", "lines", text), "no encoding 'utf-9'"),
        ((*model, "--encoding", "base64", text), "no encoding 'base64' is known"),
        ((*model, "-o", text.parent / "none" / "x", text), "cannot write: No such file"),
        ((*model, "--threads", "0", text), "--threads"),
        ((*model, "--homologs", fasta, text), "fasta: a model of text has no use for homologs"),
        ((*proteins, "--homologs", text, fasta), "input: is not FASTA"),
        ((*proteins, "--homologs", text.with_name("none"), fasta), "'--homologs': .*not exist"),
    ):
        assert_one_line(tag(*arguments), 2, reported)


@pytest.mark.parametrize("sign", [",", ";", "|"])
def test_commas_do_not_separate_columns(model: Options, file: Write, sign: str) -> None:
    text = "Dr,O\nXa,B-PER\n,,O\n\nXi,B-PER\nran,O\n".replace(",", sign)
    wanted = f"input: columns are separated by tabs or spaces, not by .* 'Dr{re.escape(sign)}O'"
    assert_one_line(tag(*model, file(text)), 2, wanted)
    assert done(tag(*model, file("1,000\n2,000\n\nmg\n")))


def test_what_columns_cannot_hold(model: Options, file: Write) -> None:
    path = file(json.dumps({"tokens": ["a b", "c\td"]}) + "\n")
    assert_one_line(tag(*model, "--to", "conll", path), 2, r"cannot hold the token 'c\\td'")
    assert len(objects(tag(*model, path))) == 1


# As a process --------------------------------------------------------------------------------


def test_the_reader_goes_away(toy: Toy, file: Write) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*DNATAG, "--model", toy[1], "-q", file(LINES)], stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@needs_dev_full
def test_a_full_disk(model: Options, file: Write) -> None:
    result = tag(*model, file(LINES), "-o", "/dev/full")
    assert_one_line(result, 1, "/dev/full: cannot write: No space left")


def test_a_pipe_and_a_terminal(toy: Toy, tmp_path: Path) -> None:
    """A pipe is read once, however it comes in; progress is shown on a terminal only."""
    command = [*DNATAG, "--model", toy[1], "--device", "cpu", "-", "-o", tmp_path / "out"]
    terminal, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=other)
    os.close(other)
    assert process.stdin is not None
    data = LINES.encode()
    for piece in (data[:2], data[2:9], data[9:], data * 500):
        process.stdin.write(piece)
        process.stdin.flush()
    process.stdin.close()
    shown = b""
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:  # on Linux: the other end is closed
        pass
    os.close(terminal)
    assert process.wait() == 0
    texts = [json.loads(line)["text"] for line in (tmp_path / "out").read_text().splitlines()]
    assert texts == LINES.splitlines() * 501
    assert b"sentences/s" in shown, shown
    left = [re.sub(r".*\r", "", line) for line in shown.decode().split("\r\n")]
    assert left[:2] == [
        "dnatag: model toy, device cpu, input lines",
        "dnatag: 1503 sentences, 5511 tokens, 1002 entities",
    ]


def test_a_report(toy: Toy, model: Options, file: Write, tmp_path: Path) -> None:
    text = f"{SENTENCE}\n<b>we</b> saw & Xavqu\x1b[31m\n"
    result = tag(file(text), *model, "--report", tmp_path / "r.html")
    assert result.exit_code == 0, result.stderr
    html = (tmp_path / "r.html").read_text()
    items = [json.loads(line) for line in result.stdout.splitlines()]
    marks = re.findall(r'<mark class="c\d" title="(\w+), posterior ([\d.]+)">(.*?)<small>', html)
    assert marks == [
        (e["entity_group"], f"{e['score']:.4f}", e["word"]) for i in items for e in i["entities"]
    ]
    assert marks
    assert "&lt;b&gt;we&lt;/b&gt;" in html
    assert "\x1b" not in html
    assert "<script" not in html


def test_a_report_of_proteins(proteins: Options, file: Write, tmp_path: Path) -> None:
    result = tag(file(FASTA), *proteins, "--report", tmp_path / "r.html")
    assert result.exit_code == 0, result.stderr
    html = (tmp_path / "r.html").read_text()
    shown = re.findall('<p class="tagged letters"><b>(.*?)</b> (.*?)</p>', html)
    plain = {name: re.sub("<small>.*?</small>|<.*?>", "", marked) for name, marked in shown}
    assert plain == {"a": "MKLLAVMKLLAVMKLAV", "b": "MKW"}
    # What the letters of a topology mean is said, in the colours of the marks.
    rules = dict(re.findall(r"\.(c\d){background:(.*?)}", html))
    marks = set(re.findall(r'<mark class="(c\d)" title="(.),', html))
    keys = set(re.findall(r'<i style="background:(.*?)"></i>(.) ', html))
    assert keys == {(rules[colour], kind) for colour, kind in marks}
    assert "</i>1 inside</span>" in html


def test_line_buffered(model: Options) -> None:
    """Each line is answered before the next one is asked."""
    command = [
        sys.executable,
        "-m",
        "dnatag",
        "tag",
        *map(str, model),
        "--line-buffered",
        "-q",
        "-",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in (SENTENCE, "dr Miklo", SENTENCE):
            process.stdin.write(f"{line}\n".encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["text"] == line
        process.stdin.close()
        assert process.wait() == 0


@pytest.mark.parametrize(("name", "begin"), [("p.png", b"\x89PNG"), ("p.svg", b"<?xml")])
def test_picture(proteins: Options, file: Write, tmp_path: Path, name: str, begin: bytes) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / name
    done(tag(*proteins, "--picture", picture, "--picture-of", "b", file(FASTA)))
    assert picture.read_bytes().startswith(begin)
    if name.endswith("svg"):
        assert "b, " in picture.read_text()


def test_pictures_that_are_refused(
    model: Options, proteins: Options, file: Write, tmp_path: Path
) -> None:
    picture = tmp_path / "p.png"
    for arguments, data, message in (
        ((*model, "--picture", picture), LINES, "--picture is for proteins, and .* of text"),
        ((*proteins, "--picture", picture, "--picture-of", "z"), FASTA, "has no protein z"),
        ((*proteins, "--picture-of", "b"), FASTA, "names what --picture draws"),
        ((*proteins, "--picture", tmp_path / "p.gif"), FASTA, "must end in .png, .svg"),
    ):
        result = tag(*arguments, file(data))
        assert result.exit_code == 2
        assert re.search(message, result.stderr)
        assert not picture.exists()


def test_the_least_sure_first(model: Options, file: Write) -> None:
    """All of the input comes out; the order is that of the posteriors, by length."""
    lines = [SENTENCE, "we saw the patient .", "dr dr 12 Xavqu in of Miklo mg", ""]
    data = "\n".join(lines).encode() + b"\n"
    found = objects(tag(*model, "--sort", "uncertainty", "--format", "lines", file(data)))
    assert sorted(item["text"] for item in found) == sorted(lines)
    assert "alternatives" not in found[0]
    ranked = objects(tag(*model, "--k-best", 1, "--format", "lines", file(data)))

    def sureness(item: dict[str, Any]) -> float:
        return math.log(item["alternatives"][0]["score"]) / max(len(item["text"].split()), 1)

    assert [item["text"] for item in found] == [
        item["text"] for item in sorted(ranked, key=sureness)
    ]


@pytest.mark.parametrize("data", [LINES, TABBED], ids=["lines", "conll"])
def test_for_doccano(model: Options, file: Write, data: str) -> None:
    column = ("--token-column", 2) if data is TABBED else ()
    first, *_ = objects(tag(*model, *column, "--to", "doccano", file(data)))
    words = [(first["text"][start:end], type_) for start, end, type_ in first["label"]]
    assert words == [("Xavqu Miklo", "PER"), ("12 mg", "QTY")]


def test_for_brat_and_back(model: Options, file: Write, tmp_path: Path) -> None:
    first, second = tmp_path / "lines", tmp_path / "again"
    done(tag(*model, "--to", "brat", "-o", first, file(LINES)))
    assert brat(first) == {"input": ["Xavqu Miklo", "12 mg"]}
    assert (first / "input.txt").read_text() == LINES
    done(tag(*model, "-o", second, first))
    assert brat(second) == brat(first)
    assert not list(tmp_path.glob(".*"))


def test_a_folder_is_written_whole_or_not_at_all(
    model: Options, file: Write, tmp_path: Path
) -> None:
    same = json.dumps({"id": "a", "text": SENTENCE}) + "\n"
    result = tag(*model, "--to", "brat", "-o", tmp_path / "out", file(2 * same))
    assert_one_line(result, 2, "two texts are called a")
    assert [path.name for path in tmp_path.iterdir()] == ["input"]


def test_for_label_studio_and_back(model: Options, file: Write) -> None:
    tasks = done(tag(*model, "--to", "label-studio", file(LINES)))
    (prediction,) = json.loads(tasks)[0]["predictions"]
    assert prediction["model_version"] == "toy"
    assert [r["value"]["text"] for r in prediction["result"]] == ["Xavqu Miklo", "12 mg"]
    assert done(tag(*model, file(tasks))) == tasks

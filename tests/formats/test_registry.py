"""Which format a file is of: recognised for sure, asked for, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnatag.errors import InputError
from dnatag.formats.registry import ANNOTATIONS, FORMATS, TEXTS, describe, find_format, recognise


def format_of(tmp_path: Path, data: bytes, among: tuple[str, ...], **options: str) -> str:
    """Return the name of the format, or the message without the name of the file."""
    path = tmp_path / "x"
    path.write_bytes(data)
    try:
        stream, format = recognise(path, among, "something else is wanted", **options)  # type: ignore[arg-type]
    except InputError as error:
        return str(error).removeprefix(f"{path}: ")
    with stream:
        assert stream.read() == data
    return format.name


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"LOCUS       x\n", "genbank"),
        (b"\n\nID   X56734; SV 1\n", "embl"),
        (b"\xef\xbb\xbf##gff-version 3\n", "gff"),
        (b"# made by hand\n#\na\tb\tCDS\t1\t9\t.\t+\t0\tID=x\n", "gff"),
        (b'a\tb\tCDS\t1\t9\t.\t+\t0\tgene_id "x"\n', "gff"),
        (b"a\tb\tCDS\t1\t9\t.\t+\t0\n", "gff"),
        (b"#!genome-build x\n", "gff"),
        (b"DEFINITION  seqnum=1;seqlen=9\n", "prodigal-gbk"),
        (b"# Sequence Data: seqnum=1\n# Model Data: x\n>1_2_9_+\n", "prodigal-sco"),
        (b"# Sequence Data: seqnum=1\n", "prodigal-sco"),
        (b"##gff-version  3\n# Sequence Data: seqnum=1\n", "gff"),
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b">x y\nACGT\n", "has sequences (FASTA); something else is wanted"),
        (b"hello\n", "is of an unknown format; something else is wanted"),
        (b"\x01\xff", "is of an unknown format; something else is wanted"),
        (b"id\tname\tkind\tfrom\tto\tx\ty\tz\n",
         "has a token in each line, in columns; something else is wanted"),
        (b"c1    x    CDS    197    2083    .    +    0    ID=g1\n",
         "has the columns of GFF with spaces between; GFF and GTF have tabs there"),
        (b"\x00\xff", "is no text; unpack it or save it as plain text"),
        (b"@r1\nACGT\n+\nIIII\n",
         "has reads (FASTQ); convert them to FASTA, or better, assemble them"),
    ],
)  # fmt: skip
def test_annotations(tmp_path: Path, data: bytes, kind: str) -> None:
    assert format_of(tmp_path, data, ANNOTATIONS) == kind


ASKED = "cannot be recognised for sure; name its format with --format (conll or lines)"
TEXTS_IN_COLUMNS = (
    "has texts in columns with tabs between; give the texts alone, one in each line, or JSON Lines "
    'with "id" and "text"'
)
ARRAY = (
    "is a JSON array; write one object in each line (jq -c '.[]' does); of Label Studio's exports "
    "take JSON, not JSON-MIN"
)
CONLL_U = "# sent_id = 1\n# text = x\n1\tOne\t_\tX\t_\t_\t_\t_\t_\t_\n"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"text": "One."}\n', "jsonl"),
        ('\ufeff\n  {"tokens": ["One"]}\n', "jsonl"),
        ('{\n  "text": "One."\n}\n', "jsonl"),
        ("{note} One.\n", "lines"),
        ('[{"text": "One."}]\n', ARRAY),
        ('[\n  {"text": "One."},\n', ARRAY),
        ('["One.", "Two."]\n', ARRAY),
        ("[1] One.\n", "lines"),
        ("One\tO\nTwo\tO\n", "conll"),
        ("\n\nOne\tO\n", "conll"),
        ("-DOCSTART- -X- O O\n\nEU NNP B-ORG\n", "conll"),
        ("-DOCSTART-\n\nEU\n", "conll"),
        (CONLL_U, "conll"),
        ("1-2\tcannot\t_\n1\tcan\tAUX\tx\n2\tnot\tPART\tx\n", "conll"),
        ("# sent_id = 1\r\n\r\n1\tOne\t_\r\n", "conll"),
        ("#\tO\n", "conll"),
        ("One O\nTwo O\n\nThree B-X\nFour I-X\n", "conll"),
        ("One CD O\nTwo CD O\n", "conll"),
        ("One O\n", ASKED),
        ("One CD\nTwo CD\n", ASKED),
        ("We saw it.\nThey had it.\n", "lines"),
        ("We saw it.\nThey had it.\nI had it.\nYou did not.\n", ASKED),
        ("One\nTwo\n\nThree\n", "conll"),
        ("One\nTwo\nThree\n", ASKED),
        ("One\n\nTwo\n", ASKED),
        ("One\n", "lines"),
        ("One sentence.\nAnother.\n", "lines"),
        ("One sentence.\nAnother\twith a tab.\n", "lines"),
        ("\tOne sentence.\n", "lines"),
        ("7\tOne sentence with words.\n8\tAnother one of them.\n", TEXTS_IN_COLUMNS),
        ("One\tO\nTwo\nThree\n", ASKED),
        ("#begin document (bc/cctv/00/cctv_0001); part 000\nbc 0 0 In IN\n",
         "is CoNLL-2012; bring it into columns of tokens and tags with tabs between"),
        ("# A heading\n\nOne sentence.\n", "lines"),
        ("# Only a heading\n", "lines"),
        (" \n\n", "lines"),
        ("", "is empty"),
        (">a protein\nMKV\n", "has sequences (FASTA); something else is wanted"),
        ("> a quotation\nand the answer to it.\n", "lines"),
        ("<?xml version='1.0'?>\n", "is XML or HTML; extract its text"),
        ("##gff-version 3\n", "is a GFF or GTF file; something else is wanted"),
        ("%PDF-1.4\n", "is a PDF; unpack it or save it as plain text"),
    ],
)  # fmt: skip
def test_texts(tmp_path: Path, text: str, kind: str) -> None:
    assert format_of(tmp_path, text.encode(), TEXTS) == kind


def test_what_is_preferred_where_it_is_not_sure(tmp_path: Path) -> None:
    assert format_of(tmp_path, b"One\nTwo\n", TEXTS, prefer="conll") == "conll"
    assert format_of(tmp_path, b"One two\nThree.\n", TEXTS, prefer="conll") == "lines"
    # Where text cannot be read, it is not in the way.
    assert format_of(tmp_path, b"One\nTwo\n", (*ANNOTATIONS, "conll")) == "conll"


def test_encodings(tmp_path: Path) -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        data = "One\tO\nTwo\tO\n".encode(encoding)
        assert format_of(tmp_path, data, TEXTS, encoding=encoding) == "conll"
        if encoding != "utf-32":
            assert format_of(tmp_path, data, TEXTS).startswith("is UTF-16 text; convert it")
    assert format_of(tmp_path, b"x", TEXTS, encoding="utf-9") == (
        "cannot read: no encoding 'utf-9' is known"
    )


def test_a_long_file_is_cut_within_a_line(tmp_path: Path) -> None:
    lines = "".join(f"word{i}\tB-X\n" for i in range(20_000))
    assert format_of(tmp_path, lines.encode(), TEXTS) == "conll"
    assert format_of(tmp_path, b"word " * 100_000, TEXTS) == "lines"


def test_description_of_what_is_not_wanted() -> None:
    assert describe(b"LOCUS       x\n") == "is a GenBank file"
    assert describe(b"hello\n") is None


def test_readers_and_writers_are_there() -> None:
    for format in FORMATS.values():
        assert find_format(format.name) is format
        assert format.reader or format.advice
        for place, function in ((format.reader, "read"), (format.writer, "write")):
            if place:
                assert callable(getattr(format, function))

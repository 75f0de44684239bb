"""What a file is, judged by its beginning: surely, perhaps, or not."""

from __future__ import annotations

import codecs
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from itertools import groupby

from dnatag.formats.text.conll import DOCUMENT, NO_WORD, is_numbered

__all__ = ["Certainty", "Head"]

_LINE_END = re.compile(r"\r\n|\r|\n")
_SCO = re.compile(r">\d+_\d+_\d+_[+-]$")
_TAG = re.compile(r"O|[BIESLUM]-\S+")
#: What parts of speech look like: upper-case letters, or no letters at all.
_SHORT_TAG = re.compile(r"[A-Z][A-Z0-9$|*:_-]*|[^\w\s]+")
#: Sentences of more tokens are hardly ever seen.
_LONG_SENTENCE = 500
#: What the first line of a table of texts may name.
_TITLES = {"id", "text", "sentence", "label"}
#: Spans of Doccano's, or none, under "label" or, with relations, "entities".
_DOCCANO = re.compile(r'"labels?"\s*:\s*\[\s*[\[\]]|"entities"\s*:\s*\[\s*\{[^{}]*"start_offset"')
_SEQUENCE = re.compile(r"[A-Za-z*.~-]+")
#: A segment: name, first frame and the one behind the last, label, and probability.
_SEGMENT = re.compile(r"[^\t]+\t\d+\t\d+\t[^\t]+\t[01]\.\d{4}")
#: A word of CTM, and when a caption is shown.
_SPOKEN = re.compile(r"\S+\s+[12AB]\s+\d+\.\d+\s+\d+\.\d+\s+\S+(\s+[01]?\.\d+)?\s*")
_TIMES = re.compile(r"\d+:\d\d:\d\d[,.]\d+ --> \d+:\d\d:\d\d[,.]\d+")
#: What files of sound begin with, but for WAVE; those of \xff are of MP3.
_SOUND = (
    b"fLaC", b"OggS", b"ID3", b"\xff\xfa", b"\xff\xfb", b"\xff\xf2", b"\xff\xf3", b"\xff\xe2",
    b"\xff\xe3", b"NIST_1A", b"FORM", b".snd\0", b"caff\0", b"riff.\x91\xcf\x11",
)  # fmt: skip
_BINARY = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a zip archive or a document of an office program",
    b"\xd0\xcf\x11\xe0": "a document of an office program",
    b"\x1f\x9d": "compressed by 'compress'",
    b"\x89HDF": "HDF5",
    b"SQLite format 3": "a database",
}


class Certainty(IntEnum):
    """How sure it is that a file is of a format."""

    NO = 0
    MAYBE = 1
    SURE = 2


@dataclass(frozen=True)
class Head:
    """The beginning of a file.

    Parameters
    ----------
    data
        Its first bytes, decompressed.
    encoding
        Name of its character encoding.
    complete
        Whether this is all of the file; otherwise its last line may be cut off.
    """

    data: bytes
    encoding: str = "utf-8"
    complete: bool = True

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends, blank ones included."""
        text = self.data.decode(self.encoding, "replace").removeprefix("\ufeff")
        lines = _LINE_END.split(text)
        return lines if self.complete or len(lines) == 1 else lines[:-1]

    @cached_property
    def first(self) -> str:
        """The first line that is not blank, "" if there is none."""
        return next((line for line in self.lines if line.strip()), "")

    @cached_property
    def content(self) -> str:
        """The first line that is neither blank nor begins with "#", "" if there is none."""
        lines = (line for line in self.lines if line.strip())
        return next((line for line in lines if not line.startswith("#")), "")

    @cached_property
    def sentences(self) -> list[list[str]]:
        """The groups of lines between blank ones, without comments and document marks."""
        lines = [line for line in self.lines if not line.startswith(DOCUMENT)]
        lines = [line for line in lines if "\t" in line or not line.startswith("#")]
        groups = groupby(lines, lambda line: not line.strip())
        return [list(group) for blank, group in groups if not blank]


def _sure(answer: object) -> Certainty:
    return Certainty.SURE if answer else Certainty.NO


# Sequences and annotations ------------------------------------------------------------------


def genbank(head: Head) -> Certainty:
    """Judge whether a file is GenBank."""
    return _sure(re.match(r"LOCUS {2,}\S", head.first))


def embl(head: Head) -> Certainty:
    """Judge whether a file is EMBL."""
    return _sure(head.first.startswith("ID   "))


def gff(head: Head) -> Certainty:
    """Judge whether a file is GFF or GTF."""
    if head.first.startswith("##gff-version") or _is_gff_row(head.content.split("\t")):
        return Certainty.SURE
    return Certainty.MAYBE if not head.content and head.first.startswith("#") else Certainty.NO


def gff_with_spaces(head: Head) -> Certainty:
    """Judge whether a file has the columns of GFF, but no tabs."""
    return _sure("\t" not in head.content and _is_gff_row(head.content.split(None, 8)))


def _is_gff_row(cells: list[str]) -> bool:
    return len(cells) in (8, 9) and "".join(cells[3:5]).isdigit()


def prodigal_gbk(head: Head) -> Certainty:
    """Judge whether a file is Prodigal's gbk."""
    return _sure(head.first.startswith("DEFINITION  seqnum="))


def prodigal_sco(head: Head) -> Certainty:
    """Judge whether a file is Prodigal's sco."""
    started = not head.content and head.first.startswith("# Sequence Data:")
    return _sure(_SCO.match(head.content) or started)


def fasta(head: Head) -> Certainty:
    """Judge whether a file is FASTA; text may begin with ">" as well."""
    if not head.content.startswith(">"):
        return Certainty.NO
    below = (line.strip() for line in head.lines[head.lines.index(head.content) + 1 :])
    sequence = next(filter(None, below), "A")
    sure = len(head.content) > 1 and not head.content[1].isspace()
    return Certainty.SURE if sure and _SEQUENCE.fullmatch(sequence) else Certainty.MAYBE


def fastq(head: Head) -> Certainty:
    """Judge whether a file is FASTQ."""
    lines = [line for line in head.lines if line.strip()]
    return _sure(head.first.startswith("@") and len(lines) > 2 and lines[2].startswith("+"))


# Text ---------------------------------------------------------------------------------------


def jsonl(head: Head) -> Certainty:
    """Judge whether a file is JSON Lines."""
    return _sure(re.match(r'\s*\{\s*("|\}|$)', head.first))


def doccano(head: Head) -> Certainty:
    """Judge whether a file is JSON Lines of Doccano's, with spans."""
    return _sure(jsonl(head) and any(map(_DOCCANO.search, head.lines)))


def label_studio(head: Head) -> Certainty:
    """Judge whether a file has tasks of Label Studio."""
    text = "\n".join(head.lines) if re.match(r"\s*\[", head.first) else ""
    return _sure(json_array(head) and re.search(r'"data"\s*:\s*\{|"from_name"\s*:\s*"', text))


def folder(head: Head) -> Certainty:
    """Judge that a file is no folder."""
    return Certainty.NO


def brat_annotations(head: Head) -> Certainty:
    """Judge whether a file has annotations of brat's, without their text."""
    return _sure(re.match(r"T\d+\t\S+ \d+ \d+(;\d+ \d+)*\t", head.first))


def docbin(head: Head) -> Certainty:
    """Judge whether a file is a DocBin of spaCy's: a packed object that names its attributes."""
    try:
        begin = zlib.decompressobj().decompress(head.data, 64)
    except zlib.error:
        return Certainty.NO
    return _sure(b"version" in begin and b"attrs" in begin)


def json_array(head: Head) -> Certainty:
    """Judge whether a file is one JSON array."""
    return _sure(re.match(r'\s*\[\s*[{["\]]', "\n".join(head.lines[:100])))


def conll(head: Head) -> Certainty:
    """Judge whether a file has a token in each line, in columns."""
    if head.first.startswith(DOCUMENT):
        return Certainty.SURE
    rows = [row for sentence in head.sentences for row in sentence]
    if not rows:
        return Certainty.NO
    if "\t" in rows[0].strip():
        # Ranges and empty nodes of CoNLL-U may lack the last column.
        words = [row for row in rows if not NO_WORD.fullmatch(row.partition("\t")[0])] or rows
        counts = Counter(row.count("\t") for row in words)
        regular = 10 * counts[words[0].count("\t")] >= 9 * len(words)
        return Certainty.SURE if regular else Certainty.MAYBE
    return _spaced([row.split() for row in rows], head)


def _spaced(rows: list[list[str]], head: Head) -> Certainty:
    """Judge rows without tabs."""
    ((width, number),) = Counter(map(len, rows)).most_common(1)
    if len(rows) == 1:
        tagged = 2 <= width <= 4 and _TAG.fullmatch(rows[0][-1])
        return Certainty.MAYBE if tagged else Certainty.NO
    if 10 * number < 9 * len(rows):
        return Certainty.NO
    if width == 1:
        if max(map(len, (row[0] for row in rows))) > 40:
            return Certainty.NO
        grouped = len(head.sentences) > 1 and max(map(len, head.sentences)) > 1
        return Certainty.SURE if grouped else Certainty.MAYBE
    tags = [row[-1] for row in rows]
    if 10 * sum(map(bool, map(_TAG.fullmatch, tags))) >= 9 * len(tags):
        return Certainty.SURE
    # Four lines and more of as many words are rare in text, but they exist.
    alike = number == len(rows) and max(map(len, head.sentences)) <= _LONG_SENTENCE
    columns = alike and (len(rows) >= 4 or all(map(_SHORT_TAG.fullmatch, tags)))
    return Certainty.MAYBE if columns else Certainty.NO


def fasttext(head: Head) -> Certainty:
    """Judge whether a file has fastText's labels, wherever in a line they are."""
    return _sure(any(word.startswith("__label__") for word in head.first.split()))


def trees(head: Head) -> Certainty:
    """Judge whether a file has trees of labelled phrases."""
    return _sure(re.match(r"\(\S+ (\(\S+ |\S+\)).*\)\s*$", head.first))


def npy(head: Head) -> Certainty:
    """Judge whether a file is a NumPy array."""
    return _sure(head.data.startswith(b"\x93NUMPY"))


def npz(head: Head) -> Certainty:
    """Judge whether a file is an archive of NumPy arrays."""
    empty = head.data.startswith(b"PK\x05\x06")
    return _sure(empty or (head.data.startswith(b"PK\x03\x04") and b".npy" in head.data[:500]))


def labelled_sequences(head: Head) -> Certainty:
    """Judge whether a file lists sequences and the files of the labels of their frames."""
    return _sure(sequences(head) and re.search(r"\tlabels\b", head.first, re.IGNORECASE))


def sequences(head: Head) -> Certainty:
    """Judge whether a file lists sequences of features."""
    first, *others = (cell.strip().lower() for cell in head.first.split("\t"))
    return _sure(first == "name" and not set(others) - {"label", "labels"})


def frames(head: Head) -> Certainty:
    """Judge whether a file has labels of the frames of sequences."""
    return _sure(head.first.startswith("# sequence "))


def segments(head: Head) -> Certainty:
    """Judge whether a file has segments as taggers of frames write them."""
    rows = [line for line in head.lines if line.strip()]
    return _sure(rows and all(map(_SEGMENT.fullmatch, rows)))


def segment_objects(head: Head) -> Certainty:
    """Judge whether a file has segments as taggers of frames write them, in JSON Lines."""
    return _sure(jsonl(head) and re.search(r'"frames": ?\d+, ?"segments": ?\[', head.first))


def audio(head: Head) -> Certainty:
    """Judge whether a file is sound."""
    # Where a recording broke off, its header has zeros.
    wave = head.data.startswith((b"RIFF", b"RF64")) and head.data[8:12] in (b"WAVE", bytes(4))
    return _sure(wave or head.data.startswith(_SOUND))


def midi(head: Head) -> Certainty:
    """Judge whether a file is MIDI."""
    return _sure(head.data.startswith(b"MThd"))


def manifest(head: Head) -> Certainty:
    """Judge whether a file is a manifest of recordings."""
    return _sure(jsonl(head) and '"audio_filepath"' in head.first)


def ctm(head: Head) -> Certainty:
    """Judge whether a file is NIST's CTM: file, channel, start, duration, word, and a score."""
    rows = [line for line in head.lines if line.strip() and not line.startswith(";;")]
    return _sure(rows and all(map(_SPOKEN.fullmatch, rows)))


def srt(head: Head) -> Certainty:
    """Judge whether a file has captions: a number, times, and text."""
    number, *below = head.lines[head.lines.index(head.first) :] if head.first else [""]
    return _sure(number.strip().isdigit() and below and _TIMES.match(below[0]))


def conll2012(head: Head) -> Certainty:
    """Judge whether a file is CoNLL-2012, as OntoNotes has it."""
    return _sure(head.first.startswith("#begin document"))


def table_of_texts(head: Head) -> Certainty:
    """Judge whether a file has texts of several words in columns, such as an id and a text.

    It may also be labels and texts of any length, if labels are repeated and no line is blank.
    """
    titles = {cell.strip().lower() for cell in head.first.split("\t")}
    if len(titles) > 1 and titles & {"text", "sentence"} and titles <= _TITLES:
        return Certainty.SURE
    rows = [row.strip("\t ") for sentence in head.sentences for row in sentence]
    if not rows or "\t" not in rows[0] or is_numbered(head.sentences[0]):
        return Certainty.NO
    texts = sum(any(cell.strip().count(" ") > 1 for cell in row.split("\t")) for row in rows)
    if 2 * texts > len(rows):
        return Certainty.SURE
    labels = {row.partition("\t")[0] for row in rows}
    pairs = len(head.sentences) == 1 and all(row.count("\t") == 1 for row in rows)
    return Certainty.MAYBE if pairs and len(labels) < len(rows) else Certainty.NO


def lines(head: Head) -> Certainty:
    """Judge whether a file may be plain text; what is nothing else is."""
    return Certainty.MAYBE


# What is none of them -----------------------------------------------------------------------


def utf16(head: Head) -> Certainty:
    """Judge whether a file is UTF-16, read as something else."""
    marked = head.data.startswith((b"\xff\xfe", b"\xfe\xff"))
    size = min(len(head.data), 2000)
    halves = (size >= 8 and head.data[i:size:2].count(0) > 0.4 * size for i in (0, 1))
    wide = codecs.lookup(head.encoding).name.startswith(("utf-16", "utf-32"))
    return _sure(not wide and (marked or any(halves)))


def markup(head: Head) -> Certainty:
    """Judge whether a file is XML or HTML."""
    return _sure(re.match(r"\s*<(\?xml|!doctype|html)\b", head.first, re.IGNORECASE))


def binary(head: Head) -> Certainty:
    """Judge whether a file is no text at all."""
    return _sure(head.data.startswith(tuple(_BINARY)) or "\0" in "".join(head.lines))


def name_binary(head: Head) -> str:
    """Say what a file is that is no text."""
    start = (what for magic, what in _BINARY.items() if head.data.startswith(magic))
    return f"is {next(start, 'no text')}"

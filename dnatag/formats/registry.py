"""The formats of files: how each is recognised, read and written."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from dnatag.errors import InputError
from dnatag.formats import sniffing
from dnatag.formats.io.reading import Source, display_name, peek
from dnatag.formats.sniffing import Certainty, Head
from dnatag.formats.text.brat import is_brat

__all__ = [
    "ANNOTATIONS",
    "DOCUMENTS",
    "FORMATS",
    "TEXTS",
    "Format",
    "describe",
    "find_format",
    "recognise",
    "recognise_source",
]

#: Bytes of a file that its format is recognised by.
HEAD = 1 << 16


@dataclass(frozen=True)
class Format:
    """A format of files.

    Parameters
    ----------
    name
        Its short name, as options have it.
    found
        What messages say of a file in this format: "is ...", "has ...".
    sniff
        Judges whether the beginning of a file is of this format.
    reader, writer
        Functions that read and write it, as "module:function"; "" for none. Modules are imported
        when they are asked for.
    advice
        What to do with a file of a format that cannot be read.
    general
        Name of the format that it is or may be a case of, and is then read as where only that is
        wanted.
    """

    name: str
    found: str
    sniff: Callable[[Head], Certainty]
    reader: str = ""
    writer: str = ""
    advice: str = ""
    general: str = ""

    @property
    def read(self) -> Callable[..., Any]:
        """The reader; readers of annotations, and those of texts, are called alike."""
        return _load(self.reader)

    @property
    def write(self) -> Callable[..., Any]:
        """The writer."""
        return _load(self.writer)


def _load(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


_SEQUENCES, _TEXT = "dnatag.formats.sequences", "dnatag.formats.text"

#: All formats by name. Where several are sure of a file, the first of them has it.
FORMATS = {
    format.name: format
    for format in (
        Format("npy", "is a NumPy array", sniffing.npy, "dnatag.formats.arrays:read_array",
               advice="only models of features read it"),
        Format("npz", "is an archive of NumPy arrays", sniffing.npz,
               "dnatag.formats.arrays:read_archive", advice="only models of features read it"),
        Format("docbin", "is a DocBin of spaCy's", sniffing.docbin, f"{_TEXT}.docbin:read_docbin",
               advice="only models of text read it"),
        Format("midi", "is MIDI", sniffing.midi, "dnatag.formats.midi:read_midi",
               advice="only models of music read it"),
        Format("audio", "is sound", sniffing.audio, "dnatag.formats.audio:read_audio",
               advice="only models of speech read it"),
        Format(
            "utf-16", "is UTF-16 text", sniffing.utf16,
            advice="convert it, e.g. with 'iconv -f UTF-16 -t UTF-8', or name its encoding where "
            "there is --encoding (in recipes 'encoding')",
        ),
        Format("labelled-sequences", "lists sequences with labels of their frames",
               sniffing.labelled_sequences, "dnatag.formats.frames:read_listed_labels",
               general="sequences"),
        Format("sequences", "lists sequences of features", sniffing.sequences,
               "dnatag.formats.arrays:read_list"),
        Format("frames", "has labels of frames", sniffing.frames,
               "dnatag.formats.frames:read_frame_labels"),
        Format("segments", "has segments of frames", sniffing.segments,
               "dnatag.formats.frames:read_segments"),
        Format("segment-objects", "has segments of frames (JSON Lines)", sniffing.segment_objects,
               "dnatag.formats.frames:read_segment_objects", general="jsonl"),
        Format("binary", "is no text", sniffing.binary,
               advice="unpack it or save it as plain text"),
        Format("genbank", "is a GenBank file", sniffing.genbank,
               f"{_SEQUENCES}.flatfile:read_genbank_genes"),
        Format("embl", "is an EMBL file", sniffing.embl,
               f"{_SEQUENCES}.flatfile:read_embl_genes"),
        Format("prodigal-gbk", "is Prodigal's gbk", sniffing.prodigal_gbk,
               f"{_SEQUENCES}.prodigal:read_prodigal"),
        Format("prodigal-sco", "is Prodigal's sco", sniffing.prodigal_sco,
               f"{_SEQUENCES}.prodigal:read_prodigal"),
        Format("gff", "is a GFF or GTF file", sniffing.gff, f"{_SEQUENCES}.gff:read_gff"),
        Format(
            "gff-spaces", "has the columns of GFF with spaces between", sniffing.gff_with_spaces,
            advice="GFF and GTF have tabs there",
        ),
        Format("fasta", "has sequences (FASTA)", sniffing.fasta,
               f"{_SEQUENCES}.residues:read_residues", f"{_SEQUENCES}.residues:write_residues"),
        Format("fastq", "has reads (FASTQ)", sniffing.fastq,
               advice="convert them to FASTA, or better, assemble them"),
        Format("manifest", "is a manifest of recordings", sniffing.manifest,
               "dnatag.formats.audio:read_manifest", advice="only models of speech read it"),
        Format("doccano", "is Doccano's JSON Lines of spans", sniffing.doccano,
               f"{_TEXT}.doccano:read_doccano", f"{_TEXT}.doccano:write_doccano",
               general="jsonl"),
        Format("jsonl", "is JSON Lines", sniffing.jsonl,
               f"{_TEXT}.jsonl:read_jsonl", f"{_TEXT}.jsonl:write_jsonl"),
        Format("label-studio", "has tasks of Label Studio (JSON)", sniffing.label_studio,
               f"{_TEXT}.label_studio:read_label_studio", advice="only models of text read it"),
        Format("json-array", "is a JSON array", sniffing.json_array,
               advice="write one object in each line (jq -c '.[]' does); of Label Studio's exports "
               "take JSON, not JSON-MIN"),
        Format("brat", "is a folder of brat's", sniffing.folder, f"{_TEXT}.brat:read_brat"),
        Format("brat-annotations", "has annotations of brat's", sniffing.brat_annotations,
               advice="name the folder that holds them and their texts"),
        Format("fasttext", "has fastText's labels", sniffing.fasttext,
               f"{_TEXT}.labelled:read_fasttext", f"{_TEXT}.labelled:write_fasttext"),
        Format("trees", "has trees of labelled phrases", sniffing.trees,
               f"{_TEXT}.labelled:read_trees"),
        Format("ctm", "has words with their times (CTM)", sniffing.ctm,
               advice="transcripts are read as manifests (dnatag transcribe --to jsonl)"),
        Format("srt", "has captions (SRT)", sniffing.srt, advice="extract its text"),
        Format("markup", "is XML or HTML", sniffing.markup, advice="extract its text"),
        Format(
            "conll-2012", "is CoNLL-2012", sniffing.conll2012,
            advice="bring it into columns of tokens and tags with tabs between",
        ),
        Format(
            "table", "has texts in columns with tabs between", sniffing.table_of_texts,
            advice='give the texts alone, one in each line, or JSON Lines with "id" and "text"',
        ),
        Format("conll", "has a token in each line, in columns", sniffing.conll,
               f"{_TEXT}.conll:read_conll", f"{_TEXT}.conll:write_conll", general="table"),
        Format("lines", "is plain text", sniffing.lines, f"{_TEXT}.lines:read_lines"),
    )
}  # fmt: skip
#: Formats of annotations; their readers take a source.
ANNOTATIONS = ("gff", "genbank", "embl", "prodigal-gbk", "prodigal-sco")
#: Formats of text; their readers take a source and an encoding.
TEXTS = ("conll", "lines", "jsonl")
#: Formats of annotation tools; their readers take a source and an encoding, and give documents.
DOCUMENTS = ("brat", "label-studio", "doccano", "docbin")


def find_format(name: str) -> Format:
    """Return a format by its name."""
    return FORMATS[name]


def recognise(
    path: Source,
    among: Sequence[str],
    wanted: str,
    *,
    encoding: str = "utf-8",
    prefer: str | None = None,
) -> tuple[io.BufferedReader, Format]:
    """Open a file and recognise its format by its content.

    Parameters
    ----------
    path
        The file, plain or compressed, or "-" for standard input.
    among
        Names of the formats that can be read here.
    wanted
        What is wanted instead of a file of another format, for messages.
    encoding
        Name of the character encoding.
    prefer
        The format to take where it is one of several that the file may be.

    Returns
    -------
    stream : io.BufferedReader
        All of the file.
    format : Format
        One of those that can be read.

    Raises
    ------
    InputError
        If the file cannot be read, is empty, of another format, or of one of several that cannot
        be distinguished.
    """
    name = display_name(path)
    data, stream = peek(path, HEAD)
    try:
        head = Head(data, encoding, complete=len(data) < HEAD)
        return stream, _choose(head, name, among, wanted, prefer)
    except LookupError:
        stream.close()
        raise InputError(f"{name}: cannot read: no encoding '{encoding}' is known") from None
    except InputError:
        stream.close()
        raise


def recognise_source(
    path: Source,
    among: Sequence[str],
    wanted: str,
    *,
    encoding: str = "utf-8",
    prefer: str | None = None,
) -> tuple[Source, Format]:
    """Recognise a file, see :func:`recognise`, or a folder, which is not opened.

    Raises
    ------
    InputError
        As for files; also if a folder is of no format that can be read here.
    """
    if isinstance(path, io.BufferedReader) or not os.path.isdir(path):
        return recognise(path, among, wanted, encoding=encoding, prefer=prefer)
    if "brat" not in among:
        raise InputError(f"{display_name(path)}: is a folder; {wanted}")
    if not is_brat(path):
        raise InputError(
            f"{display_name(path)}: is a folder without texts (.txt), as brat has them"
        )
    return path, FORMATS["brat"]


def describe(data: bytes) -> str | None:
    """Describe a file by its beginning: "is ...", "has ..."; None if that is not sure."""
    head = Head(data[:HEAD], complete=len(data) <= HEAD)
    for format in FORMATS.values():
        if format.sniff(head) == Certainty.SURE:
            return _found(format, head) + (f"; {format.advice}" if format.advice else "")
    return None


def _found(format: Format, head: Head) -> str:
    return sniffing.name_binary(head) if format.name == "binary" else format.found


def _choose(head: Head, name: str, among: Sequence[str], wanted: str, prefer: str | None) -> Format:
    if not head.data or not (head.first or "lines" in among):
        raise InputError(f"{name}: is empty")
    judged = [(format, format.sniff(head)) for format in FORMATS.values()]
    sure = next((format for format, certainty in judged if certainty == Certainty.SURE), None)
    if sure is not None:
        if sure.name in among:
            return sure
        if sure.general in among and FORMATS[sure.general].sniff(head):
            return FORMATS[sure.general]
        raise InputError(f"{name}: {_found(sure, head)}; {sure.advice or wanted}")
    possible = [f for f, certainty in judged if certainty and f.name in among]
    if not possible:
        raise InputError(f"{name}: is of an unknown format; {wanted}")
    if len(possible) == 1:
        return possible[0]
    if preferred := next((f for f in possible if f.name == prefer), None):
        return preferred
    names = " or ".join(f.name for f in possible)
    raise InputError(
        f"{name}: cannot be recognised for sure; name its format with --format ({names})"
    )

"""What kind of file this is, told from its first lines."""

from __future__ import annotations

import io
import os
import re
from typing import TextIO

from dnatag.errors import InputError
from dnatag.formats.io.reading import display_name, peek
from dnatag.formats.text.conll import DOCUMENT

__all__ = ["HEAD", "kind_of", "open_sniffed", "text_kind_of"]

#: Bytes of a file that tell its kind.
HEAD = 1 << 16
SCO = re.compile(r">\d+_\d+_\d+_[+-]$")


def open_sniffed(path: str | os.PathLike[str]) -> tuple[TextIO, str | None]:
    """Open a text file and tell its kind from its content.

    Parameters
    ----------
    path
        The file, plain or compressed, or "-" for standard input.

    Returns
    -------
    handle
        As from :func:`~dnatag.formats.io.reading.open_text`, at the beginning.
    kind
        See :func:`kind_of`.

    Raises
    ------
    InputError
        If the file is empty or cannot be read.
    """
    head, stream = peek(path, HEAD)
    if not head.strip():
        stream.close()
        raise InputError(f"{display_name(path)}: is empty")
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace"), kind_of(head)


def kind_of(head: bytes) -> str | None:
    """Tell the kind of a file from its beginning.

    Returns
    -------
    str or None
        "genbank", "embl", "gff" (also GTF), "fasta", or Prodigal's own "prodigal-gbk" and
        "prodigal-sco"; None for anything else.
    """
    lines = [line for line in head.decode("utf-8-sig", "replace").splitlines() if line.strip()]
    first = next(iter(lines), "")
    if first.startswith("LOCUS "):
        return "genbank"
    if first.startswith("ID   "):
        return "embl"
    if first.startswith("DEFINITION  seqnum="):
        return "prodigal-gbk"
    if first.startswith("##gff-version"):
        return "gff"
    # The last line may be cut off.
    content = next((line for line in lines if not line.startswith("#")), "")
    if SCO.match(content) or (not content and first.startswith("# Sequence Data:")):
        return "prodigal-sco"
    if content.startswith(">"):
        return "fasta"
    columns = content.split("\t")
    if len(columns) in (8, 9) and "".join(columns[3:5]).isdigit():
        return "gff"
    return "gff" if not content and first.startswith("#") else None


def text_kind_of(head: str) -> str:
    """Tell how a text is written down from its beginning.

    Returns
    -------
    str
        "jsonl" if an object begins; "conll" if there is a mark between documents or a tab in the
        first line, comments as in CoNLL-U left aside; "lines" for anything else.
    """
    lines = [line for line in head.removeprefix("\ufeff").splitlines() if line.strip()]
    first = next(iter(lines), "")
    if first.lstrip().startswith("{"):
        return "jsonl"
    content = next((line for line in lines if "\t" in line or not line.startswith("#")), "")
    return "conll" if "\t" in content or first.startswith(DOCUMENT) else "lines"

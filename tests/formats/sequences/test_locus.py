"""Names and lengths that run together in LOCUS lines, as Prokka writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnatag.errors import InputError
from dnatag.formats.sequences.annotation import read_annotation
from dnatag.formats.sequences.flatfile import read_flatfile

NAME = "NODE_1_length_191762_cov_13.66310"
PROKKA = f"""\
LOCUS       {NAME}24 bp   DNA linear
01-JAN-2020
DEFINITION  x.
ACCESSION   \n\
VERSION
KEYWORDS    .
SOURCE      x
  ORGANISM  x
            Unclassified.
FEATURES             Location/Qualifiers
     source          1..24
                     /organism="x"
     CDS             4..12
                     /locus_tag="a"
ORIGIN
        1 ttatccacag atttgttctt tact
//
"""
PLAIN = PROKKA.replace(f"{NAME}24", "short                     24").replace(
    "linear\n01", "linear   BCT 01"
)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.gbk"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", [PROKKA, PROKKA.replace("linear\n01", "linear   BCT 01")])
def test_they_are_separated_by_the_sequence(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, PLAIN + text + PLAIN.replace("short", "other"))
    pairs = list(read_flatfile(path))
    assert [(contig.id, len(contig), genes[0].parts) for contig, genes in pairs] == [
        ("short", 24, ((3, 12),)),
        (NAME, 24, ((3, 12),)),
        ("other", 24, ((3, 12),)),
    ]


def test_by_the_source_if_there_is_no_sequence(tmp_path: Path) -> None:
    text = PROKKA.partition("ORIGIN")[0] + "CONTIG      join(X1.1:1..24)\n//\n"
    annotation = read_annotation(write(tmp_path, text))
    assert annotation.lengths == {NAME: 24}
    assert len(annotation[NAME]) == 1


@pytest.mark.parametrize("text", [PROKKA.replace("24 bp", "25 bp"), PROKKA.splitlines()[0]])
def test_what_does_not_fit_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="malformed GenBank file, in the first record"):
        read_annotation(write(tmp_path, text))

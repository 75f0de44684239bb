"""Regions from BED and GFF files."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnatag.errors import InputError
from dnatag.formats.sequences.regions import read_regions


def read(tmp_path: Path, text: str) -> dict[str, list[tuple[int, int]]]:
    path = tmp_path / "mask"
    path.write_text(text)
    return read_regions(path)


def test_bed(tmp_path: Path) -> None:
    text = "track name=x\nbrowser position c\n#c\t0\t9\n\nc\t0\t9\tname\nd\t5\t6\r\nc\t20\t30\n"
    assert read(tmp_path, text) == {"c": [(0, 9), (20, 30)], "d": [(5, 6)]}
    assert read(tmp_path, "track\t0\t9\nbrowser1\t0\t9\n").keys() == {"track", "browser1"}


def test_gff(tmp_path: Path) -> None:
    text = (
        "##gff-version 3\nc\tx\tregion\t1\t99\t.\t+\t.\tID=c\nc\tx\trRNA\t1\t9\t.\t+\t.\tID=r\n"
        "##FASTA\n>c\nACGT\n##gff-version 3\nd\tx\ttRNA\t3\t3\t.\t-\t.\n"
    )
    assert read(tmp_path, text) == {"c": [(0, 9)], "d": [(2, 3)]}


def test_ids_are_escaped_in_gff_only(tmp_path: Path) -> None:
    assert read(tmp_path, "m1%2F7%2Fccs\tx\trRNA\t1\t9\t.\t+\t.\tID=r\n") == {"m1/7/ccs": [(0, 9)]}
    assert read(tmp_path, "m%2F1\t0\t9\n") == {"m%2F1": [(0, 9)]}


@pytest.mark.parametrize("text", ["", "\n", "##gff-version 3\n", "#nothing\n", "c\t5\t5\n"])
def test_nothing_to_mask(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("c\t0\n", "line 1: neither BED nor GFF: c"),
        ("c\t0\tx\n", "line 1: neither BED nor GFF"),
        ("c 0 9\n", "line 1: neither BED nor GFF: c 0 9"),
        ("c\t0\t9\nc\t0\t" + 5000 * "9" + "\n", "line 2: neither BED nor GFF"),
        ("c\t9\t5\n", "line 1: the region ends before it begins"),
        ("c\t-9\t5\n", "line 1: the region ends before it begins"),
        ("c\tx\trRNA\t9\t8\t.\t+\t.\tID=r\n", "line 1: the region ends before it begins"),
    ],
)
def test_bad_lines(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/mask: {words}")

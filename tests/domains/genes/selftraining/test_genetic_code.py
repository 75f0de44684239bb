"""Which genetic codes come into question: the frames that they open, against Biopython's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from Bio.Seq import Seq

from dnatag import GeneFinder
from dnatag.domains.genes.selftraining import genetic_code
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.formats.sequences.records import Contig

from ..conftest import recoded

SETTINGS = SelfTrainingSettings()
LEAST = SETTINGS.min_code_sample


def may_be_recoded(stretches: list[Contig]) -> bool:
    return genetic_code.may_be_recoded(stretches, SETTINGS, SETTINGS.more_open)


@pytest.fixture(scope="module")
def genomes(phage: bytes) -> dict[str, Contig]:
    """Return the phage as it is, and with TGA for tryptophan."""
    contig = Contig("phage", phage)
    genes = GeneFinder(genetic_code=11, adapt="off", device="cpu").find(contig)
    return {"code 11": contig, "code 4": replace(contig, sequence=recoded(contig, genes))}


def cut(contig: Contig, length: int) -> list[Contig]:
    """Cut a contig into stretches."""
    places = range(0, len(contig) - length + 1, length)
    return [Contig(f"{at}", contig.sequence[at : at + length]) for at in places]


def open_share(contig: Contig, table: int) -> float:
    """Share of bases in long frames, as Biopython translates them."""
    is_open = np.zeros(len(contig), bool)
    for strand, view in ((1, is_open), (-1, is_open[::-1])):
        sequence = Seq(contig.sequence)
        if strand < 0:
            sequence = sequence.reverse_complement()
        for frame in range(3):
            whole = sequence[frame : frame + (len(sequence) - frame) // 3 * 3]
            at = frame
            for chunk in str(whole.translate(table)).split("*"):
                if 3 * len(chunk) >= SETTINGS.long_frame:
                    view[at : at + 3 * len(chunk)] = True
                at += 3 * len(chunk) + 3
    return float(is_open.mean())


@pytest.mark.parametrize("length", [LEAST, 8000, 12_000])
def test_frames_are_biopythons(genomes: dict[str, Contig], length: int) -> None:
    reported = []
    for contig in genomes.values():
        for stretch in cut(contig, length):
            more = max(open_share(stretch, 4), open_share(stretch, 15)) - open_share(stretch, 11)
            # A stop codon may count as a part of the frame before it.
            least = SETTINGS.more_open(length)
            if abs(more - least) > 0.02:
                reported.append(more > least)
                assert may_be_recoded([stretch]) is reported[-1]
    assert len(reported) > 6
    assert len(set(reported)) == 2


def test_strand_does_not_matter(genomes: dict[str, Contig]) -> None:
    for contig in genomes.values():
        for stretch in cut(contig, 4000):
            turned = replace(stretch, sequence=bytes(Seq(stretch.sequence).reverse_complement()))
            assert may_be_recoded([turned]) is may_be_recoded([stretch])


def test_stretches_count_together(genomes: dict[str, Contig], buchnera: Any) -> None:
    """A few stretches of another code among many of code 11 say nothing of all of them."""
    few = cut(genomes["code 4"], 6000)[:1]
    many = cut(Contig("buchnera", buchnera.sequence), 6000)[:40]
    assert may_be_recoded(few)
    assert not may_be_recoded(many)
    assert not may_be_recoded(few + many)


def test_too_short_to_choose(genomes: dict[str, Contig]) -> None:
    contig = genomes["code 4"]
    short = [Contig("short", contig.sequence[i : i + LEAST - 1]) for i in range(0, 20000, 500)]
    assert not any(may_be_recoded([contig]) for contig in short)
    assert any(may_be_recoded([first, second]) for first, second in zip(short, short, strict=True))
    assert not may_be_recoded([])

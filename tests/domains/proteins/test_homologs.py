"""Homologs of proteins: found where they are, and none that are not."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from Bio.Seq import Seq

from dnatag.domains.proteins import homologs as homologs
from dnatag.domains.proteins.homologs import ProteinHomologs
from dnatag.domains.proteins.residues import LETTERS
from dnatag.errors import DnatagError, InputError
from dnatag.formats.sequences.annotation import read_annotated_genome
from dnatag.formats.text.tokens import Span

EXAMPLES = Path(__file__).parents[3] / "examples"
CROSSES = [Span(10, 30, "H")]
OTHER = "".join(random.Random(0).choices(LETTERS, k=300))


@pytest.fixture(scope="module")
def protein() -> str:
    """A protein of 250 residues or more."""
    genome = read_annotated_genome(EXAMPLES / "buchnera.fna.gz", EXAMPLES / "buchnera.gff3.gz")
    for contig, genes in genome:
        for gene in genes:
            if gene.strand == 1 and gene.end - gene.start > 750:
                return str(Seq(contig.sequence[gene.start : gene.end]).translate(11)).rstrip("*")
    raise AssertionError("no gene is long enough")


def changed(protein: str, share: float, seed: int) -> str:
    """Exchange a share of the residues."""
    rng = random.Random(seed)
    return "".join(rng.choice(LETTERS) if rng.random() < share else letter for letter in protein)


def fasta(path: Path, *sequences: str) -> Path:
    path.write_text("".join(f">p{i}\n{s}\n" for i, s in enumerate(sequences)))
    return path


def test_places_of_a_relative(protein: str, tmp_path: Path) -> None:
    # Before it comes something else, and 20 residues of its middle are missing.
    other = changed(protein, 0.3, 1)
    gapped = OTHER[:40] + other[:150] + other[170:]
    found = ProteinHomologs(fasta(tmp_path / "x", OTHER, gapped)).find(protein, CROSSES)
    assert ["".join(homolog.tokens) for homolog in found] == [gapped]
    (_, own, its) = found[0]
    assert (np.diff(own) > 0).all()
    assert (np.diff(its) > 0).all()
    true = np.where(own < 150, own + 40, own + 20)
    assert len(own) > 0.8 * len(protein)
    # Around the gap the alignment may be a little off.
    assert (its == true).mean() > 0.95


def test_who_is_no_relative(protein: str, tmp_path: Path) -> None:
    path = fasta(tmp_path / "x", OTHER, protein, protein.lower(), changed(protein, 0.2, 1))
    known = ProteinHomologs(path)
    assert ["".join(r.tokens) for r in known.find(protein, CROSSES)] == [changed(protein, 0.2, 1)]
    assert known.find(protein, [Span(0, 20, "S"), Span(20, 60, "2")]) == []
    assert known.find("X" * 40, CROSSES) == []


def test_a_domain_in_common(protein: str, tmp_path: Path) -> None:
    third = len(protein) // 3
    (found,) = ProteinHomologs(fasta(tmp_path / "x", OTHER + protein[:third])).find(
        protein, CROSSES
    )
    # The ends of an alignment may be a little off.
    assert found.own.max() < third + 10
    assert np.isin(np.arange(5, third - 5), found.own).all()
    assert (found.its == found.own + len(OTHER)).mean() > 0.95


def test_nearest_to_most_distant(protein: str, tmp_path: Path) -> None:
    family = [changed(protein, share, i) for i, share in enumerate(np.linspace(0.05, 0.6, 50))]
    found = ProteinHomologs(fasta(tmp_path / "a", *family)).find(protein, CROSSES)
    assert len(found) == homologs.MOST
    same = [np.mean([a == b for a, b in zip(r.tokens, protein, strict=True)]) for r in found]
    assert same[0] > 0.9
    assert same[-1] < 0.5
    # Neither their order matters nor who is there twice.
    again = ProteinHomologs(fasta(tmp_path / "b", *family[::-1], *family)).find(protein, CROSSES)
    assert [r.tokens for r in again] == [r.tokens for r in found]


def test_tokens_that_are_no_residues(protein: str, tmp_path: Path) -> None:
    known = ProteinHomologs(fasta(tmp_path / "x", changed(protein, 0.1, 1), "MZU*X"))
    tokens = ["AC", "", "?", *protein.lower()]
    (found,) = known.find(tokens, CROSSES)
    assert (found.own >= 3).all()
    assert (found.own == found.its + 3).mean() > 0.95


def test_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_text("MKL\n")
    with pytest.raises(InputError, match="is not FASTA"):
        ProteinHomologs(path)
    monkeypatch.setitem(sys.modules, "pyhmmer.easel", None)
    with pytest.raises(DnatagError, match=r"pip install 'dnatag\[homologs\]'"):
        ProteinHomologs(path)

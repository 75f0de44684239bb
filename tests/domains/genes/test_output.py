"""Predictions written to files of every format from Python."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from Bio import SeqIO

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.decoding.assemble import Prediction
from dnatag.domains.genes.domain import DOMAIN
from dnatag.domains.genes.output import GeneWriter, write_genes
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.errors import InputError
from dnatag.formats.sequences.annotation import read_annotation
from dnatag.formats.sequences.records import CodingSequence, Contig

GENES = [
    CodingSequence("c", ((2, 14),), 1, genetic_code=11, posterior=0.98, start_posterior=0.9),
    CodingSequence("c", ((16, 22),), -1, partial5=True, genetic_code=11, posterior=0.5),
]
#           ..M  K  R  *  ..(reverse)
CONTIG = Contig("c", b"GGATGAAACGCTAAGGTCACTT")


def found(contig: Contig = CONTIG, *, per_base: bool = True) -> Prediction:
    labels = np.zeros(len(contig), np.int8) if per_base else None
    steps = np.zeros((len(contig), 6), np.uint16) if per_base else None
    return Prediction(contig, GENES, GenomeParameters(GeneticCode.ncbi(11)), labels, steps)


def test_all_formats(tmp_path: Path) -> None:
    paths = {kind: tmp_path / kind for kind in DOMAIN.writers}
    assert write_genes([found()], paths, model="m", command="dnatag predict") == 2
    header = paths["gff"].read_text().splitlines()[1:4]
    assert header[1:] == ["#!model m", "#!command dnatag predict"]
    annotations = [read_annotation(paths[kind])["c"] for kind in ("gff", "gbk")]
    assert [[(g.id, g.parts, g.strand) for g in genes] for genes in annotations] == 2 * [
        [("c_1", ((2, 14),), 1), ("c_2", ((16, 22),), -1)]
    ]
    proteins = {r.id: str(r.seq) for r in SeqIO.parse(paths["faa"], "fasta")}
    assert proteins == {"c_1": "MKR", "c_2": "K"}
    genes = {r.id: str(r.seq) for r in SeqIO.parse(paths["ffn"], "fasta")}
    assert genes == {"c_1": "ATGAAACGCTAA", "c_2": "AAGTGA"}
    assert [row.split("\t")[3] for row in paths["bed"].read_text().splitlines()] == ["c_1", "c_2"]
    assert len(paths["tsv"].read_text().splitlines()) == 3
    assert len(paths["labels"].read_text().splitlines()) == 1 + len(CONTIG)


def test_contigs_follow_each_other() -> None:
    handle = io.StringIO()
    writer = GeneWriter({"bed": handle}, model="m")
    assert [writer.write(found(per_base=False)) for _ in range(2)] == [2, 2]
    assert len(handle.getvalue().splitlines()) == 4


def test_unknown_format() -> None:
    with pytest.raises(InputError, match=f"no format 'xml'; known are {', '.join(DOMAIN.writers)}"):
        GeneWriter({"xml": io.StringIO()}, model="m")


def test_all_or_nothing(tmp_path: Path) -> None:
    paths = {kind: tmp_path / kind for kind in ("gff", "labels")}
    with pytest.raises(ValueError, match="per_base=True"):
        write_genes([found(per_base=False)], paths, model="m")
    assert not list(tmp_path.iterdir())

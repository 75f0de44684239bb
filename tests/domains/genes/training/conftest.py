"""A chunk of a real genome, labelled."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.structures.labels import label_genes
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.domains.genes.training.corpus import LabelledContig, LabelledGenome
from dnatag.formats.sequences.annotation import read_annotated_genome

DATA = Path(__file__).parents[3] / "data" / "train"
CODE = GeneticCode.ncbi(11)


@pytest.fixture(scope="module")
def genome() -> LabelledGenome:
    """The chunk, with signals of its own genes."""
    ((contig, genes),) = read_annotated_genome(DATA / "buchnera.fna", DATA / "buchnera.gff3")
    symbols = encode(contig.sequence)
    labels = label_genes(symbols, genes, CODE, prokaryotic())
    whole = LabelledContig(symbols, CODE.properties(symbols), labels)
    genome = LabelledGenome("buchnera", (whole,), CODE)
    genome.estimate_signals(3)
    return genome

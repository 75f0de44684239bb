"""Genomes of bacteria, archaea and their viruses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dnatag.domains.base import Domain
from dnatag.domains.genes.training.settings import GeneCorpus, GeneNetwork

if TYPE_CHECKING:
    from dnatag.domains.genes.evaluation.evaluator import GeneEvaluator
    from dnatag.domains.genes.training.table import GenomeFiles

__all__ = ["DOMAIN", "Genes"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Genes(Domain):
    """Genes of genomes; see :class:`dnatag.domains.base.Domain`."""

    name = "genes"
    tasks = ("annotation",)
    network = GeneNetwork
    corpus = GeneCorpus
    readers: Mapping[str, str] = {"fasta": "gff"}
    writers = ("gff", "faa", "ffn", "gbk", "bed", "tsv", "labels")

    @property
    def corpus_options(self) -> Sequence[click.Option]:
        """See :class:`dnatag.domains.base.Domain`: genomes to train on."""
        return (
            click.Option(
                ["--genome", "genomes"],
                metavar="FILE",
                multiple=True,
                type=_FILE,
                help="FASTA, which needs an --annotation; or GenBank or EMBL with its own. "
                "Repeatable.",
            ),
            click.Option(
                ["--annotation", "annotations"],
                metavar="FILE",
                multiple=True,
                type=_FILE,
                help="GFF3, GTF, GenBank or EMBL; one for each --genome in FASTA, in the same "
                "order.",
            ),
            click.Option(
                ["--genetic-code"],
                metavar="CODE",
                show_default="what the annotation names, else 11",
                help="That of all genomes: NCBI's number, 64 letters, or "
                "'starts:ATG,GTG;stops:TAA,TAG'.",
            ),
        )

    def corpora_of_options(self, options: Mapping[str, Any]) -> tuple[GenomeFiles, ...]:
        """See :class:`dnatag.domains.base.Domain`."""
        from dnatag.domains.genes.training.table import GenomeFiles

        if not options["genomes"]:
            return ()
        return (
            GenomeFiles.of(options["genomes"], options["annotations"], options["genetic_code"]),
        )

    @property
    def evaluator(self) -> GeneEvaluator:
        """See :class:`dnatag.domains.base.Domain`."""
        from dnatag.domains.genes.evaluation.evaluator import GeneEvaluator

        return GeneEvaluator()


DOMAIN = Genes()

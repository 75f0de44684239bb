"""``dnatag predict``: find the genes of a genome."""

from __future__ import annotations

import ctypes
import shlex
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dnatag.cli.common import (
    CliObserver,
    Skipped,
    device_option,
    find_model_for,
    model_option,
    note,
    output_option,
    progress,
    quiet_option,
    threads_option,
)
from dnatag.errors import InputError

if TYPE_CHECKING:
    from dnatag.domains.genes.selftraining.parameters import GenomeParameters
    from dnatag.domains.genes.selftraining.plan import Adapt
    from dnatag.formats.sequences.records import Contig

__all__ = ["command"]

#: The task that the command is for.
TASK = "annotation"

Command = Callable[..., None]


def _file_option(name: str, what: str) -> Callable[[Command], Command]:
    return click.option(
        name,
        metavar="FILE",
        type=click.Path(dir_okay=False, allow_dash=True),
        help=f"Write {what} as well.",
    )


@click.command("predict")
@click.argument("fasta", nargs=-1, required=True, type=click.Path(allow_dash=True))
@output_option
@_file_option("--faa", "the proteins as FASTA")
@_file_option("--ffn", "the genes' nucleotides as FASTA")
@_file_option("--gbk", "GenBank records with the sequence")
@_file_option("--bed", "the genes as BED")
@_file_option("--tsv", "a table of the genes")
@_file_option("--labels", "the label and the posteriors of each base (end it in .gz)")
@model_option
@click.option(
    "--genetic-code",
    metavar="CODE",
    default="auto",
    show_default=True,
    help="NCBI's number, 64 amino acids in NCBI's order, or starts:ATG,GTG;stops:TAA,TAG; auto "
    "chooses among 11, 4, 25 and 15.",
)
@click.option(
    "--ends",
    type=click.Choice(["open", "closed"]),
    default="open",
    show_default=True,
    help="Whether genes may run off the ends of contigs and into gaps.",
)
@click.option(
    "--topology",
    type=click.Choice(["auto", "circular", "linear"]),
    default="auto",
    show_default=True,
    help="Whether contigs are circles; auto: those whose header says so (circular=true, "
    "topology=circular).",
)
@click.option(
    "--min-length",
    metavar="BP",
    type=click.IntRange(min=6),
    default=60,
    show_default=True,
    help="Shortest gene, in bases.",
)
@click.option(
    "--adapt",
    type=click.Choice(["auto", "file", "contig", "off"]),
    default=None,
    show_default="auto",
    help="Estimate codon usage, starts and the genetic code first: from all contigs as one genome "
    "(file) or from each long contig on its own (contig); auto recognises a mixture of genomes, "
    "and sorts its short contigs into bins. Contigs with too few genes get the average of similar "
    "genomes that the model was trained on.",
)
@click.option(
    "--adaptation",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="Use the parameters of another genome, to call isolates of a species alike.",
)
@_file_option("--save-adaptation", "the parameters of the genome")
@click.option(
    "--alternative-starts", is_flag=True, help="Give other starts and their posteriors as well."
)
@click.option(
    "--mask",
    metavar="FILE",
    type=click.Path(allow_dash=True),
    help="Regions without genes (rRNA, tRNA), as BED or GFF.",
)
@device_option
@threads_option
@quiet_option
def command(
    fasta: tuple[str, ...],
    output: str,
    faa: str | None,
    ffn: str | None,
    gbk: str | None,
    bed: str | None,
    tsv: str | None,
    labels: str | None,
    model: str,
    genetic_code: str,
    ends: str,
    topology: str,
    min_length: int,
    adapt: Adapt | None,
    adaptation: str | None,
    save_adaptation: str | None,
    alternative_starts: bool,
    mask: str | None,
    device: str,
    threads: int,
    quiet: bool,
) -> None:
    """Find the genes of a genome, as GFF3 and more.

    FASTA files, or folders of them, hold the contigs of one genome, plain or compressed (gzip,
    bzip2, xz, zstd); "-" is standard input. The score of a gene is its posterior probability.
    """
    _keep_freed_memory()
    from dnatag.domains.genes.finder import GeneFinder
    from dnatag.domains.genes.output import GeneWriter
    from dnatag.domains.genes.selftraining.parameters import load_parameters, save_parameters
    from dnatag.formats.io.writing import OutputSet, refuse_overwriting
    from dnatag.formats.sequences.fasta import UniqueIds, fasta_files, read_fasta
    from dnatag.formats.sequences.regions import read_regions

    if adaptation is not None and (
        adapt is not None or save_adaptation is not None or genetic_code != "auto"
    ):
        raise click.UsageError(
            "--adaptation brings the parameters and their genetic code: leave out --adapt, "
            "--save-adaptation and --genetic-code."
        )
    paths = {"gff": output, "faa": faa, "ffn": ffn, "gbk": gbk, "bed": bed, "tsv": tsv,
             "labels": labels}  # fmt: skip
    model_path = find_model_for(TASK, model)
    files = [file for path in fasta for file in fasta_files(path)]
    inputs = [*files, mask, model_path, adaptation]
    refuse_overwriting([*paths.values(), save_adaptation], inputs)
    masks = read_regions(mask) if mask is not None else {}
    if mask is not None and not masks:
        note(f"{mask}: no regions in it, nothing is masked", quiet=quiet)
    finder = GeneFinder(
        model_path,
        genetic_code=genetic_code,
        adapt=adapt or "auto",
        parameters=None if adaptation is None else load_parameters(Path(adaptation)),
        closed_ends=ends == "closed",
        min_length=min_length,
        alternative_starts=alternative_starts,
        masks=masks,
        device=device,
        threads=threads,
    )
    note(f"model {finder.path.stem}, device {finder.device}", quiet=quiet)

    def contigs() -> Iterator[Contig]:
        ids = UniqueIds()
        unseen, skipped = set(masks), Skipped()
        for path in files:
            for contig in read_fasta(path, ids, skipped=skipped):
                unseen.discard(contig.id)
                if topology == "auto":
                    yield contig
                else:
                    yield replace(contig, circular=topology == "circular")
        skipped.report(observer)
        if unseen and len(unseen) == len(masks):
            raise InputError(
                f"{mask}: has none of the contigs of the input, but {_some(unseen)}; both must "
                "name the contigs alike"
            )
        if unseen:
            observer.note(f"warning: {mask}: the input has no {_some(unseen)}")

    n_contigs = n_bases = n_genes = 0
    with OutputSet() as outputs, progress(quiet=quiet) as bar:
        observer = _Observer(quiet, bar)
        writer = GeneWriter(
            {kind: outputs.open(path) for kind, path in paths.items() if path is not None},
            model=finder.path.stem,
            command=shlex.join(["dnatag", *click.get_current_context().obj]),
        )
        for prediction in finder.predict(contigs(), per_base=labels is not None, observer=observer):
            n_genes += writer.write(prediction)
            n_contigs += 1
            n_bases += len(prediction.contig)
        if save_adaptation is not None:
            if observer.parameters is None:
                raise InputError(
                    "nothing to save: no parameters were estimated for the contigs as one genome; "
                    "try --adapt file"
                )
            save_parameters(Path(save_adaptation), observer.parameters)
    note(f"{n_genes} genes on {n_contigs} contigs of {n_bases} bp", quiet=quiet)


def _some(contigs: Collection[str]) -> str:
    """Name some contigs."""
    names = ", ".join(f"'{name}'" for name in sorted(contigs)[:3])
    more = f" and {len(contigs) - 3} more" if len(contigs) > 3 else ""
    return f"contig{'s' * (len(contigs) > 1)} {names}{more}"


class _Observer(CliObserver):
    """Keeps the parameters of the genome, too."""

    parameters: GenomeParameters | None = None

    def estimated(self, parameters: GenomeParameters) -> None:
        self.parameters = parameters


def _keep_freed_memory() -> None:
    """Have the C library keep what is freed for the next batch.

    By default it returns large blocks to the system, and a fifth of the time goes into mapping
    them anew. Where the library has no such setting nothing happens.
    """
    m_trim_threshold, m_mmap_threshold, m_arena_max = -1, -3, -8
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(m_trim_threshold, 1 << 30)
        mallopt(m_mmap_threshold, 1 << 30)
        mallopt(m_arena_max, 1)

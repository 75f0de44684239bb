"""``dnatag predict``: find the genes of a genome."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dnatag.cli.common import (
    CliObserver,
    device_option,
    find_model_for,
    model_option,
    note,
    progress,
    quiet_option,
    refuse_shared_stdin,
    threads_option,
)
from dnatag.errors import InputError
from dnatag.report import counted

if TYPE_CHECKING:
    from dnatag.domains.genes.reading import Topology
    from dnatag.domains.genes.selftraining.plan import Adapt

__all__ = ["command"]

#: The task that the command is for.
TASK = "annotation"

Command = Callable[..., None]


def _file_option(name: str, what: str, kind: str | None = None) -> Callable[[Command], Command]:
    return click.option(
        name,
        kind or name.removeprefix("--"),
        metavar="FILE",
        type=click.Path(allow_dash=True),
        help=f"Write {what} as well.",
    )


@click.command("predict")
@click.argument("fasta", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(allow_dash=True),
    default="-",
    show_default="standard output",
    help="Where to write the result; with --each a folder.",
)
@_file_option("--faa", "the proteins as FASTA")
@_file_option("--ffn", "the genes' nucleotides as FASTA")
@_file_option("--gbk", "GenBank records with the sequence")
@_file_option("--bed", "the genes as BED")
@_file_option("--tsv", "a table of the genes")
@_file_option("--labels", "the label and the posteriors of each base (end it in .gz)")
@_file_option("--report", "a page to look at: numbers, charts and a map of the genes (HTML)")
@_file_option("--summary", "the numbers of the genome for MultiQC (end it in _mqc.json)")
@click.option(
    "--each",
    is_flag=True,
    help="Each file is a genome of its own. Outputs are then folders: NAME.fna gives NAME.gff3, "
    "NAME.faa and so on. What is finished is passed over when the command is run again.",
)
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
    "known",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="Use the parameters of another genome, to call isolates of a species alike.",
)
@_file_option("--save-adaptation", "the parameters of the genome", "adaptation")
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
@click.pass_context
def command(
    context: click.Context,
    /,
    fasta: tuple[str, ...],
    output: str,
    model: str,
    genetic_code: str,
    ends: str,
    topology: Topology,
    min_length: int,
    adapt: Adapt | None,
    known: str | None,
    alternative_starts: bool,
    mask: str | None,
    each: bool,
    device: str,
    threads: int,
    quiet: bool,
    **outputs: str | None,
) -> None:
    """Find the genes of a genome, as GFF3 and more.

    FASTA files, or folders of them, hold the contigs of one genome, plain or compressed (gzip,
    bzip2, xz, zstd); "-" is standard input. The score of a gene is its posterior probability.
    """
    from dnatag.engine.memory import keep_freed_memory

    keep_freed_memory(largest=1 << 26, most=1 << 30)
    from dnatag.domains.genes.finder import GeneFinder
    from dnatag.domains.genes.pipeline import Masks, Pipeline
    from dnatag.domains.genes.selftraining.parameters import load_parameters
    from dnatag.formats.io.writing import refuse_overwriting
    from dnatag.formats.sequences.fasta import fasta_files
    from dnatag.formats.sequences.regions import read_regions

    saved = outputs["adaptation"] is not None
    if known is not None and (adapt is not None or saved or genetic_code != "auto"):
        raise click.UsageError(
            "--adaptation brings the parameters and their genetic code: leave out --adapt, "
            "--save-adaptation and --genetic-code."
        )
    if each and mask is not None:
        raise click.UsageError("--mask is for one genome: leave out --each.")
    paths = {"gff": output} | {kind: path for kind, path in outputs.items() if path is not None}
    refuse_shared_stdin([*fasta, mask])
    model_path = find_model_for(TASK, model)
    files = [file for path in fasta for file in fasta_files(path)]
    if not each:
        if folder := next((path for path in paths.values() if os.path.isdir(path)), None):
            raise InputError(f"{folder}: is a folder; name a file, or add --each")
        refuse_overwriting(paths.values(), [*files, mask, model_path, known])
    masks = None if mask is None else Masks(mask, read_regions(mask))
    if masks is not None and not masks.regions:
        note(f"{mask}: no regions in it, nothing is masked", quiet=quiet)
    at_once = min(threads, len(files)) if each else 1
    finder = GeneFinder(
        model_path,
        genetic_code=genetic_code,
        adapt=adapt or "auto",
        parameters=None if known is None else load_parameters(Path(known)),
        closed_ends=ends == "closed",
        min_length=min_length,
        alternative_starts=alternative_starts,
        masks=None if masks is None else masks.regions,
        device=device,
        threads=threads // at_once,
    )
    note(f"model {finder.path.stem}, device {finder.device}", quiet=quiet)
    pipeline = Pipeline(finder, topology=topology, masks=masks)
    words = context.obj
    if each:
        from dnatag.cli.each import run_each

        options = [word for word in words if word not in fasta]
        context.exit(run_each(pipeline, files, paths, options, at_once, quiet))
    with progress(quiet=quiet) as bar:
        observer = CliObserver(quiet, bar)
        with observer.heartbeat():
            found = pipeline.run(
                files, paths, command=shlex.join(["dnatag", *words]), observer=observer
            )
    note(
        f"{counted(found.genes, 'genes')} on {counted(found.contigs, 'contigs')} of "
        f"{found.bases} bp",
        quiet=quiet,
    )

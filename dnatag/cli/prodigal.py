"""``dnatag prodigal``: find genes with the command line and the formats of Prodigal."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dnatag import __version__
from dnatag.cli.common import CliObserver, note, progress
from dnatag.errors import InputError
from dnatag.report import Skipped, counted

if TYPE_CHECKING:
    from dnatag.domains.genes.finder import GeneFinder
    from dnatag.domains.genes.prodigal import ProdigalLengths
    from dnatag.domains.genes.selftraining.parameters import GenomeParameters

__all__ = ["command"]

Command = Callable[..., None]

#: What programs ask for with -v, to see whether Prodigal is new enough: 2.6.3 has these formats.
VERSION = f"Prodigal V2.6.3: its command line and formats, by dnatag {__version__}"


def _show_version(context: click.Context, option: click.Parameter, given: bool) -> None:
    if given:
        click.echo(VERSION, err=True)
        context.exit()


def _refuse_overlap(
    context: click.Context, option: click.Parameter, value: int | None
) -> int | None:
    if value is not None:
        raise click.UsageError(
            "--max-overlap is not for dnatag: how far genes overlap is part of what its model has "
            "learnt, there is no limit to set; leave it out."
        )
    return value


def _refuse_processes(context: click.Context, option: click.Parameter, value: str) -> str:
    if value == "process":
        raise click.UsageError(
            "--pool process is not for dnatag: it works in threads, which are no slower; leave it "
            "out."
        )
    return value


def _file(*names: str, help: str) -> Callable[[Command], Command]:
    return click.option(
        *names, metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True), help=help
    )


@click.command("prodigal")
@_file("-i", "input_file", help="Genome as FASTA, GenBank or EMBL; default: standard input.")
@_file("-o", "output_file", help="Genes; default: standard output.")
@_file("-a", "protein_file", help="Write the proteins as FASTA as well.")
@_file("-d", "nucleotide_file", help="Write the nucleotides of the genes as FASTA as well.")
@_file("-s", "start_file", help="Write the genes with all their probable starts and scores.")
@click.option(
    "-f",
    "format",
    type=click.Choice(["gbk", "gff", "sco"]),
    default="gbk",
    show_default=True,
    help="Format of the genes.",
)
@click.option(
    "-p",
    "mode",
    type=click.Choice(["single", "meta"]),
    default="single",
    show_default=True,
    help="single: all sequences are of one genome, and dnatag adapts to it; meta: it recognises a "
    "mixture of genomes, and adapts to long contigs and bins of short ones.",
)
@click.option(
    "-g",
    "table",
    metavar="CODE",
    type=int,
    show_default="11, with -p meta the likeliest of 11, 4, 25 and 15",
    help="NCBI's number of the genetic code.",
)
@click.option("-c", "closed", is_flag=True, help="Closed ends: no genes run off edges.")
@click.option("-m", "masked", is_flag=True, help="No genes across runs of N: dnatag builds none.")
@click.option("-n", "full_scan", is_flag=True, help="Find motifs of any kind: dnatag always does.")
@click.option(
    "-t",
    "training_file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="If there is no such file, write the parameters of the genome to it, and no genes; else "
    "use those in it. A file of Prodigal's own will not do.",
)
@click.option("-q", "quiet", is_flag=True, help="Print no notes, only errors.")
@click.option(
    "-j",
    "--jobs",
    metavar="N",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Threads; 0: as many as there are processors.",
)
@click.option(
    "--min-gene",
    metavar="BP",
    type=click.IntRange(min=6),
    default=90,
    show_default=True,
    help="Shortest gene.",
)
@click.option(
    "--min-edge-gene",
    metavar="BP",
    type=click.IntRange(min=6),
    default=60,
    show_default=True,
    help="Shortest gene that runs off an edge.",
)
@click.option("--no-stop-codon", is_flag=True, help="Leave out the * at the ends of proteins.")
@click.option("--max-overlap", type=int, callback=_refuse_overlap, expose_value=False, hidden=True)
@click.option(
    "--pool",
    type=click.Choice(["thread", "process"]),
    default="thread",
    callback=_refuse_processes,
    expose_value=False,
    hidden=True,
)
@click.option("-v", "-V", "--version", is_flag=True, is_eager=True, expose_value=False,
              callback=_show_version, help="Print the version and exit.")  # fmt: skip
def command(
    input_file: str | None,
    output_file: str | None,
    protein_file: str | None,
    nucleotide_file: str | None,
    start_file: str | None,
    format: str,
    mode: str,
    table: int | None,
    closed: bool,
    masked: bool,
    full_scan: bool,
    training_file: str | None,
    quiet: bool,
    jobs: int,
    min_gene: int,
    min_edge_gene: int,
    no_stop_codon: bool,
) -> None:
    """Find genes in the place of Prodigal: with its options, and in its formats.

    The genes are those of "dnatag predict". "score" is 4.35 times the log-odds of the posterior
    probability of a gene and "conf" this probability in percent, as they depend on each other in
    Prodigal; the scores of starts are dnatag's.
    """
    from dnatag.cli.common import available_cpus
    from dnatag.domains.genes.finder import GeneFinder
    from dnatag.domains.genes.prodigal import ProdigalLengths
    from dnatag.domains.genes.selftraining.parameters import load_parameters
    from dnatag.formats.io.writing import refuse_overwriting

    single = mode == "single"
    source = input_file or "-"
    paths = {"genes": output_file or "-", "proteins": protein_file,
             "nucleotides": nucleotide_file, "starts": start_file}  # fmt: skip
    refuse_overwriting([*paths.values(), training_file], [source])
    if training_file is not None and not single:
        raise click.UsageError("-t is for a single genome: leave out -p meta.")
    parameters: GenomeParameters | None = None
    if training_file is not None and os.path.exists(training_file):
        try:
            parameters = load_parameters(Path(training_file))
        except InputError as error:
            raise InputError(
                f"{error}; -t reads what dnatag wrote, and no files of Prodigal"
            ) from None
        if table is not None and table != parameters.code.table:
            raise InputError(
                f"{training_file}: has genetic code {parameters.code.label}, not {table}; leave "
                "out -g"
            )
    finder = GeneFinder(
        genetic_code=table or (11 if single else "auto"),
        adapt="file" if single else "auto",
        parameters=parameters,
        closed_ends=closed,
        min_length=min(min_gene, min_edge_gene),
        alternative_starts=start_file is not None,
        threads=jobs or available_cpus(),
    )
    if training_file is not None and parameters is None:
        _train(finder, source, training_file, quiet)
        return
    _predict(
        finder,
        source,
        paths,
        ProdigalLengths(min_gene, min_edge_gene),
        quiet,
        format=format,
        single=single,
        stop_codon=not no_stop_codon,
    )


def _train(finder: GeneFinder, source: str, training_file: str, quiet: bool) -> None:
    """Write the parameters of a genome."""
    from dnatag.domains.genes.reading import read_records
    from dnatag.domains.genes.selftraining.parameters import save_parameters

    observer, skipped = CliObserver(quiet), Skipped()
    contigs = list(read_records(source, skipped=skipped))
    skipped.report(observer)
    save_parameters(Path(training_file), finder.estimate_parameters(contigs, observer=observer))


def _predict(
    finder: GeneFinder,
    source: str,
    paths: dict[str, str | None],
    lengths: ProdigalLengths,
    quiet: bool,
    **settings: Any,
) -> None:
    """Write the genes."""
    from dnatag.domains.genes.prodigal import ProdigalWriter
    from dnatag.domains.genes.reading import read_records
    from dnatag.domains.genes.statistics import GenomeStatistics
    from dnatag.domains.genes.suitability import remark_eukaryote, watch_reads
    from dnatag.formats.io.writing import OutputSet

    statistics = GenomeStatistics()
    skipped = Skipped()
    with OutputSet() as outputs, progress(quiet=quiet) as bar, ExitStack() as stack:
        observer = CliObserver(quiet, bar)
        stack.enter_context(observer.heartbeat())
        handles = {kind: outputs.open(path) for kind, path in paths.items() if path is not None}
        writer = ProdigalWriter(handles, model=finder.path.stem, **settings)
        contigs = watch_reads(read_records(source, skipped=skipped), observer.note)
        for prediction in map(lengths.only, finder.predict(contigs, observer=observer)):
            writer.write(prediction)
            statistics.add(prediction)
        skipped.report(observer)
        if remark := remark_eukaryote(statistics):
            observer.note(remark)
    note(
        f"{counted(statistics.genes, 'genes')} on {counted(statistics.contigs, 'contigs')}",
        quiet=quiet,
    )

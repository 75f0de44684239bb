"""``dnatag train``: data of any domain to a model file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dnatag.cli.common import (
    CliObserver,
    OpenCommand,
    device_option,
    given,
    progress,
    quiet_option,
    threads_option,
)
from dnatag.errors import InputError

if TYPE_CHECKING:
    from dnatag.tasks.base import Recipe

__all__ = ["command"]


# \b keeps click from joining the lines of a paragraph.
HELP = """Train a model by a RECIPE, on genomes, text, proteins, features, recordings, music or
translations; or a model of genes on annotated genomes that are named by options.

\b
dnatag train --genome a.fna --annotation a.gff3 --from prokaryotes -o my.dnatag
dnatag train --genome a.gbk --genome b.gbk -o my.dnatag
dnatag train recipe.toml --folder genomes -o my.dnatag
dnatag predict --model my.dnatag new.fna -o genes.gff3
dnatag train entities.toml -o my.dnatag

The genomes that a recipe names to validate on show how good the model is, and when to stop;
without any, the last tenth of each contig is held out for that. CDS that cannot be trained on
(pseudogenes, spliced ones and others) are masked and counted. Of other sequences, what was read
is listed first, and the epoch that is best on the files to validate on is kept (by F1, accuracy,
errors of characters or loss, whatever the model is for). While it runs, the folder OUTPUT.run has
the losses (log.csv, which stays, and is drawn in curve.svg) and the state that --resume continues
from.

Several GPUs or machines share the work under torchrun, with the folder of OUTPUT in common:
'torchrun --nproc-per-node 2 -m dnatag train ...'. On the cores of one machine --threads does the
same.
"""


def _corpus_options() -> Iterator[click.Option]:
    from dnatag.registry import domains

    for domain in domains():
        yield from domain.corpus_options


@click.command("train", cls=OpenCommand, more=_corpus_options, help=HELP)
@click.argument(
    "recipe", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--folder",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the files of the recipe are.",
)
@click.option(
    "--from",
    "start",
    metavar="NAME|FILE",
    help="Start from this model, not from random weights (genes and taggers): '--from "
    "prokaryotes' is best for a few genomes, '--from biomedical' for a little text of that kind. A "
    "recipe then has no [network].",
)
@click.option("--resume", is_flag=True, help="Continue a run that was interrupted.")
@click.option(
    "--steps",
    metavar="N",
    type=click.IntRange(min=1),
    show_default="by the amount of data",
    help="Of genes: steps of training; recipes of text and proteins have epochs.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    show_default="that of the recipe, else 1",
    help="Seed of all random choices.",
)
@device_option
@threads_option
@quiet_option
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The model file to write.",
)
@click.pass_context
def command(
    context: click.Context,
    /,
    recipe: Path | None,
    folder: Path | None,
    start: str | None,
    resume: bool,
    steps: int | None,
    seed: int | None,
    device: str,
    threads: int,
    quiet: bool,
    output: Path,
    **options: Any,
) -> None:
    """Train a model by a recipe, or on data that options name."""
    from dnatag.extras import require
    from dnatag.models.names import find_model
    from dnatag.training import paths_among

    require("torch", "train", "training")
    home = output.absolute().parent
    if not home.is_dir():
        raise InputError(f"{output}: cannot write there: there is no folder {home}")
    if not os.access(home, os.W_OK):
        raise InputError(f"{output}: cannot write there")
    _spare_what_is_there(
        output, [recipe, *paths_among(options.values()), start and find_model(start)]
    )
    plan = _recipe(context, recipe, folder, options)
    changes = {name: value for name, value in (("steps", steps), ("seed", seed)) if value}
    if seed == 0:
        changes["seed"] = 0
    known = [field.name for field in fields(plan.training)]
    if start is not None and not plan.task.fine_tunes:
        raise click.UsageError(
            f"--from is not for {plan.domain.name}, task {plan.task.name}: such models start from "
            "random weights."
        )
    for name in changes:
        if name not in known:
            raise click.UsageError(
                f"--{name} is not for {plan.domain.name}; its recipes have {', '.join(known)}."
            )
    plan = replace(plan, training=replace(plan.training, **changes))

    from dnatag.engine.training.workers import processes
    from dnatag.training import train

    quiet = quiet or processes()[0] > 0
    with progress(unit=" read", quiet=quiet) as bar, closing(CliObserver(quiet, bar)) as observer:
        train(
            plan,
            output,
            start=start,
            resume=resume,
            device=device,
            threads=max(threads // int(os.environ.get("LOCAL_WORLD_SIZE", "1")), 1),
            observer=observer,
        )


def _spare_what_is_there(output: Path, inputs: Sequence[str | Path | None]) -> None:
    """Refuse an output that is an input, or a file that no model would be missed in."""
    from dnatag.formats.io.writing import refuse_overwriting
    from dnatag.models.file import read_metadata

    refuse_overwriting([output], inputs)
    if output.exists():
        try:
            read_metadata(output)
        except InputError:
            raise InputError(
                f"{output}: exists and is not a model of dnatag; remove it, or name another file"
            ) from None


def _recipe(
    context: click.Context, path: Path | None, folder: Path | None, options: dict[str, Any]
) -> Recipe:
    """Read the recipe, or make one of the options of a domain."""
    from dnatag.recipe import Recipe, read_recipe
    from dnatag.registry import domains, find_task

    named = [
        (domain, option)
        for domain in domains()
        for option in domain.corpus_options
        if given(context, option.name)
    ]
    if path is not None:
        if named:
            raise click.UsageError(
                f"a recipe names its data itself: leave out {named[0][1].opts[0]}."
            )
        return read_recipe(path, folder)
    if folder is not None and named:
        raise click.UsageError("--folder is for recipes.")
    domain = named[0][0] if named else None
    corpora = () if domain is None else domain.corpora_of_options(options)
    if domain is None or not corpora:
        raise click.UsageError("nothing to train on: name a recipe, or a --genome.")
    if other := next((o for d, o in named if d is not domain), None):
        raise click.UsageError(f"{other.opts[0]} is not for {domain.name}.")
    task = find_task(domain.tasks[0])
    return Recipe(domain, task, corpora, task.training())

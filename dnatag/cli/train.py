"""``dnatag train``: annotated genomes, or tagged text or proteins, to a model file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dnatag.cli.common import device_option, note, progress, quiet_option, threads_option
from dnatag.errors import InputError
from dnatag.report import Observer, Progress

if TYPE_CHECKING:
    from tqdm import tqdm

    from dnatag.domains.genes.training.recipe import Recipe

__all__ = ["command"]

existing_file = click.Path(exists=True, dir_okay=False, path_type=Path)


# \b keeps click from joining the lines of a paragraph.
HELP = """Train a model of genes on the annotated genomes of a RECIPE, or those named by options;
or one of text or proteins on the files of a RECIPE.

\b
dnatag train --genome a.fna --annotation a.gff3 --from prokaryotes -o my.dnatag
dnatag train --genome a.gbk --genome b.gbk -o my.dnatag
dnatag train recipe.toml --folder genomes -o my.dnatag
dnatag predict --model my.dnatag new.fna -o genes.gff3
dnatag train entities.toml -o my.dnatag

The genomes that a recipe names to validate on tell how good the model is, and when to stop;
without any, the last tenth of each contig is held out for that. CDS that cannot be learnt from
(pseudogenes, spliced ones and others) are masked and counted. While it runs, the folder
OUTPUT.run has the losses (log.csv, which stays) and the state that --resume goes on from.

Several GPUs or machines share the work under torchrun, with the folder of OUTPUT in common:
'torchrun --nproc-per-node 2 -m dnatag train ...'. On the cores of one machine --threads does the
same.
"""


@click.command("train", help=HELP)
@click.argument("recipe", required=False, type=existing_file)
@click.option(
    "--genome",
    "genomes",
    metavar="FILE",
    multiple=True,
    type=existing_file,
    help="FASTA, which needs an --annotation; or GenBank or EMBL with its own. Repeatable.",
)
@click.option(
    "--annotation",
    "annotations",
    metavar="FILE",
    multiple=True,
    type=existing_file,
    help="GFF3, GTF, GenBank or EMBL; one for each --genome in FASTA, in the same order.",
)
@click.option(
    "--genetic-code",
    metavar="CODE",
    show_default="what the annotation says, else 11",
    help="Of all genomes: NCBI's number, 64 letters, or 'starts:ATG,GTG;stops:TAA,TAG'.",
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
    help="Of genes: fine-tune this model instead of starting from nothing; '--from prokaryotes' is "
    "best for a few genomes.",
)
@click.option("--resume", is_flag=True, help="Go on with a run that was interrupted.")
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
def command(
    recipe: Path | None,
    genomes: tuple[Path, ...],
    annotations: tuple[Path, ...],
    genetic_code: str | None,
    folder: Path | None,
    start: str | None,
    resume: bool,
    steps: int | None,
    seed: int | None,
    device: str,
    threads: int,
    quiet: bool,
    output: Path,
) -> None:
    """Train a model on annotated genomes, or on the files of a RECIPE."""
    from dnatag.engine.training.workers import processes
    from dnatag.models.names import find_model

    if not os.access(output.absolute().parent, os.W_OK):
        raise InputError(f"{output}: cannot write there")
    _spare_what_is_there(output, [recipe, *genomes, *annotations, start and find_model(start)])
    quiet = quiet or processes()[0] > 0
    common = {
        "resume": resume,
        "device": device,
        "threads": max(threads // int(os.environ.get("LOCAL_WORLD_SIZE", "1")), 1),
    }
    if recipe is not None and (genomes or annotations or genetic_code):
        raise click.UsageError(
            "a recipe names its genomes, annotations and genetic codes itself: leave out "
            "--genome, --annotation and --genetic-code."
        )
    if recipe is not None and _domain(recipe) != "genes":
        if start is not None or steps is not None:
            raise click.UsageError(
                "--from and --steps are for genes; the length of other runs is 'epochs' in the "
                "recipe."
            )
        _train_tokens(recipe, folder, seed, output, quiet, common)
    else:
        plan = _plan(recipe, genomes, annotations, genetic_code, folder)
        if steps is not None:
            plan = replace(plan, training=replace(plan.training, steps=steps))
        if seed is not None:
            plan = replace(plan, training=replace(plan.training, seed=seed))
        _train_genes(plan, start, output, quiet, common)


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
                f"{output}: exists and is no model of dnatag; remove it, or name another file"
            ) from None


def _domain(recipe: Path) -> str:
    from dnatag.formats.toml import read_toml

    return str(read_toml(recipe).get("domain", "genes"))


def _train_genes(
    plan: Recipe, start: str | None, output: Path, quiet: bool, common: dict[str, Any]
) -> None:
    from dnatag.domains.genes.training.train import read_data, train
    from dnatag.models.names import find_model

    model = None if start is None else find_model(start)
    with progress(len(plan.genomes), unit="genomes", quiet=quiet) as bar:
        data = read_data(plan.genomes, bar.update)
    note(data.summary(), quiet=quiet)
    with _reporting(quiet) as observer:
        about = train(plan, data, output, start=model, observer=observer, **common)
    if "scores" in about:
        scores = about["scores"]
        note(
            f"{output}: validation loss {scores['validation_loss']:.5f}, "
            f"stop F1 {_percent(scores['stop_f1'])}, exact F1 {_percent(scores['exact_f1'])}",
            quiet=quiet,
        )


def _train_tokens(
    path: Path,
    folder: Path | None,
    seed: int | None,
    output: Path,
    quiet: bool,
    common: dict[str, Any],
) -> None:
    from dnatag.formats.io.writing import refuse_overwriting
    from dnatag.tasks.tagging.recipe import read_recipe
    from dnatag.tasks.tagging.train import Data, train

    recipe = read_recipe(path, folder)
    if recipe.training.join:
        refuse_overwriting([output], [recipe.folder / recipe.training.join])
    if seed is not None:
        recipe = replace(recipe, training=replace(recipe.training, seed=seed))
    data = Data(recipe)
    note(data.summary(), quiet=quiet)
    with _reporting(quiet) as observer:
        about = train(recipe, data, output, observer=observer, **common)
    for split, scores in about.get("scores", {}).items():
        text = ", ".join(f"{name} {_percent(value)}" for name, value in scores.items())
        note(f"{output}: {split}: {text}", quiet=quiet)


@contextmanager
def _reporting(quiet: bool) -> Iterator[Observer]:
    """Show the steps of a run: a bar, and a line for each validation."""
    with progress(unit="steps", quiet=quiet) as bar:
        yield _Steps(bar, quiet)


class _Steps(Observer):
    def __init__(self, bar: tqdm, quiet: bool) -> None:
        self.bar = bar
        self.quiet = quiet

    def step(self, progress: Progress) -> None:
        self.bar.total = progress.steps
        self.bar.set_postfix_str(f"loss {progress.loss:.5f}", refresh=False)
        self.bar.update(progress.step - self.bar.n)
        if progress.validation_loss is not None:
            self.bar.clear()
            metric = "" if progress.metric is None else f", metric {progress.metric:.5f}"
            note(
                f"step {progress.step} of {progress.steps}, loss {progress.loss:.5f}, "
                f"validation loss {progress.validation_loss:.5f}{metric}",
                quiet=self.quiet,
            )


def _plan(
    recipe: Path | None,
    genomes: tuple[Path, ...],
    annotations: tuple[Path, ...],
    genetic_code: str | None,
    folder: Path | None,
) -> Recipe:
    from dnatag.domains.genes.training.recipe import read_recipe, recipe_of_files

    if recipe is not None:
        return read_recipe(recipe, folder)
    if not genomes:
        raise click.UsageError("nothing to train on: name a recipe, or a --genome.")
    if folder is not None:
        raise click.UsageError("--folder is for recipes.")
    return recipe_of_files(genomes, annotations, genetic_code)


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.2f}"

"""Recipes: which genomes to train on, and how.

A recipe is a TOML file with a table of genomes beside it::

    table = "mine.tsv"              # the genomes, see GenomeEntry
    folder = "genomes"              # where their files are; by default beside the recipe
    licence = "MIT"                 # of the model
    card = "# My model"             # Markdown; what it is and what it is good for

    [model]                         # see Network
    hidden = 96

    [training]                      # see Training
    steps = 3600

Everything but ``table`` may be left out. The table is a TSV with a header; its columns are the
fields of :class:`GenomeEntry`, of which only ``genome`` is needed.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from dnatag.errors import InputError
from dnatag.formats.io.reading import open_text
from dnatag.formats.registry import recognise
from dnatag.formats.toml import check_keys, read_toml, settings

__all__ = ["GenomeEntry", "Network", "Recipe", "Training", "read_recipe", "recipe_of_files"]

#: What columns of the table may say; of each the first is the default.
CHOICES = {"split": ("train", "validate"), "starts": ("trusted", "open")}
DEFAULT_LICENCE = "not stated"
#: Least and largest of the settings that may be 0 or must not be above 1.
LIMITS = {
    "dropout": (0, 1),
    "unadapted": (0, 1),
    "weight_decay": (0, 1e9),
    "seed": (0, 1e9),
    "warmup": (0, 1e9),
}


@dataclass(frozen=True)
class GenomeEntry:
    """A genome of a recipe.

    Parameters
    ----------
    genome : Path
        FASTA, or GenBank or EMBL with its annotation.
    annotation : Path or None
        GFF3, GTF, GenBank or EMBL of a FASTA file.
    split : str
        ``train`` or ``validate``.
    genetic_code : str or None
        As for :meth:`dnatag.domains.genes.codes.GeneticCode.parse`; None: what the annotation
        says, or 11.
    weight : float or None
        How often windows are drawn from it, relative to others; None: the root of its size.
    seed : int or None
        Of the genes that it adapts to; None: its number in the table, from 0.
    starts : str
        ``trusted``, or ``open`` if gene starts are not to be learnt from its annotation.
    organism, accessions : str
        For the model's card.
    """

    genome: Path
    annotation: Path | None = None
    split: str = "train"
    genetic_code: str | None = None
    weight: float | None = None
    seed: int | None = None
    starts: str = "trusted"
    organism: str = ""
    accessions: str = ""


@dataclass(frozen=True)
class Network:
    """Size of the network.

    Parameters
    ----------
    hidden, layers : int
        Of the BiLSTM.
    embedding : int
        Length of the hexamer vectors.
    dropout : float
        Variational dropout while training.
    """

    hidden: int = 96
    embedding: int = 24
    layers: int = 1
    dropout: float = 0.0


@dataclass(frozen=True)
class Training:
    """How to train; what is None is chosen by the amount of data.

    Parameters
    ----------
    steps : int or None
        Steps of the optimizer.
    batch, window : int
        Windows of a step, and their bases (a multiple of 3).
    learning_rate : float or None
        Highest learning rate.
    weight_decay, clip : float
        Of AdamW, and the largest norm of the gradient.
    warmup, validate_every : int or None
        Steps of the warm-up, and between validations.
    patience : int
        Validations without a better loss until training stops.
    unadapted : float
        Share of windows of which the network sees nothing of the genome's other genes.
    validation_batches : int or None
        Batches of 64 windows to validate on.
    seed : int
        Of all random choices.
    """

    steps: int | None = None
    batch: int = 32
    window: int = 2304
    learning_rate: float | None = None
    weight_decay: float = 0.01
    clip: float = 1.0
    warmup: int | None = None
    validate_every: int | None = None
    patience: int = 8
    unadapted: float = 0.33
    validation_batches: int | None = None
    seed: int = 1


@dataclass(frozen=True)
class Recipe:
    """What to train on, and how.

    Parameters
    ----------
    genomes : tuple of GenomeEntry
        At least one to train on. Without one to validate on, a tenth of each is held out.
    network : Network or None
        None: the default, or that of the model to start from.
    training : Training
        The schedule.
    licence, card : str
        Of the model.
    """

    genomes: tuple[GenomeEntry, ...]
    network: Network | None = None
    training: Training = field(default_factory=Training)
    licence: str = DEFAULT_LICENCE
    card: str = ""


def read_recipe(
    path: str | os.PathLike[str], folder: str | os.PathLike[str] | None = None
) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    path
        A TOML file.
    folder
        Where the genomes are, in place of the recipe's ``folder``.

    Raises
    ------
    InputError
        Naming file and key, or line and column, if something is unknown, missing or of a wrong
        type, or a genome's file does not exist.
    """
    path = Path(path)
    content = read_toml(path)
    known = {
        "table": str,
        "folder": str,
        "licence": str,
        "card": str,
        "model": dict,
        "training": dict,
        "domain": str,
    }
    check_keys(content, known, str(path))
    if "table" not in content:
        raise InputError(f"{path}: the key 'table' is missing: the TSV file with the genomes")
    where = Path(folder) if folder is not None else path.parent / content.get("folder", "")
    return Recipe(
        genomes=_read_table(path.parent / content["table"], where),
        network=settings(Network, content["model"], f"{path}: [model]", LIMITS)
        if "model" in content
        else None,
        training=_check(
            settings(Training, content.get("training", {}), f"{path}: [training]", LIMITS), path
        ),
        licence=content.get("licence", DEFAULT_LICENCE),
        card=content.get("card", ""),
    )


def recipe_of_files(
    genomes: Sequence[Path], annotations: Sequence[Path], genetic_code: str | None = None
) -> Recipe:
    """Make a recipe of files: all genomes to train on, with the default settings.

    Parameters
    ----------
    genomes
        FASTA files, and GenBank or EMBL files with their annotation.
    annotations
        One for each FASTA file, in their order.
    genetic_code
        Of all genomes, see :class:`GenomeEntry`.

    Raises
    ------
    InputError
        If the numbers do not agree or a file is none of these.
    """
    entries, left = [], list(annotations)
    for genome in genomes:
        stream, format = recognise(
            genome, ("fasta", "genbank", "embl"), "a genome is FASTA, GenBank or EMBL"
        )
        stream.close()
        if format.name != "fasta":
            entries.append(GenomeEntry(genome, None, genetic_code=genetic_code))
        elif not left:
            raise InputError(
                f"{genome}: has no annotation; give one --annotation for each --genome in FASTA, "
                "in the same order"
            )
        else:
            entries.append(GenomeEntry(genome, left.pop(0), genetic_code=genetic_code))
    if left:
        raise InputError(
            f"{left[0]}: there is no --genome in FASTA that this annotation belongs to"
        )
    return Recipe(tuple(entries))


def _check(training: Training, path: Path) -> Training:
    if training.window % 3 or training.window < 300:
        raise InputError(
            f"{path}: [training]: 'window' must be a multiple of 3 of 300 or more bases, not "
            f"{training.window}"
        )
    return training


def _read_table(path: Path, folder: Path) -> tuple[GenomeEntry, ...]:
    known = [f.name for f in fields(GenomeEntry)]
    with open_text(path) as file:
        # No quoting: names of organisms may hold any character but a tab.
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        columns = rows.fieldnames or []
        if "genome" not in columns:
            raise InputError(f"{path}: the first line must name the columns, one of them 'genome'")
        if unknown := [c for c in columns if c not in known]:
            raise InputError(f"{path}: unknown column '{unknown[0]}'; known are {', '.join(known)}")
        entries = tuple(
            replace(entry, seed=number if entry.seed is None else entry.seed)
            for number, row in enumerate(rows)
            for entry in [_entry(row, folder, f"{path}: line {rows.line_num}")]
        )
    if not any(e.split == "train" for e in entries):
        raise InputError(f"{path}: has no genome to train on")
    return entries


def _entry(row: dict[str, Any], folder: Path, where: str) -> GenomeEntry:
    if None in row or None in row.values():
        raise InputError(f"{where}: has another number of columns than the first line")
    values: dict[str, Any] = {key: text.strip() for key, text in row.items() if text.strip()}
    if "genome" not in values:
        raise InputError(f"{where}: names no genome")
    for key, choices in CHOICES.items():
        if values.get(key, choices[0]) not in choices:
            raise InputError(f"{where}: {key} can be {' or '.join(choices)}, not '{values[key]}'")
    for key, kind in (("weight", float), ("seed", int)):
        if key in values:
            try:
                values[key] = kind(values[key])
            except ValueError:
                raise InputError(f"{where}: '{values[key]}' is no {key}") from None
            if not (1e-9 if key == "weight" else 0) <= values[key] <= 1e9:
                raise InputError(f"{where}: the {key} cannot be {values[key]}")
    for key in ("genome", "annotation"):
        if key in values:
            values[key] = folder / values[key]
            if not values[key].is_file():
                raise InputError(
                    f"{where}: there is no file {values[key]}; name the folder of the genomes "
                    "with --folder"
                )
    return GenomeEntry(**values)

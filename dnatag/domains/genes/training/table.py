"""Tables of annotated genomes, and genomes that are named one by one."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from dnatag.errors import InputError
from dnatag.formats.io.reading import open_text
from dnatag.formats.registry import recognise

__all__ = ["GenomeEntry", "GenomeFiles", "read_table"]

#: What columns of the table may hold; the first is the default of each.
CHOICES = {"split": ("train", "validate"), "starts": ("trusted", "open")}


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
        As for ``--genetic-code``, see :meth:`dnatag.domains.genes.codes.GeneticCode.parse`; by
        default what the annotation states, or 11.
    weight : float or None
        How often windows are drawn from it, relative to others; by default the root of its
        size.
    seed : int or None
        Seed of the choice of genes that it adapts to; by default its number in the table, from 0.
    starts : str
        ``trusted``, or ``open`` if the gene starts of its annotation are not to be trained on.
    organism : str
        Name of the organism, for the model's card.
    accessions : str
        Accessions of the sequences, for the model's card.
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
class GenomeFiles:
    """Genomes that are named one by one, all to train on.

    Parameters
    ----------
    entries : tuple of GenomeEntry
        The genomes.
    """

    entries: tuple[GenomeEntry, ...]

    @classmethod
    def of(
        cls, genomes: Sequence[Path], annotations: Sequence[Path], genetic_code: str | None = None
    ) -> GenomeFiles:
        """Put genomes and their annotations together.

        Parameters
        ----------
        genomes
            FASTA files, and GenBank or EMBL files with their annotation.
        annotations
            One for each FASTA file, in their order.
        genetic_code
            That of all genomes, see :class:`GenomeEntry`.

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
                    f"{genome}: has no annotation; give one --annotation for each --genome in "
                    "FASTA, in the same order"
                )
            else:
                entries.append(GenomeEntry(genome, left.pop(0), genetic_code=genetic_code))
        if left:
            raise InputError(
                f"{left[0]}: there is no --genome in FASTA that this annotation belongs to"
            )
        return cls(tuple(entries))


def read_table(path: Path, folder: Path) -> tuple[GenomeEntry, ...]:
    """Read a table of genomes.

    Parameters
    ----------
    path
        A TSV file; see :class:`dnatag.domains.genes.training.settings.GeneCorpus`.
    folder
        Where the files of the genomes are.

    Raises
    ------
    InputError
        Naming file and line, if something is unknown, missing or of a wrong type, or a genome's
        file does not exist.
    """
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

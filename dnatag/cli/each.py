"""``dnatag predict --each``: many genomes, several at once."""

from __future__ import annotations

import os
import shlex
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import click

from dnatag import __version__
from dnatag.cli.common import note, progress
from dnatag.domains.genes.pipeline import Pipeline
from dnatag.domains.genes.statistics import GenomeStatistics
from dnatag.errors import DnatagError, InputError, visible
from dnatag.formats.io.writing import refuse_overwriting
from dnatag.formats.sequences.fasta import genome_name
from dnatag.formats.sequences.gff_writer import gff_header
from dnatag.report import Observer, counted

__all__ = ["run_each"]

#: How the files of a genome are called, by what is in them.
SUFFIXES = {
    "gff": ".gff3",
    "faa": ".faa",
    "ffn": ".ffn",
    "gbk": ".gbk",
    "bed": ".bed",
    "tsv": ".tsv",
    "labels": ".labels.tsv.gz",
    "adaptation": ".adaptation",
    "report": ".html",
    "summary": "_mqc.json",
}


class _Genome(NamedTuple):
    """A genome to predict: its file, the files to write and the command line in their headers."""

    file: str
    paths: dict[str, str]
    command: str

    def is_finished(self, model: str) -> bool:
        """Whether all files are there, newer than the genome, and made by the same command."""
        header = gff_header(__version__, model, self.command).splitlines()
        try:
            oldest = min(os.stat(path).st_mtime_ns for path in self.paths.values())
            if oldest < os.stat(self.file).st_mtime_ns:
                return False
            with open(self.paths["gff"], encoding="utf-8") as lines:
                found = [next(lines, "") for _ in header]
            return [*map(_deciding, found)] == [*map(_deciding, header)]
        except (OSError, ValueError):
            return False


def _deciding(line: str) -> list[str]:
    """Return the words of a line that decide what is written: no matter how loud, on what threads.

    Raises
    ------
    ValueError
        If a quotation has no end, which is not so in lines of dnatag's own.
    """
    words = iter(shlex.split(line))
    return [
        word
        for word in words
        if word not in ("-q", "--quiet") and not (word == "--threads" and next(words, ""))
    ]


def run_each(
    pipeline: Pipeline,
    files: Sequence[str],
    folders: Mapping[str, str],
    words: Sequence[str],
    at_once: int,
    quiet: bool,
) -> int:
    """Predict each file as a genome of its own, and print a table of what became of them.

    Parameters
    ----------
    pipeline
        What predicts a genome.
    files
        FASTA files.
    folders
        Where to write, by what is written.
    words
        The command line without the files.
    at_once
        How many genomes to predict at the same time.
    quiet
        Whether to print no progress and no notes.

    Returns
    -------
    int
        The exit code: 1 if a genome failed, else 0.

    Raises
    ------
    InputError
        If files would be written over one another, or a folder cannot be made.
    """
    genomes = _plan(files, folders, words)
    model = pipeline.finder.path.stem
    done = [genome for genome in genomes if genome.is_finished(model)]
    rows = {genome.file: ["finished before"] for genome in done}
    left = [genome for genome in genomes if genome.file not in rows]
    stop = threading.Event()
    with progress(len(left), unit=" genomes", quiet=quiet) as bar:

        def predict(genome: _Genome) -> GenomeStatistics:
            observer = _Observer(genome_name(genome.file), quiet, stop)
            return pipeline.run(
                [genome.file], genome.paths, command=genome.command, observer=observer
            )

        pool = ThreadPoolExecutor(at_once)
        try:
            running = {pool.submit(predict, genome): genome.file for genome in left}
            for job in as_completed(running):
                file = running[job]
                rows[file] = _row(job)
                with bar.external_write_mode(sys.stderr):
                    note(f"{genome_name(file)}: {rows[file][0]}", quiet=quiet)
                bar.update()
        finally:
            # After an interrupt, genomes that are being predicted give up soon.
            stop.set()
            pool.shutdown(cancel_futures=True)
    click.echo("genome\tstatus\tcontigs\tbases\tgenes\terror")
    for genome in genomes:
        cells = [*rows[genome.file], "", "", "", ""][:5]
        click.echo("\t".join([visible(genome_name(genome.file)), *cells]))
    failed = sum(row[0] == "failed" for row in rows.values())
    note(
        f"{counted(len(left) - failed, 'genomes')} predicted, {len(done)} finished before, "
        f"{failed} failed",
        quiet=quiet,
    )
    return 1 if failed else 0


class _Observer(Observer):
    """Prints warnings with the name of the genome, and ends its prediction when all are to stop."""

    def __init__(self, name: str, quiet: bool, stop: threading.Event) -> None:
        self._name = name
        self._quiet = quiet
        self._stop = stop

    def note(self, message: str) -> None:
        if message.startswith("warning: "):
            note(f"{self._name}: {message}", quiet=self._quiet)

    def advance(self, amount: int) -> None:
        if self._stop.is_set():
            raise DnatagError("interrupted")


def _plan(files: Sequence[str], folders: Mapping[str, str], words: Sequence[str]) -> list[_Genome]:
    """Name all files to write, and make their folders."""
    if "-" in (*files, *folders.values()):
        raise InputError("--each reads files, not standard input, and writes to folders: add -o")
    seen: dict[str, str] = {}
    genomes: list[_Genome] = []
    for file in files:
        name = genome_name(file)
        if name in seen:
            raise InputError(
                f"{file}: its results would be called like those of {seen[name]}; rename one"
            )
        seen[name] = file
        paths = {kind: os.path.join(at, name + SUFFIXES[kind]) for kind, at in folders.items()}
        genomes.append(_Genome(file, paths, shlex.join(["dnatag", *words, file])))
    refuse_overwriting([path for genome in genomes for path in genome.paths.values()], files)
    for folder in {*folders.values()}:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot make the folder: {error.strerror}") from None
    return genomes


def _row(job: Future[GenomeStatistics]) -> list[str]:
    """Return the status of a genome, its numbers and its error."""
    match job.exception():
        case None:
            found = job.result()
            return ["predicted", str(found.contigs), str(found.bases), str(found.genes)]
        case DnatagError() as error:
            reason = str(error)
        case error:
            reason = f"unexpected {type(error).__name__}: {error}"
    return ["failed", "", "", "", visible(" ".join(reason.split()))]

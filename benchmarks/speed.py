"""Measure how long dnatag takes and how much memory, beside Pyrodigal, and where the time goes.

Every run is a process of its own, from the FASTA file to GFF3; the tools run in turns. Medians of
wall-clock and CPU seconds are printed, and the highest peak of memory. On a machine that does
other work at the same time only the CPU seconds mean anything.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from contigs import cut
from genes import PYTHON, Genome, genomes_of, line
from installation import describe, install, sizes

from dnatag.formats.sequences.fasta import read_fasta, write_fasta
from dnatag.formats.sequences.records import Contig

#: Compiled modules are kept, as they are where packages are installed.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
COLUMNS = ("input", "Mbp", "tool", "threads", "s", "CPU s", "Mbp/s", "peak MiB", "x s", "x CPU s")


@dataclass
class Tool:
    """A command, and what its runs took."""

    name: str
    threads: int
    command: list[str]
    once: bool = False
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: float = 0.0

    def run(self) -> None:
        """Run it once more."""
        begin = time.perf_counter()
        process = subprocess.Popen(self.command, env=ENVIRONMENT)
        _, status, usage = os.wait4(process.pid, 0)
        self.seconds.append(time.perf_counter() - begin)
        self.cpu.append(usage.ru_utime + usage.ru_stime)
        unit = 2**20 if sys.platform == "darwin" else 2**10
        self.memory = max(self.memory, usage.ru_maxrss / unit)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"exit code {process.returncode}: {' '.join(self.command)}")


@dataclass
class Case:
    """An input, and the tools that read it; the others are compared to the last."""

    name: str
    fasta: Path
    bases: int
    tools: list[Tool]

    def rows(self, repeat: int) -> list[list[str]]:
        """Run the tools in turns, and return the rows of the table."""
        for turn in range(repeat):
            for tool in self.tools:
                if not (turn and tool.once):
                    tool.run()
        last = self.tools[-1]
        rows = []
        for tool in self.tools:
            seconds, cpu = statistics.median(tool.seconds), statistics.median(tool.cpu)
            rows.append(
                [
                    self.name,
                    f"{self.bases / 1e6:.2f}",
                    tool.name,
                    str(tool.threads),
                    f"{seconds:.2f}",
                    f"{cpu:.2f}",
                    f"{self.bases / seconds / 1e6:.2f}",
                    f"{tool.memory:.0f}",
                    f"{seconds / statistics.median(last.seconds):.2f}",
                    f"{cpu / statistics.median(last.cpu):.2f}",
                ]
            )
        return rows


def dnatag(fasta: Path, threads: int, model: str | None, python: str = PYTHON) -> Tool:
    """Return the command of dnatag."""
    command = [python, "-m", "dnatag", "predict", str(fasta), "-o", os.devnull, "-q"]
    command += ["--threads", str(threads), *(["--model", model] if model else [])]
    return Tool("dnatag", threads, command)


def pyrodigal(fasta: Path, threads: int, mode: str, python: str) -> Tool:
    """Return the command of Pyrodigal."""
    command = [python, "-m", "pyrodigal", "-i", str(fasta), "-p", mode, "-f", "gff"]
    command += ["-o", os.devnull, "-j", str(threads)]
    return Tool(f"Pyrodigal {mode}", threads, command)


def stretches(
    genomes: Sequence[Sequence[Contig]], lengths: Sequence[int], rng: np.random.Generator
) -> list[bytes]:
    """Draw a stretch of each length, each of a genome drawn by chance."""
    drawn = []
    for length, number in zip(lengths, rng.integers(len(genomes), size=len(lengths)), strict=True):
        ((replicon, low),) = cut(genomes[number], int(length), 1, rng)
        drawn.append(replicon.sequence[low : low + int(length)])
    return drawn


def write(fasta: Path, sequences: Sequence[bytes]) -> int:
    """Write contigs; return their bases."""
    with open(fasta, "w", encoding="ascii") as handle:
        for number, sequence in enumerate(sequences, 1):
            write_fasta(handle, f"contig_{number}", "", sequence)
    return sum(map(len, sequences))


def cases(genomes: Sequence[Genome], folder: Path, options: argparse.Namespace) -> list[Case]:
    """Return the inputs that the options name."""
    first = genomes[0]
    replicons = [list(read_fasta(genome.fasta)) for genome in genomes]
    rng = np.random.default_rng(0)
    fasta = {name: folder / f"{name}.fna" for name in ("plasmid", "metagenome", "short", "long")}

    def ours(path: Path, threads: int, python: str = PYTHON) -> Tool:
        return dnatag(path, threads, options.model, python)

    def peer(path: Path, threads: int, mode: str) -> Tool:
        return pyrodigal(path, threads, mode, options.pyrodigal)

    def genome() -> Case:
        tools = [ours(first.fasta, 1), ours(first.fasta, 2), peer(first.fasta, 1, "single")]
        return Case(first.name, first.fasta, first.bases(), tools)

    def plasmid() -> Case:
        path = fasta["plasmid"]
        bases = write(path, stretches(replicons[:1], [10_000], rng))
        return Case("10 kb", path, bases, [ours(path, 1), peer(path, 1, "meta")])

    def metagenome() -> Case:
        path = fasta["metagenome"]
        bases = write(path, stretches(replicons, [20_000] * 660, rng))
        return Case("660 contigs", path, bases, [ours(path, 2), peer(path, 2, "meta")])

    def short() -> Case:
        path = fasta["short"]
        bases = write(path, stretches(replicons, rng.integers(200, 1001, size=100_000), rng))
        return Case("100,000 contigs", path, bases, [ours(path, 2)])

    def installation() -> Case:
        path, environment = fasta["plasmid"], folder / "environment"
        bases = write(path, stretches(replicons[:1], [10_000], np.random.default_rng(0)))
        python = str(install(environment))
        print(f"{describe(sizes(environment))}\n", flush=True)
        first = replace(ours(path, 1, python), name="dnatag, first run", once=True)
        return Case("10 kb, installed", path, bases, [first, ours(path, 1, python)])

    def long() -> Case:
        path, size = fasta["long"], options.long * 1_000_000
        whole = b"".join(contig.sequence for contigs in replicons for contig in contigs)
        bases = write(path, [(whole * (size // len(whole) + 1))[:size]])
        return Case("a contig", path, bases, [ours(path, 2)])

    makers: dict[str, Callable[[], Case]] = {
        "genome": genome, "plasmid": plasmid, "metagenome": metagenome, "short": short,
        "install": installation, "long": long,
    }  # fmt: skip
    return [makers[name]() for name in options.case or list(makers)[:-2]]


#: Runs dnatag under a profiler that counts CPU seconds, with the work of its threads in line.
PROFILE = """
import concurrent.futures as futures, cProfile, pstats, sys, time

class InLine(futures.Executor):
    def __init__(self, *_): pass
    def map(self, function, *items, **_): return map(function, *items)
    def submit(self, function, *items):
        done = futures.Future()
        done.set_result(function(*items))
        return done

futures.ThreadPoolExecutor = InLine
from dnatag.cli import main

profile = cProfile.Profile(time.process_time)
profile.enable()
try:
    main(sys.argv[1:])
except SystemExit:
    profile.disable()
stats = pstats.Stats(profile)
stats.sort_stats("tottime").print_stats(25)
stats.sort_stats("cumulative").print_stats("dnatag", 40)
"""


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("genomes", type=Path, nargs="+", help="TOML files, like genomes.toml here")
    parser.add_argument("--data", type=Path, help="where its paths begin (default: where it is)")
    parser.add_argument("--name", action="append", help="only this genome (may be repeated)")
    parser.add_argument(
        "--case",
        action="append",
        choices=("genome", "plasmid", "metagenome", "short", "install", "long"),
        help="only this input (may be repeated; default: all but install and long)",
    )
    parser.add_argument(
        "--long", type=int, default=250, metavar="MBP", help="length of the contig of --case long"
    )
    parser.add_argument("--model", help="model of dnatag (default: the one that ships)")
    parser.add_argument("--repeat", type=int, default=5, help="medians of so many runs")
    parser.add_argument("--pyrodigal", default=PYTHON, help="the Python that has Pyrodigal")
    parser.add_argument("--profile", action="store_true", help="print where dnatag's time goes")
    options = parser.parse_args()
    genomes = genomes_of(options)
    with tempfile.TemporaryDirectory() as temporary:
        chosen = cases(genomes, Path(temporary), options)
        if options.profile:
            for case in chosen:
                words = case.tools[0].command[3:]
                subprocess.run([PYTHON, "-c", PROFILE, *words], check=True)
            return
        print(line(COLUMNS))
        print(line(["---", "---:", "---", *["---:"] * (len(COLUMNS) - 3)]))
        for case in chosen:
            for row in case.rows(options.repeat):
                print(line(row), flush=True)


if __name__ == "__main__":
    main()

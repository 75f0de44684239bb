"""Run dnatag and Pyrodigal side by side and print what they find, how fast, and in what memory.

Every tool runs as a process of its own, from reading the FASTA file to writing GFF3, one after
the other. Accuracy is what ``dnatag evaluate`` prints, and the F1 by stop and the exact F1 are
counted once more by ``recount.py``, which shares no code with dnatag; the two must agree.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from recount import recount

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYTHON = sys.executable
#: What the ratio of speeds refers to.
YARDSTICK = "Pyrodigal single"
COLUMNS = (
    "genome",
    "predicted by",
    "genes",
    "stop F1",
    "exact F1",
    "base F1",
    "verified starts %",
    "s",
    "Mbp/s",
    f"x {YARDSTICK}",
    "peak MiB",
)


@dataclass
class Genome:
    """What to predict on and to compare with; see ``genomes.toml``."""

    name: str
    fasta: Path
    reference: Path
    verified: Path | None = None
    genetic_code: int = 11
    starts: str = "trusted"
    predictions: list[Path] = field(default_factory=list)

    @classmethod
    def of(cls, entry: dict, root: Path) -> Genome:
        """Resolve the paths of an entry."""
        genome = cls(
            name=entry["name"],
            fasta=root / entry["fasta"],
            reference=root / entry["reference"],
            verified=root / entry["verified"] if "verified" in entry else None,
            genetic_code=entry.get("genetic_code", 11),
            starts=entry.get("starts", "trusted"),
            predictions=sorted(p for g in entry.get("predictions", []) for p in root.glob(g)),
        )
        for path in (genome.fasta, genome.reference, genome.verified):
            if path is not None and not path.is_file():
                sys.exit(f"{genome.name}: no file {path}")
        return genome

    def bases(self) -> int:
        """Length of the genome."""
        opened = gzip.open if self.fasta.suffix == ".gz" else open
        with opened(self.fasta, "rt") as lines:
            return sum(len(line.strip()) for line in lines if not line.startswith(">"))


@dataclass
class Run:
    """A prediction, and what it took: seconds of wall-clock time and MiB; None if published."""

    name: str
    path: Path
    seconds: float | None = None
    memory: float | None = None


def measure(name: str, command: list[str], output: Path, repeat: int) -> Run:
    """Run a command a few times: its shortest time and its highest memory."""
    seconds, memory = [], []
    for _ in range(repeat):
        begin = time.perf_counter()
        process = subprocess.Popen(command)
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - begin)
        memory.append(usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10))
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"exit code {process.returncode}: {' '.join(command)}")
    return Run(name, output, min(seconds), max(memory))


def predict(genome: Genome, folder: Path, options: argparse.Namespace) -> list[Run]:
    """Run all tools on a genome."""
    folder.mkdir(parents=True, exist_ok=True)
    outputs = {name: folder / f"{name}.gff" for name in ("dnatag", "single", "meta")}
    fasta = str(genome.fasta)
    model = ["--model", options.model] if options.model else []
    dnatag = [PYTHON, "-m", "dnatag", "predict", fasta, "-o", str(outputs["dnatag"]), "-q"]
    dnatag += ["--threads", str(options.threads), *model]
    runs = [measure("dnatag", dnatag, outputs["dnatag"], options.repeat)]
    for mode in ("single", "meta"):
        command = [PYTHON, "-m", "pyrodigal", "-i", fasta, "-p", mode]
        command += ["-f", "gff", "-o", str(outputs[mode]), "-j", str(options.threads)]
        runs.append(measure(f"Pyrodigal {mode}", command, outputs[mode], options.repeat))
    return runs


def evaluate(genome: Genome, reference: Path, runs: list[Run], *options: str) -> list[dict]:
    """Scores of ``dnatag evaluate`` for each run."""
    command = [PYTHON, "-m", "dnatag", "evaluate", str(reference), *(str(r.path) for r in runs)]
    command += ["--genome", str(genome.fasta), "--json", "-", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return list(json.loads(done.stdout)["predictions"].values())


def check(genome: Genome, run: Run, scores: dict) -> None:
    """Count again by other code."""
    counted = recount(genome.reference, run.path)
    evaluated = {
        "reference": scores["stop"]["reference"],
        "predicted": scores["stop"]["predicted"],
        "found": scores["stop"]["found"],
        "exact": scores["exact"]["found"],
    }
    if counted != evaluated:
        sys.exit(f"{genome.name}, {run.name}: recount {counted}, dnatag evaluate {evaluated}")


def table(genome: Genome, runs: list[Run]) -> list[list[str]]:
    """Rows of the result, one for each run."""
    scores = evaluate(genome, genome.reference, runs)
    verified: list[dict | None] = [None] * len(runs)
    if genome.verified is not None:
        verified = [*evaluate(genome, genome.verified, runs, "--verified")]
    bases = genome.bases()
    yardstick = next(run.seconds for run in runs if run.name == YARDSTICK)
    rows = []
    for run, score, starts in zip(runs, scores, verified, strict=True):
        check(genome, run, score)
        rows.append(
            [
                genome.name,
                run.name,
                str(score["stop"]["predicted"]),
                *(f"{100 * score[kind]['f1']:.2f}" for kind in ("stop", "exact", "base")),
                f"{100 * starts['starts_among_found']:.2f}" if starts else "",
                *(
                    ("", "", "", "")
                    if run.seconds is None
                    else (
                        f"{run.seconds:.2f}",
                        f"{bases / run.seconds / 1e6:.2f}",
                        f"{yardstick / run.seconds:.2f}",
                        f"{run.memory:.0f}",
                    )
                ),
            ]
        )
    return rows


def line(cells: list[str] | tuple[str, ...]) -> str:
    """Row of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def genomes_of(options: argparse.Namespace) -> list[Genome]:
    """Read the entries that the options name: genomes (files), data and name."""
    genomes = []
    for path in options.genomes:
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["genome"]:
            if not options.name or entry["name"] in options.name:
                genomes.append(Genome.of(entry, options.data or path.parent))
    if not genomes:
        sys.exit(f"no genome of the name {' or '.join(options.name or [])}")
    return genomes


def about(options: argparse.Namespace) -> str:
    """Say which tools run, where, and how."""
    ours = subprocess.run([PYTHON, "-m", "dnatag", "--version"], capture_output=True, text=True)
    return (
        f"{ours.stdout.strip()}, Pyrodigal {version('pyrodigal')}, Python "
        f"{platform.python_version()}, {platform.system()} {platform.machine()}; threads: "
        f"{options.threads} of {os.cpu_count()}; best of {options.repeat}"
    )


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("genomes", type=Path, nargs="+", help="TOML files, like genomes.toml here")
    parser.add_argument("--data", type=Path, help="where its paths begin (default: where it is)")
    parser.add_argument("--name", action="append", help="only this genome (may be repeated)")
    parser.add_argument("--model", help="model of dnatag (default: the one that ships)")
    parser.add_argument("--threads", type=int, default=1, help="for each tool (default: 1)")
    parser.add_argument("--repeat", type=int, default=1, help="take the best of so many runs")
    parser.add_argument("--keep", type=Path, help="directory for the predictions")
    options = parser.parse_args()
    genomes = genomes_of(options)

    print(f"{about(options)}\n")
    print(line(COLUMNS))
    print(line(["---", "---", *["---:"] * (len(COLUMNS) - 2)]))
    with tempfile.TemporaryDirectory() as temporary:
        for genome in genomes:
            folder = (options.keep or Path(temporary)) / genome.name.replace(" ", "_")
            runs = predict(genome, folder, options)
            runs += [Run(p.name.partition(".")[0], p) for p in genome.predictions]
            for row in table(genome, runs):
                print(line(row), flush=True)


if __name__ == "__main__":
    main()

"""What damaged input, kills, full disks and bombs do to dnatag; prints a table in Markdown.

    python benchmarks/robustness.py --inputs 10000 --kills 100 -o benchmarks/results/robustness.md

Inputs are damaged by bytes flipped, cut, spliced, doubled and swapped, all from a seed, so that
each can be made again (``--only N --keep DIR``). Every column of harm should say 0.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mutations import HARMS, draw_cases, harms
from seeds import PLAIN, every_case, make_genome, make_recipe
from seeds import run

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
DNATAG = [sys.executable, "-m", "dnatag"]


# Damaged inputs --------------------------------------------------------------------------------


def work(numbers: range, inputs: int, seed: int, folder: Path) -> None:
    """Try damaged inputs, and print what came of each; for a process of its own."""
    cases = every_case(folder)
    here = folder / "case"
    for n, case, other, rng in draw_cases(cases, inputs, seed):
        if n not in numbers:
            continue
        here.mkdir()
        output = here / "out"
        damaged = case.write(here, other, rng)
        print(json.dumps([n, case.name]), flush=True)
        begin = time.perf_counter()
        ending = run(case.words(here))
        harm = sorted(harms(case, ending, damaged, output))
        print(json.dumps([n, case.name, ending.code, harm, time.perf_counter() - begin,
                          ending.stderr[-300:] if harm else ""]), flush=True)  # fmt: skip
        subprocess.run(["rm", "-rf", here], check=True)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(["memory", round(most)]), flush=True)


def try_inputs(inputs: int, seed: int, environment: dict[str, str]) -> Iterator[list[object]]:
    """Yield what came of each damaged input; processes that die are started anew."""
    first = 0
    while first < inputs:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--work", f"{first}:{inputs}", "--keep", folder,
                       "--inputs", str(inputs), "--seed", str(seed)]  # fmt: skip
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            with subprocess.Popen(command, text=True, env=environment, **pipes) as process:
                running: list[object] = []
                assert process.stdout is not None
                for line in process.stdout:
                    row = json.loads(line)
                    if len(row) > 2:
                        first, running = row[0] + 1, []
                        yield row
                    elif row[0] == "memory":
                        yield row
                    else:
                        running = row
                assert process.stderr is not None
                said = process.stderr.read()
            if process.returncode:
                if not running:
                    raise SystemExit(said)
                first = int(str(running[0])) + 1
                yield [*running, process.returncode, ["process died"], 0.0, said[-2000:]]


def table_of_inputs(rows: list[list[object]]) -> list[str]:
    """Return the table of damaged inputs."""
    header = ["input", "tried", "read", "refused", "longest s", *HARMS]
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    names = sorted({str(row[1]) for row in rows})
    for name in [*names, "all"]:
        own = [row for row in rows if name in (row[1], "all")]
        codes = Counter(row[2] for row in own)
        harm = Counter(h for row in own for h in row[3])
        longest = max(float(str(row[4])) for row in own)
        cells = [name, len(own), codes[0], codes[1] + codes[2], f"{longest:.1f}"]
        cells += [harm[h] for h in HARMS]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


# Kills, disks, bombs ---------------------------------------------------------------------------


def try_kills(kills: int, seed: int, folder: Path) -> list[str]:
    """Kill runs at random moments; their outputs must be the old ones, or the new ones, whole."""
    rng = random.Random(seed)
    make_seeds(folder)
    harm: Counter[str] = Counter()
    genome = folder / "genome.fna"
    jobs = {
        "predict": (["predict", str(genome), "-o", "OUT", *PLAIN], []),
        "train": (["train", str(folder / "recipe.toml"), "-o", "OUT", "--device", "cpu", "-q",
                   "--threads", "1"], ["--resume"]),
    }  # fmt: skip
    for name, (words, again) in jobs.items():
        output = folder / f"out.{name}"
        command = [*DNATAG, *(str(output) if word == "OUT" else word for word in words)]
        begin = time.perf_counter()
        subprocess.run(command, check=True)
        whole, took = output.read_bytes(), time.perf_counter() - begin
        for number in range(kills // 2):
            old = rng.choice((None, whole))
            output.unlink(missing_ok=True)
            if old is not None:
                output.write_bytes(old)
            how = (signal.SIGKILL, signal.SIGTERM)[number % 2]
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                time.sleep(rng.uniform(0, took))
                process.send_signal(how)
            left = output.read_bytes() if output.exists() else None
            if left not in (old, whole):
                harm[f"{name}: half-written"] += 1
            if how == signal.SIGTERM and list(folder.glob(".*.part")):
                harm[f"{name}: unfinished files left"] += 1
            for path in folder.glob(".*.part"):
                path.unlink()
            resumable = again and left is None and (folder / f"out.{name}.run").exists()
            done = subprocess.run([*command, *(again if resumable else [])], capture_output=True)
            if done.returncode and resumable:  # it was killed before there was anything to resume
                subprocess.run(["rm", "-rf", folder / f"out.{name}.run"], check=True)
                done = subprocess.run(command, capture_output=True)
            if done.returncode or not _same(output.read_bytes(), whole):
                harm[f"{name}: another result afterwards"] += 1
    number = kills // 2 * 2
    return [f"- {number} runs of `predict` and `train` killed at random moments: {_counted(harm)}."]


def _same(left: bytes, right: bytes) -> bool:
    """Whether files hold the same, but for the day of training in a model."""
    import re

    return re.sub(rb"\d{4}-\d\d-\d\d", b"", left) == re.sub(rb"\d{4}-\d\d-\d\d", b"", right)


def try_ends(folder: Path) -> list[str]:
    """Try full disks, closed pipes and streams that break off."""
    make_seeds(folder)
    harm: Counter[str] = Counter()
    genome = str(folder / "genome.fna")
    kinds = ("-o", "--faa", "--gbk", "--bed", "--tsv", "--labels", "--report", "--summary")
    for option in kinds:
        out = [] if option == "-o" else ["-o", str(folder / "ends.gff3")]
        done = subprocess.run([*DNATAG, "predict", genome, *out, option, "/dev/full", *PLAIN],
                              capture_output=True, text=True)  # fmt: skip
        if done.returncode != 1 or "No space left" not in done.stderr:
            harm[f"full disk, {option}"] += 1
        if (folder / "ends.gff3").exists():
            harm[f"full disk, {option}: another output is there"] += 1
    for words in (["predict", genome, *PLAIN], ["prodigal", "-i", genome, "-q", "-p", "meta"]):
        with subprocess.Popen(
            [*DNATAG, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as run_:
            assert run_.stdout is not None
            run_.stdout.close()
            assert run_.stderr is not None
            said = run_.stderr.read()
        if run_.returncode != 141 or said:
            harm[f"closed pipe, {words[0]}"] += 1
    packed = gzip.compress(Path(genome).read_bytes())
    for size in range(0, len(packed), max(len(packed) // 12, 1)):
        done = subprocess.run(
            [*DNATAG, "predict", "-", *PLAIN], input=packed[:size], capture_output=True
        )
        if done.returncode != 2 or done.stdout or done.stderr.count(b"\n") != 1:
            harm["stream that breaks off"] += 1
    return [
        f"- {len(kinds)} full disks, 2 closed pipes, 13 streams that break off: {_counted(harm)}."
    ]


def try_sameness(folder: Path) -> list[str]:
    """Predict with other numbers of threads, orders of contigs and sizes of batches."""
    from dnatag.domains.genes.decoding.settings import DecodingSettings
    from dnatag.domains.genes.finder import GeneFinder
    from dnatag.formats.sequences.fasta import read_fasta
    from dnatag.formats.sequences.records import Contig

    (genome,) = read_fasta(ROOT / "examples" / "buchnera.fna.gz")
    sequence = genome.sequence
    pieces = [Contig(f"c{i}", sequence[i : i + 17_000]) for i in range(0, 200_000, 20_000)]

    def genes(order: list[Contig], **settings: object) -> dict[str, object]:
        return {p.contig.id: p.genes for p in GeneFinder(device="cpu", **settings).predict(order)}

    usual = genes(pieces)
    others = {
        "threads": genes(pieces, threads=3),
        "order": genes(pieces[::-1]),
        "batches": genes(pieces, decoding=DecodingSettings(group=60_000)),
    }
    harm = Counter(what for what, found in others.items() if found != usual)
    return [f"- The same genes for any number of threads, order of contigs, size of batches: "
            f"{_counted(harm)}."]  # fmt: skip


def try_bombs(folder: Path) -> list[str]:
    """Try bombs, long lines and lying headers; memory is bounded."""
    member = gzip.compress(b"N" * (1 << 26), 9)
    tag = ("tag", "--model", "biomedical", "BOMB")
    genome = str(folder / "genome.fna")
    # What is in the file: something, and how often something else. This process must stay small:
    # what it takes counts as taken by those that it starts.
    bombs: dict[str, tuple[bytes, bytes, int, tuple[str, ...]]] = {
        "gzip of 4 GB": (gzip.compress(b">a\n"), member, 64, ("predict", "BOMB")),
        "FASTA header of 300 MB": (b">", b"x" * 1_000_000, 300, ("predict", "BOMB")),
        "text in a line of 300 MB": (b"", b"word " * 200_000, 300, tag),
        "a row of 300 MB in columns": (b"", b"a\t" * 500_000, 300, tag),
        "nested JSON": (b'{"text": ', b"[" * 1_000_000, 3, tag),
        "model with a header of 2^63 bytes": (
            b"\xff" * 7 + b"\x7f{}", b"", 0, ("predict", genome, "--model", "BOMB")),
        "annotation in a line of 300 MB": (
            b"##gff-version 3\n", b"a" * 1_000_000, 300, ("evaluate", "BOMB", "BOMB")),
    }  # fmt: skip
    rows = []
    for name, (first, again, times, words) in bombs.items():
        path = folder / "bomb"
        with open(path, "wb") as file:
            file.write(first)
            for _ in range(times):
                file.write(again)
        begin = time.perf_counter()
        command = [*DNATAG, *(str(path) if word == "BOMB" else word for word in words)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - begin
        code = os.waitstatus_to_exitcode(status)
        rows.append(f"| {name} | {code} | {usage.ru_maxrss / 1024:.0f} | {took:.1f} |")
        path.unlink()
    return ["| bomb | exit code | MB | s |", "|---|---:|---:|---:|", *rows]


def _counted(harm: Counter[str]) -> str:
    return (
        "no harm" if not harm else ", ".join(f"**{n} {what}**" for what, n in sorted(harm.items()))
    )


def main() -> None:
    """Run what is asked for and print the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--sanitize", action="store_true", help="the native core under the sanitizers"
    )
    parser.add_argument("--only", type=int, help="the input of this number, kept in --keep")
    parser.add_argument("--keep", type=Path, help="a folder for it")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    if options.work:
        first, last = map(int, options.work.split(":"))
        work(range(first, last), options.inputs, options.seed, options.keep)
        return
    if options.only is not None:
        options.keep.mkdir(exist_ok=True)
        here = options.keep / "case"
        here.mkdir()
        for n, case, other, rng in draw_cases(
            every_case(options.keep), options.only + 1, options.seed
        ):
            if n == options.only:
                case.write(here, other, rng)
                print(case.name, *DNATAG, *case.words(here))
        return
    environment = dict(os.environ)
    with tempfile.TemporaryDirectory() as copy:
        if options.sanitize:
            from sanitize import sanitized

            environment = sanitized(Path(copy))
        rows = []
        most = 0
        for row in try_inputs(options.inputs, options.seed, environment):
            if row[0] == "memory":
                most = max(most, int(str(row[1])))
                continue
            rows.append(row)
            if row[3]:
                print(*row, file=sys.stderr)
    lines = [f"# Robustness, seed {options.seed}", "",
             f"{len(rows)} damaged inputs{', under the sanitizers' if options.sanitize else ''}; "
             f"the process took {most} MB at most.", "", *table_of_inputs(rows), ""]  # fmt: skip
    if not options.sanitize:
        for try_ in (lambda f: try_kills(options.kills, options.seed, f), try_ends, try_sameness):
            with tempfile.TemporaryDirectory() as folder:
                lines += try_(Path(folder))
        with tempfile.TemporaryDirectory() as folder:
            make_seeds(Path(folder))
            lines += ["", *try_bombs(Path(folder))]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.output is not None:
        options.output.write_text(text)


if __name__ == "__main__":
    main()

"""What damaged input, kills, full disks and bombs do to dnatag; prints a table in Markdown.

    python benchmarks/robustness.py --inputs 10000 --kills 100 -o benchmarks/results/robustness.md

Inputs are damaged by bytes flipped, cut, spliced, doubled and swapped, all from a seed, so that
each can be made again (``--only N --keep DIR``). Every column of harm should say 0.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from disasters import DNATAG, try_bombs, try_ends, try_kills, try_sameness
from mutations import HARMS, draw_cases, harms
from seeds import every_case, run

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))


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
    what = ", under the sanitizers" if options.sanitize else ""
    lines = [f"# Robustness, seed {options.seed}", "",
             f"{len(rows)} damaged inputs{what}; the process took {most} MB at most.", "",
             *table_of_inputs(rows), ""]  # fmt: skip
    if not options.sanitize:
        tries = (partial(try_kills, options.kills, options.seed), try_ends, try_sameness, try_bombs)
        for try_ in tries:
            with tempfile.TemporaryDirectory() as folder:
                lines += try_(Path(folder))
    text = "\n".join(lines) + "\n"
    print(text)
    if options.output is not None:
        options.output.write_text(text)


if __name__ == "__main__":
    main()

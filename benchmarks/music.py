"""Train and measure generators of music on the piano rolls of Boulanger-Lewandowski et al. 2012.

Every run is the command that is printed below its table. Models that are in the folder of the runs
already are not trained again, and interrupted runs go on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from tagging import RECIPES, train

from dnatag.models.file import read_metadata

#: Recipe, file, what is published, and what is to be reached, in nats per step.
DATA = (
    ("jsb", "JSB_Chorales", "LSTM 8.45, LSTM-NADE 6.10, RNN-NADE 5.56", 5.8),
    ("nottingham", "Nottingham", "LSTM 3.29, LSTM-NADE 2.06, RNN-NADE 2.31", 2.4),
)
PARTS = {"train": "traindata", "validate": "validdata", "test": "testdata"}


def write_rolls(data: Path, name: str, folder: Path) -> Path:
    """Write the piano rolls of each part as an archive."""
    folder.mkdir(exist_ok=True, parents=True)
    content = loadmat(data / f"music/piano-roll-mat/{name}.mat")
    for part, key in PARTS.items():
        rolls = {f"p{i}": roll.astype(np.uint8) for i, roll in enumerate(content[key][0])}
        np.savez_compressed(folder / f"{part}.npz", **rolls)
    return folder


def lines(options: argparse.Namespace, pool: ThreadPoolExecutor) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| data | published, nats per step | at most | mean | per note | seeds |"
    yield "|---|---|---|---|---|---|"
    commands = []
    for recipe, name, published, goal in DATA:
        if options.task and recipe not in options.task:
            continue
        folder = write_rolls(options.data, name, options.runs / "data" / recipe)
        paths = [options.runs / f"{recipe}-{seed}.dnatag" for seed in options.seeds]
        jobs = [
            pool.submit(train, RECIPES / f"{recipe}.toml", folder, seed, path)
            for seed, path in zip(options.seeds, paths, strict=True)
        ]
        own = [job.result() for job in jobs]
        commands.append(own[0])
        scores = [read_metadata(path)["scores"]["test"] for path in paths]
        steps, notes = ([s[key] for s in scores] for key in ("step_nats", "note_nats"))
        each = ", ".join(f"{x:.3f}" for x in steps)
        yield (
            f"| {name} | {published} | {goal} | {np.mean(steps):.3f} | {np.mean(notes):.3f} "
            f"| {each} |"
        )
    yield ""
    yield from (f"    {command}" for command in commands)


def main() -> None:
    """Run what is asked for, and print it in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with music, …")
    parser.add_argument("--runs", type=Path, required=True, help="where the models are kept")
    parser.add_argument("--task", action="append", help="only this one: jsb, nottingham")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, a thread each")
    options = parser.parse_args()
    options.runs.mkdir(exist_ok=True, parents=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        print("\n".join(lines(options, pool)), flush=True)


if __name__ == "__main__":
    main()

"""Train and measure taggers of frames of videos, several seeds each, by cross-validation.

Every run is the command that is printed below its table. Models that are in the folder of the runs
already are not trained again, and interrupted runs go on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tagging import RECIPES, train

from dnatag.models.file import read_metadata

MEASURES = ("accuracy", "edit", "f1@10", "f1@25", "f1@50")


@dataclass(frozen=True)
class Data:
    """A recipe, its data, and what it is measured by.

    Parameters
    ----------
    name
        Of the recipe.
    title
        What the table calls it.
    archive
        The file.
    published
        ED-TCN on the same inputs: accuracy, edit score, F1@10, 25 and 50, in percent.
    goal
        Accuracy, edit score and F1@50 to be reached, in percent.
    """

    name: str
    title: str
    archive: str
    published: tuple[float, ...]
    goal: tuple[float, ...]


ALL = (
    Data(
        "50salads", "50 Salads, mid", "video/50salads-scores/50salads_mid_svm_scores.npz",
        (64.3, 50.3, 58.8, 54.9, 43.9), (65.5, 55, 47),
    ),
    Data(
        "gtea", "GTEA", "video/gtea-scores/gtea_svm_scores.npz",
        (63.4, 65.6, 68.6, 62.2, 48.9), (65, 68, 52),
    ),
)  # fmt: skip


def write_folds(data: Data, source: Path, folder: Path) -> list[Path]:
    """Write the videos of each fold; return the folders."""
    arrays = np.load(source / data.archive)
    ends = np.cumsum(arrays["length"])[:-1]
    videos = dict(enumerate(np.split(arrays["score"], ends)))
    labels = np.split(arrays["label"], ends)
    folders = []
    for fold in sorted(set(arrays["test_split"].tolist())):
        own = folder / f"{data.name}-{fold}"
        own.mkdir(exist_ok=True, parents=True)
        np.savez(own / "videos.npz", **{f"v{i}": video for i, video in videos.items()})
        rows = {"train": ["name\tlabels\n"], "test": ["name\tlabels\n"]}
        for i, of_frames in enumerate(labels):
            (own / f"v{i}.txt").write_text("".join(f"{label}\n" for label in of_frames))
            part = "test" if arrays["test_split"][i] == fold else "train"
            rows[part].append(f"v{i}\tv{i}.txt\n")
        for part, lines in rows.items():
            (own / f"{part}.tsv").write_text("".join(lines))
        folders.append(own)
    return folders


def table(options: argparse.Namespace, pool: ThreadPoolExecutor) -> Iterator[str]:
    """Yield the lines of the table; the mean of the folds counts."""
    yield f"| data | | {' | '.join(MEASURES)} |"
    yield "|---" * (2 + len(MEASURES)) + "|"
    commands = []
    for data in ALL:
        if options.task and data.name not in options.task:
            continue
        folders = write_folds(data, options.data, options.runs / "data")
        recipe = options.recipe or RECIPES / f"{data.name}.toml"
        jobs = {
            (seed, folder.name): pool.submit(
                train, recipe, folder, seed, options.runs / f"{folder.name}-{seed}.dnatag"
            )
            for seed in options.seeds
            for folder in folders
        }
        commands.append(next(iter(jobs.values())).result())
        means = []
        for seed in options.seeds:
            rows = []
            for folder in folders:
                jobs[seed, folder.name].result()
                path = options.runs / f"{folder.name}-{seed}.dnatag"
                scores = read_metadata(path)["scores"]["test"]
                rows.append([scores[name] for name in MEASURES])
            means.append(100 * np.mean(rows, 0))
            yield f"| {data.title} | seed {seed} | {' | '.join(f'{x:.1f}' for x in means[-1])} |"
        yield f"| {data.title} | **mean** | {' | '.join(f'{x:.1f}' for x in np.mean(means, 0))} |"
        yield f"| {data.title} | ED-TCN | {' | '.join(map(str, data.published))} |"
        accuracy, edit, f1 = data.goal
        yield f"| {data.title} | at least | {accuracy} | {edit} | | | {f1} |"
    yield ""
    yield from (f"    {command}" for command in commands)


def main() -> None:
    """Run what is asked for, and print it in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with video, …")
    parser.add_argument("--runs", type=Path, required=True, help="where the models are kept")
    parser.add_argument("--task", action="append", help="only this one")
    parser.add_argument("--recipe", type=Path, help="another recipe, to compare")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, a thread each")
    options = parser.parse_args()
    options.runs.mkdir(exist_ok=True, parents=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        print("\n".join(table(options, pool)), flush=True)


if __name__ == "__main__":
    main()

"""Train and measure classifiers of texts and of poses, several seeds each.

Every run is the command that is printed below its table. Models that are in the folder of the runs
already are not trained again, and interrupted runs go on.
"""

from __future__ import annotations

import argparse
import lzma
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from tagging import RECIPES, train

from dnatag.models.file import read_metadata

MR_FOLDS = 10
VECTORS = "vectors/glove-6b-100d-subset/glove.6B.100d.subset.f16.npz"
#: The joints of JHMDB's poses that change places in a mirror: right and left.
SIDES = ((3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14))


@dataclass(frozen=True)
class Task:
    """A recipe, the folders that it is trained in, and what it is measured by.

    Parameters
    ----------
    name
        Of the recipe.
    title
        What the table calls it.
    published
        What networks of this kind reach, in percent.
    goal
        What is to be reached, in percent.
    folders
        Writes the parts of the data and returns their folders; a model is trained in each.
    """

    name: str
    title: str
    published: str
    goal: float
    folders: Callable[[Path, Path], list[Path]]


def as_they_are(data: Path, folder: Path) -> list[Path]:
    """Take the data as they are."""
    return [data]


def movie_reviews(data: Path, folder: Path) -> list[Path]:
    """Write the ten folds of MR; a tenth of each training set is for validation."""
    texts = []
    for label in ("pos", "neg"):
        path = data / f"sentiment/mr/rt-polarity.{label}.xz"
        with lzma.open(path, "rt", encoding="windows-1252") as file:
            texts += [f"__label__{label} {line.strip()}\n" for line in file]
    random.Random(1).shuffle(texts)
    folders = []
    for fold in range(MR_FOLDS):
        own = folder / f"mr-{fold}"
        own.mkdir(exist_ok=True, parents=True)
        rest = [text for i, text in enumerate(texts) if i % MR_FOLDS != fold]
        held = len(rest) // 10
        parts = {"test": texts[fold::MR_FOLDS], "validate": rest[:held], "train": rest[held:]}
        for name, lines in parts.items():
            (own / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
        vectors = own / "vectors.npz"
        if not vectors.exists():
            vectors.symlink_to((data / VECTORS).resolve())
        folders.append(own)
    return folders


def poses(data: Path, folder: Path) -> list[Path]:
    """Write the three splits of JHMDB; clips to train on are mirrored too."""
    arrays = np.load(data / "video/jhmdb-pose/jhmdb_gt_pose_14cls.npz")
    ends = np.cumsum(arrays["length"])
    clips = [joints.reshape(-1, 15, 2) for joints in np.split(arrays["pose"], ends[:-1])]
    folder.mkdir(exist_ok=True, parents=True)
    features = {f"c{i}": joints_to_features(clip) for i, clip in enumerate(clips)}
    features |= {f"m{i}": joints_to_features(mirrored(clip)) for i, clip in enumerate(clips)}
    folders = []
    for split in range(3):
        own = folder / f"jhmdb-{split + 1}"
        own.mkdir(exist_ok=True)
        np.savez(own / "clips.npz", **features)
        rows: dict[str, list[str]] = {"train": ["name\tlabel\n"], "test": ["name\tlabel\n"]}
        for i, label in enumerate(arrays["label"]):
            part = "test" if arrays["split"][i, split] else "train"
            for kind in "cm" if part == "train" else "c":
                rows[part].append(f"{kind}{i}\t{arrays['classes'][label]}\n")
        for part, lines in rows.items():
            (own / f"{part}.tsv").write_text("".join(lines))
        folders.append(own)
    return folders


def mirrored(clip: np.ndarray) -> np.ndarray:
    """Return a clip, (T, 15, 2), as a mirror shows it."""
    order = list(range(15))
    for one, other in SIDES:
        order[one], order[other] = other, one
    return clip[:, order] * [-1, 1]


def joints_to_features(clip: np.ndarray) -> np.ndarray:
    """Return places of joints, relative to the middle of the body, and the distances of all pairs.

    Both are in units of the clip's mean distance.
    """
    pairs = list(combinations(range(clip.shape[1]), 2))
    distances = np.stack([np.linalg.norm(clip[:, i] - clip[:, j], axis=1) for i, j in pairs], 1)
    middle = clip.mean(1, keepdims=True)
    places = (clip - middle).reshape(len(clip), -1)
    unit = distances.mean() or 1.0
    path = (middle[:, 0] - middle[0]) / unit
    return np.concatenate([places / unit, distances / unit, path], 1).astype(np.float32)


TASKS = (
    Task("sst2", "SST-2, test", "BiLSTM 87.5 (300d)", 87.5, as_they_are),
    Task("sst5", "SST-5, test", "BiLSTM 49.1 (300d)", 49.0, as_they_are),
    Task("mr", "MR, mean of 10 folds", "BLSTM 80.0", 80.5, movie_reviews),
    Task("jhmdb", "JHMDB poses, mean of 3 splits", "DD-Net 77.2", 80.0, poses),
)


def lines(options: argparse.Namespace, pool: ThreadPoolExecutor) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| task | published | at least | accuracy | calibration error | seeds |"
    yield "|---|---|---|---|---|---|"
    commands = []
    for task in TASKS:
        if options.task and task.name not in options.task:
            continue
        folders = task.folders(options.data, options.runs / "data")
        jobs = [
            [
                (pool.submit(train, RECIPES / f"{task.name}.toml", folder, seed, path), path)
                for number, folder in enumerate(folders)
                for path in [options.runs / f"{task.name}-{number}-{seed}.dnatag"]
            ]
            for seed in options.seeds
        ]
        commands.append(jobs[0][0][0].result())
        found = []
        for of_seed in jobs:
            for job, _ in of_seed:
                job.result()
            scores = [read_metadata(path)["scores"]["test"] for _, path in of_seed]
            found.append([(s["accuracy"], s["calibration_error"]) for s in scores])
        means = 100 * np.array(found).mean(1)
        each = ", ".join(f"{accuracy:.2f}" for accuracy, _ in means)
        accuracy, error = means.mean(0)
        yield (
            f"| {task.title} | {task.published} | {task.goal:.1f} | {accuracy:.2f} | {error:.2f} "
            f"| {each} |"
        )
    yield ""
    yield from (f"    {command}" for command in commands)


def main() -> None:
    """Run what is asked for, and print it in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with sentiment, …")
    parser.add_argument("--runs", type=Path, required=True, help="where the models are kept")
    parser.add_argument("--task", action="append", help="only this one")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, a thread each")
    options = parser.parse_args()
    options.runs.mkdir(exist_ok=True, parents=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        print("\n".join(lines(options, pool)), flush=True)


if __name__ == "__main__":
    main()

"""Train and measure transcribers: AN4, spoken digits, yes and no.

Every run is the command that is printed below its table. Models that are in the folder of the runs
already are not trained again, and interrupted runs go on.
"""

from __future__ import annotations

import argparse
import json
import re
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from tagging import RECIPES, train

from dnatag.formats.audio import read_manifest
from dnatag.models.file import read_metadata
from dnatag.tasks.ctc.transcriber import Transcriber

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
#: Recordings of AN4 to validate on, the first of those to train on, as in ESPnet's recipe.
HELD_OUT = 100

Rows = Sequence[tuple[Path, str]]


@dataclass(frozen=True)
class Data:
    """A recipe, what it is trained on, and what is to be reached.

    Parameters
    ----------
    recipe
        Its name.
    title
        What the table calls it.
    folders
        Writes recordings and manifests; returns the folders, in each of which a model is trained.
    goal
        What is to be reached.
    """

    recipe: str
    title: str
    folders: Callable[[Path, Path], list[Path]]
    goal: str


def an4(data: Path, folder: Path) -> list[Path]:
    """Write AN4."""
    _unpack(data / "speech/an4/an4-opus.tar", folder)
    home = folder / "an4"
    rows: dict[str, list[tuple[Path, str]]] = {}
    for part, place in (("train", "an4_clstk"), ("test", "an4test_clstk")):
        rows[part] = []
        for line in (home / f"etc/an4_{part}.transcription").read_text().splitlines():
            text, name = re.fullmatch(r"(?:<s> )?(.*?)(?: </s>)? \(([^)]*)\)", line).groups()  # type: ignore[union-attr]
            speaker = name.split("-")[1]
            rows[part].append((home / "wav" / place / speaker / f"{name}.opus", text.strip()))
    _manifest(home / "validate.json", rows["train"][:HELD_OUT])
    _manifest(home / "train.json", rows["train"][HELD_OUT:])
    _manifest(home / "test.json", rows["test"])
    return [home]


def digits(data: Path, folder: Path) -> list[Path]:
    """Write the official split of the spoken digits; a part of it validates."""
    files = _digit_files(data, folder)
    own = folder / "fsdd-official"
    own.mkdir(exist_ok=True)
    test = [f for f in files if int(f.stem.split("_")[2]) < 5]
    rest = [f for f in files if f not in set(test)]
    validate = [f for f in rest if int(f.stem.split("_")[2]) < 8]
    _write_digits(own, [f for f in rest if f not in set(validate)], validate, test)
    return [own]


def speakers(data: Path, folder: Path) -> list[Path]:
    """Write the spoken digits six times, each with another speaker to test on."""
    files = _digit_files(data, folder)
    folders = []
    for name in sorted(set(map(_speaker, files))):
        own = folder / f"fsdd-{name}"
        own.mkdir(exist_ok=True)
        test = [f for f in files if _speaker(f) == name]
        rest = [f for f in files if _speaker(f) != name]
        _write_digits(own, rest, [], test)
        folders.append(own)
    return folders


def yes_no(data: Path, folder: Path) -> list[Path]:
    """Write yes and no: names say what is said.

    All recordings to train on begin with "no"; so they are trained on from each of their words on.
    """
    _unpack(data / "speech/yesno/waves_yesno.tar.xz", folder)
    home = folder / "waves_yesno"
    rows: dict[str, list[tuple[Path, str]]] = {"train": [], "test": []}
    for file in sorted(home.glob("*.wav")):
        words = ["yes" if c == "1" else "no" for c in file.stem.split("_")]
        if file.stem.startswith("1"):
            rows["test"].append((file, " ".join(words)))
        else:
            rows["train"] += _from_each_word(file, words, home / "pieces")
    for name, part in rows.items():
        _manifest(home / f"{name}.json", part)
    return [home]


def _from_each_word(file: Path, words: Sequence[str], folder: Path) -> list[tuple[Path, str]]:
    """Write a recording from each word on, if its pauses are between words: as many, less one."""
    folder.mkdir(exist_ok=True)
    sound, rate = soundfile.read(file)
    frame = rate // 100
    loudness = np.sqrt(np.convolve(sound**2, np.full(5 * frame, 0.2 / frame), "same"))[::frame]
    low, high = np.percentile(loudness, (10, 95))
    sounding = np.diff(np.concatenate([[0], loudness > low + (high - low) / 5, [0]]))
    begins, ends = np.flatnonzero(sounding > 0), np.flatnonzero(sounding < 0)
    pauses = [(a + b) // 2 * frame for a, b in zip(ends, begins[1:], strict=False) if b - a >= 15]
    rows = [(file, " ".join(words))]
    for i, cut in enumerate(pauses if len(pauses) == len(words) - 1 else (), 1):
        path = folder / f"{file.stem}-{i}.wav"
        soundfile.write(path, sound[cut:], rate)
        rows.append((path, " ".join(words[i:])))
    return rows


def _digit_files(data: Path, folder: Path) -> list[Path]:
    _unpack(data / "speech/fsdd/fsdd-wav.tar.xz", folder)
    return sorted((folder / "recordings").glob("*.wav"))


def _speaker(file: Path) -> str:
    return file.stem.split("_")[1]


def _write_digits(
    own: Path, train: Sequence[Path], validate: Sequence[Path], test: Sequence[Path]
) -> None:
    for name, files in (("train", train), ("validate", validate), ("test", test)):
        _manifest(own / f"{name}.json", [(f, DIGITS[int(f.stem[0])]) for f in files])


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    if not (folder / archive.name).exists():
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
        (folder / archive.name).touch()


def _manifest(path: Path, rows: Rows) -> None:
    lines = []
    for file, text in rows:
        about = soundfile.info(file)
        item = {
            "audio_filepath": str(file.resolve()),
            "duration": about.frames / about.samplerate,
            "text": text,
        }
        lines.append(json.dumps(item) + "\n")
    path.write_text("".join(lines))


ALL = (
    Data("an4", "AN4", an4, "WER 14, CER 8"),
    Data("fsdd", "FSDD, official split", digits, "99.3 % right"),
    Data("fsdd-speakers", "FSDD, speaker left out", speakers, "90 % right"),
    Data("yesno", "yes-no", yes_no, "WER 0"),
)


def lines(options: argparse.Namespace, pool: ThreadPoolExecutor) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| data | to be reached | WER | CER | greedy WER | greedy CER | seeds (WER) |"
    yield "|---|---|---|---|---|---|---|"
    commands = []
    for number, data in enumerate(ALL):
        if options.task and data.recipe not in options.task and str(number) not in options.task:
            continue
        folders = data.folders(options.data, options.runs / "data")
        jobs = {}
        for seed in options.seeds:
            for folder in folders:
                path = options.runs / f"{data.recipe}-{folder.name}-{seed}.dnatag"
                recipe = RECIPES / f"{data.recipe}.toml"
                jobs[seed, path] = pool.submit(train, recipe, folder, seed, path)
        commands.append(next(iter(jobs.values())).result())
        rows: dict[int, list[list[float]]] = {}
        for (seed, path), job in jobs.items():
            job.result()
            scores = read_metadata(path)["scores"]["test"]
            rows.setdefault(seed, []).append(
                [scores[k] for k in ("wer", "cer", "greedy wer", "greedy cer")]
            )
        means = 100 * np.array([np.mean(of_seed, 0) for of_seed in rows.values()])
        cells = " | ".join(f"{x:.2f}" for x in means.mean(0))
        each = ", ".join(f"{x:.2f}" for x in means[:, 0])
        yield f"| {data.title} | {data.goal} | {cells} | {each} |"
    yield ""
    yield from (f"    {command}" for command in commands)
    model = options.runs / f"an4-an4-{options.seeds[0]}.dnatag"
    if model.exists():
        transcriber = Transcriber.load(model, "cpu", 1)
        recordings = list(read_manifest(options.runs / "data/an4/test.json"))
        began = time.perf_counter()
        seconds = sum(t.duration for t in transcriber.transcribe_all(recordings))
        factor = (time.perf_counter() - began) / seconds
        yield ""
        yield f"Real time factor on one thread, AN4 test, reading the files included: {factor:.4f}"


def main() -> None:
    """Run what is asked for, and print it in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with speech, …")
    parser.add_argument("--runs", type=Path, required=True, help="where the models are kept")
    parser.add_argument("--task", action="append", help="only that of this recipe: an4, fsdd, …")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, a thread each")
    options = parser.parse_args()
    options.runs.mkdir(exist_ok=True, parents=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        print("\n".join(lines(options, pool)), flush=True)


if __name__ == "__main__":
    main()

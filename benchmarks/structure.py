"""Train and measure taggers of the secondary structure of proteins, several seeds each.

The training set is that of NetSurfP-2.0, without the three chains that are in a test set too; only
residues that are resolved count, in CB513 and TS115 those that their masks name. Models that are in
the folder of the runs already are not trained again, and interrupted runs go on.
"""

from __future__ import annotations

import argparse
import csv
import lzma
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tagging import RECIPES, train

from dnatag import Tagger
from dnatag.formats.sequences.residues import read_residues
from dnatag.models.file import read_metadata
from dnatag.tasks.classification.metrics import calibration_error

FOLDER = "protein-ss"
UNKNOWN = "U"
#: Files of the test sets, what is published of a network without alignments, and what is to be
#: reached: Q3, in percent.
TESTS = (
    ("cb513", "CB513", "-", "72"),
    ("ts115", "TS115", "-", "75"),
    ("new364", "NEW364", "72.6 (SPIDER3-Single, TEST2018)", "-"),
)


def fasta(path: Path) -> Iterator[tuple[str, str]]:
    """Read the headers and sequences of a file."""
    with lzma.open(path, "rt") as file:
        for record in file.read().split(">")[1:]:
            header, _, lines = record.partition("\n")
            yield header, lines.replace("\n", "")


def masked(labels: str, known: str) -> str:
    """Return labels where they are known."""
    return "".join(a if b == "1" else UNKNOWN for a, b in zip(labels, known, strict=True))


def chains(data: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield the part, the name, the sequence and the labels of each chain."""
    for name, folder in (("cb513", "cb513/CB513"), ("ts115", "ts115/TS115")):
        with lzma.open(data / f"{folder}_HHblits.csv.xz", "rt") as file:
            for number, row in enumerate(csv.DictReader(file, skipinitialspace=True)):
                letters, labels = row["input"].split(), row["dssp3"].split()
                masks = (row[key].split() for key in ("disorder", "cb513_mask"))
                known = "".join(
                    "1" if float(a) * float(b) else "0" for a, b in zip(*masks, strict=True)
                )
                yield name, f"{name}-{number}", "".join(letters), masked("".join(labels), known)
    flip = data / "netsurfp2-flip"
    masks = dict(fasta(flip / "mask.fasta.xz"))
    sequences = dict(fasta(flip / "sequences.fasta.xz"))
    for header, labels in fasta(flip / "sampled.fasta.xz"):
        name, part, validation = header.split()
        split = "validate" if validation.endswith("True") else "train"
        where = "new364" if part.endswith("test") else split
        yield where, name, sequences[name], masked(labels, masks[name])


def write(data: Path, folder: Path) -> None:
    """Write the parts as FASTA with labels; no chain of a test set is trained on."""
    folder.mkdir(exist_ok=True, parents=True)
    rows: dict[str, list[tuple[str, str, str]]] = {}
    for part, *row in chains(data / FOLDER):
        rows.setdefault(part, []).append((row[0], row[1], row[2]))
    tested = {sequence for name, *_ in TESTS for _, sequence, _ in rows[name]}
    for part, own in rows.items():
        kept = own if part not in ("train", "validate") else [r for r in own if r[1] not in tested]
        text = "".join(f">{name}\n{sequence}\n{labels}\n" for name, sequence, labels in kept)
        (folder / f"{part}.fasta").write_text(text)


def residue_error(model: Path, path: Path) -> float:
    """Return the expected calibration error of the most probable label of each residue."""
    tagger = Tagger.load(model, "cpu")
    labels, rows = np.array(tagger.model.labelling.labels), []
    for protein in read_residues(str(path), labelled=True):
        posterior, truth = tagger.posteriors(protein.tokens), np.array(protein.tags)
        right = labels[posterior.argmax(1)] == truth
        rows.append(np.column_stack([posterior.max(1), right])[truth != UNKNOWN])
    return calibration_error(*np.concatenate(rows).T)


def main() -> None:
    """Run it, and print the table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with protein-ss, …")
    parser.add_argument("--runs", type=Path, required=True, help="where the models are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, a thread each")
    options = parser.parse_args()
    folder, recipe = options.runs / "data" / "structure", RECIPES / "secondary-structure.toml"
    write(options.data, folder)
    paths = [options.runs / f"secondary-structure-{seed}.dnatag" for seed in options.seeds]
    with ThreadPoolExecutor(options.jobs) as pool:
        jobs = [
            pool.submit(train, recipe, folder, seed, path)
            for seed, path in zip(options.seeds, paths, strict=True)
        ]
        (command, *_) = [job.result() for job in jobs]
    print("| test set | published, no alignments | at least | Q3 | seeds | calibration error |")
    print("|---|---|---|---|---|---|")
    for number, (name, title, published, goal) in enumerate(TESTS, 1):
        scores = [100 * read_metadata(p)["scores"][f"test {number}"]["q3"] for p in paths]
        error = np.mean([residue_error(path, folder / f"{name}.fasta") for path in paths])
        each = ", ".join(f"{x:.2f}" for x in scores)
        print(f"| {title} | {published} | {goal} | {np.mean(scores):.2f} | {each} | {error:.4f} |")
    print(f"\n    {command}")


if __name__ == "__main__":
    main()

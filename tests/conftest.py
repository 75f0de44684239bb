"""A tagger that was trained on a tiny corpus made by a rule."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from dnatag.cli import main
from dnatag.report import Observer

# As the commands do, but before any test imports torch.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

RECIPE = """
domain = "text"
licence = "CC0-1.0"
card = "# Toy"

[[corpus]]
train = "train.tsv"
validate = "validate.tsv"
test = "test.tsv"

[network]
words = 8
shapes = 4
spelling = 8
hidden = 16
dropout = 0.2

[training]
epochs = 12
batch = 60
learning_rate = 0.02
"""
FILLERS = ("we", "saw", "that", "the", "patient", "of", "was", "given", "with", "and", "again", ".")
UNITS = ("mg", "ml", "mm")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip the tests that need a GPU where there is none."""
    if item.get_closest_marker("gpu") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a GPU")


class Notes(Observer):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, message: str) -> None:
        self.lines.append(message)


class Toy(NamedTuple):
    """A recipe beside its files, and what came of it."""

    recipe: Path
    model: Path
    reported: str


def toy_sentences(seed: int, number: int) -> str:
    """Names are people after "dr", not after "in"; a number with its unit is an amount."""
    rng = random.Random(seed)
    lines = []
    for _ in range(number):
        for _ in range(rng.randint(2, 5)):
            lines += [f"{word}\tO" for word in rng.choices(FILLERS, k=rng.randint(0, 2))]
            names = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=5)).title()
                     for _ in range(rng.randint(1, 3))]  # fmt: skip
            match rng.randrange(3):
                case 0:
                    lines += ["dr\tO", *(f"{name}\tI-PER" for name in names)]
                    lines[-len(names)] = f"{names[0]}\tB-PER"
                case 1:
                    lines += ["in\tO", f"{names[0]}\tO"]
                case 2:
                    lines += [f"{rng.randint(1, 999)}\tB-QTY", f"{rng.choice(UNITS)}\tI-QTY"]
        lines.append("")
    return "".join(f"{line}\n" for line in lines)


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """A model of people and amounts, trained by the command line; leave its files as they are."""
    folder = tmp_path_factory.mktemp("toy")
    for seed, (split, number) in enumerate((("train", 60), ("validate", 20), ("test", 40))):
        (folder / f"{split}.tsv").write_text(toy_sentences(seed, number))
    (folder / "toy.toml").write_text(RECIPE)
    model = folder / "toy.dnatag"
    done = CliRunner().invoke(
        main, ["train", str(folder / "toy.toml"), "--device", "cpu", "--threads", "1", "-o",
               str(model)]
    )  # fmt: skip
    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    return Toy(folder / "toy.toml", model, done.stderr)

"""The gate: a domain with a task of its own, in another package, does all that dnatag does."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dnatag
from dnatag.errors import InputError

pytestmark = pytest.mark.slow

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
RECIPE = """
domain = "bits"
licence = "MIT"

[[corpus]]
train = "train.txt"
validate = "validate.txt"

[network]
hidden = 6
"""


def rows(seed: int, number: int) -> str:
    rng = random.Random(seed)
    lines = []
    for _ in range(number):
        bits = "".join(rng.choices("01", weights=(3, 1), k=rng.randint(1, 9)))
        ones = bits.count("1")
        lines.append(f"{bits}\t{ones if ones < 3 else 'many'}\n")
    return "".join(lines)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package as pip does: its modules, and a folder of metadata beside them."""
    folder = tmp_path_factory.mktemp("site-packages")
    shutil.copytree(HERE / "dnatag_counting", folder / "dnatag_counting")
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    about = folder / f"dnatag_counting-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    (about / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in points.items())
            for group, points in project["entry-points"].items()
        )
    )
    return folder


def run(site: Path, *words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run Python with the package."""
    # Where dnatag is, too: it need not be the installed one.
    root = str(Path(dnatag.__file__).parents[1])
    paths = [str(site), root, *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def model(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained by the command line."""
    folder = tmp_path_factory.mktemp("counting")
    for seed, (name, number) in enumerate((("train", 400), ("validate", 100))):
        (folder / f"{name}.txt").write_text(rows(seed, number))
    (folder / "r.toml").write_text(RECIPE)
    path = folder / "counter.dnatag"
    done = run(site, "-m", "dnatag", "train", folder / "r.toml", "-o", path, "--device", "cpu")
    lines = done.stderr.splitlines()
    assert lines[0] == "dnatag: 400 rows to train on"
    assert ", accuracy " in lines[1]
    assert lines[-1].startswith(f"dnatag: {path}: validate: accuracy ")
    return path


def test_training(model: Path) -> None:
    """The metric of the task chose the weights, and is in the log."""
    log = model.with_name("counter.dnatag.run") / "log.csv"
    assert log.read_text().splitlines()[0].endswith(",validation_loss,accuracy")


def test_command_line(site: Path, model: Path, tmp_path: Path) -> None:
    help_ = run(site, "-m", "dnatag", "--help").stdout
    assert re.search(r"\n  count +Count the ones in rows of bits\.\n", help_)
    plain, found = tmp_path / "plain.txt", tmp_path / "found.txt"
    truth = tmp_path / "truth.txt"
    truth.write_text(rows(7, 100))
    plain.write_text("".join(f"{row.split()[0]}\n" for row in rows(7, 100).splitlines()))
    run(site, "-m", "dnatag", "count", "--model", model, plain, "-o", found)
    table = tmp_path / "scores.json"
    words = ("evaluate", "--domain", "bits", truth, found, "--json", table)
    assert "accuracy %" in run(site, "-m", "dnatag", *words).stdout
    assert json.loads(table.read_text())["predictions"]["found"]["accuracy"] > 0.95
    shown = run(site, "-m", "dnatag", "models", "show", model).stdout
    assert shown.startswith("# counter\n")
    assert f"apply it with 'dnatag count --model {model}'" in shown
    assert "It finds: 0, 1, 2, many\n" in shown


def test_wrong_verbs(site: Path, model: Path) -> None:
    done = run(site, "-m", "dnatag", "predict", "--model", model, __file__, code=2)
    assert f"apply it with 'dnatag count --model {model}'" in done.stderr
    done = run(site, "-m", "dnatag", "count", "--model", "biomedical", __file__, code=2)
    assert "apply it with 'dnatag tag --model biomedical'" in done.stderr
    done = run(site, "-m", "dnatag", "evaluate", "--domain", "bits", "--verified", *2 * (model,),
               code=2)  # fmt: skip
    assert "--verified is for annotations of genes, and these files are labelled" in done.stderr


def test_python(site: Path, model: Path, tmp_path: Path) -> None:
    code = f"""
import dnatag
counter = dnatag.load({str(model)!r}, device="cpu")
print(counter.count(["0000", "0100", "1001"]))
about = dnatag.train({str(model.with_name("r.toml"))!r}, {str(tmp_path / "c.dnatag")!r})
print(about["scores"]["accuracy"] > 0.9, about["scores"]["watched"] > 0.9)
print(dnatag.load({str(tmp_path / "c.dnatag")!r}).count(["0000", "0100", "1001"]))
"""
    lines = run(site, "-c", code).stdout.splitlines()
    assert lines == ["['0', '1', '2']", "True True", "['0', '1', '2']"]


def test_without_the_package(model: Path) -> None:
    """Its models are refused in one line, and its recipes."""
    with pytest.raises(InputError, match="there is no task 'counting'; installed"):
        dnatag.load(model)
    with pytest.raises(InputError, match="there is no domain 'bits'; installed are"):
        dnatag.train(model.with_name("r.toml"), model)


def test_a_package_that_cannot_be_imported(site: Path, tmp_path: Path, model: Path) -> None:
    """It is named where it is needed, and nothing else breaks."""
    broken = tmp_path / "site"
    shutil.copytree(site, broken)
    (broken / "dnatag_counting" / "task.py").write_text("import nothing_of_this_name\n")
    done = run(broken, "-m", "dnatag", "count", "--model", model, __file__, code=1)
    assert done.stderr.startswith("dnatag: error: the task 'counting' cannot be loaded (Module")
    assert done.stderr.count("\n") == 1
    done = run(broken, "-m", "dnatag", "tag", "--help")
    assert done.stdout.startswith("Usage: dnatag tag ")

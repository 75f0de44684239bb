"""The repository's own promises: versions agree, constraints hold, examples are what they say."""

from __future__ import annotations

import gzip
import re
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from dnatag import __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def constraints() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    return {canonicalize_name(pin.name): pin for pin in pins}


def test_versions_agree() -> None:
    """The citation names the last release; between releases the version is a .dev of the next."""
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    cited = re.search(r"^version: (.+)$", citation, re.M)
    released = re.search(r"^date-released: \"(.+)\"$", citation, re.M)
    last = re.search(r"^## \[(\d.*)\] - (.+)$", changelog, re.M)
    assert cited is not None
    assert released is not None
    assert last is not None
    assert (cited[1], released[1]) == (last[1], last[2])
    version = Version(__version__)
    if version.is_devrelease:
        assert version > Version(cited[1])
        assert "\n## [Unreleased]\n" in changelog
    else:
        assert __version__ == cited[1]


def test_a_release_names_real_addresses() -> None:
    """Names under .example stand for those that a project without a home does not have yet."""
    urls = PROJECT["urls"].values()
    assert Version(__version__).is_devrelease or not any(".example" in url for url in urls)
    assert {"Homepage", "Documentation", "Source", "Issues", "Changelog"} <= PROJECT["urls"].keys()


def test_every_dependency_is_pinned_within_its_bounds() -> None:
    pins = constraints()
    groups = PROJECT["optional-dependencies"].values()
    for line in [*PROJECT["dependencies"], *(line for group in groups for line in group)]:
        wanted = Requirement(line)
        (pin,) = pins[canonicalize_name(wanted.name)].specifier
        assert pin.operator == "=="
        assert wanted.specifier.contains(pin.version), line
    assert str(pins["torch"].specifier) == "==2.13.0"


def test_what_the_dependencies_pull_in_is_pinned() -> None:
    """Follow the requirements of what is installed here; torch's CUDA libraries are its own."""
    pins = constraints()
    seen: set[str] = set()
    train = PROJECT["optional-dependencies"]["train"]
    todo = [Requirement(line) for line in [*PROJECT["dependencies"], *train]]
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        if name in seen or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        if re.match(r"nvidia|cuda|triton", name):
            continue
        seen.add(name)
        assert name in pins
        todo += [Requirement(line) for line in requires(name) or ()]
    assert len(seen) > 10


def test_ci_runs_the_commands_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^```sh\n(pip install .*)\n```$", readme, re.M)
    assert [command.partition(" && ")[2].split()[0] for command in commands] == ["dnatag", "python"]
    assert all(" -c constraints.txt " in command for command in commands)
    # .ci/run takes its commands from the README by this pattern.
    assert "grep '^pip install ' README.md" in (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert re.findall(r"^pip install .*$", readme, re.M) == commands


@pytest.mark.parametrize("link", ["LICENSE", "CITATION.cff", "constraints.txt", "examples"])
def test_what_the_readme_names_is_there(link: str) -> None:
    assert link in (ROOT / "README.md").read_text(encoding="utf-8")
    assert (ROOT / link).exists()


@pytest.mark.parametrize(
    ("file", "accession", "length"),
    [("buchnera", "AP036055.1", 641_802), ("lambda", "NC_001416.1", 48_502)],
)
def test_examples_are_what_their_page_says(file: str, accession: str, length: int) -> None:
    page = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    assert accession in page
    assert f"{length:,} bp" in page
    with gzip.open(ROOT / f"examples/{file}.fna.gz", "rt", encoding="ascii") as lines:
        header, *sequence = lines.read().split()
    assert header == f">{accession}"
    assert len("".join(sequence)) == length


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "examples/README.md",
        "docs/tutorials/topology.md",
        "docs/tutorials/genes.md",
        "docs/reference/formats.md",
    ],
)
def test_genes_of_the_example_are_those_of_the_model(page: str) -> None:
    """What pages quote of the example's genes, and the proteins they name, are today's."""
    text = (ROOT / page).read_text()
    rows = (ROOT / "tests/golden/buchnera.gff3").read_text().splitlines()
    places = dict(enumerate([tuple(r.split("\t")[3:7]) for r in rows if "\tCDS\t" in r], 1))
    quoted = re.findall(r"^AP036055\.1\tdnatag\tCDS\t.*$", text, re.MULTILINE)
    assert set(quoted) <= set(rows)
    header = re.compile(r"^>AP036055\.1_(\d+) AP036055\.1:(\d+)\.\.(\d+)\(([+-])\)", re.MULTILINE)
    for number, start, end, strand in header.findall(text):
        first, last, _, side = places[int(number)]
        assert (start, end, strand) == (first, last, side)
    # SecY, whose picture the pages have.
    pictured = re.findall(r"--picture-of AP036055\.1_(\d+)", text)
    assert {places[int(number)][:2] for number in pictured} <= {("550821", "552134")}
    assert quoted or pictured or header.search(text)

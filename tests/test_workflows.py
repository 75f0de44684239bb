"""dnatag as a step of workflows: the examples run, and agree with the command and its needs."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement

from dnatag.cli import main

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
WORKFLOWS = ROOT / "examples" / "workflows"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def run(*command: object, folder: Path) -> str:
    """Run a program that finds this dnatag and Python's other scripts."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def genes() -> int:
    """The number of genes that the command finds in the example by itself."""
    done = CliRunner().invoke(main, ["predict", str(ROOT / "examples" / "lambda.fna.gz"), "-q"])
    return done.stdout.count("\tCDS\t")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("snakemake") is None, reason="needs Snakemake")
def test_snakemake(tmp_path: Path, genes: int) -> None:
    (tmp_path / "genomes").mkdir()
    shutil.copy(ROOT / "examples" / "lambda.fna.gz", tmp_path / "genomes" / "phage one.fna.gz")
    file = WORKFLOWS / "snakemake" / "Snakefile"
    genomes = f"genomes={tmp_path / 'genomes'}"
    run("snakemake", "-s", file, "--cores", 1, "--config", genomes, folder=tmp_path)
    with open(tmp_path / "results" / "genomes.tsv") as lines:
        (row,) = csv.DictReader(lines, delimiter="\t")
    assert (row["genome"], row["genes"]) == ("phage one", str(genes))
    assert (tmp_path / "results" / "phage one.faa").read_text().count(">") == genes
    run("snakemake", "-s", file, "--lint", "--config", genomes, folder=tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cwltool") is None, reason="needs cwltool")
def test_cwl(tmp_path: Path, genes: int) -> None:
    tool = WORKFLOWS / "cwl" / "dnatag-predict.cwl"
    job = {"genome": [{"class": "File", "path": str(ROOT / "examples" / "lambda.fna.gz")}]}
    (tmp_path / "job.json").write_text(json.dumps(job))
    keep = ("--no-container", "--preserve-environment", "PYTHONPATH")
    out = json.loads(run("cwltool", *keep, tool, "job.json", folder=tmp_path))
    assert out.keys() == {"genes", "proteins", "genbank", "report", "summary"}
    assert (tmp_path / "genome.faa").read_text().count(">") == genes


def test_the_example_job_of_cwl_is_there() -> None:
    paths = re.findall("path: (.*)", (WORKFLOWS / "cwl" / "job.yml").read_text())
    assert paths
    assert all((WORKFLOWS / "cwl" / path).exists() for path in paths)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("hadolint") is None, reason="needs hadolint")
def test_the_dockerfile_is_in_order() -> None:
    run("hadolint", WORKFLOWS / "Dockerfile", folder=ROOT)


@pytest.mark.slow
def test_galaxy_finds_no_fault(tmp_path: Path) -> None:
    lint = pytest.importorskip("galaxy.tool_util.lint")
    parser = pytest.importorskip("galaxy.tool_util.parser")
    pytest.importorskip("edam_ontology")  # which the linter needs
    context = lint.LintContext(lint.LintLevel.SILENT)
    source = parser.get_tool_source(str(WORKFLOWS / "galaxy" / "dnatag_predict.xml"))
    lint.lint_tool_source_with(context, source)
    assert not [*context.error_messages, *context.warn_messages]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("multiqc") is None, reason="needs MultiQC")
def test_multiqc_joins_summaries(tmp_path: Path) -> None:
    for name in ("lambda", "buchnera"):
        genome = ROOT / "examples" / f"{name}.fna.gz"
        summary = ("--summary", tmp_path / f"{name}_mqc.json", "-o", tmp_path / f"{name}.gff3")
        run("dnatag", "predict", genome, *summary, "--adapt", "off", folder=tmp_path)
    run("multiqc", ".", "-o", "out", folder=tmp_path)
    with open(tmp_path / "out" / "multiqc_data" / "multiqc_dnatag_table.txt") as lines:
        rows = {row["Sample"]: row for row in csv.DictReader(lines, delimiter="\t")}
    assert rows.keys() == {"lambda", "buchnera"}
    assert rows["buchnera"]["bases"] == "641802"


@pytest.mark.parametrize(
    "file",
    [
        "snakemake/Snakefile",
        "cwl/dnatag-predict.cwl",
        "nextflow/dnatag/predict/main.nf",
        "galaxy/dnatag_predict.xml",
    ],
)
def test_the_options_are_there(file: str) -> None:
    text = re.sub("^#.*", "", (WORKFLOWS / file).read_text(), flags=re.MULTILINE)
    known = CliRunner().invoke(main, ["predict", "--help"]).stdout
    used = set(re.findall(r"(?:(?<=\s)|(?<=prefix: ))--[a-z][a-z-]+", text)) - {"--version"}
    assert {"--threads", "--faa"} <= used
    assert [option for option in sorted(used) if option not in known] == []


def test_conda_needs_what_pip_installs() -> None:
    text = (WORKFLOWS / "conda" / "recipe.yaml").read_text()
    section = text[text.index("  run:") : text.index("  run_constraints:")]
    found = dict(re.findall(r"(?:-|then:) ([\w.-]+) >=([\d.]+)", section))
    wanted = {
        requirement.name: next(iter(requirement.specifier)).version
        for requirement in map(Requirement, PROJECT["dependencies"])
    }
    assert found == wanted
    (line,) = PROJECT["optional-dependencies"]["train"]
    torch = next(iter(Requirement(line).specifier)).version
    assert f"- pytorch >={torch}" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("python", "more"),
    [("3.10.*", {"tomli", "backports.zstd"}), ("3.12.*", {"backports.zstd"}), ("3.14.*", set())],
)
def test_rattler_build_renders_the_recipe(python: str, more: set[str]) -> None:
    rattler = pytest.importorskip("rattler_build")
    recipe = rattler.Stage0Recipe.from_file(WORKFLOWS / "conda" / "recipe.yaml")
    compilers = {f"c_{what}": [what] for what in ("compiler", "stdlib")}
    variants = rattler.VariantConfig({"python": [python], **compilers})
    (variant,) = recipe.render(variants)
    needs = variant.recipe.requirements.to_dict()["run"]
    always = {"python", "biopython", "click", "numpy", "safetensors", "tqdm"}
    assert {need.partition(" ")[0] for need in needs} == always | more


def test_the_image_has_what_pip_installs() -> None:
    text = (WORKFLOWS / "Dockerfile").read_text()
    (installed,) = re.findall(r"constraints\.txt \\\n\s+(.*?) \\\n", text)
    names = {Requirement(line).name for line in PROJECT["dependencies"]}
    # tomli is part of the image's Python.
    assert set(installed.split()) == names - {"tomli"}


def test_outputs_of_nextflow_are_described() -> None:
    folder = WORKFLOWS / "nextflow" / "dnatag" / "predict"
    emitted = re.findall(r"emit: (\w+)", (folder / "main.nf").read_text())
    described = (folder / "meta.yml").read_text().partition("output:\n")[2]
    described = described.partition("topics:\n")[0]
    assert emitted == re.findall(r"^  (\w+):$", described, re.MULTILINE)


def test_galaxy_writes_each_of_its_outputs() -> None:
    root = ElementTree.parse(WORKFLOWS / "galaxy" / "dnatag_predict.xml").getroot()
    command = root.findtext("command") or ""
    names = [data.attrib["name"] for data in root.iterfind("outputs/data")]
    names += [param.attrib["name"] for param in root.iterfind("inputs/param")]
    assert set(re.findall(r"\$(\w+)", command)) == set(names)

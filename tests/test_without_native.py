"""Without the native library everything works, slowly, and a line says why."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
#: Probabilities, whose last digits may differ.
NUMBER = re.compile(r"\d\.\d{3,}(?:e-\d+)?")
PROGRAM = """
import sys
from pathlib import Path
from dnatag.native import library
library._PATH = Path("nowhere", library._PATH.name)
from dnatag.cli import main
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def contig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = gzip.decompress((EXAMPLES / "lambda.fna.gz").read_bytes()).splitlines()
    path = tmp_path_factory.mktemp("contig") / "contig.fna"
    path.write_bytes(b"\n".join([b">contig", *lines[1:60]]))
    return path


def run(*words: str | Path) -> str:
    """Run a command without and with the library, which print the same; return stderr."""
    without, with_it = (
        subprocess.run([sys.executable, *program, *words], capture_output=True, text=True)
        for program in (("-c", PROGRAM), ("-m", "dnatag"))
    )
    assert without.returncode == with_it.returncode == 0, without.stderr
    # GFF3 has the command in its head.
    found, expected = (
        [line for line in done.stdout.splitlines() if not line.startswith("#")]
        for done in (without, with_it)
    )
    assert found
    assert [NUMBER.sub("?", line) for line in found] == [NUMBER.sub("?", line) for line in expected]
    for line, wanted in zip(found, expected, strict=True):
        numbers = [float(x) for x in NUMBER.findall(wanted)]
        assert [float(x) for x in NUMBER.findall(line)] == pytest.approx(numbers, abs=2e-4)
    assert with_it.stderr == ""
    return without.stderr


def test_genes(contig: Path) -> None:
    line = run("predict", contig, "-q")
    assert line.startswith("dnatag: warning: dnatag was installed without its native library")
    assert line.count("\n") == 1


def test_tags(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Aspirin does not cure familial adenomatous polyposis.\n")
    line = run("tag", "--model", "biomedical", text, "--k-best", "2", "-q")
    assert line.count("\n") == 1

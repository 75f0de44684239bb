"""The benchmark of robustness sees the harm that it looks for, and finds none."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
GOOD = (
    "##gff-version 3\n##sequence-region c 1 30\n"
    "c\tdnatag\tCDS\t3\t14\t0.9\t+\t0\tID=c_1;transl_table=11\n"
)
GENOME = ">c\nCCATGAAACGCTAACCCCCCCCCCCCCCCC\n"


@pytest.fixture(scope="module")
def mutations() -> ModuleType:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import mutations
    finally:
        sys.path.pop(0)
    return mutations


@pytest.mark.parametrize(
    ("code", "stderr", "written", "harm"),
    [
        (0, "", GOOD, None),
        (2, "dnatag: error: no\n", None, None),
        (0, "", None, "nothing written, exit 0"),
        (0, "", "", "nothing written, exit 0"),
        (1, "dnatag: error: unexpected KeyError: x\n", None, "no clear line"),
        (2, "", None, "no clear line"),
        (-11, "dnatag: error: no\n", None, "no clear line"),
        (2, "dnatag: error: no\n", GOOD, "half-written"),
        (0, "", GOOD.replace("ID=c_1", "ID=c\x1b_1"), "raw control characters"),
        (0, "", GOOD.replace("\t14\t", "\t13\t"), "illegal gene"),
        (0, "", GOOD.replace("\t+\t", "\t-\t"), "illegal gene"),
        (0, "", GOOD.replace("\t14\t", "\t140\t"), "illegal gene"),
        (0, "", GOOD.replace("\t0.9\t", "\t1.5\t"), "illegal gene"),
        (0, "", GOOD.replace("\t3\t14\t", "\t3\t\t"), "invalid GFF3"),
        (0, "", GOOD.replace("sequence-region c", "sequence-region d"), "invalid GFF3"),
    ],
)
def test_harm_is_seen(
    mutations: ModuleType,
    tmp_path: Path,
    code: int,
    stderr: str,
    written: str | None,
    harm: str | None,
) -> None:
    (tmp_path / "damaged").write_text(GENOME)
    if written is not None:
        (tmp_path / "out").write_text(written)
    case = mutations.Case("FASTA", tmp_path / "damaged", ("predict",))
    ending = mutations.Ending(code, "", stderr)
    found = mutations.harms(case, ending, tmp_path / "damaged", tmp_path / "out")
    assert found == ({harm} if harm else set())


@pytest.mark.parametrize(
    ("written", "harm"),
    [('{"a": 1}\n{"a": 2}\n', set()), ('{\n "a": 1\n}\n', set()),
     ('{"a": 1}\n{"a"', {"invalid JSON"})],
)  # fmt: skip
def test_json_is_read_again(
    mutations: ModuleType, tmp_path: Path, written: str, harm: set[str]
) -> None:
    (tmp_path / "out").write_text(written)
    case = mutations.Case("JSON Lines", tmp_path / "damaged", ("tag",))
    found = mutations.harms(case, mutations.Ending(0, "", ""), case.seed, tmp_path / "out")
    assert found == harm


def test_a_case_finds_its_files(mutations: ModuleType, tmp_path: Path) -> None:
    beside, here = tmp_path / "beside", tmp_path / "here"
    (beside / "run").mkdir(parents=True)
    (beside / "recipe.toml").write_text("x")
    here.mkdir()
    words = ("train", "HERE/recipe.toml", "-o", "OUT", "IN")
    case = mutations.Case("x", beside / "recipe.toml", words, place="run/a", beside=beside)
    assert case.write(here, b"", random.Random(1)) == here / "run" / "a"
    assert (here / "recipe.toml").read_text() == "x"
    assert case.words(here) == [
        "train", f"{here}/recipe.toml", "-o", f"{here}/out", f"{here}/run/a"
    ]  # fmt: skip


def test_damage_is_the_same_for_a_seed(mutations: ModuleType) -> None:
    data = GENOME.encode() * 20
    first = [mutations.mutate(data, b"other", random.Random(seed)) for seed in range(40)]
    again = [mutations.mutate(data, b"other", random.Random(seed)) for seed in range(40)]
    assert first == again
    assert len(set(first)) > 35


@pytest.mark.slow
def test_some_damaged_inputs_do_no_harm(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "benchmarks" / "robustness.py", "--inputs", "60"]
    output = tmp_path / "table.md"
    done = subprocess.run([*command, "--kills", "2", "-o", output], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    table = output.read_text()
    (total,) = (line for line in table.splitlines() if line.startswith("| all "))
    assert total.split("|")[6:-1] == [" 0 "] * 8
    assert table.count("no harm") == 4

"""What a machine may lack: places to write to, memory, cores."""

from __future__ import annotations

import gzip
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
DNATAG = (sys.executable, "-m", "dnatag")
GENOME = str(EXAMPLES / "lambda.fna.gz")
#: Runs a command with all but one folder read-only, as in a container that belongs to another user,
#: and lists the sizes of what is there then.
SEALED = """
mount --make-rprivate / && mount -t tmpfs tmpfs "$0" && mount --bind / / \
&& mount -o remount,ro,bind / && "$@" > /dev/null && du -ab "$0"
"""


def can_seal(folder: Path) -> bool:
    command = ["unshare", "-m", "bash", "-c", SEALED, folder, "true"]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.parametrize(
    "words",
    [
        ("predict", GENOME, "--faa", "FOLDER/faa"),
        ("predict", "--each", GENOME),
        ("tag", "--model", "biomedical", str(EXAMPLES / "abstract.txt")),
    ],
)
def test_only_the_output_can_be_written(words: tuple[str, ...], tmp_path: Path) -> None:
    if not can_seal(tmp_path):
        pytest.skip("needs the right to mount")
    output = tmp_path / "results"
    command = [word.replace("FOLDER", str(tmp_path)) for word in (*DNATAG, *words)]
    command += ["-o", str(output), "-q", "--threads", "1"]
    environment = os.environ | {"HOME": "/nonexistent"}
    sealed = ["unshare", "-m", "bash", "-c", SEALED, tmp_path, *command]
    done = subprocess.run(sealed, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    sizes = {path: int(size) for size, path in map(str.split, done.stdout.splitlines())}
    assert sizes[str(output)] > 1000
    assert not any(path.endswith(".part") for path in sizes)


def test_nothing_is_written_beside_the_output(tmp_path: Path) -> None:
    """There is no cache that could be full."""
    home, output = tmp_path / "home", tmp_path / "out"
    home.mkdir()
    output.mkdir()
    environment = os.environ | dict.fromkeys(("HOME", "XDG_CACHE_HOME", "TMPDIR"), str(home))
    command = [*DNATAG, "predict", GENOME, "-o", output / "genes.gff3", "-q"]
    subprocess.run(command, cwd=home, env=environment, check=True)
    assert list(home.rglob("*")) == []
    assert [path.name for path in output.iterdir()] == ["genes.gff3"]


def test_little_memory(tmp_path: Path) -> None:
    size = 150 * 2**20
    done = subprocess.run(
        [*DNATAG, "predict", GENOME, "-o", tmp_path / "genes.gff3", "-q", "--threads", "1"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size)),
    )
    assert done.returncode == 1
    assert done.stderr.startswith("dnatag: error: not enough memory")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_one_thread_takes_one_core(tmp_path: Path) -> None:
    """Also while bins of contigs are learnt, and whatever a cluster sets for all programs."""
    with open(tmp_path / "mixture.fna", "w") as mixture:
        for name, number in (("buchnera", 40), ("lambda", 9)):
            with gzip.open(EXAMPLES / f"{name}.fna.gz", "rt") as file:
                bases = "".join(line.strip() for line in file if line[0] != ">")
            for i in range(number):
                mixture.write(f">{name}{i}\n{bases[5000 * i : 5000 * (i + 1)]}\n")
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "8", "MKL_NUM_THREADS": "8"}
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [*DNATAG, "predict", tmp_path / "mixture.fna", "--threads", "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    after, end = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    assert "are taken together in" in done.stderr
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used <= 1.05 * (end - begin)

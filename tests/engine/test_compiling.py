"""The cache of compiled loops is a convenience: nothing fails for the lack of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
from dnatag.engine.compiling import compiled

@compiled
def double(x):
    return 2 * x

print(double(21), double.stats.cache_hits.total())
"""


def run(folder: Path, **environment: str) -> str:
    script = folder / "loop.py"
    script.write_text(CODE)
    done = subprocess.run(
        [sys.executable, script], env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


def test_it_is_used_again(tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    assert run(tmp_path, NUMBA_CACHE_DIR=cache) == "42 0"
    assert run(tmp_path, NUMBA_CACHE_DIR=cache) == "42 1"


def test_it_is_damaged(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for kind in ("*.nbi", "*.nbc"):
        run(tmp_path, NUMBA_CACHE_DIR=str(cache))
        for path in cache.rglob(kind):
            path.write_bytes(path.read_bytes()[:-20])
        assert run(tmp_path, NUMBA_CACHE_DIR=str(cache)).startswith("42 ")


def test_there_is_no_space(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk."""
    cache, script = tmp_path / "cache", tmp_path / "loop.py"
    script.write_text(CODE)
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 0; trap "" XFSZ; exec "$0" "$1"', sys.executable, script],
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "42 0\n", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a mount, which only root may make")
def test_nothing_can_be_written(tmp_path: Path) -> None:
    """As in a container of another user."""
    script = tmp_path / "loop.py"
    script.write_text(CODE)
    shell = (
        "mount --make-rprivate / && mount --bind / / && mount -o remount,ro,bind / && "
        'HOME=/nonexistent exec "$0" "$1"'
    )
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", shell, sys.executable, script],
        capture_output=True, text=True,
    )  # fmt: skip
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip("mounts are not allowed here")
    assert (done.returncode, done.stdout) == (0, "42 0\n"), done.stderr

"""A fresh installation of this repository without torch, and its size."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: What is at hand in most environments for genomes, and what every environment has.
BESIDE = {"biopython", "numpy"}
EVERYWHERE = {"pip", "setuptools"}


def install(folder: Path) -> Path:
    """Install the repository, with the versions it is tested with; return its Python."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    command = [str(python), "-m", "pip", "install", "-q", "-c", str(ROOT / "constraints.txt")]
    subprocess.run([*command, str(ROOT)], check=True)
    return python


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of the distributions of an environment, compiled modules included."""
    packages = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    found = distributions(path=[packages])
    return {d.metadata["Name"].lower(): _size(d) for d in found}


def _size(distribution: Distribution) -> int:
    paths = (Path(str(distribution.locate_file(file))) for file in distribution.files or ())
    return sum(path.stat().st_size for path in paths if path.is_file())


def describe(each: dict[str, int]) -> str:
    """Say how large an installation is."""
    own = {name: size for name, size in each.items() if name not in BESIDE | EVERYWHERE}
    beside = sum(each.get(name, 0) for name in BESIDE)
    listed = ", ".join(
        f"{name} {size / 1e6:.1f}" for name, size in sorted(own.items(), key=lambda x: -x[1])
    )
    return (
        f"Installation: {sum(own.values()) / 1e6:.1f} MB ({listed}), "
        f"beside {beside / 1e6:.1f} MB of {' and '.join(sorted(BESIDE))}"
    )

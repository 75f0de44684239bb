#!/usr/bin/env python3
"""Build the wheels of all platforms on one machine, by cross-compiling with `ziglang`.

    pip install 'setuptools>=77' 'ziglang>=0.13'
    python tools/build_wheels.py -o dist

builds wheels for Linux on x86-64 and aarch64 (glibc 2.17 or newer), macOS on x86-64 and arm64,
Windows on x86-64, and the pure wheel for everything else.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "build_backend"))

import dnatag_build  # noqa: E402
from setuptools import build_meta  # noqa: E402


class Platform(NamedTuple):
    """For what to compile."""

    target: str  # of zig
    system: str  # value of sys.platform
    tag: str  # of the wheel


PLATFORMS = (
    Platform("x86_64-linux-gnu.2.17", "linux", "manylinux_2_17_x86_64.manylinux2014_x86_64"),
    Platform("aarch64-linux-gnu.2.17", "linux", "manylinux_2_17_aarch64.manylinux2014_aarch64"),
    Platform("x86_64-macos.11.0", "darwin", "macosx_11_0_x86_64"),
    Platform("aarch64-macos.11.0", "darwin", "macosx_11_0_arm64"),
    Platform("x86_64-windows-gnu", "win32", "win_amd64"),
)


def main() -> None:
    """Build the wheels."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("dist"), metavar="DIRECTORY")
    output = parser.parse_args().output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    os.chdir(ROOT)
    pure = output / build_meta.build_wheel(str(output))
    print(pure)
    for target, system, tag in PLATFORMS:
        compiler = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-mcpu=baseline"]
        with tempfile.TemporaryDirectory() as folder:
            library = Path(folder, dnatag_build.library_path(system).name)
            try:
                dnatag_build.compile_library([*compiler, "-s"], library)
            except subprocess.CalledProcessError as error:
                sys.exit(f"{target}: {error.stderr}")
            print(dnatag_build.add_library(pure, library, tag))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Run the tests of the native library with AddressSanitizer and UndefinedBehaviorSanitizer.

    python tools/sanitize.py [arguments of pytest]

compiles the library of a copy of the package with gcc and runs tests/native on it. What the
sanitizers find ends the run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLAGS = ("-O2", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def sanitized(copy: Path) -> dict[str, str]:
    """Compile a copy of the package in a folder; return the environment for Python to use it."""
    for name in ("dnatag", "build_backend", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("*.so"))
    for name in ("examples", "setup.cfg"):
        (copy / name).symlink_to(ROOT / name)
    sys.path.insert(0, str(copy / "build_backend"))
    import dnatag_build

    dnatag_build.compile_library(["gcc"], dnatag_build.library_path(), *FLAGS)
    runtimes = [
        subprocess.check_output(["gcc", f"-print-file-name={name}"], text=True).strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    return dict(os.environ) | {
        "LD_PRELOAD": " ".join(runtimes),
        # Python keeps much until its end; its own allocator hides what is out of bounds.
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(copy),
    }


def main() -> int:
    """Compile and run."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        environment = sanitized(copy)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *sys.argv[1:]]
        named = any(Path(x.partition("::")[0]).exists() for x in sys.argv[1:])
        # Those of building the library run none of it.
        tests = [] if named else ["tests/native", "--ignore=tests/native/test_library.py"]
        return subprocess.call([*command, *tests], cwd=copy, env=environment)


if __name__ == "__main__":
    sys.exit(main())

"""Build backend (PEP 517): setuptools, and a C compiler for the native library.

``dnatag/native/src/*.c`` become one shared library beside them, inside the package, compiled by
`cc`, `gcc` or `clang`, whichever works, else by the compiler of the package `ziglang`, which is
asked for only where none of them works. It has no part in Python's C API, so one wheel serves all
versions of Python 3. Where nothing can compile, a line says so and the wheel has no library:
dnatag then runs on PyTorch.

``python build_backend/dnatag_build.py`` compiles the library of a checkout.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import platform
import shlex
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import (
    build_sdist,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

PACKAGE = Path(__file__).resolve().parents[1] / "dnatag" / "native"
SOURCES = PACKAGE / "src"
#: Its wheels exist for these machines only.
ZIGLANG = (
    "ziglang>=0.13; sys_platform in 'linux darwin win32' and "
    "platform_machine in 'x86_64 AMD64 aarch64 arm64 ARM64'"
)
# No contraction: every machine rounds alike where the sources do not ask for fused operations.
FLAGS = ("-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra")
_PROBE = "#include <math.h>\n#include <stdint.h>\ndouble f(double x) { return exp(x); }\n"


# What the installer calls.


def get_requires_for_build_wheel(config_settings: dict | None = None) -> list[str]:
    """Ask for a compiler if the machine has none that works."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *missing_compiler()]


get_requires_for_build_editable = get_requires_for_build_wheel


def build_wheel(
    wheel_directory: str,
    config_settings: dict | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build a wheel with the library for this platform, or without one if it cannot be built."""
    built = build_library()
    name = build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)
    if not built:
        return name
    pure = Path(wheel_directory, name)
    wheel = add_library(pure, library_path(), platform_tag())
    pure.unlink()
    return wheel.name


def build_editable(
    wheel_directory: str,
    config_settings: dict | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build the library in place, then as setuptools does."""
    build_library()
    return build_meta.build_editable(wheel_directory, config_settings, metadata_directory)


# Compiling.


def missing_compiler() -> list[str]:
    """Return what to install for a compiler: nothing if the machine has one that works."""
    return [] if any(map(_works, _system_compilers())) else [ZIGLANG]


def library_path(system: str = sys.platform) -> Path:
    """Path of the library in the package, for a value of `sys.platform`."""
    return PACKAGE / {"darwin": "libdnatag.dylib", "win32": "dnatag.dll"}.get(
        system, "libdnatag.so"
    )


def platform_tag() -> str:
    """Return the tag of wheels for this machine."""
    if sys.platform == "darwin":
        return f"macosx_11_0_{platform.machine()}"
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


def fingerprint() -> str:
    """Hash the sources; a library that was built from other ones has another hash."""
    digest = hashlib.sha256()
    for source in sorted(SOURCES.glob("*.[ch]")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def compile_library(compiler: Sequence[str], library: Path, *flags: str) -> None:
    """Compile the sources.

    Parameters
    ----------
    compiler : sequence of str
        Command.
    library : Path
        Replaced only once the new one is whole: the old one may be in use.
    *flags : str
        Added to the usual ones.

    Raises
    ------
    subprocess.CalledProcessError
        If it does not work; what the compiler says is in ``stderr``.
    """
    sources = sorted(map(str, SOURCES.glob("*.c")))
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        new = Path(folder, library.name)
        stamp = f'-DDNATAG_SOURCES="{fingerprint()}"'
        options = [*FLAGS, "-fPIC", "-shared", stamp, *flags]
        _call([*compiler, *options, "-o", str(new), *sources, "-lm"], folder)
        new.replace(library)


def build_library() -> bool:
    """Compile the library in place; if nothing can, say so, remove an old one, return False."""
    flags = ["-mmacosx-version-min=11.0"] if sys.platform == "darwin" else []
    compilers: list[list[str]] = list(filter(_works, _system_compilers()))
    if importlib.util.find_spec("ziglang"):
        # It would else compile for the very processor of this machine.
        compilers.append([sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline", "-s"])
    library = library_path()
    for compiler in compilers:
        try:
            compile_library(compiler, library, *flags)
        except subprocess.CalledProcessError as error:
            print(error.stderr, file=sys.stderr)
            print(f"dnatag: {shlex.join(compiler)} failed", file=sys.stderr)
        else:
            print(f"dnatag: {library.name} compiled by {shlex.join(compiler)}", file=sys.stderr)
            return True
    library.unlink(missing_ok=True)
    print(
        "dnatag: no C compiler works here, so this build has no native library; "
        "dnatag will run on PyTorch, which is slower",
        file=sys.stderr,
    )
    return False


def _system_compilers() -> list[list[str]]:
    own = [shlex.split(os.environ["CC"])] if os.environ.get("CC") else []
    return [*own, ["cc"], ["gcc"], ["clang"]]


def _works(compiler: Sequence[str]) -> bool:
    """Whether a compiler is there, with the headers of the C library, and links."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text(_PROBE, encoding="ascii")
        options = [*FLAGS, "-fPIC", "-shared", "-o", str(Path(folder, "probe")), str(source)]
        try:
            _call([*compiler, *options, "-lm"], folder)
        except (OSError, subprocess.CalledProcessError):
            return False
    return True


def _call(command: Sequence[str], cache: str) -> None:
    # zig keeps what it makes; a home directory may be missing or not writable.
    caches = {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
    subprocess.run(
        command,
        check=True,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=caches | dict(os.environ),
    )


# Wheels.


def add_library(wheel: Path, library: Path, tag: str) -> Path:
    """Write a wheel for one platform beside a pure one.

    Parameters
    ----------
    wheel : Path
        Pure wheel.
    library : Path
        Goes into the package under the same name.
    tag : str
        Platform, such as ``win_amd64``; dots part several.

    Returns
    -------
    Path
        The new wheel.
    """
    stem = wheel.name.removesuffix("-py3-none-any.whl")
    out = wheel.with_name(f"{stem}-py3-none-{tag}.whl")
    info = f"{stem}.dist-info"
    tags = "".join(f"Tag: py3-none-{one}\n" for one in tag.split("."))
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        contents = {item: old.read(item) for item in old.infolist()}
        record = []
        for item, data in contents.items():
            if item.filename == f"{info}/RECORD":
                continue
            if item.filename == f"{info}/WHEEL":
                text = data.decode().replace("Root-Is-Purelib: true", "Root-Is-Purelib: false")
                data = text.replace("Tag: py3-none-any\n", tags).encode()
            new.writestr(item, data)
            record.append(_recorded(item.filename, data))
        inside = zipfile.ZipInfo(f"dnatag/native/{library.name}")
        inside.external_attr = 0o755 << 16
        new.writestr(inside, library.read_bytes(), zipfile.ZIP_DEFLATED)
        record.append(_recorded(inside.filename, library.read_bytes()))
        record.append(f"{info}/RECORD,,")
        new.writestr(f"{info}/RECORD", "\n".join(record) + "\n")
    return out


def _recorded(name: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}"


if __name__ == "__main__":
    sys.exit(0 if build_library() else 1)

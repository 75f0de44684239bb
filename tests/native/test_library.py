"""Finding, checking and building the native library."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from ctypes import c_char_p
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from dnatag.errors import DnatagError
from dnatag.native import library

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def backend() -> ModuleType:
    pytest.importorskip("setuptools")
    spec = importlib.util.spec_from_file_location(
        "dnatag_build", ROOT / "build_backend/dnatag_build.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A place for another library, which is looked for anew."""
    path = tmp_path / library._PATH.name
    monkeypatch.setattr(library, "_PATH", path)
    library._load.cache_clear()
    yield path
    library._load.cache_clear()


def test_is_loaded_once() -> None:
    assert library.why_missing() is None
    assert library.load_library() is library.load_library()
    assert isinstance(library.load_library(), ctypes.CDLL)


def test_none_was_built(fresh: Path) -> None:
    assert "without its native library" in (library.why_missing() or "")
    with pytest.raises(DnatagError, match="no C compiler worked then"):
        library.load_library()


def test_no_library(fresh: Path) -> None:
    fresh.write_bytes(b"not a library")
    with pytest.raises(DnatagError, match="cannot be loaded"):
        library.load_library()


def test_other_sources(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "dnatag/native" / fresh.name, fresh)
    monkeypatch.setattr(library, "_SOURCES", fresh.parent)
    with pytest.raises(DnatagError, match="built from other sources"):
        library.load_library()
    # An installation has none.
    monkeypatch.setattr(library, "_SOURCES", fresh.parent / "src")
    library._load.cache_clear()
    assert library.why_missing() is None


def test_functions_have_types_of_their_own() -> None:
    text = library.function("dnatag_sources", result=c_char_p)
    number = library.function("dnatag_sources", result=ctypes.c_void_p)
    assert isinstance(text(), bytes)
    assert isinstance(number(), int)


def test_arrays() -> None:
    values = np.arange(6, dtype=np.float32)
    assert library.array(values, np.float32) is values
    every_other = library.array(values[::2], np.float64)
    assert every_other.dtype == np.float64
    assert every_other.flags.c_contiguous
    assert library.pointer(values) == values.ctypes.data
    assert library.pointer(None) is None


def test_the_fingerprint_is_the_backends(backend: ModuleType) -> None:
    assert backend.fingerprint() == library._fingerprint()
    assert backend.library_path() == library._PATH


def test_no_compiler(
    backend: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Then the compiler is asked for; where that cannot be had, the wheel is pure."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert backend.missing_compiler() == [backend.ZIGLANG]
    old = tmp_path / "libdnatag.so"
    old.touch()
    monkeypatch.setattr(backend, "library_path", lambda: old)
    monkeypatch.setattr(backend.importlib.util, "find_spec", lambda name: None)
    assert not backend.build_library()
    assert not old.exists()
    assert "dnatag: no C compiler works here" in capsys.readouterr().err


def test_a_compiler_that_does_not_work(
    backend: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("cc", "gcc", "clang"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert backend.missing_compiler() == [backend.ZIGLANG]


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_a_compiler(backend: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not backend.missing_compiler()
    monkeypatch.setattr(backend, "library_path", lambda: tmp_path / "libdnatag.so")
    few = tmp_path / "src"
    few.mkdir()
    shutil.copy(ROOT / "dnatag/native/src/library.c", few)
    monkeypatch.setattr(backend, "SOURCES", few)
    assert backend.build_library()
    sources = ctypes.CDLL(str(tmp_path / "libdnatag.so")).dnatag_sources
    sources.restype = c_char_p
    assert sources().decode() == backend.fingerprint()
    assert sorted(os.listdir(tmp_path)) == ["libdnatag.so", "src"]


def test_wheel(backend: ModuleType, tmp_path: Path) -> None:
    """pip checks the hashes, so let it install the wheel."""
    pure = tmp_path / "dnatag-9-py3-none-any.whl"
    with zipfile.ZipFile(pure, "w") as wheel:
        wheel.writestr("dnatag/__init__.py", "")
        wheel.writestr(
            "dnatag-9.dist-info/METADATA", "Metadata-Version: 2.1\nName: dnatag\nVersion: 9\n"
        )
        wheel.writestr(
            "dnatag-9.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("dnatag-9.dist-info/RECORD", "")
    shared = tmp_path / "libdnatag.so"
    shared.write_bytes(b"library")
    wheel = backend.add_library(pure, shared, backend.platform_tag())
    assert wheel.name == f"dnatag-9-py3-none-{backend.platform_tag()}.whl"
    target = tmp_path / "target"
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--target"]
    subprocess.run([*command, str(target), str(wheel)], check=True, capture_output=True)
    assert (target / "dnatag/native/libdnatag.so").read_bytes() == b"library"
    about = (target / "dnatag-9.dist-info/WHEEL").read_text().splitlines()
    assert "Root-Is-Purelib: false" in about
    assert f"Tag: py3-none-{backend.platform_tag()}" in about
    both = backend.add_library(pure, shared, "manylinux_2_17_x86_64.manylinux2014_x86_64")
    with zipfile.ZipFile(both) as parts:
        assert parts.read("dnatag-9.dist-info/WHEEL").count(b"Tag: ") == 2
        record = parts.read("dnatag-9.dist-info/RECORD").decode().splitlines()
    assert len(record) == 5
    assert record[-1] == "dnatag-9.dist-info/RECORD,,"

"""Files and standard input: compression, damage, streams."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dnatag.errors import InputError
from dnatag.formats.io.reading import display_name, open_bytes, open_text, peek, rewind
from dnatag.formats.io.writing import OutputSet

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"".join(b">contig%d\n%s\n" % (i, b"ACGT" * (i % 50 + 1)) for i in range(3000))
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd.compress,
}
every_compression = pytest.mark.parametrize("kind", COMPRESSORS)


def leftovers(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.endswith(".part")]


def write_both(first: str | Path, second: str | Path) -> None:
    """Write a text that stays in the buffers until the end."""
    with OutputSet() as outputs:
        outputs.open(first).write("new")
        outputs.open(second).write("new")


def test_plain(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"  # the name says nothing
    path.write_bytes(TEXT)
    with open_bytes(path) as stream:
        assert stream.read() == TEXT


@every_compression
def test_compression_is_recognised_by_content(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.fna"
    path.write_bytes(COMPRESSORS[kind](TEXT))
    with open_bytes(path) as stream:
        assert stream.read() == TEXT


@every_compression
def test_members_follow_each_other(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"".join(COMPRESSORS[kind](TEXT[i : i + 999]) for i in range(0, 9000, 999)))
    with open_bytes(path) as stream:
        assert stream.read() == TEXT[: 999 * 10]


def test_bgzip(tmp_path: Path) -> None:
    from Bio import bgzf

    path = tmp_path / "a.gz"
    with bgzf.BgzfWriter(str(path)) as writer:
        writer.write(TEXT * 3)
    with open_bytes(path) as stream:
        assert stream.read() == TEXT * 3


@pytest.mark.parametrize("kind", ["plain", *COMPRESSORS])
def test_standard_input_is_a_pipe(kind: str) -> None:
    data = COMPRESSORS.get(kind, bytes)(TEXT)
    code = (
        "import sys; from dnatag.formats.io.reading import open_bytes\n"
        "sys.stdout.buffer.write(open_bytes('-').read())"
    )
    # A first piece shorter than the magic bytes, and the rest later.
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(data[:2])
    process.stdin.flush()
    assert process.communicate(data[2:])[0] == TEXT
    assert process.returncode == 0


@pytest.mark.parametrize("kind", ["plain", *COMPRESSORS])
@pytest.mark.parametrize("size", [0, 5, 10_000, 10**9])
def test_peek(tmp_path: Path, kind: str, size: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(COMPRESSORS.get(kind, bytes)(TEXT))
    head, stream = peek(path, size)
    assert head == TEXT[:size]
    assert open_bytes(stream) is stream
    assert display_name(stream) == str(path)
    with stream:
        assert stream.read() == TEXT


def test_peek_into_a_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(TEXT)[:200])
    with pytest.raises(InputError, match="gzip data is truncated"):
        peek(path, 10**6)


@every_compression
@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_truncated(tmp_path: Path, kind: str, share: float) -> None:
    data = COMPRESSORS[kind](os.urandom(200_000))
    path = tmp_path / "cut.fna"
    path.write_bytes(data[: int(share * len(data))])
    with open_bytes(path) as stream, pytest.raises(InputError) as caught:
        stream.read()
    assert str(caught.value).startswith(f"{path}: the {kind} data is truncated")


@every_compression
def test_truncated_by_one_byte(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "cut.fna"
    path.write_bytes(COMPRESSORS[kind](TEXT)[:-1])
    with open_bytes(path) as stream, pytest.raises(InputError, match=f"{kind} data is trunc"):
        stream.read()


@every_compression
def test_corrupt(tmp_path: Path, kind: str) -> None:
    compress = (
        partial(zstd.compress, options={zstd.CompressionParameter.checksum_flag: 1})
        if kind == "zstd"
        else COMPRESSORS[kind]
    )
    data = bytearray(compress(os.urandom(100_000)))
    data[len(data) // 2] ^= 0xFF
    path = tmp_path / "bad.fna"
    path.write_bytes(data)
    with open_bytes(path) as stream, pytest.raises(InputError) as caught:
        stream.read()
    assert str(caught.value).startswith(f"{path}: the {kind} data is corrupt")


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.fna: cannot read: No such file"):
        open_bytes(tmp_path / "nowhere.fna")


def test_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read: Is a directory"):
        open_bytes(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0)
    with pytest.raises(InputError, match="Permission denied"):
        open_bytes(path)


def test_text_of_any_origin(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rcaf\xe9\n")
    with open_text(path) as handle:
        assert list(handle) == ["one\n", "two\n", "caf�\n"]


def test_rewind() -> None:
    stream = rewind(TEXT[:10], io.BufferedReader(io.BytesIO(TEXT[10:])))  # type: ignore[arg-type]
    assert stream.read(4) == TEXT[:4]
    assert stream.read() == TEXT[4:]

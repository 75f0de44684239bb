"""Bombs, long lines and long records are refused in bounded memory; limits can be raised."""

from __future__ import annotations

import bz2
import gzip
import lzma
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dnatag.errors import InputError
from dnatag.formats.io.limits import limits
from dnatag.formats.io.reading import open_bytes, open_text
from dnatag.formats.sequences.fasta import read_fasta
from dnatag.formats.sequences.gff import read_gff
from dnatag.formats.sequences.residues import read_residues
from dnatag.formats.text.conll import read_conll
from dnatag.formats.text.lines import read_lines

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd.compress,
}
READ = """
import sys
from dnatag.formats.io.reading import open_bytes
stream = open_bytes(sys.argv[1])
while stream.read(1 << 20): pass
"""


@pytest.fixture
def low(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits a thousandth of the usual ones."""
    monkeypatch.setenv("DNATAG_LIMITS", "0.001")


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_bombs(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(COMPRESSORS[kind](b"A" * 10_000_000))
    with open_bytes(path) as stream:
        assert len(stream.read()) == 10_000_000  # not yet too much
    monkeypatch.setenv("DNATAG_LIMITS", "0.01")
    with open_bytes(path) as stream, pytest.raises(InputError) as caught:
        stream.read()
    assert str(caught.value) == (
        f"{path}: the {kind} data grows more than 2-fold; if it is meant to, unpack it; set "
        "DNATAG_LIMITS=10 to raise all limits tenfold"
    )


def test_a_bomb_takes_little_memory(tmp_path: Path) -> None:
    """Of zstandard, which can grow most in one step."""
    path = tmp_path / "bomb"
    path.write_bytes(zstd.compress(bytes(2_000_000_000), 19))
    assert path.stat().st_size < 1_000_000
    done = subprocess.run(
        [sys.executable, "-c", READ, path],
        stderr=subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (10**9, 10**9)),
    )
    assert b"zstd data grows more than 250-fold" in done.stderr


def test_random_data_is_no_bomb(tmp_path: Path, low: None) -> None:
    path = tmp_path / "a"
    data = b"".join(b"%d," % (i * i % 9973) for i in range(200_000))
    path.write_bytes(bz2.compress(data))
    with pytest.raises(InputError, match="grows more than 1-fold"):
        open_bytes(path).read()
    path.write_bytes(data)
    assert open_bytes(path).read() == data


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_lines(tmp_path: Path, low: None, encoding: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"short\n" + b"x" * 1000 + b"\n")
    assert len(list(read_lines(path, encoding))) == 2
    path.write_bytes(b"short\n" + b"x" * 8000 + b"\n")
    with pytest.raises(InputError, match=r"a: a line has more than 1,000 characters; set DNATAG"):
        list(read_lines(path, encoding))
    assert len(list(open_text(path))) == 2
    path.write_bytes(b"#hort\n" + b"x" * 8001)
    with pytest.raises(InputError, match="a line has more than 8,000 characters"):
        read_gff(path)


def test_records(tmp_path: Path, low: None) -> None:
    path = tmp_path / "a"
    path.write_bytes(b">c\n" + b"ACGT\n" * 125_000)
    assert len(next(read_fasta(path))) == 500_000
    path.write_bytes(b">b\nA\n>c\n" + b"ACGT\n" * 125_001)
    with pytest.raises(InputError, match="line 3: record 'c': has more than 500,000 bases; set"):
        list(read_fasta(path))
    path.write_bytes(b">" + b"x" * 8001)
    with pytest.raises(InputError, match="line 1: the header is too long"):
        list(read_fasta(path))
    path.write_bytes(b">p\n" + b"MKV" * 400)
    with pytest.raises(InputError, match="line 1: record 'p': has more than 1,000 residues"):
        list(read_residues(path, labelled=False))
    path.write_bytes(b"word\tO\n" * 1000)
    assert len(next(read_conll(path))) == 1000
    path.write_bytes(b"a\tO\n\n" + b"word\tO\n" * 1001)
    with pytest.raises(InputError, match="line 1003: a sentence has more than 1,000 lines; blank"):
        list(read_conll(path))


@pytest.mark.parametrize("value", ["", "x", "0", "-1", "nan", "1e99"])
def test_what_is_no_factor(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DNATAG_LIMITS", value)
    with pytest.raises(InputError, match="DNATAG_LIMITS is set to"):
        limits()
    monkeypatch.setenv("DNATAG_LIMITS", "10")
    assert limits().line == 80_000_000

"""Files and standard streams: compression on the way in, all-or-nothing on the way out."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import secrets
import shutil
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, TextIO, TypeAlias, cast

import zstandard

from dnatag.errors import DnatagError, InputError

__all__ = [
    "OutputSet",
    "Source",
    "display_name",
    "open_bytes",
    "open_output",
    "open_text",
    "peek",
    "rewind",
]

#: A file, "-" for standard input, or a stream that :func:`peek` has opened.
Source: TypeAlias = str | os.PathLike[str] | io.BufferedReader

BLOCK = 1 << 20
#: On gene tables and posteriors, level 4 is three times as fast as 9 for 5 % larger files.
GZIP_LEVEL = 4
MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
DECOMPRESSION_ERRORS = (EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError)
#: Paths that stand for an open file descriptor of this process.
DESCRIPTOR = re.compile(r"/dev/(?:std(?P<name>in|out|err)|fd/(?P<fd>\d+))|/proc/self/fd/(?P<p>\d+)")
STANDARD = {"in": 0, "err": 2}


def display_name(path: Source) -> str:
    """Return what messages call a path, or the file of a stream."""
    if isinstance(path, io.BufferedReader):
        return path.name
    return "standard input" if os.fspath(path) == "-" else os.fspath(path)


# Reading ------------------------------------------------------------------------------------


def open_bytes(path: Source) -> io.BufferedReader:
    """Open a file for reading, decompressed.

    Parameters
    ----------
    path
        A file, or "-" for standard input. Compression (gzip of any number of members, bzip2,
        xz, zstd) is recognised by the first bytes, whatever the name. A stream is returned as
        it is.

    Returns
    -------
    io.BufferedReader
        Raises :class:`InputError` from its methods if the compressed data is truncated or
        corrupt. Closing it leaves standard input open.

    Raises
    ------
    InputError
        If the file does not exist, is a directory, or may not be read.
    """
    if isinstance(path, io.BufferedReader):
        return path
    name = display_name(path)
    try:
        if name == "standard input":
            source = cast(io.BufferedReader, sys.stdin.buffer)
        else:
            source = open(path, "rb")  # noqa: SIM115
        head = source.read(max(map(len, MAGIC)))
    except OSError as error:
        raise InputError(f"{name}: cannot read: {error.strerror or error}") from None
    except ValueError:  # of a closed standard input
        raise InputError(f"{name}: cannot read: it is closed") from None
    stream = rewind(head, source, close=source is not sys.stdin.buffer)
    kind = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), None)
    match kind:
        case "gzip":
            inner: Any = gzip.GzipFile(fileobj=stream)
        case "bzip2":
            inner = bz2.BZ2File(stream)
        case "xz":
            inner = lzma.LZMAFile(stream)  # noqa: SIM115
        case "zstd":
            inner = _ZstdReader(stream)
        case _:
            inner = None
    raw = _Guard(stream if inner is None else inner, stream, name, kind)
    return io.BufferedReader(raw, BLOCK)


def peek(path: str | os.PathLike[str], size: int) -> tuple[bytes, io.BufferedReader]:
    """Open a file and look at its beginning; a pipe could not be opened again for that.

    Parameters
    ----------
    path
        See :func:`open_bytes`, also for errors.
    size
        Number of bytes to look at.

    Returns
    -------
    head : bytes
        The first bytes, decompressed.
    stream : io.BufferedReader
        All of the file.
    """
    stream = open_bytes(path)
    try:
        head = stream.read(size)
    except InputError:
        stream.close()
        raise
    return head, rewind(head, stream)


def open_text(path: str | os.PathLike[str]) -> TextIO:
    """Open a text file for reading, decompressed: UTF-8, any line ends.

    Bytes that are not UTF-8 (names in old files) are replaced, and a byte order mark is dropped.
    See :func:`open_bytes` for arguments and errors.
    """
    return io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", errors="replace")


def rewind(head: bytes, rest: io.BufferedIOBase, *, close: bool = True) -> io.BufferedReader:
    """Return a stream of bytes that were read already and all that follows.

    Parameters
    ----------
    head
        What was read from the beginning of ``rest``.
    rest
        The stream, which need not be seekable.
    close
        Whether closing the result closes ``rest``.
    """
    return io.BufferedReader(_Rewound(head, rest, close), BLOCK)


class _Rewound(io.RawIOBase):
    def __init__(self, head: bytes, rest: io.BufferedIOBase, close: bool) -> None:
        self.name = getattr(rest, "name", "")
        self._head = head
        self._rest = rest
        self._close = close

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._head:
            n = min(len(self._head), len(buffer))
            buffer[:n] = self._head[:n]
            self._head = self._head[n:]
            return n
        return self._rest.readinto1(buffer)

    def close(self) -> None:
        if self._close and not self.closed:
            self._rest.close()
        super().close()


class _Guard(io.RawIOBase):
    """Tells failures to read or decompress as :class:`InputError`."""

    def __init__(self, inner: Any, source: BinaryIO, name: str, kind: str | None) -> None:
        self.name = name
        self._inner = inner
        self._source = source
        self._kind = kind

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return int(self._inner.readinto(buffer))
        except DECOMPRESSION_ERRORS as error:
            if self._kind is None or (isinstance(error, OSError) and error.errno is not None):
                reason = f"cannot read: {getattr(error, 'strerror', None) or error}"
            elif isinstance(error, EOFError):
                reason = f"the {self._kind} data is truncated; copy or download the file again"
            else:
                reason = f"the {self._kind} data is corrupt; copy or download the file again"
            raise InputError(f"{self.name}: {reason}") from None

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
            self._source.close()
        super().close()


class _ZstdReader(io.RawIOBase):
    """Zstandard frames one after the other; the library's reader passes over truncation."""

    def __init__(self, source: io.BufferedReader) -> None:
        self._source = source
        self._frame: Any = None
        self._data = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._data:
            chunk = self._source.read1(BLOCK // 8)
            if not chunk:
                if self._frame is not None:
                    raise EOFError
                return 0
            output = []
            while chunk:
                if self._frame is None:
                    self._frame = zstandard.ZstdDecompressor(max_window_size=1 << 31)
                    self._frame = self._frame.decompressobj()
                output.append(self._frame.decompress(chunk))
                chunk = self._frame.unused_data if self._frame.eof else b""
                if self._frame.eof:
                    self._frame = None
            self._data = memoryview(b"".join(output))
        n = min(len(self._data), len(buffer))
        buffer[:n] = self._data[:n]
        self._data = self._data[n:]
        return n


# Writing ------------------------------------------------------------------------------------


@dataclass
class _Output:
    name: str
    text: io.TextIOWrapper
    layers: list[Any]  # to be closed after the text, from the outermost in
    sink: _Sink
    temporary: str | None = None
    target: str | None = None


class OutputSet:
    """Files that appear together, complete, or not at all.

    A context manager. Files are written aside, in the directory of the target, and renamed when
    the block has ended well and every one of them is complete; if anything fails, they are
    deleted and what was there before is left as it was, be it an input of the same run.
    Standard output, pipes and devices are written directly.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._outputs: list[_Output] = []

    def __enter__(self) -> OutputSet:
        """Return the set."""
        return self

    def open(self, path: str | os.PathLike[str]) -> TextIO:
        r"""Open a file for writing UTF-8 text with line ends ``\n``.

        Parameters
        ----------
        path
            A file, or "-" for standard output. A name that ends in ".gz" is compressed; the
            same text gives the same bytes.

        Returns
        -------
        TextIO
            Do not close it. Writing raises :class:`DnatagError` if the disk is full or the
            device fails, and BrokenPipeError if the reader of a pipe has gone.

        Raises
        ------
        InputError
            If the path cannot be written or is open already.
        """
        path = os.fspath(path)
        target = path if path == "-" else os.path.realpath(path)
        name = "standard output" if path == "-" else path
        if any(o.name == name or o.target == target for o in self._outputs):
            raise InputError(f"{name}: two outputs cannot go to the same file")
        temporary = None
        try:
            match = DESCRIPTOR.fullmatch(path)
            if path == "-" or (match and match["name"] == "out"):
                descriptor: int | BinaryIO = _standard_output()
            elif match:
                descriptor = os.dup(int(match["fd"] or match["p"] or STANDARD[match["name"]]))
            elif os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
                descriptor = os.open(target, os.O_WRONLY)
            else:
                if os.path.exists(target) and not os.access(target, os.W_OK):
                    raise PermissionError(0, "the file there is write-protected")
                folder, base = os.path.split(target)
                temporary = os.path.join(folder, f".{base[:200]}.{secrets.token_hex(8)}.part")
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
                descriptor = os.open(temporary, flags, 0o666)
                if os.path.exists(target):
                    with suppress(OSError):
                        shutil.copymode(target, temporary)
        except OSError as error:
            raise InputError(f"{name}: cannot write: {error.strerror or error}") from None
        sink = _Sink(descriptor, name)
        layers: list[Any] = [io.BufferedWriter(sink, BLOCK)]
        if path.endswith(".gz"):
            zipped = gzip.GzipFile("", "wb", GZIP_LEVEL, fileobj=layers[0], mtime=0)
            layers.insert(0, zipped)
        text = io.TextIOWrapper(layers[0], encoding="utf-8", newline="\n")
        output = _Output(name, text, layers, sink, temporary, target)
        self._outputs.append(output)
        return text

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete and rename all files, or delete them.

        Raises
        ------
        DnatagError
            If a file cannot be completed.
        BrokenPipeError
            If the reader of a pipe has gone.
        """
        outputs, self._outputs = self._outputs, []
        try:
            if error is None:
                for output in outputs:
                    _close(output)
                for output in outputs:
                    _rename(output)
        finally:
            for output in outputs:
                output.sink.discard = True
                _close(output)
                if output.temporary is not None:
                    with suppress(OSError):
                        os.unlink(output.temporary)


@contextmanager
def open_output(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Open a single output; see :meth:`OutputSet.open`."""
    with OutputSet() as outputs:
        yield outputs.open(path)


def _standard_output() -> int | BinaryIO:
    """Descriptor of standard output, or the stream if it stands for no file (in tests)."""
    sys.stdout.flush()
    try:
        return os.dup(sys.stdout.fileno())
    except io.UnsupportedOperation:
        return sys.stdout.buffer


def _close(output: _Output) -> None:
    for layer in (output.text, *output.layers, output.sink):
        layer.close()


def _rename(output: _Output) -> None:
    if output.temporary is None or output.target is None:
        return
    try:
        os.replace(output.temporary, output.target)
    except OSError as error:
        reason = error.strerror or error
        raise DnatagError(f"{output.name}: cannot write: {reason}") from None
    output.temporary = None


class _Sink(io.RawIOBase):
    """An open file whose failures name it; once discarded, it swallows what is written."""

    def __init__(self, target: int | BinaryIO, name: str) -> None:
        self._target = target
        self._name = name
        self.discard = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.discard:
            return len(data)
        try:
            if isinstance(self._target, int):
                return os.write(self._target, data)
            return self._target.write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise DnatagError(f"{self._name}: cannot write: {error.strerror or error}") from None

    def close(self) -> None:
        if not self.closed:
            super().close()
            if isinstance(self._target, int):
                try:
                    os.close(self._target)
                except OSError as error:
                    if not self.discard:
                        reason = error.strerror or error
                        raise DnatagError(f"{self._name}: cannot write: {reason}") from None
            else:
                self._target.flush()

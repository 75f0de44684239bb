"""Files and standard input: opened by name, decompressed by content."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO, TypeAlias, cast

from dnatag.errors import InputError
from dnatag.formats.io.limits import limits

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = [
    "NAME_ENCODING",
    "PIPES",
    "BoundedText",
    "Source",
    "display_name",
    "folder_of",
    "open_bytes",
    "open_text",
    "peek",
    "put_back",
    "read_decoded",
    "read_whole",
    "rewind",
    "stem",
    "text_blocks",
]

#: A file, "-" for standard input, or a stream that :func:`peek` has opened.
Source: TypeAlias = str | os.PathLike[str] | io.BufferedReader

BLOCK = 1 << 20
MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
#: What to do about a text that is in another encoding.
NAME_ENCODING = "name the encoding of the file with --encoding, in recipes with 'encoding'"
#: What the names of compressed files end in, by custom.
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
#: Folders of the pipes of a process, as shells name them for ``<(command)``: by numbers.
PIPES = ("/dev/fd/", "/proc/self/fd/")
#: The byte order mark in UTF-8.
UTF8_MARK = b"\xef\xbb\xbf"
#: Pipes that were looked into, by their names: what opens one next gets all of it.
_PUT_BACK: dict[str, io.BufferedReader] = {}
DECOMPRESSION_ERRORS = (EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError, OSError)


def display_name(path: Source) -> str:
    """Return what messages call a path, or the file of a stream."""
    if isinstance(path, io.BufferedReader):
        return path.name
    return "standard input" if os.fspath(path) == "-" else os.fspath(path)


def folder_of(path: Source) -> Path:
    """Return the folder that the names in a list are relative to.

    Parameters
    ----------
    path
        The list. One from standard input or another pipe is taken to be in the current folder.
    """
    name = display_name(path)
    return Path(name).parent if os.path.isfile(name) else Path()


def stem(path: Source) -> str:
    """Return the name of a file without folder and ending, for what has no name of its own.

    Examples
    --------
    >>> stem("poses/clip0.npy"), stem("clip0.npy.gz"), stem("-"), stem("/dev/fd/63")
    ('clip0', 'clip0', 'standard input', 'pipe')
    """
    name = display_name(path)
    if name.startswith(PIPES):
        return "pipe"
    file = Path(name)
    return Path(file.stem).stem if file.suffix in COMPRESSED else file.stem


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
    if name in _PUT_BACK:
        return _PUT_BACK.pop(name)
    try:
        if name == "standard input":
            if sys.stdin is None:  # it was closed before the start
                raise ValueError
            source = cast(io.BufferedReader, sys.stdin.buffer)
        else:
            source = open(path, "rb")  # noqa: SIM115
        head = b""
        # No more than must be, or short lines of a conversation would wait for the next.
        while any(magic.startswith(head) and magic != head for magic in MAGIC) and (
            byte := source.read(1)
        ):
            head += byte
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
            # As large a window as archives for the long term are packed with.
            window: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 31}
            inner = zstd.ZstdFile(stream, options=window)
        case _:
            inner = None
    raw = _Guard(stream if inner is None else inner, stream, name, kind)
    return io.BufferedReader(raw, BLOCK)


def text_blocks(stream: io.BufferedReader, size: int, encoding: str = "utf-8") -> Iterator[bytes]:
    r"""Read a text in blocks of UTF-8, with line ends ``\n`` and without byte order marks.

    Parameters
    ----------
    stream
        Line ends are ``\n``, ``\r\n`` or ``\r``. Files that were put one behind the other have
        byte order marks within.
    size
        Bytes (of other encodings than UTF-8, characters) to read at once.
    encoding
        Name of its character encoding. UTF-8 is passed on as it is, valid or not.

    Yields
    ------
    bytes
        The next part of the text, not empty.

    Raises
    ------
    InputError
        If there is no such encoding, or the text is not in it.
    """
    held = b""  # what the next block may complete to a line end or a mark
    for block in _utf8_blocks(stream, size, encoding):
        block = held + block
        cut = len(block) - next((len(t) for t in _UNFINISHED if block.endswith(t)), 0)
        block, held = block[:cut], block[cut:]
        if block := _tidy(block):
            yield block
    if block := _tidy(held):
        yield block


def _utf8_blocks(stream: io.BufferedReader, size: int, encoding: str) -> Iterator[bytes]:
    name = display_name(stream)
    try:
        if codecs.lookup(encoding).name == "utf-8":
            yield from iter(lambda: stream.read(size), b"")
        else:
            text = io.TextIOWrapper(stream, encoding, newline="")
            yield from (block.encode() for block in iter(lambda: text.read(size), ""))
    except LookupError:
        raise InputError(f"{name}: cannot read: no encoding '{encoding}' is known") from None
    except UnicodeError:
        raise InputError(
            f"{name}: is not {encoding}; name the encoding of the file with --encoding"
        ) from None


#: Ends of a block that the next one may complete, longest first.
_UNFINISHED = (UTF8_MARK[:2], UTF8_MARK[:1], b"\r")


def _tidy(block: bytes) -> bytes:
    if UTF8_MARK[:1] in block:
        block = block.replace(UTF8_MARK, b"")
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return block


def peek(path: Source, size: int) -> tuple[bytes, io.BufferedReader]:
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


def put_back(path: str, stream: io.BufferedReader) -> None:
    """Let a path be opened again that was only looked into: a pipe cannot be.

    Parameters
    ----------
    path
        A file, or "-" for standard input.
    stream
        All of it, as from :func:`peek`.
    """
    if path != "-" and os.path.isfile(path):
        stream.close()
    else:
        _PUT_BACK[display_name(path)] = stream


def open_text(path: Source) -> TextIO:
    """Open a text file for reading, decompressed: UTF-8, any line ends.

    Bytes that are not UTF-8 (names in old files) are replaced, and a byte order mark is dropped.
    Lines that are too long raise :class:`InputError`; see
    :class:`~dnatag.formats.io.limits.Limits`. See :func:`open_bytes` for arguments and errors.
    """
    return BoundedText(open_bytes(path), encoding="utf-8-sig", errors="replace")


class BoundedText(io.TextIOWrapper):
    """Text whose lines are of bounded length.

    Parameters
    ----------
    stream
        The file.
    longest
        Characters of a line, at most; None: ``line`` of
        :class:`~dnatag.formats.io.limits.Limits`.
    **settings
        Those of :class:`io.TextIOWrapper`.
    """

    def __init__(
        self, stream: io.BufferedReader, longest: int | None = None, **settings: Any
    ) -> None:
        super().__init__(stream, **settings)
        self._stream = stream
        self._limits = limits()
        self._longest = longest or self._limits.line

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        """Read a line; iteration calls this as well."""
        most = self._longest
        line = super().readline(most + 1 if size < 0 else min(size, most + 1))
        if len(line) > most and not line.endswith("\n"):
            name = display_name(self._stream)
            raise self._limits.error(name, f"a line has more than {most:,} characters")
        # Files that were put one behind the other have byte order marks within.
        return line.removeprefix("\ufeff")


def read_whole(stream: io.BufferedReader) -> bytes:
    """Read all of a file that :func:`open_bytes` opened.

    Raises
    ------
    InputError
        If it has more bytes than ``whole`` of :class:`~dnatag.formats.io.limits.Limits`.
    """
    most = limits().whole
    data = stream.read(most + 1)
    if len(data) > most:
        raise limits().error(display_name(stream), f"has more than {most:,} bytes")
    return data


def read_decoded(path: Source, encoding: str) -> str:
    """Read all of a text; line ends and a byte order mark stay as they are.

    Parameters
    ----------
    path
        The file, plain or compressed, or "-" for standard input.
    encoding
        Name of its character encoding.

    Raises
    ------
    InputError
        If it cannot be read, is not in its encoding, or there is no such encoding.
    """
    name = display_name(path)
    with open_bytes(path) as stream:
        try:
            return read_whole(stream).decode(encoding)
        except LookupError:
            raise InputError(f"{name}: cannot read: no encoding '{encoding}' is known") from None
        except UnicodeError:
            raise InputError(f"{name}: is not {encoding}; {NAME_ENCODING}") from None


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


def _now(stream: Any, buffer: Any) -> int:
    """Read what a stream has now, and wait for more only if it has nothing.

    Unlike ``readinto1``, which waits for a large buffer even where a few bytes are there.
    """
    data = stream.read1(len(buffer))
    buffer[: len(data)] = data
    return len(data)


class _Rewound(io.RawIOBase):
    def __init__(self, head: bytes, rest: io.BufferedIOBase, close: bool) -> None:
        self.name = getattr(rest, "name", "")
        self.taken = 0  # bytes read so far
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
        else:
            n = _now(self._rest, buffer)
        self.taken += n
        return n

    def close(self) -> None:
        if self._close and not self.closed:
            self._rest.close()
        super().close()


class _Guard(io.RawIOBase):
    """Turns failures to read or decompress into :class:`InputError`."""

    def __init__(self, inner: Any, source: BinaryIO, name: str, kind: str | None) -> None:
        self.name = name
        self._inner = inner
        self._source = source
        self._kind = kind
        self._limits = limits()
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        n = self._read(buffer)
        self._given += n
        if self._kind is not None and self._given > self._limits.unpacked:
            packed: int = self._source.raw.taken  # type: ignore[attr-defined]
            if self._given > self._limits.expansion * packed:
                raise self._limits.error(
                    self.name,
                    f"the {self._kind} data grows more than {self._limits.expansion}-fold; if it "
                    "is meant to, unpack it",
                )
        return n

    def _read(self, buffer: Any) -> int:
        try:
            return int(self._inner.readinto(buffer)) if self._kind else _now(self._inner, buffer)
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

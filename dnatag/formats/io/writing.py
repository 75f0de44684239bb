"""Files and standard output: all or nothing, never half a file under its final name."""

from __future__ import annotations

import atexit
import gzip
import io
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, TextIO

from dnatag.errors import DnatagError, InputError
from dnatag.formats.io.reading import display_name

__all__ = ["OutputSet", "open_output", "refuse_overwriting", "write_whole"]

BLOCK = 1 << 20
#: On gene tables and posteriors, level 4 is three times as fast as 9 for 5 % larger files.
GZIP_LEVEL = 4
#: Paths that stand for an open file descriptor of this process.
DESCRIPTOR = re.compile(r"/dev/(?:std(?P<name>in|out|err)|fd/(?P<fd>\d+))|/proc/self/fd/(?P<p>\d+)")
STANDARD = {"in": 0, "err": 2}


def refuse_overwriting(
    outputs: Iterable[str | os.PathLike[str] | None],
    inputs: Iterable[str | os.PathLike[str] | None],
) -> None:
    """Refuse outputs that are inputs, or other outputs, by whatever name.

    Call it before anything is opened. Links, hard links and redirections of the standard streams
    are followed.

    Parameters
    ----------
    outputs, inputs
        Paths; "-" is standard output or input. None is passed over, and so is what does not exist
        yet or is no regular file.

    Raises
    ------
    InputError
        Naming the output.
    """
    read = {_identity(path, sys.stdin) for path in inputs}
    written: set[object] = set()
    for path in outputs:
        if path is None or (file := _identity(path, sys.stdout)) is None:
            continue
        name = "standard output" if path == "-" else display_name(path)
        if file in read:
            raise InputError(f"{name}: is an input as well; name another file for the output")
        if file in written:
            raise InputError(f"{name}: two outputs cannot go to the same file")
        written.add(file)


def _identity(path: str | os.PathLike[str] | None, standard: TextIO | None) -> object:
    """Return what files of different names have in common; None if there is no harm in it."""
    if path is None:
        return None
    try:
        about = os.stat(standard.fileno() if path == "-" and standard is not None else path)
    except (OSError, ValueError):  # it is not there yet, or no file
        return None if path == "-" else os.path.realpath(path)
    return (about.st_dev, about.st_ino) if stat.S_ISREG(about.st_mode) else None


class _Aside:
    """A file beside its target, whose place it takes when it is complete."""

    def __init__(self, target: str) -> None:
        """Create the file; raises OSError."""
        exists = os.path.exists(target)
        if exists and not os.access(target, os.W_OK):
            raise PermissionError(0, "the file there is write-protected")
        folder, base = os.path.split(target)
        self._target = target
        self._path: str | None = os.path.join(folder, f".{base[:200]}.{secrets.token_hex(8)}.part")
        _unfinished.add(self)
        self.descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        if exists:
            with suppress(OSError):
                shutil.copymode(target, self._path)

    def rename(self) -> None:
        """Let the file take the place of its target; raises OSError."""
        if self._path is not None:
            os.replace(self._path, self._target)
            self._path = None
            _unfinished.discard(self)

    def remove(self) -> None:
        """Delete the file unless it has taken its place."""
        if self._path is not None:
            with suppress(OSError):
                os.unlink(self._path)
            self._path = None
        _unfinished.discard(self)


#: What to remove when the process ends, if a signal came at a bad moment.
_unfinished: set[_Aside] = set()


@atexit.register
def _remove_unfinished() -> None:
    for aside in list(_unfinished):
        aside.remove()


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file, whole or not at all, and wait until it is on the disk.

    Parameters
    ----------
    path
        The file to write or replace.
    content
        All of it.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    aside = _Aside(os.path.realpath(path))
    try:
        with open(aside.descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.rename()
    finally:
        aside.remove()


@dataclass
class _Output:
    name: str
    text: io.TextIOWrapper
    layers: list[Any]  # to be closed after the text, from the outermost in
    sink: _Sink
    aside: _Aside | None = None
    target: str | None = None


class OutputSet:
    """Files that appear together, complete, or not at all.

    A context manager. Files are written aside, in the directory of the target, and renamed when
    the block has ended well and every one of them is complete; if anything fails, they are
    deleted and what was there before is left as it was.
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

        What has no UTF-8, such as names of files with other bytes, is written as escapes.

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
            If the path cannot be written or is open already, or its name is that of another
            compression.
        """
        path = os.fspath(path)
        target = path if path == "-" else os.path.realpath(path)
        name = "standard output" if path == "-" else path
        if any(o.name == name or o.target == target for o in self._outputs):
            raise InputError(f"{name}: two outputs cannot go to the same file")
        if path.endswith((".bz2", ".xz", ".zst")):
            raise InputError(f"{name}: outputs are compressed as .gz only; name it so, or without")
        aside = None
        try:
            match = DESCRIPTOR.fullmatch(path)
            if path == "-" or (match and match["name"] == "out"):
                descriptor: int | BinaryIO = _standard_output()
            elif match:
                descriptor = os.dup(int(match["fd"] or match["p"] or STANDARD[match["name"]]))
            elif os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
                descriptor = os.open(target, os.O_WRONLY)
            else:
                aside = _Aside(target)
                descriptor = aside.descriptor
        except OSError as error:
            raise InputError(f"{name}: cannot write: {error.strerror or error}") from None
        sink = _Sink(descriptor, name)
        layers: list[Any] = [io.BufferedWriter(sink, BLOCK)]
        if path.endswith(".gz"):
            zipped = gzip.GzipFile("", "wb", GZIP_LEVEL, fileobj=layers[0], mtime=0)
            layers.insert(0, zipped)
        text = io.TextIOWrapper(
            layers[0], encoding="utf-8", errors="backslashreplace", newline="\n"
        )
        output = _Output(name, text, layers, sink, aside, target)
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
                if output.aside is not None:
                    output.aside.remove()


@contextmanager
def open_output(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Open a single output; see :meth:`OutputSet.open`."""
    with OutputSet() as outputs:
        yield outputs.open(path)


def _standard_output() -> int | BinaryIO:
    """Descriptor of standard output, or the stream if it stands for no file (in tests)."""
    if sys.stdout is None:
        raise OSError(0, "it is closed")
    sys.stdout.flush()
    try:
        return os.dup(sys.stdout.fileno())
    except io.UnsupportedOperation:
        return sys.stdout.buffer


def _close(output: _Output) -> None:
    for layer in (output.text, *output.layers, output.sink):
        layer.close()


def _rename(output: _Output) -> None:
    if output.aside is None:
        return
    try:
        output.aside.rename()
    except OSError as error:
        reason = error.strerror or error
        raise DnatagError(f"{output.name}: cannot write: {reason}") from None


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

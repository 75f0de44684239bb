"""Labels of frames: one in each line, as MS-TCN has them, of one sequence or of several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from dnatag.errors import InputError
from dnatag.formats.io.limits import limits
from dnatag.formats.io.reading import Source, display_name, folder_of, stem
from dnatag.formats.text.jsonl import read_objects
from dnatag.formats.text.labelled import read_rows
from dnatag.formats.text.lines import numbered_lines

__all__ = [
    "HEADER",
    "UNLABELLED",
    "FrameLabels",
    "read_frame_labels",
    "read_listed_labels",
    "read_segment_objects",
    "read_segments",
    "write_frame_labels",
]

#: What stands before the name of a sequence, in a line before its labels.
HEADER = "# sequence "
#: What stands for the label of a frame that has none, of which a tagger was too unsure.
UNLABELLED = "_"


class FrameLabels(NamedTuple):
    """The labels of a sequence.

    Attributes
    ----------
    name : str
        Of the sequence; that of the file where it has only one without a name.
    labels : tuple of str
        One for each frame.
    named : bool
        Whether the file says the name, and it is not that of the file.
    """

    name: str
    labels: tuple[str, ...]
    named: bool = True


def read_frame_labels(path: Source, encoding: str = "utf-8") -> Iterator[FrameLabels]:
    """Read a label from each line; lines such as ``# sequence NAME`` begin another sequence.

    Parameters
    ----------
    path
        The file, plain or compressed, or "-" for standard input. Blank lines are passed over.
    encoding
        Name of its character encoding.

    Raises
    ------
    InputError
        If it cannot be read or has no labels, or a label has a tab, which segments cannot hold.
    """
    name, labels, began = display_name(path), list[str](), False
    title = stem(path)
    for number, line in numbered_lines(path, encoding):
        if line.startswith(HEADER):
            if began or labels:
                yield FrameLabels(title, tuple(labels))
            title, labels, began = line[len(HEADER) :].strip(), [], True
        elif label := line.strip():
            if "\t" in label:
                raise InputError(
                    f"{name}: line {number}: the label {label!r} has a tab, and tabs are between "
                    "the columns of segments; give a label in each line"
                )
            labels.append(label)
    if not (began or labels):
        raise InputError(f"{name}: has no labels of frames")
    yield FrameLabels(title, tuple(labels), named=began)


def read_listed_labels(path: Source, encoding: str = "utf-8") -> Iterator[FrameLabels]:
    """Read the labels of the sequences that a table lists: columns ``name`` and ``labels``.

    Parameters
    ----------
    path
        The table; its column ``labels`` has files, relative to its folder.
    encoding
        Name of the character encoding of all files.

    Raises
    ------
    InputError
        Naming the line of the table, if a file cannot be read or has several sequences.
    """
    name, folder = display_name(path), folder_of(path)
    titles = {"name": "name", "labels": "labels", "label": "labels"}
    for number, row in read_rows(path, ("name", "labels"), titles, encoding, titled=True):
        if "labels" not in row:
            raise InputError(f"{name}: line {number}: there is no column 'labels'")
        yield FrameLabels(
            row.get("name", ""),
            labels_of_file(folder / row["labels"], f"{name}: line {number}", encoding),
        )


def read_segments(path: Source, encoding: str = "utf-8") -> Iterator[FrameLabels]:
    """Read the labels of frames from segments: name, first frame, the one behind the last, label.

    Parameters
    ----------
    path
        The table, with tabs between columns and no titles; more columns are passed over.
    encoding
        Its character encoding.

    Raises
    ------
    InputError
        Naming file and line, if it cannot be read, or a segment does not begin where the one before
        ends.
    """
    file, name, labels = display_name(path), "", list[str]()
    for number, line in numbered_lines(path, encoding):
        if not line.strip():
            continue
        try:
            title, first, last, label = line.split("\t")[:4]
            start, end = int(first), int(last)
        except ValueError:
            raise InputError(
                f"{file}: line {number}: is no segment: name, first frame, the frame behind the "
                "last, label"
            ) from None
        if title != name:
            if labels:
                yield FrameLabels(name, tuple(labels))
            name, labels = title, []
        _extend(labels, start, end, label, f"{file}: line {number}")
    if labels:
        yield FrameLabels(name, tuple(labels))


def read_segment_objects(path: Source, encoding: str = "utf-8") -> Iterator[FrameLabels]:
    """Read the labels of frames from objects, as taggers of frames write them.

    Parameters
    ----------
    path
        JSON Lines with "id", the number of "frames", and "segments": each with "start", "end" (the
        frame behind the last) and "label".
    encoding
        Its character encoding.

    Raises
    ------
    InputError
        Naming file and line, if it cannot be read, or the segments are not all of a sequence.
    """
    file = display_name(path)
    for number, item in read_objects(path, encoding):
        where, labels = f"{file}: line {number}", list[str]()
        try:
            name, frames = str(item["id"]), int(item["frames"])
            segments = [(int(s["start"]), int(s["end"]), str(s["label"])) for s in item["segments"]]
        except (KeyError, TypeError, ValueError):
            raise InputError(
                f'{where}: must have "id", "frames" and "segments", each with "start", "end" and '
                '"label"'
            ) from None
        for start, end, label in segments:
            _extend(labels, start, end, label, where)
        if len(labels) != frames:
            raise InputError(f"{where}: {name} has {frames} frames, its segments {len(labels)}")
        yield FrameLabels(name, tuple(labels))


def _extend(labels: list[str], start: int, end: int, label: str, where: str) -> None:
    """Add a segment to the labels before it.

    Raises
    ------
    InputError
        Beginning with `where`, if it does not begin where they end, or is absurdly long.
    """
    if start != len(labels) or end <= start:
        raise InputError(
            f"{where}: the segment is of frames {start} to {end}, and the one before ends at "
            f"{len(labels)}; give all segments of a sequence, in order"
        )
    if end > limits().samples:
        raise limits().error(where, f"the segment ends at frame {end:,}")
    labels += [label] * (end - start)


def labels_of_file(path: Path, where: str, encoding: str = "utf-8") -> tuple[str, ...]:
    """Read the labels of the one sequence of a file.

    Raises
    ------
    InputError
        Beginning with `where`, if it cannot be read or has several sequences.
    """
    try:
        found = list(read_frame_labels(path, encoding))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if len(found) > 1:
        raise InputError(
            f"{where}: {path} has labels of {len(found)} sequences; name one file each"
        )
    return found[0].labels


def write_frame_labels(handle: TextIO, name: str | None, labels: Sequence[str]) -> None:
    """Write a label in each line, after the name of the sequence if there is one."""
    if name is not None:
        handle.write(f"{HEADER}{name}\n")
    handle.writelines(f"{label}\n" for label in labels)

"""Music as chords in equal steps: MIDI files and piano rolls."""

from __future__ import annotations

import io
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from dnatag.errors import InputError
from dnatag.extras import require
from dnatag.formats.io.limits import limits
from dnatag.formats.io.reading import Source, display_name, open_bytes, stem

__all__ = ["HIGHEST", "LOWEST", "Piece", "midi_of", "read_midi", "read_rolls", "roll_of"]

#: The keys of a piano as MIDI numbers: A0 to C8.
LOWEST, HIGHEST = 21, 108
#: Ticks of a quarter note in files that are written.
TICKS = 480


class Piece(NamedTuple):
    """A piece of music.

    Attributes
    ----------
    name : str
        Its name.
    chords : tuple of tuple of int
        For each step the notes that sound, as MIDI numbers from 21 to 108, lowest first.
    """

    name: str
    chords: tuple[tuple[int, ...], ...]


def read_midi(path: Source, steps: int) -> Iterator[Piece]:
    """Read a MIDI file; drums are left out.

    Parameters
    ----------
    path
        The file, plain or compressed, or "-" for standard input.
    steps
        Steps of a quarter note; notes begin and end at the nearest. Of shorter ones that follow
        each other within a step the nearest to it sounds.

    Raises
    ------
    InputError
        If it is no MIDI file that can be read, or has no notes, or some that no piano has.
    DnatagError
        If mido is not installed.
    """
    mido, name = require("mido", "music", "a MIDI file"), display_name(path)
    with open_bytes(path) as stream:
        bounds = limits()
        data = stream.read(bounds.midi + 1)
        if len(data) > bounds.midi:
            raise bounds.error(name, f"a MIDI file of more than {bounds.midi:,} bytes")
        try:
            file = mido.MidiFile(file=io.BytesIO(data))
            if file.type == 2:
                raise InputError(f"{name}: has independent pieces (MIDI of type 2); split them")
            notes = list(_notes(file, steps))
            length = _length(file, steps)
        except (OSError, EOFError, ValueError, LookupError) as error:
            why = str(error) or "it ends early"
            raise InputError(f"{name}: is no MIDI file that can be read: {why}") from None
    if not notes:
        raise InputError(f"{name}: has no notes")
    _check_range((note for note, _, _ in notes), name)
    length = max(length, *(end for _, _, end in notes))
    if length > bounds.steps:
        raise bounds.error(name, f"a piece of {length:,} steps")
    roll = np.zeros((length, HIGHEST + 1), bool)
    for note, first, end in notes:
        roll[first:end, note] = True
    chords = (np.flatnonzero(row).tolist() for row in roll)
    yield Piece(stem(path), tuple(map(tuple, chords)))


def read_rolls(path: Source) -> Iterator[Piece]:
    """Read piano rolls: an array of shape (steps, 88 or 128), or an archive of such.

    Parameters
    ----------
    path
        ``.npy`` or ``.npz``; what is above 0 sounds. The 88 columns are the keys of a piano, 128
        are MIDI numbers.

    Raises
    ------
    InputError
        Naming file and array, if it cannot be read, has another number of columns, or notes that
        no piano has.
    """
    from dnatag.formats.arrays import read_archive, read_array
    from dnatag.formats.registry import recognise

    stream, format = recognise(path, ("npy", "npz"), "wanted are piano rolls (.npy, .npz)")
    read = read_array if format.name == "npy" else read_archive
    name = display_name(path)
    for frames in read(stream):
        roll = frames.features > 0
        if roll.shape[1] not in (88, 128):
            raise InputError(
                f"{name}: {frames.name}: has {roll.shape[1]} columns; a piano roll has 88 or 128"
            )
        first = LOWEST if roll.shape[1] == 88 else 0
        chords = tuple(tuple((np.flatnonzero(row) + first).tolist()) for row in roll)
        _check_range(chain.from_iterable(chords), f"{name}: {frames.name}")
        yield Piece(frames.name, chords)


def roll_of(chords: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the piano roll of chords, uint8 (steps, 88)."""
    roll = np.zeros((len(chords), HIGHEST - LOWEST + 1), np.uint8)
    for row, chord in zip(roll, chords, strict=True):
        row[np.array(chord, int) - LOWEST] = 1
    return roll


def midi_of(chords: Sequence[Sequence[int]], steps: int, tempo: float) -> bytes:
    """Return the content of a MIDI file; a note that goes on in the next step is held.

    Parameters
    ----------
    chords
        Notes of each step.
    steps
        Steps of a quarter note.
    tempo
        Quarter notes in a minute.

    Raises
    ------
    DnatagError
        If mido is not installed.
    """
    mido = require("mido", "music", "a MIDI file")
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo), time=0))
    before: set[int] = set()
    written = 0  # ticks up to the last event
    for step, chord in enumerate([*map(set, chords), set[int]()]):
        now = round(step * TICKS / steps)
        events = [("note_off", n) for n in sorted(before - chord)]
        events += [("note_on", n) for n in sorted(chord - before)]
        for kind, note in events:
            track.append(mido.Message(kind, note=note, velocity=80, time=now - written))
            written = now
        before = chord
    end = round(len(chords) * TICKS / steps)
    track.append(mido.MetaMessage("end_of_track", time=end - written))
    file = mido.MidiFile(ticks_per_beat=TICKS, type=0)
    file.tracks.append(track)
    content = io.BytesIO()
    file.save(file=content)
    return content.getvalue()


def _notes(file: Any, steps: int) -> Iterator[tuple[int, int, int]]:
    """Yield the notes of a file: number, first step, and the step behind the last.

    A note that is struck again sounds until it was ended as often; one that is never ended, to the
    end of its track.
    """
    if file.ticks_per_beat <= 0:  # time by frames of film, or damage
        raise ValueError(f"a quarter note has {file.ticks_per_beat} ticks")
    ticks = file.ticks_per_beat / steps
    for track in file.tracks:
        ended, time = list[tuple[int, int, int]](), 0
        # When those that sound began, of each channel and note: first to begin, first to end.
        open_: dict[tuple[int, int], list[int]] = {}
        for message in track:
            time += message.time
            if message.type not in ("note_on", "note_off") or message.channel == 9:
                continue
            begun = open_.setdefault((message.channel, message.note), [])
            if message.type == "note_on" and message.velocity:
                begun.append(time)
            elif begun:
                ended.append((message.note, begun.pop(0), time))
        ended += [(note, t, time) for (_, note), begun in open_.items() for t in begun]
        yield from _in_steps(ended, ticks)


def _check_range(notes: Iterable[int], where: str) -> None:
    """Refuse notes that no piano has."""
    outside = next((note for note in notes if not LOWEST <= note <= HIGHEST), None)
    if outside is not None:
        raise InputError(
            f"{where}: has the note {outside}, and a piano has {LOWEST} to {HIGHEST} (MIDI); "
            "transpose it or take it out"
        )


def _in_steps(notes: list[tuple[int, int, int]], ticks: float) -> Iterator[tuple[int, int, int]]:
    """Yield first and last steps of the notes of a track, given where they begin and end in ticks.

    Notes that are shorter than a step have one, but those that follow each other within it, as in
    a run, do not sound together: the one nearest to the step does.
    """
    placed = []
    rivals: dict[int, list[tuple[float, int, int]]] = {}  # what is in the steps of short notes
    for note, begin, end in notes:
        first = _nearest(begin / ticks)
        placed.append((note, begin, end, first, max(_nearest(end / ticks), first + 1)))
        if end - begin < ticks:
            rivals[first] = []
    steps = sorted(rivals)
    for _, begin, end, first, last in placed:
        for step in steps[bisect_left(steps, first) : bisect_left(steps, last)]:
            rivals[step].append((_distance(begin, end, step * ticks), begin, end))
    for note, begin, end, first, last in placed:
        own = (_distance(begin, end, first * ticks), begin, end)
        apart = (o for o in rivals.get(first, ()) if o[1] >= end or o[2] <= begin)
        if end - begin >= ticks or not any(other < own for other in apart):
            yield note, first, last


def _nearest(step: float) -> int:
    return int(step + 0.5)


def _distance(begin: int, end: int, time: float) -> float:
    """Return how far a note is from a time, 0 if it sounds then; at its end it does no longer."""
    return max(begin - time, time - end + 1, 0.0)


def _length(file: Any, steps: int) -> int:
    """Return the steps of a file, with those behind its last note that are silent."""
    ends = (sum(message.time for message in track) for track in file.tracks)
    ticks: int = max(ends, default=0)
    per_quarter: int = file.ticks_per_beat
    return round(ticks * steps / per_quarter)

"""MIDI files and piano rolls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnatag.domains.music.settings import MOST_STEPS
from dnatag.errors import InputError
from dnatag.formats.midi import midi_of, read_midi, read_rolls, roll_of

mido = pytest.importorskip("mido")

#: A note of so many ticks as a number in MIDI can be, of which a quarter note has one.
LONG = (
    b"MThd\0\0\0\6\0\0\0\1\0\1MTrk\0\0\0\x0f\0\x90\x3c\x40\xff\xff\xff\x7f\x80\x3c\x40\0\xff\x2f\0"
)
CHORDS = ((60, 64, 67), (60, 65), (), (21,), (108,), (108,), (), ())


@pytest.mark.parametrize("steps", [1, 4, 12, 29, 47])
def test_there_and_back(tmp_path: Path, steps: int) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(midi_of(CHORDS, steps, 100))
    (piece,) = read_midi(path, steps)
    assert (piece.name, piece.chords) == ("a", CHORDS)
    file = mido.MidiFile(path)
    assert file.length == pytest.approx(len(CHORDS) / steps * 60 / 100, rel=0.01)
    # The 60 that goes on is held, and so is the last note.
    ons = [m.note for m in file if m.type == "note_on"]
    assert ons == [60, 64, 67, 65, 21, 108]


@pytest.mark.parametrize("steps", range(1, MOST_STEPS + 1))
def test_no_step_drifts(tmp_path: Path, steps: int) -> None:
    chords = tuple((60 + i % 2,) for i in range(300))
    path = tmp_path / "a.mid"
    path.write_bytes(midi_of(chords, steps, 100))
    (piece,) = read_midi(path, steps)
    assert piece.chords == chords


@pytest.mark.parametrize(
    ("events", "chords"),
    [
        # Two voices in unison: the first one's end is not the second one's.
        ([("on", 0, 0), ("on", 1, 0), ("off", 0, 1), ("off", 1, 3)], "xxx"),
        # Struck again before it ended.
        ([("on", 0, 0), ("on", 0, 1), ("off", 0, 2), ("off", 0, 4)], "xxxx"),
        ([("on", 0, 0), ("off", 0, 1), ("off", 0, 2), ("on", 0, 3), ("off", 0, 4)], "x..x"),
        # Never ended, to the end of the track; what was ended sounds no longer.
        ([("on", 0, 1), ("end", 0, 3)], ".xx"),
        ([("on", 0, 0), ("off", 0, 1), ("end", 0, 3)], "x.."),
    ],
)
def test_which_end_is_of_which_note(
    tmp_path: Path, events: list[tuple[str, int, int]], chords: str
) -> None:
    """Events are at steps; the note is always 60."""
    track, before = mido.MidiTrack(), 0
    for kind, channel, step in events:
        waited, before = 480 * (step - before), step
        if kind == "end":
            track.append(mido.MetaMessage("end_of_track", time=waited))
        else:
            track.append(mido.Message(f"note_{kind}", note=60, channel=channel, time=waited))
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(track)
    file.save(tmp_path / "a.mid")
    (piece,) = read_midi(tmp_path / "a.mid", 1)
    assert piece.chords == tuple((60,) if sounds == "x" else () for sounds in chords)


@pytest.mark.parametrize(
    ("notes", "chords"),
    [
        # A run of sixteenths in steps of a quarter, over a note that is held.
        ([(48, 0, 1920), *((60 + i, 120 * i, 120 * (i + 1)) for i in range(14))],
         [(48, 60), (48, 64), (48, 68), (48, 72)]),
        # Eighths in pairs, two voices; a chord of short notes.
        ([(60, 0, 240), (62, 240, 480), (64, 0, 240), (65, 240, 480), (67, 480, 500),
          (71, 480, 520)], [(60, 64), (67, 71)]),
        # Early, late, and between two steps.
        ([(60, 470, 500), (62, 1000, 1040), (64, 1180, 1200)], [(), (60,), (62,)]),
    ],
)  # fmt: skip
def test_notes_that_are_shorter_than_a_step(
    tmp_path: Path, notes: list[tuple[int, int, int]], chords: list[tuple[int, ...]]
) -> None:
    """Notes are number, begin and end in ticks, of which a step has 480."""
    events = sorted((t, kind, note) for note, *times in notes
                    for t, kind in zip(times, ("note_on", "note_off"), strict=True))  # fmt: skip
    track, before = mido.MidiTrack(), 0
    for time, kind, note in events:
        track.append(mido.Message(kind, note=note, time=time - before))
        before = time
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(track)
    file.save(tmp_path / "a.mid")
    (piece,) = read_midi(tmp_path / "a.mid", 1)
    assert list(piece.chords) == chords


def test_what_is_left_out(tmp_path: Path) -> None:
    track = mido.MidiTrack(
        [
            mido.Message("note_on", note=40, velocity=80, channel=9, time=0),
            mido.Message("note_on", note=62, velocity=80, channel=9, time=0),
            mido.Message("note_on", note=60, velocity=80, time=0),
            mido.Message("note_on", note=60, velocity=0, time=200),
            mido.Message("note_off", note=62, channel=9, time=280),
        ]
    )
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(track)
    file.save(tmp_path / "a.mid")
    (piece,) = read_midi(tmp_path / "a.mid", 4)
    assert piece.chords == ((60,), (60,), (), ())  # the time of what is left out is there


def test_notes_that_no_piano_has(tmp_path: Path) -> None:
    track = mido.MidiTrack([mido.Message("note_on", note=60), mido.Message("note_on", note=110)])
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(track)
    file.save(tmp_path / "a.mid")
    with pytest.raises(InputError, match=r"a\.mid: has the note 110, and a piano has 21 to 108"):
        list(read_midi(tmp_path / "a.mid", 4))
    np.save(tmp_path / "a.npy", np.eye(128, dtype=bool)[[60, 20]])
    with pytest.raises(InputError, match=r"a\.npy: a: has the note 20, and a piano has"):
        list(read_rolls(tmp_path / "a.npy"))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"MThd", "is no MIDI file that can be read"), (midi_of([()], 4, 80), "has no notes"),
     (midi_of(CHORDS, 4, 80)[:40], "is no MIDI file that can be read"),
     (midi_of(CHORDS, 4, 80).replace(b"\x01\xe0MTrk", b"\0\0MTrk"),
      "is no MIDI file that can be read: a quarter note has 0 ticks"),
     (midi_of(CHORDS, 4, 80).replace(b"\0\0\0\x06\0\0", b"\0\0\0\x06\0\2"),
      r"has independent pieces \(MIDI of type 2\)"),
     (midi_of(CHORDS, 4, 80).replace(b"\x01\xe0MTrk", b"\0\1MTrk") + b"x" * 4_000_000,
      "a MIDI file of more than 4,000,000 bytes; set DNATAG_LIMITS=10"),
     (LONG, "a piece of 1,073,741,820 steps; set DNATAG_LIMITS=10")],
)  # fmt: skip
def test_bad_files(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.mid").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.mid: {message}"):
        list(read_midi(tmp_path / "a.mid", 4))


def test_rolls(tmp_path: Path) -> None:
    roll = roll_of(CHORDS)
    assert roll.shape == (8, 88)
    np.savez(tmp_path / "a.npz", one=roll > 0, two=np.pad(roll, ((0, 0), (21, 19))))
    pieces = list(read_rolls(tmp_path / "a.npz"))
    assert [(p.name, p.chords) for p in pieces] == [("one", CHORDS), ("two", CHORDS)]
    np.save(tmp_path / "b.npy", roll[:, :50])
    with pytest.raises(InputError, match=r"b\.npy: b: has 50 columns; a piano roll has 88 or 128"):
        list(read_rolls(tmp_path / "b.npy"))

"""Recordings: files, folders, manifests, and what is no sound."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dnatag.errors import InputError
from dnatag.formats.audio import (
    ENDINGS,
    Recording,
    read_audio,
    read_folder,
    read_manifest,
    samples_of,
)
from dnatag.formats.registry import recognise

soundfile = pytest.importorskip("soundfile")

RATE = 8000
TONE = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32) / 2
#: Formats and codings of endings that soundfile does not know.
NAMES = {
    "opus": ("OGG", "OPUS"), "oga": ("OGG", None), "aif": ("AIFF", None), "aifc": ("AIFF", None),
    "sph": ("NIST", "PCM_16"),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b").mkdir()
    soundfile.write(tmp_path / "a.wav", TONE, RATE)
    soundfile.write(tmp_path / "b" / "c.flac", TONE[: RATE // 2], RATE)
    (tmp_path / "notes.txt").write_text("no sound")
    return tmp_path


@pytest.mark.parametrize("ending", [ending[1:] for ending in ENDINGS])
def test_formats(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    format, subtype = NAMES.get(ending, (None, None))
    soundfile.write(path, TONE, RATE, format=format, subtype=subtype)
    stream, found_format = recognise(path, ("audio",), "sound")
    stream.close()
    assert found_format.name == "audio"
    (recording,) = read_folder(tmp_path)
    found = samples_of(recording, RATE)
    assert found.dtype == np.float32
    assert len(found) == len(TONE)
    assert np.corrcoef(found, TONE)[0, 1] > 0.98


def test_rate_and_channels(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([TONE, 0 * TONE], 1), RATE)
    found = samples_of(Recording(str(path), "a"), 2 * RATE)
    assert len(found) == 2 * len(TONE)
    expected = np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / (2 * RATE)) / 4
    assert np.abs(found - expected)[200:-200].max() < 0.01


def test_channels_that_cancel_each_other_out(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([TONE / 2, -TONE / 2.1, 0 * TONE], 1), RATE, subtype="FLOAT")
    assert np.array_equal(samples_of(Recording(str(path), "a"), RATE), TONE / 2)
    eight = np.stack([TONE] + 7 * [0 * TONE], 1)
    soundfile.write(path, eight, RATE, subtype="FLOAT")
    assert np.array_equal(samples_of(Recording(str(path), "a"), RATE), eight.mean(1))


def test_a_damaged_recording_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF" + bytes(100))
    recognise(path, ("audio",), "sound")[0].close()
    with pytest.raises(InputError, match=r"a\.wav: is no audio that can be read"):
        [samples_of(one, RATE) for one in read_audio(path)]


def test_folder(folder: Path) -> None:
    expected = [str(folder / "a.wav"), str(folder / "b" / "c.flac")]
    # As systems and programs keep there.
    (folder / ".cache").mkdir()
    for name in ("._a.wav", ".cache/d.wav"):
        (folder / name).write_bytes(bytes(9))
    assert [one.name for one in read_folder(folder)] == expected
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: has no audio files \(\.wav, "):
        list(read_folder(folder / "empty"))


def test_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    item = {"audio_filepath": "b/c.flac", "duration": 0.5, "text": "yes no"}
    path.write_text(json.dumps(item) + "\n")
    stream, format = recognise(path, ("manifest", "jsonl"), "text")
    stream.close()
    assert format.name == "manifest"
    (recording,) = read_manifest(path)
    assert (recording.name, recording.text, recording.source) == ("b/c.flac", "yes no", item)
    assert len(samples_of(recording, RATE)) == RATE // 2


@pytest.mark.parametrize("ending", ["wav", "flac"])
@pytest.mark.parametrize(
    ("times", "first", "last"),
    [({"offset": 0.25, "duration": 0.5}, RATE // 4, 3 * RATE // 4),
     ({"offset": 0.75}, 3 * RATE // 4, RATE),
     ({"offset": 0.75, "duration": 0.375}, 3 * RATE // 4, RATE),
     ({"duration": 0.125}, 0, RATE // 8),
     ({"offset": 0, "duration": None}, 0, RATE)],
)  # fmt: skip
def test_stretches_of_files(
    tmp_path: Path, ending: str, times: dict[str, float], first: int, last: int
) -> None:
    soundfile.write(tmp_path / f"a.{ending}", TONE, RATE)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"audio_filepath": f"a.{ending}", **times}) + "\n")
    (recording,) = read_manifest(path)
    whole = samples_of(Recording(str(tmp_path / f"a.{ending}"), "a"), RATE)
    assert np.array_equal(samples_of(recording, RATE), whole[first:last])


def test_a_stretch_behind_the_end(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text('{"audio_filepath": "a.wav", "offset": 1}\n')
    (recording,) = read_manifest(path)
    message = "line 1: a.wav: begins at 1 seconds, and the file ends at 1$"
    with pytest.raises(InputError, match=message):
        samples_of(recording, RATE)


def test_a_stretch_that_is_longer_than_its_file(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text('{"audio_filepath": "a.wav", "offset": 0.75, "duration": 9}\n')
    (recording,) = read_manifest(path)
    message = r"line 1: a\.wav: has 0\.25 seconds, where the manifest says 9$"
    with pytest.raises(InputError, match=message):
        samples_of(recording, RATE)


@pytest.mark.parametrize("ending", ["wav", "aiff", "au", "w64"])
def test_files_that_are_cut_off(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, TONE, RATE)
    content = path.read_bytes()
    (whole,) = read_audio(path)
    assert len(samples_of(whole, RATE)) == RATE
    # A few bytes less are careless writers' work.
    for part, refused in ((content[:-20], False), (content[: len(content) // 2], True)):
        path.write_bytes(part)
        (recording,) = read_audio(path)
        if refused:
            with pytest.raises(InputError, match=rf"a\.{ending}: is cut off: has \d+ of \d+ bytes"):
                samples_of(recording, RATE)
        else:
            assert len(samples_of(recording, RATE)) >= 0.99 * RATE


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x80000000, 0x7FFFFFFF])
def test_a_stream_of_unknown_length_is_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, TONE, RATE)
    content = bytearray(path.read_bytes())
    for place in (4, content.index(b"data") + 4):
        content[place : place + 4] = size.to_bytes(4, "little")
    assert len(samples_of(Recording(bytes(content), "a"), RATE)) == RATE


@pytest.mark.parametrize(
    ("line", "message"),
    [("{}", 'line 1: names no audio file \\("audio_filepath"\\)'),
     ('{"audio_filepath": "https://x.org/a.wav"}',
      "line 1: https://x.org/a.wav is an address, and none is fetched"),
     ('{"audio_filepath": "a.wav", "text": 3}', 'line 1: "text" is not a string'),
     ('{"audio_filepath": "a.wav", "offset": -1}', 'line 1: "offset" is no number of seconds'),
     ('{"audio_filepath": "a.wav", "offset": "3"}', 'line 1: "offset" is no number of seconds'),
     ('{"audio_filepath": "a.wav", "offset": true}', 'line 1: "offset" is no number of seconds'),
     ('{"audio_filepath": "a.wav", "duration": -2}', 'line 1: "duration" is no number of seconds'),
     ('{"audio_filepath": "a.wav", "duration": 0}', 'line 1: "duration" is 0; leave it out')],
)  # fmt: skip
def test_bad_manifests(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "m").write_text(line)
    with pytest.raises(InputError, match=message):
        list(read_manifest(tmp_path / "m"))


def test_what_is_no_sound(folder: Path) -> None:
    soundfile.write(folder / "empty.wav", np.zeros(0, np.float32), RATE)
    (folder / "broken.wav").write_bytes((folder / "a.wav").read_bytes()[:20])
    for name, message in (
        ("empty.wav", "has no sound at all, 0 seconds"),
        ("broken.wav", "is no audio that can be read"),
        ("notes.txt", "is no audio that can be read"),
        ("none.wav", "cannot read: there is no file"),
    ):
        with pytest.raises(InputError, match=f"x: {message}"):
            samples_of(Recording(str(folder / name), "x", where="x"), RATE)


def test_recordings_without_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNATAG_LIMITS", "0.00004")  # 10,000 samples
    (recording,) = read_audio(folder / "a.wav")
    assert len(samples_of(recording, RATE)) == RATE
    for rate in (2 * RATE, 10**9):  # as they are, and as they become
        with pytest.raises(InputError, match=r"a\.wav: the recording has more than 10,000 samples"):
            samples_of(recording, rate)
    monkeypatch.setenv("DNATAG_LIMITS", "0.00001")
    with pytest.raises(InputError, match=r"a\.wav: the recording has more than 2,500 samples"):
        samples_of(recording, RATE // 8)


def test_blocks_are_put_together(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (1_500_001, 3)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", noise, RATE, subtype="FLOAT")
    (recording,) = read_audio(tmp_path / "a.wav")
    assert np.array_equal(samples_of(recording, RATE), noise.mean(1))

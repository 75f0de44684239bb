"""Recordings: audio files, folders of them, and manifests as NeMo has them."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dnatag.errors import InputError
from dnatag.extras import require
from dnatag.formats.io.limits import limits
from dnatag.formats.io.reading import Source, display_name, folder_of, open_bytes
from dnatag.formats.text.jsonl import read_objects

__all__ = ["ENDINGS", "Recording", "read_audio", "read_folder", "read_manifest", "samples_of"]

#: What the names of audio files in a folder end in.
ENDINGS = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".caf",
    ".w64", ".sph",
)  # fmt: skip
#: How many seconds less than a manifest says a recording may have.
_SLACK = 0.25
#: What libsndfile remarks where a header promises more bytes than follow. Those of streams, whose
#: length was not known when they began, promise 2 GB and more.
_CUT_OFF, _STREAM = re.compile(r": (\d+) \(should be (\d+)\)"), 2_000_000_000
#: How an address on the internet begins.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
#: Numbers that are read at once, of all channels.
_BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording that is read when its samples are asked for.

    Parameters
    ----------
    path : str or bytes
        The file, or its content.
    name : str
        What results call it.
    text : str or None
        What is said, if a manifest has it.
    source : dict or None
        The object of the manifest.
    where : str
        File and line, for messages.
    offset : float
        Where it begins in the file, in seconds.
    duration : float or None
        How many seconds of the file it has, at most; None: all that follow.
    """

    path: str | bytes
    name: str
    text: str | None = None
    source: dict[str, Any] | None = None
    where: str = ""
    offset: float = 0.0
    duration: float | None = None


def read_audio(path: Source, encoding: str = "utf-8") -> Iterator[Recording]:
    """Take an audio file, or "-" for standard input, as one recording."""
    name = display_name(path)
    if isinstance(path, str | Path) and path != "-":
        yield Recording(str(path), name, where=name)
        return
    with open_bytes(path) as stream:
        yield Recording(stream.read(), name, where=name)


def read_folder(path: str | Path) -> Iterator[Recording]:
    """Take the audio files of a folder, and of those in it, by their names.

    Names that begin with a dot are passed over: they are of programs and systems.

    Raises
    ------
    InputError
        If there are none.
    """
    folder = Path(path)
    found = sorted(
        p
        for p in folder.rglob("*")
        if p.suffix.lower() in ENDINGS
        and not any(part.startswith(".") for part in p.relative_to(folder).parts)
        and p.is_file()
    )
    if not found:
        raise InputError(f"{path}: has no audio files ({', '.join(ENDINGS)})")
    for file in found:
        yield Recording(str(file), str(file), where=str(file))


def read_manifest(path: Source, encoding: str = "utf-8") -> Iterator[Recording]:
    """Read objects such as ``{"audio_filepath": "a.wav", "duration": 2.1, "text": "yes"}``.

    As NeMo has it, a recording is so many seconds ("duration") of its file from "offset" on.

    Parameters
    ----------
    path
        The manifest; audio files are relative to its folder.
    encoding
        Its character encoding.

    Raises
    ------
    InputError
        Naming file and line, if an object names no audio file, its text is no string, or its times
        are no numbers of seconds.
    """
    name = display_name(path)
    folder = folder_of(path)
    for number, item in read_objects(path, encoding):
        where = f"{name}: line {number}"
        file, text = item.get("audio_filepath"), item.get("text")
        if not isinstance(file, str) or not file:
            raise InputError(f'{where}: names no audio file ("audio_filepath")')
        if _ADDRESS.match(file):
            raise InputError(f"{where}: {file} is an address, and none is fetched; download it")
        if text is not None and not isinstance(text, str):
            raise InputError(f'{where}: "text" is not a string')
        offset, duration = (_seconds(item, key, where) for key in ("offset", "duration"))
        if duration == 0:
            raise InputError(f'{where}: "duration" is 0; leave it out for all of the file')
        yield Recording(
            str(folder / file), file, text, item, f"{where}: {file}", offset or 0.0, duration
        )


def _seconds(item: dict[str, Any], key: str, where: str) -> float | None:
    """Return a time of an object of a manifest, None if it has none."""
    value = item.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise InputError(f'{where}: "{key}" is no number of seconds')
    return float(value)


def samples_of(recording: Recording, rate: int) -> np.ndarray:
    """Read the samples of a recording; channels are averaged, and another rate is converted.

    Of channels that cancel each other out, as those of opposite phase do, the loudest is taken.

    Parameters
    ----------
    recording : Recording
        The recording.
    rate : int
        Samples per second that are wanted.

    Returns
    -------
    numpy.ndarray
        float32 (samples,), from -1 to 1.

    Raises
    ------
    InputError
        If it cannot be read or has no samples.
    DnatagError
        If soundfile or soxr is not installed.
    """
    soundfile, soxr = (require(name, "speech", "audio") for name in ("soundfile", "soxr"))
    source = recording.path
    if isinstance(source, str) and not Path(source).is_file():
        raise InputError(f"{recording.where}: cannot read: there is no file {source}")
    try:
        with soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else source) as f:
            own = f.samplerate
            _check_whole(f, recording.where)
            if recording.offset:
                _seek(f, recording)
            wanted = math.inf if recording.duration is None else round(recording.duration * own)
            mono = _mono(f, recording.where, max(rate / own, 1.0), wanted)
    except (soundfile.LibsndfileError, RuntimeError, OSError, ZeroDivisionError) as error:
        raise InputError(f"{recording.where}: is no audio that can be read: {error}") from None
    if not len(mono):
        raise InputError(f"{recording.where}: has no sound at all, 0 seconds")
    if recording.duration is not None and len(mono) < (recording.duration - _SLACK) * own:
        raise InputError(
            f"{recording.where}: has {len(mono) / own:.2f} seconds, where the manifest says "
            f"{recording.duration:g}"
        )
    if not np.isfinite(mono).all():
        raise InputError(f"{recording.where}: has samples that are not finite")
    if own != rate:
        mono = soxr.resample(mono, own, rate)
    result: np.ndarray = np.ascontiguousarray(mono, np.float32)
    return result


def _check_whole(file: Any, where: str) -> None:
    """Refuse an open file with fewer bytes of samples than its header promises.

    Raises
    ------
    InputError
        If a hundredth of them or more is missing.
    """
    for promised, there in _CUT_OFF.findall(file.extra_info):
        if int(there) < 0.99 * int(promised) and int(promised) < _STREAM:
            raise InputError(
                f"{where}: is cut off: has {there} of {promised} bytes; get it again, or convert "
                "what there is of it (ffmpeg, sox)"
            )


def _seek(file: Any, recording: Recording) -> None:
    """Go to where a recording begins in its file.

    Raises
    ------
    InputError
        If that is behind its end.
    """
    rate = file.samplerate
    if recording.offset * rate >= file.frames:
        raise InputError(
            f"{recording.where}: begins at {recording.offset:g} seconds, and the file ends at "
            f"{file.frames / rate:g}"
        )
    file.seek(int(recording.offset * rate))


def _mono(file: Any, where: str, growth: float, wanted: float) -> np.ndarray:
    """Mix the channels of an open file, by blocks: what its header promises may lie.

    Parameters
    ----------
    file : soundfile.SoundFile
        The file.
    where : str
        File and line, for messages.
    growth : float
        How many samples each will become, if more than one.
    wanted : float
        How many samples to read, at most.

    Raises
    ------
    InputError
        If there are more samples than the limits allow.
    """
    bounds, size = limits(), max(_BLOCK // file.channels, 1)
    blocks = [np.zeros(0, np.float32)]
    count = 0
    while len(block := file.read(int(min(size, wanted - count)), "float32", always_2d=True)):
        count += len(block)
        if count * growth > bounds.samples:
            raise bounds.error(where, f"the recording has more than {bounds.samples:,} samples")
        blocks.append(_mixed(block))
    return np.concatenate(blocks)


def _mixed(block: np.ndarray) -> np.ndarray:
    """Return the mean of channels, or the loudest one where they cancel each other out."""
    mean: np.ndarray = block.mean(1)
    with np.errstate(over="ignore", invalid="ignore"):
        powers = np.square(block).mean(0)
        loudest = int(powers.argmax())
        # The mean of one that sounds and others that are silent.
        alone = powers[loudest] / block.shape[1] ** 2
        cancelled = np.square(mean).mean() < alone / 10
    return block[:, loudest].copy() if cancelled else mean

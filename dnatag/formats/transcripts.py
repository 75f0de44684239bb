"""Transcripts: text, JSON Lines, CTM and SRT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TextIO

from dnatag.formats.text.jsonl import write_object

if TYPE_CHECKING:
    from dnatag.formats.audio import Recording

__all__ = ["WRITERS", "SpokenWord", "Transcript", "captions", "write_transcript"]

WRITERS = ("text", "jsonl", "ctm", "srt")
#: A caption ends after so many seconds or characters, and at a pause of so many seconds.
SECONDS, CHARACTERS, PAUSE = 5.0, 42, 0.8


class SpokenWord(NamedTuple):
    """A word and when it is said.

    Parameters
    ----------
    word : str
        The word.
    start, end : float
        In seconds from the beginning of the recording.
    score : float
        Its probability.
    """

    word: str
    start: float
    end: float
    score: float


class Transcript(NamedTuple):
    """What is said in a recording.

    Attributes
    ----------
    text : str
        The words with single spaces between.
    words : list of SpokenWord
        In order.
    duration : float
        Of the recording, in seconds.
    """

    text: str
    words: list[SpokenWord]
    duration: float


def write_transcript(
    handle: TextIO, target: str, recording: Recording, transcript: Transcript
) -> None:
    """Write a transcript in one of the formats; times are those of the file of the recording.

    Parameters
    ----------
    handle
        Where to write.
    target
        ``text``, a line; ``jsonl``, a NeMo manifest with "words", which keeps what the manifest of
        the recording has: beside its "text", what is found is "pred_text"; ``ctm``, a line for each
        word, as NIST has it; ``srt``, captions.
    recording
        The recording, which may begin later than its file.
    transcript
        The transcript.
    """
    name, since = recording.name, recording.offset
    spoken = [w._replace(start=w.start + since, end=w.end + since) for w in transcript.words]
    match target:
        case "text":
            handle.write(transcript.text + "\n")
        case "jsonl":
            words = [
                {
                    "word": w.word,
                    "start": round(w.start, 2),
                    "end": round(w.end, 2),
                    "score": round(w.score, 4),
                }
                for w in spoken
            ]
            item = {"audio_filepath": name, "duration": round(transcript.duration, 3)}
            item |= recording.source or {}
            item["text" if recording.text is None else "pred_text"] = transcript.text
            write_object(handle, item | {"words": words})
        case "ctm":
            stem = name.replace(" ", "_")
            handle.writelines(
                f"{stem} 1 {w.start:.2f} {w.end - w.start:.2f} {w.word} {w.score:.4f}\n"
                for w in spoken
            )
        case "srt":
            for i, group in enumerate(captions(spoken), 1):
                text = " ".join(w.word for w in group)
                handle.write(
                    f"{i}\n{_clock(group[0].start)} --> {_clock(group[-1].end)}\n{text}\n\n"
                )


def captions(words: Sequence[SpokenWord]) -> list[list[SpokenWord]]:
    """Group words to captions that can be read."""
    groups: list[list[SpokenWord]] = []
    for word in words:
        group = groups[-1] if groups else []
        length = sum(len(w.word) + 1 for w in group) + len(word.word)
        if (
            not group
            or word.start - group[-1].end > PAUSE
            or word.end - group[0].start > SECONDS
            or length > CHARACTERS
        ):
            groups.append([word])
        else:
            group.append(word)
    return groups


def _clock(seconds: float) -> str:
    """Write a time as SRT does.

    Examples
    --------
    >>> _clock(3661.5)
    '01:01:01,500'
    """
    milliseconds = round(seconds * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02},{rest % 1000:03}"

"""Transcripts in all their formats."""

from __future__ import annotations

import io
import json

import pytest

from dnatag.formats.audio import Recording
from dnatag.formats.transcripts import SpokenWord, Transcript, captions, write_transcript

WORDS = [SpokenWord("one", 0.1, 0.5, 0.9), SpokenWord("two", 0.6, 1.0, 0.8),
         SpokenWord("six", 3661.5, 3662.0, 0.7)]  # fmt: skip
TRANSCRIPT = Transcript("one two six", WORDS, 3663.0)


def written(target: str, offset: float = 0.0) -> str:
    handle = io.StringIO()
    write_transcript(handle, target, Recording("", "a b.wav", offset=offset), TRANSCRIPT)
    return handle.getvalue()


def test_text_and_json_lines() -> None:
    assert written("text") == "one two six\n"
    item = json.loads(written("jsonl"))
    assert (item["audio_filepath"], item["text"], item["duration"]) == (
        "a b.wav", "one two six", 3663.0
    )  # fmt: skip
    assert item["words"][0] == {"word": "one", "start": 0.1, "end": 0.5, "score": 0.9}


def test_what_a_manifest_has_is_kept() -> None:
    source = {"speaker": 3, "audio_filepath": "a.wav", "offset": 2.0, "duration": 9.5, "text": "on"}
    handle = io.StringIO()
    recording = Recording("d/a.wav", "a.wav", "on", source, offset=2.0)
    write_transcript(handle, "jsonl", recording, TRANSCRIPT)
    item = json.loads(handle.getvalue())
    assert source.items() <= item.items()
    assert item["pred_text"] == "one two six"
    assert item["words"][0]["start"] == 2.1


def test_ctm() -> None:
    assert written("ctm").splitlines()[1] == "a_b.wav 1 0.60 0.40 two 0.8000"
    assert written("ctm", 3.25).splitlines()[1] == "a_b.wav 1 3.85 0.40 two 0.8000"


def test_captions() -> None:
    assert written("srt") == (
        "1\n00:00:00,100 --> 00:00:01,000\none two\n\n2\n01:01:01,500 --> 01:01:02,000\nsix\n\n"
    )
    many = [SpokenWord("abcdefgh", i * 0.5, i * 0.5 + 0.4, 1.0) for i in range(30)]
    groups = captions(many)
    assert [w for group in groups for w in group] == many
    assert all(group[-1].end - group[0].start <= 5.0 for group in groups)
    assert all(len(" ".join(w.word for w in group)) <= 42 for group in groups)
    assert captions([]) == []


@pytest.mark.parametrize("target", ["text", "jsonl", "ctm", "srt"])
def test_silence(target: str) -> None:
    handle = io.StringIO()
    write_transcript(handle, target, Recording("", "a"), Transcript("", [], 1.0))
    assert handle.getvalue() == {"text": "\n", "ctm": "", "srt": ""}.get(
        target, '{"audio_filepath": "a", "duration": 1.0, "text": "", "words": []}\n'
    )

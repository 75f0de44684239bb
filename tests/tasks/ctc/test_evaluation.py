"""Transcripts against a reference: which texts are compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dnatag.errors import InputError
from dnatag.formats.audio import Recording
from dnatag.formats.transcripts import SpokenWord, Transcript, write_transcript
from dnatag.report import SILENT
from dnatag.tasks.ctc.evaluation import TranscriptEvaluator

from ...conftest import Notes

pytest.importorskip("jiwer")

TEXTS = {"a.wav": "one two", "b.wav": "three", "c.wav": "four five six"}
REFERENCE = [{"audio_filepath": name, "text": text} for name, text in TEXTS.items()]


def word_errors(reference: Path, *paths: Path) -> list[float]:
    found = {str(path): str(path) for path in paths}
    done = TranscriptEvaluator().evaluate(str(reference), found, SILENT, encoding="utf-8")
    return [scores["wer"] for scores in done.scores.values()]


def write(path: Path, items: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
    return path


def moved(item: Mapping[str, Any], folder: Path | str) -> dict[str, Any]:
    return {**item, "audio_filepath": f"{folder}/{item['audio_filepath']}"}


def test_recordings_are_found_by_their_files(tmp_path: Path) -> None:
    reference = write(tmp_path / "r.json", REFERENCE)
    wrong = [{**REFERENCE[2], "text": "four six"}, *REFERENCE[1::-1]]
    assert word_errors(
        reference,
        write(tmp_path / "p.json", wrong),
        write(tmp_path / "named_alike" / "p.json", wrong),
        write(tmp_path / "relative" / "p.json", [moved(one, "..") for one in wrong]),
        write(tmp_path / "absolute" / "p.json", [moved(one, tmp_path) for one in wrong]),
    ) == pytest.approx([1 / 6] * 4)


def test_recordings_of_the_same_file(tmp_path: Path) -> None:
    items = [{"audio_filepath": "a.wav", "offset": i * 0.1, "text": f"word {i}"} for i in range(5)]
    reference = write(tmp_path / "r.json", items)
    assert word_errors(reference, write(tmp_path / "p.json", items[::-1])) == [0]
    twice = [{"audio_filepath": "a.wav", "text": text} for text in ("one", "two")]
    assert word_errors(write(tmp_path / "r.json", twice), write(tmp_path / "p.json", twice)) == [0]


def test_what_was_found_stands_beside_the_text(tmp_path: Path) -> None:
    reference = write(tmp_path / "r.json", REFERENCE)
    found = [{**one, "pred_text": one["text"].replace("five ", "")} for one in REFERENCE]
    assert word_errors(reference, write(tmp_path / "p.json", found)) == pytest.approx([1 / 6])
    assert word_errors(tmp_path / "p.json", tmp_path / "p.json") == pytest.approx([1 / 6])


def test_predictions_in_the_place_of_the_reference(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth.json", REFERENCE)
    found = write(tmp_path / "found.json", [item | {"pred_text": "x"} for item in REFERENCE])
    notes = Notes()
    for one, other, warned in ((truth, found, False), (found, truth, True)):
        paths = {"p": str(other)}
        TranscriptEvaluator().evaluate(str(one), paths, notes, encoding="utf-8")
        assert bool(notes.lines) == warned
    assert "found.json has what a model found (pred_text)" in notes.lines[0]


def test_lines_are_compared_in_order(tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("".join(f"{text}\n" for text in TEXTS.values()))
    assert word_errors(write(tmp_path / "r.json", REFERENCE), lines) == [0]


@pytest.mark.parametrize(
    ("target", "message"),
    [("ctm", r"has words with their times \(CTM\); .* manifests"),
     ("srt", r"has captions \(SRT\)")],
)  # fmt: skip
def test_words_with_times_are_no_lines(tmp_path: Path, target: str, message: str) -> None:
    transcript = Transcript("one two", [SpokenWord("one", 0.1, 0.5, 0.9)], 2.0)
    found = tmp_path / f"p.{target}"
    with found.open("w") as handle:
        for name in TEXTS:
            write_transcript(handle, target, Recording("", name), transcript)
    with pytest.raises(InputError, match=rf"{found}: {message}"):
        word_errors(write(tmp_path / "r.json", REFERENCE), found)


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"audio_filepath": "d.wav"}, r"p\.json: has no text of c\.wav, which .*r\.json has"),
     ({"audio_filepath": "a.wav"}, r"p\.json: has no text of c\.wav, which .*r\.json has"),
     ({"offset": 2.5}, r"p\.json: has no text of c\.wav, which .*r\.json has"),
     ({"pred_text": 3}, r'p\.json: line 3: c\.wav: "pred_text" is not a string'),
     ({"text": None}, r'p\.json: line 3: c\.wav: has no "text"')],
)  # fmt: skip
def test_other_recordings(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    reference = write(tmp_path / "r.json", REFERENCE)
    found = write(tmp_path / "p.json", [*REFERENCE[:2], {**REFERENCE[2], **changed}])
    with pytest.raises(InputError, match=message):
        word_errors(reference, found)

"""``dnatag transcribe``: write down what recordings say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import click

from dnatag.cli.common import (
    any_model_option,
    device_option,
    find_model_for,
    note,
    open_input,
    output_option,
    progress,
    quiet_option,
    refuse_shared_stdin,
    report,
    threads_option,
    to_option,
)
from dnatag.errors import DnatagError, InputError
from dnatag.report import counted

__all__ = ["command"]

#: The task that the command is for.
TASK = "ctc"
#: The least mean score of the words of a recording without a warning: of AN4's recordings 4 of 230
#: have less, and no word was right in them on average.
SURE = 0.3

# \b keeps click from joining the lines of a paragraph.
HELP = """Write down what recordings say.

\b
dnatag transcribe --model letters recording.wav
dnatag transcribe --model letters recordings/ --to jsonl -o texts.jsonl
dnatag transcribe --model letters talk.opus --to srt -o talk.srt

Each INPUT is an audio file (wav, flac, ogg, opus and others), a folder of them, or a manifest as
NeMo has it (JSON Lines with "audio_filepath"); "-" is an audio file on standard input. Any rate,
number of channels and length will do; what cannot be read among several is named and left out. The
result has a text in each line; or JSON Lines with "words", CTM, or SRT captions, with the time of
each word and its probability.
"""


@click.command("transcribe", help=HELP)
@click.argument(
    "paths", metavar="INPUT...", nargs=-1, required=True, type=click.Path(allow_dash=True)
)
@output_option
@any_model_option
@to_option(["text", "jsonl", "ctm", "srt"])
@click.option(
    "--greedy",
    is_flag=True,
    help="Take the most probable symbol at each step, without search and n-gram model.",
)
@device_option
@threads_option
@quiet_option
def command(
    paths: tuple[str, ...],
    output: str,
    model: str,
    target: str,
    greedy: bool,
    device: str,
    threads: int,
    quiet: bool,
) -> None:
    """Write down what recordings say."""
    from dnatag.formats.io.reading import display_name
    from dnatag.formats.io.writing import open_output, refuse_overwriting
    from dnatag.formats.transcripts import write_transcript
    from dnatag.tasks.ctc.transcriber import Transcriber

    refuse_shared_stdin(paths)
    model_path = find_model_for(TASK, model)
    refuse_overwriting([output], [*paths, model_path])
    transcriber = Transcriber.load(model_path, device, threads, greedy)
    domain = transcriber.model.domain
    recordings = [one for path in paths for one in _recordings(path, domain)]
    if not recordings:
        raise InputError(f"{', '.join(map(display_name, paths))}: has no recordings")
    refuse_overwriting([output], [one.path for one in recordings if isinstance(one.path, str)])
    note(
        f"model {Path(model).stem}, device {transcriber.device}, "
        f"{counted(len(recordings), 'recordings')}",
        quiet=quiet,
    )
    if target == "srt" and len(recordings) > 1:
        raise click.UsageError(
            f"captions (srt) are of one recording, and there are {len(recordings)}: "
            "transcribe each of them, or take another format."
        )
    done, seconds = 0, 0.0
    with open_output(output) as handle, progress(len(recordings), unit="", quiet=quiet) as bar:
        for recording in recordings:
            try:
                transcript = transcriber.transcribe(recording)
            except InputError as error:
                if len(recordings) == 1:
                    raise
                with bar.external_write_mode(sys.stderr):
                    report(error)
                if target == "text":
                    handle.write("\n")  # so that lines are those of the recordings
            else:
                write_transcript(handle, target, recording, transcript)
                if doubt := _doubt([word.score for word in transcript.words]):
                    with bar.external_write_mode(sys.stderr):
                        note(f"warning: {recording.where}: {doubt}", quiet=quiet)
                seconds += transcript.duration
                done += 1
            bar.update()
        if not done:
            raise InputError(f"none of {counted(len(recordings), 'recordings')} can be read")
    note(f"{counted(done, 'recordings')}, {seconds:.1f} seconds", quiet=quiet)
    if left := len(recordings) - done:
        raise DnatagError(f"left out {counted(left, 'recordings')} that cannot be read")


def _doubt(scores: list[float]) -> str:
    """Return what to warn of, given the scores of the words of a recording; "" for nothing."""
    if not scores:
        return "nothing is heard in it"
    mean = fmean(scores)
    return f"hardly anything is sure (mean score {mean:.2f}): is it speech?" if mean < SURE else ""


def _recordings(path: str, domain: Any) -> Iterator[Any]:
    """Take what a path names: a file, a folder or a manifest."""
    from dnatag.formats.audio import read_folder

    if Path(path).is_dir():
        yield from read_folder(path)
        return
    source, kind = open_input(path, "auto", domain, "utf-8")
    yield from domain.items(source, kind, "utf-8")

"""``dnatag classify``: give texts or other sequences one label each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import tee
from pathlib import Path

import click

from dnatag.cli.common import (
    OpenCommand,
    answers_at_once,
    any_model_option,
    check_format,
    device_option,
    encoding_option,
    find_model_for,
    format_option,
    line_buffered_option,
    note,
    open_input,
    output_option,
    progress,
    quiet_option,
    threads_option,
    to_option,
)
from dnatag.errors import InputError
from dnatag.report import counted

__all__ = ["command"]

#: The task that the command is for.
TASK = "classification"


def _format_option() -> Iterator[click.Option]:
    yield format_option(
        TASK,
        "Format of the input; auto recognises it by the content, and takes what is nothing else "
        "for a text in each line.",
    )


# \b keeps click from joining the lines of a paragraph.
HELP = """Give each text or other sequence one label.

\b
dnatag classify --model sentiment.dnatag reviews.txt
dnatag classify --model sentiment.dnatag reviews.txt --all -o labels.jsonl
dnatag classify --model actions.dnatag clip.npy

INPUT is plain or compressed; "-" is standard input. A model of text reads a text in each line,
fastText's lines, tables with a column "text", JSON Lines and trees; one of features reads NumPy
arrays (.npy, .npz) and tables that list them. The result is JSON Lines, each with the text or the
name of the sequence and its "labels" as Hugging Face's pipelines give them. The score of a label
is its probability, calibrated on the data that the model was validated on.
"""


@click.command("classify", cls=OpenCommand, more=_format_option, help=HELP)
@click.argument("path", metavar="INPUT", type=click.Path(allow_dash=True))
@output_option
@any_model_option
@click.option("--all", "all_", is_flag=True, help="Give all labels, not only the most probable.")
@to_option(
    ["jsonl", "fasttext"],
    "Format of the result; fasttext has '__label__' and a probability in each line.",
)
@encoding_option
@line_buffered_option(" Without --format, there is then a text in each line.")
@device_option
@threads_option
@quiet_option
def command(
    path: str,
    output: str,
    model: str,
    kind: str,
    all_: bool,
    target: str,
    encoding: str,
    line_buffered: bool,
    device: str,
    threads: int,
    quiet: bool,
) -> None:
    """Give each text or other sequence one label."""
    from dnatag.formats.io.reading import display_name
    from dnatag.formats.io.writing import open_output, refuse_overwriting
    from dnatag.formats.text.jsonl import write_object
    from dnatag.formats.text.labelled import check_fasttext, write_fasttext
    from dnatag.tasks.classification.classifier import CHUNK, SequenceClassifier

    model_path = find_model_for(TASK, model)
    refuse_overwriting([output], [path, model_path])
    classifier = SequenceClassifier.load(model_path, device, threads)
    domain = classifier.model.domain
    if target == "fasttext":
        check_fasttext(classifier.model.labels)
    at_once = answers_at_once(line_buffered, path)
    if at_once and kind == "auto" and "lines" in domain.readers:
        kind = "lines"  # to recognise a format would need more than a line
    source, kind = open_input(path, kind, domain, encoding, prefer="lines")
    check_format("--format", kind, domain.readers, model, domain)
    note(f"model {Path(model).stem}, device {classifier.device}, input {kind}", quiet=quiet)

    # The classifier reads ahead.
    ahead, items = tee(domain.items(source, kind, encoding))
    count = 0
    with open_output(output) as handle, progress(unit=domain.counted, quiet=quiet) as bar:
        sequences = (item.sequence for item in ahead)
        found = classifier.classify_all(sequences, ahead=1 if at_once else CHUNK)
        for item, classified in zip(items, found, strict=True):
            scores = classified.scores if all_ else {classified.label: classified.score}
            if target == "fasttext":
                write_fasttext(handle, scores)
            else:
                labels = [{"label": k, "score": round(v, 6)} for k, v in scores.items()]
                write_object(handle, {**item.about, "labels": labels})
            if at_once:
                handle.flush()
            count += 1
            bar.update()
        if not count:
            raise InputError(f"{display_name(path)}: is empty")
    note(counted(count, domain.counted), quiet=quiet)

"""``dnatag translate``: translate texts, a line each."""

from __future__ import annotations

from pathlib import Path

import click

from dnatag.cli.common import (
    answers_at_once,
    any_model_option,
    device_option,
    encoding_option,
    find_model_for,
    line_buffered_option,
    note,
    output_option,
    progress,
    quiet_option,
    threads_option,
    to_option,
)

__all__ = ["command"]

#: The task that the command is for.
TASK = "seq2seq"

# \b keeps click from joining the lines of a paragraph.
HELP = """Translate texts, a line each.

\b
dnatag translate --model en-de.dnatag < letter.en > letter.de
dnatag translate --model en-de.dnatag letter.en --n-best 3
dnatag translate --model en-de.dnatag letter.en --to jsonl -o letter.jsonl

INPUT has a text in each line, plain or compressed; without one, standard input is read. The result
has a translation in each line, an empty one for a blank line. With --n-best there are several, as
Moses writes them: number of the line, translation, score, and alignment of words, with ||| between.
The score is the log probability divided by the number of subwords.
"""


@click.command("translate", help=HELP)
@click.argument("path", metavar="[INPUT]", default="-", type=click.Path(allow_dash=True))
@output_option
@any_model_option
@click.option(
    "--n-best",
    metavar="N",
    type=click.IntRange(min=1, max=100),
    help="Give the N best translations, with scores and alignments.",
)
@to_option(["lines", "jsonl"])
@encoding_option
@line_buffered_option()
@device_option
@threads_option
@quiet_option
def command(
    path: str,
    output: str,
    model: str,
    n_best: int | None,
    target: str,
    encoding: str,
    line_buffered: bool,
    device: str,
    threads: int,
    quiet: bool,
) -> None:
    """Translate texts, a line each."""
    from itertools import tee

    from dnatag.errors import InputError
    from dnatag.formats.io.reading import display_name
    from dnatag.formats.io.writing import open_output, refuse_overwriting
    from dnatag.formats.text.jsonl import write_object
    from dnatag.report import counted
    from dnatag.tasks.seq2seq.translator import CHUNK, TextTranslator

    model_path = find_model_for(TASK, model)
    refuse_overwriting([output], [path, model_path])
    translator = TextTranslator.load(model_path, device, threads)
    note(f"model {Path(model).stem}, device {translator.device}", quiet=quiet)
    # The translator reads ahead.
    texts = translator.model.domain.texts(path, encoding, translator.model.coder)
    ahead, lines = tee(texts)
    at_once = answers_at_once(line_buffered, path)
    count = 0
    with open_output(output) as handle, progress(unit=" lines", quiet=quiet) as bar:
        found = translator.translate_all(ahead, n_best or 1, 1 if at_once else CHUNK)
        for number, (text, translations) in enumerate(zip(lines, found, strict=True)):
            if target == "jsonl":
                items = [
                    {"text": t.text, "score": round(t.score, 4), "alignment": t.alignment}
                    for t in translations
                ]
                write_object(handle, {"text": text, "translations": items})
            elif n_best is None:
                handle.write(translations[0].text + "\n")
            else:
                for t in translations:
                    pairs = " ".join(f"{a}-{b}" for a, b in t.alignment)
                    handle.write(f"{number} ||| {t.text} ||| {t.score:.4f} ||| {pairs}\n")
            if at_once:
                handle.flush()
            count += 1
            bar.update()
        if not count:
            raise InputError(f"{display_name(path)}: is empty")
    note(counted(count, "lines"), quiet=quiet)

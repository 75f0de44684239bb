"""``dnatag evaluate``: score predictions against a reference, side by side."""

from __future__ import annotations

import io
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dnatag import __version__
from dnatag.cli.common import (
    CliObserver,
    OpenCommand,
    given,
    quiet_option,
    refuse_shared_stdin,
)
from dnatag.errors import InputError, visible

if TYPE_CHECKING:
    from dnatag.tasks.evaluation import Evaluator, Rows

__all__ = ["column_names", "command"]

COMPRESSION = re.compile(r"\.(gz|bgz|bz2|xz|zst)$")


def _evaluators() -> dict[str, Evaluator]:
    """Return the evaluators by their domains, and those of tasks that need no domain."""
    from dnatag.registry import domains, tasks

    found = {one.name: one.evaluator for one in (*domains(), *tasks())}
    return {name: evaluator for name, evaluator in found.items() if evaluator is not None}


def _options() -> Iterator[click.Option]:
    for evaluator in _evaluators().values():
        yield from evaluator.options


@click.command("evaluate", cls=OpenCommand, more=_options)
@click.argument("reference", type=click.Path(allow_dash=True))
@click.argument("predictions", metavar="PREDICTION...", nargs=-1, required=True)
@click.option(
    "--domain",
    metavar="NAME",
    show_default="the one that has files like REFERENCE",
    help="What the files are about: genes, text, proteins, features, speech, music, translation or "
    "another domain that is installed; or what of any domain they have, such as classification for "
    "labels of sequences.",
)
@click.option("--json", "json_path", metavar="FILE", help="Write the scores as JSON.")
@click.option("--tsv", "tsv_path", metavar="FILE", help="Write the scores as a table of tabs.")
@quiet_option
@click.pass_context
def command(
    context: click.Context,
    /,
    reference: str,
    predictions: tuple[str, ...],
    domain: str | None,
    json_path: str | None,
    tsv_path: str | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Compare predictions with a reference: genes, tagged text, labelled residues, labels.

    All files are of one kind, recognised by the content of REFERENCE.

    Genes: REFERENCE and each PREDICTION are GFF3, GTF, GenBank, EMBL or Prodigal's outputs, plain
    or compressed. A gene is found if a prediction has its stop, and exact if it has its start
    too. Bases are counted on strand and frame. Of the reference, pseudogenes, genes with
    translation exceptions, joined genes and genes without a stop are set aside: neither finding
    nor missing them counts.

    Text: columns as in CoNLL, the same tokens in each file, or annotations of the same texts by
    brat (folders), Doccano, Label Studio or spaCy (DocBin), in any order; what 'dnatag tag' finds
    in them (JSON Lines) can be compared as it is. A span is right if its bounds and its type are,
    and the numbers are those of conlleval.

    Residues: FASTA with a line of labels below each sequence, the proteins in any order. A segment,
    a run of one label, is right if its bounds and its label are. Residues whose true label is U do
    not count.

    Labels of sequences: fastText's lines, JSON Lines, trees, or a table with the column "label",
    the same sequences in each file. Probabilities that predictions come with are compared with
    how often they are right: the expected calibration error.

    Transcripts: manifests with "text", or with --domain speech a text in each line: the error rates
    of words and characters. Frames: segments or labels, as 'dnatag tag' writes them, tables that
    list files of labels, or with --domain features a label in each line. Music: REFERENCE is MIDI
    or piano rolls, and each PREDICTION a model: how probable the pieces are to it. Translations
    (--domain translation): lines, BLEU and chrF by sacrebleu.

    The table goes to standard output. --json and --tsv write all counts, and shares from 0 to 1,
    to a file, or with "-" to standard output instead of the table.
    """
    from dnatag.formats.io.writing import OutputSet, refuse_overwriting
    from dnatag.tasks.evaluation import flatten

    if json_path == tsv_path == "-":
        raise click.UsageError("only one of --json and --tsv can write to standard output")
    more_inputs, more_outputs = _files(context, options)
    inputs = [reference, *predictions, *more_inputs]
    refuse_shared_stdin(inputs)
    _refuse_missing((reference, *predictions))
    refuse_overwriting({json_path, tsv_path, *more_outputs, "-"}, inputs)
    evaluator = _evaluator(domain, reference, options)
    _refuse_options_of_others(context, evaluator)
    paths = dict(zip(column_names(predictions), predictions, strict=True))
    own = {option.name or "": options[option.name or ""] for option in evaluator.options}
    result = evaluator.evaluate(reference, paths, CliObserver(quiet), **own)

    scores = _defined(result.scores)
    flat = {name: flatten(values) for name, values in scores.items()}
    with OutputSet() as outputs:
        if json_path is not None:
            document = {"dnatag": __version__, "reference": reference, "predictions": scores}
            outputs.open(json_path).write(json.dumps(document, indent=2) + "\n")
        if tsv_path is not None:
            outputs.open(tsv_path).write(_tsv(flat))
        for path, content in result.files.items():
            outputs.open(path).buffer.write(content)
        if "-" not in (json_path, tsv_path):
            headline = f"reference: {_name(reference)}, {result.reference}"
            outputs.open("-").write(_table(headline, result.rows, flat))


def column_names(paths: tuple[str, ...]) -> list[str]:
    """Short and different names for files.

    They are the base names without the last extension (and that of compression), or with all of
    them, or the paths, whichever differ first; a path that is given twice is numbered.
    """
    full = [_name(path) for path in paths]
    short = [os.path.splitext(COMPRESSION.sub("", name))[0] for name in full]
    for names in (short, full, list(paths)):
        if len(set(names)) == len(names):
            return names
    return [f"{path}#{i}" for i, path in enumerate(paths, 1)]


def _name(path: str) -> str:
    """Return the base name of a file, or the path of a pipe, whose base name is a number."""
    from dnatag.formats.io.reading import PIPES

    return path if path.startswith(PIPES) else Path(path).name


def _refuse_missing(paths: Sequence[str]) -> None:
    """Refuse files that are not there, before another file is read or judged.

    Raises
    ------
    InputError
        If a path is neither that of a file nor the name of a model.
    """
    from dnatag.models.names import list_models

    for path in paths:
        if path != "-" and not os.path.exists(path) and path not in list_models():
            raise InputError(f"{path}: cannot read: No such file or directory")


def _files(context: click.Context, options: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the files to read, and those to write, that options of domains name."""
    inputs: list[str] = []
    outputs: list[str] = []
    for parameter in context.command.get_params(context):
        path = options.get(parameter.name or "")
        if path is not None and isinstance(parameter.type, click.Path):
            (outputs if parameter.type.writable else inputs).append(path)
    return inputs, outputs


def _evaluator(domain: str | None, reference: str, options: Mapping[str, Any]) -> Evaluator:
    """Return the evaluator of a domain or of its task, or the one of files like the reference."""
    from dnatag.formats.io.reading import put_back
    from dnatag.formats.registry import recognise_source
    from dnatag.registry import domain_names, find_domain

    evaluators = _evaluators()
    if domain is not None:
        if domain in domain_names() and domain not in evaluators:
            domain = next(filter(evaluators.__contains__, find_domain(domain).tasks), domain)
        if domain not in evaluators:
            raise click.UsageError(f"--domain can be {', '.join(evaluators)}.")
        return evaluators[domain]
    formats = tuple(name for evaluator in evaluators.values() for name in evaluator.formats)
    files = [evaluator.files for evaluator in evaluators.values()]
    wanted = f"{', '.join(files[:-1])} and {files[-1]} can be compared"
    encodings = (evaluator.encoding(options) for evaluator in evaluators.values())
    encoding = next(filter(None, encodings), "utf-8")
    source, format = recognise_source(reference, formats, wanted, encoding=encoding)
    if isinstance(source, io.BufferedReader):
        put_back(reference, source)
    return next(e for e in evaluators.values() if format.name in e.formats)


def _refuse_options_of_others(context: click.Context, evaluator: Evaluator) -> None:
    own = {option.name for option in evaluator.options}
    others: dict[str, list[str]] = {}
    for other in _evaluators().values():
        for option in other.options:
            if option.name not in own and given(context, option.name):
                others.setdefault(option.opts[0], []).append(other.files)
    for option_name, files in others.items():
        raise click.UsageError(
            f"{option_name} is for {' and '.join(files)}, and these files are {evaluator.files}."
        )


def _tsv(flat: dict[str, dict[str, Any]]) -> str:
    """One row for each measure, one column for each prediction; empty where undefined."""
    lines = [["measure", *flat]]
    for key in dict.fromkeys(key for scores in flat.values() for key in scores):
        cells = (scores.get(key) for scores in flat.values())
        lines.append([key, *("" if cell is None else str(cell) for cell in cells)])
    return "".join("\t".join(map(visible, line)) + "\n" for line in lines)


def _table(headline: str, rows: Rows, flat: dict[str, dict[str, Any]]) -> str:
    """Lay the scores out side by side, shares in per cent."""
    lines: list[list[str]] = [["", *map(visible, flat)]]
    for label, key in rows:
        cells = [] if key is None else [_cell(key, scores.get(key)) for scores in flat.values()]
        lines.append([visible(label), *cells])
    width = max(len(line[0]) for line in lines)
    widths = [max(len(line[i]) for line in lines if i < len(line)) for i in range(len(lines[0]))]
    text = [visible(headline), ""]
    for label, *cells in lines:
        padded = (f"  {cell:>{w}}" for cell, w in zip(cells, widths[1:], strict=False))
        text.append(f"{label:{width}}{''.join(padded)}".rstrip())
    return "\n".join(text) + "\n"


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if key.endswith(("mcc", "nats")) else f"{100 * value:.2f}"


def _defined(value: Any) -> Any:
    """Return scores with None for what is not defined, NaN, which JSON cannot say."""
    if isinstance(value, dict):
        return {key: _defined(one) for key, one in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value

"""``dnatag evaluate``: score predictions against a reference, side by side.

What is peculiar to genes is in ``dnatag.cli.evaluate_genes``, to text and residues in
``dnatag.cli.evaluate_tags``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from dnatag import __version__
from dnatag.cli.common import quiet_option
from dnatag.tasks.tagging.schemes import SCHEMES

__all__ = ["Evaluation", "Rows", "column_names", "command", "flatten"]

COMPRESSION = re.compile(r"\.(gz|bgz|bz2|xz|zst)$")
GENES, TEXT, RESIDUES = "annotations of genes", "text in columns", "FASTA of labelled residues"
#: What some options are for; all others are for all.
SCOPES = {
    "genome": (GENES,),
    "verified": (GENES,),
    "token_column": (TEXT,),
    "tag_column": (TEXT,),
    "scheme": (TEXT,),
    "encoding": (TEXT, RESIDUES),
    "picture": (TEXT, RESIDUES),
}
WANTED = "annotations of genes, text in columns or FASTA with labels can be compared"
PICTURES = (".png", ".svg", ".pdf")
#: Rows of the printed table: a label, and a key of the flat scores or None for a heading.
Rows = list[tuple[str, str | None]]


class Evaluation(NamedTuple):
    """What an evaluation has to tell.

    Parameters
    ----------
    reference
        What of the reference counts, in words.
    rows
        Of the printed table.
    scores
        Plain JSON types by prediction; some keys may be in only some of them.
    picture
        Content of a file, None if not asked for.
    """

    reference: str
    rows: Rows
    scores: dict[str, dict[str, Any]]
    picture: bytes | None = None


@click.command("evaluate")
@click.argument("reference", type=click.Path(allow_dash=True))
@click.argument("predictions", metavar="PREDICTION...", nargs=-1, required=True)
@click.option(
    "--genome",
    metavar="FASTA",
    help="Genes: the genome, for the lengths of the contigs that the correlation (MCC) needs. "
    "Without it they are as the annotations tell, or up to the last CDS.",
)
@click.option(
    "--verified",
    is_flag=True,
    help="Genes: the reference lists only some, with starts known for sure; score only these.",
)
@click.option(
    "--token-column",
    metavar="N",
    type=int,
    show_default="1, of CoNLL-U 2",
    help="Text: the column of the tokens, counted from 1 or, from the end, from -1.",
)
@click.option(
    "--tag-column",
    metavar="N",
    type=int,
    show_default="the last, of CoNLL-U 4",
    help="Text: the column of the tags.",
)
@click.option(
    "--scheme",
    type=click.Choice(SCHEMES),
    show_default="told from the tags of each file",
    help="Text: how tags tell spans; 'plain' for tags that tell none, such as parts of speech.",
)
@click.option(
    "--encoding",
    metavar="NAME",
    default="utf-8",
    show_default=True,
    help="Text and residues: the character encoding of the files.",
)
@click.option(
    "--picture",
    metavar="FILE",
    help="Text and residues: draw which labels are taken for which, as PNG, SVG or PDF.",
)
@click.option("--json", "json_path", metavar="FILE", help="Write the scores as JSON.")
@click.option("--tsv", "tsv_path", metavar="FILE", help="Write the scores as a table of tabs.")
@quiet_option
def command(
    reference: str,
    predictions: tuple[str, ...],
    genome: str | None,
    verified: bool,
    token_column: int | None,
    tag_column: int | None,
    scheme: str | None,
    encoding: str,
    picture: str | None,
    json_path: str | None,
    tsv_path: str | None,
    quiet: bool,
) -> None:
    """Compare predictions with a reference: genes, tagged text or labelled residues.

    All files are of one kind, told from the content of REFERENCE.

    Genes: REFERENCE and each PREDICTION are GFF3, GTF, GenBank, EMBL or Prodigal's outputs, plain
    or compressed. A gene is found if a prediction has its stop, and exact if it has its start
    too. Bases are counted on strand and frame. Of the reference, pseudogenes, genes with
    translation exceptions, joined genes and genes without a stop are set aside: neither finding
    nor missing them counts.

    Text: columns as in CoNLL, the same tokens in each file. A span is right if its bounds and its
    type are, and the numbers are those of conlleval.

    Residues: FASTA with a line of labels below each sequence. A segment, a run of one label, is
    right if its bounds and its label are. Residues whose true label is U do not count.

    The table goes to standard output. --json and --tsv write all counts, and shares from 0 to 1,
    to a file, or with "-" to standard output instead of the table.
    """
    from dnatag.cli.evaluate_genes import evaluate_genes
    from dnatag.cli.evaluate_tags import evaluate_residues, evaluate_text
    from dnatag.formats.io.writing import OutputSet, refuse_overwriting

    if json_path == tsv_path == "-":
        raise click.UsageError("only one of --json and --tsv can write to standard output")
    if [reference, *predictions, genome].count("-") > 1:
        raise click.UsageError("only one input can be standard input ('-')")
    if 0 in (token_column, tag_column):
        raise click.UsageError("columns are counted from 1 or, from the end, from -1")
    if picture is not None and not picture.endswith(PICTURES):
        raise click.UsageError(f"the name of the picture must end in {', '.join(PICTURES)}")
    refuse_overwriting({json_path, tsv_path, picture, "-"}, [reference, *predictions, genome])
    kind = _kind((reference, *predictions), encoding)
    _refuse_options_of_other_kinds(kind)
    paths = dict(zip(column_names(predictions), predictions, strict=True))
    if kind == GENES:
        told = evaluate_genes(reference, paths, genome=genome, verified=verified, quiet=quiet)
    elif kind == TEXT:
        told = evaluate_text(
            reference,
            paths,
            columns=(token_column or "auto", tag_column or "auto"),
            scheme=scheme,
            encoding=encoding,
            picture=picture,
            quiet=quiet,
        )
    else:
        told = evaluate_residues(reference, paths, encoding=encoding, picture=picture)

    flat = {name: dict(flatten(values)) for name, values in told.scores.items()}
    with OutputSet() as outputs:
        if json_path is not None:
            document = {"dnatag": __version__, "reference": reference, "predictions": told.scores}
            outputs.open(json_path).write(json.dumps(document, indent=2) + "\n")
        if tsv_path is not None:
            outputs.open(tsv_path).write(_tsv(flat))
        if picture is not None and told.picture is not None:
            outputs.open(picture).buffer.write(told.picture)
        if "-" not in (json_path, tsv_path):
            headline = f"reference: {Path(reference).name}, {told.reference}"
            outputs.open("-").write(_table(headline, told.rows, flat))


def column_names(paths: tuple[str, ...]) -> list[str]:
    """Short and different names for files.

    They are the base names without the last extension (and that of compression), or with all of
    them, or the paths, whichever differ first; a path that is given twice is numbered.
    """
    full = [Path(p).name for p in paths]
    short = [Path(COMPRESSION.sub("", name)).stem for name in full]
    for names in (short, full, list(paths)):
        if len(set(names)) == len(names):
            return names
    return [f"{path}#{i}" for i, path in enumerate(paths, 1)]


def flatten(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested values as pairs of dotted key and value."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _kind(paths: tuple[str, ...], encoding: str) -> str:
    """Tell what is compared.

    A pipe can be read only once: the kind is that of the first plain file. Without one, the
    pipes must bring genes.
    """
    from dnatag.formats.registry import ANNOTATIONS, recognise

    path = next(filter(os.path.isfile, paths), None)
    if path is None:
        return GENES
    stream, format = recognise(path, (*ANNOTATIONS, "conll", "fasta"), WANTED, encoding=encoding)
    stream.close()
    return {"conll": TEXT, "fasta": RESIDUES}.get(format.name, GENES)


def _refuse_options_of_other_kinds(kind: str) -> None:
    context = click.get_current_context()
    for parameter in context.command.params:
        scope = SCOPES.get(parameter.name or "", (kind,))
        given = context.get_parameter_source(parameter.name or "") != ParameterSource.DEFAULT
        if given and kind not in scope:
            raise click.UsageError(
                f"{parameter.opts[0]} is for {' and '.join(scope)}, and these files are {kind}"
            )


def _tsv(flat: dict[str, dict[str, Any]]) -> str:
    """One row for each measure, one column for each prediction; empty where undefined."""
    lines = [["measure", *flat]]
    for key in dict.fromkeys(key for scores in flat.values() for key in scores):
        cells = (scores.get(key) for scores in flat.values())
        lines.append([key, *("" if cell is None else str(cell) for cell in cells)])
    return "".join("\t".join(line) + "\n" for line in lines)


def _table(headline: str, rows: Rows, flat: dict[str, dict[str, Any]]) -> str:
    """Lay the scores out side by side, shares in per cent."""
    lines: list[list[str]] = [["", *flat]]
    for label, key in rows:
        cells = [] if key is None else [_cell(key, scores.get(key)) for scores in flat.values()]
        lines.append([label, *cells])
    width = max(len(line[0]) for line in lines)
    widths = [max(len(line[i]) for line in lines if i < len(line)) for i in range(len(lines[0]))]
    text = [headline, ""]
    for label, *cells in lines:
        padded = (f"  {cell:>{w}}" for cell, w in zip(cells, widths[1:], strict=False))
        text.append(f"{label:{width}}{''.join(padded)}".rstrip())
    return "\n".join(text) + "\n"


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if key.endswith("mcc") else f"{100 * value:.2f}"

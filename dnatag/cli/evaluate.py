"""``dnatag evaluate``: score predicted genes against a reference, side by side."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dnatag import __version__
from dnatag.cli.common import note, quiet_option

if TYPE_CHECKING:
    from dnatag.formats.records import Annotation

__all__ = ["command"]

COMPRESSION = re.compile(r"\.(gz|bgz|bz2|xz|zst)$")
#: Rows of the printed table: a label, and a key of the flat scores or None for a heading.
Rows = list[tuple[str, str | None]]
ROWS: Rows = [
    ("genes predicted", "stop.predicted"),
    ("  and set aside", "predictions_set_aside"),
    ("genes by stop", None),
    ("  found", "stop.found"),
    ("  sensitivity %", "stop.sensitivity"),
    ("  precision %", "stop.precision"),
    ("  F1 %", "stop.f1"),
    ("genes by stop and start", None),
    ("  exact", "exact.found"),
    ("  sensitivity %", "exact.sensitivity"),
    ("  precision %", "exact.precision"),
    ("  F1 %", "exact.f1"),
    ("  starts right of found %", "starts_among_found"),
    ("bases on strand and frame", None),
    ("  sensitivity %", "base.sensitivity"),
    ("  precision %", "base.precision"),
    ("  F1 %", "base.f1"),
    ("  MCC", "base.mcc"),
]
ORFORISE_ROWS: Rows = [
    ("as in ORForise", None),
    ("  genes detected %", "orforise.genes_detected"),
    ("  perfect matches %", "orforise.perfect_matches"),
]
VERIFIED_ROWS: Rows = [
    ("genes listed", "reference.genes"),
    ("  found by stop", "found"),
    ("  starts right", "starts_right"),
    ("found of listed %", "found_of_listed"),
    ("starts right of found %", "starts_among_found"),
    ("starts right of listed %", "starts_among_listed"),
]


@click.command("evaluate")
@click.argument("reference", type=click.Path(allow_dash=True))
@click.argument("predictions", metavar="PREDICTION...", nargs=-1, required=True)
@click.option(
    "--genome",
    metavar="FASTA",
    help="The genome, for the lengths of the contigs that the correlation (MCC) needs. "
    "Without it they are as the annotations tell, or up to the last CDS.",
)
@click.option(
    "--verified",
    is_flag=True,
    help="The reference lists only some genes, with starts known for sure: score only these.",
)
@click.option("--json", "json_path", metavar="FILE", help="Write the scores as JSON.")
@click.option("--tsv", "tsv_path", metavar="FILE", help="Write the scores as a table of tabs.")
@quiet_option
def command(
    reference: str,
    predictions: tuple[str, ...],
    genome: str | None,
    verified: bool,
    json_path: str | None,
    tsv_path: str | None,
    quiet: bool,
) -> None:
    """Compare predicted genes with a reference annotation.

    REFERENCE and each PREDICTION are GFF3, GTF, GenBank, EMBL or Prodigal's outputs, plain or
    compressed. A gene is found if a prediction has its stop, and exact if it has its start too.
    Bases are counted on strand and frame. Of the reference, pseudogenes, genes with translation
    exceptions, joined genes and genes without a stop are set aside: neither finding nor missing
    them counts.

    The table goes to standard output. --json and --tsv write all counts, and shares from 0 to 1,
    to a file, or with "-" to standard output instead of the table.
    """
    from dnatag.errors import InputError
    from dnatag.formats.annotation import read_annotation
    from dnatag.formats.streams import OutputSet
    from dnatag.genes.metrics import contig_lengths, evaluate, evaluate_verified

    if json_path == tsv_path == "-":
        raise click.UsageError("only one of --json and --tsv can write to standard output")
    if [reference, *predictions, genome].count("-") > 1:
        raise click.UsageError("only one input can be standard input ('-')")
    truth = read_annotation(reference)
    if not truth:
        raise InputError(f"{reference}: has no CDS; the reference is an annotation of genes")
    names = column_names(predictions)
    predicted = {name: read_annotation(path) for name, path in zip(names, predictions, strict=True)}
    for path, genes in zip(predictions, predicted.values(), strict=True):
        _compare_contigs(reference, truth, path, genes, verified=verified, quiet=quiet)
    lengths = _genome_lengths(genome) if genome else contig_lengths([truth, *predicted.values()])
    score: Any = evaluate_verified if verified else evaluate
    scores = {name: score(truth, genes, lengths).to_dict() for name, genes in predicted.items()}

    flat = {name: dict(_flatten(values)) for name, values in scores.items()}
    with OutputSet() as outputs:
        if json_path is not None:
            document = {"dnatag": __version__, "reference": reference, "predictions": scores}
            outputs.open(json_path).write(json.dumps(document, indent=2) + "\n")
        if tsv_path is not None:
            outputs.open(tsv_path).write(_tsv(flat))
        if "-" not in (json_path, tsv_path):
            outputs.open("-").write(_table(Path(reference).name, flat, verified=verified))


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


def _genome_lengths(path: str) -> dict[str, int]:
    from dnatag.formats.fasta import UniqueIds, read_fasta

    return {contig.id: len(contig) for contig in read_fasta(path, UniqueIds())}


def _compare_contigs(
    reference: str, truth: Annotation, path: str, genes: Annotation, *, verified: bool, quiet: bool
) -> None:
    """Refuse files about different sequences, and note what only one of them has."""
    from dnatag.errors import InputError

    there, here = {*truth, *truth.lengths}, {*genes, *genes.lengths}
    if not there & here:
        raise InputError(
            f"{path}: no contig in common with {reference} ({_some(here)} here, {_some(there)} "
            "there); both must name the sequences alike"
        )
    if missing := truth.keys() - here:
        count = sum(len(truth[c]) for c in missing)
        note(
            f"warning: {path}: no genes on {_some(missing)}: the {count} CDS that {reference} "
            "has there count as missed",
            quiet=quiet,
        )
    if (extra := genes.keys() - there) and not verified:
        count = sum(len(genes[c]) for c in extra)
        note(
            f"warning: {reference}: no genes on {_some(extra)}: the {count} CDS that {path} "
            "has there count as wrong",
            quiet=quiet,
        )


def _some(contigs: Any, shown: int = 3) -> str:
    """Name some contigs."""
    names = sorted(contigs)
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more if names else "none"


def _flatten(values: dict[str, Any], prefix: str = "") -> Any:
    """Yield nested values as pairs of dotted key and value."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _tsv(flat: dict[str, dict[str, Any]]) -> str:
    """One row for each measure, one column for each prediction; empty where undefined."""
    keys = next(iter(flat.values()))
    lines = [["measure", *flat]]
    for key in keys:
        cells = (scores[key] for scores in flat.values())
        lines.append([key, *("" if cell is None else str(cell) for cell in cells)])
    return "".join("\t".join(line) + "\n" for line in lines)


def _table(reference: str, flat: dict[str, dict[str, Any]], *, verified: bool) -> str:
    """Lay the scores out side by side, shares in per cent."""
    first = next(iter(flat.values()))
    lines: list[list[str]] = [["", *flat]]
    for label, key in VERIFIED_ROWS if verified else [*ROWS, *_length_rows(first), *ORFORISE_ROWS]:
        cells = [] if key is None else [_cell(key, scores[key]) for scores in flat.values()]
        lines.append([label, *cells])
    width = max(len(line[0]) for line in lines)
    widths = [max(len(line[i]) for line in lines if i < len(line)) for i in range(len(lines[0]))]
    text = [f"reference: {reference}, {_reference(first)}", ""]
    for label, *cells in lines:
        padded = (f"  {cell:>{w}}" for cell, w in zip(cells, widths[1:], strict=False))
        text.append(f"{label:{width}}{''.join(padded)}".rstrip())
    return "\n".join(text) + "\n"


def _reference(scores: dict[str, Any]) -> str:
    """Tell what of the reference counts."""
    genes, rows = scores["reference.genes"], scores["reference.rows"]
    left = {
        key.rpartition(".")[2]: count
        for key, count in scores.items()
        if key.startswith("reference.set_aside.")
    }
    if scores["reference.same_stop"]:
        left["same stop as a longer one"] = scores["reference.same_stop"]
    if not left:
        return f"{genes} genes"
    told = ", ".join(f"{count} {reason}" for reason, count in left.items())
    return f"{genes} genes of {rows} CDS (not counted: {told})"


def _length_rows(scores: dict[str, Any]) -> Rows:
    """Sensitivity and precision of each length class."""
    classes = [key.split(".")[1] for key in scores if key.startswith("by_length.")]
    return [
        row
        for measure in ("sensitivity", "precision")
        for row in (
            (f"by stop and length in bp: {measure} %", None),
            *((f"  {name}", f"by_length.{name}.{measure}") for name in dict.fromkeys(classes)),
        )
    ]


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if key.endswith("mcc") else f"{100 * value:.2f}"

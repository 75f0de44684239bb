"""``dnatag tag``: label the words of sentences, residues of proteins, frames of videos."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dnatag.cli.common import (
    CliObserver,
    OpenCommand,
    device_option,
    find_model_for,
    note,
    open_input,
    output_option,
    progress,
    quiet_option,
    threads_option,
)
from dnatag.errors import InputError
from dnatag.report import Skipped
from dnatag.tasks.tagging.evaluation import check_picture

if TYPE_CHECKING:
    from dnatag.formats.io.reading import Source
    from dnatag.formats.text.tokens import Sentence
    from dnatag.tasks.features import Featurizer
    from dnatag.tasks.tagging.domain import TaggingDomain
    from dnatag.tasks.tagging.tagger import Tagged, Tagger

__all__ = ["command"]

#: The task that the command is for.
TASK = "tagging"


def _formats() -> tuple[list[str], list[str]]:
    """Names of the formats that any domain of the task can read, and can write."""
    from dnatag.registry import domains

    of_task = [domain.for_task(TASK) for domain in domains() if TASK in domain.tasks]
    return (
        list(dict.fromkeys(name for domain in of_task for name in domain.readers)),
        list(dict.fromkeys(name for domain in of_task for name in domain.writers)),
    )


def _format_options() -> Iterator[click.Option]:
    readers, writers = _formats()
    yield click.Option(
        ["--format", "kind"],
        type=click.Choice(["auto", *readers]),
        default="auto",
        show_default=True,
        help="Format of the input: tokens in columns, a sentence in each line, JSON Lines with a "
        "text or tokens, or proteins; auto recognises it by the content.",
    )
    yield click.Option(
        ["--to", "target"],
        type=click.Choice(writers),
        show_default="as the input, JSON Lines for lines, segments for features",
        help="Format of the result.",
    )


# \b keeps click from joining the lines of a paragraph.
HELP = """Label the words of sentences, the residues of proteins or the frames of other sequences.

\b
dnatag tag --model biomedical abstracts.txt -o entities.jsonl
dnatag tag --model topology proteins.faa -o topology.txt
dnatag tag --model actions.dnatag video.npy -o segments.tsv

INPUT is plain or compressed (gzip, bzip2, xz, zstd); "-" is standard input. Columns get the tag
as one more column; sentences become JSON Lines with "entities", their places counted in
characters; proteins get a line of labels below their sequence. The score of an entity is the
posterior probability that exactly these tokens are one of this type; those above the model's
threshold are found. That of a segment of a protein leaves its ends some room. Features (.npy, .npz,
or a table that lists them) give segments: name, first frame, end, label, posterior.
"""


@click.command("tag", cls=OpenCommand, more=_format_options, help=HELP)
@click.argument("path", metavar="INPUT", type=click.Path(allow_dash=True))
@output_option
@click.option(
    "--model",
    metavar="NAME|FILE",
    required=True,
    help="A model that tags, by name (see 'dnatag models list') or a model file.",
)
@click.option(
    "--token-column",
    metavar="N",
    type=int,
    show_default="1, of CoNLL-U 2",
    help="In columns: which one has the tokens, counted from 1 or, from the end, from -1.",
)
@click.option(
    "--encoding",
    metavar="NAME",
    default="utf-8",
    show_default=True,
    help="The character encoding of the input; the result is in UTF-8.",
)
@click.option(
    "--k-best",
    metavar="K",
    type=click.IntRange(min=1, max=32_767),
    help="Give the K most probable labellings and their posteriors as well, in JSON Lines.",
)
@click.option(
    "--min-score",
    metavar="P",
    type=click.FloatRange(0, 1),
    help="Leave out spans with a lower posterior; of entities, find all with a higher one, also "
    "where the model would not.",
)
@click.option(
    "--homologs",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="Proteins: look for homologs of those that cross the membrane in this FASTA file, and "
    "find the topology by all of them together. It needs pyhmmer and takes seconds a protein.",
)
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write a page to look at as well: what was found, marked in the text (HTML).",
)
@click.option(
    "--picture",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    callback=check_picture,
    help="Proteins: draw one as well, its first or that of --picture-of, as PNG, SVG or PDF: how "
    "probable each label is at each residue, and the labelling. It needs matplotlib.",
)
@click.option("--picture-of", metavar="NAME", help="The name of the protein to draw.")
@click.option(
    "--sort",
    type=click.Choice(["uncertainty"]),
    help="Write first what the model is least sure of, for annotators to look at next: by the "
    "posterior of the best labelling, its logarithm divided by the number of tokens.",
)
@click.option(
    "--line-buffered",
    is_flag=True,
    show_default="if INPUT is a terminal",
    help="Answer each line at once, for conversations through pipes; slower than batches. Without "
    "--format, text is then a sentence in each line.",
)
@device_option
@threads_option
@quiet_option
def command(
    path: str,
    output: str,
    report: str | None,
    model: str,
    kind: str,
    target: str | None,
    token_column: int | None,
    encoding: str,
    k_best: int | None,
    min_score: float | None,
    homologs: str | None,
    picture: str | None,
    picture_of: str | None,
    sort: str | None,
    line_buffered: bool,
    device: str,
    threads: int,
    quiet: bool,
) -> None:
    """Label the words of sentences, the residues of proteins or the frames of other sequences."""
    from dnatag.formats.io.reading import display_name
    from dnatag.formats.io.writing import OutputSet, refuse_overwriting
    from dnatag.formats.sequences.residues import write_residues
    from dnatag.formats.text.conll import write_conll
    from dnatag.formats.text.jsonl import write_doccano, write_jsonl
    from dnatag.tasks.tagging.domain import HasPicture, HasRecords
    from dnatag.tasks.tagging.report import TaggingReport
    from dnatag.tasks.tagging.tagger import CHUNK, Tagger

    if token_column == 0:
        raise click.UsageError("columns are counted from 1 or, from the end, from -1.")
    model_path = find_model_for(TASK, model)
    refuse_overwriting([output, report, picture], [path, model_path, homologs])
    tagger = Tagger.load(model_path, device, threads, homologs)
    domain = tagger.model.domain
    columns = None if token_column is None else "conll"
    at_once = line_buffered or (path == "-" and sys.stdin is not None and sys.stdin.isatty())
    if at_once and kind == "auto" and "lines" in domain.readers:
        kind = columns or "lines"  # to recognise a format would need more than a line
    source, kind = open_input(path, kind, domain, encoding, prefer=columns)
    _check_format("--format", kind, domain.readers, model, domain)
    target = target or domain.readers[kind]
    _check_format("--to", target, domain.writers, model, domain)
    if token_column is not None and kind != "conll":
        raise click.UsageError(
            f"--token-column is for columns, and the input is {kind}; name its format with "
            "--format, or leave the column out."
        )
    if k_best is not None and target != "jsonl":
        raise click.UsageError(
            "only JSON Lines can hold the labellings of --k-best: add --to jsonl."
        )
    note(f"model {Path(model).stem}, device {tagger.device}, input {kind}", quiet=quiet)

    # The tagger reads ahead.
    skipped = Skipped()
    own = domain if isinstance(domain, HasRecords) else None
    if report and own is not None:
        raise click.UsageError(
            f"--report shows texts and proteins, and {model} is of {domain.name}."
        )
    if picture and not isinstance(domain, HasPicture):
        raise click.UsageError(f"--picture is for proteins, and {model} is of {domain.name}.")
    drawn: bytes | None = None
    records: Iterator[Any] = (
        _read(source, kind, token_column, encoding, skipped, tagger.model.featurizer)
        if own is None
        else own.records(source, kind, encoding)
    )
    ahead, sentences = tee(records)
    n_sentences = n_tokens = n_spans = 0
    page = TaggingReport(
        os.path.basename(display_name(path)),
        Path(model).stem,
        tagger.model.labelling.labels,
        domain.counted,
    )
    with OutputSet() as outputs, progress(unit=domain.counted[0], quiet=quiet) as bar:
        handle = outputs.open(output)
        picture_handle = None if picture is None else outputs.open(picture)
        page_handle = None if report is None else outputs.open(report)
        tagged = tagger.tag_all(
            (sentence.tokens for sentence in ahead),
            k_best or (1 if sort else 0),
            min_score,
            ahead=1 if at_once else CHUNK,
        )
        pairs: Iterable[tuple[Any, Tagged]] = zip(sentences, tagged, strict=True)
        if sort is not None:
            pairs = _least_sure_first(pairs, keep=k_best is not None)
        for sentence, found in pairs:
            if own is not None:
                own.write(handle, target, sentence, found)
            elif target == "jsonl":
                alternatives = None if k_best is None else found.alternatives
                write_jsonl(handle, sentence, found.entities, alternatives)
            elif target == "doccano":
                write_doccano(handle, sentence, found.entities)
            else:
                write = write_conll if target == "conll" else write_residues
                write(handle, sentence, found.tags)
            if at_once:
                handle.flush()
            if picture_handle is not None and drawn is None and picture_of in (None, sentence.id):
                drawn = _draw(tagger, sentence, found, str(picture))
                picture_handle.buffer.write(drawn)
            if page_handle is not None:
                page.add(sentence, found.entities)
            n_sentences += 1
            n_tokens += len(sentence)
            n_spans += len(found.entities)
            bar.update()
        if not n_sentences:
            raise InputError(f"{display_name(path)}: is empty")
        if picture is not None and drawn is None:
            raise InputError(f"{display_name(path)}: has no protein {picture_of}, to be drawn")
        if page_handle is not None:
            page.write(page_handle)
    skipped.report(CliObserver(quiet))
    counts = zip((n_sentences, n_tokens, n_spans), domain.counted, strict=True)
    note(", ".join(f"{n} {what}" for n, what in counts), quiet=quiet)


def _least_sure_first(pairs: Iterable[tuple[Any, Tagged]], keep: bool) -> list[tuple[Any, Tagged]]:
    """Sort sequences by how sure their best labelling is; drop alternatives that nobody wants."""

    def sureness(pair: tuple[Any, Tagged]) -> float:
        (probability, _), *_ = pair[1].alternatives
        return math.log(max(probability, 1e-300)) / max(len(pair[0]), 1)

    ordered = sorted(pairs, key=sureness)
    return ordered if keep else [(one, replace(found, alternatives=[])) for one, found in ordered]


def _draw(tagger: Tagger, sentence: Sentence, found: Tagged, picture: str) -> bytes:
    """Draw a sequence in the format of the picture's name."""
    from dnatag.tasks.tagging.domain import HasPicture

    domain, posteriors = tagger.model.domain, tagger.posteriors(sentence.tokens)
    assert isinstance(domain, HasPicture)
    return domain.picture(
        sentence.id, tagger.model.labelling, posteriors, found.entities, Path(picture).suffix[1:]
    )


def _check_format(
    option: str, name: str, known: Iterable[str], model: str, domain: TaggingDomain
) -> None:
    if name not in known:
        raise click.UsageError(
            f"{option} {name} does not fit {model}, a model of {domain.name}: choose "
            f"{' or '.join(known)}."
        )


def _read(
    source: Source,
    kind: str,
    token_column: int | None,
    encoding: str,
    skipped: Callable[[str], None],
    featurizer: Featurizer,
) -> Iterator[Sentence]:
    from dnatag.formats.registry import find_format
    from dnatag.tasks.tagging.domain import SplitsText

    read = find_format(kind).read
    if kind == "conll":
        sentences: Iterator[Sentence] = read(source, token_column or "auto", encoding=encoding)
    elif kind == "fasta":
        sentences = read(source, labelled=False, encoding=encoding, skipped=skipped)
    else:
        split = featurizer.split if isinstance(featurizer, SplitsText) else None
        sentences = read(source, encoding=encoding, split=split)
    return sentences

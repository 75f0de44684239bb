"""``dnatag tag``: label the words of sentences, residues of proteins, frames of videos."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from dnatag.cli.common import (
    CliObserver,
    OpenCommand,
    answers_at_once,
    any_model_option,
    check_format,
    device_option,
    domains_of,
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
)
from dnatag.errors import InputError
from dnatag.report import Skipped, counted
from dnatag.tasks.evaluation import check_picture

if TYPE_CHECKING:
    from dnatag.formats.io.reading import Source
    from dnatag.formats.text.documents import Document, Split
    from dnatag.formats.text.tokens import Sentence
    from dnatag.tasks.tagging.domain import TaggingDomain
    from dnatag.tasks.tagging.report import TaggingReport
    from dnatag.tasks.tagging.tagger import Tagged, Tagger
    from dnatag.tasks.tagging.writing import ResultWriter

__all__ = ["command"]

#: The task that the command is for.
TASK = "tagging"


def _format_options() -> Iterator[click.Option]:
    yield format_option(
        TASK,
        "Format of the input: tokens in columns, a sentence in each line, JSON Lines with a text "
        "or tokens, a file or folder of an annotation tool, or proteins; auto recognises it by "
        "the content.",
    )
    writers = dict.fromkeys(name for domain in domains_of(TASK) for name in domain.writers)
    yield click.Option(
        ["--to", "target"],
        type=click.Choice(list(writers)),
        show_default="as the input, JSON Lines for lines, segments for features",
        help="Format of the result.",
    )


# \b keeps click from joining the lines of a paragraph.
HELP = """Label the words of sentences, the residues of proteins or the frames of other sequences.

\b
dnatag tag --model biomedical abstracts.txt -o entities.jsonl
dnatag tag --model topology proteins.faa -o topology.txt
dnatag tag --model actions.dnatag video.npy -o segments.tsv

INPUT is plain or compressed (gzip, bzip2, xz, zstd), or a folder of brat's; "-" is standard input.
Columns get the tag
as one more column; sentences become JSON Lines with "entities", their places counted in
characters; proteins get a line of labels below their sequence. The score of an entity is the
posterior probability that exactly these tokens are one of this type; those above the model's
threshold are found. That of a segment of a protein leaves its ends some room. Features (.npy, .npz,
or a table that lists them) give segments: name, first frame, end, label, posterior.
"""


@click.command("tag", cls=OpenCommand, more=_format_options, help=HELP)
@click.argument("path", metavar="INPUT", type=click.Path(allow_dash=True))
@output_option
@any_model_option
@click.option(
    "--token-column",
    metavar="N",
    type=int,
    show_default="1, of CoNLL-U 2",
    help="In columns: which one has the tokens, counted from 1 or, from the end, from -1.",
)
@encoding_option
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
    help="Leave out spans with a lower posterior; of entities, find all with a higher one, from "
    "0.01 on, also where the model would not.",
)
@click.option(
    "--homologs",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="Proteins: look for homologs of those that cross the membrane in this FASTA file, and "
    "find the topology by all of them together. It needs pyhmmer and takes seconds a protein.",
)
@click.option(
    "--encoder",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False),
    show_default="where it was in training",
    help="Models trained with a language model ('encoder' in the recipe): its folder.",
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
@line_buffered_option(" Without --format, text is then a sentence in each line.")
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
    encoder: str | None,
    picture: str | None,
    picture_of: str | None,
    sort: str | None,
    line_buffered: bool,
    device: str,
    threads: int,
    quiet: bool,
) -> None:
    """Label the words of sentences, the residues of proteins or the frames of other sequences."""
    from dnatag.formats.io.folders import new_folder
    from dnatag.formats.io.reading import display_name
    from dnatag.formats.io.writing import OutputSet, refuse_overwriting
    from dnatag.tasks.tagging.given import Given
    from dnatag.tasks.tagging.tagger import CHUNK, Tagger
    from dnatag.tasks.tagging.writing import FOLDERS, result_writer

    if token_column == 0:
        raise click.UsageError("columns are counted from 1 or, from the end, from -1.")
    if picture_of is not None and picture is None:
        raise click.UsageError("--picture-of names what --picture draws: add --picture FILE.")
    if line_buffered and sort is not None:
        raise click.UsageError("--line-buffered answers each line at once, --sort after all.")
    model_path = find_model_for(TASK, model)
    refuse_overwriting([output, report, picture], [path, model_path, homologs])
    tagger = Tagger.load(model_path, device, threads, homologs, encoder)
    domain = tagger.model.domain
    columns = None if token_column is None else "conll"
    at_once = answers_at_once(line_buffered, path)
    if at_once and kind == "auto" and "lines" in domain.readers:
        kind = columns or "lines"  # to recognise a format would need more than a line
    source, kind = open_input(path, kind, domain, encoding, prefer=columns)
    target = target or domain.readers.get(kind, "")
    check_format("--format", kind, domain.readers, model, domain)
    check_format("--to", target, domain.writers, model, domain)
    _check_options(model, domain, kind, target, token_column, k_best, report, picture)
    if target in FOLDERS and output == "-":
        raise click.UsageError(f"--to {target} writes several files: name a new folder with -o.")
    note(f"model {Path(model).stem}, device {tagger.device}, input {kind}", quiet=quiet)

    skipped, observer = Skipped(), CliObserver(quiet)
    records = _records(source, kind, token_column, encoding, skipped, tagger, observer)
    ahead, sentences = tee(records)  # the tagger reads ahead
    tagged = tagger.tag_all(
        (Given(sentence.tokens) for sentence in ahead),
        k_best or (1 if sort else 0),
        min_score,
        ahead=1 if at_once else CHUNK,
    )
    pairs: Iterable[tuple[Any, Tagged]] = zip(sentences, tagged, strict=True)
    if sort is not None:
        pairs = _least_sure_first(pairs, keep=k_best is not None)
    name = display_name(path)
    with ExitStack() as stack:
        outputs = stack.enter_context(OutputSet())
        bar = stack.enter_context(progress(unit=domain.counted[0], quiet=quiet))
        folder = stack.enter_context(new_folder(output)) if target in FOLDERS else None
        handle = outputs.open(output) if folder is None else None
        writer = result_writer(
            target,
            domain,
            handle or folder or Path(),
            name=_stem(path),
            model=Path(model).stem,
            alternatives=k_best is not None,
        )
        results = _Results(tagger, writer, handle if at_once else None)
        if picture is not None:
            results.draw(outputs.open(picture), Path(picture).suffix[1:], picture_of)
        if report is not None:
            results.report(outputs.open(report), os.path.basename(name), Path(model).stem)
        for sentence, found in pairs:
            results.add(sentence, found)
            bar.update()
        results.finish(name)
    skipped.report(observer)
    note(", ".join(map(counted, results.counts, domain.counted)), quiet=quiet)


class _Results:
    """What is written of tagged sequences: labels, a picture of one, a page on all.

    Parameters
    ----------
    tagger
        What the labels are from.
    writer
        Writes labels.
    flushed
        The file that each sequence is to be in at once, None if none is.
    """

    def __init__(self, tagger: Tagger, writer: ResultWriter, flushed: TextIO | None) -> None:
        self._tagger = tagger
        self._writer = writer
        self._flushed = flushed
        self._picture: tuple[TextIO, str, str | None] | None = None
        self._drawn = False
        self._page: tuple[TextIO, TaggingReport] | None = None
        self.counts = [0, 0, 0]  # sequences, tokens, spans

    def draw(self, handle: TextIO, format: str, name: str | None) -> None:
        """Draw the sequence of a name too, or the first one."""
        self._picture = handle, format, name

    def report(self, handle: TextIO, name: str, model: str) -> None:
        """Write a page on all of them too."""
        from dnatag.tasks.tagging.domain import HasNames
        from dnatag.tasks.tagging.report import TaggingReport

        described = self._tagger.model
        labelling = described.labelling
        names = labelling.names if isinstance(labelling, HasNames) else {}
        page = TaggingReport(name, model, labelling.labels, names, described.domain.counted)
        self._page = handle, page

    def add(self, sentence: Any, found: Tagged) -> None:
        """Write a sequence."""
        self._writer.add(sentence, found)
        if self._flushed is not None:
            self._flushed.flush()
        if self._picture is not None and not self._drawn:
            handle, format, name = self._picture
            if name in (None, sentence.id):
                handle.buffer.write(_draw(self._tagger, sentence, found, format))
                self._drawn = True
        if self._page is not None:
            self._page[1].add(sentence, found.entities)
        for i, number in enumerate((1, len(sentence), len(found.entities))):
            self.counts[i] += number

    def finish(self, path: str) -> None:
        """Complete the files; refuse if the input was empty, or lacks what was to be drawn."""
        if not self.counts[0]:
            raise InputError(f"{path}: is empty")
        self._writer.finish()
        if self._picture is not None and not self._drawn:
            raise InputError(f"{path}: has no protein {self._picture[2]}, to be drawn")
        if self._page is not None:
            handle, page = self._page
            page.write(handle)


def _least_sure_first(pairs: Iterable[tuple[Any, Tagged]], keep: bool) -> list[tuple[Any, Tagged]]:
    """Sort sequences by how sure their best labelling is; drop alternatives that nobody wants."""

    def sureness(pair: tuple[Any, Tagged]) -> float:
        (probability, _), *_ = pair[1].alternatives
        return math.log(max(probability, 1e-300)) / max(len(pair[0]), 1)

    ordered = sorted(pairs, key=sureness)
    return ordered if keep else [(one, replace(found, alternatives=[])) for one, found in ordered]


def _draw(tagger: Tagger, sentence: Sentence, found: Tagged, format: str) -> bytes:
    """Draw a sequence."""
    from dnatag.tasks.tagging.domain import HasPicture

    domain, posteriors = tagger.model.domain, tagger.posteriors(sentence.tokens)
    assert isinstance(domain, HasPicture)
    return domain.picture(sentence.id, tagger.model.labelling, posteriors, found.entities, format)


def _check_options(
    model: str,
    domain: TaggingDomain,
    kind: str,
    target: str,
    token_column: int | None,
    k_best: int | None,
    report: str | None,
    picture: str | None,
) -> None:
    """Refuse options that mean nothing for the domain or the formats."""
    from dnatag.tasks.tagging.domain import HasPicture, HasRecords

    if token_column is not None and kind != "conll":
        raise click.UsageError(
            f"--token-column is for columns, and the input is {kind}; name its format with "
            "--format, or leave the column out."
        )
    if k_best is not None and target != "jsonl":
        raise click.UsageError(
            "only JSON Lines can hold the labellings of --k-best: add --to jsonl."
        )
    if report and isinstance(domain, HasRecords):
        raise click.UsageError(
            f"--report shows texts and proteins, and {model} is of {domain.name}."
        )
    if picture and not isinstance(domain, HasPicture):
        raise click.UsageError(f"--picture is for proteins, and {model} is of {domain.name}.")


def _records(
    source: Source,
    kind: str,
    token_column: int | None,
    encoding: str,
    skipped: Callable[[str], None],
    tagger: Tagger,
    observer: CliObserver,
) -> Iterator[Any]:
    """Read sequences: sentences, or what the domain has instead."""
    from dnatag.formats.io.reading import display_name
    from dnatag.formats.registry import DOCUMENTS, find_format
    from dnatag.tasks.tagging.domain import HasRecords, SplitsText

    domain, featurizer = tagger.model.domain, tagger.model.featurizer
    if isinstance(domain, HasRecords):
        return iter(domain.records(source, kind, encoding))
    read = find_format(kind).read
    if kind == "conll":
        sentences: Iterator[Sentence] = read(source, token_column or "auto", encoding=encoding)
    elif kind == "fasta":
        sentences = read(source, labelled=False, encoding=encoding, skipped=skipped)
    else:
        split = featurizer.split if isinstance(featurizer, SplitsText) else None
        if kind in DOCUMENTS:
            documents = read(source, encoding)
            sentences = _without_marks(documents, split, display_name(source), observer)
        else:
            sentences = read(source, encoding=encoding, split=split)
    return sentences


def _without_marks(
    documents: Iterable[Document], split: Split | None, name: str, observer: CliObserver
) -> Iterator[Sentence]:
    """Yield the tokens of documents; warn in the end that their annotations are not written."""
    marked = 0
    for document in documents:
        marked += bool(document.marks)
        yield document.split(split)
    if marked:
        observer.note(
            f"warning: {name}: the annotations of {counted(marked, 'texts')} are not in the "
            "output, which has what the model finds instead"
        )


def _stem(path: str) -> str:
    """Return the name of an input without its ending."""
    return "text" if path == "-" else os.path.basename(path).partition(".")[0]

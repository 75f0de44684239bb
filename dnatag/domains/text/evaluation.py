"""Evaluation of tagged text: columns of the same tokens, or annotations of the same texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from dnatag.errors import InputError
from dnatag.formats.registry import DOCUMENTS
from dnatag.report import Observer, counted
from dnatag.tasks.evaluation import EncodedEvaluator, Evaluation
from dnatag.tasks.tagging.evaluation import (
    OPTIONS,
    compare_tokens,
    draw,
    note_capitals,
    score_rows,
    tags_of,
)
from dnatag.tasks.tagging.schemes import (
    OUTSIDE,
    PLAIN,
    SCHEMES,
    detect,
    faults,
    only,
    spans,
    stray,
)

if TYPE_CHECKING:
    from dnatag.formats.io.reading import Source
    from dnatag.formats.text.conll import Column
    from dnatag.formats.text.tokens import Sentence

__all__ = ["TextEvaluator"]


class TextEvaluator(EncodedEvaluator):
    """Scores spans and tags of words, as conlleval does."""

    files = "text in columns or of annotation tools"
    formats = ("conll", *DOCUMENTS)

    @property
    def options(self) -> Sequence[click.Option]:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        return (
            click.Option(
                ["--token-column"],
                metavar="N",
                type=int,
                show_default="1, of CoNLL-U 2",
                help="Text: the column of the tokens, counted from 1 or, from the end, from -1.",
            ),
            click.Option(
                ["--tag-column"],
                metavar="N",
                type=int,
                show_default="the last, of CoNLL-U 4",
                help="Text: the column of the tags; of REFERENCE, where predictions have another.",
            ),
            click.Option(
                ["--predicted-column"],
                metavar="N",
                type=int,
                show_default="as --tag-column; the last, where REFERENCE has fewer columns",
                help="Text: the column of the tags of predictions.",
            ),
            click.Option(
                ["--types"],
                metavar="TYPE,...",
                help="Text: count only spans of these types, or only these plain tags.",
            ),
            click.Option(
                ["--scheme"],
                type=click.Choice(SCHEMES),
                show_default="the one that fits the tags of each file",
                help="Text: how tags stand for spans; 'plain' for tags without spans, such as "
                "parts of speech.",
            ),
            *OPTIONS,
        )

    def evaluate(
        self, reference: str, predictions: Mapping[str, str], observer: Observer, **options: Any
    ) -> Evaluation:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        from dnatag.formats.io.reading import display_name
        from dnatag.tasks.tagging.metrics import evaluate_tags

        scheme: str | None = options["scheme"]
        types = _types(options["types"])
        truth, found_in = _read(reference, predictions, options, observer)
        tags: Sequence[Sequence[str]] = tags_of(truth)
        true_scheme = scheme or _scheme(tags)
        _note_faults(reference, truth, true_scheme, observer)
        if true_scheme == PLAIN and scheme is None:
            _note_plain(display_name(reference), tags, observer)
        if types is not None:
            _check_types(reference, tags, true_scheme, types)
            tags = _only(tags, true_scheme, types)
        scores, schemes = {}, {}
        for name, predicted in found_in.items():
            path = predictions[name]
            own = scheme or detect(tags_of(predicted))
            if PLAIN in (own, true_scheme):
                own = true_scheme
            _note_faults(path, predicted, own, observer)
            found = tags_of(predicted) if types is None else _only(tags_of(predicted), own, types)
            one = evaluate_tags(tags, found, true_scheme, own)
            if types is not None:
                one = replace(one, by_type={n: c for n, c in one.by_type.items() if n in types})
            scores[name], schemes[name] = one, own
        note_capitals(predictions, scores, observer)
        first = next(iter(scores.values()))
        about = f"{counted(len(truth), 'sentences')}, {counted(first.tokens, 'tokens')}"
        if true_scheme != PLAIN:
            about += f", {first.all.true} spans in {true_scheme}"
        return Evaluation(
            about,
            score_rows(scores, "token", "tags" if true_scheme == PLAIN else "spans"),
            {name: {"scheme": schemes[name], **s.to_dict()} for name, s in scores.items()},
            draw(scores, options["picture"]),
        )


def _scheme(tags: Sequence[Sequence[str]]) -> str:
    """Return the scheme that fits; a few tags that are none of spans do not make others plain."""
    few = stray(Counter(chain.from_iterable(tags)))
    return detect([[tag for tag in of if tag not in few] for of in tags])


def _note_plain(name: str, tags: Sequence[Sequence[str]], observer: Observer) -> None:
    """Warn of what is taken for plain tags, and may not be meant so."""
    counts = Counter(chain.from_iterable(tags))
    if len(tags) == 1:
        observer.note(
            f"warning: {name}: is taken for one sentence, a token and a tag in each line; for "
            "labels and texts add --domain classification"
        )
    if OUTSIDE in counts:
        observer.note(
            f"warning: {name}: tags are taken as plain, one for each token without spans, though "
            "O is among them; spans are written as B-PER, I-PER"
        )
    if len(counts) == 1 < counts.total():
        observer.note(
            f"warning: {name}: all tags are '{next(iter(counts))}'; is another --tag-column meant?"
        )


def _read(
    reference: str,
    predictions: Mapping[str, str],
    options: Mapping[str, Any],
    observer: Observer,
) -> tuple[list[Sentence], dict[str, list[Sentence]]]:
    """Read the sentences of the reference and, by name, of each prediction: the same tokens."""
    from dnatag.domains.text.documents import read_documents, same_tokens
    from dnatag.formats.io.reading import display_name
    from dnatag.formats.registry import recognise_source

    encoding: str = options["encoding"]
    # Columns that are too irregular to be recognised are read, and faults in them named.
    among: tuple[str, ...] = ("conll", "lines", *DOCUMENTS)
    wanted = "the reference is text in columns, or annotated"
    sources = [recognise_source(reference, among, wanted, encoding=encoding, prefer="conll")]
    if sources[0][1].name in DOCUMENTS:
        among = (*among, "jsonl")
    sources += [
        recognise_source(path, among, wanted, encoding=encoding, prefer="conll")
        for path in predictions.values()
    ]
    annotated = sources[0][1].name in DOCUMENTS
    for source, format in sources[1:]:
        if (format.name in (*DOCUMENTS, "jsonl")) != annotated:
            same = "annotations of the same texts" if annotated else "files of the same tokens"
            raise InputError(
                f"{display_name(source)}: {format.found}, and {display_name(reference)} "
                f"{sources[0][1].found}; compare {same}"
            )
    if not annotated:
        return _read_columns(reference, predictions, [s for s, _ in sources], options)
    read = []
    for number, (source, format) in enumerate(sources):
        kind = "doccano" if format.name == "jsonl" else format.name
        documents = read_documents(source, kind, encoding, predictions=number > 0)
        read.append((display_name(source), documents))
    truth, *found = same_tokens(read[0], read[1:], observer)
    return truth, dict(zip(predictions, found, strict=True))


def _read_columns(
    reference: str,
    predictions: Mapping[str, str],
    sources: Sequence[Source],
    options: Mapping[str, Any],
) -> tuple[list[Sentence], dict[str, list[Sentence]]]:
    """Read files in columns."""
    from dnatag.formats.text.conll import read_conll, width, with_tags_of

    token_column, tag_column, predicted_column = (
        _column(options[f"{what}_column"]) for what in ("token", "tag", "predicted")
    )

    def read(source: Source, tag_column: Column) -> list[Sentence]:
        sentences = read_conll(source, token_column, tag_column, options["encoding"])
        return [s for s in sentences if s.tokens]

    truth, found = read(sources[0], tag_column), {}
    for (name, path), source in zip(predictions.items(), sources[1:], strict=True):
        predicted = read(source, tag_column if predicted_column == "auto" else predicted_column)
        if predicted_column == "auto" != tag_column and width(predicted) > width(truth):
            # With the tags as one more column, as taggers write them.
            predicted = [with_tags_of(sentence, -1) for sentence in predicted]
        compare_tokens(reference, truth, path, predicted)
        found[name] = predicted
    return truth, found


def _column(number: int | None) -> Column:
    if number == 0:
        raise InputError("columns are counted from 1 or, from the end, from -1")
    return "auto" if number is None else number


def _types(names: str | None) -> frozenset[str] | None:
    return None if names is None else frozenset(name.strip() for name in names.split(","))


def _only(
    tags: Sequence[Sequence[str]], scheme: str, types: frozenset[str]
) -> Sequence[Sequence[str]]:
    """Return tags without the spans of other types; plain ones as they are."""
    if scheme == PLAIN:
        return tags
    return [only(of, scheme, types) for of in tags]


def _check_types(
    path: str, tags: Sequence[Sequence[str]], scheme: str, types: frozenset[str]
) -> None:
    """Refuse types that are never there."""
    from dnatag.formats.io.reading import display_name

    there = {span.type for of in tags for span in spans(of, scheme)}
    if missing := sorted(types - there):
        what = "tags" if scheme == PLAIN else "spans of"
        raise InputError(
            f"{display_name(path)}: has no {what} {', '.join(missing)}, which --types names"
        )


def _note_faults(path: str, sentences: Sequence[Sentence], scheme: str, observer: Observer) -> None:
    """Refuse tags that are none of the scheme, and note those that are illegal in it."""
    from dnatag.formats.io.reading import display_name

    path, count, first = display_name(path), 0, ""
    for sentence in sentences:
        try:
            found = faults(sentence.tags or (), scheme)
        except ValueError as error:
            raise InputError(
                f"{path}: line {sentence.line}: in the sentence that begins here, {error}; fix "
                "it, name another --tag-column, or use --scheme plain for tags without spans"
            ) from None
        if found and not count:
            first = f"in the sentence at line {sentence.line}, {found[0][1]}"
        count += len(found)
    if count:
        observer.note(
            f"warning: {path}: tags illegal in {scheme}: {count}, read as conlleval reads them; "
            f"the first: {first}"
        )

"""Evaluation of text and residues: the same tokens in all files, and the rows of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dnatag.cli.common import note
from dnatag.cli.evaluate import Evaluation, Rows
from dnatag.tasks.tagging.schemes import PLAIN, UNNAMED, detect, faults

if TYPE_CHECKING:
    from dnatag.formats.text.conll import Column
    from dnatag.formats.text.tokens import Sentence
    from dnatag.tasks.tagging.metrics import Scores

__all__ = ["evaluate_residues", "evaluate_text"]


def evaluate_text(
    reference: str,
    predictions: Mapping[str, str],
    *,
    columns: tuple[Column, Column],
    scheme: str | None,
    encoding: str,
    picture: str | None,
    quiet: bool,
) -> Evaluation:
    """Score files of tagged tokens.

    Parameters
    ----------
    reference
        A path.
    predictions
        Paths by name.
    columns
        Those of tokens and tags, see :func:`~dnatag.formats.text.conll.read_conll`.
    scheme, encoding, picture, quiet
        See the options of the command.

    Raises
    ------
    InputError
        If a file cannot be read, tokens differ, or a tag is none of its scheme.
    """
    from dnatag.formats.registry import recognise
    from dnatag.formats.text.conll import read_conll
    from dnatag.tasks.tagging.metrics import evaluate

    def read(path: str) -> list[Sentence]:
        # Columns that are too irregular to be recognised are read, and faults in them named.
        wanted = "the reference is text in columns"
        stream, _ = recognise(path, ("conll", "lines"), wanted, encoding=encoding, prefer="conll")
        return [s for s in read_conll(stream, *columns, encoding) if s.tokens]

    truth = read(reference)
    tags = _tags(truth)
    true_scheme = scheme or detect(tags)
    _note_faults(reference, truth, true_scheme, quiet=quiet)
    scores, schemes = {}, {}
    for name, path in predictions.items():
        predicted = read(path)
        _compare_tokens(reference, truth, path, predicted)
        own = scheme or detect(_tags(predicted))
        if PLAIN in (own, true_scheme):
            own = true_scheme
        _note_faults(path, predicted, own, quiet=quiet)
        scores[name] = evaluate(tags, _tags(predicted), true_scheme, own)
        schemes[name] = own
    first = next(iter(scores.values()))
    about = f"{len(truth)} sentences, {first.tokens} tokens"
    if true_scheme != PLAIN:
        about += f", {first.all.true} spans in {true_scheme}"
    return Evaluation(
        about,
        _rows(scores, "token", "tags" if true_scheme == PLAIN else "spans"),
        {name: {"scheme": schemes[name], **s.to_dict()} for name, s in scores.items()},
        _draw(scores, picture),
    )


def evaluate_residues(
    reference: str, predictions: Mapping[str, str], *, encoding: str, picture: str | None
) -> Evaluation:
    """Score files of labelled residues.

    Parameters and errors are those of :func:`evaluate_text`.
    """
    from dnatag.formats.sequences.residues import read_residues
    from dnatag.tasks.tagging.metrics import UNKNOWN, evaluate_segments

    truth = list(read_residues(reference, True, encoding))
    scores = {}
    for name, path in predictions.items():
        predicted = list(read_residues(path, True, encoding))
        _compare_tokens(reference, truth, path, predicted)
        scores[name] = evaluate_segments(_tags(truth), _tags(predicted))
    first = next(iter(scores.values()))
    about = f"{len(truth)} proteins, {first.tokens} residues, {first.all.true} segments"
    if unknown := sum(map(len, truth)) - first.tokens:
        about += f" (not counted: {unknown} residues labelled {UNKNOWN})"
    return Evaluation(
        about,
        _rows(scores, "residue", "segments"),
        {name: s.to_dict() for name, s in scores.items()},
        _draw(scores, picture),
    )


def _tags(sentences: Sequence[Sentence]) -> list[tuple[str, ...]]:
    return [s.tags or () for s in sentences]


def _compare_tokens(
    reference: str, truth: Sequence[Sentence], path: str, predicted: Sequence[Sentence]
) -> None:
    """Refuse files that do not have the same tokens."""
    from dnatag.errors import InputError
    from dnatag.formats.io.reading import display_name

    reference, path = display_name(reference), display_name(path)
    for true, other in zip(truth, predicted, strict=False):
        if true.tokens == other.tokens:
            continue
        where = f"{reference} (line {true.line})"
        pairs = enumerate(zip(true.tokens, other.tokens, strict=False), 1)
        differ = next(((i, a, b) for i, (a, b) in pairs if a != b), None)
        if differ is None:
            reason = f"{len(other)} tokens begin here, {len(true)} in {where}"
        else:
            reason = "token {0} from here is '{2}', '{1}' in {3}".format(*differ, where)
        raise InputError(f"{path}: line {other.line}: {reason}; compare files of the same tokens")
    (short, fewer), (long, more) = sorted(
        [(reference, truth), (path, predicted)], key=lambda side: len(side[1])
    )
    if len(fewer) < len(more):
        raise InputError(
            f"{long}: line {more[len(fewer)].line}: {short} ends before what begins here; "
            "compare files of the same tokens"
        )


def _note_faults(path: str, sentences: Sequence[Sentence], scheme: str, *, quiet: bool) -> None:
    """Refuse tags that are none of the scheme, and note those that are illegal in it."""
    from dnatag.errors import InputError
    from dnatag.formats.io.reading import display_name

    path, count, first = display_name(path), 0, ""
    for sentence in sentences:
        try:
            found = faults(sentence.tags or (), scheme)
        except ValueError as error:
            raise InputError(
                f"{path}: line {sentence.line}: in the sentence that begins here, {error}; mend "
                "it, name another --tag-column, or use --scheme plain for tags without spans"
            ) from None
        if found and not count:
            first = f"in the sentence at line {sentence.line}, {found[0][1]}"
        count += len(found)
    if count:
        note(
            f"warning: {path}: tags illegal in {scheme}: {count}, read as conlleval reads them; "
            f"the first: {first}",
            quiet=quiet,
        )


def _rows(scores: Mapping[str, Scores], token: str, spans: str) -> Rows:
    """Accuracy, all types, each type."""
    types = sorted({name for one in scores.values() for name in one.by_type})
    parts = [(f"all {spans}", "all")]
    parts += [(name or UNNAMED, f"by_type.{name}") for name in types]
    measures = {
        "true": "true",
        "predicted": "predicted",
        "precision %": "precision",
        "recall %": "recall",
        "F1 %": "f1",
    }
    rows: Rows = [(f"{token} accuracy %", "accuracy")]
    for title, prefix in parts:
        rows.append((title, None))
        rows += [(f"  {label}", f"{prefix}.{key}") for label, key in measures.items()]
    return rows


def _draw(scores: Mapping[str, Scores], picture: str | None) -> bytes | None:
    """Draw a picture in the format of its name."""
    if picture is None:
        return None
    from dnatag.tasks.tagging.picture import draw_confusion

    confusions = {name: one.confusion for name, one in scores.items()}
    return draw_confusion(confusions, Path(picture).suffix[1:])

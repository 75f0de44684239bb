"""What evaluations of tagged sequences have in common: the same tokens, rows, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dnatag.errors import InputError
from dnatag.tasks.evaluation import check_picture
from dnatag.tasks.tagging.schemes import UNNAMED, alike

if TYPE_CHECKING:
    from dnatag.formats.text.tokens import Sentence
    from dnatag.report import Observer
    from dnatag.tasks.tagging.metrics import TagScores

__all__ = ["OPTIONS", "compare_tokens", "draw", "note_capitals", "score_rows", "tags_of"]

#: Options of ``dnatag evaluate`` for all tagged sequences.
OPTIONS = (
    click.Option(
        ["--encoding"],
        metavar="NAME",
        default="utf-8",
        show_default=True,
        help="Text and residues: the character encoding of the files.",
    ),
    click.Option(
        ["--picture"],
        metavar="FILE",
        type=click.Path(dir_okay=False, writable=True),
        callback=check_picture,
        help="Draw, as PNG, SVG or PDF, which labels are taken for which (text and residues), or "
        "segments below the true ones (frames).",
    ),
)


def tags_of(sentences: Sequence[Sentence]) -> list[tuple[str, ...]]:
    """Return the tags of sentences."""
    return [s.tags or () for s in sentences]


def compare_tokens(
    reference: str, truth: Sequence[Sentence], path: str, predicted: Sequence[Sentence]
) -> None:
    """Refuse files that do not have the same tokens.

    Parameters
    ----------
    reference, path
        The files.
    truth, predicted
        Their sentences.

    Raises
    ------
    InputError
        Naming the first place where they differ.
    """
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


def score_rows(
    scores: Mapping[str, TagScores], token: str, spans: str, more: Mapping[str, str] | None = None
) -> list[tuple[str, str | None]]:
    """Return the rows of a table: accuracy, all types, each type.

    Parameters
    ----------
    scores
        By prediction.
    token, spans
        What a token and its spans are called.
    more
        More measures of all types and of each: name and key.
    """
    types = sorted({name for one in scores.values() for name in one.by_type})
    parts = [(f"all {spans}", "all")]
    parts += [(name or UNNAMED, f"by_type.{name}") for name in types]
    measures = {
        "true": "true",
        "predicted": "predicted",
        "precision %": "precision",
        "recall %": "recall",
        "F1 %": "f1",
        **(more or {}),
    }
    rows: list[tuple[str, str | None]] = [(f"{token} accuracy %", "accuracy")]
    for heading, prefix in parts:
        rows.append((heading, None))
        rows += [(f"  {label}", f"{prefix}.{key}") for label, key in measures.items()]
    return rows


def note_capitals(
    paths: Mapping[str, str], scores: Mapping[str, TagScores], observer: Observer
) -> None:
    """Warn of types that only a prediction has, where the truth has other capitals.

    Parameters
    ----------
    paths, scores
        Of each prediction.
    observer
        Receives the warnings.
    """
    from dnatag.formats.io.reading import display_name

    for name, one in scores.items():
        true = {type_: counts.true for type_, counts in one.by_type.items()}
        other = [of for of in alike(true) if min(of.values()) == 0 < max(of.values())]
        if other:
            observer.note(
                f"warning: {display_name(paths[name])}: labels that differ from those of the "
                "reference in capitals alone count as others: "
                + "; ".join(", ".join(sorted(of)) for of in other)
            )


def draw(scores: Mapping[str, TagScores], picture: str | None) -> dict[str, bytes]:
    """Draw which labels are taken for which, in the format of the picture's name.

    Returns the content by that name; nothing if no picture is wanted.
    """
    if picture is None:
        return {}
    from dnatag.tasks.tagging.picture import draw_confusion

    confusions = {name: one.confusion for name, one in scores.items()}
    return {picture: draw_confusion(confusions, Path(picture).suffix[1:])}

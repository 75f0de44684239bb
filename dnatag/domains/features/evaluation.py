"""Evaluation of labels of frames: files with the same sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dnatag.errors import InputError
from dnatag.formats.frames import UNLABELLED
from dnatag.formats.io.reading import display_name
from dnatag.report import Observer, counted
from dnatag.tasks.evaluation import EncodedEvaluator, Evaluation, read_alike
from dnatag.tasks.tagging.evaluation import OPTIONS

if TYPE_CHECKING:
    from dnatag.formats.frames import FrameLabels

__all__ = ["FrameEvaluator"]


class FrameEvaluator(EncodedEvaluator):
    """Scores the labels of frames and their segments."""

    files = "labels of frames"
    formats = ("frames", "segments", "segment-objects", "labelled-sequences")

    @property
    def options(self) -> Sequence[click.Option]:
        """See :class:`dnatag.tasks.evaluation.Evaluator`."""
        return OPTIONS

    def evaluate(
        self, reference: str, predictions: Mapping[str, str], observer: Observer, **options: Any
    ) -> Evaluation:
        """See :class:`dnatag.tasks.evaluation.Evaluator`; the picture shows all segments."""
        from dnatag.domains.features.metrics import OVERLAPS, evaluate_frames

        read = partial(_read, encoding=options["encoding"])
        truth, found = read_alike(
            read, reference, predictions, "sequences", "sequences", _name, observer
        )
        scores = {}
        for name, path in predictions.items():
            _compare(display_name(reference), truth, display_name(path), found[name])
            labels = [one.labels for one in found[name]]
            scores[name] = evaluate_frames([one.labels for one in truth], labels)
        pictures = {}
        if options["picture"] is not None:
            from dnatag.domains.features.picture import draw_segments

            format = Path(options["picture"]).suffix[1:]
            pictures[options["picture"]] = draw_segments({"truth": truth, **found}, format)
        rows = [("frame accuracy %", "accuracy"), ("edit score %", "edit")]
        rows += [(f"F1@{k} %", f"f1@{k}") for k in OVERLAPS]
        frames = sum(len(one.labels) for one in truth)
        return Evaluation(
            f"{counted(len(truth), 'sequences')}, {counted(frames, 'frames')}",
            list(rows),
            scores,
            pictures,
        )


def _read(path: str, encoding: str) -> list[FrameLabels]:
    """Read labels, or those that a table lists."""
    from dnatag.formats.frames import (
        read_frame_labels,
        read_listed_labels,
        read_segment_objects,
        read_segments,
    )
    from dnatag.formats.registry import recognise

    wanted = (
        "wanted is a label in each line, segments, or a table with the columns 'name' and 'labels'"
    )
    among = (*FrameEvaluator.formats, "sequences", "lines", "conll")
    stream, format = recognise(path, among, wanted, encoding=encoding, prefer="lines")
    match format.name:
        case "segments":
            return list(read_segments(stream, encoding))
        case "segment-objects":
            return list(read_segment_objects(stream, encoding))
        case "sequences" | "labelled-sequences":
            return list(read_listed_labels(stream, encoding))
        case _:
            return list(read_frame_labels(stream, encoding))


def _name(one: FrameLabels) -> str:
    """Return what a sequence is called in all files."""
    return one.name.removesuffix(".npy")


def _compare(
    reference: str, truth: Sequence[FrameLabels], path: str, found: Sequence[FrameLabels]
) -> None:
    """Refuse sequences that are not the same, or that have not been labelled as a whole."""
    known = {label for one in truth for label in one.labels}
    for one, other in zip(truth, found, strict=True):
        if one.named and other.named and _name(one) != _name(other):
            raise InputError(f"{path}: has {other.name} where {reference} has {one.name}")
        if len(one.labels) != len(other.labels):
            raise InputError(
                f"{path}: {other.name} has {counted(len(other.labels), 'frames')}, in {reference} "
                f"{len(one.labels)}"
            )
        if UNLABELLED in set(other.labels) - known:
            raise InputError(
                f"{path}: {other.name} has frames without a label ({UNLABELLED!r}); compare what "
                "was tagged without --min-score"
            )

"""Pictures of evaluations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dnatag.formats.pictures import content, new_figure
from dnatag.tasks.tagging.metrics import Confusion
from dnatag.tasks.tagging.schemes import UNNAMED

__all__ = ["draw_confusion"]

#: In inches: a cell with a count of seven digits, and what is around the cells.
CELL, MARGIN = 0.62, 1.9
#: Longer labels stand upright below their column.
SHORT = 4


def draw_confusion(confusions: Mapping[str, Confusion], format: str) -> bytes:
    """Draw which labels are taken for which, each row shaded by its shares.

    Parameters
    ----------
    confusions
        By title; they are drawn side by side.
    format
        "png", "svg" or "pdf".

    Returns
    -------
    bytes
        The content of a file.

    Raises
    ------
    DnatagError
        If matplotlib is not installed.
    """
    sizes = [CELL * len(confusion.labels) + MARGIN for confusion in confusions.values()]
    figure = new_figure(sum(sizes), max(sizes))
    (panels,) = figure.subplots(1, len(sizes), squeeze=False, width_ratios=sizes)
    for axes, (title, confusion) in zip(panels, confusions.items(), strict=True):
        counts = confusion.counts
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(
                    column, row, str(count), ha="center", va="center", color=colour, fontsize=9
                )
        labels = [label or UNNAMED for label in confusion.labels]
        upright = max(map(len, labels), default=0) > SHORT
        ticks = range(len(labels))
        axes.set_xticks(ticks, labels, fontsize=10, rotation=90 if upright else 0)
        axes.set_yticks(ticks, labels, fontsize=10)
        axes.tick_params(length=0)
        axes.set_title(title, fontsize=12)
        axes.set_xlabel("predicted", fontsize=11)
        axes.set_ylabel("true", fontsize=11)
    bar = figure.colorbar(image, ax=panels[-1], shrink=0.8)
    bar.set_label("share of the true label", fontsize=11)
    return content(figure, format, dpi=150)

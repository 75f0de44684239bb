"""The labels of a protein as a picture: how probable each is, and the labelling as a whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dnatag.domains.proteins.topology import NAMES
from dnatag.formats.pictures import content, new_figure
from dnatag.formats.text.tokens import Entity

__all__ = ["draw_labels"]

#: Of topologies: the colours of labels, and the heights of the sides of the membrane.
TOPOLOGY = {"S": "#e69f00", "1": "#56b4e9", "2": "#009e73", "H": "#d55e00", "B": "#cc79a7"}
SIDES = {"1": 0.1, "2": 0.9, "S": 0.9}
#: For other labels.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999", "#000000")


def draw_labels(
    title: str,
    labels: Sequence[str],
    posteriors: np.ndarray,
    entities: Sequence[Entity],
    format: str,
    *,
    topology: bool,
) -> bytes:
    """Draw the probability of each label at each residue, and below it the labelling.

    Parameters
    ----------
    title
        What is written above.
    labels
        The labels, K of them.
    posteriors
        float (L, K), probability of each label at each residue.
    entities
        The segments of the labelling.
    format
        "png", "svg" or "pdf".
    topology
        Whether the labels are those of a topology: sides of a membrane, and what crosses it.

    Returns
    -------
    bytes
        The content of a file.

    Raises
    ------
    DnatagError
        If matplotlib is not installed.
    """
    colours = {label: COLOURS[i % len(COLOURS)] for i, label in enumerate(labels)}
    colours |= TOPOLOGY if topology else {}
    place = np.arange(1, len(posteriors) + 1)
    figure = new_figure(10, 4.6)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    for label, share in zip(labels, posteriors.T, strict=True):
        if share.max() > 0.02:
            name = NAMES.get(label, label) if topology else label
            top.plot(place, share, color=colours[label], label=name, linewidth=1.8)
    top.set_ylabel("posterior probability")
    top.set_ylim(0, 1.02)
    top.set_title(f"{title}, {len(posteriors)} residues", loc="left")
    top.legend(ncols=8, loc="lower left", bbox_to_anchor=(0.3, 1.0), frameon=False)
    if topology:
        below.axhspan(0.25, 0.75, color="#eeeeee")
        below.set_yticks([0.1, 0.5, 0.9], ["inside", "membrane", "outside"])
    else:
        below.set_yticks([])
    for entity in entities:
        first, last, colour = entity.start + 1, entity.end, colours[entity.type]
        if topology and entity.type in SIDES:
            below.hlines(SIDES[entity.type], first, last, colour, linewidth=4)
            continue
        below.fill_between([first - 0.5, last + 0.5], 0.1, 0.9, color=colour)
        if topology:
            middle = (first + last) / 2
            below.text(middle, 1.0, f"{entity.score:.2f}", ha="center", fontsize=8)
    below.set_ylim(-0.05, 1.15)
    below.set_xlim(0, len(place) + 1)
    below.set_xlabel("residue")
    return content(figure, format, tight=False)

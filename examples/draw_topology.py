"""Draw the topology of a protein: ``python draw_topology.py proteins.faa ID picture.png``.

Above, the probability of each label at each residue; below, the labelling as a whole. It needs
matplotlib (``pip install 'dnatag[pictures]'``).
"""

from __future__ import annotations

import sys

import matplotlib.pyplot as plt
import numpy as np

from dnatag import Tagger
from dnatag.formats.sequences.residues import read_residues

NAMES = {"S": "signal peptide", "1": "inside", "2": "outside", "H": "helix", "B": "strand"}
COLOURS = {"S": "#e69f00", "1": "#56b4e9", "2": "#009e73", "H": "#d55e00", "B": "#cc79a7"}
#: Heights of the sides and, between them, of the membrane.
SIDES = {"1": 0.1, "2": 0.9, "S": 0.9}


def main(path: str, name: str, output: str) -> None:
    """Draw a protein of a FASTA file."""
    protein = next((p for p in read_residues(path, labelled=False) if p.id == name), None)
    if protein is None:
        sys.exit(f"{path} has no protein {name}")
    tagger = Tagger.load("topology")
    tagged = tagger.tag(protein.tokens)
    posteriors = tagger.posteriors(protein.tokens)
    place = np.arange(1, len(protein.tokens) + 1)

    figure, (top, below) = plt.subplots(
        2, 1, figsize=(10, 4.6), sharex=True, height_ratios=(2, 1), layout="constrained"
    )
    for label, share in zip(tagger.model.labelling.labels, posteriors.T, strict=True):
        if share.max() > 0.02:
            top.plot(place, share, color=COLOURS[label], label=NAMES[label], linewidth=1.8)
    top.set_ylabel("posterior probability")
    top.set_ylim(0, 1.02)
    top.set_title(f"{protein.id}, {len(protein.tokens)} residues", loc="left")
    top.legend(ncols=5, loc="lower left", bbox_to_anchor=(0.3, 1.0), frameon=False)

    below.axhspan(0.25, 0.75, color="#eeeeee")
    for entity in tagged.entities:
        first, last = entity.start + 1, entity.end
        if entity.type in SIDES:
            below.hlines(SIDES[entity.type], first, last, COLOURS[entity.type], linewidth=4)
        else:
            below.fill_between([first, last], 0.1, 0.9, color=COLOURS[entity.type])
            middle = (first + last) / 2
            below.text(middle, 1.0, f"{entity.score:.2f}", ha="center", fontsize=8)
    below.set_yticks([0.1, 0.5, 0.9], ["inside", "membrane", "outside"])
    below.set_ylim(-0.05, 1.15)
    below.set_xlim(0, len(place) + 1)
    below.set_xlabel("residue")
    figure.savefig(output, dpi=120)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit((__doc__ or "").strip())
    main(*sys.argv[1:])

"""Make a gene model whose weights are the means of those of others, trained one from the other.

    python tools/average.py MODEL MODEL... OUTPUT

Parameters of genomes and all that is known of the training are those of the last one. Scores and
card are left out: they are of the last one alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from dnatag.domains.genes import model
from dnatag.models.names import find_model

#: What the model file says itself.
OF_FILE = ("domain", "task", "network", "featurizer", "targets", "scores", "card")


def main() -> None:
    """Read the models, and write the mean."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="+", help="names or files")
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    loaded = [model.load_gene_model(find_model(name)) for name in options.models]
    networks = [weights.network() for weights, _, _ in loaded]
    states = [network.state_dict() for network in networks]
    mean = {name: torch.stack([s[name] for s in states]).mean(0) for name in states[0]}
    networks[-1].load_state_dict(mean)
    _, panel, about = loaded[-1]
    kept = {key: value for key, value in about.items() if key not in OF_FILE}
    model.save_gene_model(options.output, networks[-1], kept, panel)


if __name__ == "__main__":
    main()

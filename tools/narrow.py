"""Make a narrower gene model from another one: units of its LSTM are left out, eight at a time.

Those go whose absence costs the least likelihood on windows of the recipe's genomes; what a unit
gives on average goes to the biases. The narrow model is meant to be trained further:

    python tools/narrow.py RECIPE --folder DIR MODEL UNITS OUTPUT
    dnatag train RECIPE --from OUTPUT --folder DIR -o small.dnatag
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from dnatag.domains.genes import model
from dnatag.domains.genes.training.corpus import GenomeWindows
from dnatag.domains.genes.training.data import read_genomes
from dnatag.domains.genes.training.experiment import genome_entries
from dnatag.engine.batch import Batch
from dnatag.engine.networks.kmer_tagger import KmerTagger
from dnatag.models.names import find_model
from dnatag.recipe import read_recipe
from dnatag.tasks.tagging.objective import label_likelihood

AT_ONCE = 8
LSTM = "encoder.ahead.0."
Weights = dict[str, Tensor]


def narrow(tagger: KmerTagger, units: int, batch: Batch) -> KmerTagger:
    """Return a tagger with fewer units."""
    weights = {name: w.detach().clone() for name, w in tagger.named_parameters()}
    hidden = tagger.config.hidden
    kept = list(range(hidden))
    while len(kept) > units:
        _set(tagger, weights)
        means = _means(tagger, batch)
        costs = {unit: _loss(tagger, _without(weights, unit, means), batch) for unit in kept}
        for unit in sorted(kept, key=costs.__getitem__)[: min(AT_ONCE, len(kept) - units)]:
            weights = _without(weights, unit, means)
            kept.remove(unit)
        print(f"{len(kept)} units, loss {_loss(tagger, weights, batch):.6f}", flush=True)
    sizes = {"embedding": tagger.config.embedding, "hidden": units}
    small = model.build(**sizes)
    _set(small, _select(weights, torch.tensor(kept), hidden))
    return small


def _without(weights: Weights, unit: int, means: Tensor) -> Weights:
    """Silence a unit, whose mean goes to the biases."""
    hidden, mean = len(means), means[unit]
    changed = {name: w.clone() for name, w in weights.items()}

    def silence(name: str, column: int, bias: str, share: float) -> None:
        changed[bias] += changed[name][:, column] * mean * share
        changed[name][:, column] = 0

    silence(f"{LSTM}weight_hh_l0", unit, f"{LSTM}bias_ih_l0", 1)
    contexts = [name for name in weights if name.startswith("site.context.")]
    for column in (unit, unit + hidden):
        silence("head.weight", column, "head.bias", 1)
        for context in contexts:
            # Contexts share one bias, and each is there for its share of the sites.
            silence(context, column, "site.view.bias", 1 / len(contexts))
    return changed


def _select(weights: Weights, kept: Tensor, hidden: int) -> Weights:
    """Cut out the units that are kept."""
    gates = torch.cat([kept + gate * hidden for gate in range(4)])
    both = torch.cat([kept, kept + hidden])
    small = dict(weights)
    for name in ("weight_ih_l0", "bias_ih_l0", "bias_hh_l0"):
        small[LSTM + name] = weights[LSTM + name][gates]
    small[f"{LSTM}weight_hh_l0"] = weights[f"{LSTM}weight_hh_l0"][gates][:, kept]
    rest = torch.arange(2 * hidden, weights["head.weight"].shape[1])
    small["head.weight"] = weights["head.weight"][:, torch.cat([both, rest])]
    for name in weights:
        if name.startswith("site.context."):
            small[name] = weights[name][:, both]
    return small


@torch.no_grad()
def _set(tagger: KmerTagger, weights: Weights) -> None:
    for name, parameter in tagger.named_parameters():
        parameter.copy_(weights[name])


@torch.no_grad()
def _loss(tagger: KmerTagger, weights: Weights, batch: Batch) -> float:
    _set(tagger, weights)
    loss, weight = label_likelihood(tagger, batch)
    return float(loss / weight)


@torch.no_grad()
def _means(tagger: KmerTagger, batch: Batch) -> Tensor:
    """Return the mean hidden state of each unit, (H,)."""
    found: list[Tensor] = []
    # In double precision the hidden states pass through the LSTM's own module.
    lstm = tagger.encoder.ahead[0]
    hook = lstm.register_forward_hook(lambda _, __, out: found.append(out[0].mean((0, 1))))
    symbols, flags, features = batch.inputs
    tagger.double()(symbols, flags, features.double(), batch.lengths)
    tagger.float()
    hook.remove()
    return found[0].float()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("model", type=find_model)
    parser.add_argument("units", type=int)
    parser.add_argument("output", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--windows", type=int, default=128)
    given = parser.parse_args()
    data = read_genomes(genome_entries(read_recipe(given.recipe, given.folder)))
    batch = GenomeWindows(data.train, data.validate, batch=given.windows, seed=77).batch_at(0)
    weights, panel, metadata = model.load_gene_model(given.model)
    small = narrow(weights.network().eval(), given.units, batch)
    about = {key: metadata[key] for key in ("licence", "training", "scores", "card")}
    model.save_gene_model(given.output, small, about, panel)


if __name__ == "__main__":
    main()

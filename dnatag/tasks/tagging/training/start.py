"""Training that starts from a model: what of its networks a new one takes over."""

from __future__ import annotations

import torch

from dnatag.engine.networks.token_tagger import TokenTagger
from dnatag.engine.networks.weights import TokenWeights
from dnatag.errors import InputError
from dnatag.report import Observer
from dnatag.tasks.tagging.domain import Labelling, TaggingDomain
from dnatag.tasks.tagging.model import TokenModel

__all__ = ["check_start", "note_labels", "take_over"]


def check_start(start: TokenModel, domain: TaggingDomain) -> None:
    """Refuse a model of another domain than the recipe.

    Raises
    ------
    InputError
        If it is one.
    """
    if start.domain.name != domain.name:
        raise InputError(
            f"the model to start from is of {start.domain.name}, the recipe of {domain.name}"
        )


def note_labels(start: TokenModel, labelling: Labelling, observer: Observer) -> None:
    """Note what a model has of other labels than the corpora."""
    old, new = set(start.labelling.labels), set(labelling.labels)
    if lost := sorted(old - new):
        observer.note(
            f"warning: the model to start from also has the labels {', '.join(lost)}, which are "
            "not in the files to train on; the new model will not find them"
        )
    if learnt := sorted(new - old):
        observer.note(f"labels that the model to start from does not have: {', '.join(learnt)}")


@torch.no_grad()
def take_over(network: TokenTagger, start: TokenWeights) -> None:
    """Give a network the weights of another one, in place.

    Of the output layer and the transitions it takes those of scores and weights that have the same
    names in both grammars; the others stay as they are.

    Parameters
    ----------
    network : TokenTagger
        The network, of the same sizes but for its grammar.
    start : TokenWeights
        Where it begins.
    """
    old = start.network()
    of_grammar = ("head.weight", "head.bias", "transition_weights")
    encoder = {key: x for key, x in old.state_dict().items() if key not in of_grammar}
    network.load_state_dict(encoder, strict=False)
    rows = {name: i for i, name in enumerate(old.grammar.scores)}
    for i, name in enumerate(network.grammar.scores):
        if name in rows:
            network.head.weight[i] = old.head.weight[rows[name]]
            network.head.bias[i] = old.head.bias[rows[name]]
    places = {name: i for i, name in enumerate(old.grammar.weights)}
    for i, name in enumerate(network.grammar.weights):
        if name in places:
            network.transition_weights[i] = old.transition_weights[places[name]]

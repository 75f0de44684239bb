"""Validation of taggers by what the domain measures, such as F1."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from dnatag.engine.batching import batches
from dnatag.engine.crf.chain import Chain
from dnatag.engine.networks.token_tagger import TokenTagger
from dnatag.engine.objective import Metric
from dnatag.formats.text.tokens import Entity
from dnatag.tasks.batches import collate
from dnatag.tasks.features import Featurizer, encode_all
from dnatag.tasks.tagging.domain import Labelling, TaggedCorpus, TaggingDomain
from dnatag.tasks.tagging.posterior import Posterior

__all__ = ["known_tags", "validation_metric"]

#: Tokens of a batch, padding included.
BATCH_TOKENS = 4096


def validation_metric(
    domain: TaggingDomain,
    labelling: Labelling,
    featurizer: Featurizer,
    corpora: Iterable[TaggedCorpus],
    temperature: float,
) -> Metric | None:
    """Return what measures a network on the sequences to validate on.

    Parameters
    ----------
    domain : TaggingDomain
        Its most important score is the measure.
    labelling : Labelling
        Decodes what the network says, as the model will do.
    featurizer : Featurizer
        Encodes the sequences.
    corpora : iterable of TaggedCorpus
        Their splits ``validate`` are used.
    temperature : float
        Divisor of the scores, as in the model.

    Returns
    -------
    Metric or None
        None if there are no sequences, or nothing in them that could be found.
    """
    pairs = [(one, corpus.types) for corpus in corpora for one in corpus.splits["validate"]]
    truth = [one.tags or () for one, _ in pairs]
    perfect = domain.scores(truth, truth, labelling) if truth else {}
    name = next(iter(perfect), None)
    if name is None or math.isnan(perfect[name]):
        return None

    def measure(network: TokenTagger) -> float:
        found: list[list[str]] = [[] for _ in pairs]
        for group in batches([len(one) for one, _ in pairs], BATCH_TOKENS):
            encoded = encode_all(featurizer, [pairs[i][0].tokens for i in group])
            posterior = _posterior(network, encoded, labelling, temperature)
            for i, entities in zip(group, labelling.best(posterior, None), strict=True):
                found[i] = known_tags(labelling, entities, pairs[i][1], len(truth[i]))
        value = domain.scores(truth, found, labelling)[name]
        return 0.0 if math.isnan(value) else value

    return Metric(name, measure)


def known_tags(
    labelling: Labelling, entities: Iterable[Entity], types: Sequence[str] | None, length: int
) -> list[str]:
    """Return the tags of entities; of what a corpus does not tag, nothing is right or wrong.

    Parameters
    ----------
    labelling : Labelling
        Writes the tags.
    entities : iterable of Entity
        What was found.
    types : sequence of str or None
        The only types that the corpus tags; None: all.
    length : int
        Number of tokens.
    """
    known = [entity.span for entity in entities if types is None or entity.type in types]
    return labelling.tags(known, length)


@torch.no_grad()
def _posterior(
    network: TokenTagger, encoded: Sequence[Any], labelling: Labelling, temperature: float
) -> Posterior:
    device = next(network.parameters()).device
    inputs, lengths = collate(encoded)
    scores = network(*(x.to(device) for x in inputs), lengths.to(device)).float().cpu().numpy()
    weights = network.transition_weights.float().cpu().numpy()
    flags = np.zeros(scores.shape[:2], np.uint8)
    chain = Chain[np.ndarray](
        labelling.grammar, scores / temperature, weights / temperature, flags, lengths.numpy()
    )
    return Posterior(chain, labelling.stretch)

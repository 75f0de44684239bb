"""Validation of taggers by what the domain measures, such as F1, and their calibration."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from dnatag.engine.batching import batches
from dnatag.engine.crf.chain import Chain
from dnatag.engine.networks.token_tagger import TokenTagger
from dnatag.engine.objective import Metric
from dnatag.formats.text.tokens import Entity, Span
from dnatag.tasks.batches import collate
from dnatag.tasks.features import Featurizer, encode_all
from dnatag.tasks.tagging.domain import Labelling, TaggedCorpus, TaggingDomain
from dnatag.tasks.tagging.posterior import Posterior
from dnatag.tasks.tagging.training.batches import TaggedExample
from dnatag.tasks.temperature import best_temperature

__all__ = ["calibrated", "known_tags", "validation_metric"]

#: Tokens of a batch, padding included.
BATCH_TOKENS = 4096

#: Probabilities are not less, so that one span alone does not decide.
_LEAST = 1e-6


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
def calibrated(
    networks: Sequence[TokenTagger], labelling: Labelling, examples: Sequence[TaggedExample]
) -> float:
    """Return the temperature of networks, whose mean scores count, that fits sequences best.

    What is fitted is what users see: the posteriors of the spans that are found, by whether they
    are right. It is not below 1: a few sequences, all of them easy, do not show that a model is too
    modest.

    Parameters
    ----------
    networks : sequence of TokenTagger
        They are on the CPU, and have been trained on other sequences.
    labelling : Labelling
        Its grammar is theirs.
    examples : sequence of TaggedExample
        The sequences, with their labels. Spans where these are unknown do not count.
    """
    for network in networks:
        network.eval()
    weights = np.mean([network.transition_weights.numpy() for network in networks], 0)
    groups: list[tuple[Posterior, list[list[Span]], np.ndarray]] = []
    for group in batches([len(one) for one in examples], BATCH_TOKENS):
        inputs, lengths = collate([examples[i].encoded for i in group])
        scores = np.mean([network(*inputs, lengths).numpy() for network in networks], 0)
        posterior = _of_scores(scores, weights, lengths.numpy(), labelling)
        spans, right = [], []
        for i, entities in zip(group, labelling.best(posterior, None), strict=True):
            allowed = examples[i].allowed
            judged = [(one.span, _is_right(labelling, one.span, allowed)) for one in entities]
            known = [(span, truth) for span, truth in judged if truth is not None]
            spans.append([span for span, _ in known])
            right += [truth for _, truth in known]
        groups.append((posterior, spans, np.array(right, bool)))

    def loss(inverse: float) -> float:
        total = 0.0
        for posterior, spans, right in groups:
            chain, factor = posterior.chain, np.float32(inverse)
            tempered = replace(chain, scores=chain.scores * factor, weights=chain.weights * factor)
            found = replace(posterior, chain=tempered).entities(spans)
            p = np.array([one.score for row in found for one in row])
            total -= float(np.log(np.where(right, p, 1 - p).clip(_LEAST)).sum())
        return total

    return max(best_temperature(loss), 1.0) if any(len(right) for *_, right in groups) else 1.0


def _is_right(labelling: Labelling, span: Span, allowed: np.ndarray) -> bool | None:
    """Tell whether labels, bool (L, S), have a span; None if they leave it open."""
    start, states = labelling.stretch(span, len(allowed))
    truth = allowed[start : start + len(states)]
    if not (truth & states).any(1).all():
        return False
    return None if (truth & ~states).any() else True


@torch.no_grad()
def _posterior(
    network: TokenTagger, encoded: Sequence[Any], labelling: Labelling, temperature: float
) -> Posterior:
    device = next(network.parameters()).device
    inputs, lengths = collate(encoded)
    scores = network(*(x.to(device) for x in inputs), lengths.to(device)).float().cpu().numpy()
    weights = network.transition_weights.float().cpu().numpy()
    return _of_scores(scores / temperature, weights / temperature, lengths.numpy(), labelling)


def _of_scores(
    scores: np.ndarray, weights: np.ndarray, lengths: np.ndarray, labelling: Labelling
) -> Posterior:
    flags = np.zeros(scores.shape[:2], np.uint8)
    chain = Chain[np.ndarray](labelling.grammar, scores, weights, flags, lengths)
    return Posterior(chain, labelling.stretch)

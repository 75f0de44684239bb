"""Beam search of translations."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from dnatag.engine.networks.translator import Translator

__all__ = ["Hypothesis", "beam_translate"]


class Hypothesis(NamedTuple):
    """A translation that was found.

    Attributes
    ----------
    tokens : list of int
        Without the marks of beginning and end.
    score : float
        Log probability by its length with the mark of the end.
    looked_at : list of int
        For each token the one of the text that attention looked at most.
    """

    tokens: list[int]
    score: float
    looked_at: list[int]


def beam_translate(
    network: Translator,
    tokens: Tensor,
    lengths: Tensor,
    beam: int,
    marks: tuple[int, int],
    longest: Tensor,
    normalisation: float,
) -> list[list[Hypothesis]]:
    """Search the most probable translations.

    Parameters
    ----------
    network : Translator
        In evaluation mode.
    tokens, lengths : Tensor
        int64 (B, L) and (B,), the texts.
    beam : int
        Hypotheses of each text.
    marks : (int, int)
        Tokens of beginning and end.
    longest : Tensor
        int64 (B,), most tokens of the translation of each text, the mark of the end included.
    normalisation : float
        Power of the length that scores are divided by.

    Returns
    -------
    list of list of Hypothesis
        For each text those that ended, the best first; one at least.
    """
    begin, end = marks
    n, device = len(tokens), tokens.device
    read, state = network.read(tokens, lengths)
    rows = torch.arange(n, device=device).repeat_interleave(beam)
    read, state = read.rows(rows), state.rows(rows)
    last = torch.full((n * beam, 1), begin, device=device)
    # At first all hypotheses of a text are the same: only one of them counts.
    scores = torch.full((n, beam), -torch.inf, device=device)
    scores[:, 0] = 0
    history = torch.zeros(n * beam, 0, dtype=torch.int64, device=device)
    looked = history.clone()
    done: list[list[Hypothesis]] = [[] for _ in range(n)]
    open_ = torch.ones(n, dtype=torch.bool, device=device)
    for step in range(1, int(longest.max()) + 1):
        logits, attention, state = network.write(last, read, state)
        logs = logits[:, 0].log_softmax(-1).view(n, beam, -1)
        logs[..., [0, begin]] = -torch.inf
        last_step = longest == step
        ended = logs[last_step, :, end]
        logs[last_step] = -torch.inf
        logs[last_step, :, end] = ended
        vocabulary = logs.shape[-1]
        total = (scores[..., None] + logs).view(n, -1)
        # Twice as many, so that enough remain when some of them end.
        best, place = total.topk(min(2 * beam, total.shape[1]))
        origin, token = place // vocabulary, place % vocabulary
        seen = attention[:, 0].argmax(-1).view(n, beam)
        _collect(done, open_, best, origin, token, end, step, beam, normalisation, history, looked)
        best = best.masked_fill(token == end, -torch.inf)
        scores, kept = best.topk(beam)
        origin, token = origin.gather(1, kept), token.gather(1, kept)
        for i in torch.nonzero(open_).flatten().tolist():
            finished = len(done[i]) >= beam and _cannot_improve(
                done[i], scores[i], step, normalisation
            )
            if finished or not torch.isfinite(scores[i]).any():
                open_[i] = False
        if not open_.any():
            break
        rows = (origin + beam * torch.arange(n, device=device)[:, None]).flatten()
        history = torch.cat([history[rows], token.view(-1, 1)], 1)
        looked = torch.cat([looked[rows], seen.gather(1, origin).view(-1, 1)], 1)
        state, last = state.rows(rows), token.view(-1, 1)
    return [sorted(found, key=lambda h: -h.score)[:beam] for found in done]


def _collect(
    done: list[list[Hypothesis]],
    open_: Tensor,
    best: Tensor,
    origin: Tensor,
    token: Tensor,
    end: int,
    step: int,
    beam: int,
    normalisation: float,
    history: Tensor,
    looked: Tensor,
) -> None:
    """Put aside the hypotheses that end at a step, if they are among the best."""
    ends = (token == end) & torch.isfinite(best) & open_[:, None]
    ends[:, beam:] &= ~torch.isfinite(best[:, :beam]).all(1, keepdim=True)
    for i, j in torch.nonzero(ends).tolist():
        row = i * beam + int(origin[i, j])
        score = float(best[i, j]) / step**normalisation
        done[i].append(Hypothesis(history[row].tolist(), score, looked[row].tolist()))


def _cannot_improve(
    found: list[Hypothesis], scores: Tensor, step: int, normalisation: float
) -> bool:
    """Whether no open hypothesis can still be better than those that ended.

    Longer ones are divided by more, but they lose as much: their present score by their present
    length is taken for what they can reach.
    """
    reach: float = float(scores.max()) / step**normalisation
    best: float = max(hypothesis.score for hypothesis in found)
    return reach < best

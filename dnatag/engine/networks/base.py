"""What all networks have in common."""

from __future__ import annotations

from torch import nn

from dnatag.engine.crf.grammar import Grammar

__all__ = ["Network", "TaggerNetwork"]


class Network(nn.Module):
    """A network that can be trained.

    It is called with the inputs of B sequences, (B, L, ...) each, and their lengths, int64 (B,).

    Attributes
    ----------
    dropout : float
        Share of what the network does not see while it is trained.
    """

    dropout: float


class TaggerNetwork(Network):
    """A network that gives the scores of a grammar for each position, float (B, L, C).

    Attributes
    ----------
    grammar : Grammar
        The grammar whose scores it gives.
    transition_weights : Parameter
        float32 (W,), the weights of the grammar's transitions.
    """

    grammar: Grammar
    transition_weights: nn.Parameter

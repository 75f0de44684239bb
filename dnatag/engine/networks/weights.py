"""The weights of networks as the arrays of a model file, and the torch networks made of them.

torch is imported only to make or read a network of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from dnatag.engine.crf.grammar import Grammar
from dnatag.engine.networks.configs import (
    ClassifierConfig,
    KmerTaggerConfig,
    Mirror,
    TokenTaggerConfig,
)

if TYPE_CHECKING:
    from torch import nn

    from dnatag.engine.networks.classifier import Classifier
    from dnatag.engine.networks.kmer_tagger import KmerTagger
    from dnatag.engine.networks.token_tagger import TokenEncoder, TokenTagger

__all__ = [
    "ClassifierWeights",
    "EncoderWeights",
    "KmerWeights",
    "TokenWeights",
    "network_with_weights",
    "weights_of",
]

N = TypeVar("N", bound="nn.Module")


@dataclass(frozen=True, eq=False)
class KmerWeights:
    """A tagger of letters as a model file holds it.

    Parameters
    ----------
    config : KmerTaggerConfig
        Sizes.
    grammar : Grammar
        What the scores are for.
    spread : numpy.ndarray
        float32 (symbols, letters), see :class:`dnatag.engine.networks.kmers.KmerIndex`.
    mirror : Mirror or None
        The symmetry of the domain.
    arrays : mapping of str to numpy.ndarray
        All weights by name.

    Raises
    ------
    ValueError
        If weights are missing, left over or of another shape.
    """

    config: KmerTaggerConfig
    grammar: Grammar
    spread: np.ndarray
    mirror: Mirror | None
    arrays: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        """Check the shapes."""
        scores, weights = len(self.grammar.scores), len(self.grammar.weights)
        letters, mirrored = self.spread.shape[1], self.mirror is not None
        _check(self.arrays, self.config.shapes(letters, scores, weights, mirrored))

    @property
    def transition_weights(self) -> np.ndarray:
        """float32 (W,), the weights of the grammar's transitions."""
        return self.arrays["transition_weights"].astype(np.float32)

    def network(self) -> KmerTagger:
        """Make the torch network, in evaluation mode, on the CPU."""
        from dnatag.engine.networks.kmer_tagger import KmerTagger

        network = KmerTagger(self.config, self.grammar, self.spread, self.mirror)
        return _with_weights(network, self.arrays)


@dataclass(frozen=True, eq=False)
class EncoderWeights:
    """An encoder of tokens as a model file holds it.

    Parameters
    ----------
    config : TokenTaggerConfig
        Sizes.
    outputs : int
        Numbers that it gives for each token.
    arrays : mapping of str to numpy.ndarray
        All weights by name.

    Raises
    ------
    ValueError
        If weights are missing, left over or of another shape.
    """

    config: TokenTaggerConfig
    outputs: int
    arrays: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        """Check the shapes."""
        _check(self.arrays, self.config.encoder_shapes(self.outputs))

    def network(self) -> TokenEncoder:
        """Make the torch network, in evaluation mode, on the CPU."""
        from dnatag.engine.networks.token_tagger import TokenEncoder

        return _with_weights(TokenEncoder(self.config, self.outputs), self.arrays)


@dataclass(frozen=True, eq=False)
class ClassifierWeights:
    """A classifier of sequences of tokens as a model file holds it.

    Parameters
    ----------
    config : ClassifierConfig
        Sizes.
    arrays : mapping of str to numpy.ndarray
        All weights by name.

    Raises
    ------
    ValueError
        If weights are missing, left over or of another shape.
    """

    config: ClassifierConfig
    arrays: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        """Check the shapes."""
        _check(self.arrays, self.config.shapes())

    @classmethod
    def of(cls, network: Classifier) -> ClassifierWeights:
        """Return the weights of a torch network."""
        return cls(network.config, weights_of(network))

    @property
    def tokens(self) -> EncoderWeights:
        """The weights of the encoder of tokens."""
        prefix = "tokens."
        own = {n[len(prefix) :]: a for n, a in self.arrays.items() if n.startswith(prefix)}
        return EncoderWeights(self.config.tokens, self.config.outputs, own)


@dataclass(frozen=True, eq=False)
class TokenWeights:
    """A tagger of tokens as a model file holds it.

    Parameters
    ----------
    config : TokenTaggerConfig
        Sizes.
    grammar : Grammar
        What the scores are for.
    arrays : mapping of str to numpy.ndarray
        All weights by name.

    Raises
    ------
    ValueError
        If weights are missing, left over or of another shape.
    """

    config: TokenTaggerConfig
    grammar: Grammar
    arrays: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        """Check the shapes."""
        scores, weights = len(self.grammar.scores), len(self.grammar.weights)
        _check(self.arrays, self.config.shapes(scores, weights))

    @classmethod
    def of(cls, network: TokenTagger) -> TokenWeights:
        """Return the weights of a torch network."""
        return cls(network.config, network.grammar, weights_of(network))

    @property
    def transition_weights(self) -> np.ndarray:
        """float32 (W,), the weights of the grammar's transitions."""
        return self.arrays["transition_weights"].astype(np.float32)

    def network(self) -> TokenTagger:
        """Make the torch network, in evaluation mode, on the CPU."""
        from dnatag.engine.networks.token_tagger import TokenTagger

        return _with_weights(TokenTagger(self.config, self.grammar), self.arrays)


def weights_of(network: nn.Module) -> dict[str, np.ndarray]:
    """Return the weights of a torch network by name; they are copies."""
    return {
        name: weights.numpy(force=True).copy() for name, weights in network.state_dict().items()
    }


def network_with_weights(build: Callable[[], N], arrays: Mapping[str, np.ndarray]) -> N:
    """Build a torch network and give it the weights of a file, in single precision.

    Parameters
    ----------
    build
        Returns the network, with any weights.
    arrays
        All its weights by name, and nothing else.

    Returns
    -------
    nn.Module
        In evaluation mode, on the CPU.

    Raises
    ------
    ValueError
        If weights are missing, left over or of another shape. This is found before the network
        takes memory, so a file may claim any size.
    """
    import torch

    with torch.device("meta"):
        wanted = {name: tuple(w.shape) for name, w in build().state_dict().items()}
    _check(arrays, wanted)
    return _with_weights(build(), arrays)


def _check(arrays: Mapping[str, np.ndarray], wanted: Mapping[str, tuple[int, ...]]) -> None:
    for name in [*wanted, *arrays]:
        if name not in wanted or name not in arrays:
            raise ValueError(f"weights {name!r} are {'left over' if name in arrays else 'missing'}")
        if arrays[name].shape != wanted[name]:
            raise ValueError(
                f"weights {name!r} have the shape {arrays[name].shape}, not {wanted[name]}"
            )


def _with_weights(network: N, arrays: Mapping[str, np.ndarray]) -> N:
    import torch

    network.load_state_dict({name: torch.tensor(a).float() for name, a in arrays.items()})
    return network.eval()

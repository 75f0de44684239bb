"""The sizes of networks, and of their weights; without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = [
    "POOLINGS",
    "ClassifierConfig",
    "KmerTaggerConfig",
    "Mirror",
    "PartsConfig",
    "SiteConfig",
    "TokenTaggerConfig",
    "TranslatorConfig",
]

#: The shapes of arrays by name.
Shapes = dict[str, tuple[int, ...]]
#: Longest k-mers: of those of letters there are as many as a table has rows.
_LONGEST_KMER = 12
#: How the vectors of tokens become that of their sequence.
POOLINGS = ("max", "mean", "attention")


@dataclass(frozen=True)
class Mirror:
    """The symmetry of sequences that may be read from either end, such as strands of DNA.

    Parameters
    ----------
    symbols : tuple of int
        What each symbol is when read from the other end.
    flags : tuple of int
        What each property word is then.
    features : tuple of int
        The order of the features then.
    """

    symbols: tuple[int, ...]
    flags: tuple[int, ...]
    features: tuple[int, ...]


@dataclass(frozen=True)
class SiteConfig:
    """The head that scores the positions where an event may happen.

    Parameters
    ----------
    flag : int
        The flag that marks the positions.
    before, behind : int
        Numbers of positions in view before the site, and from it on.
    embedding : int
        Length of the vector of each k-mer in view.
    hidden : int
        Units of the hidden layers.
    """

    flag: int
    before: int = 40
    behind: int = 14
    embedding: int = 8
    hidden: int = 64


@dataclass(frozen=True)
class KmerTaggerConfig:
    """The sizes of a tagger of letters.

    Parameters
    ----------
    kmer : int
        Length of the k-mers that are embedded.
    embedding : int
        Length of their vectors.
    features : int
        Numeric features of a position.
    stride : int
        Positions per step of the encoder.
    hidden, layers : int
        Units and layers of each direction of the LSTM.
    dropout : float
        Variational dropout.
    site : SiteConfig or None
        The head of the last score (with a mirror, of the last one of each half).
    """

    kmer: int = 6
    embedding: int = 24
    features: int = 0
    stride: int = 3
    hidden: int = 96
    layers: int = 1
    dropout: float = 0.0
    site: SiteConfig | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> KmerTaggerConfig:
        """Inverse of :meth:`to_dict`."""
        site = data.get("site")
        return cls(**{**data, "site": None if site is None else SiteConfig(**site)})

    def shapes(self, letters: int, scores: int, weights: int, mirrored: bool) -> Shapes:
        """Return the shapes of the weights of a :class:`KmerTagger`, by their names in its file.

        Parameters
        ----------
        letters, scores, weights : int
            Number of letters, and of scores and transition weights of the grammar.
        mirrored : bool
            Whether it has a mirror.

        Raises
        ------
        ValueError
            If a size is out of range.
        """
        if not 0 < self.kmer <= _LONGEST_KMER:
            raise ValueError(f"k-mers have 1 to {_LONGEST_KMER} letters, not {self.kmer}")
        own = scores // 2 if mirrored else scores
        dense = own - (self.site is not None)
        kmers, seen = letters**self.kmer, 2 * self.hidden
        width = self.stride * (self.embedding + self.features)
        return {
            "transition_weights": (weights,),
            "embedding.weight": (kmers, self.embedding),
            **_encoder("encoder", width, self.hidden, self.layers, both=not mirrored),
            "head.weight": (self.stride * dense, seen + width),
            "head.bias": (self.stride * dense,),
            **({} if self.site is None else self._shapes_of_site(self.site, kmers, seen)),
        }

    def _shapes_of_site(self, site: SiteConfig, kmers: int, seen: int) -> Shapes:
        if site.before < 0 or site.behind < 0:
            raise ValueError("a site cannot be looked at from less than no distance")
        return {
            "site.embedding.weight": (kmers, site.embedding),
            "site.view.weight": (site.hidden, (site.before + site.behind) * site.embedding),
            "site.view.bias": (site.hidden,),
            **{f"site.context.{i}.weight": (site.hidden, seen) for i in range(self.stride)},
            "site.features.weight": (site.hidden, max(self.features, 1)),
            "site.out.1.weight": (site.hidden, site.hidden),
            "site.out.1.bias": (site.hidden,),
            "site.out.3.weight": (1, site.hidden),
            "site.out.3.bias": (1,),
        }


@dataclass(frozen=True)
class PartsConfig:
    """How the parts of a token become a vector.

    Parameters
    ----------
    symbols : int
        Number of symbols, 0 being no symbol.
    encoder : str
        ``cnn``: the largest of each filter over three neighbours; ``lstm``: the last states of a
        BiLSTM.
    embedding : int
        Length of the symbols' vectors.
    hidden : int
        Length of the token's vector (even for ``lstm``).
    """

    symbols: int
    encoder: str = "cnn"
    embedding: int = 30
    hidden: int = 50


@dataclass(frozen=True)
class TokenTaggerConfig:
    """The sizes of a tagger of tokens.

    Parameters
    ----------
    categories : tuple of (int, int)
        For each category of a token the number of its values and the length of their vectors.
        Value 0 is the unknown one; its vector is zero.
    features : int
        Numeric features of a token.
    parts : PartsConfig or None
        How the parts of a token are encoded; None: it has none.
    hidden, layers : int
        Units and layers of each direction of the LSTM.
    dropout : float
        Variational dropout of the inputs of the LSTM and of its outputs.
    """

    categories: tuple[tuple[int, int], ...]
    features: int = 0
    parts: PartsConfig | None = None
    hidden: int = 100
    layers: int = 1
    dropout: float = 0.5

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TokenTaggerConfig:
        """Inverse of :meth:`to_dict`.

        Raises
        ------
        TypeError, ValueError
            If a size is no number, as in a forged file.
        """
        parts = data["parts"]
        config = cls(
            **{
                **data,
                "categories": tuple((int(n), int(length)) for n, length in data["categories"]),
                "parts": None if parts is None else PartsConfig(**parts),
            }
        )
        _check_numbers(config)
        return config

    def check_inputs(self, expected: TokenTaggerConfig) -> None:
        """Refuse a network that does not take the numbers that a featurizer gives.

        Parameters
        ----------
        expected : TokenTaggerConfig
            A configuration for that featurizer, of any other size.

        Raises
        ------
        ValueError
            If categories, features or parts differ.
        """

        def inputs(config: TokenTaggerConfig) -> tuple[object, ...]:
            symbols = None if config.parts is None else config.parts.symbols
            return [number for number, _ in config.categories], config.features, symbols

        if inputs(self) != inputs(expected):
            raise ValueError(f"its network takes other tokens than it has: {inputs(self)}")

    def shapes(self, scores: int, weights: int) -> Shapes:
        """Return the shapes of the weights of a :class:`TokenTagger`, by their names in its file.

        Parameters
        ----------
        scores, weights : int
            Number of scores and transition weights of the grammar.
        """
        return {"transition_weights": (weights,), **self.encoder_shapes(scores)}

    def encoder_shapes(self, outputs: int) -> Shapes:
        """Return those of a :class:`TokenEncoder` that gives so many numbers for each token."""
        parts: Shapes = {}
        width = sum(length for _, length in self.categories) + self.features
        if self.parts is not None:
            own = self.parts
            width += own.hidden
            parts = {"parts.embedding.weight": (own.symbols, own.embedding)}
            if own.encoder == "cnn":
                parts |= {
                    "parts.filters.weight": (own.hidden, own.embedding, 3),
                    "parts.filters.bias": (own.hidden,),
                }
            else:
                parts |= _encoder("parts.lstm", own.embedding, own.hidden // 2)
        return {
            **{f"embeddings.{i}.weight": size for i, size in enumerate(self.categories)},
            **parts,
            **_encoder("encoder", width, self.hidden, self.layers),
            "head.weight": (outputs, 2 * self.hidden),
            "head.bias": (outputs,),
        }


@dataclass(frozen=True)
class ClassifierConfig:
    """The sizes of a classifier of sequences of tokens.

    Parameters
    ----------
    tokens : TokenTaggerConfig
        Those of the encoder of tokens.
    labels : int
        Number of labels.
    units : int
        Length of the vector of a sequence.
    pooling : str
        How the vectors of tokens become that vector, one of ``POOLINGS``: the largest number of
        each unit, their mean, or their mean weighted by attention.
    """

    tokens: TokenTaggerConfig
    labels: int
    units: int = 100
    pooling: str = "max"

    @property
    def outputs(self) -> int:
        """Numbers that the encoder gives for a token: the units and, last, its attention."""
        return self.units + (self.pooling == "attention")

    @property
    def layers(self) -> int:
        """Layers of the LSTM."""
        return self.tokens.layers

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClassifierConfig:
        """Inverse of :meth:`to_dict`.

        Raises
        ------
        ValueError
            If there is no such pooling.
        """
        if data["pooling"] not in POOLINGS:
            raise ValueError(f"there is no pooling {data['pooling']!r}")
        return cls(**{**data, "tokens": TokenTaggerConfig.from_dict(data["tokens"])})

    def shapes(self) -> Shapes:
        """Return the shapes of the weights of a :class:`Classifier`, by their names in its file."""
        tokens = self.tokens.encoder_shapes(self.outputs)
        return {
            **{f"tokens.{name}": shape for name, shape in tokens.items()},
            "labels.weight": (self.labels, self.units),
            "labels.bias": (self.labels,),
        }


@dataclass(frozen=True)
class TranslatorConfig:
    """The sizes of a translator.

    Parameters
    ----------
    tokens : int
        Number of tokens, of both languages together.
    embedding : int
        Length of their vectors.
    hidden : int
        Units of each LSTM.
    layers : int
        Layers of the encoder.
    dropout : float
        Variational dropout on all sides.
    smoothing : float
        Label smoothing.
    """

    tokens: int
    embedding: int = 256
    hidden: int = 256
    layers: int = 1
    dropout: float = 0.4
    smoothing: float = 0.1

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TranslatorConfig:
        """Inverse of :meth:`to_dict`.

        Raises
        ------
        ValueError
            If a size is no number, as in a forged file.
        """
        config = cls(**data)
        _check_numbers(config)
        return config


def _check_numbers(config: TokenTaggerConfig | TranslatorConfig) -> None:
    """Refuse sizes that are no numbers, on which torch would fail when it makes the network."""
    for field in fields(config):
        value = getattr(config, field.name)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if field.type in ("int", "float") and not is_number:
            raise ValueError(f"its {field.name} cannot be {value!r}")


def _encoder(name: str, inputs: int, hidden: int, layers: int = 1, both: bool = True) -> Shapes:
    """Return the shapes of the weights of a BiLSTM."""
    shapes: Shapes = {}
    for layer in range(layers):
        for way in ("ahead", "back") if both else ("ahead",):
            one = f"{name}.{way}.{layer}"
            shapes |= {
                f"{one}.weight_ih_l0": (4 * hidden, 2 * hidden if layer else inputs),
                f"{one}.weight_hh_l0": (4 * hidden, hidden),
                f"{one}.bias_ih_l0": (4 * hidden,),
                f"{one}.bias_hh_l0": (4 * hidden,),
            }
    return shapes

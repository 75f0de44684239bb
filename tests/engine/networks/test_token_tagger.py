"""The tagger of tokens: indifference to padding and company, and what it makes of the unknown."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from dnatag.engine.crf.grammar import Grammar, Transition
from dnatag.engine.networks.configs import PartsConfig, TokenTaggerConfig, TranslatorConfig
from dnatag.engine.networks.token_tagger import TokenTagger

GRAMMAR = Grammar(
    states=("a", "b"),
    scores=("x", "y", "z"),
    emission={"a": ("x",), "b": ("y", "z")},
    transitions=(Transition("a", "b", "there"), Transition("b", "a", "back")),
)
PARTS = PartsConfig(symbols=9, encoder="cnn", embedding=4, hidden=6)
CONFIG = TokenTaggerConfig(
    categories=((12, 5), (4, 2)), features=3, parts=PARTS, hidden=4, dropout=0.3
)
CONFIGS = {
    "cnn": CONFIG,
    "lstm": replace(CONFIG, parts=replace(PARTS, encoder="lstm"), layers=2),
    "no parts": replace(CONFIG, parts=None),
    "categories only": TokenTaggerConfig(categories=((12, 5),), hidden=4),
}
configs = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
with_parts = pytest.mark.parametrize("encoder", ["cnn", "lstm"])
Inputs = tuple[Tensor, Tensor, Tensor]


def tagger(config: TokenTaggerConfig) -> TokenTagger:
    torch.manual_seed(1)
    model = TokenTagger(config, GRAMMAR).eval()
    torch.nn.init.normal_(model.head.weight)
    return model


def inputs(config: TokenTaggerConfig, lengths: list[int], widest: int = 7) -> Inputs:
    """Return random tokens, each with a number of parts of its own."""
    rng = np.random.default_rng(3)
    inside = np.arange(max(lengths)) < np.array(lengths)[:, None]
    categories = [rng.integers(0, n, inside.shape) for n, _ in config.categories]
    features = rng.normal(size=(*inside.shape, config.features))
    parts = rng.integers(1, 9, (*inside.shape, widest))
    parts[np.arange(widest) >= rng.integers(1, widest + 1, inside.shape)[..., None]] = 0
    return (
        torch.from_numpy(np.stack(categories, -1) * inside[..., None]),
        torch.from_numpy(features * inside[..., None]).float(),
        torch.from_numpy(parts * inside[..., None]),
    )


@configs
def test_company_and_padding_do_not_matter(config: TokenTaggerConfig) -> None:
    model, lengths = tagger(config), [9, 1, 4, 20]
    batch = inputs(config, lengths)
    together = model(*batch, torch.tensor(lengths))
    assert together.shape == (4, 20, 3)
    assert together.dtype == torch.float32
    for i, n in enumerate(lengths):
        categories, features, parts = (x[i : i + 1, :n] for x in batch)
        width = int((parts > 0).any(0).any(0).sum())
        one = (categories, features, parts[..., :width])
        alone = model(*one, torch.tensor([n]))
        torch.testing.assert_close(together[i, :n], alone[0], rtol=1e-5, atol=1e-5)
        wider = [
            torch.nn.functional.pad(x, (0, more, 0, 5))
            for x, more in zip(one, (0, 0, 11), strict=True)
        ]
        padded = model(*wider, torch.tensor([n]))
        torch.testing.assert_close(padded[0, :n], alone[0], rtol=1e-5, atol=1e-5)


@with_parts
def test_each_token_is_spelled_alone(encoder: str) -> None:
    """The vector of a spelling depends on its symbols and their order, and on nothing else."""
    model = tagger(replace(CONFIG, parts=replace(PARTS, encoder=encoder)))
    assert model.parts is not None
    spellings = [[1, 2, 3], [3, 2, 1], [1], [1, 2, 3], [8] * 7, [], [1, 2]]
    parts = torch.zeros(1, len(spellings), 7, dtype=torch.long)
    for row, symbols in zip(parts[0], spellings, strict=True):
        row[: len(symbols)] = torch.tensor(symbols)
    together = model.parts(parts)[0]
    assert together.shape == (7, 6)
    torch.testing.assert_close(together[0], together[3])
    assert not torch.allclose(together[0], together[1])
    assert not torch.allclose(together[2], together[6])
    assert not together[5].any()
    for vector, symbols in zip(together, spellings, strict=True):
        if symbols:
            alone = model.parts(torch.tensor([[symbols]]))[0, 0]
            torch.testing.assert_close(alone, vector)


def test_the_convolution_by_hand() -> None:
    model = tagger(CONFIG)
    assert model.parts is not None
    assert model.parts.filters is not None
    symbols = [5, 1, 8, 2]
    vectors = [torch.zeros(4), *model.parts.embedding.weight[symbols], torch.zeros(4)]
    weight, bias = model.parts.filters.weight, model.parts.filters.bias
    responses = torch.stack(
        [
            sum((weight[..., j] @ vectors[i + j] for j in range(3)), start=bias)
            for i in range(len(symbols))
        ]
    )
    expected = torch.tanh(responses.amax(0))
    found = model.parts(torch.tensor([[[*symbols, 0, 0]]]))[0, 0]
    torch.testing.assert_close(found, expected)


@configs
def test_the_unknown_has_no_vector(config: TokenTaggerConfig) -> None:
    model = tagger(config)
    for embedding in model.embeddings:
        assert not embedding.weight[0].any()
        assert (embedding.weight[1:].std() - 0.3).abs() < 0.15
    # Nor does it learn one.
    categories, features, parts = inputs(config, [6, 6])
    categories[:] = 0
    model.train()
    model(categories, features, parts, torch.tensor([6, 6])).square().sum().backward()
    for embedding in model.embeddings:
        assert embedding.weight.grad is not None
        assert not embedding.weight.grad.any()


@configs
def test_every_parameter_learns(config: TokenTaggerConfig) -> None:
    model = tagger(config).train()
    lengths = [20] * 20  # enough that dropout leaves some of each
    model(*inputs(config, lengths), torch.tensor(lengths)).square().sum().backward()
    unused = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert unused == ["transition_weights"]  # the CRF's
    assert model.transition_weights.shape == (2,)
    assert model.dropout == config.dropout


def test_temper() -> None:
    """All scores are divided alike."""
    model, given = tagger(CONFIG), inputs(CONFIG, [5])
    torch.nn.init.normal_(model.transition_weights)
    before, transition_weights = model(*given, torch.tensor([5])), model.transition_weights.clone()
    model.temper(1.6)
    assert torch.allclose(model(*given, torch.tensor([5])), before / 1.6, atol=1e-5)
    assert torch.allclose(model.transition_weights, transition_weights / 1.6)


def test_dropout_is_for_training_only() -> None:
    model, batch, lengths = tagger(CONFIG), inputs(CONFIG, [8]), torch.tensor([8])
    assert torch.equal(model(*batch, lengths), model(*batch, lengths))
    model.train()
    assert not torch.equal(model(*batch, lengths), model(*batch, lengths))


@configs
def test_configuration_survives_storage(config: TokenTaggerConfig) -> None:
    assert TokenTaggerConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_names_and_shapes_of_the_weights() -> None:
    """Model files depend on them."""
    shapes = {k: tuple(v.shape) for k, v in tagger(CONFIG).state_dict().items()}
    assert {k: v for k, v in shapes.items() if not k.startswith("encoder.")} == {
        "transition_weights": (2,),
        "embeddings.0.weight": (12, 5),
        "embeddings.1.weight": (4, 2),
        "parts.embedding.weight": (9, 4),
        "parts.filters.weight": (6, 4, 3),
        "parts.filters.bias": (6,),
        "head.weight": (3, 8),
        "head.bias": (3,),
    }
    assert shapes["encoder.ahead.0.weight_ih_l0"] == (16, 5 + 2 + 3 + 6)


def test_sizes_that_are_no_numbers_are_refused() -> None:
    """As a forged model file might have them."""
    sizes = TokenTaggerConfig(((5, 3),)).to_dict()
    assert TokenTaggerConfig.from_dict(sizes).categories == ((5, 3),)
    with pytest.raises(TypeError):
        TokenTaggerConfig.from_dict({**sizes, "categories": [[None, 3]]})
    with pytest.raises(ValueError, match="hidden cannot be True"):
        TokenTaggerConfig.from_dict({**sizes, "hidden": True})
    sizes = TranslatorConfig(7).to_dict()
    assert TranslatorConfig.from_dict(sizes) == TranslatorConfig(7)
    for wrong in (True, None, "7"):
        with pytest.raises(ValueError, match="hidden cannot be"):
            TranslatorConfig.from_dict({**sizes, "hidden": wrong})

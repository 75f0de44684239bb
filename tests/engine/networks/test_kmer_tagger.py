"""The tagger: indifference to padding and to the end it reads from, and its site head."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from dnatag.engine.crf.grammar import Grammar, Transition
from dnatag.engine.networks.configs import KmerTaggerConfig, Mirror, SiteConfig
from dnatag.engine.networks.kmer_tagger import KmerTagger

#: Letters a, b (1, 2), either (3) and outside (0); a and b are each other's mirror images.
SPREAD = np.array([[0, 0], [1, 0], [0, 1], [0.5, 0.5]], dtype=np.float32)
MIRROR = Mirror(symbols=(0, 2, 1, 3), flags=(0, 2, 1, 3), features=(1, 0, 2))
GRAMMAR = Grammar(
    states=("left", "right"),
    scores=("a", "b", "a site", "c", "d", "c site"),
    emission={"left": ("a", "b"), "right": ("c", "d")},
    transitions=(
        Transition("left", "right", "turn", enter="a site"),
        Transition("right", "left", "turn", leave="c site"),
        Transition("left", "left", "stay"),
        Transition("right", "right", "stay"),
    ),
    flags=2,
)
SITE = SiteConfig(flag=1, before=4, behind=3, embedding=3, hidden=6)
CONFIG = KmerTaggerConfig(kmer=2, embedding=5, features=3, stride=3, hidden=4, site=SITE)

configs = pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        KmerTaggerConfig(kmer=3, embedding=5, features=3, stride=2, hidden=4, layers=2, site=SITE),
        KmerTaggerConfig(kmer=1, embedding=5, features=3, stride=1, hidden=4),
    ],
    ids=["site", "two layers", "plain"],
)
mirrors = pytest.mark.parametrize("mirror", [MIRROR, None], ids=["mirror", "one end"])
Inputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def tagger(config: KmerTaggerConfig, mirror: Mirror | None = MIRROR) -> KmerTagger:
    torch.manual_seed(1)
    model = KmerTagger(config, GRAMMAR, SPREAD, mirror).eval()
    # The last layers begin near zero; here everything should be seen.
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model


def inputs(seed: int, lengths: list[int]) -> Inputs:
    """Return symbols, flags, features and lengths, as the tagger wants them."""
    rng = np.random.default_rng(seed)
    n = max(lengths)
    inside = np.arange(n) < np.array(lengths)[:, None]
    symbols = rng.choice([1, 2, 3], inside.shape, p=[0.45, 0.45, 0.1]) * inside
    flags = rng.choice([0, 1, 2, 3], inside.shape, p=[0.7, 0.1, 0.1, 0.1]) * inside
    features = rng.normal(size=(*inside.shape, 3)) * inside[..., None]
    return (
        torch.from_numpy(symbols).to(torch.uint8),
        torch.from_numpy(flags).to(torch.uint8),
        torch.from_numpy(features).float(),
        torch.tensor(lengths),
    )


@configs
@mirrors
def test_rows_and_padding_do_not_matter(config: KmerTaggerConfig, mirror: Mirror | None) -> None:
    model = tagger(config, mirror)
    batch = inputs(2, [30, 12, 6, 24])
    together = model(*batch)
    assert together.shape == (4, 30, 6)
    for i, n in enumerate(batch[3].tolist()):
        alone = model(*(x[i : i + 1, :n] for x in batch[:3]), batch[3][i : i + 1])
        torch.testing.assert_close(together[i, :n], alone[0], rtol=1e-5, atol=1e-5)
        wider = [
            torch.nn.functional.pad(x[i : i + 1, :n], (0, 0) * (x.ndim - 2) + (0, 18))
            for x in batch[:3]
        ]
        padded = model(*wider, batch[3][i : i + 1])
        torch.testing.assert_close(padded[0, :n], alone[0], rtol=1e-5, atol=1e-5)


@configs
def test_the_mirror_image_has_mirrored_scores(config: KmerTaggerConfig) -> None:
    model = tagger(config)
    symbols, flags, features, lengths = inputs(3, [30, 12, 24])
    image = [torch.zeros_like(x) for x in (symbols, flags, features)]
    for i, n in enumerate(lengths.tolist()):
        image[0][i, :n] = torch.tensor(MIRROR.symbols)[symbols[i, :n].flip(0).long()]
        image[1][i, :n] = torch.tensor(MIRROR.flags)[flags[i, :n].flip(0).long()]
        image[2][i, :n] = features[i, :n].flip(0)[:, list(MIRROR.features)]
    here, there = model(symbols, flags, features, lengths), model(*image, lengths)
    for i, n in enumerate(lengths.tolist()):
        expected = here[i, :n].flip(0).roll(3, -1)  # the halves of the scores change places
        torch.testing.assert_close(there[i, :n], expected, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(here, there)


@mirrors
def test_site_head_by_hand(mirror: Mirror | None) -> None:
    model = tagger(CONFIG, mirror)
    assert model.site is not None
    symbols, flags, features, lengths = inputs(4, [18])
    column = model(symbols, flags, features, lengths)[0, :, 2 if mirror else 5]
    index, mixed = model.index(symbols)
    vectors = model.embedding.table(mixed)[index]
    x = torch.cat([vectors, features], -1).view(1, 6, -1)
    if mirror is None:
        encoded = model.encoder(x, lengths // 3)[0]
    else:
        turned = MIRROR.symbols
        image = torch.tensor(turned)[symbols.flip(1).long()]
        index2, mixed2 = model.index(image)
        y = model.embedding.table(mixed2)[index2]
        y = torch.cat([y, features.flip(1)[..., list(MIRROR.features)]], -1).view(1, 6, -1)
        encoded = model.encoder(torch.cat([x, y]), (lengths // 3).repeat(2))[0]
    k_mers = model.site.embedding.table(mixed)[index][0]
    count = 0
    for t in range(18):
        if not flags[0, t] & 1:
            assert column[t] == 0
            continue
        count += 1
        around = [
            k_mers[s] if 0 <= s < 18 else torch.zeros(SITE.embedding)
            for s in range(t - SITE.before, t + SITE.behind)
        ]
        hidden = model.site.view(torch.cat(around))
        hidden = hidden + model.site.context[t % 3](encoded[t // 3])
        hidden = hidden + model.site.features(features[0, t])
        torch.testing.assert_close(column[t], model.site.out(hidden)[0], rtol=1e-4, atol=1e-5)
    assert count > 1


@mirrors
def test_no_sites_no_features(mirror: Mirror | None) -> None:
    config = KmerTaggerConfig(kmer=2, embedding=5, features=0, stride=3, hidden=4, site=SITE)
    if mirror is not None:
        mirror = Mirror(mirror.symbols, mirror.flags, ())
    model = tagger(config, mirror)
    symbols, flags, _, lengths = inputs(5, [12, 9])
    scores = model(symbols, torch.zeros_like(flags), torch.zeros(2, 12, 0), lengths)
    assert scores.shape == (2, 12, 6)
    assert not scores[..., 5].any()
    assert scores[..., 4].all()
    sites = model(symbols, flags, torch.zeros(2, 12, 0), lengths)[..., 5]
    own = 2 if mirror is not None else 1
    assert torch.equal(sites != 0, (flags & own) > 0)


def test_every_parameter_learns() -> None:
    model = tagger(CONFIG).train()
    model(*inputs(6, [60, 60])).square().sum().backward()
    unused = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert unused == ["transition_weights"]  # the CRF's
    assert model.transition_weights.shape == (2,)


def test_configuration_survives_storage() -> None:
    for config in (CONFIG, KmerTaggerConfig(), KmerTaggerConfig(dropout=0.1, layers=2)):
        assert KmerTaggerConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_names_and_shapes_of_the_weights() -> None:
    """Model files depend on them."""
    assert {k: tuple(v.shape) for k, v in tagger(CONFIG).state_dict().items()} == {
        "transition_weights": (2,),
        "embedding.weight": (4, 5),
        "encoder.ahead.0.weight_ih_l0": (16, 24),
        "encoder.ahead.0.weight_hh_l0": (16, 4),
        "encoder.ahead.0.bias_ih_l0": (16,),
        "encoder.ahead.0.bias_hh_l0": (16,),
        "head.weight": (6, 32),
        "head.bias": (6,),
        "site.embedding.weight": (4, 3),
        "site.view.weight": (6, 21),
        "site.view.bias": (6,),
        "site.context.0.weight": (6, 8),
        "site.context.1.weight": (6, 8),
        "site.context.2.weight": (6, 8),
        "site.features.weight": (6, 3),
        "site.out.1.weight": (6, 6),
        "site.out.1.bias": (6,),
        "site.out.3.weight": (1, 6),
        "site.out.3.bias": (1,),
    }


@pytest.mark.parametrize("lengths", [[30, 12, 6, 24], [9, 9]], ids=["padded", "equal"])
def test_gradients_like_those_in_double_precision(lengths: list[int]) -> None:
    """In single precision the CPU sums rows of tables, in double it multiplies vectors."""
    single, double = tagger(CONFIG), tagger(CONFIG).double()
    batch = inputs(3, lengths)
    inside = (torch.arange(max(lengths)) < batch[3][:, None])[..., None]
    towards = torch.randn(*batch[0].shape, 6) * inside
    scores = []
    for model in (single, double):
        symbols, flags, features, ends = batch
        found = model(symbols, flags, features.to(model.head.weight.dtype), ends)
        (found * towards.to(found.dtype)).sum().backward()
        scores.append(found.detach() * inside)
    np.testing.assert_allclose(scores[0], scores[1], atol=2e-5)
    own, other = (dict(model.named_parameters()) for model in (single, double))
    for name, parameter in own.items():
        expected = other[name].grad
        if name != "transition_weights":
            scale = 1e-5 * float(expected.abs().max())
            np.testing.assert_allclose(parameter.grad, expected, atol=scale, err_msg=name)

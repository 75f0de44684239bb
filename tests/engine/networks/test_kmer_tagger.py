"""The tagger: indifference to padding and to the end it reads from, and its site head."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from dnatag.engine.crf.grammar import Grammar, Transition
from dnatag.engine.networks.kmer_tagger import Mirror, SequenceTagger, SiteConfig, TaggerConfig

#: Letters a, b (1, 2), either (3) and outside (0); a and b are each other's mirror images.
SPREAD = np.array([[0, 0], [1, 0], [0, 1], [0.5, 0.5]], dtype=np.float32)
MIRROR = Mirror(symbols=(0, 2, 1, 3), bits=(0, 2, 1, 3), features=(1, 0, 2))
GRAMMAR = Grammar(
    states=("left", "right"),
    channels=("a", "b", "a site", "c", "d", "c site"),
    emission={"left": ("a", "b"), "right": ("c", "d")},
    transitions=(
        Transition("left", "right", "turn", enter="a site"),
        Transition("right", "left", "turn", leave="c site"),
        Transition("left", "left", "stay"),
        Transition("right", "right", "stay"),
    ),
    bits=2,
)
SITE = SiteConfig(bit=1, before=4, behind=3, embedding=3, hidden=6)
CONFIG = TaggerConfig(kmer=2, embedding=5, features=3, stride=3, hidden=4, site=SITE)

configs = pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        TaggerConfig(kmer=3, embedding=5, features=3, stride=2, hidden=4, layers=2, site=SITE),
        TaggerConfig(kmer=1, embedding=5, features=3, stride=1, hidden=4),
    ],
    ids=["site", "two layers", "plain"],
)
mirrors = pytest.mark.parametrize("mirror", [MIRROR, None], ids=["mirror", "one end"])
Inputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def tagger(config: TaggerConfig, mirror: Mirror | None = MIRROR) -> SequenceTagger:
    torch.manual_seed(1)
    model = SequenceTagger(config, GRAMMAR, SPREAD, mirror).eval()
    # The last layers begin near zero; here everything should be seen.
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model


def inputs(seed: int, lengths: list[int]) -> Inputs:
    """Return symbols, bits, features and lengths, as the tagger wants them."""
    rng = np.random.default_rng(seed)
    n = max(lengths)
    inside = np.arange(n) < np.array(lengths)[:, None]
    symbols = rng.choice([1, 2, 3], inside.shape, p=[0.45, 0.45, 0.1]) * inside
    bits = rng.choice([0, 1, 2, 3], inside.shape, p=[0.7, 0.1, 0.1, 0.1]) * inside
    features = rng.normal(size=(*inside.shape, 3)) * inside[..., None]
    return (
        torch.from_numpy(symbols).to(torch.uint8),
        torch.from_numpy(bits).to(torch.uint8),
        torch.from_numpy(features).float(),
        torch.tensor(lengths),
    )


@configs
@mirrors
def test_rows_and_padding_do_not_matter(config: TaggerConfig, mirror: Mirror | None) -> None:
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
def test_the_mirror_image_has_mirrored_channels(config: TaggerConfig) -> None:
    model = tagger(config)
    symbols, bits, features, lengths = inputs(3, [30, 12, 24])
    image = [torch.zeros_like(x) for x in (symbols, bits, features)]
    for i, n in enumerate(lengths.tolist()):
        image[0][i, :n] = torch.tensor(MIRROR.symbols)[symbols[i, :n].flip(0).long()]
        image[1][i, :n] = torch.tensor(MIRROR.bits)[bits[i, :n].flip(0).long()]
        image[2][i, :n] = features[i, :n].flip(0)[:, list(MIRROR.features)]
    here, there = model(symbols, bits, features, lengths), model(*image, lengths)
    for i, n in enumerate(lengths.tolist()):
        expected = here[i, :n].flip(0).roll(3, -1)  # the halves of the channels change places
        torch.testing.assert_close(there[i, :n], expected, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(here, there)


@mirrors
def test_site_head_by_hand(mirror: Mirror | None) -> None:
    model = tagger(CONFIG, mirror)
    assert model.site is not None
    symbols, bits, features, lengths = inputs(4, [18])
    channel = model(symbols, bits, features, lengths)[0, :, 2 if mirror else 5]
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
        if not bits[0, t] & 1:
            assert channel[t] == 0
            continue
        count += 1
        around = [
            k_mers[s] if 0 <= s < 18 else torch.zeros(SITE.embedding)
            for s in range(t - SITE.before, t + SITE.behind)
        ]
        hidden = model.site.view(torch.cat(around))
        hidden = hidden + model.site.context[t % 3](encoded[t // 3])
        hidden = hidden + model.site.features(features[0, t])
        torch.testing.assert_close(channel[t], model.site.out(hidden)[0], rtol=1e-4, atol=1e-5)
    assert count > 1


@mirrors
def test_no_sites_no_features(mirror: Mirror | None) -> None:
    config = TaggerConfig(kmer=2, embedding=5, features=0, stride=3, hidden=4, site=SITE)
    if mirror is not None:
        mirror = Mirror(mirror.symbols, mirror.bits, ())
    model = tagger(config, mirror)
    symbols, bits, _, lengths = inputs(5, [12, 9])
    channels = model(symbols, torch.zeros_like(bits), torch.zeros(2, 12, 0), lengths)
    assert channels.shape == (2, 12, 6)
    assert not channels[..., 5].any()
    assert channels[..., 4].all()
    sites = model(symbols, bits, torch.zeros(2, 12, 0), lengths)[..., 5]
    own = 2 if mirror is not None else 1
    assert torch.equal(sites != 0, (bits & own) > 0)


def test_every_parameter_learns() -> None:
    model = tagger(CONFIG).train()
    model(*inputs(6, [60, 60])).square().sum().backward()
    unused = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert unused == ["theta"]  # the CRF's
    assert model.theta.shape == (2,)


def test_configuration_survives_storage() -> None:
    for config in (CONFIG, TaggerConfig(), TaggerConfig(dropout=0.1, layers=2)):
        assert TaggerConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_names_and_shapes_of_the_weights() -> None:
    """Model files depend on them."""
    assert {k: tuple(v.shape) for k, v in tagger(CONFIG).state_dict().items()} == {
        "theta": (2,),
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

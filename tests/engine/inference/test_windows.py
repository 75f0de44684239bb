"""Tiles that join to one pass over the whole, whatever they and the batches are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from dnatag.engine.crf.grammar import Grammar
from dnatag.engine.inference import windows
from dnatag.engine.inference.networks import KmerRunner, kmer_runner
from dnatag.engine.inference.torch_networks import TorchKmers
from dnatag.engine.inference.windows import Runner, Span
from dnatag.engine.networks.configs import KmerTaggerConfig, Mirror, SiteConfig
from dnatag.engine.networks.kmer_tagger import KmerTagger
from dnatag.engine.networks.weights import KmerWeights, weights_of
from dnatag.native.library import why_missing

#: Letters a, b (1, 2), either (3) and outside (0); a and b are each other's mirror images.
SPREAD = np.array([[0, 0], [1, 0], [0, 1], [0.5, 0.5]], dtype=np.float32)
MIRROR = Mirror(symbols=(0, 2, 1, 3), flags=(0, 2, 1, 3), features=(1, 0))
GRAMMAR = Grammar(("s",), ("a", "a site", "b", "b site"), {"s": ("a", "b")}, (), flags=2)
CONFIG = KmerTaggerConfig(
    kmer=2, embedding=4, features=2, hidden=8, site=SiteConfig(1, 4, 4, embedding=3, hidden=6)
)
#: Of scores that are joined from tiles.
TOLERANCE = {"rtol": 0, "atol": 1e-4}


class Networks(NamedTuple):
    """A network twice: of torch, and what runs."""

    tagger: KmerTagger
    run: KmerRunner

    def runner(self, threads: int = 1) -> Runner:
        tagger = self.tagger
        weights = KmerWeights(CONFIG, tagger.grammar, SPREAD, MIRROR, weights_of(tagger))
        return Runner(weights, self.run, threads)


def features(symbols: np.ndarray, flags: np.ndarray, start: int, end: int) -> np.ndarray:
    """Is it letter a, is it b."""
    here = symbols[start:end]
    return np.stack([here == 1, here == 2], 1).astype(np.float32)


@pytest.fixture(scope="module")
def tagger() -> KmerTagger:
    torch.manual_seed(3)
    model = KmerTagger(CONFIG, GRAMMAR, SPREAD, MIRROR).eval()
    for name, parameter in model.named_parameters():
        # Forget gates stay open, so that the network looks far.
        if "bias_ih" not in name:
            torch.nn.init.normal_(parameter, std=0.4)
    return model


@pytest.fixture(params=["native", "torch"])
def networks(tagger: KmerTagger, request: pytest.FixtureRequest) -> Networks:
    if request.param == "torch":
        return Networks(tagger, TorchKmers(tagger, "cpu"))
    if reason := why_missing():
        pytest.skip(reason)
    weights = KmerWeights(CONFIG, GRAMMAR, SPREAD, MIRROR, weights_of(tagger))
    return Networks(tagger, kmer_runner(weights, "cpu"))


def sequence(length: int, seed: int = 0) -> Span:
    rng = np.random.default_rng(seed)
    symbols = rng.choice(np.array([1, 2, 3], np.uint8), length, p=[0.48, 0.48, 0.04])
    flags = rng.choice(np.array([0, 1, 2, 3], np.uint8), length, p=[0.85, 0.06, 0.06, 0.03])
    return Span(symbols, flags, 0, length)


def one_pass(tagger: KmerTagger, span: Span) -> np.ndarray:
    whole = features(span.symbols, span.flags, 0, len(span.symbols))
    inputs = (torch.from_numpy(x)[None] for x in (span.symbols, span.flags, whole))
    with torch.inference_mode():
        scores = tagger(*inputs, torch.tensor([len(span.symbols)]))[0].numpy()
    return scores[span.start : span.end]


def one_pass_at(
    scores: np.ndarray,
    span: Span,
    place: torch.Tensor,
    column: torch.Tensor,
    at_sites: torch.Tensor,
) -> np.ndarray:
    """Scores of a stretch with other scores at the sites of its sequence."""
    whole = np.zeros((len(span.symbols), scores.shape[1]), np.float32)
    whole[span.start : span.end] = scores
    whole[place.numpy(), column.numpy()] = at_sites.numpy()
    return whole[span.start : span.end]


@pytest.mark.parametrize(("core", "margin"), [(300, 320), (100, 200), (37, 150), (2048, 320)])
@pytest.mark.parametrize("batch", [1, 3])
def test_tiles_and_batches_do_not_matter(
    networks: Networks, monkeypatch: pytest.MonkeyPatch, core: int, margin: int, batch: int
) -> None:
    monkeypatch.setattr(windows, "CORE", core)
    monkeypatch.setattr(windows, "MARGIN", margin)
    monkeypatch.setattr(networks.run, "batch", batch)
    spans = [sequence(n, seed=n) for n in (4002, 3, 1500, 2100)]
    # Stretches of longer sequences see what lies around them.
    spans += [replace(spans[0], start=600, end=1803), replace(spans[0], start=900, end=4002)]
    for span, scores in zip(
        spans, networks.runner().scores(spans, [features] * len(spans)), strict=True
    ):
        np.testing.assert_allclose(scores, one_pass(networks.tagger, span), **TOLERANCE)


def test_small_margins_do_matter(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or else the test above would show nothing."""
    monkeypatch.setattr(windows, "CORE", 100)
    monkeypatch.setattr(windows, "MARGIN", 3)
    span = sequence(1500)
    scores = networks.runner().scores([span], [features])[0]
    assert np.abs(scores - one_pass(networks.tagger, span)).max() > 0.01


def test_the_mirror_image_is_cut_alike(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with margins so small that it matters where tiles end."""
    monkeypatch.setattr(windows, "CORE", 100)
    monkeypatch.setattr(windows, "MARGIN", 3)
    for length in (999, 1002, 1509):
        span = sequence(length)
        image = Span(
            np.array(MIRROR.symbols, np.uint8)[span.symbols[::-1]],
            np.array(MIRROR.flags, np.uint8)[span.flags[::-1]],
            0,
            length,
        )
        here, there = networks.runner().scores([span, image], [features] * 2)
        np.testing.assert_allclose(there, here[::-1, [2, 3, 0, 1]], rtol=1e-5, atol=1e-5)


def test_threads_do_not_matter(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "CORE", 60)
    spans = [sequence(n, seed=n) for n in (2001, 600, 1200, 3, 3)]
    one, four = (networks.runner(n).scores(spans, [features] * len(spans)) for n in (1, 4))
    for a, b in zip(one, four, strict=True):
        np.testing.assert_array_equal(a, b)


def test_sites_are_scored_anew(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    """With other features than the encoder was given, as often as one likes."""
    monkeypatch.setattr(windows, "CORE", 300)
    spans = [sequence(2001), replace(sequence(3000, seed=1), start=600, end=1803)]

    def others(*args: Any) -> np.ndarray:
        return 0.5 - 2 * features(*args)

    runner = networks.runner(2)
    encoded = runner.encode(spans, [features] * len(spans))
    runner.score(encoded, [features] * len(encoded))
    for chunk, span in zip(encoded, spans, strict=True):
        np.testing.assert_allclose(chunk.scores, one_pass(networks.tagger, span), **TOLERANCE)
    for chunk, span in zip(encoded, spans, strict=True):
        before = chunk.scores.copy()
        runner.score([chunk], [others])
        inputs = [torch.from_numpy(x)[None] for x in (span.symbols, span.flags)]
        length = torch.tensor([len(span.symbols)])
        whole = (span.symbols, span.flags, 0, len(span.symbols))
        with torch.inference_mode():
            _, sites = networks.tagger.encode(
                *inputs, torch.from_numpy(features(*whole))[None], length
            )
            assert sites is not None
            scores = networks.tagger.score(sites, torch.from_numpy(others(*whole))[sites.place])
        expected = one_pass_at(before, span, sites.place, sites.column, scores)
        np.testing.assert_allclose(chunk.scores, expected, **TOLERANCE)
        assert np.abs(chunk.scores - before).max() > 0.1
        runner.score([chunk], [features])
        np.testing.assert_array_equal(chunk.scores, before)


def test_progress_adds_up(networks: Networks) -> None:
    told: list[int] = []
    spans = [sequence(9000), replace(sequence(600), start=3, end=300)]
    networks.runner().scores(spans, [features] * len(spans), told.append)
    assert sum(told) == 9297


def test_nothing_to_do(networks: Networks) -> None:
    assert networks.runner().scores([], []) == []
    empty = replace(sequence(6), start=3, end=3)
    assert networks.runner().scores([empty], [features])[0].shape == (0, 4)


def of_torch(tagger: KmerTagger, device: str = "cpu") -> Runner:
    return Networks(tagger, TorchKmers(tagger, device)).runner()


def short_of_memory(tagger: KmerTagger, rows: int) -> Callable[..., torch.Tensor]:
    """Return a forward pass that fits no more than so many rows."""
    forward = tagger.encode

    def limited(symbols: torch.Tensor, *rest: Any) -> torch.Tensor:
        if len(symbols) > rows:
            raise torch.cuda.OutOfMemoryError("out of memory")
        return forward(symbols, *rest)

    return limited


def test_batches_are_halved_where_memory_is_short(
    tagger: KmerTagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = [sequence(300, seed=n) for n in range(11)]
    expected = of_torch(tagger).scores(spans, [features] * len(spans))
    monkeypatch.setattr(tagger, "encode", short_of_memory(tagger, 2))
    for a, b in zip(
        of_torch(tagger).scores(spans, [features] * len(spans)),
        expected,
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_a_single_row_that_does_not_fit_is_an_error(
    tagger: KmerTagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagger, "encode", short_of_memory(tagger, 0))
    with pytest.raises(torch.cuda.OutOfMemoryError):
        of_torch(tagger).scores([sequence(30)], [features])


@pytest.mark.gpu
def test_half_precision_on_gpus_is_close(tagger: KmerTagger) -> None:
    spans = [sequence(3000, seed=n) for n in range(3)]
    expected = of_torch(tagger).scores(spans, [features] * len(spans))
    try:
        found = (
            Networks(tagger, TorchKmers(tagger, "cuda"))
            .runner()
            .scores(spans, [features] * len(spans))
        )
    finally:
        tagger.cpu()
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0.05, atol=0.05)

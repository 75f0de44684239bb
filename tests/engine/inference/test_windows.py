"""Tiles that join to one pass over the whole, whatever they and the batches are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from dnatag.engine.crf.grammar import Grammar
from dnatag.engine.inference.networks import tile_encoder
from dnatag.engine.inference.tiles import TileEncoder, Tiling
from dnatag.engine.inference.torch_encoder import TorchEncoder
from dnatag.engine.inference.windows import Runner, Window
from dnatag.engine.networks.configs import KmerTaggerConfig, Mirror, SiteConfig
from dnatag.engine.networks.kmer_tagger import KmerTagger
from dnatag.engine.networks.weights import KmerWeights, weights_of
from dnatag.errors import DnatagError
from dnatag.native.library import why_missing
from dnatag.report import Observer

#: Letters a, b (1, 2), either (3) and outside (0); a and b are each other's mirror images.
SPREAD = np.array([[0, 0], [1, 0], [0, 1], [0.5, 0.5]], dtype=np.float32)
MIRROR = Mirror(symbols=(0, 2, 1, 3), flags=(0, 2, 1, 3), features=(1, 0))
GRAMMAR = Grammar(("s",), ("a", "a site", "b", "b site"), {"s": ("a", "b")}, (), flags=2)
CONFIG = KmerTaggerConfig(
    kmer=2, embedding=4, features=2, hidden=8, site=SiteConfig(1, 4, 4, embedding=3, hidden=6)
)
#: Of scores that are joined from tiles.
TOLERANCE = {"rtol": 0, "atol": 1e-4}
CPU = torch.device("cpu")


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
def encoder(tagger: KmerTagger, request: pytest.FixtureRequest) -> TileEncoder:
    if request.param == "torch":
        return TorchEncoder(tagger, CPU)
    if reason := why_missing():
        pytest.skip(reason)
    return tile_encoder(KmerWeights(CONFIG, GRAMMAR, SPREAD, MIRROR, weights_of(tagger)), "cpu")


def sequence(length: int, seed: int = 0) -> Window:
    rng = np.random.default_rng(seed)
    symbols = rng.choice(np.array([1, 2, 3], np.uint8), length, p=[0.48, 0.48, 0.04])
    flags = rng.choice(np.array([0, 1, 2, 3], np.uint8), length, p=[0.85, 0.06, 0.06, 0.03])
    return Window(symbols, flags, 0, length)


def one_pass(tagger: KmerTagger, window: Window) -> np.ndarray:
    whole = features(window.symbols, window.flags, 0, len(window.symbols))
    inputs = (torch.from_numpy(x)[None] for x in (window.symbols, window.flags, whole))
    with torch.inference_mode():
        scores = tagger(*inputs, torch.tensor([len(window.symbols)]))[0].numpy()
    return scores[window.start : window.end]


def one_pass_at(
    scores: np.ndarray,
    window: Window,
    position: torch.Tensor,
    column: torch.Tensor,
    at_sites: torch.Tensor,
) -> np.ndarray:
    """Scores of a stretch with other scores at the sites of its sequence."""
    whole = np.zeros((len(window.symbols), scores.shape[1]), np.float32)
    whole[window.start : window.end] = scores
    whole[position.numpy(), column.numpy()] = at_sites.numpy()
    return whole[window.start : window.end]


@pytest.mark.parametrize(("core", "margin"), [(300, 320), (100, 200), (37, 150), (2048, 320)])
@pytest.mark.parametrize("steps", [1, 4000])
def test_tiles_and_batches_do_not_matter(
    encoder: TileEncoder, tagger: KmerTagger, core: int, margin: int, steps: int
) -> None:
    runner = Runner(encoder, 1, Tiling(core, margin, steps))
    windows = [sequence(n, seed=n) for n in (4002, 3, 1500, 2100)]
    # Stretches of longer sequences see what lies around them.
    windows += [replace(windows[0], start=600, end=1803), replace(windows[0], start=900, end=4002)]
    for window, scores in zip(
        windows, runner.scores(windows, [features] * len(windows)), strict=True
    ):
        np.testing.assert_allclose(scores, one_pass(tagger, window), **TOLERANCE)


def test_small_margins_do_matter(encoder: TileEncoder, tagger: KmerTagger) -> None:
    """Or else the test above would show nothing."""
    window = sequence(1500)
    runner = Runner(encoder, 1, Tiling(100, 3))
    scores = runner.scores([window], [features])[0]
    assert np.abs(scores - one_pass(tagger, window)).max() > 0.01


def test_the_mirror_image_is_cut_alike(encoder: TileEncoder) -> None:
    """Even with margins so small that it matters where tiles end."""
    runner = Runner(encoder, 1, Tiling(100, 3))
    for length in (999, 1002, 1509):
        window = sequence(length)
        image = Window(
            np.array(MIRROR.symbols, np.uint8)[window.symbols[::-1]],
            np.array(MIRROR.flags, np.uint8)[window.flags[::-1]],
            0,
            length,
        )
        here, there = runner.scores([window, image], [features] * 2)
        np.testing.assert_allclose(there, here[::-1, [2, 3, 0, 1]], rtol=1e-5, atol=1e-5)


def test_threads_do_not_matter(encoder: TileEncoder) -> None:
    windows = [sequence(n, seed=n) for n in (2001, 600, 1200, 3, 3)]
    one, four = (
        Runner(encoder, n, Tiling(60, batch_steps=3000)).scores(windows, [features] * len(windows))
        for n in (1, 4)
    )
    for a, b in zip(one, four, strict=True):
        np.testing.assert_array_equal(a, b)


def test_sites_are_scored_anew(encoder: TileEncoder, tagger: KmerTagger) -> None:
    """With other features than the encoder was given, as often as one likes."""
    windows = [sequence(2001), replace(sequence(3000, seed=1), start=600, end=1803)]

    def others(*args: Any) -> np.ndarray:
        return 0.5 - 2 * features(*args)

    runner = Runner(encoder, 2, Tiling(300))
    encoded = runner.encode(windows, [features] * len(windows))
    runner.score(encoded, [features] * len(encoded))
    for chunk, window in zip(encoded, windows, strict=True):
        np.testing.assert_allclose(chunk.scores, one_pass(tagger, window), **TOLERANCE)
    for chunk, window in zip(encoded, windows, strict=True):
        before = chunk.scores.copy()
        runner.score([chunk], [others])
        inputs = [torch.from_numpy(x)[None] for x in (window.symbols, window.flags)]
        length = torch.tensor([len(window.symbols)])
        whole = (window.symbols, window.flags, 0, len(window.symbols))
        with torch.inference_mode():
            _, sites = tagger.encode(*inputs, torch.from_numpy(features(*whole))[None], length)
            assert sites is not None
            there = torch.from_numpy(others(*whole))[sites.position]
            scores = tagger.score(sites.column, sites.hidden, there)
        expected = one_pass_at(before, window, sites.position, sites.column, scores)
        np.testing.assert_allclose(chunk.scores, expected, **TOLERANCE)
        assert np.abs(chunk.scores - before).max() > 0.1
        runner.score([chunk], [features])
        np.testing.assert_array_equal(chunk.scores, before)


def test_progress_adds_up(encoder: TileEncoder) -> None:
    done: list[int] = []

    class Bar(Observer):
        def advance(self, amount: int) -> None:
            done.append(amount)

    windows = [sequence(9000), replace(sequence(600), start=3, end=300)]
    Runner(encoder).scores(windows, [features] * len(windows), Bar())
    assert sum(done) == 9297


def test_nothing_to_do(encoder: TileEncoder) -> None:
    assert Runner(encoder).scores([], []) == []
    empty = replace(sequence(6), start=3, end=3)
    assert Runner(encoder).scores([empty], [features])[0].shape == (0, 4)


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
    windows = [sequence(300, seed=n) for n in range(11)]
    expected = Runner(TorchEncoder(tagger, CPU)).scores(windows, [features] * len(windows))
    monkeypatch.setattr(tagger, "encode", short_of_memory(tagger, 2))
    for a, b in zip(
        Runner(TorchEncoder(tagger, CPU)).scores(windows, [features] * len(windows)),
        expected,
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_a_single_row_that_does_not_fit_is_an_error(
    tagger: KmerTagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagger, "encode", short_of_memory(tagger, 0))
    with pytest.raises(DnatagError, match="too small for one tile of a sequence; use --device cpu"):
        Runner(TorchEncoder(tagger, CPU)).scores([sequence(30)], [features])


@pytest.mark.gpu
def test_half_precision_on_gpus_is_close(tagger: KmerTagger) -> None:
    windows = [sequence(3000, seed=n) for n in range(3)]
    expected = Runner(TorchEncoder(tagger, CPU)).scores(windows, [features] * len(windows))
    try:
        found = Runner(TorchEncoder(tagger, torch.device("cuda"))).scores(
            windows, [features] * len(windows)
        )
    finally:
        tagger.to(CPU)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0.05, atol=0.05)

"""Tiles that join to one pass over the whole, whatever they and the batches are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from dnatag.engine.crf.grammar import Grammar
from dnatag.engine.inference.networks import tile_encoder
from dnatag.engine.inference.tiles import TileEncoder, Tiling
from dnatag.engine.inference.torch_encoder import TorchEncoder
from dnatag.engine.inference.windows import FeatureFunction, Runner, Window
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


def features(window: Window) -> FeatureFunction:
    """Is it letter a, is it b."""

    def at(places: np.ndarray) -> np.ndarray:
        here = window.symbols[places]
        return np.stack([here == 1, here == 2], 1).astype(np.float32)

    return at


def scores_of(
    runner: Runner, windows: Sequence[Window], observer: Observer | None = None
) -> list[np.ndarray]:
    return runner.scores(windows, [features(w) for w in windows], observer)


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
    whole = features(window)(np.arange(len(window.symbols)))
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
    runner = Runner(encoder, Tiling(core, margin, steps))
    windows = [sequence(n, seed=n) for n in (4002, 3, 1500, 2100)]
    # Stretches of longer sequences see what lies around them.
    windows += [replace(windows[0], start=600, end=1803), replace(windows[0], start=900, end=4002)]
    for window, scores in zip(windows, scores_of(runner, windows), strict=True):
        np.testing.assert_allclose(scores, one_pass(tagger, window), **TOLERANCE)


def test_small_margins_do_matter(encoder: TileEncoder, tagger: KmerTagger) -> None:
    """Or else the test above would show nothing."""
    window = sequence(1500)
    runner = Runner(encoder, Tiling(100, 3))
    scores = scores_of(runner, [window])[0]
    assert np.abs(scores - one_pass(tagger, window)).max() > 0.01


def test_the_mirror_image_is_cut_alike(encoder: TileEncoder) -> None:
    """Even with margins so small that it matters where tiles end."""
    runner = Runner(encoder, Tiling(100, 3))
    for length in (999, 1002, 1509):
        window = sequence(length)
        image = Window(
            np.array(MIRROR.symbols, np.uint8)[window.symbols[::-1]],
            np.array(MIRROR.flags, np.uint8)[window.flags[::-1]],
            0,
            length,
        )
        here, there = scores_of(runner, [window, image])
        np.testing.assert_allclose(there, here[::-1, [2, 3, 0, 1]], rtol=1e-5, atol=1e-5)


def test_several_threads_may_use_a_runner(encoder: TileEncoder) -> None:
    windows = [sequence(n, seed=n) for n in (2001, 600, 1200, 3, 3)]
    runner = Runner(encoder, Tiling(60, batch_steps=3000))
    with ThreadPoolExecutor(4) as pool:
        found = [scores for (scores,) in pool.map(lambda w: scores_of(runner, [w]), windows)]
    for window, scores in zip(windows, found, strict=True):
        np.testing.assert_array_equal(scores, scores_of(runner, [window])[0])


def test_sites_are_scored_anew(encoder: TileEncoder, tagger: KmerTagger) -> None:
    """With other features than the encoder was given, as often as one likes."""
    windows = [sequence(2001), replace(sequence(3000, seed=1), start=600, end=1803)]

    def others(window: Window) -> FeatureFunction:
        return lambda places: 0.5 - 2 * features(window)(places)

    runner = Runner(encoder, Tiling(300))
    encoded = runner.encode(windows, [features(w) for w in windows])
    for chunk, window in zip(encoded, windows, strict=True):
        runner.score(chunk, features(window))
    for chunk, window in zip(encoded, windows, strict=True):
        np.testing.assert_allclose(chunk.scores, one_pass(tagger, window), **TOLERANCE)
    for chunk, window in zip(encoded, windows, strict=True):
        before = chunk.scores.copy()
        runner.score(chunk, others(window))
        inputs = [torch.from_numpy(x)[None] for x in (window.symbols, window.flags)]
        length = torch.tensor([len(window.symbols)])
        whole = np.arange(len(window.symbols))
        with torch.inference_mode():
            _, sites = tagger.encode(
                *inputs, torch.from_numpy(features(window)(whole))[None], length
            )
            assert sites is not None
            there = torch.from_numpy(others(window)(whole))[sites.position]
            scores = tagger.score(sites.column, sites.hidden, there)
        expected = one_pass_at(before, window, sites.position, sites.column, scores)
        np.testing.assert_allclose(chunk.scores, expected, **TOLERANCE)
        assert np.abs(chunk.scores - before).max() > 0.1
        runner.score(chunk, features(window))
        np.testing.assert_array_equal(chunk.scores, before)


def test_progress_adds_up(encoder: TileEncoder) -> None:
    done: list[int] = []

    class Bar(Observer):
        def advance(self, amount: int) -> None:
            done.append(amount)

    windows = [sequence(9000), replace(sequence(600), start=3, end=300)]
    scores_of(Runner(encoder), windows, Bar())
    assert sum(done) == 9297


def test_nothing_to_do(encoder: TileEncoder) -> None:
    assert Runner(encoder).scores([], []) == []
    empty = replace(sequence(6), start=3, end=3)
    assert scores_of(Runner(encoder), [empty])[0].shape == (0, 4)


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
    expected = scores_of(Runner(TorchEncoder(tagger, CPU)), windows)
    monkeypatch.setattr(tagger, "encode", short_of_memory(tagger, 2))
    for a, b in zip(
        scores_of(Runner(TorchEncoder(tagger, CPU)), windows),
        expected,
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_a_single_row_that_does_not_fit_is_an_error(
    tagger: KmerTagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagger, "encode", short_of_memory(tagger, 0))
    with pytest.raises(DnatagError, match="too small for one tile of a sequence; use the dev"):
        scores_of(Runner(TorchEncoder(tagger, CPU)), [sequence(30)])


@pytest.mark.gpu
def test_half_precision_on_gpus_is_close(tagger: KmerTagger) -> None:
    windows = [sequence(3000, seed=n) for n in range(3)]
    expected = scores_of(Runner(TorchEncoder(tagger, CPU)), windows)
    try:
        found = scores_of(Runner(TorchEncoder(tagger, torch.device("cuda"))), windows)
    finally:
        tagger.to(CPU)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0.05, atol=0.05)

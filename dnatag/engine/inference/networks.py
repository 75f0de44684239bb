"""Networks that are run, not trained: on the CPU the native library's, else those of torch.

Which one runs is chosen here, and what is above sees no difference: arrays go in and come out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from dnatag.engine.inference.tiles import EncodedTile, Tile, TileEncoder
from dnatag.engine.networks.weights import EncoderWeights, KmerWeights, TokenWeights
from dnatag.extras import require
from dnatag.native.kmer_network import KmerNetwork
from dnatag.native.library import available
from dnatag.native.token_network import TokenNetwork

__all__ = ["TokenRunner", "tile_encoder", "token_runner"]


class TokenRunner(Protocol):
    """A network that reads tokens, or several whose scores are averaged."""

    def prepare(self, categories: np.ndarray, features: np.ndarray, parts: np.ndarray) -> Any:
        """Compute once what the same tokens share wherever they stand.

        Parameters
        ----------
        categories : numpy.ndarray
            int32 (D, number of categories).
        features : numpy.ndarray
            float32 (D, F).
        parts : numpy.ndarray
            int32 (D, W), 0 behind the last part of a token.
        """
        ...

    def scores(self, prepared: Any, rows: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Give the scores of B sequences of tokens.

        Parameters
        ----------
        prepared : object
            D tokens that have been prepared.
        rows : numpy.ndarray
            int (N,), which of these each token is, sequence after sequence.
        lengths : numpy.ndarray
            int (B,), tokens of each sequence; their sum is N.

        Returns
        -------
        numpy.ndarray
            float32 (N, C).
        """
        ...

    def pool(self, threads: int) -> AbstractContextManager[Executor]:
        """Give threads that may each call it."""
        ...


def tile_encoder(weights: KmerWeights, device: str) -> TileEncoder:
    """Make the network that reads letters on a device.

    Raises
    ------
    DnatagError
        If it needs torch, which is not installed.
    """
    config = weights.config
    native = weights.mirror is not None and config.site is not None and config.layers == 1
    if device == "cpu" and native and available():
        return _NativeEncoder(weights)
    require("torch", "train", _purpose(device))
    import torch

    from dnatag.engine.inference.torch_encoder import TorchEncoder

    return TorchEncoder(weights.network(), torch.device(device))


def token_runner(members: Sequence[TokenWeights | EncoderWeights], device: str) -> TokenRunner:
    """Make the networks that read tokens on a device; the scores are the means of theirs.

    Raises
    ------
    DnatagError
        If they need torch, which is not installed.
    """
    if device == "cpu" and available():
        return _NativeTokens(members)
    require("torch", "train", _purpose(device))
    from dnatag.engine.inference.torch_tokens import TorchTokens

    return TorchTokens([member.network() for member in members], device)


def _purpose(device: str) -> str:
    """Say what needs torch, for the error."""
    if device != "cpu":
        return f"device {device}"
    return "this model" if available() else "dnatag without its native library"


class _NativeEncoder:
    """A :class:`dnatag.engine.inference.tiles.TileEncoder` of the native library."""

    def __init__(self, weights: KmerWeights) -> None:
        mirror, config = weights.mirror, weights.config
        assert mirror is not None
        assert config.site is not None
        self._network = KmerNetwork(
            weights.arrays,
            config.to_dict(),
            weights.spread,
            (mirror.symbols, mirror.flags, mirror.features),
        )
        self.stride = config.stride
        self.n_scores = len(weights.grammar.scores)
        self.site_size = config.site.hidden
        # Six tiles, and three of the nine of a chunk of a genome: their strands fill the kernels'
        # blocks of three or six rows. More take more memory, and are no faster.
        self.batch_steps = 6 * 17_100

    def encode(self, tiles: Sequence[Tile]) -> list[EncodedTile]:
        return self._network.encode(tiles)

    def score(self, column: np.ndarray, hidden: np.ndarray, features: np.ndarray) -> np.ndarray:
        return self._network.score(column, hidden, features)

    def pool(self, threads: int) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(threads)


class _NativeTokens:
    """A :class:`TokenRunner` of the native library."""

    def __init__(self, members: Sequence[TokenWeights | EncoderWeights]) -> None:
        self._networks = [TokenNetwork(m.arrays, m.config.to_dict()) for m in members]

    def prepare(
        self, categories: np.ndarray, features: np.ndarray, parts: np.ndarray
    ) -> list[np.ndarray]:
        return [network.inputs(categories, features, parts) for network in self._networks]

    def scores(
        self, prepared: list[np.ndarray], rows: np.ndarray, lengths: np.ndarray
    ) -> np.ndarray:
        pairs = zip(self._networks, prepared, strict=True)
        total = [network.scores(inputs, rows, lengths) for network, inputs in pairs]
        # The mean of scores: the geometric mean of what the networks find probable.
        mean: np.ndarray = np.stack(total).mean(0)
        return mean

    def pool(self, threads: int) -> Executor:
        return ThreadPoolExecutor(threads) if threads > 1 else _ThisThread()


class _ThisThread(Executor):
    """Does what is submitted at once; to start a thread takes longer than to tag a sentence."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

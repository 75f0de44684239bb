"""The generator: pieces from nothing, or from a beginning; and the likelihood of pieces."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dnatag.errors import InputError
from dnatag.extras import require
from dnatag.tasks.generation.model import GeneratorModel, load_generator
from dnatag.tasks.predictor import Predictor

__all__ = ["Likelihood", "PieceGenerator"]


class Likelihood(NamedTuple):
    """How probable pieces are.

    Attributes
    ----------
    nats : float
        Negative logarithm of their probability.
    steps, tokens : int
        Steps of the pieces, and tokens but the ends of steps (notes, of music).
    """

    nats: float
    steps: int
    tokens: int


class PieceGenerator(Predictor[GeneratorModel]):
    """Generates pieces with a model; see :class:`dnatag.tasks.predictor.Predictor`.

    Threads are not used: a piece is generated token by token.

    Raises
    ------
    DnatagError
        If torch is not installed.
    ValueError
        If the weights are not those of such a network.
    """

    read = staticmethod(load_generator)

    def __init__(
        self, model: GeneratorModel, metadata: dict[str, Any], device: str, threads: int = 1
    ) -> None:
        require("torch", "music", "a model that generates")
        import torch

        from dnatag.engine.networks.generator import TokenGenerator
        from dnatag.engine.networks.weights import network_with_weights

        super().__init__(model, metadata, device, threads)
        self._torch = torch
        network = network_with_weights(
            lambda: TokenGenerator(model.config, model.writer.tokens), model.arrays
        )
        self._network = network.to(device)

    def generate(
        self,
        steps: int,
        seed: int | None = None,
        primer: Sequence[Any] = (),
        temperature: float = 1.0,
    ) -> list[Any]:
        """Draw a piece.

        Parameters
        ----------
        steps
            Its length, with the primer.
        seed
            The same seed gives the same piece; None gives another one each time.
        primer
            Its first steps.
        temperature
            Divisor of the logarithms of all probabilities: below 1 what is probable becomes more
            so.

        Returns
        -------
        list
            The steps; of music, tuples of notes.

        Raises
        ------
        InputError
            If a number is out of its range, or the primer leaves no step to draw, or is none.
        """
        _check(steps, seed, primer, temperature)
        rng = np.random.default_rng(seed)
        writer, found = self.model.writer, list(primer)
        if len(found) >= steps:
            raise InputError(f"the primer has {len(found)} steps, and the piece {steps}")
        state = None
        if found:
            # All rows of the primer; the next row is asked for below.
            _, state = self._run(writer.encode(found), None)
        while len(found) < steps:
            tokens: list[int] = []
            while not tokens or tokens[-1]:
                now = writer.write([*tokens, 0])[0]
                logs, state = self._run(writer.next_row(found, now), state)
                shares = np.exp((logs[-1] - logs[-1].max()) / temperature)
                tokens.append(int(rng.choice(len(shares), p=shares / shares.sum())))
            found += writer.write(tokens)
        return found

    def likelihood(self, pieces: Iterable[Sequence[Any]]) -> Likelihood:
        """Return how probable pieces are; each begins anew."""
        nats, steps, tokens = 0.0, 0, 0
        for piece in pieces:
            encoded = self.model.writer.encode(piece)
            if not len(encoded):
                continue
            logs, _ = self._run(encoded, None)
            following = np.append(encoded.categories[1:, 0] - 1, 0)
            nats -= float(logs[np.arange(len(following)), following].sum())
            steps += int((following == 0).sum())
            tokens += int((following > 0).sum())
        return Likelihood(nats, steps, tokens)

    def pieces(self, path: str | Path) -> list[Sequence[Any]]:
        """Read the pieces of a file, in the steps of the model.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        return self.model.domain.pieces(path, self.model.writer)

    def _run(self, rows: Any, state: Any) -> tuple[np.ndarray, Any]:
        """Return log probabilities, float64 (L, tokens), and the state behind the rows."""
        torch = self._torch
        inputs = [
            torch.from_numpy(x)[None].to(self.device)
            for x in (rows.categories.astype(np.int64), rows.features, rows.parts.astype(np.int64))
        ]
        with torch.inference_mode():
            logs, after = self._network.advance(inputs[0], inputs[1], inputs[2], state)
        return logs[0].double().cpu().numpy(), after


def _check(steps: Any, seed: Any, primer: Any, temperature: Any) -> None:
    """Refuse settings out of their ranges."""
    if not isinstance(steps, int | np.integer) or steps < 1:
        raise InputError(f"steps must be a whole number above 0, not {steps!r}")
    if seed is not None and (not isinstance(seed, int | np.integer) or seed < 0):
        raise InputError(f"seed must be a whole number and not below 0, not {seed!r}")
    if isinstance(primer, str | bytes) or not hasattr(primer, "__iter__"):
        raise InputError(
            f"the primer must be steps, not {primer!r}; 'pieces' reads those of a file"
        )
    if not isinstance(temperature, int | float | np.number) or not 0 < temperature < math.inf:
        raise InputError(f"temperature must be a number above 0, not {temperature!r}")

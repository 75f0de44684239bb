"""Frames as numbers: standardised features and their changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from dnatag.errors import InputError
from dnatag.tasks.features import TokenFeatures

__all__ = ["FrameFeaturizer", "play"]


class FrameFeaturizer:
    """Encodes sequences of features, see :class:`dnatag.tasks.features.Featurizer`.

    Parameters
    ----------
    mean, scale : numpy.ndarray
        float32 (F * (motion + 1),), mean and standard deviation of features and changes.
    motion : int
        Changes over 1 to so many frames enter beside the features.
    noise : float
        Standard deviation of noise in training.
    speed : float
        Largest change of speed in training, as a share.
    """

    in_context = True

    def __init__(
        self,
        mean: np.ndarray,
        scale: np.ndarray,
        motion: int = 0,
        noise: float = 0.0,
        speed: float = 0.0,
    ) -> None:
        self.mean = mean
        self.scale = scale
        self.motion = motion
        self.noise = noise
        self.speed = speed

    @classmethod
    def fit(
        cls, sequences: Iterable[Any], motion: int = 0, noise: float = 0.0, speed: float = 0.0
    ) -> FrameFeaturizer:
        """Know means and deviations of sequences, (T, F) each.

        Raises
        ------
        InputError
            If they have different numbers of features.
        """
        count, total, squares = 0, np.zeros(0), np.zeros(0)
        for sequence in sequences:
            features = _features(sequence)
            if not count:
                total = np.zeros(features.shape[1] * (motion + 1))
                squares = total.copy()
            wanted = len(total) // (motion + 1)
            _check(sequence, features, wanted, "the first one")
            moved = with_motion(features, motion).astype(float)
            count += len(moved)
            total += moved.sum(0)
            squares += (moved**2).sum(0)
        mean = total / max(count, 1)
        deviation = np.sqrt(np.maximum(squares / max(count, 1) - mean**2, 0))
        # What never changes says nothing.
        scale = np.where(deviation > 1e-6 * np.abs(mean) + 1e-12, deviation, 1)
        return cls(mean.astype(np.float32), scale.astype(np.float32), motion, noise, speed)

    def encode(self, tokens: Any) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`; `tokens` is an array (T, F).

        Raises
        ------
        InputError
            If it has another number of features than the model.
        """
        features = _features(tokens)
        _check(tokens, features, len(self.mean) // (self.motion + 1), "the model")
        return _encoded((with_motion(features, self.motion) - self.mean) / self.scale)

    def vary(self, encoded: TokenFeatures, rng: np.random.Generator) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`: noise, and another speed."""
        features = encoded.features
        if self.speed:
            low, high = np.log1p(-self.speed), -np.log1p(-self.speed)
            features = play(features, float(np.exp(rng.uniform(low, high))))
        if self.noise:
            features = features + rng.normal(0, self.noise, features.shape).astype(np.float32)
        return _encoded(features)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """See :class:`dnatag.tasks.features.Featurizer`."""
        return {
            "mean": self.mean,
            "scale": self.scale,
            "motion": np.array([self.motion], np.int32),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> FrameFeaturizer:
        """Inverse of :meth:`to_arrays`."""
        motion = int(arrays["motion"][0])
        mean, scale = arrays["mean"], arrays["scale"]
        if mean.shape != scale.shape or motion < 0 or len(mean) % (motion + 1):
            raise ValueError("means and deviations of features do not fit")
        return cls(mean, scale, motion)


def with_motion(features: np.ndarray, motion: int) -> np.ndarray:
    """Add the change of features over 1 to `motion` frames, zero where there is no frame before.

    Examples
    --------
    >>> import numpy as np
    >>> with_motion(np.array([[1.0], [3.0], [4.0]]), 2).tolist()
    [[1.0, 0.0, 0.0], [3.0, 2.0, 0.0], [4.0, 1.0, 3.0]]
    """
    parts = [features]
    for frames in range(1, motion + 1):
        change = np.zeros_like(features)
        change[frames:] = features[frames:] - features[:-frames]
        parts.append(change)
    return np.concatenate(parts, 1)


def play(features: np.ndarray, speed: float) -> np.ndarray:
    """Return features at another speed: (T, F) to (about T / speed, F), by interpolation.

    Examples
    --------
    >>> import numpy as np
    >>> play(np.array([[0.0], [1.0], [2.0]]), 0.5).ravel().round(3).tolist()
    [0.0, 0.4, 0.8, 1.2, 1.6, 2.0]
    """
    length = max(round(len(features) / speed), 1)
    place = np.linspace(0, len(features) - 1, length)
    first = np.minimum(place.astype(int), max(len(features) - 2, 0))
    share = (place - first)[:, None].astype(features.dtype)
    second = np.minimum(first + 1, len(features) - 1)
    mixed: np.ndarray = features[first] * (1 - share) + features[second] * share
    return mixed


def _features(sequence: Any) -> np.ndarray:
    return np.asarray(getattr(sequence, "features", sequence), np.float32)


def _check(sequence: Any, features: np.ndarray, wanted: int, whose: str) -> None:
    if features.ndim != 2 or features.shape[1] != wanted:
        raise InputError(
            f"{getattr(sequence, 'where', 'a sequence')}: has {features.shape[-1]} features in a "
            f"frame, {whose} {wanted}"
        )


def _encoded(features: np.ndarray) -> TokenFeatures:
    n = len(features)
    return TokenFeatures(
        np.zeros((n, 0), np.int32), features.astype(np.float32), np.zeros((n, 1), np.int32)
    )

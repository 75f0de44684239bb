"""Frames as numbers: standardised features and their changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from dnatag.errors import InputError
from dnatag.formats.arrays import Frames, checked
from dnatag.tasks.features import TokenFeatures, random_factor

__all__ = ["FrameFeaturizer", "means", "play", "shares", "with_motion"]


class FrameFeaturizer:
    """Encodes sequences of features, see :class:`dnatag.tasks.features.Featurizer`.

    Parameters
    ----------
    mean, scale : numpy.ndarray
        float32, mean and standard deviation of features, their changes and their means.
    motion : int
        Changes over 1 to so many frames enter beside the features.
    around : int
        The means over so many frames on either side enter as well; 0 for none.
    noise : float
        Standard deviation of noise in training.
    speed : float
        Largest change of speed in training, as a share.
    softmax : float
        Features are scores of classes, and the softmax of them, multiplied by this, enters; 0 for
        features as they are.
    """

    in_context = True

    def __init__(
        self,
        mean: np.ndarray,
        scale: np.ndarray,
        motion: int = 0,
        around: int = 0,
        noise: float = 0.0,
        speed: float = 0.0,
        softmax: float = 0.0,
    ) -> None:
        self.mean = mean
        self.scale = scale
        self.motion = motion
        self.around = around
        self.noise = noise
        self.speed = speed
        self.softmax = softmax

    @classmethod
    def fit(
        cls,
        sequences: Iterable[Any],
        motion: int = 0,
        around: int = 0,
        noise: float = 0.0,
        speed: float = 0.0,
        softmax: float = 0.0,
    ) -> FrameFeaturizer:
        """Know means and deviations of sequences, (T, F) each.

        Raises
        ------
        InputError
            If one is no matrix of finite numbers, or they have different numbers of features.
        """
        count, total, squares = 0, np.zeros(0), np.zeros(0)
        copies = _copies(motion, around)
        for sequence in sequences:
            features = _features(sequence)
            if not count:
                total = np.zeros(features.shape[1] * copies)
                squares = total.copy()
            _check(sequence, features, len(total) // copies, "the first one")
            moved = _seen(features, motion, around, softmax).astype(float)
            count += len(moved)
            total += moved.sum(0)
            squares += (moved**2).sum(0)
        mean = total / max(count, 1)
        deviation = np.sqrt(np.maximum(squares / max(count, 1) - mean**2, 0))
        # What never changes says nothing.
        scale = np.where(deviation > 1e-6 * np.abs(mean) + 1e-12, deviation, 1)
        mean, scale = mean.astype(np.float32), scale.astype(np.float32)
        return cls(mean, scale, motion, around, noise, speed, softmax)

    def encode(self, tokens: Any) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`; `tokens` is an array (T, F).

        Raises
        ------
        InputError
            If it is no matrix of finite numbers, has no frames, or has another number of features
            than the model.
        """
        features = _features(tokens)
        _check(tokens, features, len(self.mean) // _copies(self.motion, self.around), "the model")
        seen = _seen(features, self.motion, self.around, self.softmax)
        return _encoded((seen - self.mean) / self.scale)

    def vary(self, encoded: TokenFeatures, rng: np.random.Generator) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`: noise, and another speed."""
        features = encoded.features
        if self.speed:
            features = play(features, random_factor(self.speed, rng))
        if self.noise:
            features = features + rng.normal(0, self.noise, features.shape).astype(np.float32)
        return _encoded(features)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """See :class:`dnatag.tasks.features.Featurizer`."""
        return {
            "mean": self.mean,
            "scale": self.scale,
            "context": np.array([self.motion, self.around], np.int32),
            "softmax": np.array([self.softmax], np.float32),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> FrameFeaturizer:
        """Inverse of :meth:`to_arrays`."""
        motion, around = map(int, arrays["context"])
        # Models that know of none are older.
        softmax = float(arrays["softmax"][0]) if "softmax" in arrays else 0.0
        mean, scale = arrays["mean"], arrays["scale"]
        if (
            mean.shape != scale.shape
            or min(motion, around, softmax) < 0
            or len(mean) % _copies(motion, around)
        ):
            raise ValueError("means and deviations of features do not fit")
        return cls(mean, scale, motion, around, softmax=softmax)


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


def means(features: np.ndarray, around: int) -> np.ndarray:
    """Return the means of features over so many frames on either side, as far as there are any.

    Examples
    --------
    >>> import numpy as np
    >>> means(np.array([[0.0], [1.0], [5.0]]), 1).ravel().tolist()
    [0.5, 2.0, 3.0]
    """
    n = len(features)
    sums = np.zeros((n + 1, features.shape[1]))
    np.cumsum(features, 0, out=sums[1:], dtype=float)
    low = np.clip(np.arange(n) - around, 0, None)
    high = np.clip(np.arange(n) + around + 1, None, n)
    found: np.ndarray = (sums[high] - sums[low]) / (high - low)[:, None]
    return found.astype(features.dtype)


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


def shares(scores: np.ndarray, softmax: float) -> np.ndarray:
    """Return the softmax of the scores of each frame, multiplied by a number.

    Examples
    --------
    >>> import numpy as np
    >>> shares(np.log([[1.0, 3.0], [2.0, 2.0]]), 2).round(3).tolist()
    [[0.1, 0.9], [0.5, 0.5]]
    """
    powers = np.exp(softmax * (scores - scores.max(1, keepdims=True)))
    found: np.ndarray = powers / powers.sum(1, keepdims=True)
    return found


def _seen(features: np.ndarray, motion: int, around: int, softmax: float) -> np.ndarray:
    """Return features with their changes and means."""
    features = shares(features, softmax) if softmax else features
    moved = with_motion(features, motion)
    return np.concatenate([moved, means(features, around)], 1) if around else moved


def _copies(motion: int, around: int) -> int:
    """Return how many numbers there are of each feature."""
    return motion + 1 + (around > 0)


def _features(sequence: Any) -> np.ndarray:
    """Return the features of a sequence; those of a file are known to be good."""
    if isinstance(sequence, Frames):
        return sequence.features
    try:
        array = np.asanyarray(sequence)  # masks stay
    except ValueError as error:  # rows of different lengths
        raise InputError(f"a sequence: is no matrix of numbers: {error}") from None
    return checked(array, "a sequence")


def _check(sequence: Any, features: np.ndarray, wanted: int, whose: str) -> None:
    if features.shape[1] != wanted:
        raise InputError(
            f"{getattr(sequence, 'where', 'a sequence')}: has {features.shape[-1]} features in a "
            f"frame, {whose} {wanted}"
        )


def _encoded(features: np.ndarray) -> TokenFeatures:
    n = len(features)
    return TokenFeatures(
        np.zeros((n, 0), np.int32), features.astype(np.float32), np.zeros((n, 1), np.int32)
    )

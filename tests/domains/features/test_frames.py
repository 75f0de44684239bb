"""Features as the network sees them."""

from __future__ import annotations

import numpy as np
import pytest

from dnatag.domains.features.frames import FrameFeaturizer, play, with_motion
from dnatag.errors import InputError
from dnatag.formats.arrays import Frames


def some(number: int = 20) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.normal([3, -1, 0], [2, 0.1, 0], (rng.integers(1, 30), 3)) for _ in range(number)]


@pytest.mark.parametrize(("motion", "around"), [(0, 0), (1, 0), (3, 2), (0, 100)])
def test_they_are_standardised(motion: int, around: int) -> None:
    sequences = some()
    featurizer = FrameFeaturizer.fit(sequences, motion, around)
    copies = motion + 1 + (around > 0)
    encoded = np.concatenate([featurizer.encode(s).features for s in sequences])
    assert encoded.shape[1] == 3 * copies
    np.testing.assert_allclose(encoded.mean(0), 0, atol=1e-3)
    # What never changes stays zero.
    expected = [1.0, 1.0, 0.0] * copies
    np.testing.assert_allclose(encoded.std(0), expected, atol=1e-3)
    again = FrameFeaturizer.from_arrays(featurizer.to_arrays())
    assert np.array_equal(again.encode(sequences[0]).features, encoded[: len(sequences[0])])


def test_short_sequences_have_no_motion() -> None:
    assert with_motion(np.ones((1, 2)), 3).tolist() == [[1, 1] + [0] * 6]
    assert with_motion(np.zeros((0, 2)), 1).shape == (0, 4)


@pytest.mark.parametrize("speed", [0.5, 0.9, 1.0, 1.7, 40])
def test_speed(speed: float) -> None:
    """A straight line stays one, from its first to its last point."""
    line = np.linspace(0, 10, 21)[:, None]
    played = play(line, speed)
    assert len(played) == max(round(21 / speed), 1)
    np.testing.assert_allclose(played[:, 0], np.linspace(0, 10, len(played)), atol=1e-6)


def test_variation() -> None:
    sequence = some()[0]
    plain = FrameFeaturizer.fit([sequence])
    encoded = plain.encode(sequence)
    assert np.array_equal(plain.vary(encoded, np.random.default_rng(1)).features, encoded.features)
    varied = FrameFeaturizer.fit([sequence], noise=0.1, speed=0.3)
    lengths = [len(varied.vary(encoded, np.random.default_rng(i))) for i in range(50)]
    assert (
        0.69 * len(sequence) <= min(lengths) < len(sequence) < max(lengths) <= len(sequence) / 0.69
    )


def test_another_number_of_features() -> None:
    featurizer = FrameFeaturizer.fit(some())
    with pytest.raises(InputError, match=r"a\.npy: has 2 features in a frame, the model 3"):
        featurizer.encode(Frames("a", np.zeros((4, 2), np.float32), where="a.npy"))
    with pytest.raises(InputError, match="a sequence: has 4 features in a frame, the first one 3"):
        FrameFeaturizer.fit([np.zeros((1, 3)), np.zeros((1, 4))])


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        (np.full((4, 3), np.nan), "has numbers that are not finite"),
        (np.full((4, 3), 1e300), "has numbers that are not finite"),
        (np.zeros((0, 3)), "has no frames"),
        (np.ma.masked_greater(np.eye(3), 0.5), "has numbers that are masked"),
        (np.array([["a", "b", "c"]]), "must be a matrix of numbers"),
        ([[1.0, 2.0, 3.0], [1.0]], "is no matrix of numbers"),
        (np.zeros(3), "must be a matrix of numbers"),
        ("x", "must be a matrix of numbers"),
        (None, "must be a matrix of numbers"),
    ],
)
def test_what_is_no_sequence(sequence: object, message: str) -> None:
    featurizer = FrameFeaturizer.fit(some())
    with pytest.raises(InputError, match=f"a sequence: {message}"):
        featurizer.encode(sequence)


def test_scores_of_classes_compete() -> None:
    """Whatever is added to all scores of a frame, or however far apart they lie, shares add up."""
    sequences = [3 * one + np.arange(len(one))[:, None] for one in some()]
    featurizer = FrameFeaturizer.fit(sequences, softmax=2.0)
    shares = featurizer.encode(sequences[1]).features * featurizer.scale + featurizer.mean
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    other = featurizer.encode(sequences[1] + 1000).features
    np.testing.assert_allclose(other, featurizer.encode(sequences[1]).features, atol=1e-2)
    again = FrameFeaturizer.from_arrays(featurizer.to_arrays())
    assert again.softmax == 2
    older = {name: x for name, x in featurizer.to_arrays().items() if name != "softmax"}
    assert FrameFeaturizer.from_arrays(older).softmax == 0

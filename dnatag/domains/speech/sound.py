"""Sound as numbers: log-mel filterbanks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dnatag.domains.speech.settings import SpeechNetwork
from dnatag.errors import InputError
from dnatag.extras import require
from dnatag.formats.audio import Recording, read_audio, samples_of
from dnatag.tasks.features import TokenFeatures

__all__ = ["MelFeaturizer", "filterbank"]

#: Frames of a second, and the shortest recording in seconds: of less, its own mean, which is
#: subtracted, leaves nothing.
FRAMES, SHORTEST = 100, 0.1
#: The longest stretches that are masked, in frames and as a share of the bands.
LONGEST, WIDEST = 20, 0.2
#: The lowest log energy, so that silence has one.
_FLOOR = -16.0
_MINUTE = 60
#: How much lower than that of the recordings to train on a mean log energy may be to be subtracted:
#: what is quieter still is silence, and stays so.
_QUIETER = 3.0
#: A band that is quieter than the median band by more than this, beside the recordings to train on,
#: was cut off: by a lower rate, or by a codec.
_CUT = 6.0
#: Frames whose mean log energy is less than this above the lowest are digital silence: put there or
#: muted, no sound of a room.
_MUTED = 1.0


class MelFeaturizer:
    """Encodes recordings, see :class:`dnatag.tasks.ctc.domain.SoundFeaturizer`.

    The mean of each band over a recording is subtracted, which takes away what the microphone and
    the distance do. Bands that a recording lacks are at their mean, as masks in training are, and
    digital silence is as loud as the quietest frames.

    Parameters
    ----------
    mean, scale : numpy.ndarray
        float32 (mels,), mean log energy of each band in the recordings to train on, and standard
        deviation.
    network : SpeechNetwork
        Rate, bands, and what training does to them.
    """

    in_context = True
    frames = float(FRAMES)

    def __init__(self, mean: np.ndarray, scale: np.ndarray, network: SpeechNetwork) -> None:
        self.mean = mean
        self.scale = scale
        self.network = network

    @property
    def seconds(self) -> float:
        """Duration of what the network reads at a time."""
        return self.network.stack / FRAMES

    @classmethod
    def fit(cls, recordings: Iterable[Recording], network: SpeechNetwork) -> MelFeaturizer:
        """Know the deviations of the bands of recordings."""
        count = 0
        total, squares = np.zeros(network.mels), np.zeros(network.mels)
        for recording in recordings:
            samples = samples_of(recording, network.rate)
            features = filterbank(samples, network.rate, network.mels).astype(float)
            mean = features.mean(0)
            total += len(features) * mean
            squares += ((features - mean) ** 2).sum(0)
            count += len(features)
        scale = np.sqrt(squares / max(count, 1))
        scale = np.where(scale > 0, scale, 1)
        return cls((total / max(count, 1)).astype(np.float32), scale.astype(np.float32), network)

    def encode(self, tokens: Any) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`; frames of 10 ms.

        Parameters
        ----------
        tokens
            A :class:`dnatag.formats.audio.Recording`, the path of an audio file, or samples from
            -1 to 1 at the network's rate.

        Raises
        ------
        InputError
            If a recording cannot be read, or is too short.
        DnatagError
            If a library is not installed.
        """
        rate = self.network.rate
        if isinstance(tokens, str | Path):
            (tokens,) = read_audio(tokens)
        known = isinstance(tokens, Recording)
        samples = samples_of(tokens, rate) if known else np.asarray(tokens)
        where = tokens.where if known else "the samples"
        if samples.ndim != 1:
            raise InputError(f"{where}: give one channel of samples, not an array {samples.shape}")
        if len(samples) < SHORTEST * rate:
            raise InputError(
                f"{where}: only {1000 * len(samples) / rate:.1f} ms of sound, too short to hear "
                f"anything; give {1000 * SHORTEST:.0f} ms at least"
            )
        mels = filterbank(samples, rate, self.network.mels)
        muted = mels.mean(1) < _FLOOR + _MUTED
        heard = mels[~muted] if not muted.all() else mels
        mels[muted] = np.percentile(heard, 5, axis=0)
        own = heard.mean(0)
        features = (mels - np.maximum(own, self.mean - _QUIETER)) / self.scale
        quieter = self.mean - own
        features[:, quieter > np.median(quieter) + _CUT] = 0
        return _encoded(features)

    def stack(self, encoded: TokenFeatures, first: int = 0) -> TokenFeatures:
        """See :class:`dnatag.tasks.ctc.domain.SoundFeaturizer`."""
        size = self.network.stack
        features = encoded.features[min(first % size, len(encoded) - 1) :]
        missing = -len(features) % size
        whole = np.pad(features, ((0, missing), (0, 0)))
        return _encoded(whole.reshape(len(whole) // size, -1))

    def vary(self, encoded: TokenFeatures, rng: np.random.Generator) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`: another speed, noise, and masks."""
        own, features = self.network, encoded.features
        if own.speed:
            reach = -np.log1p(-own.speed)
            features = _play(features, float(np.exp(rng.uniform(-reach, reach))))
        if own.noise:
            features = features + rng.normal(0, own.noise, features.shape)
        features = features.astype(np.float32)
        for _ in range(own.masks):
            low, high = _stretch(len(features), LONGEST, rng)
            features[low:high] = 0
            low, high = _stretch(own.mels, int(WIDEST * own.mels), rng)
            features[:, low:high] = 0
        return _encoded(features)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """See :class:`dnatag.tasks.features.Featurizer`."""
        own = self.network
        sound = np.array([own.rate, own.mels, own.stack], np.int32)
        return {"mean": self.mean, "scale": self.scale, "sound": sound}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> MelFeaturizer:
        """Inverse of :meth:`to_arrays`."""
        rate, mels, stack = map(int, arrays["sound"])
        mean, scale = arrays["mean"], arrays["scale"]
        if not mean.shape == scale.shape == (mels,) or not (stack > 0 and 4000 <= rate <= 48000):
            raise ValueError("rate, bands and deviations do not fit")
        return cls(mean, scale, SpeechNetwork(rate=rate, mels=mels, stack=stack))


def filterbank(samples: np.ndarray, rate: int, mels: int) -> np.ndarray:
    """Return the log-mel energies of frames of 25 ms, every 10 ms.

    Parameters
    ----------
    samples : numpy.ndarray
        float32 (samples,), from -1 to 1, at least one.
    rate : int
        Samples per second.
    mels : int
        Number of bands.

    Returns
    -------
    numpy.ndarray
        float32 (frames, mels), at least one frame.

    Raises
    ------
    DnatagError
        If kaldi-native-fbank is not installed.
    """
    knf = require("kaldi_native_fbank", "speech", "a recording")
    options = knf.FbankOptions()
    options.frame_opts.samp_freq = rate
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = mels
    bank = knf.OnlineFbank(options)
    # It wants half a frame at least.
    short = max(rate // 50 - len(samples), 0)
    samples = np.pad(samples, (0, short))
    parts, done = [], 0
    # It takes lists, which are large.
    for first in range(0, len(samples), _MINUTE * rate):
        bank.accept_waveform(rate, samples[first : first + _MINUTE * rate].tolist())
        if first + _MINUTE * rate >= len(samples):
            bank.input_finished()
        ready = bank.num_frames_ready
        frames = [bank.get_frame(i) for i in range(done, ready)]
        parts.append(np.array(frames, np.float32).reshape(-1, mels))
        done = ready
    energies: np.ndarray = np.maximum(np.concatenate(parts), _FLOOR)
    return energies


def _stretch(length: int, longest: int, rng: np.random.Generator) -> tuple[int, int]:
    """Draw a stretch of a length, of a fifth of it at most."""
    size = int(rng.integers(0, min(longest, length // 5) + 1))
    first = int(rng.integers(0, length - size + 1))
    return first, first + size


def _play(features: np.ndarray, speed: float) -> np.ndarray:
    """Return frames at another speed, by interpolation."""
    place = np.linspace(0, len(features) - 1, max(round(len(features) / speed), 1))
    first = place.astype(int)
    second = np.minimum(first + 1, len(features) - 1)
    share = (place - first)[:, None]
    mixed: np.ndarray = features[first] * (1 - share) + features[second] * share
    return mixed


def _encoded(features: np.ndarray) -> TokenFeatures:
    n = len(features)
    return TokenFeatures(
        np.zeros((n, 0), np.int32), features.astype(np.float32), np.zeros((n, 1), np.int32)
    )

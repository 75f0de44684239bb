"""Sound as numbers: log-mel filterbanks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from dnatag.domains.speech.settings import SpeechNetwork
from dnatag.errors import InputError
from dnatag.extras import require
from dnatag.formats.audio import Recording, read_audio, samples_of
from dnatag.tasks.features import TokenFeatures, random_factor

__all__ = ["MelFeaturizer", "filterbank", "warp"]

#: Frames of a second, and the shortest recording in seconds: of less, its own mean, which is
#: subtracted, leaves nothing.
FRAMES, SHORTEST = 100, 0.1
#: The longest stretches that are masked, in frames and as a share of the bands.
LONGEST, WIDEST = 20, 0.2
#: How much quieter than the loudest tenth of a recording the noise of a background may be, the
#: difference of its highest band from the lowest, and how its frames differ; in nats.
QUIETEST, TILT, FLUCTUATION = 8.0, 3.0, 0.3
#: The longest pause between recordings that are joined, in seconds, and how far these are apart in
#: loudness and in the shape of their bands, in nats.
LONGEST_PAUSE, _APART = 4.0, 0.7
#: The lowest log energy, so that silence has one: below the noise of 16 bits.
_FLOOR = -16.0
#: What the filterbank is given, so that its own lowest energy is far below that: 16-bit numbers.
_FULL_SCALE = 32768.0
#: The loudest frames are lifted to this above the mean of the recordings to train on, in nats: of
#: quieter ones the softest sounds would be below the lowest energy.
_LOUD = 3.0
_MINUTE = 60
#: The mel scale of the filterbank: the logarithm of 1 + frequency / 700 Hz, from 20 Hz on.
_MEL, _KNEE, _LOWEST = 1127.0, 700.0, 20.0
#: Where the loudness of frames differs by less than this, in nats, nothing is said: it is silence
#: or noise. Its mean is subtracted at most so much below that of the recordings to train on: what
#: is quieter still stays quiet.
_FLAT, _QUIETER = 2.5, 3.0
#: Frames further from loud ones than this are a pause, whose noise does not count for the mean.
_NEAR = 100
#: A band that is quieter than the median band by more than this, beside the recordings to train on,
#: was cut off: by a lower rate, or by a codec.
_CUT = 6.0
#: Frames whose mean log energy is less than this above the lowest are digital silence: put there or
#: muted, no sound of a room.
_MUTED = 1.0


class MelFeaturizer:
    """Encodes recordings, see :class:`dnatag.tasks.ctc.domain.SoundFeaturizer`.

    The mean of each band over a recording is subtracted, which takes away what the microphone and
    the distance do; that of a short one is also of what is said in it, and may be shrunk towards
    the mean over the recordings to train on, as a maximum a posteriori estimate is. Bands that a
    recording lacks are at their mean, as masks in training are, and digital silence is as loud as
    the quietest frames.

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
            energies = filterbank(samples, network.rate, network.mels)
            features = np.maximum(energies, _FLOOR).astype(float)
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
            If a recording cannot be read, is too short, or is none.
        DnatagError
            If a library is not installed.
        """
        rate = self.network.rate
        if isinstance(tokens, str | Path):
            (tokens,) = read_audio(tokens)
        known = isinstance(tokens, Recording)
        samples = samples_of(tokens, rate) if known else _given(tokens)
        where = tokens.where if known else "the samples"
        if len(samples) < SHORTEST * rate:
            raise InputError(
                f"{where}: only {1000 * len(samples) / rate:.1f} ms of sound, too short to hear "
                f"anything; give {1000 * SHORTEST:.0f} ms at least"
            )
        mels = _audible(filterbank(samples, rate, self.network.mels), float(self.mean.mean()))
        muted = mels.mean(1) < _FLOOR + _MUTED
        heard = mels[~muted] if not muted.all() else mels
        mels[muted] = np.percentile(heard, 5, axis=0)
        voiced = _voiced(heard.mean(1))
        said = heard[voiced] if voiced.any() else heard
        quieter = self.mean - said.mean(0)
        mean = self.mean - self._shrunk(quieter, len(said))
        if not voiced.any():
            mean = np.maximum(mean, self.mean - _QUIETER)
        features = (mels - mean) / self.scale
        features[:, quieter > np.median(quieter) + _CUT] = 0
        return _encoded(features)

    def _shrunk(self, difference: np.ndarray, frames: int) -> np.ndarray:
        """Shrink the difference of a mean over frames from the usual one, but for its loudness."""
        share = frames / (frames + self.network.mean_prior * FRAMES)
        shrunk: np.ndarray = share * difference + (1 - share) * difference.mean()
        return shrunk

    def stack(self, encoded: TokenFeatures, first: int = 0) -> TokenFeatures:
        """See :class:`dnatag.tasks.ctc.domain.SoundFeaturizer`."""
        size = self.network.stack
        features = encoded.features[min(first % size, len(encoded) - 1) :]
        missing = -len(features) % size
        whole = np.pad(features, ((0, missing), (0, 0)))
        return _encoded(whole.reshape(len(whole) // size, -1))

    def vary(self, encoded: TokenFeatures, rng: np.random.Generator) -> TokenFeatures:
        """See :class:`dnatag.tasks.features.Featurizer`: speed, frequencies, noises, and masks."""
        own, features = self.network, encoded.features
        if own.speed:
            features = _play(features, random_factor(own.speed, rng))
        if own.warp:
            features = warp(features, random_factor(own.warp, rng), own.rate)
        if own.channel:
            features = features + _curve(own.mels, own.channel, rng) / self.scale
        if own.background and rng.random() < own.background:
            features = self._in_background(features, rng)
        if own.noise:
            features = features + rng.normal(0, own.noise, features.shape)
        features = features.astype(np.float32)
        for _ in range(own.masks):
            low, high = _stretch(len(features), LONGEST, rng)
            features[low:high] = 0
            low, high = _stretch(own.mels, int(WIDEST * own.mels), rng)
            features[:, low:high] = 0
        return _encoded(features)

    def join(self, encoded: Sequence[TokenFeatures], rng: np.random.Generator) -> TokenFeatures:
        """See :class:`dnatag.tasks.ctc.domain.SoundFeaturizer`.

        A pause is as quiet as what lies around it; speakers differ in loudness and in how the
        microphone hears them, as they do where a mean over both is subtracted.
        """
        offsets = [rng.normal(0, _APART) + _curve(self.network.mels, _APART, rng) for _ in encoded]
        middle = np.mean(offsets, axis=0)
        parts = [
            e.features + (o - middle) / self.scale for e, o in zip(encoded, offsets, strict=True)
        ]
        joined = parts[:1]
        for before, behind in pairwise(parts):
            for side in (before, behind):
                frames = int(rng.uniform(0, LONGEST_PAUSE / 2) * FRAMES)
                noise = rng.normal(0, FLUCTUATION, (frames, self.network.mels)) / self.scale
                joined.append(np.percentile(side, 5, axis=0) + noise)
            joined.append(behind)
        return _encoded(np.concatenate(joined))

    def _in_background(self, features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Add a steady noise of a random level and tilt, and take its mean away again."""
        logs = features * self.scale
        level = np.percentile(logs.mean(1), 90) - rng.uniform(0, QUIETEST)
        tilt = rng.uniform(-TILT, TILT) * np.linspace(-0.5, 0.5, features.shape[1])
        noise = level + tilt + rng.normal(0, FLUCTUATION, features.shape)
        noisy = np.logaddexp(logs, noise)
        louder = self._shrunk(noisy.mean(0) - logs.mean(0), len(features))
        heard: np.ndarray = (noisy - louder) / self.scale
        return heard

    def to_arrays(self) -> dict[str, np.ndarray]:
        """See :class:`dnatag.tasks.features.Featurizer`."""
        own = self.network
        sound = np.array([own.rate, own.mels, own.stack], np.int32)
        prior = np.array([own.mean_prior], np.float32)
        return {"mean": self.mean, "scale": self.scale, "sound": sound, "mean_prior": prior}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> MelFeaturizer:
        """Inverse of :meth:`to_arrays`."""
        rate, mels, stack = map(int, arrays["sound"])
        mean, scale = arrays["mean"], arrays["scale"]
        # Models that know of none are older.
        prior = float(arrays["mean_prior"][0]) if "mean_prior" in arrays else 0.0
        if (
            not mean.shape == scale.shape == (mels,)
            or not (stack > 0 and 4000 <= rate <= 48000)
            or not prior >= 0
        ):
            raise ValueError("rate, bands and deviations do not fit")
        own = SpeechNetwork(rate=rate, mels=mels, stack=stack, mean_prior=prior)
        return cls(mean, scale, own)


def _given(samples: Any) -> np.ndarray:
    """Take samples of a caller of Python, numbers of shape (samples,)."""
    try:
        found = np.asarray(samples)
    except ValueError:
        found = np.empty(0, object)  # lists of different lengths
    if not found.ndim or found.dtype.kind not in "fiu":
        raise InputError(
            f"cannot transcribe a {type(samples).__name__}: give the path of an audio file, or its "
            "samples (an array of numbers)"
        )
    if found.ndim != 1:
        raise InputError(f"the samples: give one channel of samples, not an array {found.shape}")
    if not np.isfinite(found).all():
        raise InputError("the samples: some are not finite")
    return found


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
    samples = np.pad(samples * np.float32(_FULL_SCALE), (0, short))
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
    energies: np.ndarray = np.concatenate(parts) - np.float32(2 * np.log(_FULL_SCALE))
    return energies


def _audible(energies: np.ndarray, usual: float) -> np.ndarray:
    """Lift the log energies of quiet speech, and all to the lowest one; noise stays quiet.

    Parameters
    ----------
    energies : numpy.ndarray
        (frames, mels), see :func:`filterbank`.
    usual : float
        Their mean in the recordings to train on.
    """
    loudness = energies.mean(1)
    sounding = loudness[loudness > 2 * _FLOOR]  # digital silence is not the quiet of a room
    low, high = np.percentile(sounding, (5, 99)) if len(sounding) else (_FLOOR, _FLOOR)
    spoken = high - low >= _FLAT and high >= _FLOOR + _MUTED
    lift = max(usual + _LOUD - high, 0) if spoken else 0.0
    audible: np.ndarray = np.maximum(energies + lift, _FLOOR)
    return audible


def _voiced(loudness: np.ndarray) -> np.ndarray:
    """Return which frames are loud or near to loud ones; none, if all are about as loud."""
    low, high = np.percentile(loudness, (5, 99))
    if high - low < _FLAT:
        return np.zeros(len(loudness), bool)
    loud = np.flatnonzero(loudness > (low + high) / 2)
    change = np.zeros(len(loudness) + 1, np.int64)
    np.add.at(change, np.maximum(loud - _NEAR, 0), 1)
    np.add.at(change, np.minimum(loud + _NEAR + 1, len(loudness)), -1)
    voiced: np.ndarray = change.cumsum()[:-1] > 0
    return voiced


def warp(features: np.ndarray, factor: float, rate: int) -> np.ndarray:
    """Multiply the frequencies of what is heard: a longer or shorter vocal tract speaks.

    That is vocal tract length perturbation (Jaitly and Hinton 2013), by interpolation between the
    bands of a filterbank.

    Parameters
    ----------
    features : numpy.ndarray
        (frames, mels), of the bands of :func:`filterbank`.
    factor : float
        What frequencies are multiplied by.
    rate : int
        Samples per second.

    Returns
    -------
    numpy.ndarray
        (frames, mels); at the edge the outermost band is repeated.
    """
    mels = features.shape[1]
    low, high = _MEL * np.log1p(np.array([_LOWEST, rate / 2]) / _KNEE)
    step = (high - low) / (mels + 1)
    centres = low + step * np.arange(1, mels + 1)
    # Each band hears what was at a lower or higher frequency.
    heard = _MEL * np.log1p(np.expm1(centres / _MEL) / factor)
    return _between(features.T, np.clip((heard - low) / step - 1, 0, mels - 1)).T


def _curve(mels: int, size: float, rng: np.random.Generator) -> np.ndarray:
    """Draw how a microphone hears the bands: the first cosines, the slowest the strongest."""
    place = (np.arange(mels) + 0.5) / mels
    waves = [rng.normal(0, size / (k + 1)) * np.cos(np.pi * k * place) for k in (1, 2, 3)]
    curve: np.ndarray = np.sum(waves, axis=0)
    return curve


def _stretch(length: int, longest: int, rng: np.random.Generator) -> tuple[int, int]:
    """Draw a stretch of a length, of a fifth of it at most."""
    size = int(rng.integers(0, min(longest, length // 5) + 1))
    first = int(rng.integers(0, length - size + 1))
    return first, first + size


def _play(features: np.ndarray, speed: float) -> np.ndarray:
    """Return frames at another speed, by interpolation."""
    return _between(
        features, np.linspace(0, len(features) - 1, max(round(len(features) / speed), 1))
    )


def _between(features: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the rows at places between 0 and the last one, by interpolation."""
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

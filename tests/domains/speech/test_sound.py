"""Filterbanks and what training does to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnatag.domains.speech import sound
from dnatag.domains.speech.settings import SpeechNetwork
from dnatag.domains.speech.sound import MelFeaturizer, filterbank, warp
from dnatag.errors import InputError

pytest.importorskip("kaldi_native_fbank")

RATE = 8000
NETWORK = SpeechNetwork(rate=RATE, mels=20, stack=3)


def tone(frequency: float, seconds: float) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(int(RATE * seconds)) / RATE).astype(np.float32)


def featurizer(**changes: float) -> MelFeaturizer:
    network = replace(NETWORK, **changes)  # type: ignore[arg-type]
    return MelFeaturizer(np.full(20, -8, np.float32), np.full(20, 2, np.float32), network)


def test_a_tone_is_in_its_band() -> None:
    low, high = (filterbank(tone(f, 0.5), RATE, 20).mean(0).argmax() for f in (300, 3000))
    assert low < high
    assert filterbank(tone(300, 0.5), RATE, 20).shape == (50, 20)


def test_parts_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, 3 * RATE + 77).astype(np.float32)
    whole = filterbank(samples, RATE, 20)
    monkeypatch.setattr(sound, "_MINUTE", 1)
    assert np.array_equal(filterbank(samples, RATE, 20), whole)


@pytest.mark.parametrize("samples", [1, 30, 100])
def test_a_few_samples_are_a_frame(samples: int) -> None:
    assert len(filterbank(np.zeros(samples, np.float32), RATE, 20)) >= 1


def test_what_is_too_short_to_hear() -> None:
    assert len(featurizer().encode(tone(500, 0.1))) >= 1
    with pytest.raises(InputError, match=r"the samples: only 1.2 ms of sound, too short"):
        featurizer().encode(np.zeros(10, np.float32))
    with pytest.raises(InputError, match="one channel"):
        featurizer().encode(np.zeros((RATE, 2), np.float32))


@pytest.mark.parametrize(
    ("given", "message"),
    [(None, "cannot transcribe a NoneType: give the path of an audio file, or its samples"),
     (5, "cannot transcribe a int"), (b"x", "cannot transcribe a bytes"),
     (["a"] * RATE, "cannot transcribe a list"), ([[1.0], [1.0, 2.0]], "cannot transcribe a list"),
     (np.full(RATE, np.nan), "the samples: some are not finite"),
     (np.full(RATE, np.inf), "the samples: some are not finite")],
)  # fmt: skip
def test_what_are_no_samples(given: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        featurizer().encode(given)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_by_its_path(kind: type, tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(500, 0.5), RATE, subtype="FLOAT")
    own = featurizer()
    found = own.encode(kind(path)).features
    np.testing.assert_allclose(found, own.encode(tone(500, 0.5)).features, atol=1e-5)
    with pytest.raises(InputError, match=r"none.wav: cannot read"):
        own.encode(kind(tmp_path / "none.wav"))


def test_loudness_does_not_matter_but_silence_stays_silent() -> None:
    own = featurizer()
    samples = tone(500, 1) * np.hanning(RATE).astype(np.float32)
    samples += np.random.default_rng(1).normal(0, 0.01, RATE).astype(np.float32)
    one, two = (own.encode(x).features for x in (samples, 0.5 * samples))
    np.testing.assert_allclose(one, two, atol=1e-3)
    assert (own.encode(np.zeros(RATE, np.float32)).features < -1).all()


def test_what_is_quiet_is_heard_and_long_pauses_do_not_count() -> None:
    own, rng = featurizer(), np.random.default_rng(1)
    voice = (rng.normal(0, 0.3, RATE) * np.hanning(RATE)).astype(np.float32)
    noise = rng.normal(0, 1e-2, 30 * RATE).astype(np.float32)
    said = voice + noise[:RATE]
    expected = own.encode(said).features
    # The lowest bands have next to no energy.
    for gain in (0.05, 0.003):
        quiet = own.encode(gain * said).features
        np.testing.assert_allclose(quiet[:, 5:], expected[:, 5:], atol=0.05)
    # Quiet noise by itself stays quiet.
    assert own.encode(0.01 * noise[:RATE]).features.mean() < -0.5
    # Of a long pause no more counts than of a short one.
    short, long = (own.encode(np.append(voice, np.zeros(n * RATE)) + noise[: (n + 1) * RATE])
                   for n in (3, 29))  # fmt: skip
    np.testing.assert_allclose(long.features[30:70], short.features[30:70], atol=0.1)


def test_stacks() -> None:
    own = featurizer()
    encoded = own.encode(tone(500, 0.1))
    assert len(encoded) == 10
    stacked = own.stack(encoded)
    assert stacked.features.shape == (4, 60)
    assert np.array_equal(stacked.features[1], encoded.features[3:6].ravel())
    # The last one is filled up.
    assert not stacked.features[3, 20:].any()
    assert np.array_equal(own.stack(encoded, 1).features[0], encoded.features[1:4].ravel())
    assert own.seconds == 0.03


def test_variation() -> None:
    encoded = featurizer().encode(tone(500, 1.0))
    plain = featurizer(speed=0.0, masks=0, noise=0.0)
    rng = np.random.default_rng(1)
    assert np.array_equal(plain.vary(encoded, rng).features, encoded.features)
    lengths = [len(featurizer(speed=0.2).vary(encoded, rng)) for _ in range(40)]
    assert 79 <= min(lengths) < 100 < max(lengths) <= 126
    masked = featurizer(speed=0.0, masks=2, noise=0.0)
    shares = [(masked.vary(encoded, rng).features == 0).mean() for _ in range(40)]
    assert 0.05 < np.mean(shares) < 0.5
    # What was given is left as it is.
    assert (encoded.features != 0).all()


@pytest.mark.parametrize(("frequency", "factor"), [(500, 1.25), (1000, 1.2), (2500, 0.75)])
def test_warped_frequencies_are_those_of_another_tone(frequency: float, factor: float) -> None:
    found = warp(filterbank(tone(frequency, 0.5), RATE, 40), factor, RATE).mean(0)
    other = filterbank(tone(factor * frequency, 0.5), RATE, 40).mean(0)
    assert abs(int(found.argmax()) - int(other.argmax())) <= 1
    plain = filterbank(tone(frequency, 0.5), RATE, 40)
    np.testing.assert_allclose(warp(plain, 1.0, RATE), plain, rtol=1e-5)


def test_training_warps_up_and_down() -> None:
    own = featurizer(speed=0.0, warp=0.3, masks=0, noise=0.0)
    encoded, rng = own.encode(tone(1000, 0.5)), np.random.default_rng(1)
    peaks = [int(own.vary(encoded, rng).features.mean(0).argmax()) for _ in range(40)]
    assert min(peaks) < int(encoded.features.mean(0).argmax()) < max(peaks)


def test_training_changes_microphones_and_rooms() -> None:
    samples = tone(1000, 0.5) * np.hanning(RATE // 2).astype(np.float32)
    samples += np.random.default_rng(1).normal(0, 1e-3, len(samples)).astype(np.float32)
    plain, rng = featurizer(speed=0.0, masks=0, noise=0.0), np.random.default_rng(1)
    encoded = plain.encode(samples)
    channel = featurizer(speed=0.0, masks=0, noise=0.0, channel=2.0)
    changes = np.array([channel.vary(encoded, rng).features - encoded.features for _ in range(200)])
    # All frames alike, each band on average not at all, neighbouring bands alike.
    np.testing.assert_allclose(changes[:, 1:], changes[:, :-1], atol=1e-4)
    assert np.abs(changes.mean(0)).max() < 0.15 < changes.std(0).max()
    assert np.abs(np.diff(changes)).max() < changes.std() < 3
    # A noise makes what is quiet louder, beside what is loud.
    room = featurizer(speed=0.0, masks=0, noise=0.0, background=1.0)
    spreads = [room.vary(encoded, rng).features.std() for _ in range(40)]
    assert max(spreads) < encoded.features.std() < 3 * min(spreads) + 1


def test_the_mean_of_a_short_recording_is_shrunk() -> None:
    """With a prior, a word in which one band is loud keeps it loud."""
    own, shrunk = featurizer(mean_prior=0.0), featurizer(mean_prior=1.0)
    noise = np.random.default_rng(1).normal(0, 0.01, 40 * RATE).astype(np.float32)
    band = int(filterbank(tone(1000, 0.5), RATE, 20).mean(0).argmax())

    def heard(by: MelFeaturizer, seconds: float, loudness: float = 1.0) -> np.ndarray:
        samples = tone(1000, seconds) + noise[: int(RATE * seconds)]
        features: np.ndarray = by.encode((loudness * samples).astype(np.float32)).features
        return features.mean(0)

    assert abs(heard(own, 0.5)[band]) < 0.1
    assert heard(shrunk, 0.5)[band] > 1
    np.testing.assert_allclose(heard(shrunk, 0.5, 0.5), heard(shrunk, 0.5), atol=0.01)
    assert heard(shrunk, 0.5)[band] > 5 * heard(shrunk, 40)[band] > 0


def test_joined_recordings_have_pauses_as_quiet_as_they_are() -> None:
    own, rng = featurizer(), np.random.default_rng(1)
    parts = [own.encode(tone(frequency, 1.0) * np.hanning(RATE).astype(np.float32))
             for frequency in (500, 1500)]  # fmt: skip
    lengths = []
    for _ in range(30):
        joined = own.join(parts, rng).features
        lengths.append(len(joined) - 200)
        pause = joined[100:-100]
        if len(pause):
            # A recording differs from the other one by what microphones and voices do only.
            quiet = np.concatenate([np.percentile(p.features, 5, axis=0)[None] for p in parts])
            assert abs(pause.mean(0) - quiet.mean(0)).max() < 3
        assert abs(joined[:100].mean(0) - parts[0].features.mean(0)).max() < 3
    assert min(lengths) < 100
    assert 200 < max(lengths) <= 100 * sound.LONGEST_PAUSE
    assert np.array_equal(own.join(parts[:1], rng).features, parts[0].features)


def test_as_a_file() -> None:
    own = MelFeaturizer.fit([], replace(NETWORK, mean_prior=1.5))
    again = MelFeaturizer.from_arrays(own.to_arrays())
    assert (again.network.rate, again.network.mels, again.network.stack) == (RATE, 20, 3)
    assert again.network.mean_prior == 1.5
    older = {name: array for name, array in own.to_arrays().items() if name != "mean_prior"}
    assert MelFeaturizer.from_arrays(older).network.mean_prior == 0
    with pytest.raises(ValueError, match="do not fit"):
        MelFeaturizer.from_arrays(own.to_arrays() | {"mean": np.zeros(3)})


def test_bands_that_are_cut_off_are_at_their_mean() -> None:
    # A recording of half the rate: nothing above 2,000 Hz.
    soxr = pytest.importorskip("soxr")
    whole = np.random.default_rng(1).normal(0, 0.1, RATE).astype(np.float32)
    cut = soxr.resample(soxr.resample(whole, RATE, RATE // 2), RATE // 2, RATE)
    model = MelFeaturizer.fit([], NETWORK)
    model.mean = filterbank(whole, RATE, 20).mean(0)
    one, other = model.encode(whole).features, model.encode(cut).features
    assert one.std(0).min() > 0.1
    assert not other[:, -4:].any()
    assert other[:, :8].std(0).min() > 0.1


def test_digital_silence_is_background() -> None:
    # What was put before and behind a recording, or muted in it, changes nothing else.
    rng = np.random.default_rng(4)
    sound = (tone(500, 0.5) * 0.3 + rng.normal(0, 0.01, RATE // 2)).astype(np.float32)
    silence = np.zeros(RATE, np.float32)
    model = featurizer()
    plain = model.encode(sound).features
    padded = model.encode(np.concatenate([silence, sound, silence])).features
    # Frames at its ends hear some of both.
    assert np.abs(padded[103:147] - plain[3:47]).max() < 0.2
    assert np.abs(padded[:98] - np.percentile(plain, 5, axis=0)).max() < 0.2

"""Settings in recipes of speech: the tables ``[[corpus]]`` and ``[network]``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dnatag.settings import setting

__all__ = ["SpeechCorpus", "SpeechNetwork"]


@dataclass(frozen=True)
class SpeechCorpus:
    """Manifests of recordings with their texts, as NeMo has them.

    Parameters
    ----------
    train : tuple of Path
        Manifests to train on.
    validate : tuple of Path
        Manifests to validate on: they choose the best weights, and how much the n-gram model
        counts.
    test : tuple of Path
        Manifests to measure the model with at the end.
    encoding : str
        Character encoding of the manifests.
    weight : float
        How often each recording takes part in an epoch, on average.
    """

    train: tuple[Path, ...] = ()
    validate: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()
    encoding: str = "utf-8"
    weight: float = setting(1.0, most=1000)


@dataclass(frozen=True)
class SpeechNetwork:
    """What the network hears, and its size.

    Parameters
    ----------
    rate : int
        Samples per second; recordings of other rates are converted.
    mels : int
        Bands of the log-mel filterbank.
    stack : int
        Frames of 10 ms that the network reads at a time.
    mean_prior : float
        The mean of each band over a recording is subtracted, and the mean over those to train on
        counts beside it for so many seconds, but for its loudness: recordings of single words need
        it, since their mean is that of the word.
    hidden : int
        Units of each direction of the LSTM.
    layers : int
        Layers of the LSTM.
    dropout : float
        Variational dropout while training.
    speed : float
        In training recordings are played faster or slower, by up to this share.
    warp : float
        In training the frequencies of a recording are multiplied by up to 1 / (1 - this share), or
        divided, as if somebody else spoke.
    channel : float
        In training bands are made louder and softer, by about so many nats, as another microphone
        would.
    background : float
        In training a steady noise of any level, as of a room or a microphone, is added to this
        share of the recordings.
    masks : int
        In training so many stretches of time and as many of frequency are masked (SpecAugment).
    noise : float
        Standard deviation of the noise that is added to the filterbank in training.
    """

    rate: int = setting(16000, least=4000, most=48000)
    mels: int = setting(40, least=8, most=128)
    stack: int = setting(3, most=8)
    mean_prior: float = setting(0.0, least=0, most=1000)
    hidden: int = setting(160)
    layers: int = setting(2)
    dropout: float = setting(0.3, least=0, most=0.95)
    speed: float = setting(0.12, least=0, most=0.9)
    warp: float = setting(0.0, least=0, most=0.9)
    channel: float = setting(0.0, least=0, most=10)
    background: float = setting(0.0, least=0, most=1)
    masks: int = setting(2, least=0, most=10)
    noise: float = setting(0.1, least=0, most=10)

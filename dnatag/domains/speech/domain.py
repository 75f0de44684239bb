"""Speech: recordings and what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dnatag.domains.base import Domain
from dnatag.domains.speech.settings import SpeechCorpus, SpeechNetwork
from dnatag.errors import InputError
from dnatag.tasks.corpora import Corpus, read_corpora

if TYPE_CHECKING:
    import numpy as np

    from dnatag.domains.speech.sound import MelFeaturizer
    from dnatag.engine.networks.configs import TokenTaggerConfig
    from dnatag.formats.audio import Recording
    from dnatag.formats.io.reading import Source
    from dnatag.tasks.ctc.domain import TranscribedSequence

__all__ = ["DOMAIN", "Speech"]


class Speech(Domain):
    """Speech; see :class:`dnatag.tasks.ctc.domain.TranscribingDomain`."""

    name = "speech"
    tasks = ("ctc",)
    network = SpeechNetwork
    corpus = SpeechCorpus
    readers: Mapping[str, str] = dict.fromkeys(("audio", "manifest"), "text")
    writers = ("text", "jsonl", "ctm", "srt")
    wanted = "a model of speech reads audio files, folders of them, and manifests"

    def read(self, corpora: Sequence[SpeechCorpus]) -> list[Corpus[TranscribedSequence]]:
        """See :class:`dnatag.tasks.ctc.domain.TranscribingDomain`."""
        return read_corpora(
            corpora, lambda path, files, _: _transcribed(path, files.encoding), Corpus
        )

    def items(self, source: Source, kind: str, encoding: str) -> Iterator[Recording]:
        """See :class:`dnatag.tasks.ctc.domain.TranscribingDomain`."""
        from dnatag.formats.registry import find_format

        recordings: Iterator[Recording] = find_format(kind).read(source, encoding)
        return recordings

    def featurizer(self, sequences: Sequence[Recording], network: SpeechNetwork) -> MelFeaturizer:
        """See :class:`dnatag.tasks.ctc.domain.TranscribingDomain`."""
        from dnatag.domains.speech.sound import MelFeaturizer

        return MelFeaturizer.fit(sequences, network)

    def encoder_config(
        self, featurizer: MelFeaturizer, network: SpeechNetwork
    ) -> TokenTaggerConfig:
        """See :class:`dnatag.tasks.ctc.domain.TranscribingDomain`."""
        from dnatag.engine.networks.configs import TokenTaggerConfig

        return TokenTaggerConfig(
            categories=(),
            features=network.mels * network.stack,
            hidden=network.hidden,
            layers=network.layers,
            dropout=network.dropout,
        )

    def load_featurizer(self, arrays: Mapping[str, np.ndarray]) -> MelFeaturizer:
        """See :class:`dnatag.tasks.ctc.domain.TranscribingDomain`."""
        from dnatag.domains.speech.sound import MelFeaturizer

        return MelFeaturizer.from_arrays(arrays)


def _transcribed(path: Path, encoding: str) -> Iterator[TranscribedSequence]:
    from dnatag.formats.audio import read_manifest
    from dnatag.tasks.ctc.domain import TranscribedSequence

    for recording in read_manifest(path, encoding):
        if recording.text is None:
            raise InputError(f'{recording.where}: has no "text"')
        yield TranscribedSequence(recording, " ".join(recording.text.split()))


DOMAIN = Speech()

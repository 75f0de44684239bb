"""Speech: recordings and what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dnatag.domains.base import Domain
from dnatag.domains.speech.settings import SpeechCorpus, SpeechNetwork
from dnatag.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from dnatag.domains.speech.sound import MelFeaturizer
    from dnatag.engine.networks.configs import TokenTaggerConfig
    from dnatag.formats.audio import Recording
    from dnatag.formats.io.reading import Source
    from dnatag.tasks.ctc.domain import TranscribedCorpus, TranscribedSequence

__all__ = ["DOMAIN", "Speech"]

_SPLITS = ("train", "validate", "test")


class Speech(Domain):
    """Speech; see :class:`dnatag.tasks.ctc.domain.TranscribingDomain`."""

    name = "speech"
    tasks = ("ctc",)
    network = SpeechNetwork
    corpus = SpeechCorpus
    readers: Mapping[str, str] = dict.fromkeys(("audio", "manifest"), "text")
    writers = ("text", "jsonl", "ctm", "srt")
    wanted = "a model of speech reads audio files, folders of them, and manifests"

    def read(self, corpora: Sequence[SpeechCorpus]) -> list[TranscribedCorpus]:
        """See :class:`dnatag.tasks.ctc.domain.TranscribingDomain`."""
        from dnatag.tasks.ctc.domain import TranscribedCorpus

        return [
            TranscribedCorpus(
                {
                    split: [
                        one
                        for path in getattr(files, split)
                        for one in _transcribed(path, files.encoding)
                    ]
                    for split in _SPLITS
                },
                {split: [path.name for path in getattr(files, split)] for split in _SPLITS},
                files.weight,
            )
            for files in corpora
        ]

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

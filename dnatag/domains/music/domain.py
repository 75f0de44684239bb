"""Music: pieces of chords in equal steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag.domains.base import Domain
from dnatag.domains.music.settings import MusicCorpus, MusicNetwork
from dnatag.tasks.corpora import Corpus, read_corpora

if TYPE_CHECKING:
    import numpy as np

    from dnatag.domains.music.chords import ChordFeaturizer
    from dnatag.engine.networks.configs import TokenTaggerConfig

__all__ = ["DOMAIN", "Music"]


class Music(Domain):
    """Music; see :class:`dnatag.tasks.generation.domain.GeneratingDomain`."""

    name = "music"
    tasks = ("generation",)
    network = MusicNetwork
    corpus = MusicCorpus
    readers: Mapping[str, str] = dict.fromkeys(("midi", "npy", "npz"), "midi")
    writers = ("midi",)
    counted = ("pieces", "notes")

    def read(
        self, corpora: Sequence[MusicCorpus], network: MusicNetwork
    ) -> list[Corpus[Sequence[Any]]]:
        """See :class:`dnatag.tasks.generation.domain.GeneratingDomain`."""
        return read_corpora(corpora, lambda path, *_: _pieces(path, network.steps), Corpus)

    def pieces(self, path: Path | str, writer: ChordFeaturizer) -> list[Sequence[Any]]:
        """See :class:`dnatag.tasks.generation.domain.GeneratingDomain`."""
        return _pieces(path, writer.steps)

    def content(self, steps: Sequence[Any], writer: ChordFeaturizer, tempo: float) -> bytes:
        """See :class:`dnatag.tasks.generation.domain.GeneratingDomain`: MIDI."""
        from dnatag.formats.midi import midi_of

        return midi_of(steps, writer.steps, tempo)

    def picture(self, steps: Sequence[Any], writer: ChordFeaturizer, format: str) -> bytes:
        """See :class:`dnatag.tasks.generation.domain.GeneratingDomain`."""
        from dnatag.domains.music.picture import draw_roll

        return draw_roll(steps, writer.steps, format)

    def writer(self, network: MusicNetwork) -> ChordFeaturizer:
        """See :class:`dnatag.tasks.generation.domain.GeneratingDomain`."""
        from dnatag.domains.music.chords import ChordFeaturizer

        return ChordFeaturizer(network.steps, network.transpose)

    def generator_config(self, writer: ChordFeaturizer, network: MusicNetwork) -> TokenTaggerConfig:
        """See :class:`dnatag.tasks.generation.domain.GeneratingDomain`."""
        from dnatag.domains.music.chords import KEYS
        from dnatag.engine.networks.configs import TokenTaggerConfig

        return TokenTaggerConfig(
            categories=((writer.tokens + 1, network.notes),),
            features=2 * KEYS,
            hidden=network.hidden,
            layers=network.layers,
            dropout=network.dropout,
        )

    def load_writer(self, arrays: Mapping[str, np.ndarray]) -> ChordFeaturizer:
        """See :class:`dnatag.tasks.generation.domain.GeneratingDomain`."""
        from dnatag.domains.music.chords import ChordFeaturizer

        return ChordFeaturizer.from_arrays(arrays)


def _pieces(path: Path | str, steps: int) -> list[Sequence[Any]]:
    """Read the chords of the pieces of a file."""
    from dnatag.formats.midi import read_midi, read_rolls
    from dnatag.formats.registry import recognise

    wanted = "wanted is music: MIDI, or piano rolls (.npy, .npz)"
    stream, format = recognise(path, ("midi", "npy", "npz"), wanted)
    if format.name == "midi":
        return [piece.chords for piece in read_midi(stream, steps)]
    return [piece.chords for piece in read_rolls(stream)]


DOMAIN = Music()

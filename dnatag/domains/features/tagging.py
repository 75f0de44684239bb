"""Features with a label for each frame, as the tagging task sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from dnatag.domains.base import Domain
from dnatag.domains.features.settings import FeaturesCorpus, FrameNetwork
from dnatag.errors import InputError
from dnatag.report import SILENT, Observer, counted
from dnatag.tasks.corpora import SPLITS, read_corpora, sequences_of

if TYPE_CHECKING:
    import numpy as np

    from dnatag.domains.features.frames import FrameFeaturizer
    from dnatag.domains.features.segments import Segments
    from dnatag.engine.networks.configs import TokenTaggerConfig
    from dnatag.formats.arrays import Frames
    from dnatag.formats.io.reading import Source
    from dnatag.formats.text.tokens import Entity
    from dnatag.tasks.tagging.domain import TaggedCorpus
    from dnatag.tasks.tagging.given import Given
    from dnatag.tasks.tagging.model import TokenModel
    from dnatag.tasks.tagging.tagger import Tagged

__all__ = ["FrameTagging", "LabelledFrames"]

#: Longer durations are not enforced: each frame of them is a state of the grammar.
_LONGEST = 50


@dataclass(frozen=True)
class LabelledFrames:
    """A sequence of frames, labelled or not.

    Parameters
    ----------
    tokens : Frames
        The frames.
    tags : tuple of str or None
        Their labels.
    alone : bool
        Whether it is the only one of its file.
    """

    tokens: Any
    tags: tuple[str, ...] | None = None
    alone: bool = False

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.tokens)


class FrameTagging(Domain):
    """Frames; see :class:`dnatag.tasks.tagging.domain.TaggingDomain`, and ``HasRecords``."""

    name = "features"
    tasks = ("tagging",)
    network = FrameNetwork
    corpus = FeaturesCorpus
    readers: Mapping[str, str] = dict.fromkeys(("npy", "npz", "sequences"), "segments")
    writers = ("segments", "jsonl", "frames")
    wanted = (
        "a model of features reads NumPy arrays (.npy, .npz), or a table with the column 'name'"
    )
    counted = ("sequences", "frames", "segments")

    def read(
        self,
        corpora: Sequence[FeaturesCorpus],
        network: FrameNetwork,
        observer: Observer = SILENT,
        start: TokenModel | None = None,
    ) -> tuple[list[TaggedCorpus], Segments]:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.features.segments import Segments, shortest_runs
        from dnatag.tasks.tagging.domain import TaggedCorpus

        result = read_corpora(
            corpora, lambda path, files, _: _labelled(path, files.archive), TaggedCorpus
        )
        tags = [one.tags or () for one in sequences_of(result, "train")]
        least = {
            label: min(max(int(network.shortest * frames), 1), _LONGEST)
            for label, frames in shortest_runs(tags).items()
        }
        if not least:
            raise InputError("there are no frames to train on")
        if len(least) == 1:
            raise InputError(f"all frames to train on have one label, {next(iter(least))!r}")
        for split in ("validate", "test"):
            labels = Counter(tag for one in sequences_of(result, split) for tag in one.tags or ())
            for label in sorted(labels.keys() - least.keys()):
                observer.note(
                    f"warning: {counted(labels[label], 'frames')} {SPLITS[split]} are labelled "
                    f"{label!r}, which is not trained on"
                )
        return result, Segments(least)

    def given(self, sequence: Any, featurizer: Any) -> Given:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`: an array (T, F), or Frames."""
        from dnatag.tasks.tagging.given import Given

        if not hasattr(sequence, "__len__") or isinstance(sequence, (str, bytes)):
            name = type(sequence).__name__
            raise InputError(f"cannot tag a {name}: give an array of features, (T, F)")
        if not len(sequence):
            raise InputError("a sequence: has no frames")
        return Given(sequence)

    def featurizer(
        self, sequences: Sequence[Frames], network: FrameNetwork, folder: Path
    ) -> FrameFeaturizer:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.features.frames import FrameFeaturizer

        own = network
        return FrameFeaturizer.fit(
            sequences, own.motion, own.around, own.noise, softmax=own.softmax
        )

    def tagger_config(
        self, featurizer: FrameFeaturizer, network: FrameNetwork
    ) -> TokenTaggerConfig:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.engine.networks.configs import TokenTaggerConfig

        return TokenTaggerConfig(
            categories=(),
            features=len(featurizer.mean),
            hidden=network.hidden,
            layers=network.layers,
            dropout=network.dropout,
        )

    def load_featurizer(self, arrays: Mapping[str, np.ndarray]) -> FrameFeaturizer:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.features.frames import FrameFeaturizer

        return FrameFeaturizer.from_arrays(arrays)

    def load_labelling(self, data: Mapping[str, Any]) -> Segments:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.features.segments import Segments

        least = {str(label): int(frames) for label, frames in data["shortest"].items()}
        if not least or not 1 <= min(least.values()) <= max(least.values()) <= _LONGEST:
            raise ValueError(f"there are no such durations: {least}")
        return Segments(least)

    def scores(
        self, truth: Sequence[Sequence[str]], found: Sequence[Sequence[str]], labelling: Any
    ) -> dict[str, float]:
        """See :class:`dnatag.tasks.tagging.domain.TaggingDomain`."""
        from dnatag.domains.features.metrics import evaluate_frames

        return evaluate_frames(truth, found)

    def records(self, source: Source, kind: str, encoding: str) -> Iterator[LabelledFrames]:
        """See :class:`dnatag.tasks.tagging.domain.HasRecords`."""
        from dnatag.formats.registry import find_format

        for frames in find_format(kind).read(source, encoding=encoding):
            yield LabelledFrames(frames, alone=kind == "npy")

    def write(self, handle: TextIO, target: str, record: LabelledFrames, tagged: Tagged) -> None:
        """See :class:`dnatag.tasks.tagging.domain.HasRecords`."""
        from dnatag.formats.frames import write_frame_labels
        from dnatag.formats.text.jsonl import write_object

        name: str = record.tokens.name
        if target == "frames":
            write_frame_labels(handle, None if record.alone else name, tagged.tags)
        elif target == "segments":
            handle.writelines(
                f"{name}\t{s.start}\t{s.end}\t{s.type}\t{s.score:.4f}\n" for s in tagged.entities
            )
        else:
            item = {"id": name, "frames": len(record), "segments": _plain(tagged.entities)}
            if tagged.alternatives:
                item["alternatives"] = [
                    {"score": round(score, 6), "segments": _plain(segments)}
                    for score, segments in tagged.alternatives
                ]
            write_object(handle, item)


def _plain(segments: Sequence[Entity]) -> list[dict[str, Any]]:
    return [
        {"label": s.type, "score": round(s.score, 6), "start": s.start, "end": s.end}
        for s in segments
    ]


def _labelled(path: Path, archive: Path | None) -> Iterator[LabelledFrames]:
    """Read the sequences of a list with the labels of their frames."""
    from dnatag.formats.arrays import read_list
    from dnatag.formats.frames import labels_of_file

    for frames in read_list(path, archive):
        if not frames.label:
            raise InputError(f"{frames.where}: {frames.name} has no labels (column 'labels')")
        labels = labels_of_file(path.parent / frames.label, frames.where)
        if len(labels) != len(frames):
            raise InputError(
                f"{frames.where}: {frames.label} has {counted(len(labels), 'labels')}, and "
                f"{frames.name} {counted(len(frames), 'frames')}"
            )
        yield LabelledFrames(frames, labels)

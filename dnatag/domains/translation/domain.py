"""Translation: texts and what they are in another language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dnatag.domains.base import Domain
from dnatag.domains.translation.settings import TranslationCorpus, TranslationNetwork
from dnatag.errors import InputError
from dnatag.report import counted
from dnatag.tasks.corpora import SPLITS, Corpus, file_names

if TYPE_CHECKING:
    import numpy as np

    from dnatag.domains.translation.subwords import SubwordCoder
    from dnatag.engine.networks.configs import TranslatorConfig
    from dnatag.formats.io.reading import Source
    from dnatag.tasks.seq2seq.domain import Pair

__all__ = ["DOMAIN", "TranslationPairs"]


class TranslationPairs(Domain):
    """Texts; see :class:`dnatag.tasks.seq2seq.domain.TranslatingDomain`."""

    name = "translation"
    tasks = ("seq2seq",)
    network = TranslationNetwork
    corpus = TranslationCorpus
    readers: Mapping[str, str] = {"lines": "lines"}
    writers = ("lines", "jsonl")

    def read(
        self, corpora: Sequence[TranslationCorpus], network: TranslationNetwork
    ) -> list[Corpus[Pair]]:
        """See :class:`dnatag.tasks.seq2seq.domain.TranslatingDomain`."""
        return [
            Corpus(
                {
                    split: _pairs(getattr(files, split), files.encoding, network.lower)
                    for split in SPLITS
                },
                file_names(files),
                files.weight,
            )
            for files in corpora
        ]

    def texts(self, source: Source, encoding: str, coder: SubwordCoder) -> Iterator[str]:
        """See :class:`dnatag.tasks.seq2seq.domain.TranslatingDomain`."""
        from dnatag.formats.io.limits import limits
        from dnatag.formats.io.reading import display_name
        from dnatag.formats.text.lines import numbered_lines
        from dnatag.formats.text.translations import check_text
        from dnatag.tasks.seq2seq.translator import numbers_of

        name, most = display_name(source), limits().subwords
        for number, line in numbered_lines(source, encoding):
            # A line has no more subwords than bytes, and a mark of its beginning.
            where = f"{name}: line {number}"
            check_text(line, where)
            if len(line.encode()) >= most:
                numbers_of(line, coder, where)
            yield line

    def coder(self, pairs: Sequence[Pair], network: TranslationNetwork) -> SubwordCoder:
        """See :class:`dnatag.tasks.seq2seq.domain.TranslatingDomain`."""
        from dnatag.domains.translation.subwords import SubwordCoder

        texts = (text for pair in pairs for text in pair)
        return SubwordCoder.fit(texts, network.subwords, network.lower)

    def translator_config(
        self, coder: SubwordCoder, network: TranslationNetwork
    ) -> TranslatorConfig:
        """See :class:`dnatag.tasks.seq2seq.domain.TranslatingDomain`."""
        from dnatag.engine.networks.configs import TranslatorConfig

        return TranslatorConfig(
            tokens=coder.tokens,
            embedding=network.embedding,
            hidden=network.hidden,
            layers=network.layers,
            dropout=network.dropout,
            smoothing=network.smoothing,
        )

    def load_coder(self, arrays: Mapping[str, np.ndarray]) -> SubwordCoder:
        """See :class:`dnatag.tasks.seq2seq.domain.TranslatingDomain`."""
        from dnatag.domains.translation.subwords import SubwordCoder

        return SubwordCoder.from_arrays(arrays)


def _pairs(paths: Sequence[Path], encoding: str, lower: bool) -> list[Pair]:
    """Read texts and translations; references are lower-cased as texts are."""
    from dnatag.formats.text.lines import numbered_lines
    from dnatag.tasks.seq2seq.domain import Pair

    if not paths:
        return []
    sides = [[line for _, line in numbered_lines(path, encoding)] for path in paths]
    one, two = sides
    if len(one) != len(two):
        raise InputError(
            f"{paths[1]}: has {counted(len(two), 'lines')}, {paths[0]} {len(one)}; each line "
            "must translate that of the other file"
        )
    pairs = zip(one, two, strict=True)
    return [Pair(a.lower(), b.lower()) if lower else Pair(a, b) for a, b in pairs]


DOMAIN = TranslationPairs()

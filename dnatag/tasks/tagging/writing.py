"""How tagged sequences are written, in any format."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TextIO

from dnatag.formats.text.tokens import Entity
from dnatag.tasks.tagging.domain import HasRecords, TaggingDomain
from dnatag.tasks.tagging.tagger import Tagged

__all__ = ["FOLDERS", "ResultWriter", "result_writer"]

#: Formats whose results are several files, in a folder.
FOLDERS = ("brat",)


class ResultWriter(Protocol):
    """Writes sequences with their labels."""

    def add(self, sequence: Any, found: Tagged) -> None:
        """Write a sequence, or keep it until the end."""
        ...

    def finish(self) -> None:
        """Write what comes after the last sequence."""
        ...


class _DocumentWriter(Protocol):
    """A writer of a format of annotation tools."""

    def add(self, sentence: Any, entities: Iterable[Entity]) -> None:
        """Write a text with its entities."""
        ...

    def finish(self) -> None:
        """Write what comes last."""
        ...


class _Each:
    """Writes each sequence by itself."""

    def __init__(self, write: Callable[[Any, Tagged], None]) -> None:
        self.add = write

    def finish(self) -> None:
        """Nothing comes after the last sequence."""


class _Documents:
    """Writes texts for an annotation tool."""

    def __init__(self, writer: _DocumentWriter) -> None:
        self._writer = writer
        self.finish = writer.finish

    def add(self, sequence: Any, found: Tagged) -> None:
        """Write a text with its entities."""
        self._writer.add(sequence, found.entities)


def result_writer(
    target: str,
    domain: TaggingDomain,
    place: TextIO | Path,
    *,
    name: str = "",
    model: str = "",
    alternatives: bool = False,
) -> ResultWriter:
    """Return what writes results.

    Parameters
    ----------
    target
        The format, one of the domain's ``writers``.
    domain
        Where the sequences are from.
    place
        A text file, of ``FOLDERS`` a folder.
    name
        What a text without a name is called.
    model
        What the model is called.
    alternatives
        Whether other labellings are written too (JSON Lines).

    Raises
    ------
    DnatagError
        If a library that is needed is not installed.
    """
    if isinstance(place, Path):
        from dnatag.formats.text.brat import BratWriter

        return _Documents(BratWriter(place, name))
    if isinstance(domain, HasRecords):
        return _Each(lambda record, found: domain.write(place, target, record, found))
    match target:
        case "label-studio":
            from dnatag.formats.text.label_studio import LabelStudioWriter

            return _Documents(LabelStudioWriter(place, model))
        case "docbin":
            from dnatag.formats.text.docbin import DocBinWriter

            return _Documents(DocBinWriter(place))
        case "doccano":
            from dnatag.formats.text.doccano import write_doccano

            return _Each(lambda sentence, found: write_doccano(place, sentence, found.entities))
        case "jsonl":
            from dnatag.formats.text.jsonl import write_jsonl

            return _Each(
                lambda sentence, found: write_jsonl(
                    place, sentence, found.entities, found.alternatives if alternatives else None
                )
            )
        case "conll":
            from dnatag.formats.text.conll import write_conll

            return _Each(lambda sentence, found: write_conll(place, sentence, found.tags))
        case _:
            from dnatag.formats.sequences.residues import write_residues

            return _Each(lambda protein, found: write_residues(place, protein, found.tags))

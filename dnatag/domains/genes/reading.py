"""Contigs of a genome from files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

from dnatag.formats.registry import recognise
from dnatag.formats.sequences.fasta import EmptyFastaError, UniqueIds, read_fasta
from dnatag.formats.sequences.flatfile import read_flatfile
from dnatag.formats.sequences.records import Contig

__all__ = ["Topology", "read_contigs", "read_records"]

Topology = Literal["auto", "circular", "linear"]


def read_contigs(
    paths: Sequence[str], topology: Topology = "auto", *, skipped: Callable[[str], None]
) -> Iterator[Contig]:
    """Read the contigs of FASTA files one by one.

    Parameters
    ----------
    paths : sequence of str
        The files, plain or compressed; "-" is standard input.
    topology : {"auto", "circular", "linear"}
        Whether contigs are circles; auto: as their headers say.
    skipped : callable
        Receives a message for each record, and of several files for each, that has no sequence.

    Yields
    ------
    Contig
        With ids that are unique in all files.

    Raises
    ------
    InputError
        If a file cannot be read or is no FASTA, no file has a sequence, or an id is there twice.
    """
    ids = UniqueIds()
    empty: list[EmptyFastaError] = []
    for path in paths:
        try:
            for contig in read_fasta(path, ids, skipped=skipped):
                if topology == "auto":
                    yield contig
                else:
                    yield replace(contig, circular=topology == "circular")
        except EmptyFastaError as error:
            empty.append(error)
    if len(empty) == len(paths):
        raise empty[0]
    for one in empty:
        skipped(str(one))


def read_records(path: str, *, skipped: Callable[[str], None]) -> Iterator[Contig]:
    """Read the sequences of a FASTA, GenBank or EMBL file one by one, as linear contigs.

    Parameters
    ----------
    path : str
        The file, plain or compressed; "-" is standard input.
    skipped : callable
        Receives a message for each record of FASTA without a sequence.

    Yields
    ------
    Contig
        With unique ids.

    Raises
    ------
    InputError
        If the file cannot be read, is of another format or malformed, or an id is there twice.
    """
    kinds = ("fasta", "genbank", "embl")
    stream, format = recognise(path, kinds, "a genome is FASTA, GenBank or EMBL")
    contigs = (
        read_fasta(stream, skipped=skipped)
        if format.name == "fasta"
        else (contig for contig, _ in read_flatfile(stream))
    )
    for contig in contigs:
        yield replace(contig, circular=False)

"""Contigs cut into chunks, and what the network made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from dnatag.domains.genes.decoding.chunks import Chunk, PaddedContig, groups
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.engine.inference.windows import EncodedWindow

__all__ = ["CutContigs"]


@dataclass(frozen=True)
class CutContigs:
    """Contigs that are cut into chunks, some of which the network has encoded.

    What is encoded can be decoded with one set of start signals or another.

    Attributes
    ----------
    sequences : list of PaddedContig
        The contigs.
    chunks : list of Chunk
        What they are cut into, in order.
    encoded : dict of int to EncodedWindow
        What the network made of chunks, by their indices.
    """

    sequences: list[PaddedContig]
    chunks: list[Chunk]
    encoded: dict[int, EncodedWindow] = field(default_factory=dict)

    def chunks_of_contigs(self) -> list[list[int]]:
        """Return the indices of the chunks of each contig."""
        indices: list[list[int]] = [[] for _ in self.sequences]
        for i, chunk in enumerate(self.chunks):
            indices[chunk.sequence].append(i)
        return indices

    def sequence_of(self, chunk: int) -> PaddedContig:
        """Return the contig of a chunk."""
        return self.sequences[self.chunks[chunk].sequence]

    def groups(self, chunks: Sequence[int], limit: int) -> Iterator[list[int]]:
        """Group chunks, in order, into lists of at most so many bases, or one chunk."""
        return groups(chunks, limit, lambda i: len(self.chunks[i]))

    def of(self, parameters: GenomeParameters) -> CutContigs:
        """Return the same contigs with other parameters of their genome.

        Only the start signals and the RBS motif may differ.
        """
        return replace(self, sequences=[replace(s, parameters=parameters) for s in self.sequences])

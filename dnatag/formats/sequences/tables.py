"""Tab-separated tables: predicted genes, and labels and posteriors of every base."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

import numpy as np

from dnatag.formats.sequences.records import CodingSequence, alternatives

__all__ = ["GENE_COLUMNS", "GeneTableWriter", "LabelTableWriter"]

#: Columns of the table of genes; see :class:`GeneTableWriter`.
GENE_COLUMNS = (
    "contig",
    "id",
    "start",
    "end",
    "strand",
    "length_bp",
    "length_aa",
    "partial",
    "genetic_code",
    "start_codon",
    "stop_codon",
    "gc",
    "posterior",
    "start_posterior",
    "alternative_starts",
)
STEP = 10_000  # posteriors are written with four digits after the point
BLOCK = 1 << 16  # rows that are formatted at once


class GeneTableWriter:
    """Writes a row for each gene, after a row of column names (``GENE_COLUMNS``).

    - ``start``, ``end``: leftmost and rightmost base on the forward strand, 1-based and
      inclusive; the end of a gene across the origin is smaller than its start.
    - ``length_bp`` with the stop codon, ``length_aa`` without.
    - ``partial``: the end that is missing: ``no``, ``start``, ``stop`` or ``both``.
    - ``start_codon``, ``stop_codon``: empty where the end is missing.
    - ``gc``: share of G and C among the bases that are A, C, G, T or U.
    - ``posterior``: probability of the gene; ``start_posterior``: of its start, given the gene;
      empty if not known.
    - ``alternative_starts``: other starts and their probability, ``position:probability,...``.
    """

    def __init__(self, handle: TextIO) -> None:
        """Write the column names."""
        self._handle = handle
        handle.write("\t".join(GENE_COLUMNS) + "\n")

    def write(self, gene: CodingSequence, nucleotides: str) -> None:
        """Write a gene; ``nucleotides`` are its bases in the direction of translation."""
        bases = nucleotides.upper()
        gc = bases.count("G") + bases.count("C")
        known = gc + bases.count("A") + bases.count("T") + bases.count("U")
        stop = 0 if gene.partial3 else 1
        cells = (
            gene.contig,
            gene.id,
            gene.start + 1,
            gene.end,
            "+" if gene.strand > 0 else "-",
            len(gene),
            (len(gene) - gene.phase) // 3 - stop,
            {(0, 0): "no", (1, 0): "start", (0, 1): "stop"}.get(
                (gene.partial5, gene.partial3), "both"
            ),
            "" if gene.genetic_code is None else gene.genetic_code,
            "" if gene.partial5 else bases[:3],
            "" if gene.partial3 else bases[-3:],
            f"{gc / known:.4f}" if known else "",
            "" if gene.posterior is None else f"{gene.posterior:.4f}",
            "" if gene.start_posterior is None else f"{gene.start_posterior:.4f}",
            alternatives(gene),
        )
        self._handle.write("\t".join(map(str, cells)) + "\n")


class LabelTableWriter:
    """Writes a row for each base: contig, position (1-based), base, label, probabilities.

    Parameters
    ----------
    handle
        Where to write; the row of column names is written at once.
    labels
        Names of the L labels.
    columns
        Names of the P columns of probabilities.
    """

    def __init__(self, handle: TextIO, labels: Sequence[str], columns: Sequence[str]) -> None:
        """Write the column names."""
        self._handle = handle
        self._labels = _padded([name.encode() + b"\t" for name in labels])
        # Every probability that can be written, as text.
        texts = [f"{i / STEP:.4f}\t".encode() for i in range(STEP + 1)]
        self._probabilities = _padded(texts)
        self._n_columns = len(columns)
        handle.write("\t".join(("contig", "position", "base", "label", *columns)) + "\n")

    def write(
        self,
        contig: str,
        sequence: bytes,
        labels: np.ndarray,
        probabilities: np.ndarray,
        offset: int = 0,
    ) -> None:
        """Write consecutive bases of a contig.

        Parameters
        ----------
        contig
            Its id.
        sequence
            The n bases.
        labels : integers, shape (n,)
            Index of the label of each base.
        probabilities : float, shape (n, P)
            From 0 to 1; written with four digits.
        offset
            0-based position of the first of these bases in the contig.
        """
        if not len(sequence) == len(labels) == len(probabilities):
            raise ValueError("sequence, labels and probabilities must have the same length")
        bases = np.frombuffer(sequence, dtype=np.uint8)
        for begin in range(0, len(bases), BLOCK):
            block = slice(begin, begin + BLOCK)
            text = self._format(
                contig.encode() + b"\t",
                bases[block],
                labels[block],
                probabilities[block],
                offset + begin + 1,
            )
            self._handle.write(text.decode("utf-8"))

    def _format(
        self,
        contig: bytes,
        bases: np.ndarray,
        labels: np.ndarray,
        probabilities: np.ndarray,
        first: int,
    ) -> bytes:
        """Lay the rows out in columns of fixed width, padded with zero bytes, and drop those."""
        n = len(bases)
        positions = np.arange(first, first + n)
        width = len(str(first + n - 1))
        powers = 10 ** np.arange(width - 1, -1, -1)
        digits = (positions[:, None] // powers % 10 + ord("0")).astype(np.uint8)
        digits[positions[:, None] < powers] = 0  # no leading zeros
        tab = np.full((n, 1), ord("\t"), dtype=np.uint8)
        steps = np.rint(np.clip(probabilities, 0, 1) * STEP).astype(np.intp)
        cells = self._probabilities[steps].reshape(n, -1)
        prefix = np.broadcast_to(np.frombuffer(contig, dtype=np.uint8), (n, len(contig)))
        rows = np.concatenate(
            (prefix, digits, tab, bases[:, None], tab, self._labels[labels], cells), axis=1
        )
        rows[:, -1] = ord("\n")
        text: bytes = rows[rows != 0].tobytes()
        return text


def _padded(texts: Sequence[bytes]) -> np.ndarray:
    """Texts as a uint8 matrix, filled up with zero bytes on the left."""
    width = max(map(len, texts))
    joined = b"".join(text.rjust(width, b"\0") for text in texts)
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(texts), width)

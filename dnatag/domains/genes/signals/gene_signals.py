"""Codon usage and start signals of a genome, as log-odds tables.

:class:`GeneSignals` are estimated from genes of one genome (annotated ones in training, confident
ones in prediction) and give the network extra features. Starts of genes that
closely follow another one on their strand (inside operons) are modelled apart from the others, as
in GeneMarkS-2 (Lomsadze et al. 2018).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from dnatag.domains.genes import loops
from dnatag.domains.genes.loops import count_hexamers, count_starts, features
from dnatag.domains.genes.nucleotides import base_numbers, encode, reverse_complement
from dnatag.formats.sequences.records import CodingSequence

__all__ = [
    "FEATURES",
    "MIRROR_FEATURES",
    "GeneExamples",
    "GeneSignals",
    "codon_ratios",
    "hexamer_counts",
    "mirror_flags",
    "start_evidence",
]

#: Features of one strand.
_OWN = ("hexamer", "start codon", "profile first", "profile inner", "5-mer first", "5-mer inner")
#: Features of a base: those of the forward, then those of the reverse strand.
FEATURES = tuple(f"{strand}{name}" for strand in "+-" for name in _OWN)
#: The order of the features on the other strand.
MIRROR_FEATURES = (*range(len(_OWN), 2 * len(_OWN)), *range(len(_OWN)))

#: The start profile covers this many bases before the start codon and after it.
_BEFORE, _BEHIND = 40, 12
#: Length of the words before starts, and their class by the bases between word and start codon.
_WORD = 5
_BIN_OF_GAP = np.digitize(np.arange(36), [4, 6, 8, 10, 13, 18, 24, 30]).astype(np.int64)
_N_BINS = int(_BIN_OF_GAP.max()) + 1
#: A gene is inside an operon if fewer bases lie between it and the one before it on its strand.
OPERON_GAP = 25
#: How far from a start its rivals (the background) are looked for.
_RIVALS = 150
#: Log-odds of what does not occur in genes.
_NEVER = -30.0
#: Sums of a profile are brought to the scale of the other features.
_PROFILE_SCALE = 0.25


def mirror_flags(flags: np.ndarray) -> np.ndarray:
    """Property flags as seen from the other strand, in its direction.

    Parameters
    ----------
    flags : numpy.ndarray
        uint8 (L,), see :mod:`dnatag.domains.genes.codes`.

    Returns
    -------
    numpy.ndarray
        uint8 (L,).
    """
    turned = flags[::-1]
    return (turned >> 2) | (turned & 3) << 2


def hexamer_counts(symbols: np.ndarray) -> np.ndarray:
    """Count the hexamers of both strands.

    Parameters
    ----------
    symbols : numpy.ndarray
        uint8 (L,), see :mod:`dnatag.domains.genes.nucleotides`.

    Returns
    -------
    numpy.ndarray
        float64 (4096,); those with ambiguous bases are left out.
    """
    counts: np.ndarray = loops.hexamers(symbols, np.array([0, len(symbols)]))[0]
    return counts


def codon_ratios(counts: np.ndarray, log_odds: np.ndarray) -> np.ndarray:
    """Compute how much more probable codons are inside genes than anywhere, given the one before.

    Parameters
    ----------
    counts : numpy.ndarray
        float64 (4096,) above 0, counts or shares of hexamers anywhere.
    log_odds : numpy.ndarray
        Floats (4096,), hexamers at the codon starts of genes against all.

    Returns
    -------
    numpy.ndarray
        float64 (4096,), the ratio for the second codon of each hexamer.
    """
    anywhere = counts.reshape(64, 64)
    coding = anywhere * np.exp(log_odds.astype(float)).reshape(64, 64)
    ratios: np.ndarray = coding / coding.sum(1, keepdims=True) / anywhere
    ratios = ratios * anywhere.sum(1, keepdims=True)
    return ratios.ravel()


def _number(codon: str) -> int:
    """Return the number of a codon: AAA is 0, AAC is 1, TTT is 63."""
    return int(base_numbers(encode(codon.encode())) @ (16, 4, 1))


def _log_odds(counts: np.ndarray, background: np.ndarray, prior: float) -> np.ndarray:
    """Log ratio of two distributions over the last axis, shrunk to zero where counts are few."""
    rate = background + 1.0
    rate = rate / rate.sum(-1, keepdims=True)
    total = counts.sum(-1, keepdims=True)
    shrunk = (counts + prior * rate) / (total + prior)
    ratio: np.ndarray = np.log(shrunk / rate)
    return ratio.astype(np.float32)


def start_evidence(features: np.ndarray, strand: int, codon: float, profile: float) -> np.ndarray:
    """Weigh what the tables of a genome say about starts.

    Parameters
    ----------
    features : numpy.ndarray
        float32 (M, 12), see ``FEATURES``, of the first bases of start codons.
    strand : int
        1 or -1, the strand of the starts.
    codon, profile : float
        Weights of the start codon, and of the mean of the profiles of first and inner genes.

    Returns
    -------
    numpy.ndarray
        float32 (M,).

    Examples
    --------
    >>> features = np.arange(12, dtype=np.float32)[None]
    >>> start_evidence(features, 1, 1.0, 2.0), start_evidence(features, -1, 1.0, 0.0)
    (array([6.], dtype=float32), array([7.], dtype=float32))
    """
    sign = "+" if strand > 0 else "-"
    of_codon, first, inner = (
        features[:, FEATURES.index(sign + name)]
        for name in ("start codon", "profile first", "profile inner")
    )
    evidence: np.ndarray = codon * of_codon + profile / 2 * (first + inner)
    return evidence


class GeneExamples(NamedTuple):
    """A sequence with genes to estimate from.

    Attributes
    ----------
    symbols, flags : numpy.ndarray
        uint8 (L,), see :mod:`dnatag.domains.genes.nucleotides` and
        :meth:`dnatag.domains.genes.codes.GeneticCode.properties`.
    genes : sequence of CodingSequence
        In any order; their complete ends are trusted. Genes across the origin are not used.
    """

    symbols: np.ndarray
    flags: np.ndarray
    genes: Sequence[CodingSequence]


@dataclass(frozen=True)
class GeneSignals:
    """Log-odds tables of a genome.

    Attributes
    ----------
    hexamers : numpy.ndarray
        float32 (4096,), hexamers at the codon starts of genes against all hexamers.
    start_codons : numpy.ndarray
        float32 (64,), start codons against their in-frame rivals.
    profiles : numpy.ndarray
        float32 (2, 52, 4), bases around starts against those around rivals, for first genes of
        operons and inner ones.
    pentamers : numpy.ndarray
        float32 (2, 1024, bins), 5-mers before starts by their distance.
    """

    hexamers: np.ndarray
    start_codons: np.ndarray
    profiles: np.ndarray
    pentamers: np.ndarray

    @classmethod
    def none(cls) -> GeneSignals:
        """Return tables of zeros, which favour nothing."""
        return cls(
            np.zeros(4096, np.float32),
            np.zeros(64, np.float32),
            np.zeros((2, _BEFORE + _BEHIND, 4), np.float32),
            np.zeros((2, 4**_WORD, _N_BINS), np.float32),
        )

    @classmethod
    def estimate(
        cls, examples: Iterable[GeneExamples], operon_gap: int = OPERON_GAP
    ) -> GeneSignals:
        """Estimate the tables from genes of one genome.

        Parameters
        ----------
        examples : iterable of GeneExamples
            Its sequences.
        operon_gap : int
            A gene is inside an operon if fewer bases lie between it and the one before it on its
            strand.

        Returns
        -------
        GeneSignals
            Zeros, up to rounding, if there are no genes.
        """
        coding, background = np.zeros(4096), np.zeros(4096)
        start_codons = np.zeros((3, 64))
        profiles = np.zeros((3, _BEFORE + _BEHIND, 4))
        pentamers = np.zeros((3, 4**_WORD, _N_BINS))
        for symbols, flags, genes in examples:
            whole = [g for g in genes if len(g.parts) == 1]
            length = len(symbols)
            for strand in (1, -1):
                own = symbols if strand > 0 else reverse_complement(symbols)
                own_flags = flags if strand > 0 else mirror_flags(flags)
                base = base_numbers(own)
                placed = sorted(
                    (
                        g.start if strand > 0 else length - g.end,
                        g.end if strand > 0 else length - g.start,
                        g.phase if g.partial5 else 0,
                        g.partial5,
                    )
                    for g in whole
                    if g.strand == strand
                )
                begin = np.array([start + phase for start, _, phase, _ in placed], dtype=np.int64)
                end = np.array([end for _, end, _, _ in placed], dtype=np.int64)
                # Start and stop codons are no part of codon usage.
                count_hexamers(base, begin + 3, end - 3, coding, background)
                before = np.concatenate([[-(10**9)], end[:-1]])
                trusted = np.array([not partial for *_, partial in placed], dtype=bool)
                kinds = (begin - before < operon_gap).astype(np.int64)
                count_starts(
                    base, own_flags, begin[trusted], kinds[trusted],
                    start_codons, profiles, pentamers, _BEFORE, _BEHIND, _BIN_OF_GAP, _RIVALS,
                )  # fmt: skip
        by_place = pentamers.transpose(0, 2, 1)
        return cls(
            _log_odds(coding, background, 1000.0),
            _log_odds(start_codons[:2].sum(0), start_codons[2], 10.0),
            np.stack([_log_odds(profiles[k], profiles[2], 20.0) for k in range(2)]),
            np.stack([_log_odds(by_place[k], by_place[2], 1000.0).T for k in range(2)]).copy(),
        )

    def allowing(self, codons: Iterable[str]) -> GeneSignals:
        """Return the tables for a genome that reads some codons as amino acids.

        Where they are stops they are all but missing from genes; here that must not count against
        a gene that has them.

        Parameters
        ----------
        codons : iterable of str
            Three letters A, C, G, T each.
        """
        table = self.hexamers.reshape(64, 64).copy()
        for number in map(_number, codons):
            for row in (table[number], table[:, number]):
                np.maximum(row, 0, out=row)
        return replace(self, hexamers=table.ravel())

    def stopping_at(self, codons: Iterable[str]) -> GeneSignals:
        """Return the tables for a genome in which some codons are stops: no gene goes on there.

        Parameters
        ----------
        codons : iterable of str
            Three letters A, C, G, T each.
        """
        table = self.hexamers.reshape(64, 64).copy()
        table[:, [*map(_number, codons)]] = _NEVER
        return replace(self, hexamers=table.ravel())

    def features(
        self, symbols: np.ndarray, flags: np.ndarray, places: np.ndarray | None = None
    ) -> np.ndarray:
        """Features for a sequence.

        Parameters
        ----------
        symbols, flags : numpy.ndarray
            uint8 (L,), of a contig or a window of it.
        places : numpy.ndarray or None
            Integers (M,), the positions that features are wanted of; None for all.

        Returns
        -------
        numpy.ndarray
            float32 (M, 12), see ``FEATURES``.
        """
        return features(
            symbols, flags, np.arange(len(symbols)) if places is None else places,
            self.hexamers, self.start_codons, *self._by_base_and_word,
            _BEFORE, _BEHIND, _BIN_OF_GAP, _PROFILE_SCALE,
        )  # fmt: skip

    @cached_property
    def _by_base_and_word(self) -> tuple[np.ndarray, np.ndarray]:
        """Profiles and 5-mers as the loop reads them."""
        by_base = np.pad(np.moveaxis(self.profiles, 0, -1), ((0, 0), (0, 1), (0, 0)))
        by_bin = np.pad(self.pentamers.T, ((0, 0), (0, 1), (0, 0)), constant_values=-9)
        return np.ascontiguousarray(by_base, np.float64), np.ascontiguousarray(by_bin)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the tables by name, for a file."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

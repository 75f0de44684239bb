"""The reference panel: composition, codon usage and start signals of the training genomes.

What is too short to estimate its parameters from is given those of the panel's genomes that it is
most probably from: by its composition, and by how much more probable it is if there are genes with
the codon usage of the genome in it. They need not be related: codon usage and start signals go
with composition. The mean of a few serves better than the nearest one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from dnatag.domains.genes.loops import genes_log_odds
from dnatag.domains.genes.nucleotides import base_numbers, encode, reverse_complement
from dnatag.domains.genes.selftraining.binning import chains
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.domains.genes.signals.gene_signals import (
    GeneExamples,
    GeneSignals,
    codon_ratios,
    hexamer_counts,
)
from dnatag.domains.genes.signals.rbs import RbsMotif

__all__ = ["ReferencePanel"]

#: Genomes with fewer genes to estimate from are no part of a panel.
LEAST_GENES = 200
#: Tables are stored in steps of this many nats, in 8 bits.
_STEP = 0.05
_UNKNOWN = encode(b"N")


@dataclass(frozen=True)
class ReferencePanel:
    """Composition and signals of P genomes.

    Attributes
    ----------
    names : tuple of str
        The genomes.
    composition : numpy.ndarray
        float32 (P, 4096), logarithm of the share of each hexamer, on both strands together.
    signals : tuple of GeneSignals
        Codon usage and start signals of each.
    rbs : tuple of RbsMotif
        The motif before the starts of each.
    """

    names: tuple[str, ...]
    composition: np.ndarray
    signals: tuple[GeneSignals, ...]
    rbs: tuple[RbsMotif, ...]

    @classmethod
    def none(cls) -> ReferencePanel:
        """Return a panel without genomes."""
        return cls((), np.zeros((0, 4096), np.float32), (), ())

    @classmethod
    def estimate(cls, genomes: Iterable[tuple[str, Sequence[GeneExamples]]]) -> ReferencePanel:
        """Estimate the composition and signals of annotated genomes.

        Parameters
        ----------
        genomes : iterable of (str, sequence of GeneExamples)
            Names, and sequences with the genes to estimate from. Genomes with few genes are left
            out, and all but the first of a name.
        """
        found: dict[str, tuple[np.ndarray, GeneSignals, RbsMotif]] = {}
        for name, examples in genomes:
            if name not in found and sum(len(e.genes) for e in examples) >= LEAST_GENES:
                counts = np.sum([hexamer_counts(e.symbols) for e in examples], axis=0)
                found[name] = counts, GeneSignals.estimate(examples), RbsMotif.estimate(examples)
        if not found:
            return cls.none()
        counts, signals, rbs = zip(*found.values(), strict=True)
        share = np.stack(counts) + 1.0
        logs = np.log(share / share.sum(1, keepdims=True)).astype(np.float32)
        return cls(tuple(found), logs, signals, rbs)

    def __or__(self, other: ReferencePanel) -> ReferencePanel:
        """Join two panels; of genomes with the same name, the first panel's is kept."""
        more = [i for i, name in enumerate(other.names) if name not in self.names]
        return ReferencePanel(
            self.names + tuple(other.names[i] for i in more),
            np.concatenate([self.composition, other.composition[more]]),
            self.signals + tuple(other.signals[i] for i in more),
            self.rbs + tuple(other.rbs[i] for i in more),
        )

    def nearest(
        self, contigs: Sequence[np.ndarray], settings: SelfTrainingSettings
    ) -> tuple[int, ...]:
        """Choose the genomes that contigs are most similar to.

        Parameters
        ----------
        contigs : sequence of numpy.ndarray
            uint8 (L,), symbols of contigs that belong together.
        settings : SelfTrainingSettings
            How many genomes are compared, and chosen.

        Returns
        -------
        tuple of int
            Indices of at most ``settings.panel_averaged`` genomes, the most similar first.
        """
        # An unknown base keeps hexamers from running over from one to the next.
        apart = [part for contig in contigs for part in (contig, _UNKNOWN)]
        counts = hexamer_counts(np.concatenate([*apart, _UNKNOWN]))
        # Counted on both strands.
        log_likelihood = self._chains @ counts / 2
        similar = np.argsort(-log_likelihood, kind="stable")[: settings.panel_candidates]
        ratios = np.empty((len(similar), 4096), order="F")
        for row, genome in zip(ratios, similar.tolist(), strict=True):
            row[:] = self._ratios(genome)
        for strand in (contigs, [reverse_complement(contig) for contig in contigs]):
            base = base_numbers(np.concatenate([*strand, _UNKNOWN]))
            ends = np.cumsum([0, *map(len, strand)])
            log_likelihood[similar] += genes_log_odds(base, ends, ratios, settings.panel_switch) / 2
        order = similar[np.argsort(-log_likelihood[similar], kind="stable")]
        return tuple(order[: settings.panel_averaged].tolist())

    @cached_property
    def shares(self) -> np.ndarray:
        """Share of each hexamer: float64 (P, 4096)."""
        shares: np.ndarray = np.exp(self.composition.astype(float))
        shares = shares / shares.sum(1, keepdims=True)
        return shares

    @cached_property
    def _chains(self) -> np.ndarray:
        """Markov chains of the genomes: (P, 4096)."""
        return chains(self.shares)

    def _ratios(self, genome: int) -> np.ndarray:
        """Probability of a hexamer's second codon, given the first, in genes over that anywhere."""
        if genome not in self._known_ratios:
            log_odds = self.signals[genome].hexamers
            self._known_ratios[genome] = codon_ratios(self.shares[genome], log_odds)
        return self._known_ratios[genome]

    @cached_property
    def _known_ratios(self) -> dict[int, np.ndarray]:
        """Those of genomes that were compared."""
        return {}

    def average(self, numbers: Sequence[int]) -> tuple[GeneSignals, RbsMotif]:
        """Return the mean of the signals of genomes, and the RBS motif of the first.

        Parameters
        ----------
        numbers : sequence of int
            Indices of the genomes, at least one.
        """
        chosen = [self.signals[number] for number in numbers]
        means = {
            field.name: np.mean([getattr(tables, field.name) for tables in chosen], axis=0)
            for field in fields(GeneSignals)
        }
        return GeneSignals(**means), self.rbs[numbers[0]]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the tables by name for a model file, the large ones in 8 or 16 bits."""
        arrays = {"composition": self.composition.astype(np.float16)}
        for field in fields(GeneSignals):
            tables = np.stack([getattr(a, field.name) for a in self.signals])
            arrays[field.name] = np.clip(np.rint(tables / _STEP), -127, 127).astype(np.int8)
        for field in fields(RbsMotif):
            arrays[field.name] = np.stack([getattr(m, field.name) for m in self.rbs])
        return arrays

    @classmethod
    def from_arrays(cls, names: Sequence[str], arrays: dict[str, np.ndarray]) -> ReferencePanel:
        """Inverse of :meth:`to_arrays`, but for rounding.

        Raises
        ------
        KeyError, ValueError
            If a table is missing or of another shape; the loops would read beyond its end.
        """
        like = GeneSignals.none().to_arrays() | RbsMotif.none().to_arrays()
        shapes = {name: table.shape for name, table in like.items()} | {"composition": (4096,)}
        for name, shape in shapes.items():
            if arrays[name].shape != (len(names), *shape):
                raise ValueError(f"table {name!r} has the shape {arrays[name].shape}")
        tables = {
            field.name: arrays[field.name].astype(np.float32) * np.float32(_STEP)
            for field in fields(GeneSignals)
        }
        signals = tuple(
            GeneSignals(**{name: table[i] for name, table in tables.items()})
            for i in range(len(names))
        )
        rbs = tuple(
            RbsMotif(**{field.name: arrays[field.name][i] for field in fields(RbsMotif)})
            for i in range(len(names))
        )
        return cls(tuple(names), arrays["composition"].astype(np.float32), signals, rbs)

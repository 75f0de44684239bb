"""Genomes that a model was trained on, to lend their adaptation to sequences too short for one.

A contig is taken for a relative of the genomes that it is most probably from: by its composition,
and by how much more probable it is if there are genes with the codon usage of the genome in it.
ReferencePanel in this sense need not be related: codon usage and the signals of starts go with
composition. The mean of a few serves better than the nearest one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from dnatag.domains.genes.nucleotides import base_numbers, reverse_complement
from dnatag.domains.genes.selftraining.binning import chains
from dnatag.domains.genes.signals.codon_usage import LEARN_LENGTH, Adaptation, hexamers
from dnatag.domains.genes.signals.kernels import genes_log_odds
from dnatag.domains.genes.signals.rbs import RbsMotif
from dnatag.domains.genes.training.corpus import LabelledGenome

__all__ = ["AVERAGED", "ReferencePanel"]

#: So many genomes lend the mean of their tables: more exact genes than with one, and as many as
#: with two or four, on contigs of genera that were not trained on.
AVERAGED = 3
#: Only in so many genomes, the most alike in composition, are genes looked for.
_ALIKE = 32
#: Probability that a gene, or what is between genes, ends before a codon.
_LEAVE = 0.006
#: Genomes with fewer genes to learn from lend nothing.
LEAST_GENES = 200
#: Tables are stored in steps of this many nats, in 8 bits.
_STEP = 0.05


@dataclass(frozen=True)
class ReferencePanel:
    """Composition and adaptation of P genomes.

    Attributes
    ----------
    names : tuple of str
        The genomes.
    composition : numpy.ndarray
        float32 (P, 4096), logarithm of the share of each hexamer, on both strands together.
    adaptations : tuple of Adaptation
        Codon usage and starts that each lends.
    motifs : tuple of RbsMotif
        And what precedes its starts.
    """

    names: tuple[str, ...]
    composition: np.ndarray
    adaptations: tuple[Adaptation, ...]
    motifs: tuple[RbsMotif, ...]

    @classmethod
    def none(cls) -> ReferencePanel:
        """Return no genomes."""
        return cls((), np.zeros((0, 4096), np.float32), (), ())

    @classmethod
    def of(cls, genomes: Iterable[LabelledGenome]) -> ReferencePanel:
        """Learn of annotated genomes.

        Parameters
        ----------
        genomes : iterable of LabelledGenome
            Those with few genes are left out, and all but the first of a name.
        """
        found: dict[str, tuple[np.ndarray, Adaptation, RbsMotif]] = {}
        for genome in genomes:
            learn_from = [
                (c.symbols, c.flags, [g for g in c.labels.genes if len(g) >= LEARN_LENGTH])
                for c in genome.contigs
            ]
            if genome.name not in found and sum(len(g) for _, _, g in learn_from) >= LEAST_GENES:
                counts = np.sum([hexamers(contig.symbols) for contig in genome.contigs], axis=0)
                found[genome.name] = (
                    counts,
                    Adaptation.estimate(learn_from),
                    RbsMotif.estimate(learn_from),
                )
        if not found:
            return cls.none()
        counts, adaptations, motifs = zip(*found.values(), strict=True)
        share = np.stack(counts) + 1.0
        logs = np.log(share / share.sum(1, keepdims=True)).astype(np.float32)
        return cls(tuple(found), logs, adaptations, motifs)

    def __or__(self, other: ReferencePanel) -> ReferencePanel:
        """Return these and the others; of those with the same name, these."""
        more = [i for i, name in enumerate(other.names) if name not in self.names]
        return ReferencePanel(
            self.names + tuple(other.names[i] for i in more),
            np.concatenate([self.composition, other.composition[more]]),
            self.adaptations + tuple(other.adaptations[i] for i in more),
            self.motifs + tuple(other.motifs[i] for i in more),
        )

    def nearest(self, contigs: Sequence[np.ndarray]) -> tuple[int, ...]:
        """Choose the genomes that contigs are most alike.

        Parameters
        ----------
        contigs : sequence of numpy.ndarray
            uint8 (L,), symbols of contigs that belong together.

        Returns
        -------
        tuple of int
            The numbers of ``AVERAGED`` genomes, or of all if there are fewer, the most alike first.
        """
        counts = np.sum([hexamers(contig) for contig in contigs], axis=0)
        # Counted on both strands.
        log_likelihood = self._chances @ counts / 2
        alike = np.argsort(-log_likelihood, kind="stable")[:_ALIKE]
        ratios = self._ratios[alike]
        for contig in contigs:
            for strand in (contig, reverse_complement(contig)):
                log_likelihood[alike] += genes_log_odds(base_numbers(strand), ratios, _LEAVE) / 2
        order = alike[np.argsort(-log_likelihood[alike], kind="stable")]
        return tuple(order[:AVERAGED].tolist())

    @cached_property
    def shares(self) -> np.ndarray:
        """Share of each hexamer: float64 (P, 4096)."""
        shares = np.exp(self.composition.astype(float))
        return shares / shares.sum(1, keepdims=True)

    @cached_property
    def _chances(self) -> np.ndarray:
        """Markov chains of the genomes: (P, 4096)."""
        return chains(self.shares)

    @cached_property
    def _ratios(self) -> np.ndarray:
        """Probability of a hexamer's second codon, given the first, in genes over that anywhere."""
        shape = len(self.names), 64, 64
        share = self.shares.reshape(shape)
        odds = np.exp([a.hexamers.astype(float) for a in self.adaptations]).reshape(shape)
        coding = share * odds
        ratios = coding / coding.sum(2, keepdims=True) / share * share.sum(2, keepdims=True)
        return ratios.reshape(len(self.names), 4096)

    def average(self, numbers: Sequence[int]) -> tuple[Adaptation, RbsMotif]:
        """Give the mean of the tables of genomes, and the motif of the first.

        Parameters
        ----------
        numbers : sequence of int
            The genomes, at least one.
        """
        lenders = [self.adaptations[number] for number in numbers]
        means = {
            field.name: np.mean([getattr(lender, field.name) for lender in lenders], axis=0)
            for field in fields(Adaptation)
        }
        return Adaptation(**means), self.motifs[numbers[0]]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the tables by name, as a file has them: the large ones in 8 or 16 bits."""
        arrays = {"composition": self.composition.astype(np.float16)}
        for field in fields(Adaptation):
            tables = np.stack([getattr(a, field.name) for a in self.adaptations])
            arrays[field.name] = np.clip(np.rint(tables / _STEP), -127, 127).astype(np.int8)
        for field in fields(RbsMotif):
            arrays[field.name] = np.stack([getattr(m, field.name) for m in self.motifs])
        return arrays

    @classmethod
    def from_arrays(cls, names: Sequence[str], arrays: dict[str, np.ndarray]) -> ReferencePanel:
        """Inverse of :meth:`to_arrays`, but for rounding.

        Raises
        ------
        KeyError, ValueError
            If a table is missing or of another shape; compiled loops would read beyond its end.
        """
        like = Adaptation.none().to_arrays() | RbsMotif.none().to_arrays()
        shapes = {name: table.shape for name, table in like.items()} | {"composition": (4096,)}
        for name, shape in shapes.items():
            if arrays[name].shape != (len(names), *shape):
                raise ValueError(f"table {name!r} has the shape {arrays[name].shape}")
        tables = {
            field.name: arrays[field.name].astype(np.float32) * np.float32(_STEP)
            for field in fields(Adaptation)
        }
        adaptations = tuple(
            Adaptation(**{name: table[i] for name, table in tables.items()})
            for i in range(len(names))
        )
        motifs = tuple(
            RbsMotif(**{field.name: arrays[field.name][i] for field in fields(RbsMotif)})
            for i in range(len(names))
        )
        return cls(tuple(names), arrays["composition"].astype(np.float32), adaptations, motifs)

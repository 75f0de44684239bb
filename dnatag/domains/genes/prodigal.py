"""Predictions as Prodigal would describe them: whole codons, ribosome binding sites, scores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TextIO

import numpy as np

from dnatag import __version__
from dnatag.domains.genes.decoding.assemble import Prediction
from dnatag.domains.genes.nucleotides import encode, splice
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.domains.genes.signals.gene_signals import FEATURES
from dnatag.domains.genes.signals.rbs import RbsMotif
from dnatag.domains.genes.signals.shine_dalgarno import REACH, name_site
from dnatag.domains.genes.statistics import count_bases
from dnatag.formats.sequences.prodigal_writer import (
    FEATURE_FORMATS,
    ProdigalContig,
    ProdigalGene,
    ProdigalStart,
    write_nucleotides,
    write_proteins,
    write_starts,
)
from dnatag.formats.sequences.records import CodingSequence

__all__ = ["ProdigalLengths", "ProdigalWriter", "uses_sd"]

#: Prodigal's scores are log-odds times this: its "conf" is the logistic function of score / 4.35.
SCALE = 4.35
#: Posteriors are no nearer than this to 0 and 1: they are computed in single precision.
LEAST = 1e-6
#: Bases around a start that its signals depend on.
FLANK = 60
#: What is looked for in the motif of a genome, and how many of its starts must have the motif.
SD_PARTS, SD_SHARE = ("AGGA", "GGAG", "GAGG"), 0.1


@dataclass(frozen=True)
class ProdigalLengths:
    """Which genes are long enough.

    Parameters
    ----------
    gene, edge_gene : int
        Shortest whole gene, and shortest gene that runs off a contig, in bases.
    """

    gene: int = 90
    edge_gene: int = 60

    def only(self, prediction: Prediction) -> Prediction:
        """Return a prediction with only the genes that are long enough."""
        return replace(prediction, genes=[g for g in prediction.genes if self._allow(g)])

    def _allow(self, gene: CodingSequence) -> bool:
        partial = gene.partial5 or gene.partial3
        return len(gene) >= (self.edge_gene if partial else self.gene)


class ProdigalWriter:
    """Writes predictions on linear contigs to open files, as Prodigal does.

    Parameters
    ----------
    handles : mapping of str to text file
        Where to write ``genes``, ``proteins``, ``nucleotides`` and ``starts``; the latter want
        predictions with alternative starts.
    format : str
        Format of the genes: gbk, gff or sco.
    single : bool
        Whether all contigs are taken as one genome.
    stop_codon : bool
        Whether proteins end in ``*``.
    model : str
        Name of the model.
    """

    def __init__(
        self,
        handles: Mapping[str, TextIO],
        *,
        format: str = "gbk",
        single: bool = True,
        stop_codon: bool = True,
        model: str,
    ) -> None:
        self._handles = handles
        self._write_genes = FEATURE_FORMATS[format]
        self._single = single
        self._stop_codon = stop_codon
        self._model = model
        self._contigs = 0

    def write(self, prediction: Prediction) -> None:
        """Write a contig to all files."""
        genes = prediction.genes
        contig = self._contig(prediction, [_describe(prediction, gene) for gene in genes])
        for kind, handle in self._handles.items():
            match kind:
                case "genes":
                    self._write_genes(handle, contig, __version__)
                case "proteins":
                    write_proteins(handle, contig, stop=self._stop_codon)
                case "nucleotides":
                    write_nucleotides(handle, contig)
                case "starts":
                    write_starts(handle, contig, [_with_starts(prediction, g) for g in genes])

    def _contig(self, prediction: Prediction, genes: list[ProdigalGene]) -> ProdigalContig:
        self._contigs += 1
        contig, parameters = prediction.contig, prediction.parameters
        run = ProdigalContig.of_run(
            __version__,
            self._model,
            single=self._single,
            gc=_gc(contig.sequence),
            table=parameters.code.table or 0,
            uses_sd=uses_sd(parameters.rbs),
        )
        header = f"{contig.id} {contig.description}".strip()
        return ProdigalContig(self._contigs, contig.id, header, len(contig), run, genes)


def uses_sd(rbs: RbsMotif) -> bool:
    """Whether the motif before the starts of a genome is that of Shine and Dalgarno."""
    consensus = "".join("ACGT"[number] for number in rbs.weights.argmax(1))
    return any(part in consensus for part in SD_PARTS) and 1 - rbs.spacers[-1] >= SD_SHARE


def _with_starts(prediction: Prediction, gene: CodingSequence) -> list[ProdigalGene]:
    """Describe a gene with each of its starts; scores are those of gene and start."""
    variants = [gene]
    for place, posterior in gene.alternative_starts:
        part = (place, gene.end) if gene.strand > 0 else (gene.start, place + 1)
        variants.append(
            replace(gene, parts=(part,), phase=0, partial5=False, start_posterior=posterior)
        )
    own = [_describe(prediction, variant, with_start=True) for variant in variants]
    return sorted(own, key=lambda g: (g.begin, g.end))


def _describe(
    prediction: Prediction, gene: CodingSequence, *, with_start: bool = False
) -> ProdigalGene:
    """Describe a gene, cut to whole codons."""
    before = gene.phase if gene.partial5 else 0
    behind = (len(gene) - before) % 3
    left, right = (before, behind)[:: gene.strand]
    ((start, end),) = gene.parts
    start, end = start + left, end - right
    bases = splice(prediction.contig.sequence, ((start, end),), gene.strand).upper()
    posterior = gene.posterior or 0.0
    score = SCALE * _logit(posterior * ((gene.start_posterior or 0.0) if with_start else 1))
    missing = (gene.partial5, gene.partial3)[:: gene.strand]
    return ProdigalGene(
        start + 1,
        end,
        gene.strand,
        f"{missing[0]:d}{missing[1]:d}",
        _gc(bases),
        100 * posterior,
        score,
        ProdigalStart("Edge") if gene.partial5 else _start(prediction, gene, bases),
        bases,
        prediction.code.translate(bases, complete_start=not gene.partial5),
    )


def _start(prediction: Prediction, gene: CodingSequence, bases: bytes) -> ProdigalStart:
    """Describe a complete start."""
    contig, first = prediction.contig.sequence, gene.five_prime
    low, high = (first - FLANK, first + FLANK + 1)
    here = (max(low, 0), min(high, len(contig)))
    around = splice(contig, (here,), gene.strand).upper().replace(b"U", b"T")
    at = first - here[0] if gene.strand > 0 else here[1] - 1 - first
    motif, spacer = name_site(around[max(at - REACH, 0) : at].decode("ascii"))
    codon, upstream, rbs = _signals(prediction.parameters, encode(around), at)
    return ProdigalStart(
        bases[:3].decode("ascii").replace("U", "T"),
        motif,
        spacer,
        SCALE * codon,
        SCALE * rbs,
        SCALE * upstream,
    )


def _signals(
    parameters: GenomeParameters, symbols: np.ndarray, at: int
) -> tuple[float, float, float]:
    """Log-odds of a start on the forward strand: its codon, the bases around it, the motif."""
    features = parameters.start_signals.features(symbols, parameters.code.properties(symbols))
    of_start = dict(zip(FEATURES, features[at].tolist(), strict=True))
    upstream = max(of_start["+profile first"], of_start["+profile inner"])
    (rbs,) = parameters.rbs.log_odds(symbols, np.array([at], dtype=np.int64), 1).tolist()
    return of_start["+start codon"], upstream, rbs


def _gc(sequence: bytes) -> float:
    strong, known = count_bases(sequence)
    return strong / max(known, 1)


def _logit(probability: float) -> float:
    inside = min(max(probability, LEAST), 1 - LEAST)
    return math.log(inside / (1 - inside))

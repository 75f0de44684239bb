"""Parameters of a genome, estimated from its own genes.

Codon usage is that of open frames which look like genes; start signals are estimated again, round
by round, from what the network finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.decoding.decoder import Decoder
from dnatag.domains.genes.decoding.encoded import CutContigs
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.selftraining.coding_frames import find_coding_frames, join_contigs
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.domains.genes.selftraining.reference_panel import ReferencePanel
from dnatag.domains.genes.selftraining.sampling import choose_parts, sample_genome
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.domains.genes.signals.gene_signals import GeneSignals
from dnatag.domains.genes.signals.rbs import RbsMotif
from dnatag.formats.sequences.records import Contig
from dnatag.report import Observer, counted

__all__ = ["Estimate", "ParameterEstimator"]


@dataclass(frozen=True)
class Estimate:
    """Parameters of a genome and where they come from.

    Attributes
    ----------
    parameters : GenomeParameters
        The parameters.
    genes : int
        How many of its genes they were estimated from; 0: they are those of the reference panel.
    remark : str
        Where they come from, for the user.
    contigs : CutContigs or None
        The genome with what the network encoded of it, if it did.
    """

    parameters: GenomeParameters
    genes: int
    remark: str
    contigs: CutContigs | None = None


class ParameterEstimator:
    """Estimates parameters of genomes whose genetic code is known.

    Parameters
    ----------
    decoder : Decoder
        Finds the genes to estimate from.
    panel : ReferencePanel
        Genomes whose signals serve where there are too few genes.
    settings : SelfTrainingSettings
        Sizes and thresholds.
    """

    def __init__(
        self, decoder: Decoder, panel: ReferencePanel, settings: SelfTrainingSettings
    ) -> None:
        self.decoder = decoder
        self.panel = panel
        self.settings = settings

    def nearest(self, contigs: Sequence[Contig]) -> tuple[int, ...]:
        """Choose the panel's genomes that contigs of one genome are most similar to."""
        return self.panel.nearest([encode(contig.sequence) for contig in contigs], self.settings)

    def from_panel(self, code: GeneticCode, genomes: Sequence[int]) -> GenomeParameters:
        """Return parameters with the averaged signals of genomes of the panel, if there are any."""
        if not genomes:
            return GenomeParameters(code)
        signals, rbs = self.panel.average(genomes)
        signals = signals.allowing(GeneticCode.ncbi(11).stops - code.stops)
        return GenomeParameters(code, signals, signals, rbs)

    def from_frames(
        self, contigs: Sequence[Contig], code: GeneticCode, threads: int = 1
    ) -> Estimate:
        """Estimate parameters from open reading frames, without the network.

        Parameters
        ----------
        contigs : sequence of Contig
            The genome; their order does not matter.
        code : GeneticCode
            Its genetic code.
        threads : int
            Number of threads.

        Returns
        -------
        Estimate
            Those of the most similar genomes of the panel, if there are too few sure genes.
        """
        settings = self.settings
        nearest = self.nearest(
            sample_genome(contigs, settings.sample_size, settings.sample_stretch)
        )
        first = self.from_panel(code, nearest)
        stretches = sample_genome(contigs, settings.frames_size, settings.sample_stretch)
        symbols = join_contigs(stretches)
        examples = find_coding_frames(symbols, code, first.signals, settings, threads)
        for _ in range(settings.frames_rounds - 1):
            signals = GeneSignals.estimate([examples])
            examples = find_coding_frames(symbols, code, signals, settings, threads)
        number = len(examples.genes)
        if number < settings.min_genes:
            names = ", ".join(self.panel.names[i] for i in nearest)
            similar = f"; averages of similar genomes instead: {names}" if names else ""
            return Estimate(
                first,
                0,
                f"no adaptation: {counted(number, 'sure genes')}, {settings.min_genes} are needed"
                f"{similar}",
            )
        signals, rbs = settings.estimate([examples]), RbsMotif.estimate([examples])
        return Estimate(
            GenomeParameters(code, signals, signals, rbs, estimated=True),
            number,
            f"adapted to the genome: estimated from {counted(number, 'genes')}",
        )

    def from_genome(
        self, contigs: Sequence[Contig], code: GeneticCode, observer: Observer
    ) -> Estimate:
        """Estimate parameters from frames, then start signals by the network, until they settle.

        Large genomes are left at what their frames give.

        Parameters
        ----------
        contigs, code
            See :meth:`from_frames`.
        observer : Observer
            Receives the progress in bases, of what is encoded.

        Returns
        -------
        Estimate
            With the genome, if its start signals were estimated.
        """
        estimate = self.from_frames(contigs, code, self.decoder.threads)
        if not estimate.genes or sum(map(len, contigs)) > self.settings.max_genome:
            return estimate
        cut = self.decoder.cut(contigs, [estimate.parameters] * len(contigs))
        chunks = cut.chunks_of_contigs()
        chosen = choose_parts(contigs, [len(own) for own in chunks], self.settings.start_sample)
        part = sorted(chunks[contig][i] for contig, parts in chosen for i in parts)
        encoded = self.decoder.encode(cut, part, observer)
        parameters, genes, rounds = self._refine(encoded, estimate.parameters)
        remark = (
            f"adapted to the genome: codon usage of {counted(estimate.genes, 'genes')}, starts of "
            f"{genes}, estimated in {rounds} round{'s' * (rounds > 1)}"
        )
        return Estimate(parameters, estimate.genes, remark, encoded.of(parameters))

    def _refine(
        self, encoded: CutContigs, parameters: GenomeParameters
    ) -> tuple[GenomeParameters, int, int]:
        """Estimate start signals until starts hardly change; return also how many genes, rounds."""
        before: set[tuple[int, int, int]] = set()
        rounds = 0
        while True:
            examples = [
                e._replace(genes=[g for g in e.genes if len(g) >= self.settings.min_gene_length])
                for e in self.decoder.viterbi_genes(encoded.of(parameters))
            ]
            starts = {
                (chunk, g.strand, g.five_prime)
                for chunk, example in enumerate(examples)
                for g in example.genes
            }
            settled = len(starts & before) >= self.settings.settled * len(starts)
            if rounds == self.settings.max_rounds or settled:
                return parameters, len(starts), rounds
            before = starts
            rounds += 1
            parameters = replace(
                parameters,
                start_signals=self.settings.estimate(examples),
                rbs=RbsMotif.estimate(examples),
            )

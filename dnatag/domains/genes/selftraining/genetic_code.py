"""The genetic code of a genome: a look at its reading frames, then likelihoods under each code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.decoding.chunks import groups
from dnatag.domains.genes.decoding.decoder import Decoder
from dnatag.domains.genes.loops import open_bases
from dnatag.domains.genes.nucleotides import encode, splice
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.domains.genes.selftraining.sampling import sample_genome
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.formats.sequences.records import Contig

__all__ = ["CodeChooser", "CodeEvidence", "likeliest_code", "may_be_recoded"]


@dataclass(frozen=True)
class CodeEvidence:
    """What a genetic code is chosen from.

    Attributes
    ----------
    stretches : tuple of Contig
        Stretches of a genome.
    scores : numpy.ndarray
        float64 (1 + number of other codes,), log-likelihoods of the stretches under code 11 and
        the others; zeros where no other code is considered.
    """

    stretches: tuple[Contig, ...]
    scores: np.ndarray

    @property
    def size(self) -> int:
        """Bases of the stretches."""
        return sum(map(len, self.stretches))

    @classmethod
    def total(cls, parts: Sequence[CodeEvidence]) -> CodeEvidence:
        """Join the evidence of contigs of one genome, at least one."""
        stretches = tuple(stretch for part in parts for stretch in part.stretches)
        return cls(stretches, np.sum([part.scores for part in parts], axis=0))


def may_be_recoded(
    stretches: Sequence[Contig],
    settings: SelfTrainingSettings,
    more_open: Callable[[int], float],
) -> bool:
    """Whether stretches of a genome look as if its genetic code could be another one than 11.

    Under code 11 the genes of another code are in pieces, cut at each codon that is a stop only in
    code 11. So another code opens many long reading frames where it is the right one.

    Parameters
    ----------
    stretches : sequence of Contig
        Stretches of a genome.
    settings : SelfTrainingSettings
        Which codes there are, and what is a long frame.
    more_open : callable
        The share of the sequence that another code has to open, for a number of bases.

    Returns
    -------
    bool
        False if there are too few bases to decide.
    """
    size = sum(map(len, stretches))
    if size < settings.min_code_sample:
        return False
    symbols = [encode(stretch.sequence) for stretch in stretches]

    def open_under(table: int) -> int:
        code = GeneticCode.ncbi(table)
        return sum(open_bases(code.properties(s), settings.long_frame) for s in symbols)

    least = open_under(11) + more_open(size) * size
    # Most genomes of code 11 leave too little to open.
    return least <= size and any(open_under(table) >= least for table in settings.other_codes)


def likeliest_code(evidence: CodeEvidence, settings: SelfTrainingSettings) -> tuple[int, str]:
    """Choose the genetic code with the highest likelihood, if the margin is large enough.

    Parameters
    ----------
    evidence : CodeEvidence
        The evidence of a genome.
    settings : SelfTrainingSettings
        The codes and their margins.

    Returns
    -------
    table : int
        NCBI's number.
    remark : str
        Why.
    """
    size = evidence.size
    if size < settings.min_code_sample:
        return 11, f"{size} bp are too few to choose"
    against = (evidence.scores[1:] - evidence.scores[0]) * 1000 / size
    gains = dict(zip(settings.other_codes, against, strict=True))
    best = max(gains, key=lambda table: gains[table])
    margin = settings.code_margin(size)
    gain = round(float(gains[best]), 1) + 0.0  # never -0.0
    if gains[best] < margin:
        return 11, f"code {best} is next, {gain:+.1f} nats/kb; it would need {margin:+.1f}"
    return best, f"{gain:+.1f} nats/kb against code 11"


class CodeChooser:
    """Chooses the genetic codes of genomes by the likelihood of their sequence.

    Parameters
    ----------
    decoder : Decoder
        Computes the likelihoods.
    settings : SelfTrainingSettings
        The codes, their margins and the sizes of samples.
    """

    def __init__(self, decoder: Decoder, settings: SelfTrainingSettings) -> None:
        self.decoder = decoder
        self.settings = settings

    def sample(self, contigs: Sequence[Contig]) -> list[Contig]:
        """Take stretches of a genome to choose its genetic code from; all of it if it is short."""
        if sum(map(len, contigs)) < self.settings.min_code_sample:
            return list(contigs)
        return sample_genome(contigs, self.settings.code_sample, self.settings.code_stretch)

    def examine(
        self,
        genomes: Iterable[Sequence[Contig]],
        more_open: Callable[[int], float] | None = None,
    ) -> list[CodeEvidence]:
        """Compute the likelihoods of genomes under each genetic code.

        Parameters
        ----------
        genomes : iterable of sequence of Contig
            The contigs of each; samples are taken of them.
        more_open : callable or None
            Only of genomes in which another code opens so much more of the sequence, see
            :func:`may_be_recoded`; None: of all with enough bases.
        """
        samples = [self.sample(contigs) for contigs in genomes]
        least = self.settings.min_code_sample
        wanted = [
            sum(map(len, s)) >= least
            if more_open is None
            else may_be_recoded(s, self.settings, more_open)
            for s in samples
        ]
        codes = [GeneticCode.ncbi(table) for table in (11, *self.settings.other_codes)]
        flat = [x for s, is_wanted in zip(samples, wanted, strict=True) if is_wanted for x in s]
        sizes = [len(s) * is_wanted for s, is_wanted in zip(samples, wanted, strict=True)]
        owners = np.repeat(np.arange(len(samples)), sizes)
        each = [
            self.decoder.log_partitions(group, codes)
            for group in groups(flat, self.decoder.settings.group)
        ]
        scores = np.concatenate([np.zeros((len(codes), 0)), *each], axis=1)
        summed = [np.bincount(owners, row, minlength=len(samples)) for row in scores]
        return [
            CodeEvidence(tuple(s), of_genome)
            for s, of_genome in zip(samples, np.transpose(summed), strict=True)
        ]

    def choose(self, evidence: CodeEvidence) -> tuple[GeneticCode, str]:
        """Choose the genetic code of a genome.

        Returns
        -------
        code : GeneticCode
            The code.
        remark : str
            Which it is and why, for the user.
        """
        table, remark = likeliest_code(evidence, self.settings)
        if table == 4 and self._tryptophan(evidence.stretches) > self.settings.max_tryptophan:
            table = 25
        return GeneticCode.ncbi(table), f"genetic code {table}: {remark}"

    def of_genome(self, contigs: Sequence[Contig]) -> tuple[GeneticCode, str]:
        """Choose the genetic code of one genome; returns as :meth:`choose`."""
        (evidence,) = self.examine([contigs])
        return self.choose(evidence)

    def of_each(self, contigs: Iterable[Contig]) -> list[tuple[GeneticCode, str]]:
        """Choose the genetic code of each contig by itself; returns as :meth:`choose`."""
        more_open = self.settings.more_open
        return [self.choose(e) for e in self.examine(([c] for c in contigs), more_open)]

    def differ(self, contigs: Sequence[Contig]) -> bool:
        """Whether some contigs clearly have other stop codons than the others.

        Parameters
        ----------
        contigs : sequence of Contig
            Of one genome or of several.
        """
        settings = self.settings
        sure: set[int] = set()
        rest = []
        for contig, evidence in zip(contigs, self._look_at(contigs), strict=True):
            best = int(evidence.scores.argmax())
            gain = evidence.scores[best] - evidence.scores[0]
            if 1000 * gain >= settings.clear_margin * evidence.size > 0:
                sure.add(settings.other_codes[best - 1])
            else:
                rest.append(contig)
        if len({GeneticCode.ncbi(table).stops for table in sure}) != 1:
            return bool(sure)
        (evidence,) = self.examine([rest])
        return any(self.refutes(evidence, table) for table in sure)

    def _look_at(self, contigs: Sequence[Contig]) -> list[CodeEvidence]:
        """Examine a stretch of each contig, if it is long enough and clearly looks recoded."""
        settings = self.settings
        stretches = [
            sample_genome([c], settings.code_stretch, settings.code_stretch)
            if len(c) >= settings.clear_size
            else []
            for c in contigs
        ]
        return self.examine(stretches, lambda _: settings.clear_open)

    def refutes(self, evidence: CodeEvidence, table: int) -> bool:
        """Whether contigs clearly have code 11 rather than another one.

        Parameters
        ----------
        evidence : CodeEvidence
            Of the contigs, for all codes.
        table : int
            NCBI's number of the other code, or of one with the same stop codons.
        """
        stops = GeneticCode.ncbi(table).stops
        return any(
            evidence.scores[0] - score >= self.settings.clear_odds
            for other, score in zip(self.settings.other_codes, evidence.scores[1:], strict=True)
            if GeneticCode.ncbi(other).stops == stops
        )

    def _tryptophan(self, stretches: Sequence[Contig]) -> float:
        """Share of TGA and TGG among the codons of the sure genes of a sample, under code 4."""
        codons = tryptophan = 0
        looked_at = self.sample(stretches)
        parameters = [GenomeParameters(GeneticCode.ncbi(4))] * len(looked_at)
        for prediction in self.decoder.predict(looked_at, parameters):
            for gene in prediction.genes:
                if (gene.posterior or 0) >= self.settings.min_posterior:
                    bases = splice(prediction.contig.sequence, gene.parts, gene.strand).upper()
                    read = [bases[i : i + 3] for i in range(gene.phase, len(bases) - 3, 3)]
                    codons += len(read)
                    tryptophan += sum(codon in (b"TGA", b"TGG") for codon in read)
        return tryptophan / max(codons, 1)

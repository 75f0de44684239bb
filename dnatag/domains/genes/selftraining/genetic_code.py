"""The genetic code of a genome: a look at its reading frames, then likelihoods under each code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dnatag.domains.genes.codes import STOP, STOP_REVERSE, GeneticCode
from dnatag.domains.genes.decoding.chunks import groups
from dnatag.domains.genes.decoding.decoder import Decoder
from dnatag.domains.genes.nucleotides import encode, splice
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.domains.genes.selftraining.sampling import sample
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


def may_be_recoded(stretches: Sequence[Contig], settings: SelfTrainingSettings) -> bool:
    """Whether stretches of a genome look as if its genetic code could be another one than 11.

    Under code 11 the genes of another code are in pieces, cut at each codon that is a stop only in
    code 11. So another code opens many long reading frames where it is the right one.

    Parameters
    ----------
    stretches : sequence of Contig
        Stretches of a genome.
    settings : SelfTrainingSettings
        Which codes there are, and how much more they have to open.

    Returns
    -------
    bool
        False if there are too few bases to decide.
    """
    size = sum(map(len, stretches))
    if size < settings.min_code_sample:
        return False
    open_bases = np.zeros(1 + len(settings.other_codes))
    for stretch in stretches:
        symbols = encode(stretch.sequence)
        for i, table in enumerate((11, *settings.other_codes)):
            flags = GeneticCode.ncbi(table).properties(symbols)
            open_bases[i] += _open_bases(flags, settings.long_frame)
    return bool(open_bases[1:].max() - open_bases[0] >= settings.more_open * size)


def _open_bases(flags: np.ndarray, long_frame: int) -> int:
    """Count the bases in long reading frames of either strand, from flags (L,)."""
    length = len(flags)
    depth = np.zeros(length + 1, np.int64)
    for bit in (STOP, STOP_REVERSE):
        stops = np.flatnonzero(flags & bit)
        for frame in range(3):
            edges = np.concatenate([[-1], stops[stops % 3 == frame], [length]])
            long = np.diff(edges) > long_frame
            depth[edges[:-1][long] + 1] += 1
            depth[edges[1:][long]] -= 1
    return int(np.count_nonzero(np.cumsum(depth[:-1])))


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
    if gains[best] < margin:
        return 11, f"code {best} is next, {gains[best]:+.1f} nats/kb; it would need {margin:+.1f}"
    return best, f"{gains[best]:+.1f} nats/kb against code 11"


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
        """Take stretches of a genome to choose its genetic code from."""
        return sample(contigs, self.settings.code_sample, self.settings.code_stretch)

    def examine(
        self, genomes: Iterable[Sequence[Contig]], *, screen: bool = True
    ) -> list[CodeEvidence]:
        """Compute the likelihoods of genomes under each genetic code.

        Parameters
        ----------
        genomes : iterable of sequence of Contig
            The contigs of each; samples are taken of them.
        screen : bool
            Whether to leave out the genomes that look like code 11 at first sight.
        """
        samples = [self.sample(contigs) for contigs in genomes]
        least = self.settings.min_code_sample
        wanted = [
            may_be_recoded(s, self.settings) if screen else sum(map(len, s)) >= least
            for s in samples
        ]
        tables = (11, *self.settings.other_codes)
        codes = [GeneticCode.ncbi(table) for table in tables]
        flat = [stretch for s, is_wanted in zip(samples, wanted, strict=True) if is_wanted
                for stretch in s]  # fmt: skip
        owners = np.repeat(
            np.arange(len(samples)),
            [len(s) * is_wanted for s, is_wanted in zip(samples, wanted, strict=True)],
        )
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
        (evidence,) = self.examine([contigs], screen=False)
        return self.choose(evidence)

    def of_each(self, contigs: Iterable[Contig]) -> list[tuple[GeneticCode, str]]:
        """Choose the genetic code of each contig by itself; returns as :meth:`choose`."""
        return [self.choose(evidence) for evidence in self.examine([c] for c in contigs)]

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

"""The plan of a prediction: contigs with the parameters of the genomes that they are from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.decoding.chunks import groups
from dnatag.domains.genes.decoding.decoder import Decoder
from dnatag.domains.genes.decoding.encoded import CutContigs
from dnatag.domains.genes.selftraining.binning import binning_gain, choose_bins
from dnatag.domains.genes.selftraining.estimation import Estimate, ParameterEstimator
from dnatag.domains.genes.selftraining.genetic_code import (
    CodeChooser,
    CodeEvidence,
    likeliest_code,
)
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.domains.genes.selftraining.reference_panel import ReferencePanel
from dnatag.domains.genes.selftraining.sampling import is_mixture, sample_genome
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.formats.sequences.records import Contig
from dnatag.report import Observer, counted

__all__ = ["Adapt", "PlannedContigs", "Planner"]

Adapt = Literal["auto", "file", "contig", "off"]


@dataclass(frozen=True)
class PlannedContigs:
    """Contigs that are decoded together.

    Attributes
    ----------
    contigs : list of Contig
        The contigs, in the order of the input.
    parameters : list of GenomeParameters
        Those of the genome of each contig.
    cut : CutContigs or None
        The contigs with what the network encoded of them to estimate the parameters, if it did.
    """

    contigs: list[Contig]
    parameters: list[GenomeParameters]
    cut: CutContigs | None = None


class Planner:
    """Finds out which contigs are of one genome, and the parameters of each genome.

    Parameters
    ----------
    decoder : Decoder
        Finds genes to estimate parameters from.
    panel : ReferencePanel
        Genomes that the model was trained on.
    adapt : {"auto", "file", "contig", "off"}
        What is taken as one genome, see :class:`dnatag.domains.genes.finder.GeneFinder`.
    code : GeneticCode or None
        The genetic code of all contigs; None to choose it.
    parameters : GenomeParameters or None
        The parameters of all contigs; None to estimate them.
    settings : SelfTrainingSettings
        Sizes and thresholds.
    """

    def __init__(
        self,
        decoder: Decoder,
        panel: ReferencePanel,
        *,
        adapt: Adapt,
        code: GeneticCode | None,
        parameters: GenomeParameters | None,
        settings: SelfTrainingSettings,
    ) -> None:
        self.adapt = adapt
        self.code = code
        self.parameters = parameters
        self.settings = settings
        self.codes = CodeChooser(decoder, settings)
        self._estimator = ParameterEstimator(decoder, panel, settings)
        self._panel = panel
        self._group_size = decoder.settings.group
        self._threads = decoder.threads

    def plan(self, contigs: Iterable[Contig], observer: Observer) -> Iterator[PlannedContigs]:
        """Plan a prediction.

        Parameters
        ----------
        contigs : iterable of Contig
            With distinct ids. They are taken as they are needed: at first all of a genome or a
            mixture that parameters are estimated from, then group by group.
        observer : Observer
            Receives notes, the parameters if all contigs are taken as one genome, and the progress
            in bases where contigs are encoded for it.

        Yields
        ------
        PlannedContigs
            In the order of the contigs.
        """
        if self.parameters is not None:
            yield from self._of_genome(contigs, self.parameters)
        elif self.adapt == "file":
            yield from self._one_genome(list(contigs), observer)
        elif self.adapt == "auto":
            yield from self._one_or_several(iter(contigs), observer)
        else:
            yield from self._several(contigs, {}, observer)

    def estimate(self, contigs: Sequence[Contig], observer: Observer) -> GenomeParameters:
        """Estimate the parameters of a genome.

        Parameters
        ----------
        contigs : sequence of Contig
            The genome; their order does not matter.
        observer : Observer
            Receives notes.
        """
        return self._estimate(contigs, observer)[0]

    def _one_or_several(
        self, contigs: Iterator[Contig], observer: Observer
    ) -> Iterator[PlannedContigs]:
        """Look whether contigs are of one genome; stop looking at more than a mixture may have."""
        held: list[Contig] = []
        size = 0
        for contig in contigs:
            held.append(contig)
            size += len(contig)
            if size > self.settings.max_mixture:
                break
        if not held:
            return
        if size <= self.settings.max_genome and not self._is_mixture(held):
            yield from self._one_genome(held, observer)
            return
        small = size <= self.settings.max_mixture and self._can_bin
        short = [c for c in held if len(c) < self.settings.long_contig] if small else []
        binned = self._bin(short, observer)
        yield from self._several(_release(held, contigs), binned, observer)

    def _one_genome(self, contigs: list[Contig], observer: Observer) -> Iterator[PlannedContigs]:
        """Plan contigs that are taken as one genome."""
        parameters, cut = self._estimate(contigs, observer)
        observer.estimated(parameters)
        if cut is None:
            yield from self._of_genome(_release(contigs), parameters)
        else:
            yield PlannedContigs(contigs, [parameters] * len(contigs), cut)

    def _of_genome(
        self, contigs: Iterable[Contig], parameters: GenomeParameters
    ) -> Iterator[PlannedContigs]:
        """Plan contigs of a genome whose parameters are known."""
        for group in groups(contigs, self._group_size):
            yield PlannedContigs(group, [parameters] * len(group))

    def _several(
        self, contigs: Iterable[Contig], binned: Mapping[str, GenomeParameters], observer: Observer
    ) -> Iterator[PlannedContigs]:
        """Plan contigs of several genomes, some of which have the parameters of their bin."""
        for group in groups(contigs, self._group_size):
            alone = [c for c in group if c.id not in binned]
            codes = dict(zip((c.id for c in alone), self._codes_of(alone, observer), strict=True))
            of_panel = self._of_panel()
            for is_long, run in groupby(group, key=self._is_trained_alone):
                if is_long:
                    for contig in run:
                        estimate = self._estimator.from_genome([contig], codes[contig.id], observer)
                        yield PlannedContigs([contig], [estimate.parameters], estimate.contigs)
                else:
                    own = list(run)
                    yield PlannedContigs(
                        own, [binned.get(c.id) or of_panel(c, codes[c.id]) for c in own]
                    )

    def _is_trained_alone(self, contig: Contig) -> bool:
        return self.adapt != "off" and len(contig) >= self.settings.long_contig

    def _of_panel(self) -> Callable[[Contig, GeneticCode], GenomeParameters]:
        """Return what gives a contig the panel's parameters, the same object to similar contigs."""
        known: dict[tuple[GeneticCode, tuple[int, ...]], GenomeParameters] = {}

        def parameters(contig: Contig, code: GeneticCode) -> GenomeParameters:
            nearest = () if self.adapt == "off" else self._estimator.nearest([contig])
            if (code, nearest) not in known:
                known[code, nearest] = self._estimator.from_panel(code, nearest)
            return known[code, nearest]

        return parameters

    def _estimate(
        self, contigs: Sequence[Contig], observer: Observer
    ) -> tuple[GenomeParameters, CutContigs | None]:
        """Choose the genetic code of a genome and estimate its parameters."""
        code = self.code
        if code is None:
            code, remark = self.codes.of_genome(contigs)
            observer.note(remark)
        estimate = self._estimator.from_genome(contigs, code, observer)
        observer.note(estimate.remark)
        return estimate.parameters, estimate.contigs

    def _codes_of(self, contigs: Sequence[Contig], observer: Observer) -> list[GeneticCode]:
        """Choose the genetic code of each contig; note those that are not code 11."""
        if self.code is not None:
            return [self.code] * len(contigs)
        chosen = self.codes.of_each(contigs)
        for contig, (code, remark) in zip(contigs, chosen, strict=True):
            if code.table != 11:
                observer.note(f"{contig.id}: {remark}")
        return [code for code, _ in chosen]

    # Mixtures ------------------------------------------------------------------------------------

    @property
    def _can_bin(self) -> bool:
        """Whether the panel has enough genomes to bin contigs."""
        return len(self._panel.names) >= self.settings.min_panel

    def _is_mixture(self, contigs: Sequence[Contig]) -> bool:
        """Whether contigs seem to be of several genomes: by GC content, code or composition."""
        settings = self.settings
        if is_mixture(contigs, settings) or self._codes_differ(contigs):
            return True
        short = [contig for contig in contigs if len(contig) < settings.long_contig]
        size = sum(map(len, short))
        # Chunks of a phage may differ as much as genomes do, but there is little to train on.
        if not self._can_bin or size < settings.long_contig or 2 * size <= sum(map(len, contigs)):
            return False
        stretches = sample_genome(short, settings.sample_size, settings.sample_stretch)
        gain = binning_gain(stretches, self._panel.shares, settings, self._threads)
        return gain > settings.min_binning_gain

    def _codes_differ(self, contigs: Sequence[Contig]) -> bool:
        """Whether contigs, each by itself, have genetic codes with different stop codons."""
        if self.code is not None or len(contigs) < 2:
            return False
        long = [contig for contig in contigs if len(contig) >= self.settings.long_contig]
        if len(long) > 1 and len({code.stops for code, _ in self.codes.of_each(long)}) > 1:
            return True
        return self.codes.differ(contigs)

    def _bin(self, contigs: list[Contig], observer: Observer) -> dict[str, GenomeParameters]:
        """Bin short contigs and estimate the parameters of each bin.

        Contigs that by themselves have another genetic code than the others of their bin, as some
        phages do, are left out.
        """
        if not contigs:
            observer.note("this seems to be more than one genome: each contig is taken on its own")
            return {}
        bins = choose_bins(contigs, self._panel.shares, self.settings, self._threads)
        numbers = np.unique(bins)
        observer.note(
            f"this seems to be more than one genome: {counted(len(contigs), 'contigs')} below "
            f"{self.settings.long_contig // 1000} kb are taken together in "
            f"{counted(len(numbers), 'bins')}, longer ones are taken on their own"
        )
        evidence = (
            []
            if self.code is not None
            else self.codes.examine(([c] for c in contigs), self.settings.more_open)
        )
        of_bins: list[tuple[list[int], GeneticCode]] = []
        for number in numbers:
            members, code = np.flatnonzero(bins == number).tolist(), self.code
            if code is None:
                code, members = self._code_of_bin(members, contigs, evidence, observer)
            if members:
                of_bins.append((members, code))

        def estimate(own: tuple[list[int], GeneticCode]) -> Estimate:
            members, code = own
            return self._estimator.from_frames([contigs[i] for i in members], code)

        binned: dict[str, GenomeParameters] = {}
        adapted = 0
        with ThreadPoolExecutor(self._threads) as pool:
            for (members, _), found in zip(of_bins, pool.map(estimate, of_bins), strict=True):
                adapted += len(members) * (found.genes > 0)
                binned |= {contigs[i].id: found.parameters for i in members}
        observer.note(
            f"adapted to the bins of {counted(adapted, 'contigs')}; the bins of "
            f"{len(contigs) - adapted} have fewer than {self.settings.min_genes} sure genes"
        )
        return binned

    def _code_of_bin(
        self,
        members: list[int],
        contigs: Sequence[Contig],
        evidence: Sequence[CodeEvidence],
        observer: Observer,
    ) -> tuple[GeneticCode, list[int]]:
        """Choose the genetic code of a bin; return also the contigs that do not have another."""
        code, remark = self.codes.choose(CodeEvidence.total([evidence[i] for i in members]))
        if code.table is not None and code.table != 11:
            unseen = [i for i in members if not evidence[i].scores.any()]
            examined = self.codes.examine([contigs[i]] for i in unseen)
            of_each = dict(zip(unseen, examined, strict=True))
            members = [
                i for i in members
                if not self.codes.refutes(of_each.get(i, evidence[i]), code.table)
            ]  # fmt: skip
            observer.note(f"a bin of {counted(len(members), 'contigs')}: {remark}")
        accepted = code.stops, GeneticCode.ncbi(11).stops
        own = [likeliest_code(evidence[i], self.settings)[0] for i in members]
        kept = [
            i for i, table in zip(members, own, strict=True)
            if GeneticCode.ncbi(table).stops in accepted
        ]  # fmt: skip
        return code, kept


def _release(held: list[Contig], rest: Iterable[Contig] = ()) -> Iterator[Contig]:
    """Yield contigs that were held, which are let go of on the way, and the rest."""
    held.reverse()
    while held:
        yield held.pop()
    yield from rest

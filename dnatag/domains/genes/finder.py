"""The gene finder: sequences in, genes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.decoding.assemble import Prediction
from dnatag.domains.genes.decoding.decoder import Decoder, EncodedContigs, groups
from dnatag.domains.genes.model import load
from dnatag.domains.genes.nucleotides import encode, splice
from dnatag.domains.genes.selftraining.binning import binning_gain, choose_bins
from dnatag.domains.genes.selftraining.genetic_code import (
    CODE_LEAST,
    OTHER_CODES,
    likeliest_code,
    may_be_recoded,
)
from dnatag.domains.genes.selftraining.parameters import GenomeParameters, is_mixture, sample
from dnatag.domains.genes.signals.codon_usage import LEARN_LENGTH, Adaptation
from dnatag.domains.genes.signals.rbs import RbsMotif
from dnatag.engine.devices import choose_device
from dnatag.errors import InputError
from dnatag.formats.sequences.fasta import check_dna
from dnatag.formats.sequences.records import CodingSequence, Contig
from dnatag.models.names import DEFAULT_MODEL, find_model

if TYPE_CHECKING:
    import torch
    from Bio.SeqRecord import SeqRecord

__all__ = ["Adapt", "GeneFinder"]

#: Files up to so many bases may be one genome, or a mixture whose contigs are sorted into genomes;
#: they are held in memory to learn from them.
GENOME, MIXTURE = 20_000_000, 200_000_000
#: Contigs are only sorted with so many genomes to begin with.
BINS_LEAST = 20
#: Contigs are of several genomes if they are more probable in bins by so many nats per 1000 bases.
#: Of 65 genomes that are no known ones, in 60 contigs of 5 kb each, 5 are taken for more than one;
#: of 80 pairs of them that GC content does not tell apart, 66 are.
BINNING_GAIN = 6.0
#: Bases looked at to adapt, cut into stretches spread over the genome.
SAMPLE, STRETCH = 800_000, 40_000
#: Genes to learn from: at least so many, so sure. On genera that were not trained on, stretches of
#: 37 and 50 kb have half a point more exact genes than with 60; with 20, those of 25 kb have fewer.
LEARN_GENES, LEARN_POSTERIOR = 30, 0.9
#: Starts are learnt from so many bases (more is not better), at most so often, and until this
#: share of genes keeps its start.
STARTS, ROUNDS, SETTLED = 1_600_000, 6, 0.99
#: A contig from this length on is adapted to on its own.
CONTIG_LEAST = 100_000
#: Bases that the genetic code is chosen from: at most, and in stretches of.
CODE_MOST, CODE_STRETCH = 40_000, 10_000
#: Share of TGA and TGG codons: under code 4 both are tryptophan, about 1 % of a proteome; under
#: code 25 TGA is glycine and there are more.
TRYPTOPHAN = 0.03

Adapt = Literal["auto", "file", "contig", "off"]


class GeneFinder:
    """Finds the genes of bacteria, archaea, their phages and plasmids.

    An object may be used by several threads at once.

    Parameters
    ----------
    model : str or Path
        A model by name or file.
    genetic_code : int, str or GeneticCode
        NCBI's number, a custom code (see :meth:`GeneticCode.parse`), or "auto" to choose among
        11, 4, 25 and 15.
    adapt : {"auto", "file", "contig", "off"}
        What is adapted to: all contigs as one genome, each long contig on its own, nothing; auto
        is file if the contigs seem to be of one genome, else contig, but the short contigs that
        belong together are taken as one genome. What is too short to learn from is lent the
        adaptation of genomes that the model was trained on.
    genome : GenomeParameters or None
        Learnt before (see :meth:`estimate_parameters`); nothing is then learnt anew.
    closed_ends : bool
        Whether genes may not run off the ends of contigs and the edges of gaps.
    min_length : int
        Shortest gene, in bases.
    alternative_starts : bool
        Whether to give genes their alternative starts.
    masks : mapping of str to sequence of (int, int)
        Regions of contigs without genes, 0-based and half-open.
    device : str
        auto, cpu, cuda or mps.
    threads : int
        Number of CPU threads.

    Examples
    --------
    >>> from dnatag import GeneFinder
    >>> finder = GeneFinder()
    >>> genes = finder.find(open("genome.txt").read())  # doctest: +SKIP
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        *,
        genetic_code: int | str | GeneticCode = "auto",
        adapt: Adapt = "auto",
        genome: GenomeParameters | None = None,
        closed_ends: bool = False,
        min_length: int = 60,
        alternative_starts: bool = False,
        masks: Mapping[str, Sequence[tuple[int, int]]] | None = None,
        device: str = "auto",
        threads: int = 1,
    ) -> None:
        self.path = find_model(model)
        tagger, self._panel, self.metadata = load(self.path)
        self.code: GeneticCode | None = None
        if isinstance(genetic_code, GeneticCode):
            self.code = genetic_code
        elif genetic_code != "auto":
            self.code = GeneticCode.parse(str(genetic_code))
        self.adapt = adapt
        self.genome = genome
        self._decoder = Decoder(
            tagger,
            choose_device(device),
            threads,
            closed_ends=closed_ends,
            min_length=min_length,
            alternatives=alternative_starts,
            masks=masks,
        )

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return self._decoder.runner.device

    def find(self, sequence: str | bytes | SeqRecord | Contig) -> list[CodingSequence]:
        """Find the genes of one sequence.

        Parameters
        ----------
        sequence : str, bytes, Bio.Seq, Bio.SeqRecord or Contig
            IUPAC letters, either case.

        Returns
        -------
        list of CodingSequence
            Sorted by start; 0-based half-open coordinates.

        Raises
        ------
        InputError
            If it is not DNA.
        """
        return next(self.predict([as_contig(sequence)])).genes

    def predict(
        self,
        contigs: Iterable[Contig],
        *,
        per_base: bool = False,
        notify: Callable[[str], None] = lambda message: None,
        learnt: Callable[[GenomeParameters], None] = lambda genome: None,
        done: Callable[[int], None] | None = None,
    ) -> Iterator[Prediction]:
        """Find the genes of contigs.

        Contigs are taken from the iterable as they are needed: at first what is learnt from, a
        genome or a mixture of up to 200 Mbp.

        Parameters
        ----------
        contigs : iterable of Contig
            With distinct ids, in any order.
        per_base : bool
            Whether to give labels and posteriors of each base.
        notify : callable
            Gets a line when something is worth knowing.
        learnt : callable
            Gets what was learnt, if all contigs are taken as one genome.
        done : callable or None
            Told of the number of bases finished, now and then.

        Yields
        ------
        Prediction
            In the order of the contigs.
        """
        source = iter(contigs)
        held: list[Contig] = []
        pooled: dict[str, GenomeParameters] = {}
        genome = self.genome
        if genome is None and self.adapt in ("auto", "file"):
            total = 0
            for contig in source:
                held.append(contig)
                total += len(contig)
                if self.adapt == "auto" and total > MIXTURE:
                    break
            if self.adapt == "file" or (total <= GENOME and not self._mixed(held)):
                genome, encoded = self._study(held, self._code_of(held, notify), notify, done)
                learnt(genome)
                if encoded is not None:
                    yield from self._decoder.call(encoded, per_base)
                    return
            else:
                sortable = held if total <= MIXTURE and self._sorts else []
                pooled = self._pool([c for c in sortable if len(c) < CONTIG_LEAST], notify)
        for group in groups(_chain(held, source)):
            if genome is not None:
                genomes = [genome] * len(group)
                yield from self._decoder.predict(group, genomes, per_base=per_base, done=done)
            else:
                yield from self._each_on_its_own(group, pooled, per_base, notify, done)

    def estimate_parameters(
        self, contigs: Sequence[Contig], notify: Callable[[str], None] = lambda message: None
    ) -> GenomeParameters:
        """Learn of a genome: its genetic code, if not given, its codon usage and its starts.

        Codon usage is learnt from the sure genes of a sample, starts from all genes of a larger
        part, again and again until they hardly change.

        Parameters
        ----------
        contigs : sequence of Contig
            The genome; their order does not matter.
        notify : callable
            Gets a line on what was learnt.

        Returns
        -------
        GenomeParameters
            That of the most similar genomes the model was trained on, if there are too few genes
            to learn from.
        """
        return self._study(contigs, self._code_of(contigs, notify), notify)[0]

    def _study(
        self,
        contigs: Sequence[Contig],
        code: GeneticCode,
        notify: Callable[[str], None] = lambda message: None,
        done: Callable[[int], None] | None = None,
    ) -> tuple[GenomeParameters, EncodedContigs | None]:
        """Learn of a genome, and keep what the network read of it unless it is very large."""
        genome, number = self._adapt(contigs, code, notify)
        if not number:
            return genome, None
        if sum(map(len, contigs)) > GENOME:
            notify(f"adapted to the genome: learnt from {number} genes of a sample")
            return genome, None
        encoded = self._decoder.encode(contigs, genome, done)
        genome, number, rounds = self._refine(encoded, genome)
        notify(
            f"adapted to the genome: codon usage of a sample, starts of {number} genes, learnt "
            f"in {rounds} round{'s' * (rounds > 1)}"
        )
        return genome, encoded.of(genome)

    def _adapt(
        self,
        contigs: Sequence[Contig],
        code: GeneticCode,
        notify: Callable[[str], None] = lambda message: None,
    ) -> tuple[GenomeParameters, int]:
        """Learn from the sure genes of a sample; return their number too, 0 if they are too few."""
        looked_at = sample(contigs, SAMPLE, STRETCH)
        panel = self._nearest(looked_at)
        genome = self._from_panel(code, panel)
        learn_from: list[tuple[Any, Any, list[CodingSequence]]] = []
        number = 0
        for prediction in self._decoder.predict(looked_at, [genome] * len(looked_at)):
            genes = [
                g if (g.start_posterior or 0) > 0.5 else replace(g, partial5=True)
                for g in prediction.genes
                if len(g) >= LEARN_LENGTH and (g.posterior or 0) >= LEARN_POSTERIOR
            ]
            number += len(genes)
            symbols = encode(prediction.contig.sequence)
            learn_from.append((symbols, code.properties(symbols), genes))
        if number < LEARN_GENES:
            names = ", ".join(self._panel.names[i] for i in panel)
            lent = f"; taken for a relative of {names}" if names else ""
            notify(f"no adaptation: {number} sure genes, {LEARN_GENES} are needed{lent}")
            return genome, 0
        adaptation = Adaptation.estimate(learn_from)
        return GenomeParameters(code, adaptation, adaptation, RbsMotif.estimate(learn_from)), number

    @property
    def _sorts(self) -> bool:
        """Whether the model knows enough genomes to sort contigs."""
        return len(self._panel.names) >= BINS_LEAST

    def _mixed(self, contigs: Sequence[Contig]) -> bool:
        """Whether contigs seem to be of several genomes: by GC content, code or composition."""
        if is_mixture(contigs) or self._codes_differ(contigs):
            return True
        short = [contig for contig in contigs if len(contig) < CONTIG_LEAST]
        size = sum(map(len, short))
        # Pieces of a phage may differ as much as genomes do, but there is little to learn from.
        if not self._sorts or size < CONTIG_LEAST or 2 * size <= sum(map(len, contigs)):
            return False
        return binning_gain(sample(short, SAMPLE, STRETCH), self._panel.shares) > BINNING_GAIN

    def _codes_differ(self, contigs: Sequence[Contig]) -> bool:
        """Whether long contigs, each by itself, want genetic codes with different stop codons."""
        long = [contig for contig in contigs if len(contig) >= CONTIG_LEAST]
        if len(long) < 2:
            return False
        return len({code.stops for code in self._codes_of_each(long).values()}) > 1

    def _pool(
        self, contigs: list[Contig], notify: Callable[[str], None]
    ) -> dict[str, GenomeParameters]:
        """Learn of the genomes in a mixture, each from its contigs together.

        Contigs that by themselves want another genetic code than the others of their bin, as some
        phages do, are left out.
        """
        if not contigs:
            notify("this seems to be more than one genome: each contig is taken on its own")
            return {}
        bins = choose_bins(contigs, self._panel.shares)
        numbers = np.unique(bins)
        notify(
            f"this seems to be more than one genome: {len(contigs)} contigs below "
            f"{CONTIG_LEAST // 1000} kb are taken together in {len(numbers)} bins, longer ones are "
            "taken on their own"
        )
        looked_at = [sample([contig], CODE_MOST, CODE_STRETCH) for contig in contigs]
        scores = self._screened_scores(looked_at) if self.code is None else np.empty((0, 0))
        pooled: dict[str, GenomeParameters] = {}
        adapted = 0
        for number in numbers:
            members, code = np.flatnonzero(bins == number), self.code
            if code is None:
                stretches = [stretch for i in members for stretch in looked_at[i]]
                code, reason = self._choose_code(scores[:, members].sum(1), stretches)
                if code.table != 11:
                    notify(f"a bin of {len(members)} contig{'s' * (len(members) > 1)}: {reason}")
                own = [likeliest_code(scores[:, i], looked_at[i])[0] for i in members]
                stops = code.stops, GeneticCode.ncbi(11).stops
                members = members[[GeneticCode.ncbi(table).stops in stops for table in own]]
            if not members.size:
                continue
            genome, genes = self._adapt([contigs[i] for i in members], code)
            adapted += len(members) * (genes > 0)
            pooled |= {contigs[i].id: genome for i in members}
        notify(
            f"adapted to the bins of {adapted} contigs; the bins of {len(contigs) - adapted} have "
            f"fewer than {LEARN_GENES} sure genes"
        )
        return pooled

    def _nearest(self, contigs: Sequence[Contig]) -> tuple[int, ...]:
        """Choose genomes of the model that contigs that belong together are most alike."""
        return self._panel.nearest([encode(contig.sequence) for contig in contigs])

    def _from_panel(self, code: GeneticCode, panel: Sequence[int]) -> GenomeParameters:
        """Take a genome for a relative of genomes of the model, if there are any."""
        if not panel:
            return GenomeParameters(code)
        adaptation, motif = self._panel.average(panel)
        adaptation = adaptation.allowing(GeneticCode.ncbi(11).stops - code.stops)
        return GenomeParameters(code, adaptation, adaptation, motif)

    def _refine(
        self, encoded: EncodedContigs, genome: GenomeParameters
    ) -> tuple[GenomeParameters, int, int]:
        """Learn starts until they hardly change; return also the numbers of genes and rounds."""
        part = encoded.part(STARTS)
        before: set[tuple[int, int, int]] = set()
        rounds = 0
        while True:
            learn_from = [
                (symbols, flags, [g for g in genes if len(g) >= LEARN_LENGTH])
                for symbols, flags, genes in self._decoder.viterbi_genes(part.of(genome))
            ]
            calls = {
                (chunk, g.strand, g.five_prime)
                for chunk, (_, _, genes) in enumerate(learn_from)
                for g in genes
            }
            if rounds == ROUNDS or len(calls & before) >= SETTLED * len(calls):
                return genome, len(calls), rounds
            before = calls
            rounds += 1
            genome = replace(
                genome, starts=Adaptation.estimate(learn_from), motif=RbsMotif.estimate(learn_from)
            )

    def _code_of(self, contigs: Sequence[Contig], notify: Callable[[str], None]) -> GeneticCode:
        """Return the genetic code of a genome; say why, if it has to be chosen."""
        if self.code is not None:
            return self.code
        stretches = sample(contigs, CODE_MOST, CODE_STRETCH)
        told = sum(map(len, stretches)) >= CODE_LEAST
        scores = self._code_scores([stretches if told else []])
        code, reason = self._choose_code(scores[:, 0], stretches)
        notify(reason)
        return code

    def _choose_codes(self, genomes: Sequence[Sequence[Contig]]) -> list[tuple[GeneticCode, str]]:
        """Choose the genetic codes of many genomes from stretches of them, and say why."""
        scores = self._screened_scores(genomes)
        return [self._choose_code(scores[:, i], genomes[i]) for i in range(len(genomes))]

    def _screened_scores(self, genomes: Sequence[Sequence[Contig]]) -> np.ndarray:
        """Scores of stretches of genomes, zeros where no other code than 11 comes into question."""
        return self._code_scores([g if may_be_recoded(g) else [] for g in genomes])

    def _code_scores(self, genomes: Sequence[Sequence[Contig]]) -> np.ndarray:
        """Log-likelihoods of stretches of genomes under code 11 and each other code: (3, n)."""
        codes = [GeneticCode.ncbi(table) for table in (11, *OTHER_CODES)]
        flat = [stretch for stretches in genomes for stretch in stretches]
        owners = np.repeat(np.arange(len(genomes)), [len(stretches) for stretches in genomes])
        each = [self._decoder.log_partitions(group, codes) for group in groups(flat)]
        scores = np.concatenate([np.zeros((len(codes), 0)), *each], axis=1)
        return np.stack([np.bincount(owners, row, minlength=len(genomes)) for row in scores])

    def _choose_code(
        self, scores: np.ndarray, stretches: Sequence[Contig]
    ) -> tuple[GeneticCode, str]:
        """Choose the genetic code of a genome from its scores, and say why."""
        table, remark = likeliest_code(scores, stretches)
        if table == 4 and self._tryptophan(stretches) > TRYPTOPHAN:
            table = 25
        return GeneticCode.ncbi(table), f"genetic code {table}: {remark}"

    def _codes_of_each(
        self, contigs: Sequence[Contig], notify: Callable[[str], None] = lambda message: None
    ) -> dict[str, GeneticCode]:
        """Return the genetic code of each contig by its id; say why, where it is not code 11."""
        if self.code is not None:
            return dict.fromkeys((contig.id for contig in contigs), self.code)
        chosen = self._choose_codes([sample([c], CODE_MOST, CODE_STRETCH) for c in contigs])
        for contig, (code, reason) in zip(contigs, chosen, strict=True):
            if code.table != 11:
                notify(f"{contig.id}: {reason}")
        return {contig.id: code for contig, (code, _) in zip(contigs, chosen, strict=True)}

    def _tryptophan(self, stretches: Sequence[Contig]) -> float:
        """Share of TGA and TGG among the codons of the sure genes of a sample, under code 4."""
        codons = tryptophan = 0
        looked_at = sample(stretches, CODE_MOST, CODE_STRETCH)
        genomes = [GenomeParameters(GeneticCode.ncbi(4))] * len(looked_at)
        for prediction in self._decoder.predict(looked_at, genomes):
            for gene in prediction.genes:
                if (gene.posterior or 0) >= LEARN_POSTERIOR:
                    bases = splice(prediction.contig.sequence, gene.parts, gene.strand).upper()
                    read = [bases[i : i + 3] for i in range(gene.phase, len(bases) - 3, 3)]
                    codons += len(read)
                    tryptophan += sum(codon in (b"TGA", b"TGG") for codon in read)
        return tryptophan / max(codons, 1)

    def _each_on_its_own(
        self,
        contigs: Sequence[Contig],
        pooled: Mapping[str, GenomeParameters],
        per_base: bool,
        notify: Callable[[str], None],
        done: Callable[[int], None] | None,
    ) -> Iterator[Prediction]:
        """Find the genes of contigs of different genomes, of some of which more is known."""
        codes = self._codes_of_each([c for c in contigs if c.id not in pooled], notify)
        short = [i for i, c in enumerate(contigs) if self.adapt == "off" or len(c) < CONTIG_LEAST]
        alone = [i for i in short if contigs[i].id not in pooled]
        lent: dict[tuple[GeneticCode, tuple[int, ...]], GenomeParameters] = {}
        own: dict[int, GenomeParameters] = {}
        for i in alone:
            code = codes[contigs[i].id]
            panel = () if self.adapt == "off" else self._nearest([contigs[i]])
            if (code, panel) not in lent:
                lent[code, panel] = self._from_panel(code, panel)
            own[i] = lent[code, panel]
        genomes = [own[i] if i in own else pooled[contigs[i].id] for i in short]
        predictions = self._decoder.predict(
            [contigs[i] for i in short], genomes, per_base=per_base, done=done
        )
        found = dict(zip(short, predictions, strict=True))
        for i, contig in enumerate(contigs):
            if i in found:
                yield found.pop(i)
                continue
            genome, encoded = self._study([contig], codes[contig.id], done=done)
            if encoded is None:
                yield from self._decoder.predict([contig], [genome], per_base=per_base, done=done)
            else:
                yield from self._decoder.call(encoded, per_base)


def as_contig(sequence: Any) -> Contig:
    """Turn what users have into a contig: str, bytes, Bio.Seq, Bio.SeqRecord, Contig.

    Raises
    ------
    InputError
        If it is empty or has letters that DNA has not.
    """
    if isinstance(sequence, Contig):
        contig = sequence
    else:
        name, description = "sequence", ""
        if hasattr(sequence, "seq"):
            name, description, sequence = sequence.id, sequence.description, sequence.seq
        text = isinstance(sequence, str)
        letters = bytes(sequence, "ascii", "replace") if text else bytes(sequence)
        contig = Contig(name, b"".join(letters.split()), description)
    if not contig.sequence:
        raise InputError(f"{contig.id}: has no sequence")
    check_dna(contig.sequence, contig.id)
    return contig


def _chain(held: list[Contig], rest: Iterator[Contig]) -> Iterator[Contig]:
    """Contigs that were held, which are let go of on the way, and the rest."""
    held.reverse()
    while held:
        yield held.pop()
    yield from rest

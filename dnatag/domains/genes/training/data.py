"""Annotated genomes: files to what a gene model is trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.ncbi_codes import CODES
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.structures.labels import label_genes
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.domains.genes.training.corpus import LabelledContig, LabelledGenome
from dnatag.domains.genes.training.table import GenomeEntry
from dnatag.errors import InputError
from dnatag.formats.sequences.annotation import read_annotated_genome
from dnatag.formats.sequences.records import CodingSequence, Contig
from dnatag.report import Observer

__all__ = ["HELD_OUT", "GenomeData", "GenomeSource", "read_genomes"]

#: Share of each genome that is held out where no genome is named to validate on.
HELD_OUT = 0.1
#: Genomes of fewer bases are trained on without signals: prediction estimates none from them.
MIN_BASES_FOR_SIGNALS = 60_000
#: Shorter contigs are left out.
MIN_CONTIG = 300
#: Longer contigs without any CDS are left out: they are rather not annotated than empty.
MAX_EMPTY = 10_000
#: Reasons for masking a CDS that speak against the genetic code or the coordinates.
CODE_FAULTS = (
    "stop codon inside",
    "no stop codon at its end",
    "no start codon at its beginning",
    "length no multiple of three",
)
#: A genome is refused if a larger share of its CDS breaks the genetic code.
MAX_FAULTY = 0.2
#: CDS looked at to find the right genetic code.
CODE_SAMPLE = 500


@dataclass(frozen=True)
class GenomeSource:
    """What was read of a genome, for the model's card.

    Attributes
    ----------
    name, accessions, split, genetic_code
        As in the recipe; the accessions are the contig ids where it names none.
    bases, contigs, genes
        What there is to train (or to validate) on.
    masked : dict of str to int
        CDS that are masked, by reason.
    left_out : dict of str to int
        Contigs that are not used, by reason.
    """

    name: str
    accessions: str
    split: str
    genetic_code: str
    bases: int
    contigs: int
    genes: int
    masked: dict[str, int]
    left_out: dict[str, int]


@dataclass(frozen=True)
class GenomeData:
    """Genomes ready for training.

    Attributes
    ----------
    train, validate : list of LabelledGenome
        To draw windows from.
    sources : list of GenomeSource
        One for each genome.
    to_score : list of (GenomeEntry, GeneticCode)
        Genomes whose genes measure the model: all, or where a tenth of each was held
        out, those in that tenth.
    held_out : bool
        Whether a part of each genome was held out.
    """

    train: list[LabelledGenome]
    validate: list[LabelledGenome]
    sources: list[GenomeSource]
    to_score: list[tuple[GenomeEntry, GeneticCode]]
    held_out: bool

    def summary(self) -> str:
        """Return a line on the genomes, on what is masked and on what is held out."""
        sources = [s for s in self.sources if s.split == "train"]
        masked, left_out = Counter[str](), Counter[str]()
        for source in self.sources:
            masked.update(source.masked)
            left_out.update(source.left_out)
        text = (
            f"{len(sources)} genome{'s' * (len(sources) != 1)} to train on, "
            f"{sum(s.bases for s in sources) / 1e6:.2f} Mbp, "
            f"{sum(s.genes for s in sources)} genes; "
        )
        if self.held_out:
            text += f"the last {HELD_OUT:.0%} of each contig is held out to validate on"
        else:
            text += f"{len(self.validate)} to validate on"
        for what, counts in (("CDS masked", masked), ("contigs left out", left_out)):
            if counts:
                text += f"; {what}: " + ", ".join(f"{n} {why}" for why, n in counts.most_common())
        return text


def read_genomes(
    entries: Sequence[GenomeEntry],
    observer: Observer | None = None,
    *,
    open_regions: Mapping[str, list[tuple[int, int]]] | None = None,
    min_bases_for_signals: int = MIN_BASES_FOR_SIGNALS,
) -> GenomeData:
    """Read, check and label genomes.

    Parameters
    ----------
    entries : sequence of GenomeEntry
        The genomes.
    observer : Observer or None
        Receives each genome that has been read, as a unit of work.
    open_regions : mapping or None
        For each contig that has some, regions whose silence is not to be trusted, see
        :func:`dnatag.domains.genes.structures.labels.label_genes`.
    min_bases_for_signals : int
        Genomes of fewer bases are trained on without codon usage and start signals.

    Raises
    ------
    InputError
        If a file cannot be read, sequence and annotation do not fit, CDS break the genetic code,
        regions are of unknown contigs, or nothing is left to train on.
    """
    train: list[LabelledGenome] = []
    validate: list[LabelledGenome] = []
    sources, to_score = [], []
    regions = dict(open_regions or {})
    held_out = not any(e.split == "validate" for e in entries)
    for number, entry in enumerate(entries):
        genome, source = _read_genome(entry, regions)
        sources.append(source)
        seed = number if entry.seed is None else entry.seed
        if held_out:
            genome, rest = genome.hold_out(HELD_OUT)
        if source.bases >= min_bases_for_signals:
            genome.estimate_signals(seed)
        if held_out:
            validate.append(replace(rest, signals=genome.signals))
        (train if entry.split == "train" else validate).append(genome)
        if held_out or entry.split == "validate":
            to_score.append((entry, genome.code))
        if observer is not None:
            observer.advance(1)
    if regions:
        raise InputError(f"there are open regions of a contig that no genome has: {min(regions)}")
    return GenomeData(train, validate, sources, to_score, held_out)


def _read_genome(
    entry: GenomeEntry, open_regions: dict[str, list[tuple[int, int]]]
) -> tuple[LabelledGenome, GenomeSource]:
    """Read a genome, and take the open regions of its contigs."""
    pairs = read_annotated_genome(entry.genome, entry.annotation)
    where = str(entry.annotation or entry.genome)
    if entry.genetic_code is not None:
        code = GeneticCode.parse(entry.genetic_code)
    else:
        named = Counter(g.genetic_code for _, genes in pairs for g in genes if g.genetic_code)
        code = GeneticCode.ncbi(named.most_common(1)[0][0] if named else 11)
    contigs, masked, left_out = [], Counter[str](), Counter[str]()
    for contig, genes in pairs:
        regions = open_regions.pop(contig.id, ())
        if len(contig) < MIN_CONTIG:
            left_out[f"shorter than {MIN_CONTIG} bp"] += 1
        elif len(contig) > MAX_EMPTY and not genes:
            left_out["without CDS"] += 1
        else:
            symbols = encode(contig.sequence)
            labels = label_genes(
                symbols, genes, code, prokaryotic(), open_starts=entry.starts == "open",
                open_regions=regions,
            )  # fmt: skip
            masked += labels.masked
            contigs.append(LabelledContig(symbols, code.properties(symbols), labels))
    n_genes = sum(len(c.labels.genes) for c in contigs)
    _check_code(where, code, pairs, n_genes, masked)
    if not n_genes:
        reasons = ", ".join(f"{n} {why}" for why, n in (masked or left_out).most_common())
        raise InputError(f"{where}: has no gene to train on ({reasons})")
    bases = sum(len(c.symbols) for c in contigs)
    name = entry.organism or Path(entry.genome).name.partition(".")[0]
    weight = bases**0.5 if entry.weight is None else entry.weight
    accessions = entry.accessions or ",".join(contig.id for contig, _ in pairs[:100])
    source = GenomeSource(
        name, accessions, entry.split, code.label, bases, len(contigs), n_genes,
        dict(masked), dict(left_out),
    )  # fmt: skip
    return LabelledGenome(name, tuple(contigs), code, weight), source


def _check_code(
    where: str,
    code: GeneticCode,
    pairs: Sequence[tuple[Contig, list[CodingSequence]]],
    n_genes: int,
    masked: Mapping[str, int],
) -> None:
    """Refuse a genome whose CDS break the genetic code."""
    faults = {why: n for why in CODE_FAULTS if (n := masked.get(why, 0))}
    faulty, total = sum(faults.values()), n_genes + sum(faults.values())
    if faulty <= MAX_FAULTY * total:
        return
    reasons = ", ".join(f"{n} {why}" for why, n in faults.items())
    text = f"{where}: of {total} CDS {faulty} break genetic code {code.label} ({reasons}); "
    every = max(total // CODE_SAMPLE, 1)
    sample = [(contig, genes[::every]) for contig, genes in pairs]
    # Of equals the first: the codes of bacteria and archaea come first.
    tables = dict.fromkeys([11, 4, 25, *sorted(CODES)])
    best = min(map(GeneticCode.ncbi, tables), key=lambda c: _count_faulty(sample, c))
    left = _count_faulty(pairs, best)
    if left <= MAX_FAULTY * total:
        passed = f"all but {left} pass" if left else "all pass"
        raise InputError(
            f"{text}with code {best.label} {passed}: give --genetic-code {best.label}, or in a "
            f"recipe {best.label} in the column genetic_code"
        )
    raise InputError(f"{text}no other code fits; are genome and annotation of the same version?")


def _count_faulty(pairs: Sequence[tuple[Contig, list[CodingSequence]]], code: GeneticCode) -> int:
    masked = Counter[str]()
    for contig, genes in pairs:
        if genes:
            masked += label_genes(contig.sequence, genes, code, prokaryotic()).masked
    return sum(masked[why] for why in CODE_FAULTS)

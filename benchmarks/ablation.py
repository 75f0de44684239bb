"""What each part of self-training contributes, and from how much sequence on it helps.

Every variant takes something away from the parameters that ``dnatag predict`` estimates of a
genome; the network stays the same. Look at genera that were not trained on (``heldout.toml``): the
genomes of the benchmark are for the end. The second table cuts genomes short, to see from what
length on self-training is better than none.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from contigs import CODON, Place, Source, cut, found, truth
from genes import Genome, genomes_of, line
from matching import parser_of

from dnatag import GeneFinder
from dnatag.domains.genes.decoding.settings import DecodingSettings
from dnatag.domains.genes.evaluation.metrics import Scores, evaluate
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.domains.genes.signals.gene_signals import GeneExamples, GeneSignals
from dnatag.formats.sequences.annotation import read_annotated_genome
from dnatag.formats.sequences.records import Contig

#: Lengths of the stretches of the second table.
LENGTHS = (25_000, 50_000, 100_000, 200_000, 400_000)
MEASURES = ("stop F1", "exact F1", "right starts of found %")
#: The tables of codon usage and start signals.
TABLES = tuple(field.name for field in fields(GeneSignals))


@dataclass(frozen=True)
class Variant:
    """What is left of self-training.

    Parameters
    ----------
    tables : tuple of str
        The tables that are estimated; the others are zeros, which favour nothing.
    rbs : bool
        Whether the RBS motif counts.
    rounds : int or None
        Most rounds in which start signals are estimated; None: as many as by default.
    operons : bool
        Whether first and inner genes of operons have start signals of their own.
    """

    tables: tuple[str, ...] = TABLES
    rbs: bool = True
    rounds: int | None = None
    operons: bool = True

    def estimate(self, examples: Iterable[GeneExamples]) -> GeneSignals:
        """Estimate the tables that are left."""
        signals = GeneSignals.estimate(
            examples, **({} if self.operons else {"operon_gap": -(10**9)})
        )
        if not self.operons:
            first = {name: getattr(signals, name)[0] for name in ("profiles", "pentamers")}
            signals = replace(signals, **{name: np.stack([t, t]) for name, t in first.items()})
        gone = {name: np.zeros_like(getattr(signals, name)) for name in {*TABLES} - {*self.tables}}
        return replace(signals, **gone)

    def finder(self, options: argparse.Namespace) -> GeneFinder:
        """Return a finder that trains itself so."""
        settings = SelfTrainingSettings(estimate=self.estimate)
        if self.rounds is not None:
            settings = replace(settings, max_rounds=self.rounds)
        return GeneFinder(
            options.model,
            adapt="file",
            threads=options.threads,
            decoding=DecodingSettings() if self.rbs else DecodingSettings(rbs_weight=0),
            self_training=settings,
        )


def without(*tables: str, rbs: bool = True) -> Variant:
    """Return the variant without some tables."""
    return Variant(tuple(name for name in TABLES if name not in tables), rbs=rbs)


VARIANTS = {
    "all of it": Variant(),
    "start signals from open frames only": Variant(rounds=0),
    "start signals estimated anew once only": Variant(rounds=1),
    "first and inner genes of operons alike": Variant(operons=False),
    "without the RBS motif": Variant(rbs=False),
    "without the tables of 5-mers": without("pentamers"),
    "without profiles": without("profiles"),
    "without start codons": without("start_codons"),
    "codon usage only": without("pentamers", "profiles", "start_codons", rbs=False),
    "start signals only": without("hexamers"),
    "no self-training": without(*TABLES, rbs=False),
}


def score(genome: Genome, finder: GeneFinder) -> Scores:
    """Predict on a genome and compare."""
    pairs = read_annotated_genome(genome.fasta, genome.reference)
    predicted = {p.contig.id: p.genes for p in finder.predict(contig for contig, _ in pairs)}
    lengths = {contig.id: len(contig) for contig, _ in pairs}
    return evaluate({contig.id: genes for contig, genes in pairs}, predicted, lengths)


def score_place(place: Place, finder: GeneFinder) -> Scores:
    """Predict on a stretch of a genome as if it were all, and compare."""
    contig = Contig("stretch", place.replicon.sequence[place.low : place.high])
    genes = next(finder.predict([contig])).genes
    return evaluate(
        {contig.id: [*truth(contig.id, place)]},
        {contig.id: found(contig.id, place, genes)},
        {contig.id: len(place.replicon) + CODON},
    )


def percent(scores: Sequence[Scores], trusted: Sequence[bool]) -> list[str]:
    """Means over genomes: stop F1, exact F1, and right starts where they can be trusted."""
    starts = [s.exact.found / s.stop.found for s, t in zip(scores, trusted, strict=True) if t]
    means = (
        np.mean([s.stop.f1 for s in scores]),
        np.mean([s.exact.f1 for s in scores]),
        np.mean(starts) if starts else np.nan,
    )
    return [f"{100 * mean:.2f}" for mean in means]


def ablation(genomes: Sequence[Genome], options: argparse.Namespace) -> None:
    """Print a row for each variant."""
    trusted = [genome.starts == "trusted" for genome in genomes]
    print(line(("variant", *MEASURES)))
    print(line(("---", *["---:"] * len(MEASURES))))
    for name, variant in VARIANTS.items():
        finder = variant.finder(options)
        scores = [score(genome, finder) for genome in genomes]
        print(line([name, *percent(scores, trusted)]), flush=True)


def lengths(genomes: Sequence[Genome], options: argparse.Namespace) -> None:
    """Print two rows for each length, with self-training and without."""
    sources = [(Source.of(genome), genome.starts == "trusted") for genome in genomes]
    print(line(("length", "--adapt", *MEASURES)))
    print(line(("---", "---", *["---:"] * len(MEASURES))))
    for length in options.length or LENGTHS:
        places: list[tuple[Place, bool]] = []
        for source, trusted in sources:
            rng = np.random.default_rng([options.seed, length, *source.name.encode()])
            for replicon, low in cut(source.replicons, length, options.number, rng):
                places.append((Place(source, replicon, low, low + length), trusted))
        for adapt in ("file", "off"):
            finder = GeneFinder(options.model, adapt=adapt, threads=options.threads)
            scores = [score_place(place, finder) for place, _ in places]
            row = percent(scores, [trusted for _, trusted in places])
            print(line([f"{length / 1000:g} kb", adapt, *row]), flush=True)


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = parser_of(__doc__.partition("\n")[0])
    parser.add_argument(
        "--length", type=int, action="append", help="bases, for the second table (repeatable)"
    )
    parser.add_argument("--number", type=int, default=2, help="stretches of each (default: 2)")
    parser.add_argument("--seed", type=int, default=0, help="of the stretches (default: 0)")
    options = parser.parse_args()
    genomes = genomes_of(options)
    ablation(genomes, options)
    print()
    lengths(genomes, options)


if __name__ == "__main__":
    main()

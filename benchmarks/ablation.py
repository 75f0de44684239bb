"""What each idea of the adaptation contributes, and from how much sequence on it helps.

Every variant takes something away from what ``dnatag predict`` learns of a genome by itself; the
network stays the same. Look at genera that were not trained on (``heldout.toml``): the genomes of
the benchmark are for the end. The second table cuts genomes short, to see from what length on
adapting is better than not.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from unittest.mock import patch

import numpy as np
from contigs import CODON, Place, Source, cut, found, truth
from genes import GenomeParameters, genomes_of, line
from matching import parser_of

from dnatag import GeneFinder
from dnatag.domains.genes import finder as finder_module
from dnatag.domains.genes.decoding import decoder as decode_module
from dnatag.domains.genes.evaluation.metrics import Scores, evaluate
from dnatag.domains.genes.signals import codon_usage as adapt_module
from dnatag.domains.genes.signals.codon_usage import Adaptation
from dnatag.formats.sequences.annotation import read_annotated_genome
from dnatag.formats.sequences.records import Contig

#: Lengths of the stretches of the second table.
LENGTHS = (25_000, 50_000, 100_000, 200_000, 400_000)
MEASURES = ("stop F1", "exact F1", "right starts of found %")


def without(*tables: str) -> Callable[[Adaptation], Adaptation]:
    """Return what sets tables of an adaptation to zero: nothing is known of them."""
    return lambda a: replace(a, **{name: np.zeros_like(getattr(a, name)) for name in tables})


def pooled(adaptation: Adaptation) -> Adaptation:
    """Start model of first genes for the inner ones, too."""
    profiles, motifs = (np.stack([t[0], t[0]]) for t in (adaptation.profiles, adaptation.motifs))
    return replace(adaptation, profiles=profiles, motifs=motifs)


@contextmanager
def learning(change: Callable[[Adaptation], Adaptation], **constants: float) -> Iterator[None]:
    """Change what is learnt of genomes, and constants of the modules that learn it."""
    estimate = Adaptation.estimate
    modules = (adapt_module, decode_module, finder_module)
    with ExitStack() as stack:
        for name, value in constants.items():
            module = next(m for m in modules if hasattr(m, name))
            stack.enter_context(patch.object(module, name, value))
        changed = patch.object(Adaptation, "estimate", lambda contigs: change(estimate(contigs)))
        stack.enter_context(changed)
        yield


def same(adaptation: Adaptation) -> Adaptation:
    """Leave it as it is."""
    return adaptation


#: Name, what is changed, and the constants.
VARIANTS: dict[str, tuple[Callable[[Adaptation], Adaptation], dict[str, float]]] = {
    "all of it": (same, {}),
    "starts from the first sample only": (same, {"ROUNDS": 0}),
    "starts learnt anew once only": (same, {"ROUNDS": 1}),
    "first and inner genes of operons alike": (pooled, {"_OPERON_GAP": -(10**9)}),
    "without the motif model": (same, {"MOTIF_WEIGHT": 0}),
    "without the tables of 5-mers": (without("motifs"), {}),
    "without profiles": (without("profiles"), {}),
    "without start codons": (without("codons"), {}),
    "codon usage only": (without("motifs", "profiles", "codons"), {"MOTIF_WEIGHT": 0}),
    "starts only": (without("hexamers"), {}),
    "no adaptation": (
        without("hexamers", "motifs", "profiles", "codons"),
        {"MOTIF_WEIGHT": 0},
    ),
}


def score(genome: GenomeParameters, options: argparse.Namespace) -> Scores:
    """Predict on a genome and compare."""
    pairs = read_annotated_genome(genome.fasta, genome.reference)
    finder = GeneFinder(options.model, adapt="file", threads=options.threads)
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


def ablation(genomes: Sequence[GenomeParameters], options: argparse.Namespace) -> None:
    """Print a row for each variant."""
    trusted = [genome.starts == "trusted" for genome in genomes]
    print(line(("variant", *MEASURES)))
    print(line(("---", *["---:"] * len(MEASURES))))
    for name, (change, constants) in VARIANTS.items():
        with learning(change, **constants):
            scores = [score(genome, options) for genome in genomes]
        print(line([name, *percent(scores, trusted)]), flush=True)


def lengths(genomes: Sequence[GenomeParameters], options: argparse.Namespace) -> None:
    """Print two rows for each length, with adaptation and without."""
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

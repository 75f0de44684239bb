"""What ``calibration.py`` and ``errors.py`` share: predict on a genome, set it beside a reference.

The definitions are those of ``dnatag.domains.genes.evaluation.metrics``, which counts and does not
say which gene is which. Here they are written down once more for single genes, and :func:`match`
stops if the two do not count alike.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genes import Genome

from dnatag import GeneFinder
from dnatag.domains.genes.decoding.assemble import Prediction
from dnatag.domains.genes.evaluation.metrics import Scores, evaluate, reason_to_set_aside
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.formats.sequences.annotation import read_annotation
from dnatag.formats.sequences.fasta import UniqueIds, read_fasta
from dnatag.formats.sequences.records import CodingSequence
from dnatag.models.names import DEFAULT_MODEL

#: Contig, strand, and 0-based last base in the direction of translation.
Stop = tuple[str, int, int]
#: Contig, strand, and the leftmost base of a codon modulo 3.
Frame = tuple[str, int, int]
#: Column of the posterior of the last base of a codon, by strand.
LAST_BASE = {1: prokaryotic().frames.index("+2"), -1: prokaryotic().frames.index("-2")}


def parser_of(description: str) -> argparse.ArgumentParser:
    """Make a parser with the options that the scripts share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("genomes", type=Path, nargs="+", help="TOML files, like genomes.toml here")
    parser.add_argument("--data", type=Path, help="where their paths begin (default: where it is)")
    parser.add_argument("--name", action="append", help="only this genome (may be repeated)")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="default: the one that ships")
    parser.add_argument("--threads", type=int, default=1, help="default: 1")
    return parser


def predict(
    genome: Genome,
    options: argparse.Namespace,
    min_length: int = 60,
    per_base: bool = False,
) -> dict[str, Prediction]:
    """Predict as ``dnatag predict --alternative-starts`` does: a prediction for each contig."""
    finder = GeneFinder(
        options.model, min_length=min_length, alternative_starts=True, threads=options.threads
    )
    contigs = read_fasta(genome.fasta, UniqueIds())
    return {p.contig.id: p for p in finder.predict(contigs, per_base=per_base)}


def posterior_of_stop(prediction: Prediction, strand: int, last: int) -> float:
    """Probability that a gene ends at a stop codon, whose last base is given."""
    return float(prediction.posteriors(last, last + 1)[0, LAST_BASE[strand]])


def stop_of(cds: CodingSequence) -> Stop:
    """Name of a gene."""
    return cds.contig, cds.strand, cds.three_prime


def longest(genes: Iterable[CodingSequence]) -> dict[Stop, CodingSequence]:
    """One gene for each stop, the longest."""
    return {stop_of(cds): cds for cds in sorted(genes, key=len)}


def plain_genes(reference: Mapping[str, Sequence[CodingSequence]]) -> dict[Stop, CodingSequence]:
    """Genes of a reference that count."""
    rows = (cds for rows in reference.values() for cds in rows)
    return longest(cds for cds in rows if reason_to_set_aside(cds) is None)


def all_calls(predictions: Mapping[str, Prediction]) -> dict[Stop, CodingSequence]:
    """Genes of predictions."""
    return longest(cds for prediction in predictions.values() for cds in prediction.genes)


def starts_agree(a: CodingSequence, b: CodingSequence) -> bool:
    """Whether two genes with one stop begin alike."""
    return a.five_prime == b.five_prime or (a.partial5 and b.partial5)


def in_frame(cds: CodingSequence, from_start: bool) -> Iterator[tuple[Frame, int, int]]:
    """Frame, start and end of each part, with codons counted from the start or from the stop."""
    origin, done = cds.phase if from_start else len(cds), 0
    for start, end in cds.parts[:: cds.strand]:
        first = start if cds.strand > 0 else end - 1
        codon = first - cds.strand * ((done - origin) % 3)
        # Its leftmost base is two to the left on the reverse strand, which is as good a name.
        yield (cds.contig, cds.strand, codon % 3), start, end
        done += end - start


class SetAside:
    """Rows of a reference that are no plain gene, and what is set aside because of them."""

    def __init__(self, rows: Sequence[CodingSequence]) -> None:
        """Note the stops of the rows, and their parts in the frames of both ends."""
        self.rows = rows
        self.stops = {stop_of(cds) for cds in rows}
        self.parts: dict[Frame, list[tuple[int, int]]] = {}
        for cds in rows:
            for frame, start, end in (*in_frame(cds, True), *in_frame(cds, False)):
                self.parts.setdefault(frame, []).append((start, end))

    def takes(self, cds: CodingSequence) -> bool:
        """Whether a gene has the stop of a row, or a base in common with one in its frame."""
        return stop_of(cds) in self.stops or any(
            start < other_end and other_start < end
            for frame, start, end in in_frame(cds, from_start=cds.partial3)
            for other_start, other_end in self.parts.get(frame, ())
        )


@dataclass(frozen=True)
class Match:
    """A reference and a prediction, gene by gene.

    Attributes
    ----------
    genes, calls
        What counts of the reference and of the prediction, by stop.
    aside
        The rest of the reference.
    scores
        Their counts.
    """

    genes: dict[Stop, CodingSequence]
    calls: dict[Stop, CodingSequence]
    aside: SetAside
    scores: Scores

    def found(self) -> Iterator[tuple[CodingSequence, CodingSequence]]:
        """Genes that are found, each with its call."""
        for stop, gene in self.genes.items():
            if stop in self.calls:
                yield gene, self.calls[stop]


def match(genome: Genome, predictions: Mapping[str, Prediction]) -> Match:
    """Set predictions beside the reference of a genome, and count as ``dnatag evaluate``."""
    reference = read_annotation(genome.reference)
    rows = [cds for rows in reference.values() for cds in rows]
    genes = plain_genes(reference)
    aside = SetAside([cds for cds in rows if reason_to_set_aside(cds) is not None])
    calls = {
        stop: cds
        for stop, cds in all_calls(predictions).items()
        if stop in genes or not aside.takes(cds)
    }
    lengths = {contig: len(p.contig) for contig, p in predictions.items()}
    scores = evaluate(reference, {c: p.genes for c, p in predictions.items()}, lengths)
    matched = Match(genes, calls, aside, scores)

    pairs = list(matched.found())
    here = (len(genes), len(calls), len(pairs), sum(starts_agree(*pair) for pair in pairs))
    there = (scores.stop.reference, scores.stop.predicted, scores.stop.found, scores.exact.found)
    if here != there:
        sys.exit(
            f"{genome.name}: counts {here} here, {there} in dnatag.domains.genes.evaluation.metrics"
        )
    return matched

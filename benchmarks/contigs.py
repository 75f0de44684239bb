"""Find genes on short contigs of many genomes, as in a metagenome, and print what is found.

Contigs of one length are cut at random from all genomes and shuffled into one FASTA file, which
dnatag and Pyrodigal's meta mode read, each as a process of its own. Neither is given anything of
the contigs, not even a genetic code. Genes that run off an end of a contig count like any other.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from genes import PYTHON, Genome, Run, about, genomes_of, line, measure

from dnatag.domains.genes.evaluation.metrics import Counts, evaluate, reason_to_set_aside
from dnatag.formats.sequences.annotation import read_annotated_genome, read_annotation
from dnatag.formats.sequences.fasta import write_fasta
from dnatag.formats.sequences.records import CodingSequence, Contig

LENGTHS = (5_000, 10_000, 20_000)
#: Genes with fewer bases on the contig than this are neither found nor missed.
LEAST = 60
#: Bases left out at the ends of a replicon: where the last codon of an open gene would end.
CODON = 3
#: The row of all genomes together.
POOLED = "all"
COLUMNS = (
    "length",
    "genome",
    "predicted by",
    "reference",
    "predicted",
    "stop F1",
    "exact F1",
    "s",
    "Mbp/s",
)


@dataclass(frozen=True)
class Source:
    """A genome that contigs are cut from: its replicons and their coding sequences."""

    name: str
    replicons: list[Contig]
    genes: dict[str, list[CodingSequence]]

    @classmethod
    def of(cls, genome: Genome) -> Source:
        """Read a genome."""
        pairs = read_annotated_genome(genome.fasta, genome.reference)
        return cls(genome.name, [c for c, _ in pairs], {c.id: genes for c, genes in pairs})


@dataclass(frozen=True)
class Place:
    """Where a contig is from: bases low to high of a replicon, 0-based and half-open."""

    source: Source
    replicon: Contig
    low: int
    high: int


def cut(
    replicons: Sequence[Contig], length: int, number: int, rng: np.random.Generator
) -> list[tuple[Contig, int]]:
    """Draw stretches of a genome, every place of every replicon with the same probability.

    Parameters
    ----------
    replicons : sequence of Contig
        The genome.
    length : int
        Length of a stretch.
    number : int
        How many.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    list of (Contig, int)
        Replicon and first base, 0-based; none if no replicon is long enough.
    """
    rooms = np.array([max(len(c) - 2 * CODON - length + 1, 0) for c in replicons])
    if not rooms.any():
        return []
    ends = np.cumsum(rooms)
    drawn = rng.integers(ends[-1], size=number)
    which = np.searchsorted(ends, drawn, side="right")
    lows = drawn - (ends - rooms)[which] + CODON
    return [(replicons[i], int(low)) for i, low in zip(which, lows, strict=True)]


def mix(
    sources: Sequence[Source], length: int, number: int, seed: int, fasta: Path
) -> dict[str, Place]:
    """Write contigs of all genomes in random order; return where each is from."""
    places = []
    for source in sources:
        # Seeded by the name too, so that a genome's contigs do not depend on the other genomes.
        rng = np.random.default_rng([seed, length, *source.name.encode()])
        drawn = cut(source.replicons, length, number, rng)
        if not drawn:
            sys.exit(f"{source.name}: has no replicon for contigs of {length} bp")
        places += [Place(source, replicon, low, low + length) for replicon, low in drawn]
    order = np.random.default_rng([seed, length]).permutation(len(places))
    contigs = {f"contig_{at}": places[i] for at, i in enumerate(order, 1)}
    with open(fasta, "w", encoding="ascii") as handle:
        for name, place in contigs.items():
            where = f"{place.replicon.id}:{place.low + 1}..{place.high}"
            write_fasta(handle, name, where, place.replicon.sequence[place.low : place.high])
    return contigs


def truth(name: str, place: Place) -> Iterator[CodingSequence]:
    """Yield the reference rows of a contig, in coordinates of its replicon.

    Plain genes are clipped. What is set aside stays whole: only the bases that it shares with
    predictions matter.
    """
    size, low, high = len(place.replicon), place.low, place.high
    for gene in place.source.genes[place.replicon.id]:
        if reason_to_set_aside(gene) is not None:
            if any(start < high and end > low for start, end in gene.parts):
                yield replace(gene, contig=name)
            continue
        # A plain gene of two parts crosses the origin: it is at either end of the replicon.
        length = len(gene)
        for start in (gene.start, gene.start - size):
            if start < high and start + length > low:
                yield clip(replace(gene, contig=name), start, start + length, low, high)


def clip(gene: CodingSequence, start: int, end: int, low: int, high: int) -> CodingSequence:
    """Keep what a contig has of a gene that is from start to end, in the frame of its stop."""
    left, right = max(start, low), min(end, high)
    cut5, cut3 = (left > start, right < end)[:: gene.strand]
    clipped = replace(
        gene,
        parts=((left, right),),
        phase=(end - left if gene.strand > 0 else right - start) % 3,
        partial5=gene.partial5 or cut5,
        partial3=cut3,
        pseudo=right - left < LEAST,
    )
    return close(clipped)


def close(gene: CodingSequence) -> CodingSequence:
    """End a gene without a stop with the first codon that is not whole.

    That codon ends beyond the contig, where no other gene has its stop, and genes that are open
    at one end of the contig have it in common if they are in the same frame, and only then. So
    for ``dnatag.domains.genes.evaluation.metrics`` it is a stop like any other.
    """
    if not gene.partial3:
        return gene
    start, end = gene.parts[0]
    missing = 3 - (end - start - gene.phase) % 3
    part = (start, end + missing) if gene.strand > 0 else (start - missing, end)
    return replace(gene, parts=(part,), partial3=False)


def found(name: str, place: Place, genes: Sequence[CodingSequence]) -> list[CodingSequence]:
    """Bring predictions on a contig to the coordinates of its replicon."""
    return [
        close(
            replace(
                gene,
                contig=name,
                parts=tuple((start + place.low, end + place.low) for start, end in gene.parts),
            )
        )
        for gene in genes
    ]


def score(
    sources: Sequence[Source], contigs: dict[str, Place], run: Run
) -> dict[str, tuple[Counts, Counts]]:
    """Count genes by stop and exact genes on all contigs and on those of each genome."""
    prediction = read_annotation(run.path)
    if unknown := prediction.keys() - contigs.keys():
        sys.exit(f"{run.name}: there is no contig {min(unknown)}")
    scores = {}
    for source in sources:
        places = {name: place for name, place in contigs.items() if place.source is source}
        result = evaluate(
            {name: [*truth(name, place)] for name, place in places.items()},
            {name: found(name, place, prediction.get(name, [])) for name, place in places.items()},
            {name: len(place.replicon) + CODON for name, place in places.items()},
        )
        scores[source.name] = (result.stop, result.exact)
    stops, exacts = zip(*scores.values(), strict=True)
    return {POOLED: (add(stops), add(exacts)), **scores}


def add(counts: Sequence[Counts]) -> Counts:
    """Count the genes of several genomes together."""
    return Counts(
        *(sum(getattr(c, key) for c in counts) for key in ("reference", "predicted")),
        *(sum(getattr(c, key) for c in counts) for key in ("found", "right")),
    )


def predict(fasta: Path, folder: Path, options: argparse.Namespace) -> list[Run]:
    """Run all tools on a file of contigs."""
    dnatag = [PYTHON, "-m", "dnatag", "predict", str(fasta), "-q"]
    dnatag += ["--threads", str(options.threads)]
    dnatag += ["--model", options.model] if options.model else []
    runs = []
    for adapt in (None, *options.adapt):
        more = ["--adapt", adapt] if adapt else []
        output = folder / f"dnatag{'_' + adapt if adapt else ''}.gff"
        command = [*dnatag, *more, "-o", str(output)]
        runs.append(measure(" ".join(["dnatag", *more]), command, output, options.repeat))
    output = folder / "meta.gff"
    command = [PYTHON, "-m", "pyrodigal", "-i", str(fasta), "-p", "meta"]
    command += ["-f", "gff", "-o", str(output), "-j", str(options.threads)]
    runs.append(measure("Pyrodigal meta", command, output, options.repeat))
    return runs


def table(
    sources: Sequence[Source], length: int, contigs: dict[str, Place], runs: Sequence[Run]
) -> list[list[str]]:
    """Rows of the result: all genomes together, then one by one, each for every run."""
    scores = [score(sources, contigs, run) for run in runs]
    rows = []
    for genome in scores[0]:
        for run, counted in zip(runs, scores, strict=True):
            stop, exact = counted[genome]
            row = [f"{length / 1000:g} kb", genome, run.name]
            row += [str(stop.reference), str(stop.predicted)]
            row += [f"{100 * stop.f1:.2f}", f"{100 * exact.f1:.2f}"]
            if genome == POOLED and run.seconds is not None:
                speed = length * len(contigs) / run.seconds / 1e6
                row += [f"{run.seconds:.2f}", f"{speed:.2f}"]
            else:
                row += ["", ""]
            rows.append(row)
    return rows


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("genomes", type=Path, nargs="+", help="TOML files, like genomes.toml here")
    parser.add_argument("--data", type=Path, help="where its paths begin (default: where it is)")
    parser.add_argument("--name", action="append", help="only this genome (may be repeated)")
    parser.add_argument(
        "--number", type=int, default=100, help="contigs of each genome and length (default: 100)"
    )
    parser.add_argument(
        "--length", type=int, action="append", help="only contigs of so many bp (may be repeated)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the places (default: 0)")
    parser.add_argument(
        "--adapt",
        action="append",
        default=[],
        choices=["file", "contig", "off"],
        help="run dnatag with this --adapt as well (may be repeated)",
    )
    parser.add_argument("--model", help="model of dnatag (default: the one that ships)")
    parser.add_argument("--threads", type=int, default=1, help="for each tool (default: 1)")
    parser.add_argument("--repeat", type=int, default=1, help="take the best of so many runs")
    parser.add_argument("--keep", type=Path, help="directory for the contigs and predictions")
    options = parser.parse_args()
    genomes = genomes_of(options)
    sources = [Source.of(genome) for genome in genomes]

    print(
        f"{about(options)}; {options.number} contigs of each genome and length, "
        f"seed {options.seed}\n"
    )
    print(line(COLUMNS))
    print(line(["---", "---", "---", *["---:"] * (len(COLUMNS) - 3)]))
    with tempfile.TemporaryDirectory() as temporary:
        for length in options.length or LENGTHS:
            folder = (options.keep or Path(temporary)) / str(length)
            folder.mkdir(parents=True, exist_ok=True)
            fasta = folder / "contigs.fna"
            contigs = mix(sources, length, options.number, options.seed, fasta)
            runs = predict(fasta, folder, options)
            for row in table(sources, length, contigs, runs):
                print(line(row), flush=True)


if __name__ == "__main__":
    main()

"""Whether the posteriors of dnatag are calibrated, and what asking for short genes costs.

Genes
    A gene is right if the reference has one with its stop. Genes that are called nearly all have
    a posterior near 1 and say little about the rest of the scale. "All stops" are therefore the
    stop codons of the genome, called or not, at which a gene ends with a posterior of 0.01 or
    more: what the score of the gene would be if it were called.
Starts
    A start is right if it is that of the reference; only genes whose stop is right and whose
    start is there on both sides are asked. "All starts" are, for the same reason as above, the
    start of each gene and its alternative starts (down to 0.01, at most five), each with its own
    posterior. "Verified" are those of the genes whose start is known by experiment: elsewhere
    the start that a posterior doubts may be wrong in the reference. Genomes whose starts are
    "open" in the TOML file are not asked for starts.
Short genes
    Sensitivity and precision by length, with ``--min-length 30`` and as it is, beside those of
    the genes of 300 bp and more, which asking for short ones should leave as they are.

The expected calibration error (ECE) is over ten bins of equal width: the sum over the bins of the
share of posteriors in it, times the difference of their mean and the share of right predictions.
Predictions set aside, as ``dnatag.domains.genes.evaluation.metrics`` has it, are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from genes import Genome, genomes_of, line
from matching import (
    LAST_BASE,
    Match,
    all_calls,
    match,
    parser_of,
    plain_genes,
    predict,
    stop_of,
)

from dnatag.domains.genes.codes import STOP, STOP_REVERSE
from dnatag.domains.genes.decoding.assemble import Prediction
from dnatag.domains.genes.evaluation.metrics import LENGTH_CLASSES, Counts, Scores
from dnatag.domains.genes.nucleotides import encode
from dnatag.formats.sequences.annotation import read_annotation
from dnatag.formats.sequences.records import CodingSequence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 10
#: Stop codons are looked at from this posterior on, as alternative starts are.
LEAST = 0.01
#: The panels of the picture.
PANELS = {
    "genes": ("all stops", "called genes"),
    "starts": ("all starts", "all verified starts"),
}
COLOURS = ("#0072b2", "#d55e00")
#: A curve has no point where there are fewer than this.
FEW = 10
SHORT, LONG = LENGTH_CLASSES[:3], LENGTH_CLASSES[3:]
MIN_LENGTHS = (60, 30)

#: Posteriors, and whether each prediction is right: float64 (n, 2).
Pairs = np.ndarray


@dataclass(frozen=True)
class Bins:
    """How often predictions are right in bins of posteriors of equal width; the last has 1 too.

    Attributes
    ----------
    number
        Posteriors in each bin.
    posterior, right
        Their mean, and the share of right predictions; NaN in empty bins.
    """

    number: np.ndarray
    posterior: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, found: Pairs) -> Bins:
        """Sort posteriors into bins."""
        which = np.minimum((found[:, 0] * BINS).astype(int), BINS - 1)
        number = np.bincount(which, minlength=BINS)
        with np.errstate(invalid="ignore"):
            posterior, right = (np.bincount(which, x, BINS) / number for x in found.T)
        return cls(number, posterior, right)

    def ece(self) -> float:
        """Return the expected calibration error."""
        return float(np.nansum(self.number * abs(self.posterior - self.right)) / self.number.sum())

    def without_few(self) -> Bins:
        """Blank bins whose share says nothing."""
        return replace(self, right=np.where(self.number >= FEW, self.right, np.nan))

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """Wilson's 95 % interval of the share of right predictions."""
        z, n, p = 1.96, self.number, self.right
        middle = (n * p + z * z / 2) / (n + z * z)
        half = z * np.sqrt(n * p * (1 - p) + z * z / 4) / (n + z * z)
        return middle - half, middle + half


def as_pairs(pairs: Iterable[tuple[float | None, bool]]) -> Pairs:
    """Make an array of pairs."""
    return np.array(list(pairs), dtype=float).reshape(-1, 2)


def possible_genes(predictions: Mapping[str, Prediction]) -> Iterable[CodingSequence]:
    """Stop codons with the posteriors of the genes that end there."""
    for prediction in predictions.values():
        contig = prediction.contig
        flags = prediction.code.properties(encode(contig.sequence))
        posteriors = prediction.posteriors()
        for strand, stop in ((1, STOP), (-1, STOP_REVERSE)):
            ends = posteriors[:, LAST_BASE[strand]]
            for last in np.flatnonzero((flags & stop > 0) & (ends >= LEAST)).tolist():
                codon = (last - 2, last + 1) if strand > 0 else (last, last + 3)
                yield CodingSequence(contig.id, (codon,), strand, posterior=float(ends[last]))


def starts(pairs: Iterable[tuple[CodingSequence, CodingSequence]], *, every: bool) -> Pairs:
    """Posteriors of the starts of calls, beside genes with the same stops.

    Parameters
    ----------
    pairs
        Gene and call.
    every
        Whether alternative starts are asked as well.
    """
    found: list[tuple[float | None, bool]] = []
    for gene, call in pairs:
        if gene.partial5 or call.partial5:
            continue
        offered: list[tuple[int, float | None]] = [(call.five_prime, call.start_posterior)]
        if every:
            offered += call.alternative_starts
        found += [(posterior, place == gene.five_prime) for place, posterior in offered]
    return as_pairs(found)


def series(
    genome: Genome, predictions: Mapping[str, Prediction], matched: Match
) -> dict[str, Pairs]:
    """All that is to be calibrated on a genome."""
    genes, aside = matched.genes, matched.aside
    # A prediction that is set aside is so as a whole, which its stop codon alone does not show.
    left_out = all_calls(predictions).keys() - matched.calls.keys()
    found = {
        "called genes": as_pairs((c.posterior, s in genes) for s, c in matched.calls.items()),
        "all stops": as_pairs(
            (cds.posterior, stop_of(cds) in genes)
            for cds in possible_genes(predictions)
            if stop_of(cds) in genes or not (stop_of(cds) in left_out or aside.takes(cds))
        ),
    }
    if genome.starts == "trusted":
        found["called starts"] = starts(matched.found(), every=False)
        found["all starts"] = starts(matched.found(), every=True)
    if genome.verified is not None:
        verified, calls = plain_genes(read_annotation(genome.verified)), all_calls(predictions)
        pairs = [(gene, calls[stop]) for stop, gene in verified.items() if stop in calls]
        found["called verified starts"] = starts(pairs, every=False)
        found["all verified starts"] = starts(pairs, every=True)
    return found


def pooled(every: Iterable[dict[str, Pairs]]) -> dict[str, Pairs]:
    """Series of all genomes together."""
    together: dict[str, list[Pairs]] = {}
    for found in every:
        for name, values in found.items():
            together.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in together.items()}


def print_calibration(every: Mapping[str, dict[str, Pairs]]) -> None:
    """Print a row for each genome and series."""
    print(line(["genome", "what", "number", "mean posterior %", "right %", "ECE %"]))
    print(line(["---", "---", *["---:"] * 4]))
    for genome, found in every.items():
        for name, values in found.items():
            if len(values):
                shares = (*values.mean(axis=0), Bins.of(values).ece())
                cells = [f"{100 * share:.2f}" for share in shares]
                print(line([genome, name, str(len(values)), *cells]))


def total(counts: Sequence[Counts]) -> Counts:
    """Add counts up."""
    fields = ((c.reference, c.predicted, c.found, c.right) for c in counts)
    return Counts(*map(sum, zip(*fields, strict=True)))


def print_short(every: Mapping[str, dict[int, list[Scores]]]) -> None:
    """Print a row for each genome and ``--min-length``."""
    heads = [f"{name} bp: {what} %" for name in SHORT for what in ("sensitivity", "precision")]
    columns = ["genome", "--min-length", *heads, ">=300 bp: stop F1 %", ">=300 bp: precision %"]
    print(line(columns))
    print(line(["---", *["---:"] * (len(columns) - 1)]))
    for genome, by_length in every.items():
        for min_length, scores in by_length.items():
            cells = []
            for name in SHORT:
                counts = total([s.by_length[name] for s in scores])
                cells += [share(counts.found, counts.reference)]
                cells += [share(counts.right, counts.predicted)]
            long = total([s.by_length[name] for name in LONG for s in scores])
            cells += [f"{100 * long.f1:.2f}", share(long.right, long.predicted)]
            print(line([genome, str(min_length), *cells]))


def share(part: int, whole: int) -> str:
    """Per cent, and of what."""
    return f"{100 * part / whole:.2f} ({part}/{whole})" if whole else "(0/0)"


def draw(every: Mapping[str, dict[str, Pairs]], together: dict[str, Pairs], path: Path) -> None:
    """Draw reliability curves of all genomes together, and faint ones of each."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey="row", height_ratios=(3, 1))
    for (title, names), (curves, counts) in zip(PANELS.items(), axes.T, strict=True):
        curves.plot((0, 1), (0, 1), color="0.6", linewidth=0.8, linestyle=(0, (5, 5)))
        for name, colour in zip(names, COLOURS, strict=True):
            for found in every.values() if len(every) > 1 else ():
                if len(found.get(name, ())):
                    bins = Bins.of(found[name]).without_few()
                    curves.plot(bins.posterior, bins.right, color=colour, alpha=0.4, linewidth=0.7)
            if len(together.get(name, ())):
                bins = Bins.of(together[name])
                label = f"{name} ({bins.number.sum():,}), ECE {100 * bins.ece():.2f} %"
                draw_curve(curves, bins.without_few(), colour, label)
                counts.stairs(bins.number, np.linspace(0, 1, BINS + 1), color=colour)
        curves.set(title=title, xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        curves.legend(loc="lower right", frameon=False)
        counts.set(xlabel="posterior", yscale="log")
    axes[0, 0].set_ylabel("share of right predictions")
    axes[1, 0].set(ylabel="number", ylim=(0.7, None))
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=200, format="png")


def draw_curve(axis: Axes, bins: Bins, colour: str, label: str) -> None:
    """Draw a reliability curve with 95 % intervals."""
    low, high = bins.interval()
    # Rounding must not make a bar negative.
    bars = np.maximum((bins.right - low, high - bins.right), 0)
    axis.errorbar(
        bins.posterior,
        bins.right,
        yerr=bars,
        color=colour,
        marker="o",
        markersize=4,
        linewidth=1.4,
        elinewidth=0.8,
        label=label,
    )


def main() -> None:
    """Predict, and print calibration and short genes."""
    parser = parser_of(__doc__.partition("\n")[0])
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw it, as PNG")
    options = parser.parse_args()
    genomes = genomes_of(options)

    found: dict[str, dict[str, Pairs]] = {}
    scores: dict[str, dict[int, list[Scores]]] = {}
    for genome in genomes:
        scores[genome.name] = {}
        for min_length in MIN_LENGTHS:
            as_it_is = min_length == MIN_LENGTHS[0]
            predictions = predict(genome, options, min_length, per_base=as_it_is)
            matched = match(genome, predictions)
            scores[genome.name][min_length] = [matched.scores]
            if as_it_is:
                found[genome.name] = series(genome, predictions, matched)
    together = pooled(found.values())
    if len(genomes) > 1:
        scores["all"] = {m: [scores[g.name][m][0] for g in genomes] for m in MIN_LENGTHS}
    print_calibration(found | ({"all": together} if len(genomes) > 1 else {}))
    print()
    print_short(scores)
    if options.picture is not None:
        draw(found, together, options.picture)


if __name__ == "__main__":
    main()

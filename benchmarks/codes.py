"""Say how often dnatag chooses the right genetic code, and by what margin, against length.

Stretches of several lengths are cut at random from genomes whose genetic code is known. Each is
all that dnatag has to choose from, as if it were a contig of a metagenome. The margins are given
for stretches as well that are too short for a choice, to see whether there could be one.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from contigs import cut
from genes import genomes_of, line
from matching import parser_of

from dnatag import GeneFinder, __version__
from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.selftraining.genetic_code import CodeChooser
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.formats.sequences.fasta import read_fasta
from dnatag.formats.sequences.records import Contig

SETTINGS = SelfTrainingSettings()
LENGTHS = (2_000, 3_000, 5_000, 10_000, 20_000, 40_000, 100_000)
#: Percentiles of the margin: of genomes of code 11 the upper ones matter, of others the lower.
PERCENTILES = (0, 5, 50, 95, 100)
COLUMNS = (
    "length",
    "code",
    "stretches",
    "right %",
    "right stops %",
    "too short %",
    "right stops by margin alone %",
    "least gain",
    "5 %",
    "median",
    "95 %",
    "largest gain",
)


@dataclass(frozen=True)
class Choice:
    """What is found of a stretch.

    Parameters
    ----------
    right
        Whether dnatag chooses the code of the genome.
    right_stops
        Whether it chooses one with the same stop codons.
    short
        Whether there are too few bases to choose, so that it takes code 11.
    by_margin
        Whether the code with the largest gain, or code 11 if the gain is less than the margin,
        has the stop codons of the genome's code.
    gain
        By how many nats per 1000 bases a code is better than code 11: the one with the genome's
        stop codons, or if those are code 11's, the best of the others.
    """

    right: bool
    right_stops: bool
    short: bool
    by_margin: bool
    gain: float


def counterpart(table: int) -> int | None:
    """Return the code that dnatag compares which has the stop codons of a code; None: code 11."""
    stops = GeneticCode.ncbi(table).stops
    if stops == GeneticCode.ncbi(11).stops:
        return None
    for other in SETTINGS.other_codes:
        if stops == GeneticCode.ncbi(other).stops:
            return other
    sys.exit(f"genetic code {table} is none of those that dnatag chooses from")


def choose(finder: GeneFinder, stretches: Sequence[Contig], truth: int) -> list[Choice]:
    """Choose the genetic code of each stretch.

    It is what dnatag chooses of the contigs of a mixture, one by one.
    """
    chooser = finder._planner.codes
    codes = [code for code, _ in chooser.of_each(stretches)]
    # Likelihoods of all stretches, however short.
    of_any_length = CodeChooser(chooser.decoder, replace(SETTINGS, code_margins=((1, 0.0),)))
    evidence = of_any_length.examine([stretch] for stretch in stretches)
    scores = np.stack([one.scores for one in evidence], axis=1)
    sizes = np.array([one.size for one in evidence])
    gains = (scores[1:] - scores[0]) * 1000 / sizes

    own = counterpart(truth)
    best = gains.argmax(axis=0)
    choices = []
    for i, code in enumerate(codes):
        largest = float(gains[best[i], i])
        margin = SETTINGS.code_margin(max(int(sizes[i]), SETTINGS.min_code_sample))
        choices.append(
            Choice(
                right=code.table == truth,
                right_stops=code.stops == GeneticCode.ncbi(truth).stops,
                short=bool(sizes[i] < SETTINGS.min_code_sample),
                by_margin=own == (SETTINGS.other_codes[best[i]] if largest >= margin else None),
                gain=largest if own is None else float(gains[SETTINGS.other_codes.index(own), i]),
            )
        )
    return choices


def row(length: int, code: int, choices: Sequence[Choice]) -> list[str]:
    """Row of the result: all stretches of one length and code."""
    shares = [
        100 * float(np.mean([getattr(choice, key) for choice in choices]))
        for key in ("right", "right_stops", "short", "by_margin")
    ]
    gains = np.percentile([choice.gain for choice in choices], PERCENTILES)
    return [
        f"{length / 1000:g} kb",
        str(code),
        str(len(choices)),
        *(f"{share:.1f}" for share in shares),
        *(f"{gain:+.2f}" for gain in gains),
    ]


def main() -> None:
    """Run the benchmark and print its table."""
    parser = parser_of(__doc__.partition("\n")[0])
    parser.add_argument(
        "--number", type=int, default=30, help="stretches of each genome and length (default: 30)"
    )
    parser.add_argument(
        "--length", type=int, action="append", help="only stretches of so many bp (may be repeated)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the places (default: 0)")
    options = parser.parse_args()
    genomes = genomes_of(options)
    finder = GeneFinder(options.model, threads=options.threads)
    replicons = [list(read_fasta(genome.fasta)) for genome in genomes]

    print(
        f"dnatag, version {__version__}, model {finder.path.stem}, Python "
        f"{platform.python_version()}; code 11 unless another gains "
        f"{', '.join(f'{m} nats/kb from {n / 1000:g} kb on' for n, m in SETTINGS.code_margins)}; "
        f"{options.number} stretches of each genome and length, "
        f"seed {options.seed}\n"
    )
    print(line(COLUMNS))
    print(line(["---", *["---:"] * (len(COLUMNS) - 1)]))
    for length in options.length or LENGTHS:
        choices: dict[int, list[Choice]] = {}
        for genome, contigs in zip(genomes, replicons, strict=True):
            rng = np.random.default_rng([options.seed, length, *genome.name.encode()])
            stretches = [
                Contig(f"stretch_{i}", contig.sequence[low : low + length])
                for i, (contig, low) in enumerate(cut(contigs, length, options.number, rng))
            ]
            # Genomes without a replicon of this length have none.
            if stretches:
                chosen = choose(finder, stretches, genome.genetic_code)
                choices.setdefault(genome.genetic_code, []).extend(chosen)
        for code in sorted(choices, key=lambda table: (table != 11, table)):
            print(line(row(length, code, choices[code])), flush=True)


if __name__ == "__main__":
    main()

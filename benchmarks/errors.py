"""List the errors that remain on genomes, with the class of each.

The errors are missed genes, extra genes and wrong starts, as
``dnatag.domains.genes.evaluation.metrics`` counts them. Each has one class, the first that applies
of ``MISSED``, ``EXTRA`` or ``WRONG_START``, by sequence, reference and prediction alone. Apart from
its class an error is undecided if dnatag gives the gene of the reference more than 0.1, and shared
if published predictions make it too: those that all share are more likely to be errors of the
reference. A sample, evenly
spread over each genome, is written to a table for somebody to look at.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from genes import Genome, genomes_of, line
from matching import (
    Match,
    Stop,
    longest,
    match,
    parser_of,
    plain_genes,
    posterior_of_stop,
    predict,
    starts_agree,
    stop_of,
)

from dnatag.domains.genes.decoding.assemble import Prediction
from dnatag.domains.genes.nucleotides import splice
from dnatag.formats.io.reading import open_text
from dnatag.formats.sequences.annotation import read_annotation
from dnatag.formats.sequences.records import CodingSequence

#: Undecided is what gives the reading of the reference more than this.
UNDECIDED = 0.1
#: Genes shorter than this are only predicted if asked for.
VERY_SHORT = 60
#: Bounds of the classes of short genes.
BOUNDS = (90, 150, 300)
#: An extra gene of 300 bp or more with a posterior above this is probably one that the reference
#: lacks.
SURE = 0.95
#: A fragment of a pseudogene in another frame is at most this far from the annotated one.
BESIDE = 100
#: Bases by which neighbours in an operon overlap at most, with few exceptions.
USUAL_OVERLAP = 20
#: A start less than this from another is near it.
NEAR = 30
#: No gene is predicted across so many N.
GAP = b"N" * 10
COMMON_STARTS = ("ATG", "GTG", "TTG")
#: Attributes of GFF3 that name a gene, and those that say what it is.
NAMES, DESCRIPTIONS = ("locus_tag", "protein_id", "gene", "product", "Note"), ("product", "Note")
MOBILE = re.compile(r"phage|transpos|insertion (element|sequence)|\bIS\d|integrase", re.IGNORECASE)
UNKNOWN = re.compile(r"hypothetical|uncharacteri[sz]ed|unknown function", re.IGNORECASE)
COLUMNS = (
    "genome",
    "kind",
    "class",
    "sample",
    "all",
    "undecided",
    "verified",
    "half of the peers too",
    "all peers too",
)


@dataclass(frozen=True)
class Context:
    """What the class of an error depends on.

    Attributes
    ----------
    predictions
        By contig.
    matched
        Reference and prediction.
    attributes
        Attributes of the rows of the reference, if it is GFF3, by stop.
    verified
        Genes with verified starts, if there is a list.
    peers
        Published predictions.
    """

    predictions: Mapping[str, Prediction]
    matched: Match
    attributes: Mapping[Stop, Mapping[str, str]]
    verified: Mapping[Stop, CodingSequence] | None
    peers: Sequence[Mapping[Stop, CodingSequence]]

    def bases(self, cds: CodingSequence) -> bytes:
        """Return a gene's bases from its first whole codon on."""
        sequence = self.predictions[cds.contig].contig.sequence
        return splice(sequence, cds.parts, cds.strand).upper()[cds.phase :]

    def start_codon(self, cds: CodingSequence | None) -> str:
        """Return the first codon; empty if it is missing."""
        return "" if cds is None or cds.partial5 else self.bases(cds)[:3].decode()

    def description(self, cds: CodingSequence) -> str:
        """Return how the reference describes a gene in words."""
        attributes = self.attributes.get(stop_of(cds), {})
        return " ".join(attributes[key] for key in DESCRIPTIONS if key in attributes)


@dataclass(frozen=True)
class Error:
    """A gene of the reference that is missed, a call that is extra, or both and their starts.

    Attributes
    ----------
    genome, kind
        Where, and what.
    gene, call
        Of the reference, and predicted.
    posterior
        Of the call, or of the gene that is missed.
    reference_start_posterior
        Of the start of the reference, if it is an alternative one.
    undecided, verified
        Whether dnatag is undecided; whether the start of the gene is verified, None if there is
        no list or no gene.
    peers, same
        Published predictions, and how many of them make the same error; None if there are none.
    label
        The class.
    """

    genome: str
    kind: str
    gene: CodingSequence | None = None
    call: CodingSequence | None = None
    posterior: float | None = None
    reference_start_posterior: float | None = None
    undecided: bool = False
    verified: bool | None = None
    peers: int | None = None
    same: int | None = None
    label: str = ""

    @property
    def cds(self) -> CodingSequence:
        """The gene, or else the call."""
        cds = self.gene or self.call
        assert cds is not None
        return cds

    @property
    def distance(self) -> int:
        """Bases by which the start is predicted too far upstream; negative: downstream."""
        return len(self.call) - len(self.gene) if self.call and self.gene else 0


def shared_bases(a: CodingSequence, b: CodingSequence) -> int:
    """Bases that two genes have in common, on whichever strand."""
    if a.contig != b.contig:
        return 0
    return sum(max(min(e, f) - max(s, t), 0) for s, e in a.parts for t, f in b.parts)


def overlaps_half(cds: CodingSequence, others: Mapping[Stop, CodingSequence]) -> bool:
    """Whether a gene of another name has more than half of the bases of a gene."""
    return any(
        2 * shared_bases(cds, other) > len(cds)
        for stop, other in others.items()
        if stop != stop_of(cds)
    )


def runs_off(cds: CodingSequence) -> bool:
    """Whether a gene is cut by an end of a contig or a gap, or lies across an origin."""
    return cds.partial5 or cds.partial3 or len(cds.parts) > 1


def impossible(cds: CodingSequence, context: Context) -> bool:
    """Whether a gene cannot be predicted with this stop, whatever the evidence."""
    bases = context.bases(cds)
    protein = context.predictions[cds.contig].code.translate(bases)
    return protein.find("*") != len(protein) - 1 or GAP in bases


def beside_set_aside(cds: CodingSequence, context: Context) -> bool:
    """Whether a gene overlaps a row set aside, or is near to one on the same strand."""
    return any(
        shared_bases(cds, row)
        or (
            (row.contig, row.strand) == (cds.contig, cds.strand)
            and max(cds.start - row.end, row.start - cds.end) <= BESIDE
        )
        for row in context.matched.aside.rows
        if row.contig == cds.contig
    )


def overlaps_unusually(cds: CodingSequence, others: Mapping[Stop, CodingSequence]) -> bool:
    """Whether a gene overlaps one of another name by more than neighbours do."""
    return any(
        shared_bases(cds, other) > USUAL_OVERLAP
        for stop, other in others.items()
        if stop != stop_of(cds)
    )


def starts_inside(cds: CodingSequence, others: Mapping[Stop, CodingSequence]) -> bool:
    """Whether the start of a gene is inside another one, by more than neighbours overlap."""
    return any(
        any(start <= cds.five_prime < end for start, end in other.parts)
        and shared_bases(cds, other) > USUAL_OVERLAP
        for stop, other in others.items()
        if stop != stop_of(cds) and other.contig == cds.contig
    )


def reference_refuted(error: Error, context: Context) -> bool:
    """Whether the predicted start is the verified one."""
    known = (context.verified or {}).get(stop_of(error.cds))
    return known is not None and error.call is not None and starts_agree(known, error.call)


Class = tuple[str, Callable[[Error, Context], bool]]
SIZES = tuple(zip((VERY_SHORT, *BOUNDS), BOUNDS, strict=False))


def by_size(what: str) -> Iterator[Class]:
    """Make classes of genes that are shorter than 300 bp."""
    for low, high in SIZES:
        yield f"{low}-{high - 1} bp{what}", lambda e, _, high=high: len(e.cds) < high


#: Missed genes.
MISSED: tuple[Class, ...] = (
    ("cut by an end or across an origin", lambda e, _: runs_off(e.cds)),
    (f"shorter than {VERY_SHORT} bp", lambda e, _: len(e.cds) < VERY_SHORT),
    ("a stop or a gap inside, or no stop at its end", lambda e, c: impossible(e.cds, c)),
    ("half of it is in a predicted gene", lambda e, c: overlaps_half(e.cds, c.matched.calls)),
    ("mobile by its name", lambda e, c: bool(MOBILE.search(c.description(e.cds)))),
    *by_size(""),
    ("hypothetical by its name", lambda e, c: bool(UNKNOWN.search(c.description(e.cds)))),
    (f"{BOUNDS[-1]} bp and more", lambda *_: True),
)
#: Predicted genes that the reference has not.
EXTRA: tuple[Class, ...] = (
    ("cut by an end or across an origin", lambda e, _: runs_off(e.cds)),
    ("at a pseudogene or other row set aside", lambda e, c: beside_set_aside(e.cds, c)),
    ("half of it is in an annotated gene", lambda e, c: overlaps_half(e.cds, c.matched.genes)),
    (
        f"{BOUNDS[-1]} bp and more, posterior above {SURE}",
        lambda e, _: len(e.cds) >= BOUNDS[-1] and (e.posterior or 0) > SURE,
    ),
    (f"{BOUNDS[-1]} bp and more, less sure", lambda e, _: len(e.cds) >= BOUNDS[-1]),
    (
        f"shorter, {USUAL_OVERLAP + 1} bp up to half in an annotated gene",
        lambda e, c: overlaps_unusually(e.cds, c.matched.genes),
    ),
    *by_size(" between annotated genes"),
)
#: Genes whose stop is right.
WRONG_START: tuple[Class, ...] = (
    ("start missing on one side", lambda e, _: e.gene.partial5 or e.call.partial5),
    ("verified start is the predicted one", reference_refuted),
    (
        f"annotated start is not {', '.join(COMMON_STARTS[:-1])} or {COMMON_STARTS[-1]}",
        lambda e, c: c.start_codon(e.gene) not in COMMON_STARTS,
    ),
    (
        f"annotated start more than {USUAL_OVERLAP} bp inside an annotated gene",
        lambda e, c: starts_inside(e.gene, c.matched.genes),
    ),
    (f"predicted upstream by less than {NEAR} bp", lambda e, _: 0 < e.distance < NEAR),
    (f"predicted upstream by {NEAR} bp and more", lambda e, _: e.distance >= NEAR),
    (f"predicted downstream by less than {NEAR} bp", lambda e, _: -NEAR < e.distance < 0),
    (f"predicted downstream by {NEAR} bp and more", lambda *_: True),
)
KINDS = {"missed": MISSED, "extra": EXTRA, "wrong start": WRONG_START}


def read_attributes(path: Path) -> dict[Stop, dict[str, str]]:
    """Read the attributes of each CDS of a GFF3 file; of other files nothing."""
    found: dict[Stop, dict[str, str]] = {}
    with open_text(path) as lines:
        for text in lines:
            fields = text.rstrip("\r\n").split("\t")
            if len(fields) != 9 or fields[2] != "CDS":
                continue
            last = int(fields[4]) - 1 if fields[6] == "+" else int(fields[3]) - 1
            pairs = (pair.partition("=") for pair in fields[8].split(";"))
            attributes = {key.strip(): unquote(value) for key, _, value in pairs}
            found[fields[0], 1 if fields[6] == "+" else -1, last] = attributes
    return found


def context_of(genome: Genome, predictions: Mapping[str, Prediction]) -> Context:
    """Read all that is known of a genome."""
    peers = [read_annotation(path) for path in genome.predictions]
    return Context(
        predictions,
        match(genome, predictions),
        read_attributes(genome.reference),
        None if genome.verified is None else plain_genes(read_annotation(genome.verified)),
        [longest(cds for rows in peer.values() for cds in rows) for peer in peers],
    )


def find_errors(name: str, context: Context) -> list[Error]:
    """Find all errors on a genome, in the order of the contigs."""
    matched = context.matched
    missed = [gene for stop, gene in matched.genes.items() if stop not in matched.calls]
    extra = [call for stop, call in matched.calls.items() if stop not in matched.genes]
    wrong = [pair for pair in matched.found() if not starts_agree(*pair)]
    errors = [
        *(Error(name, "missed", gene=gene) for gene in missed),
        *(Error(name, "extra", call=call) for call in extra),
        *(Error(name, "wrong start", gene, call) for gene, call in wrong),
    ]
    order = {contig: i for i, contig in enumerate(context.predictions)}
    errors.sort(key=lambda e: (order[e.cds.contig], e.cds.start, e.cds.end))
    return [classify(describe(error, context), context) for error in errors]


def describe(error: Error, context: Context) -> Error:
    """Add what dnatag, experiment and other tools say to an error."""
    gene, call = error.gene, error.call
    posterior = call.posterior if call else None
    at_reference = None  # posterior of what the reference says
    if gene is None:
        at_reference = 1 - posterior
    elif call is not None:
        at_reference = dict(call.alternative_starts).get(gene.five_prime)
    elif not impossible(gene, context):
        prediction = context.predictions[gene.contig]
        posterior = posterior_of_stop(prediction, gene.strand, gene.three_prime)
        at_reference = posterior
    verified = None
    if gene is not None and context.verified is not None:
        known = context.verified.get(stop_of(gene))
        verified = known is not None and starts_agree(known, gene)
    return replace(
        error,
        posterior=posterior,
        reference_start_posterior=at_reference if gene and call else None,
        undecided=(at_reference or 0) > UNDECIDED,
        verified=verified,
        peers=len(context.peers) or None,
        same=sum(is_shared(error, peer) for peer in context.peers) if context.peers else None,
    )


def is_shared(error: Error, peer: Mapping[Stop, CodingSequence]) -> bool:
    """Whether another prediction makes the same error."""
    theirs = peer.get(stop_of(error.cds))
    if theirs is None or error.call is None:
        return theirs is None and error.call is None
    return error.gene is None or starts_agree(theirs, error.call)


def classify(error: Error, context: Context) -> Error:
    """Add the first class that applies."""
    label = next(label for label, applies in KINDS[error.kind] if applies(error, context))
    return replace(error, label=label)


def sample(errors: Sequence[Error], number: int) -> list[Error]:
    """Choose errors of each kind in proportion, evenly spread."""
    number = min(number, len(errors))
    kinds = [[e for e in errors if e.kind == kind] for kind in KINDS]
    exact = [number * len(of_kind) / max(len(errors), 1) for of_kind in kinds]
    sizes = [int(size) for size in exact]
    # Who lost most by rounding down gets what is left.
    losers = sorted(range(len(kinds)), key=lambda i: sizes[i] - exact[i])
    for i in losers[: number - sum(sizes)]:
        sizes[i] += 1
    return [
        of_kind[(2 * i + 1) * len(of_kind) // (2 * size)]
        for of_kind, size in zip(kinds, sizes, strict=True)
        for i in range(size)
    ]


def count(values: Sequence[bool | None]) -> str:
    """How many are true; empty where that is not known of all."""
    return "" if None in values else str(sum(map(bool, values)))


def table(name: str, errors: Sequence[Error], chosen: Sequence[Error]) -> Iterator[list[str]]:
    """Rows of the classes that there are, and of all of a kind."""
    for kind, classes in KINDS.items():
        for label in (*(label for label, _ in classes), "all"):
            here, in_sample = (
                [e for e in some if e.kind == kind and label in (e.label, "all")]
                for some in (errors, chosen)
            )
            if here:
                yield [
                    name,
                    kind,
                    label,
                    str(len(in_sample)),
                    str(len(here)),
                    count([e.undecided for e in here]),
                    count([e.verified for e in here]),
                    count([None if e.peers is None else 2 * e.same >= e.peers for e in here]),
                    count([None if e.peers is None else e.same == e.peers for e in here]),
                ]


def row(error: Error, context: Context) -> dict[str, object]:
    """Make a row of the table of errors; places are 1-based."""
    gene, call = error.gene, error.call
    attributes = context.attributes.get(stop_of(error.cds), {}) if gene else {}
    return {
        "genome": error.genome,
        "contig": error.cds.contig,
        "strand": "+" if error.cds.strand > 0 else "-",
        "kind": error.kind,
        "class": error.label,
        "reference_start": gene.start + 1 if gene else None,
        "reference_end": gene.end if gene else None,
        "predicted_start": call.start + 1 if call else None,
        "predicted_end": call.end if call else None,
        "length": len(error.cds),
        "posterior": decimal(error.posterior),
        "start_posterior": decimal(call.start_posterior if call else None),
        "reference_start_posterior": decimal(error.reference_start_posterior),
        "start_distance": error.distance if gene and call else None,
        "reference_start_codon": context.start_codon(gene),
        "predicted_start_codon": context.start_codon(call),
        "undecided": yes(error.undecided),
        "verified": yes(error.verified),
        "peers": error.peers,
        "peers_with_it": error.same,
        "reference_name": " ".join(attributes[key] for key in NAMES if key in attributes),
    }


def decimal(value: float | None) -> str:
    """Write a posterior."""
    return "" if value is None else f"{value:.4f}"


def yes(value: bool | None) -> str:
    """Write whether something is so."""
    return "" if value is None else "yes" if value else "no"


def main() -> None:
    """Predict, and print classes of errors."""
    parser = parser_of(__doc__.partition("\n")[0])
    parser.add_argument(
        "--sample", type=int, default=50, metavar="N", help="errors of each genome (default: 50)"
    )
    parser.add_argument("--tsv", type=Path, metavar="FILE", help="write the sample here")
    options = parser.parse_args()
    print(line(COLUMNS))
    print(line(["---", "---", "---", *["---:"] * (len(COLUMNS) - 3)]))
    every: list[Error] = []
    every_chosen: list[Error] = []
    rows: list[dict[str, object]] = []
    genomes = genomes_of(options)
    for genome in genomes:
        context = context_of(genome, predict(genome, options, per_base=True))
        errors = find_errors(genome.name, context)
        chosen = sample(errors, options.sample)
        for cells in table(genome.name, errors, chosen):
            print(line(cells), flush=True)
        every, every_chosen = every + errors, every_chosen + chosen
        rows += [row(error, context) for error in chosen]
    if len(genomes) > 1:
        for cells in table("all", every, every_chosen):
            print(line(cells))
    if options.tsv is not None:
        with options.tsv.open("w", encoding="utf-8", newline="") as handle:
            fields = list(rows[0]) if rows else []
            writer = csv.DictWriter(handle, fields, delimiter="\t", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()

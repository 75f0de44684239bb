"""Genomes: what is learnt of one, samples of one, files that hold several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.decoding.circular import least_rotation
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.signals.codon_usage import Adaptation
from dnatag.domains.genes.signals.rbs import RbsMotif
from dnatag.engine.inference.windows import split
from dnatag.errors import InputError
from dnatag.formats.sequences.records import Contig
from dnatag.models.file import load_model, save_model

__all__ = [
    "GenomeParameters",
    "choose_parts",
    "is_mixture",
    "load_parameters",
    "sample",
    "save_parameters",
]

#: What files with the parameters of a genome name as their domain.
_DOMAIN = "genes"
_PARTS: dict[str, type[Adaptation] | type[RbsMotif]] = {
    "adaptation": Adaptation,
    "starts": Adaptation,
    "motif": RbsMotif,
}

#: Contigs from this length on say what their genome's GC content is.
_LONG = 3_000
#: Standard deviation of GC content between contigs (weighted by length) of a mixture.
_SPREAD = 0.05


@dataclass(frozen=True)
class GenomeParameters:
    """What is learnt of a genome before its genes are called.

    Attributes
    ----------
    code : GeneticCode
        Its genetic code.
    adaptation : Adaptation
        Its codon usage and starts, as far as a sample shows them: what the encoder is given.
    starts : Adaptation
        The same from more of its genes: what starts are scored with.
    motif : RbsMotif
        What precedes its starts.
    """

    code: GeneticCode
    adaptation: Adaptation = field(default_factory=Adaptation.none)
    starts: Adaptation = field(default_factory=Adaptation.none)
    motif: RbsMotif = field(default_factory=RbsMotif.none)


def save_parameters(path: Path, genome: GenomeParameters) -> None:
    """Write what was learnt of a genome to a file."""
    code = genome.code
    save_model(
        path,
        {
            f"{part}.{name}": table
            for part in _PARTS
            for name, table in getattr(genome, part).to_arrays().items()
        },
        {
            "domain": _DOMAIN,
            "parameters": {
                "genetic_code": [code.amino_acids, sorted(code.starts), code.table, code.name]
            },
        },
    )


def load_parameters(path: Path) -> GenomeParameters:
    """Read what :func:`save_parameters` wrote.

    Raises
    ------
    InputError
        If the file is something else or damaged.
    """
    arrays, metadata = load_model(path)
    if metadata.get("domain") != _DOMAIN or "parameters" not in metadata:
        raise InputError(f"{path} does not hold what was learnt of a genome (--save-adaptation)")
    tables: dict[str, dict[str, np.ndarray]] = {part: {} for part in _PARTS}
    try:
        amino_acids, starts, table, name = metadata["parameters"]["genetic_code"]
        code = GeneticCode(amino_acids, frozenset(starts), table, name)
        for key, array in arrays.items():
            part, _, field_name = key.partition(".")
            tables[part][field_name] = array
        parts: dict[str, Any] = {part: kind(**tables[part]) for part, kind in _PARTS.items()}
        for part, kind in _PARTS.items():
            check_tables(tables[part], kind.none().to_arrays())
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} was saved by another version of dnatag, or is damaged ({error}): make it anew "
            "with --save-adaptation"
        ) from None
    return GenomeParameters(code, **parts)


def check_tables(tables: Mapping[str, np.ndarray], like: Mapping[str, np.ndarray]) -> None:
    """Refuse tables of another shape or type, which compiled loops would read beyond the end.

    Parameters
    ----------
    tables, like
        Tables by name, and those that they must resemble.

    Raises
    ------
    ValueError
        Naming the table.
    """
    for name, table in tables.items():
        if table.shape != like[name].shape or table.dtype != like[name].dtype:
            raise ValueError(f"table {name!r} is {table.dtype} {table.shape}")


def is_mixture(contigs: Sequence[Contig]) -> bool:
    """Whether contigs seem to come from several genomes, as those of a metagenome.

    Parameters
    ----------
    contigs : sequence of Contig
        A file's.

    Returns
    -------
    bool
        True if their GC contents differ more than those of one genome do.
    """
    long = [c.sequence.upper() for c in contigs if len(c) >= _LONG]
    if len(long) < 2:
        return False
    sizes = np.array([len(s) for s in long], dtype=float)
    gc = np.array([s.count(b"G") + s.count(b"C") for s in long]) / sizes
    mean = np.average(gc, weights=sizes)
    return bool(np.sqrt(np.average((gc - mean) ** 2, weights=sizes)) > _SPREAD)


def choose_parts(
    contigs: Sequence[Contig], numbers: Sequence[int], size: int
) -> Iterator[tuple[int, list[int]]]:
    """Choose parts spread over a genome, the same for any order and strand of its contigs.

    Parameters
    ----------
    contigs : sequence of Contig
        The genome.
    numbers : sequence of int
        How many parts of about the same length each contig has.
    size : int
        Bases to take, about.

    Yields
    ------
    contig : int
        Its index; longest contigs first.
    parts : list of int
        Those of its parts that are taken, in order.
    """
    total = sum(map(len, contigs))
    seen = taken = 0.0
    for i in sorted(range(len(contigs)), key=lambda i: (-len(contigs[i]), contigs[i].id)):
        length, number = len(contigs[i]), numbers[i]
        seen += length
        due = min(size / total, 1) * seen - taken
        count = min(round(due * number / length), number)
        # One half mirrors the other.
        half = [(2 * k + 1) * number // (2 * count) for k in range((count + 1) // 2)]
        parts = sorted({part for k in half for part in (k, number - 1 - k)})
        taken += length * len(parts) / max(number, 1)
        yield i, parts


def sample(contigs: Sequence[Contig], size: int, stretch: int) -> list[Contig]:
    """Take stretches spread over a genome, the same for any order and strand of its contigs.

    Circles are cut at their least rotation, so that it does not matter where the file cuts them.

    Parameters
    ----------
    contigs : sequence of Contig
        The genome.
    size : int
        Bases to take, about.
    stretch : int
        Length of a stretch, at most.

    Returns
    -------
    list of Contig
        Linear.
    """
    stretches = [list(pairwise(split(len(contig), stretch))) for contig in contigs]
    taken = []
    for i, parts in choose_parts(contigs, [len(s) for s in stretches], size):
        sequence = contigs[i].sequence
        if contigs[i].circular and parts:
            cut = least_rotation(encode(sequence))
            sequence = sequence[cut:] + sequence[:cut]
        for low, high in (stretches[i][part] for part in parts):
            taken.append(Contig(f"{contigs[i].id}:{low}", sequence[low:high]))
    return taken

"""Parameters of a genome: what its genes are called with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.signals.gene_signals import GeneSignals
from dnatag.domains.genes.signals.rbs import RbsMotif
from dnatag.errors import InputError
from dnatag.models.file import load_model, save_model

__all__ = ["GenomeParameters", "load_parameters", "save_parameters"]

#: What files with the parameters of a genome name as their domain.
_DOMAIN = "genes"
_PARTS: dict[str, type[GeneSignals] | type[RbsMotif]] = {
    "signals": GeneSignals,
    "start_signals": GeneSignals,
    "rbs": RbsMotif,
}


@dataclass(frozen=True)
class GenomeParameters:
    """Parameters of a genome.

    Attributes
    ----------
    code : GeneticCode
        Its genetic code.
    signals : GeneSignals
        Codon usage and start signals, estimated from open frames: what the network is given.
    start_signals : GeneSignals
        The same, estimated from genes that it finds: what starts are scored with.
    rbs : RbsMotif
        The motif before its starts.
    estimated : bool
        Whether they were estimated from genes of the genome itself. Only then is it known to be
        full of genes, as genomes of prokaryotes are.
    """

    code: GeneticCode
    signals: GeneSignals = field(default_factory=GeneSignals.none)
    start_signals: GeneSignals = field(default_factory=GeneSignals.none)
    rbs: RbsMotif = field(default_factory=RbsMotif.none)
    estimated: bool = False


def save_parameters(path: Path, parameters: GenomeParameters) -> None:
    """Write the parameters of a genome to a file.

    Parameters
    ----------
    path : Path
        The file to write or replace.
    parameters : GenomeParameters
        The parameters.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    code = parameters.code
    save_model(
        path,
        {
            f"{part}.{name}": table
            for part in _PARTS
            for name, table in getattr(parameters, part).to_arrays().items()
        },
        {
            "domain": _DOMAIN,
            "parameters": {
                "genetic_code": [code.amino_acids, sorted(code.starts), code.table, code.name]
            },
        },
    )


def load_parameters(path: Path) -> GenomeParameters:
    """Read a file that :func:`save_parameters` wrote.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    InputError
        If the file is something else, damaged, or of another version of dnatag.
    """
    arrays, metadata = load_model(path)
    if metadata.get("domain") != _DOMAIN or "parameters" not in metadata:
        raise InputError(f"{path} holds no parameters of a genome (see --save-adaptation)")
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
            f"{path} was saved by another version of dnatag, or is damaged ({error}): make it "
            "again with --save-adaptation"
        ) from None
    return GenomeParameters(code, **parts, estimated=True)


def check_tables(tables: Mapping[str, np.ndarray], like: Mapping[str, np.ndarray]) -> None:
    """Refuse tables of another shape or type, which the loops would read beyond the end.

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

"""Write one protein of each family that seems to cross the membrane, as FASTA.

The families are those of a FASTA of proteins that is searched for homologs (``proteins.py`` makes
one). Their topologies, predicted with their homologs, are what a second model is trained on.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from Bio.SeqUtils.ProtParamData import kd
from pyhmmer.easel import Alphabet, DigitalSequenceBlock, TextSequence
from pyhmmer.plan7 import Pipeline

from dnatag.domains.proteins.homologs import aligned_residues
from dnatag.formats.sequences.residues import read_residues

#: Residues of a helix across the membrane, and how hydrophobic (Kyte and Doolittle 1982) the most
#: hydrophobic ones must be, in the mean, of a homolog and of the protein that is written.
HELIX, RELATIVE, CHOSEN = 19, 1.5, 1.7
#: Residues of a homolog and of the protein that is written.
LENGTHS, CHOSEN_LENGTHS = range(40, 1201), range(60, 701)
#: A family has so many homologs at least, of which as many, or better ones, are expected by chance
#: in a search, and so much of the shorter one of two proteins is aligned.
LEAST, E_VALUE, COVERAGE = 3, 1e-4, 0.5


def hydropathy(protein: str) -> float:
    """Return the mean of the most hydrophobic stretch that is as long as a helix."""
    sums = np.cumsum([0.0, *(kd.get(letter, 0.0) for letter in protein)])
    return float((sums[HELIX:] - sums[:-HELIX]).max() / HELIX)


def families(proteins: Sequence[str]) -> Iterator[str]:
    """Yield a protein of each family, in an order that is random but always the same."""
    known = {p: h for p in proteins if len(p) in LENGTHS and (h := hydropathy(p)) > RELATIVE}
    membrane = list(known)
    alphabet = Alphabet.amino()
    targets = DigitalSequenceBlock(
        alphabet,
        [TextSequence(name=str(i), sequence=p).digitize(alphabet) for i, p in enumerate(membrane)],
    )
    order, seen = list(range(len(membrane))), set[int]()
    random.Random(1).shuffle(order)
    for number in order:
        own = membrane[number]
        if number in seen or len(own) not in CHOSEN_LENGTHS or known[own] < CHOSEN:
            continue
        homologs = 0
        for hit in Pipeline(alphabet, E=E_VALUE).search_seq(targets[number], targets).reported:
            if (other := int(hit.name)) != number:
                seen.add(other)
                least = COVERAGE * min(len(own), len(membrane[other]))
                homologs += len(aligned_residues(hit.best_domain.alignment)[0]) >= least
        if homologs >= LEAST:
            yield own


def main() -> None:
    """Write them to standard output."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("proteins", type=Path, help="FASTA of proteins")
    parser.add_argument("--number", type=int, default=1200, help="of families (default: 1200)")
    options = parser.parse_args()
    proteins = ["".join(p.tokens) for p in read_residues(options.proteins, labelled=False)]
    for number, protein in enumerate(islice(families(proteins), options.number), 1):
        print(f">family_{number}\n{protein}", flush=True)


if __name__ == "__main__":
    main()

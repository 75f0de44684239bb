"""Write proteins that may be membrane proteins, for ``recipes/topology.toml`` to learn from.

From the annotated genomes of a recipe of genes, such as ``recipes/prokaryotes.toml``, in a random
order: proteins with a stretch that is hydrophobic enough to cross the membrane.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from Bio.SeqUtils.ProtParamData import kd

from dnatag.formats.annotation import read_annotated_genome
from dnatag.formats.fasta import write_fasta
from dnatag.genes.alphabet import splice
from dnatag.genes.codes import GeneticCode
from dnatag.genes.recipe import GenomeEntry, read_recipe

#: Residues of a helix across the membrane, and the mean hydropathy from which one may be one
#: (Kyte and Doolittle 1982, https://doi.org/10.1016/0022-2836(82)90515-0).
HELIX, HYDROPHOBIC = 19, 1.6
#: Residues of a protein.
LENGTHS = (50, 700)


def proteins(entry: GenomeEntry) -> Iterator[tuple[str, str]]:
    """Yield names and sequences of the whole proteins of a genome."""
    code = GeneticCode.parse(entry.genetic_code or "11")
    name = entry.genome.name.partition(".")[0]
    for contig, genes in read_annotated_genome(entry.genome, entry.annotation):
        for gene in genes:
            if gene.partial5 or gene.partial3 or gene.pseudo or gene.exception:
                continue
            bases = splice(contig.sequence, gene.parts, gene.strand)
            protein = code.translate(bases, complete_start=True).removesuffix("*")
            yield f"{name}:{gene.contig}:{gene.start + 1}-{gene.end}", protein


def may_cross(protein: str) -> bool:
    """Whether a stretch of a protein may cross the membrane as a helix."""
    hydropathy = np.array([kd.get(residue, 0.0) for residue in protein])
    return bool(np.convolve(hydropathy, np.ones(HELIX) / HELIX, "valid").max() >= HYDROPHOBIC)


def main() -> None:
    """Write what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recipe", type=Path, help="a recipe of genes")
    parser.add_argument("--folder", type=Path, required=True, help="of its genomes")
    parser.add_argument("--number", type=int, default=6000, help="of proteins (default: 6000)")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    found = {
        protein: name
        for entry in read_recipe(options.recipe, options.folder).genomes
        for name, protein in proteins(entry)
        if LENGTHS[0] <= len(protein) <= LENGTHS[1] and "*" not in protein and may_cross(protein)
    }
    chosen = random.Random(1).sample(sorted(found), min(options.number, len(found)))
    with options.output.open("w") as file:
        for protein in chosen:
            write_fasta(file, found[protein], "", protein)


if __name__ == "__main__":
    main()

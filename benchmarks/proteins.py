"""Write the proteins of annotated genomes as FASTA, each once: what homologs are looked for in.

Genomes that their manifest marks as test are left out, and so are genes that are not whole. Of
each genus there is the species with most genes: near homologs say the same, and a search takes
its time.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from Bio.Data.IUPACData import protein_letters

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.nucleotides import splice
from dnatag.formats.sequences.annotation import read_annotated_genome
from dnatag.formats.sequences.records import CodingSequence, Contig

#: The genetic codes of eukaryotes that do not have the standard one.
CODES = {"Calbicans_A22A": 12}


def genomes(data: Path) -> Iterator[tuple[Path, int]]:
    """Yield the files of each genome, without what they end in, and its genetic code."""
    found = []
    with (data / "prokaryotes/manifest.tsv").open() as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["split"] != "test":
                stem, code = data / "prokaryotes" / row["file"], int(row["transl_table"])
                found.append((int(row["n_cds"]), row["organism"], stem, code))
    with (data / "eukaryotes/manifest.tsv").open() as file:
        for row in csv.DictReader(file, delimiter="\t"):
            stem, code = data / "eukaryotes/genomes" / row["id"], CODES.get(row["id"], 1)
            found.append((int(row["n_genes"]), row["organism"], stem, code))
    species: dict[str, str] = {}
    for _, organism, stem, code in sorted(found, reverse=True):
        genus, name = organism.removeprefix("Candidatus ").split()[:2]
        if species.setdefault(genus, name) == name:
            yield stem, code


def translate(gene: CodingSequence, contig: Contig, code: int) -> str:
    """Return the protein of a gene, "" if something is wrong with it."""
    if gene.pseudo or gene.exception or gene.partial5 or gene.partial3 or len(gene) % 3:
        return ""
    coding = splice(contig.sequence, gene.parts, gene.strand)
    protein = GeneticCode.ncbi(code).translate(coding, complete_start=True).removesuffix("*")
    return protein if set(protein) <= set(protein_letters) else ""


def main() -> None:
    """Write them to standard output."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="with prokaryotes and eukaryotes")
    options = parser.parse_args()
    seen: set[str] = set()
    for stem, code in genomes(options.data):
        fasta, gff = stem.with_name(stem.name + ".fna.gz"), stem.with_name(stem.name + ".gff.gz")
        for contig, genes in read_annotated_genome(fasta, gff):
            ends: set[int] = set()
            for number, gene in enumerate(sorted(genes, key=len, reverse=True), 1):
                # A shorter transcript of the same gene has nothing new.
                if ends.isdisjoint((gene.five_prime, gene.three_prime)):
                    ends |= {gene.five_prime, gene.three_prime}
                    protein = translate(gene, contig, code)
                    if protein and protein not in seen:
                        seen.add(protein)
                        print(f">{stem.name}_{contig.id}_{number}\n{protein}")
    print(f"{len(seen)} proteins, {sum(map(len, seen))} residues", file=sys.stderr)


if __name__ == "__main__":
    main()

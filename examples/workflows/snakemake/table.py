"""Join the numbers of all genomes in one table; Snakemake gives ``snakemake``."""

import csv
import json

rows = {}
for path in snakemake.input:  # noqa: F821
    with open(path) as file:
        rows |= json.load(file)["data"]
with open(snakemake.output[0], "w", newline="") as file:  # noqa: F821
    table = csv.DictWriter(file, ["genome", *next(iter(rows.values()))], delimiter="\t")
    table.writeheader()
    table.writerows({"genome": genome, **row} for genome, row in rows.items())

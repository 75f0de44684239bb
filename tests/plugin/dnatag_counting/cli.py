"""``dnatag count``."""

from __future__ import annotations

import click

from dnatag.cli.common import device_option, find_model_for, output_option


@click.command("count")
@click.argument("path", metavar="INPUT", type=click.Path(exists=True, dir_okay=False))
@output_option
@click.option("--model", metavar="NAME|FILE", required=True, help="A model that counts.")
@device_option
def command(path: str, output: str, model: str, device: str) -> None:
    """Count the ones in rows of bits."""
    from dnatag.formats.io.writing import open_output
    from dnatag_counting.counter import Counter
    from dnatag_counting.domain import DOMAIN

    counter = Counter(find_model_for("counting", model), device)
    rows = [row.bits for row in DOMAIN.read(path)]
    labels = counter.count(rows)
    with open_output(output) as handle:
        for bits, label in zip(rows, labels, strict=True):
            handle.write(f"{bits}\t{label}\n")

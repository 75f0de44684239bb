"""A map of the genes of contigs as SVG, which can be zoomed without scripts.

pyGenomeViz draws such maps too, but its pages need scripts (600 kB of them) to be zoomed and to
show what a gene is, and a report has to work where scripts are off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dnatag.domains.genes.decoding.assemble import Prediction
from dnatag.domains.genes.nucleotides import splice
from dnatag.formats.html.page import key, text
from dnatag.formats.sequences.records import CodingSequence

__all__ = ["STYLE", "genome_map"]

#: Lowest posteriors of the colours, and the colours.
SHADES = (
    (0.99, "#2b6cb0"),
    (0.95, "#4fa3a5"),
    (0.8, "#d69e2e"),
    (0.5, "#dd6b20"),
    (0.0, "#c53030"),
)
#: A row: its width in units, how high a gene is, and where the line between the strands is.
WIDTH, GENE, LINE = 1000, 9, 10
#: A map has about so many rows, each with at least so many bases.
ROWS, SHORTEST = 40, 20_000
#: Length of the head of an arrow.
HEAD = 3.0
ZOOMS = (1, 2, 4, 8, 16)

STYLE = "".join(f".g{i}{{fill:{colour}}}" for i, (_, colour) in enumerate(SHADES)) + (
    ".map{overflow:auto;max-height:85vh;border:1px solid var(--line);margin-top:.5rem}"
    ".row{min-width:600px;break-inside:avoid}"
    ".row span{position:sticky;left:0;font-size:.7rem;line-height:1rem;color:var(--soft)}"
    f".row svg{{display:block;width:100%;height:{2 * LINE}px}}"
    ".row path:hover{stroke:var(--ink);vector-effect:non-scaling-stroke}"
    ".zoom input{position:absolute;opacity:0}"
    ".zoom label{border:1px solid var(--line);border-radius:.3rem;padding:.1rem .6rem;"
    "margin-right:.3rem;cursor:pointer}"
    ".zoom input:checked+label{background:var(--main);color:#fff}"
    ".zoom input:focus-visible+label{outline:2px solid var(--second)}"
    + "".join(f"#zoom{z}:checked~.map .row{{width:{100 * z}%}}" for z in ZOOMS)
    + "@media print{.map{overflow:visible;max-height:none;border:0}.row{width:100%!important;"
    "min-width:0}.zoom label{display:none}"
    ".row path{-webkit-print-color-adjust:exact;print-color-adjust:exact}}"
)


def genome_map(predictions: Sequence[Prediction]) -> str:
    """Draw contigs with their genes, row by row.

    Parameters
    ----------
    predictions : sequence of Prediction
        The contigs, in the order in which they are drawn.

    Returns
    -------
    str
        HTML: buttons that zoom, the key and the picture; empty without contigs.
    """
    if not predictions:
        return ""
    total = sum(len(prediction.contig) for prediction in predictions)
    per_row = max(SHORTEST, -(-total // ROWS // 1000) * 1000)
    rows = "".join(row for prediction in predictions for row in _rows(prediction, per_row))
    shades = key((colour, f"{low:g}+") for low, colour in SHADES)
    buttons = "".join(
        f'<input type="radio" name="zoom" id="zoom{z}"{" checked" if z == 1 else ""}>'
        f'<label class="screen" for="zoom{z}">{z}&times;</label>'
        for z in ZOOMS
    )
    return (
        f'<p class="soft">Each row is {per_row:,} bp; genes above the line are on the forward '
        f"strand, and colours are posteriors. Point at a gene for its name, place, posteriors and "
        f'protein.</p>{shades}<div class="zoom">{buttons}<div class="map">{rows}</div></div>'
    )


def _rows(prediction: Prediction, per_row: int) -> Iterator[str]:
    """Draw the rows of a contig."""
    length = len(prediction.contig)
    numbered = [
        (gene, _title(prediction, gene, number)) for number, gene in enumerate(prediction.genes, 1)
    ]
    scale = WIDTH / per_row
    for low in range(0, length, per_row):
        high = min(low + per_row, length)
        name = f"{prediction.contig.id}, {length:,} bp" if low == 0 else f"{low + 1:,}"
        genes = "".join(
            _arrow(gene, title, (max(start, low) - low) * scale, (min(end, high) - low) * scale)
            for gene, title in numbered
            for start, end in gene.parts
            if start < high and end > low
        )
        # Zoomed, a row is drawn wider, but not higher.
        yield (
            f'<div class="row"><span>{text(name)}</span>'
            f'<svg viewBox="0 0 {WIDTH} {2 * LINE}" preserveAspectRatio="none">'
            f'<path class="axis" d="M0 {LINE}h{(high - low) * scale:.1f}" '
            f'vector-effect="non-scaling-stroke"/>{genes}</svg></div>'
        )


def _arrow(gene: CodingSequence, title: str, left: float, right: float) -> str:
    """Draw a gene, or the part of it in a row."""
    width = max(right - left, 0.3)
    head = min(HEAD, width)
    body = f"{width - head:.1f}"
    half = GENE / 2
    if gene.strand > 0:
        shape = (
            f"M{left:.1f} {LINE - GENE - 0.5}h{body}l{head:.1f} {half}l-{head:.1f} {half}h-{body}z"
        )
    else:
        shape = f"M{right:.1f} {LINE + 0.5}h-{body}l-{head:.1f} {half}l{head:.1f} {half}h{body}z"
    shade = next(i for i, (low, _) in enumerate(SHADES) if (gene.posterior or 0) >= low)
    return f'<path class="g{shade}" d="{shape}"><title>{title}</title></path>'


def _title(prediction: Prediction, gene: CodingSequence, number: int) -> str:
    """Describe a gene."""
    contig = prediction.contig
    places = ", ".join(f"{start + 1:,}..{end:,}" for start, end in gene.parts)
    bases = splice(contig.sequence, gene.parts, gene.strand)[gene.phase :]
    protein = prediction.code.translate(bases, complete_start=not gene.partial5).removesuffix("*")
    start = "" if gene.start_posterior is None else f", start {gene.start_posterior:.4f}"
    lines = [
        f"{contig.id}_{number}  {places} ({'+' if gene.strand > 0 else '-'}), {len(gene):,} bp"
        + (", partial" if gene.partial5 or gene.partial3 else ""),
        f"posterior {gene.posterior or 0:.4f}{start}",
        *(protein[i : i + 60] for i in range(0, len(protein), 60)),
    ]
    return "\n".join(map(text, lines))

"""A map of the genes of contigs as SVG, which can be zoomed without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dnatag.domains.genes.decoding.assemble import Prediction
from dnatag.domains.genes.nucleotides import splice
from dnatag.formats.html.charts import svg
from dnatag.formats.html.page import text
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
#: A row: its width in units and its height, and how high a gene is.
WIDTH, ROW, GENE = 1000, 30, 8
#: A map has about so many rows, each with at least so many bases.
ROWS, SHORTEST = 40, 20_000
#: Length of the head of an arrow.
HEAD = 3.0
ZOOMS = (1, 2, 4, 8, 16)

STYLE = "".join(f".g{i}{{fill:{colour}}}" for i, (_, colour) in enumerate(SHADES)) + (
    ".map{overflow:auto;max-height:85vh;border:1px solid var(--line);margin-top:.5rem}"
    ".map svg{min-width:700px;display:block;width:100%}"
    ".map path:hover{stroke:var(--ink)}"
    ".zoom input{position:absolute;opacity:0}"
    ".zoom label{border:1px solid var(--line);border-radius:.3rem;padding:.1rem .6rem;"
    "margin-right:.3rem;cursor:pointer}"
    ".zoom input:checked+label{background:var(--main);color:#fff}"
    ".zoom input:focus-visible+label{outline:2px solid var(--second)}"
    ".key{display:inline-block;width:.8rem;height:.8rem;border-radius:.2rem;margin:0 .3rem 0 .9rem}"
    + "".join(f"#zoom{z}:checked~.map svg{{width:{100 * z}%}}" for z in ZOOMS)
    + "@media print{.map{overflow:visible;max-height:none;border:0}.map svg{width:100%!important;"
    "min-width:0}.zoom label{display:none}}"
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
    rows: list[str] = []
    for prediction in predictions:
        rows += _rows(prediction, per_row, len(rows))
    keys = "".join(
        f'<span class="key" style="background:{colour}"></span>{low:g}+' for low, colour in SHADES
    )
    buttons = "".join(
        f'<input type="radio" name="zoom" id="zoom{z}"{" checked" if z == 1 else ""}>'
        f'<label class="screen" for="zoom{z}">{z}&times;</label>'
        for z in ZOOMS
    )
    picture = svg(WIDTH, ROW * len(rows), "".join(rows), "Map of the genes")
    return (
        f'<p class="soft">Each row is {per_row:,} bp; genes above the line are on the forward '
        f"strand. Posterior:{keys}. Point at a gene for its name, place, posteriors and "
        f'protein.</p><div class="zoom">{buttons}<div class="map">{picture}</div></div>'
    )


def _rows(prediction: Prediction, per_row: int, first: int) -> Iterator[str]:
    """Draw the rows of a contig, from a number on."""
    length = len(prediction.contig)
    numbered = [
        (gene, _title(prediction, gene, number)) for number, gene in enumerate(prediction.genes, 1)
    ]
    scale = WIDTH / per_row
    for number, low in enumerate(range(0, length, per_row)):
        high = min(low + per_row, length)
        top = ROW * (first + number)
        name = text(prediction.contig.id) if low == 0 else f"{low + 1:,}"
        genes = "".join(
            _arrow(gene, title, (max(start, low) - low) * scale, (min(end, high) - low) * scale)
            for gene, title in numbered
            for start, end in gene.parts
            if start < high and end > low
        )
        yield (
            f'<g transform="translate(0 {top})"><text x="0" y="8" style="font-size:7px">{name}'
            f'</text><path class="axis" d="M0 19.5h{(high - low) * scale:.1f}"/>{genes}</g>'
        )


def _arrow(gene: CodingSequence, title: str, left: float, right: float) -> str:
    """Draw a gene, or the part of it in a row."""
    width = max(right - left, 0.3)
    head = min(HEAD, width)
    body = f"{width - head:.1f}"
    half = GENE / 2
    if gene.strand > 0:
        shape = f"M{left:.1f} {19 - GENE}h{body}l{head:.1f} {half}l-{head:.1f} {half}h-{body}z"
    else:
        shape = f"M{right:.1f} 20h-{body}l-{head:.1f} {half}l{head:.1f} {half}h{body}z"
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

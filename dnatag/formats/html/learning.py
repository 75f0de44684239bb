"""The course of a training run as a picture: its losses, and the measure that it watched."""

from __future__ import annotations

import csv
from collections.abc import Mapping

from dnatag.formats.html.page import text

__all__ = ["draw_learning"]

#: A panel, and the room around it for labels.
WIDTH, HEIGHT = 380, 220
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 30, 34
COLOURS = ("#2b6cb0", "#c05621")
STYLE = (
    "text{font:12px sans-serif;fill:#1b2430}path,polyline{fill:none}"
    ".axis{stroke:#9aa7b8}polyline{stroke-width:1.6}"
)
#: Columns of the log that are not drawn.
_OTHER = ("step", "seconds", "learning_rate")

_Points = list[tuple[int, float]]


def draw_learning(log: str, best: int | None = None) -> str:
    r"""Draw the log of a training run.

    Parameters
    ----------
    log
        Content of its ``log.csv``: ``step``, losses, and one more column for a measure.
    best
        The step whose weights were kept, which is marked.

    Returns
    -------
    str
        An SVG file; the losses on the left, and the measure on the right if there is one.

    Examples
    --------
    >>> drawn = draw_learning("step,loss,validation_loss,f1\n1,2.5,2.2,0.1\n2,1.5,1.9,0.4\n", 2)
    >>> drawn.count("<polyline"), "f1 0.4 at step 2" in drawn
    (3, True)
    """
    rows = list(csv.DictReader(log.splitlines()))
    names = [name for name in (rows[0] if rows else {}) if name not in _OTHER]
    curves = {
        name: [(int(row["step"]), float(row[name])) for row in rows if row[name]] for name in names
    }
    losses = {name: points for name, points in curves.items() if name.endswith("loss") and points}
    measures = {name: points for name, points in curves.items() if name not in losses and points}
    panels = [panel for panel in (losses, measures) if panel]
    step = LEFT + WIDTH + RIGHT
    drawn = "".join(
        f'<g transform="translate({i * step} 0)">{_panel(panel, best)}</g>'
        for i, panel in enumerate(panels)
    )
    width, height = step * max(len(panels), 1), TOP + HEIGHT + BOTTOM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="course of training"><style>{STYLE}</style>'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>{drawn}</svg>\n'
    )


def _panel(curves: Mapping[str, _Points], best: int | None) -> str:
    """Draw curves in one pair of axes."""
    last = max(step for points in curves.values() for step, _ in points)
    values = [value for points in curves.values() for _, value in points]
    low, high = min(values), max(values)
    span = high - low or 1.0

    def at(step: int, value: float) -> tuple[float, float]:
        return LEFT + WIDTH * step / last, TOP + HEIGHT * (high - value) / span

    parts = [
        f'<path class="axis" d="M{LEFT} {TOP}V{TOP + HEIGHT}H{LEFT + WIDTH}"/>',
        _text(LEFT - 6, TOP + 4, f"{high:.4g}", "end"),
        _text(LEFT - 6, TOP + HEIGHT, f"{low:.4g}", "end"),
        _text(LEFT + WIDTH, TOP + HEIGHT + 18, f"step {last}", "end"),
    ]
    for number, (name, points) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = " ".join("{:.1f},{:.1f}".format(*at(*point)) for point in points)
        parts.append(f'<polyline stroke="{colour}" points="{places}"/>')
        label, marked = name.replace("_", " "), dict(points).get(best or 0)
        if marked is not None and number == len(curves) - 1:
            x, y = at(best or 0, marked)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
            label = f"{label} {marked:.4g} at step {best}"
        parts.append(
            f'<text x="{LEFT + 150 * number}" y="{TOP - 12}" style="fill:{colour}">'
            f"{text(label)}</text>"
        )
    return "".join(parts)


def _text(x: float, y: float, content: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text(content)}</text>'

"""Charts as SVG, for pages of HTML."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from dnatag.formats.html.page import text

__all__ = ["bars", "curve", "logo", "svg"]

#: The drawing area, and room for labels around it.
WIDTH, HEIGHT = 320, 130
LEFT, BOTTOM, TOP = 42, 20, 8
LETTERS = {"A": "#2f855a", "C": "#2b6cb0", "G": "#b7791f", "T": "#c53030"}


def svg(width: float, height: float, content: str, label: str) -> str:
    """Return a picture that scales with the page.

    Parameters
    ----------
    width, height
        Of what is drawn.
    content
        SVG elements.
    label
        What readers of screens say.
    """
    return (
        f'<svg viewBox="0 0 {_n(width)} {_n(height)}" role="img" aria-label="{text(label)}">'
        f"{content}</svg>"
    )


def bars(values: Mapping[str, float], label: str, every: int = 1) -> str:
    """Draw bars.

    Parameters
    ----------
    values
        Heights by name, from left to right.
    label
        What is shown.
    every
        Name each of so many bars.

    Returns
    -------
    str
        SVG; empty if there is nothing to draw.
    """
    highest = max(values.values(), default=0)
    if highest <= 0:
        return ""
    step = WIDTH / len(values)
    parts = [_axis(highest)]
    for number, (name, value) in enumerate(values.items()):
        height, at = HEIGHT * value / highest, LEFT + number * step
        parts.append(
            f'<rect class="bar" x="{_n(at + 0.06 * step)}" y="{_n(TOP + HEIGHT - height)}" '
            f'width="{_n(0.88 * step)}" height="{_n(height)}">'
            f"<title>{text(name)}: {_label(value)}</title></rect>"
        )
        if number % every == 0:
            parts.append(_label_at(at + step / 2, TOP + HEIGHT + 14, name))
    return svg(LEFT + WIDTH + 8, TOP + HEIGHT + BOTTOM, "".join(parts), label)


def curve(values: Sequence[float], ends: tuple[str, str], label: str) -> str:
    """Draw a curve.

    Parameters
    ----------
    values
        Heights at equal distances.
    ends
        Names of the left and of the right end.
    label
        What is shown.

    Returns
    -------
    str
        SVG; empty for fewer than two values.
    """
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    span = high - low or 1.0
    points = " ".join(
        f"{_n(LEFT + WIDTH * i / (len(values) - 1))},{_n(TOP + HEIGHT * (high - value) / span)}"
        for i, value in enumerate(values)
    )
    content = (
        f'<path class="axis" d="M{LEFT} {TOP}V{TOP + HEIGHT}H{LEFT + WIDTH}" fill="none"/>'
        f'<polyline class="curve" points="{points}"/>'
        + _label_at(LEFT - 4, TOP + 9, _label(high), "end")
        + _label_at(LEFT - 4, TOP + HEIGHT, _label(low), "end")
        + _label_at(LEFT, TOP + HEIGHT + 14, ends[0], "start")
        + _label_at(LEFT + WIDTH, TOP + HEIGHT + 14, ends[1], "end")
    )
    return svg(LEFT + WIDTH + 8, TOP + HEIGHT + BOTTOM, content, label)


def logo(heights: Sequence[Mapping[str, float]], label: str) -> str:
    """Draw a sequence logo.

    Parameters
    ----------
    heights
        For each place the height of each letter in bits.
    label
        What is shown.

    Returns
    -------
    str
        SVG.
    """
    step = WIDTH / max(len(heights), 1)
    scale = HEIGHT / max(2.0, *(sum(place.values()) for place in heights))
    parts = [_axis(HEIGHT / scale, "bits")]
    for number, place in enumerate(heights):
        base = float(TOP + HEIGHT)
        for letter, bits in sorted(place.items(), key=lambda item: item[1]):
            height = bits * scale
            if height < 0.5:
                continue
            # A capital of this font is 0.72 of its size high, and about as wide.
            parts.append(
                f'<text transform="translate({_n(LEFT + (number + 0.5) * step)} {_n(base)}) '
                f'scale({step / 62:.3f} {height / 57.6:.3f})" text-anchor="middle" '
                f'style="font:bold 80px Arial,sans-serif;fill:{LETTERS[letter]}">{letter}</text>'
            )
            base -= height
        parts.append(_label_at(LEFT + (number + 0.5) * step, TOP + HEIGHT + 14, str(number + 1)))
    return svg(LEFT + WIDTH + 8, TOP + HEIGHT + BOTTOM, "".join(parts), label)


def _axis(highest: float, unit: str = "") -> str:
    return (
        f'<path class="axis" d="M{LEFT} {TOP}V{TOP + HEIGHT}H{LEFT + WIDTH}" fill="none"/>'
        + _label_at(LEFT - 4, TOP + 9, f"{_label(highest)} {unit}".strip(), "end")
        + _label_at(LEFT - 4, TOP + HEIGHT, "0", "end")
    )


def _label_at(x: float, y: float, content: str, anchor: str = "middle") -> str:
    return f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}">{text(content)}</text>'


def _label(value: float) -> str:
    """Write a number as short as it is."""
    if value == int(value):
        return f"{int(value):,}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".")


def _n(value: float) -> str:
    """Write a coordinate, to a tenth."""
    return f"{value:.1f}".removesuffix(".0")
